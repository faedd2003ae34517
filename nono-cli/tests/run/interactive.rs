//! A person at a terminal, in a shell in a sandbox: as without one.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::process::Command;

use rustix::fs::{CWD, FileType, Mode, mknodat};

use crate::common::{Started, Terminal, Tree, nono_path, program};

/// What a test types is written so that its echo is not taken for its effect.
const PROMPT: &str = ">> ";
const SET_PROMPT: &str = "PS1='>''> '";

const ROWS: u16 = 24;

/// Around the sandbox: a shell that is there when it has ended, in the same group of processes.
const OUTSIDE: &str = r#"
    before=$(stty -g)
    "$@"
    echo "ended: $?"
    [ "$(stty -g)" = "$before" ] && echo restored
    read line && echo "outside: $line"
"#;

/// A session of a shell in a sandbox.
struct Session {
    tree: Tree,
    terminal: Terminal,
    outside: Started,
}

/// Every way to a shell: its name, and the words of nono that start it.
fn ways() -> Vec<Vec<String>> {
    let mut ways = vec![];
    for shell in ["bash", "dash"].iter().filter_map(|name| program(name)) {
        let shell = shell.to_str().unwrap();
        for words in [&["shell", "--shell", shell][..], &["run", "--", shell, "-i"]] {
            ways.push(words.iter().map(|&word| word.to_owned()).collect());
        }
    }
    ways
}

impl Session {
    fn start(words: &[String]) -> Self {
        let tree = Tree::new();
        let (subcommand, rest) = words.split_first().unwrap();
        let mut command = Command::new("sh");
        command.args(["-c", OUTSIDE, "sh"]).arg(nono_path()).arg(subcommand);
        command.args(["--allow", "."]).args(rest).env("TERM", "xterm");
        command.current_dir(tree.directory("work")).env("HOME", tree.directory("home"));
        let (terminal, outside) = Terminal::start_on_all(&mut command);
        terminal.resize(ROWS);
        let mut session = Self { tree, terminal, outside };
        session.does(SET_PROMPT);
        session
    }

    /// Types a line.
    fn types(&mut self, line: &str) {
        self.terminal.types(format!("{line}\n").as_bytes());
    }

    /// Types a command, and gives what is shown until the shell asks for the next one.
    #[track_caller]
    fn does(&mut self, line: &str) -> String {
        self.types(line);
        self.terminal.expects(PROMPT)
    }

    /// Types a command that says that it is ready, once it is, and waits for it.
    #[track_caller]
    fn begins(&mut self, prepare: &str, script: &str) {
        self.types(&format!("sh -c '{prepare}; echo re\"\"ady; {script}'"));
        self.terminal.expects("ready\r\n");
    }

    /// Ends the shell, and sees that all is as it was before.
    #[track_caller]
    fn ends(mut self) {
        self.types("exit 7");
        self.terminal.expects("ended: 7\r\nrestored\r\n");
        self.types("typed");
        self.terminal.expects("outside: typed\r\n");
        assert!(self.outside.wait().success());
    }

    /// A job in the background shows what comes out of the fifo, and ends with it.
    fn sees_the_job_end(&mut self, mut fifo: File) {
        fifo.write_all(b"through\n").unwrap();
        self.terminal.expects("through\r\n");
        drop(fifo);
        self.does("wait");
    }

    /// A FIFO that a job can read; nobody waits for the other end to be opened.
    fn fifo(&self) -> File {
        let fifo = self.tree.at("work/fifo");
        mknodat(CWD, &fifo, FileType::Fifo, Mode::RWXU, 0).unwrap();
        OpenOptions::new().read(true).write(true).open(fifo).unwrap()
    }
}

const INTERRUPT: &[u8] = b"\x03";
const STOP: &[u8] = b"\x1a";
const ESCAPE: &str = "\x1b";

/// What programs that take the whole screen begin and end with. Source: `smcup` and `rmcup` of
/// terminfo(5) for xterm.
const OTHER_SCREEN: &str = "\x1b[?1049h";
const FIRST_SCREEN: &str = "\x1b[?1049l";

#[test]
fn a_shell_ends_with_its_status_and_leaves_the_terminal_as_it_was() {
    for way in ways() {
        Session::start(&way).ends();
    }
}

#[test]
fn a_job_stops_at_the_key_and_goes_on_in_the_foreground() {
    for way in ways() {
        let mut session = Session::start(&way);
        session.begins(":", "read line; echo \"got $line\"");
        session.terminal.types(STOP);
        session.terminal.expects("Stopped");
        session.terminal.expects(PROMPT);
        session.types("fg");
        session.terminal.expects("read line");
        session.types("typed");
        session.terminal.expects("got typed\r\n");
        session.terminal.expects(PROMPT);
        session.ends();
    }
}

