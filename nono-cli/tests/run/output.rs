//! The program's input and output are its own, byte for byte.

use std::fs::File;
use std::io::{BufRead, Read};
use std::os::unix::process::ExitStatusExt;

use crate::common::{Started, Terminal, nono_run, run};

/// Every value, 1,000 times, and no newline at the end.
fn all_values() -> Vec<u8> {
    (0..=255).cycle().take(256_000).collect()
}

#[test]
fn every_byte_passes_from_standard_input_to_standard_output() {
    let bytes = all_values();
    let ended = Started::captured(&mut nono_run(&["cat"])).outcome_after(&bytes);
    assert!(ended.succeeded() && ended.stdout == bytes, "{} bytes", ended.stdout.len());
    assert_eq!(ended.said(), "");
}

#[test]
fn every_byte_passes_to_standard_error() {
    let bytes = all_values();
    let ended = Started::captured(&mut nono_run(&["sh", "-c", "cat >&2"])).outcome_after(&bytes);
    assert!(ended.succeeded() && ended.stderr == bytes, "{} bytes", ended.stderr.len());
    assert_eq!(ended.stdout, b"");
}

#[test]
fn output_without_a_newline_gets_none() {
    assert_eq!(run(&["--", "printf", "%s", "end"]).stdout, b"end");
    assert_eq!(run(&["--", "true"]).stdout, b"");
}

#[test]
fn a_gibibyte_passes_through_a_pipe_unchanged() {
    const LENGTH: usize = 1 << 30;
    let script = format!("yes '0123456789' | head -c {LENGTH}");
    let mut started = Started::captured(&mut nono_run(&["sh", "-c", &script]));
    let mut output = started.stdout();
    // A whole number of lines, so that every chunk of this size begins with a line.
    let expected = b"0123456789\n".repeat(10_000);
    let mut chunk = vec![0; expected.len()];
    let mut passed = 0;
    loop {
        let length = fill(&mut output, &mut chunk);
        assert!(chunk[..length] == expected[..length], "wrong within {length} of byte {passed}");
        passed += length;
        if length < chunk.len() {
            break;
        }
    }
    assert_eq!(passed, LENGTH);
    assert!(started.wait().success());
}

fn fill(source: &mut impl Read, chunk: &mut [u8]) -> usize {
    let mut length = 0;
    while length < chunk.len() {
        match source.read(&mut chunk[length..]).unwrap() {
            0 => break,
            count => length += count,
        }
    }
    length
}

#[test]
fn a_program_whose_reader_leaves_ends_as_without_nono() {
    let mut started = Started::captured(&mut nono_run(&["yes"]));
    let mut output = started.stdout();
    let mut line = String::new();
    output.read_line(&mut line).unwrap();
    drop(output);
    let status = started.wait();
    assert_eq!((line.as_str(), status.code()), ("y\n", Some(128 + 13)), "{:?}", status.signal());
}

#[test]
fn a_grandchild_that_holds_standard_output_does_not_hold_the_command() {
    let mut started = Started::captured(&mut nono_run(&["sh", "-c", "sleep 1000 & echo $!"]));
    let grandchild = started.line();
    assert!(started.wait().success());
    // It still runs, so it was not waited for, nor was it killed.
    assert!(std::fs::exists(format!("/proc/{grandchild}")).unwrap(), "{grandchild}");
}

#[test]
fn a_program_on_a_terminal_has_a_terminal() {
    let script = "test -t 0 && test -t 1 && test -t 2 && stty size && echo asked >/dev/tty";
    let mut command = nono_run(&["--", "sh", "-c", script]);
    let (terminal, mut started) = Terminal::start_on_all(&mut command);
    terminal.resize(24);
    assert!(started.wait().success());
    let shown = terminal.shown();
    assert!(shown.ends_with("asked\n"), "{shown:?}");
}

#[test]
fn a_program_without_a_terminal_has_none() {
    let words = ["--", "sh", "-c", "test -t 0 || test -t 1 || test -t 2"];
    assert_eq!(run(&words).code(), 1);
}

#[test]
fn output_to_a_file_is_appended_where_the_caller_opened_it() {
    let tree = crate::common::Tree::new();
    let log = File::options().append(true).open(tree.file("log", "before\n")).unwrap();
    let mut command = nono_run(&["echo", "after"]);
    assert!(command.stdout(log).status().unwrap().success());
    assert_eq!(tree.read("log"), "before\nafter\n");
}
