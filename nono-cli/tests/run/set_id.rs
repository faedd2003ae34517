//! A nono that would lend rights to its caller refuses to run.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::Command;

use crate::common::{Tree, nono_path, outcome, program};

/// Nobody's number on every system.
const STRANGER: u32 = 65_534;

/// A copy of nono that the stranger can run. Only root can give it rights to lend.
fn copy(tree: &Tree) -> Option<PathBuf> {
    if !rustix::process::geteuid().is_root() {
        eprintln!("not tested: only root can make the file");
        return None;
    }
    let copy = tree.at("nono");
    // By another process: a child that a test forks meanwhile would inherit our descriptor, and
    // what is open for writing cannot be executed.
    assert!(Command::new("cp").arg(nono_path()).arg(&copy).status().unwrap().success());
    fs::set_permissions(&copy, fs::Permissions::from_mode(0o755)).unwrap();
    Some(copy)
}

fn as_stranger(nono: &PathBuf) -> Command {
    let mut command = Command::new(nono);
    command.uid(STRANGER).gid(STRANGER).current_dir("/").args(["run", "--", "id", "-u"]);
    command
}

#[track_caller]
fn assert_refused(command: &mut Command) {
    let ended = outcome(command);
    assert_eq!((ended.code(), ended.stdout.as_slice()), (125, &b""[..]), "{}", ended.said());
    assert!(ended.said().starts_with("nono: error: refusing to run set-id"), "{}", ended.said());
    assert_eq!(ended.said().lines().count(), 1);
}

#[test]
fn a_plain_copy_runs_for_a_stranger() {
    let tree = Tree::new();
    let Some(nono) = copy(&tree) else { return };
    assert_eq!(outcome(&mut as_stranger(&nono)).text(), format!("{STRANGER}\n"));
}

#[test]
fn a_set_user_id_nono_refuses() {
    let tree = Tree::new();
    let Some(nono) = copy(&tree) else { return };
    fs::set_permissions(&nono, fs::Permissions::from_mode(0o4755)).unwrap();
    assert_refused(&mut as_stranger(&nono));
}

#[test]
fn a_set_group_id_nono_refuses() {
    let tree = Tree::new();
    let Some(nono) = copy(&tree) else { return };
    fs::set_permissions(&nono, fs::Permissions::from_mode(0o2755)).unwrap();
    assert_refused(&mut as_stranger(&nono));
}

#[test]
fn a_nono_with_file_capabilities_refuses() {
    let tree = Tree::new();
    let (Some(nono), Some(setcap)) = (copy(&tree), program("setcap")) else { return };
    let set = outcome(Command::new(setcap).arg("cap_net_raw+ep").arg(&nono));
    assert!(set.succeeded(), "{}", set.said());
    assert_refused(&mut as_stranger(&nono));
}
