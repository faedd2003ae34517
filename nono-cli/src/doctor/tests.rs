//! Every state in words and as JSON, whatever this kernel has.

use nono::{Gap, GapReport};
use nono_linux::MissingLandlock;

use super::child::Answer;
use super::judgement::Mechanism;
use super::*;

fn finding(id: &str, state: State, answers: Option<Answers>) -> Finding {
    let all = GROUPS.iter().flat_map(|group| group.protections.iter().map(|one| (group.name, one)));
    let (group, protection) = all.into_iter().find(|(_, found)| found.id == id).unwrap();
    Finding { group, protection, state, answers }
}

fn met(control: i32, inside: i32, granted: Option<i32>) -> Option<Answers> {
    Some(Answers {
        control: Answer::Met(control),
        unprivileged: None,
        inside: Some(Answer::Met(inside)),
        granted: granted.map(Answer::Met),
    })
}

fn examination(landlock: Landlock, findings: Vec<Finding>) -> Examination {
    let features = FEATURES.iter().zip([0, libc::EBUSY, libc::EINVAL, libc::EPERM, 0]);
    let supervision = features
        .map(|(feature, errno)| supervision::Finding { feature, answer: Answer::Met(errno) })
        .collect();
    let verdict = Verdict::of(landlock, &findings);
    let kernel =
        Kernel { release: "6.15.0".to_owned(), landlock, filters: Some(0), is_root: false };
    Examination { kernel, findings, supervision, verdict }
}

fn enforced(by: Mechanism) -> State {
    State::Enforced(by)
}

/// One of each.
fn sound() -> Vec<Finding> {
    let gap = GapReport { gap: Gap::Metadata, detail: "Landlock has no such right" };
    let refused = Answers {
        control: Answer::Met(libc::EPERM),
        unprivileged: None,
        inside: None,
        granted: None,
    };
    vec![
        finding("read", enforced(Mechanism::Landlock), met(0, libc::EACCES, Some(0))),
        finding("write", enforced(Mechanism::Landlock), met(0, libc::EACCES, Some(0))),
        finding("metadata", State::Gap(gap), met(0, 0, None)),
        finding("descriptors", enforced(Mechanism::Descriptors), met(0, libc::EBADF, Some(0))),
        finding("capabilities", State::NotTried("only root could".to_owned()), None),
        finding("udp", enforced(Mechanism::Seccomp), met(0, libc::EACCES, None)),
        finding("raw", State::NotTried("refused without nono, too".to_owned()), Some(refused)),
        finding("reboot", enforced(Mechanism::Capabilities), met(libc::EINVAL, libc::EPERM, None)),
    ]
}

const ABI_7: Landlock = Landlock::Abi { version: 7, errata: 3 };

#[test]
fn each_state_is_told_in_words() {
    insta::assert_snapshot!(words::text(&examination(ABI_7, sound())));
}

#[test]
fn each_state_is_told_as_json() {
    insta::assert_snapshot!(json::text(&examination(ABI_7, sound())));
}

#[test]
fn a_failure_is_loud_and_the_verdict_is_that_nothing_may_be_relied_on() {
    let mut findings = sound();
    findings.push(finding(
        "clock",
        State::Failed("it was not refused".to_owned()),
        met(14, 14, None),
    ));
    let examination = examination(ABI_7, findings);
    assert!(!examination.verdict.is_enforced());
    insta::assert_snapshot!(words::text(&examination));
}

#[test]
fn each_cause_of_a_missing_landlock_comes_with_the_next_step() {
    let causes =
        [MissingLandlock::NotBuilt, MissingLandlock::NotEnabled, MissingLandlock::Filtered];
    let verdicts = causes.map(|why| {
        let verdict = Verdict::of(Landlock::Missing(why), &[]);
        assert!(!verdict.is_enforced());
        format!("{}: {}", verdict.name(), verdict.words())
    });
    insta::assert_snapshot!(verdicts.join("\n"));
}

#[test]
fn each_way_of_not_entering_a_sandbox_comes_with_the_next_step() {
    let (landlock, seccomp) = (2, 3);
    let met = [
        (landlock, libc::EPERM),
        (landlock, libc::E2BIG),
        (seccomp, libc::ENOSYS),
        (seccomp, libc::EINVAL),
        (seccomp, libc::ENOMEM),
        (4, libc::EPERM),
    ];
    let verdicts = met.map(|(step, errno)| {
        let verdict = Verdict::NotEntered(Answer::NotEntered { step, errno });
        assert!(!verdict.is_enforced());
        format!("{}: {}", verdict.name(), verdict.words())
    });
    insta::assert_snapshot!(verdicts.join("\n"));
}

#[test]
fn without_a_proof_for_files_nothing_is_claimed() {
    for essential in ["read", "write"] {
        let mut findings = sound();
        for finding in findings.iter_mut().filter(|found| found.protection.id == essential) {
            finding.state = State::NotTried("late".to_owned());
        }
        assert_eq!(Verdict::of(ABI_7, &findings), Verdict::Unproven, "{essential}");
    }
    assert_eq!(Verdict::of(ABI_7, &sound()), Verdict::Enforced);
}
