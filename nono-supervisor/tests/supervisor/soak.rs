//! Very many clients, some of them killed.

use std::collections::HashMap;
use std::fs::{self, File, OpenOptions};
use std::io::{BufRead, BufReader, stdin};
use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::Child;
use std::time::Duration;

use nono_core::wire::OpenIntent;
use nono_core::{
    AccessMode, ApprovalDecision, CapabilitySet, NonoError, Opinion, Prompt, ReasonCode, Result,
    Scope, Verdict,
};
use nono_ipc::{Client, Door, Outcome, SocketTransport, Wanted};
use nono_linux::LinuxOpener;
use nono_supervisor::journal::{Begin, Directory, Entry, JournalSink};
use nono_supervisor::{AuditSync, Limits, NeverGrantChecker, Supervisor};
use rustix::net::{RecvFlags, recv};

use crate::common::{Decides, until, yes};
use crate::process::{alone, program};

const SESSION: &str = "soak";
const REQUESTS_EACH: usize = 200;
/// What clients ask for: most by the name of what is decided.
const NAMES: [&str; 9] =
    ["granted", "session", "denied", "late", "errs", "panics", "never", "missing", "covered"];

/// How many clients there are, and how many of them at a time. Set `NONO_TEST_SOAK` for the full number.
fn size() -> (usize, usize) {
    if std::env::var_os("NONO_TEST_SOAK").is_some() { (1_000, 100) } else { (100, 25) }
}

/// Numbers as good as random, the same for a seed.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % sides
    }
}

fn decide(prompt: &Prompt) -> Result<Opinion> {
    let decided = |verdict| Ok(Opinion::Decided(verdict));
    match prompt.request.path.file_name().unwrap().to_str().unwrap() {
        "session" => yes(Scope::Session),
        "denied" => decided(Verdict::denied(ReasonCode::User, "no")),
        "late" => decided(Verdict::once(ApprovalDecision::Timeout)),
        "errs" => Err(NonoError::PathNotFound("on purpose".into())),
        "panics" => panic!("on purpose"),
        _ => yes(Scope::Once),
    }
}

/// A client, in a process of its own. Its output is what it was answered: its name, the number of the
/// request, and the decision.
pub(crate) fn soaks(work: &str) {
    let (work, name) = work.split_once(' ').unwrap();
    let mut dice = Dice(name.parse().unwrap());
    let client = Client::through(stdin(), String::new()).unwrap();
    for number in 1..=REQUESTS_EACH {
        let new = format!("new-{name}-{number}");
        let chosen = NAMES.get(dice.roll(NAMES.len() + 1)).copied().unwrap_or(&new);
        let path = Path::new(work).join(chosen);
        let wanted = Wanted::new(&path, AccessMode::Read).because(name);
        let intent = OpenIntent { create: true, mode: 0o600, ..OpenIntent::default() };
        let wanted = if chosen == new { wanted.with_intent(intent) } else { wanted };
        let answer = match client.request(&wanted).unwrap() {
            Outcome::Granted(_) => "granted",
            Outcome::Denied { code: Some(ReasonCode::Covered), .. } => "covered",
            Outcome::Denied { .. } => "denied",
            Outcome::TimedOut => "late",
        };
        println!("\nanswered {name} {number} {answer}");
    }
}

/// A supervisor on a thread of its own, and the door for its clients.
fn serve(work: &Path) -> OwnedFd {
    let (door, theirs) = Door::new().unwrap();
    let transport = SocketTransport::new().unwrap().with_door(door).unwrap();
    let directory = Directory::create(&work.join("audit")).unwrap();
    let sink = JournalSink::create(&directory, &Begin::now(SESSION, None)).unwrap();
    let never = NeverGrantChecker::new(&[work.join("never").to_str().unwrap().to_owned()]).unwrap();
    let caps = CapabilitySet::new().allow_file(work.join("covered"), AccessMode::Read).unwrap();
    let limits = Limits { prompts_per_minute: u32::MAX, ..Limits::default() };
    let supervisor =
        Supervisor::builder(SESSION, caps).sync(AuditSync::Never).limits(limits).build(
            never,
            Decides { function: decide, is_immediate: false },
            sink,
            LinuxOpener::default(),
        );
    std::thread::spawn(move || supervisor.serve(transport).unwrap());
    theirs
}

