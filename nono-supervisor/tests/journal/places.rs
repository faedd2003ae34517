//! Files and directories that are not what they should be.

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::os::unix::net::UnixListener;
use std::path::Path;

use nono_supervisor::journal::{Begin, Directory, JournalError, JournalSink};
use rustix::fs::{CWD, FileType, Mode};

use crate::common::{Journals, SESSION};

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().mode() & 0o7777
}

#[test]
fn journals_are_the_users_alone() {
    let journals = Journals::new();
    let sink = journals.sink();
    assert_eq!(sink.path(), journals.file());
    assert_eq!(mode(sink.path()), 0o600);
    assert_eq!(mode(&journals.path), 0o700);
    assert_eq!(mode(journals.path.parent().unwrap()), 0o700);
}

#[test]
fn a_session_has_one_journal() {
    let journals = Journals::new();
    drop(journals.sink());
    let again = JournalSink::create(&journals.directory, &Begin::now(SESSION, None));
    assert!(matches!(again.err(), Some(JournalError::Exists(_))));
}

#[test]
fn a_link_in_place_of_a_new_journal_is_not_followed() {
    let journals = Journals::new();
    let target = journals.path.join("elsewhere");
    symlink(&target, journals.file()).unwrap();
    let made = JournalSink::create(&journals.directory, &Begin::now(SESSION, None));
    assert!(made.is_err());
    assert!(!target.exists());
}

#[test]
fn a_session_that_names_no_file_is_refused() {
    let journals = Journals::new();
    let long = "x".repeat(129);
    for id in ["", ".", "..", "../up", "a/b", ".hidden", "a\nb", "a\0b", "ä", &long] {
        let made = JournalSink::create(&journals.directory, &Begin::now(id, None));
        assert!(matches!(made.err(), Some(JournalError::SessionId(_))), "{id:?}");
        let read = journals.directory.summary(id);
        assert!(matches!(read, Err(JournalError::SessionId(_))), "{id:?}");
    }
}

#[test]
fn a_directory_that_others_may_enter_or_that_is_none_is_refused() {
    let journals = Journals::new();
    let at = |name: &str| journals.path.join(name);
    fs::write(at("file"), "").unwrap();
    symlink(&journals.path, at("link")).unwrap();
    for mode in [0o701, 0o710, 0o740, 0o777] {
        let _ = fs::create_dir(at("open"));
        fs::set_permissions(at("open"), Permissions::from_mode(mode)).unwrap();
        for made in [Directory::create(&at("open")), Directory::open(&at("open"))] {
            assert!(matches!(made, Err(JournalError::OpenToOthers { .. })), "{mode:o}");
        }
    }
    for made in [Directory::create(&at("link")), Directory::open(&at("link"))] {
        assert!(matches!(made, Err(JournalError::Link(_))), "{made:?}");
    }
    for made in [Directory::create(&at("file")), Directory::open(&at("file"))] {
        assert!(matches!(made, Err(JournalError::Kind { .. })), "{made:?}");
    }
    assert!(matches!(Directory::open(&at("none")), Err(JournalError::Missing(_))));
}

#[test]
fn a_directory_or_journal_of_another_user_is_refused() {
    let journals = Journals::new();
    drop(journals.sink());
    let user = rustix::process::geteuid().as_raw();
    let error = if user == 0 {
        std::os::unix::fs::chown(journals.file(), Some(65_534), None).unwrap();
        journals.directory.summary(SESSION).unwrap_err()
    } else {
        Directory::open(Path::new("/")).unwrap_err()
    };
    assert!(matches!(error, JournalError::Owner { .. }), "{error}");
    if user == 0 {
        std::os::unix::fs::chown(&journals.path, Some(65_534), None).unwrap();
        let error = Directory::open(&journals.path).unwrap_err();
        assert!(matches!(error, JournalError::Owner { owner: 65_534, .. }), "{error}");
    }
}

#[test]
fn what_is_no_journal_of_ours_is_named_and_hides_no_other() {
    let journals = Journals::new();
    drop(journals.sink());
    let at = |name: &str| journals.path.join(name);
    symlink(journals.file(), at("link.jsonl")).unwrap();
    fs::create_dir(at("directory.jsonl")).unwrap();
    rustix::fs::mknodat(CWD, at("fifo.jsonl"), FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
    let _socket = UnixListener::bind(at("socket.jsonl")).unwrap();
    fs::write(at("public.jsonl"), "").unwrap();
    fs::set_permissions(at("public.jsonl"), Permissions::from_mode(0o644)).unwrap();
    fs::write(at("other.txt"), "").unwrap();

    let listing = journals.directory.list().unwrap();
    assert_eq!(listing.sessions.len(), 1);
    assert_eq!(listing.unreadable.len(), 5, "{:?}", listing.unreadable);

    let error = |session| journals.directory.summary(session).unwrap_err();
    assert!(matches!(error("link"), JournalError::Link(_)));
    assert!(matches!(error("public"), JournalError::OpenToOthers { .. }));
    assert!(matches!(error("none"), JournalError::Missing(_)));
    for session in ["directory", "fifo", "socket"] {
        assert!(matches!(error(session), JournalError::Kind { .. }), "{session}");
    }
}