/// The shell says so first, and ends when it is asked again; what it leaves behind has lost its
/// group's parent and is hung up by the kernel. Source: setpgid(2).
#[test]
fn a_shell_that_is_left_with_a_stopped_job_takes_the_job_along() {
    for way in ways() {
        let mut session = Session::start(&way);
        session.begins("trap \"echo hu\"\"ng up; exit\" HUP TERM", "read line");
        session.terminal.types(STOP);
        session.terminal.expects("Stopped");
        session.terminal.expects(PROMPT);
        assert!(session.does("exit").contains("stopped jobs"), "{way:?}");
        session.types("exit 7");
        // The job's last words come when they come.
        let shown = session.terminal.expects("restored\r\n");
        assert!(shown.contains("ended: 7\n"), "{way:?}: {shown}");
        if !shown.contains("hung up") {
            session.terminal.expects("hung up");
        }
        session.types("typed");
        session.terminal.expects("outside: typed\r\n");
    }
}

#[test]
fn a_stopped_job_goes_on_in_the_background_while_the_shell_is_used() {
    for way in ways() {
        let mut session = Session::start(&way);
        let fifo = session.fifo();
        session.begins(":", "exec cat fifo");
        session.terminal.types(STOP);
        session.terminal.expects("Stopped");
        session.terminal.expects(PROMPT);
        session.does("bg");
        assert!(session.does("echo he''re").contains("here"), "{way:?}");
        session.sees_the_job_end(fifo);
        session.ends();
    }
}

#[test]
fn the_interrupt_key_ends_the_job_in_the_foreground_and_no_other() {
    for way in ways() {
        let mut session = Session::start(&way);
        let fifo = session.fifo();
        session.does("cat fifo &");
        session.begins(":", "exec cat");
        session.terminal.types(INTERRUPT);
        session.terminal.expects(PROMPT);
        assert!(session.does("echo st''atus $?").contains("status 130"), "{way:?}");
        session.sees_the_job_end(fifo);
        session.ends();
    }
}

#[test]
fn a_change_of_the_window_reaches_the_job_in_the_foreground() {
    for way in ways() {
        let mut session = Session::start(&way);
        session.begins("trap \"stty size\" WINCH", "while :; do read line; done");
        for rows in [41, 42] {
            session.terminal.resize(rows);
            // A signal that comes right before the shell reads is seen when the reading ends.
            session.terminal.types(b"\r");
            session.terminal.expects(&format!("{rows} 80\r\n"));
        }
        session.terminal.types(INTERRUPT);
        session.terminal.expects(PROMPT);
        session.ends();
    }
}

#[test]
fn vi_takes_the_whole_screen_and_writes_a_file() {
    if program("vi").is_none() {
        return;
    }
    for way in ways() {
        let mut session = Session::start(&way);
        session.types("vi -u NONE file");
        session.terminal.expects(OTHER_SCREEN);
        session.terminal.expects("[New");
        session.terminal.types(b":set lines?\r");
        session.terminal.expects(&format!("lines={ROWS}"));
        session.terminal.types(format!("ihello{ESCAPE}:wq\r").as_bytes());
        session.terminal.expects(FIRST_SCREEN);
        session.terminal.expects(PROMPT);
        assert_eq!(session.tree.read("work/file"), "hello\n");
        session.ends();
    }
}

#[test]
fn less_shows_a_screen_and_goes_to_the_end() {
    if program("less").is_none() {
        return;
    }
    for way in ways() {
        let mut session = Session::start(&way);
        let lines: String = (1..=100).map(|number| format!("line {number};\n")).collect();
        session.tree.file("work/file", lines);
        session.types("less file");
        session.terminal.expects(OTHER_SCREEN);
        session.terminal.expects(&format!("line {};", ROWS - 1));
        session.terminal.types(b"G");
        session.terminal.expects("line 100;");
        session.terminal.types(b"q");
        session.terminal.expects(FIRST_SCREEN);
        session.terminal.expects(PROMPT);
        session.ends();
    }
}

#[test]
fn a_shell_that_suspends_itself_hands_the_terminal_back_and_goes_on_with_fg() {
    let Some(bash) = program("bash") else { return };
    let tree = Tree::new();
    let mut command = Command::new(&bash);
    command.args(["--norc", "-i"]).current_dir(tree.root()).env("HOME", tree.root());
    let (terminal, outside) = Terminal::start_on_all(command.env("TERM", "xterm"));
    let mut session = Session { tree, terminal, outside };
    session.does(SET_PROMPT);
    let nono = nono_path().into_string().unwrap();
    session.types(&format!("{nono} shell --shell {}", bash.display()));
    session.types("PS1='in''side '");
    session.terminal.expects("inside ");
    session.types("suspend");
    session.terminal.expects("Stopped");
    session.terminal.expects(PROMPT);
    session.types("fg");
    session.types("echo he''re $PPID");
    session.terminal.expects("here");
    session.types("exit 7");
    session.terminal.expects(PROMPT);
    assert!(session.does("echo st''atus $?").contains("status 7"));
    session.types("exit");
    assert!(session.outside.wait().success());
}
