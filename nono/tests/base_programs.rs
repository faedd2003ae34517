//! Real programs start under Landlock with the base set and one directory of their own.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "functions that tests share")]

use std::path::Path;
use std::process::{Command, Output};
use std::thread;

use landlock::{
    ABI, Access, AccessFs, PathBeneath, PathFd, Ruleset, RulesetAttr, RulesetCreatedAttr,
};
use nono::presets;
use nono_core::{AccessMode, CapabilitySet, FileKind, FsCapability};

const ABI_USED: ABI = ABI::V1;

/// Restricts the calling thread, and with it what it starts, to the grants of `caps`.
fn restrict(caps: &CapabilitySet) {
    let mut ruleset =
        Ruleset::default().handle_access(AccessFs::from_all(ABI_USED)).unwrap().create().unwrap();
    for grant in caps.effective_grants() {
        let mut access = match grant.rights.mode() {
            AccessMode::Read => AccessFs::from_read(ABI_USED),
            AccessMode::Write => AccessFs::from_write(ABI_USED),
            AccessMode::ReadWrite => AccessFs::from_all(ABI_USED),
        };
        if grant.capability.kind() != FileKind::Directory {
            access &= AccessFs::from_file(ABI_USED);
        }
        let object = PathFd::new(grant.capability.resolved()).unwrap();
        ruleset = ruleset.add_rule(PathBeneath::new(object, access)).unwrap();
    }
    ruleset.restrict_self().unwrap();
}

/// Runs a shell line in a directory of its own that it may write.
fn run(line: &str) -> Output {
    let directory = tempfile::tempdir().unwrap();
    let mut caps = CapabilitySet::new();
    presets::add_base(&mut caps).unwrap();
    caps.add_fs(FsCapability::new_dir(directory.path(), AccessMode::ReadWrite).unwrap());
    thread::scope(|scope| {
        let restricted = scope.spawn(|| {
            restrict(&caps);
            Command::new("/bin/sh")
                .args(["-c", line])
                .current_dir(directory.path())
                .env_clear()
                .env("PATH", "/usr/local/bin:/usr/bin:/bin")
                .env("HOME", directory.path())
                .env("TMPDIR", directory.path())
                .output()
                .unwrap()
        });
        restricted.join().unwrap()
    })
}

fn is_installed(program: &str) -> bool {
    ["/usr/local/bin", "/usr/bin", "/bin"]
        .iter()
        .any(|directory| Path::new(directory).join(program).exists())
}

#[test]
fn programs_run_with_the_base_set_and_say_nothing_on_stderr() {
    for (program, line, expected) in [
        ("sh", "echo a | cat | tr a b; test -r /etc/passwd", "b\n"),
        ("bash", "bash -lc 'echo <(true) >/dev/null; echo ok'", "ok\n"),
        ("ls", "ls -ln /usr >/dev/null; id -un >/dev/null; date +%Z >/dev/null", ""),
        ("find", "find /usr/bin -name env | sort", "/usr/bin/env\n"),
        ("getent", "getent hosts localhost >/dev/null; getent services http/tcp >/dev/null", ""),
        (
            "python3",
            "/usr/bin/python3 -c 'import ssl, sqlite3, mimetypes, os, socket; mimetypes.init(); \
             ssl.create_default_context(); print(os.cpu_count() > 0)'",
            "True\n",
        ),
        ("node", "node -e 'console.log(require(\"os\").cpus().length > 0)'", "true\n"),
        ("perl", "perl -MPOSIX -MNet::hostent -e 'print 6 * 7'", "42"),
        (
            "git",
            "git init -q . && git -c user.name=a -c user.email=b commit -q \
             --allow-empty -m first && git log --format=%s",
            "first\n",
        ),
        (
            "javac",
            "echo 'class A { public static void main(String[] a) throws Exception { \
             javax.net.ssl.SSLContext.getDefault(); System.out.println(\"ok\"); } }' >A.java && \
             java -XX:+UseSerialGC A.java",
            "ok\n",
        ),
        (
            "cc",
            "echo 'int main(void) { return 0; }' >a.c && cc a.c -o a && ./a && echo built",
            "built\n",
        ),
        ("openssl", "openssl version -d >/dev/null && openssl rand -hex 1 >/dev/null", ""),
        ("wget", "wget -q -t 1 http://127.0.0.1:9/; test $? -eq 4", ""),
        ("file", "file -b --mime-type /etc/passwd", "text/plain\n"),
        ("tar", "echo x >x && tar czf x.tgz x && tar tf x.tgz", "x\n"),
        ("tput", "TERM=xterm tput cols >/dev/null", ""),
    ] {
        if !is_installed(program) {
            continue;
        }
        let output = run(line);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{program}: {stderr}");
        assert_eq!(String::from_utf8_lossy(&output.stdout), expected, "{program}");
        assert_eq!(stderr, "", "{program}");
    }
}

#[test]
fn the_kernel_refuses_what_the_base_set_leaves_out() {
    for line in [
        "cat /etc/shadow",
        "ls /etc",
        "ls /home",
        "ls /root",
        "ls /run",
        "ls /tmp",
        "ls /dev/pts",
        "ls /dev/shm",
        "ls /var",
        "ls /sys",
        "ls /etc/ssl/private",
        "echo x >/usr/x",
        "echo x >/dev/shm/x",
        "echo x >/proc/self/oom_score_adj",
    ] {
        assert!(!run(line).status.success(), "{line}");
    }
}
