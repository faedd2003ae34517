//! Finding programs and what the kernel needs to start them, judged by the kernel where it can.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "functions that tests share")]

use std::ffi::OsStr;
use std::fs;
use std::io::ErrorKind;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use nono::executable::{ExecutableError, find, interpreters};

fn write(path: &Path, text: impl AsRef<[u8]>, mode: u32) -> PathBuf {
    fs::write(path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    path.to_owned()
}

fn search_path(directories: &[&Path]) -> std::ffi::OsString {
    std::env::join_paths(directories).unwrap()
}

/// Whether the kernel executes `path`. A file just written may be open in a child of another test
/// until that one executes its own program.
fn kernel_starts(path: &Path) -> bool {
    loop {
        match Command::new(path).status() {
            Err(error) if error.kind() == ErrorKind::ExecutableFileBusy => std::thread::yield_now(),
            outcome => return outcome.is_ok(),
        }
    }
}

#[test]
fn the_first_executable_file_of_the_search_path_wins() {
    let directory = tempfile::tempdir().unwrap();
    let [a, b, c] = ["a", "b", "c"].map(|name| directory.path().join(name));
    fs::create_dir_all(a.join("tool")).unwrap();
    fs::create_dir(&b).unwrap();
    fs::create_dir(&c).unwrap();
    write(&b.join("tool"), "", 0o644);
    let expected = write(&c.join("tool"), "", 0o755);
    let missing = directory.path().join("missing");
    let file = expected.clone();

    let path = search_path(&[&missing, &file, &a, &b, &c]);

    assert_eq!(find("tool".as_ref(), Some(&path)).unwrap(), expected);
}

#[test]
fn found_but_not_executable_is_told_from_not_found() {
    let directory = tempfile::tempdir().unwrap();
    let path = search_path(&[directory.path(), Path::new("/usr/bin")]);
    let plain = write(&directory.path().join("plain"), "", 0o644);
    fs::create_dir(directory.path().join("folder")).unwrap();

    for name in [OsStr::new("plain"), plain.as_os_str(), OsStr::new("folder"), OsStr::new("/")] {
        let error = find(name, Some(&path)).unwrap_err();
        assert!(matches!(error, ExecutableError::NotExecutable { .. }), "{name:?}: {error}");
    }
    let long = "x".repeat(300);
    for name in ["no-such-tool", "", "/no/such/tool", "./no-such-tool", "nul\0", &long] {
        let error = find(name.as_ref(), Some(&path)).unwrap_err();
        assert!(matches!(error, ExecutableError::NotFound { .. }), "{name:?}: {error}");
    }
}

#[test]
fn an_empty_directory_of_the_search_path_is_the_current_one() {
    // Tests run in the directory of the crate, where no file is executable.
    for path in ["", ":/usr/bin", "/usr/bin:", "/usr/bin::/bin"] {
        let error = find("Cargo.toml".as_ref(), Some(path.as_ref())).unwrap_err();
        let ExecutableError::NotExecutable { path: found, .. } = error else {
            panic!("{path:?}: {error}");
        };
        assert_eq!(found, Path::new("./Cargo.toml"));
    }
    assert!(find("Cargo.toml".as_ref(), Some("/usr/bin".as_ref())).is_err());
}

#[test]
fn without_a_search_path_the_default_one_is_used() {
    assert_eq!(find("sh".as_ref(), None).unwrap(), Path::new("/bin/sh"));
}

#[test]
fn a_name_that_is_not_utf8_is_found() {
    let directory = tempfile::tempdir().unwrap();
    let name = OsStr::from_bytes(b"to\xffol");
    let expected = write(&directory.path().join(name), "", 0o755);

    assert_eq!(find(name, Some(directory.path().as_os_str())).unwrap(), expected);
}

#[test]
fn the_chain_goes_from_a_script_to_the_loader() {
    let directory = tempfile::tempdir().unwrap();
    let inner = write(&directory.path().join("inner"), "#! /bin/sh -e\n", 0o755);
    let line = format!("#!{}\n", inner.display());
    let outer = write(&directory.path().join("outer"), line, 0o755);

    let found = interpreters(&outer).unwrap();

    assert_eq!(found[..2], [inner, "/bin/sh".into()]);
    assert_eq!(found[2..], interpreters(Path::new("/bin/sh")).unwrap());
    assert!(found[2].file_name().unwrap().to_string_lossy().starts_with("ld"));
    assert!(interpreters(&found[2]).unwrap().is_empty(), "a loader needs no loader");
}

#[test]
fn as_many_scripts_are_followed_as_the_kernel_follows() {
    let directory = tempfile::tempdir().unwrap();
    let mut last = PathBuf::from("/bin/true");
    for depth in 1..8 {
        let line = format!("#!{}\n", last.display());
        last = write(&directory.path().join(depth.to_string()), line, 0o755);

        let started = kernel_starts(&last);

        assert_eq!(interpreters(&last).is_ok(), started, "{depth} scripts");
    }
    let error = interpreters(&last).unwrap_err();
    assert!(matches!(error, ExecutableError::TooManyInterpreters { .. }), "{error}");
}

#[test]
fn lines_are_read_as_the_kernel_reads_them() {
    let directory = tempfile::tempdir().unwrap();
    let long = |length: usize| format!("/{}bin/true", "./".repeat((length - 9) / 2));
    for (number, line) in [
        "#!/bin/true\n".to_owned(),
        "#!/bin/true".to_owned(),
        "#! \t /bin/true \t\n".to_owned(),
        "#!/bin/true\0\n".to_owned(),
        "#!\n/bin/true\n".to_owned(),
        "#!\0".to_owned(),
        "#!/bin/no-such-program\n".to_owned(),
        format!("#!{}\n", long(251)),
        format!("#!{}\n", long(253)),
        format!("#!{}", long(253)),
        format!("#!{} x", long(253)),
        format!("#!{}", long(255)),
        format!("#!{}\n", long(255)),
        format!("#!/bin/true {}\n", "x".repeat(400)),
        format!("#!{}/bin/true\n", " ".repeat(300)),
    ]
    .into_iter()
    .enumerate()
    {
        let script = write(&directory.path().join(number.to_string()), &line, 0o755);

        let started = kernel_starts(&script);

        assert_eq!(interpreters(&script).is_ok(), started, "{line:?}");
    }
}

#[test]
fn files_of_no_known_format_need_nothing_and_damaged_ones_are_refused() {
    let directory = tempfile::tempdir().unwrap();
    let text = write(&directory.path().join("text"), "echo hello\n", 0o755);
    let empty = write(&directory.path().join("empty"), "", 0o755);
    let damaged = write(&directory.path().join("damaged"), b"\x7fELF\x02\x01", 0o755);

    assert!(interpreters(&text).unwrap().is_empty());
    assert!(interpreters(&empty).unwrap().is_empty());
    let error = interpreters(&damaged).unwrap_err();
    assert!(matches!(error, ExecutableError::Malformed { .. }), "{error}");
}

#[test]
fn a_fifo_is_refused_without_waiting_for_a_writer() {
    let directory = tempfile::tempdir().unwrap();
    let fifo = directory.path().join("fifo");
    assert!(Command::new("mkfifo").arg(&fifo).status().unwrap().success());

    let error = interpreters(&fifo).unwrap_err();

    assert!(matches!(error, ExecutableError::Unreadable { .. }), "{error}");
}