/// Runs clients beside each other and kills some of them.
fn run_batch(work: &Path, door: &OwnedFd, names: std::ops::Range<usize>, dice: &mut Dice) {
    let start = |name| -> Child {
        let said = OpenOptions::new().append(true).open(work.join("said")).unwrap();
        let work = format!("{} {name}", work.to_str().unwrap());
        program("soaks", &work, door.try_clone().unwrap()).stdout(said).spawn().unwrap()
    };
    let mut clients: Vec<_> = names.map(start).collect();
    for _ in 0..clients.len() / 10 {
        std::thread::sleep(Duration::from_millis(dice.roll(60) as u64));
        let victim = dice.roll(clients.len());
        let mut victim = clients.swap_remove(victim);
        victim.kill().unwrap();
        victim.wait().unwrap();
    }
    for mut client in clients {
        assert!(client.wait().unwrap().success());
    }
}

/// Takes the streams of clients that were killed after they had knocked; how many there were. They
/// wait for the next to knock, as many as the door's queue holds.
fn drain(door: &OwnedFd) -> usize {
    std::iter::from_fn(|| recv(door, &mut [0; 1], RecvFlags::DONTWAIT).ok()).count()
}

/// What this process holds: descriptors, and KiB of memory.
fn held() -> (usize, usize) {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    let kibibytes = resident.trim().trim_end_matches(" kB").parse().unwrap();
    (fs::read_dir("/proc/self/fd").unwrap().count(), kibibytes)
}

/// By client and number of the request, the decision that is recorded. The chain has to hold.
fn recorded(work: &Path) -> HashMap<(String, String), &'static str> {
    let directory = Directory::open(&work.join("audit")).unwrap();
    let mut reader = directory.reader(SESSION).unwrap();
    let mut decisions = HashMap::new();
    while let Some(entry) = reader.next_entry().unwrap() {
        let Entry::Record(record) = entry else { continue };
        if record.outcome.is_some() {
            continue;
        }
        let decision = match record.entry.decision {
            ApprovalDecision::Granted => "granted",
            ApprovalDecision::Denied { .. } => "denied",
            ApprovalDecision::Timeout => "late",
        };
        let request = record.entry.request;
        let id = (request.reason.unwrap(), request.request_id);
        assert!(decisions.insert(id.clone(), decision).is_none(), "{id:?} is recorded twice");
    }
    assert!(reader.broken().is_none() && !reader.is_torn());
    decisions
}

/// Compares what clients say with what is recorded; how much they say.
fn compare(work: &Path) -> usize {
    let recorded = recorded(work);
    let said = BufReader::new(File::open(work.join("said")).unwrap());
    let mut answers = 0;
    for line in said.lines().map(|line| line.unwrap()) {
        let Some(line) = line.strip_prefix("answered ") else { continue };
        let [name, number, answer] = *line.split(' ').collect::<Vec<_>>() else { panic!("{line}") };
        let found = recorded.get(&(name.to_owned(), number.to_owned())).copied();
        assert_eq!(found.unwrap_or("covered"), answer, "{line}");
        answers += 1;
    }
    answers
}

#[test]
fn every_answer_of_very_many_clients_has_one_record_and_nothing_grows() {
    alone("soak::every_answer_of_very_many_clients_has_one_record_and_nothing_grows", || {
        silence_backend();
        let tree = tempfile::tempdir().unwrap();
        let work = tree.path().canonicalize().unwrap();
        for name in NAMES.iter().filter(|name| **name != "missing").chain(&["said"]) {
            fs::write(work.join(name), "").unwrap();
        }
        let door = serve(&work);
        let (clients, batch) = size();
        let mut dice = Dice(7);
        // What is made once is made in the first batch.
        run_batch(&work, &door, 0..batch, &mut dice);
        let idle = |open: usize| {
            let unclaimed = drain(&door);
            until("few descriptors are open", || held().0 <= open);
            unclaimed
        };
        idle(20);
        let before = held();
        for first in (batch..clients).step_by(batch) {
            run_batch(&work, &door, first..first + batch, &mut dice);
        }
        let unclaimed = idle(before.0);
        let after = held();
        let answers = compare(&work);
        eprintln!(
            "{answers} answers; descriptors and KiB: {before:?} before, {after:?} after; \
             {unclaimed} streams that nobody took"
        );
        assert!(answers > clients * REQUESTS_EACH * 8 / 10);
        assert!(after.1 < before.1 + 16 * 1024, "{before:?} KiB before, {after:?} after");
    });
}

/// The backend panics on purpose, thousands of times.
fn silence_backend() {
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        if !std::thread::current().name().is_some_and(|name| name.starts_with("nono ")) {
            hook(info);
        }
    }));
}
