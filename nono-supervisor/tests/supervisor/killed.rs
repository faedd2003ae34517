//! A supervisor that is killed.

use std::collections::HashMap;
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use nono_core::wire::OpenIntent;
use nono_core::{AccessMode, CapabilitySet, ReasonCode, Scope, Verdict};
use nono_ipc::{Client, Door, IpcError, Outcome, SocketTransport, Wanted};
use nono_linux::LinuxOpener;
use nono_supervisor::journal::{Begin, Directory, Entry, JournalSink, State};
use nono_supervisor::{AuditSync, NeverGrantChecker, Supervisor};

use crate::common::{Decides, until, yes};
use crate::process::program;

const CLIENTS: usize = 3;
const SESSION: &str = "killed";

/// The supervisor, in a process of its own: it starts its clients and serves them until it is killed.
pub(crate) fn supervises(work: &str) {
    let work = Path::new(work);
    let (door, theirs) = Door::new().unwrap();
    let transport = SocketTransport::new().unwrap().with_door(door).unwrap();
    let directory = Directory::create(&work.join("audit")).unwrap();
    let sink = JournalSink::create(&directory, &Begin::now(SESSION, None)).unwrap();
    let backend = Decides {
        function: |prompt: &nono_core::Prompt| {
            if prompt.request.path.ends_with("denied") {
                let no = Verdict::denied(ReasonCode::User, "no");
                return Ok(nono_core::Opinion::Decided(no));
            }
            yes(Scope::Once)
        },
        is_immediate: true,
    };
    let never = NeverGrantChecker::new(&[work.join("never").to_str().unwrap().to_owned()]).unwrap();
    // A write survives its writer; syncing is what takes time.
    let sync = if std::process::id().is_multiple_of(8) { AuditSync::All } else { AuditSync::Never };
    let supervisor = Supervisor::builder(SESSION, CapabilitySet::new()).sync(sync).build(
        never,
        backend,
        sink,
        LinuxOpener::default(),
    );
    let work = work.to_str().unwrap();
    let start = |_| program("reports", work, theirs.try_clone().unwrap()).spawn().unwrap();
    let _clients: Vec<_> = (0..CLIENTS).map(start).collect();
    drop(theirs);
    supervisor.serve(transport).unwrap();
}

/// A client that says what it was answered until nobody answers any more.
pub(crate) fn reports(work: &str) {
    let (work, pid) = (Path::new(work), std::process::id());
    // It may be gone before it has opened its door.
    let Ok(client) = Client::through(std::io::stdin(), String::new()) else { return };
    for number in 1_u64.. {
        let new = format!("new-{pid}-{number}");
        let name = ["granted", "denied", "never", "missing", &new][(number % 5) as usize];
        let path = work.join(name);
        let wanted = match name == new {
            true => Wanted::new(&path, AccessMode::Write).with_intent(OpenIntent {
                create: true,
                exclusive: true,
                mode: 0o600,
                ..OpenIntent::default()
            }),
            false => Wanted::new(&path, AccessMode::Read),
        };
        match client.request(&wanted) {
            // One write each, so that no two are mixed.
            Ok(outcome @ Outcome::Granted(_)) => {
                println!("\nanswered {pid} {number} true");
                drop(outcome);
            }
            Ok(_) => println!("\nanswered {pid} {number} false"),
            Err(IpcError::Closed) => return,
            Err(error) => return println!("\nunexpected {error:?}"),
        }
    }
}

/// What clients were answered: by process and number, whether it was yes.
fn answers(text: &str) -> HashMap<(u32, String), bool> {
    assert!(!text.contains("unexpected"), "{text}");
    let lines = text.lines().filter_map(|line| line.strip_prefix("answered "));
    let parsed = lines.map(|line| {
        let mut words = line.split(' ');
        let mut word = || words.next().unwrap();
        let id = (word().parse().unwrap(), word().to_owned());
        (id, word().parse().unwrap())
    });
    parsed.collect()
}

/// Kills a supervisor after a while; how many answers its clients had, each of which is recorded.
fn kill_after(delay: Duration) -> usize {
    let tree = tempfile::tempdir().unwrap();
    let work = tree.path().canonicalize().unwrap();
    for name in ["granted", "denied", "never"] {
        fs::write(work.join(name), name).unwrap();
    }
    let nothing: OwnedFd = fs::File::open("/dev/null").unwrap().into();
    let mut supervisor = program("supervises", work.to_str().unwrap(), nothing)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut said = BufReader::new(supervisor.stdout.take().unwrap());
    let mut text = String::new();
    // Half of them are killed while they start, half while they serve.
    if delay.subsec_micros().is_multiple_of(2) {
        until("a client is answered", || {
            said.read_line(&mut text).unwrap();
            text.contains("answered")
        });
    } else {
        until("it has begun", || work.join("audit/killed.jsonl").exists());
    }
    std::thread::sleep(delay);
    supervisor.kill().unwrap();
    supervisor.wait().unwrap();
    // The clients hold the other ends, and end when nobody answers.
    said.read_to_string(&mut text).unwrap();
    check(&work, &answers(&text))
}

fn check(work: &Path, answers: &HashMap<(u32, String), bool>) -> usize {
    let directory = Directory::open(&work.join("audit")).unwrap();
    let mut reader = directory.reader(SESSION).unwrap();
    let (mut recorded, mut made) = (HashMap::new(), Vec::new());
    while let Some(entry) = reader.next_entry().unwrap() {
        let Entry::Record(record) = entry else { continue };
        if record.outcome.is_some() {
            continue;
        }
        let is_granted = record.entry.decision.is_granted();
        let id = (record.peer.pid, record.entry.request.request_id);
        assert!(recorded.insert(id, is_granted).is_none(), "recorded twice");
        made.push(record.entry.request.path);
    }
    let state = directory.summary(SESSION).unwrap().state;
    assert!(matches!(state, State::OpenEnded { .. }), "{state:?}");
    for (id, is_granted) in answers {
        assert_eq!(recorded.get(id), Some(is_granted), "{id:?}");
    }
    // What was done is recorded as well, whether or not it was answered.
    for file in fs::read_dir(work).unwrap().flatten() {
        let is_new = file.file_name().to_str().unwrap().starts_with("new-");
        assert!(!is_new || made.contains(&file.path()), "{file:?}");
    }
    answers.len()
}

#[test]
fn no_client_of_a_killed_supervisor_was_answered_what_the_journal_lacks() {
    let mut seed = u64::from(std::process::id());
    let mut answered = 0;
    for _ in 0..200 {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        answered += kill_after(Duration::from_micros((seed >> 33) % 20_000));
    }
    eprintln!("200 supervisors killed after {answered} answers");
    assert!(answered > 200);
}
