//! Connections by path.

use std::fs::{self, Permissions};
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt, symlink};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::time::Duration;

use nono_ipc::{IpcError, Listener, SupervisorSocket};
use tempfile::tempdir;

const SOON: Duration = Duration::from_millis(200);

fn umask() -> String {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    status.lines().find(|line| line.starts_with("Umask:")).unwrap().to_owned()
}

#[test]
fn the_file_is_owner_only_whatever_the_umask_which_stays_as_it_is() {
    let directory = tempdir().unwrap();
    let path = directory.path().join("s");
    let before = umask();
    let listener = Listener::bind(&path).unwrap();
    let metadata = fs::symlink_metadata(&path).unwrap();
    assert!(metadata.file_type().is_socket());
    assert_eq!(metadata.mode() & 0o777, 0o600);
    assert_eq!(umask(), before);
    drop(listener);
    assert!(!path.exists());
}

#[test]
fn a_dead_socket_is_replaced_and_a_live_one_is_not() {
    let directory = tempdir().unwrap();
    let path = directory.path().join("s");
    drop(UnixListener::bind(&path).unwrap());
    assert!(path.exists(), "std leaves it behind");
    let live = Listener::bind(&path).unwrap();
    let inode = fs::symlink_metadata(&path).unwrap().ino();

    let refused = Listener::bind(&path).unwrap_err();
    assert!(matches!(refused, IpcError::AddressInUse(_)), "{refused}");
    assert_eq!(fs::symlink_metadata(&path).unwrap().ino(), inode);
    UnixStream::connect(&path).unwrap();
    live.accept(SOON).unwrap();
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1, "nothing is left beside it");
}

#[test]
fn what_is_no_socket_is_not_touched() {
    let directory = tempdir().unwrap();
    let file = directory.path().join("file");
    fs::write(&file, "precious").unwrap();
    let link = directory.path().join("link");
    let dead = directory.path().join("dead");
    drop(UnixListener::bind(&dead).unwrap());
    symlink(&dead, &link).unwrap();
    for path in [&file, &link] {
        let refused = Listener::bind(path).unwrap_err();
        assert!(matches!(refused, IpcError::AddressInUse(_)), "{refused}");
    }
    assert_eq!(fs::read_to_string(file).unwrap(), "precious");
    assert!(fs::symlink_metadata(link).unwrap().is_symlink() && dead.exists());
}

#[test]
fn another_socket_at_the_path_is_not_removed_with_the_listener() {
    let directory = tempdir().unwrap();
    let path = directory.path().join("s");
    let listener = Listener::bind(&path).unwrap();
    fs::rename(&path, directory.path().join("aside")).unwrap();
    let _other = UnixListener::bind(&path).unwrap();
    drop(listener);
    assert!(path.exists());
}

#[test]
fn nobody_comes_and_the_accept_ends_at_its_deadline() {
    let directory = tempdir().unwrap();
    let listener = Listener::bind(&directory.path().join("s")).unwrap();
    assert!(matches!(listener.accept(SOON), Err(IpcError::TimedOut)));
}

#[test]
fn a_path_that_is_too_long_is_a_typed_error() {
    let path = Path::new("/tmp").join("x".repeat(108));
    for refused in [Listener::bind(&path).err(), SupervisorSocket::connect(&path).err()] {
        assert!(matches!(refused, Some(IpcError::PathTooLong { max: 107, .. })), "{refused:?}");
    }
}

/// Runs a connection to `path` as another user, and returns whether it was made.
fn stranger_connects(path: &Path) -> bool {
    let script = "import socket,sys,os; os.setgid(65534); os.setuid(65534)\n\
                  s=socket.socket(socket.AF_UNIX); s.connect(sys.argv[1]); sys.exit(s.recv(1)!=b'')";
    let status = std::process::Command::new("python3").arg("-c").arg(script).arg(path).status();
    status.unwrap().success()
}

#[test]
fn a_stranger_is_closed_and_the_listener_goes_on() {
    if !rustix::process::geteuid().is_root() {
        return; // Only root can become somebody else.
    }
    let directory = tempdir().unwrap();
    fs::set_permissions(directory.path(), Permissions::from_mode(0o755)).unwrap();
    let path = directory.path().join("s");
    let listener = Listener::bind(&path).unwrap();
    fs::set_permissions(&path, Permissions::from_mode(0o666)).unwrap();
    let ours = std::thread::scope(|scope| {
        let accepted = scope.spawn(|| listener.accept(Duration::from_secs(20)).unwrap());
        assert!(stranger_connects(&path), "it is let in by the file's mode and then closed");
        let _friend = UnixStream::connect(&path).unwrap();
        accepted.join().unwrap().1
    });
    assert_eq!((ours.uid, ours.pid), (0, std::process::id()));
    assert!(ours.pidfd.is_some());
}

#[test]
fn bind_and_connect_give_the_two_ends_and_the_file_goes_with_the_first() {
    let directory = tempdir().unwrap();
    let path = directory.path().join("s");
    let (bound, connected) = std::thread::scope(|scope| {
        let bound = scope.spawn(|| SupervisorSocket::bind(&path).unwrap());
        let connected = loop {
            match SupervisorSocket::connect(&path) {
                Ok(connected) => break connected,
                Err(IpcError::System { .. }) => std::thread::yield_now(),
                Err(error) => panic!("{error}"),
            }
        };
        (bound.join().unwrap(), connected)
    });
    assert_eq!(bound.peer_pid().unwrap(), std::process::id());
    assert!(path.exists());
    drop(bound);
    assert!(!path.exists());
    drop(connected);
}
