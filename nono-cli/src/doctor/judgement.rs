//! From what attempts met to what that proves.

use nono::{Enforcement, Gap, GapReport};

use super::child::Answer;
use super::protections::{By, Protection};
use super::trial::Answers;

/// What is known of a protection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum State {
    /// It was refused in the sandbox, not without one, and not where it was granted.
    Enforced(Mechanism),
    /// It is not refused, which is known.
    Gap(GapReport),
    /// Nothing is known, for this reason.
    NotTried(String),
    /// It is other than nono promises, in this way.
    Failed(String),
}

/// What refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mechanism {
    Landlock,
    Seccomp,
    Capabilities,
    Descriptors,
}

/// Judges what a protection's attempts met on a kernel with this Landlock ABI, 0 for none.
pub(super) fn judge(
    protection: &Protection,
    answers: &Answers,
    enforcement: &Enforcement,
    abi: u32,
) -> State {
    let Some(inside) = answers.inside else {
        return State::NotTried(without_a_sandbox(protection, answers.control));
    };
    let gap = |excuses: fn(Gap) -> bool| known_gap(protection, enforcement, abi, excuses);
    let granted = answers.granted.filter(|granted| !protection.is_passed_by(*granted));
    if protection.is_passed_by(inside) {
        let failed = || State::Failed("it was not refused".to_owned());
        gap(|gap| gap != Gap::Refer).map_or_else(failed, State::Gap)
    } else if !protection.is_refused_by(inside) {
        State::NotTried(words(inside))
    } else if let Some(granted) = granted {
        let met = format!("where it is granted, too: {}", words(granted));
        match gap(|gap| gap == Gap::Refer) {
            Some(gap) => State::Gap(gap),
            None if protection.is_refused_by(granted) => State::Failed(met),
            None => State::NotTried(met),
        }
    } else {
        State::Enforced(mechanism(protection, answers, abi))
    }
}

fn without_a_sandbox(protection: &Protection, control: Answer) -> String {
    let met = words(control);
    let is_denied = matches!(control, Answer::Met(libc::EPERM | libc::EACCES));
    if is_denied || protection.is_refused_by(control) {
        format!("refused without nono, too ({met})")
    } else {
        format!("cannot be tried here ({met})")
    }
}

/// The gap that excuses a protection. Without Landlock, or where it is partial, there is one for all
/// that it does. All but one, `refer`, let something through.
fn known_gap(
    protection: &Protection,
    enforcement: &Enforcement,
    abi: u32,
    excuses: fn(Gap) -> bool,
) -> Option<GapReport> {
    let general: &[Gap] = match promised(protection.by, abi) {
        Mechanism::Landlock if abi == 0 => &[Gap::NoLandlock],
        Mechanism::Landlock => &[Gap::Filesystem],
        _ => &[],
    };
    let mut gaps = protection.gaps.iter().chain(general).filter(|gap| excuses(**gap));
    gaps.find_map(|gap| enforcement.gaps.iter().copied().find(|report| report.gap == *gap))
}

/// What refused. Where the lack of capabilities does so in the same way, nothing more is proved.
fn mechanism(protection: &Protection, answers: &Answers, abi: u32) -> Mechanism {
    if answers.unprivileged.is_some() && answers.unprivileged == answers.inside {
        Mechanism::Capabilities
    } else {
        promised(protection.by, abi)
    }
}

/// What shall refuse.
fn promised(by: By, abi: u32) -> Mechanism {
    match by {
        By::Landlock => Mechanism::Landlock,
        By::LandlockFrom(first) if abi >= first => Mechanism::Landlock,
        By::LandlockFrom(_) | By::Seccomp => Mechanism::Seccomp,
        By::Capabilities => Mechanism::Capabilities,
        By::Descriptors => Mechanism::Descriptors,
    }
}

/// An answer for people.
pub(super) fn words(answer: Answer) -> String {
    let error = |errno| {
        let text = std::io::Error::from_raw_os_error(errno).to_string();
        text.split(" (os error").next().unwrap_or_default().to_owned()
    };
    match answer {
        Answer::Met(0) => "it went through".to_owned(),
        Answer::Met(errno) | Answer::NotEntered { errno, .. } => error(errno),
        Answer::Ended(signal) => format!("signal {signal} ended the attempt"),
        Answer::Late => "the attempt did not end in time".to_owned(),
        Answer::NoChild(errno) => format!("no process could be made: {}", error(errno)),
    }
}

#[cfg(test)]
mod tests {
    use super::super::protections::GROUPS;
    use super::*;

    const ABI: u32 = 7;
    const OK: Answer = Answer::Met(0);
    const EACCES: Answer = Answer::Met(libc::EACCES);
    const EPERM: Answer = Answer::Met(libc::EPERM);

    fn find(id: &str) -> &'static Protection {
        GROUPS.iter().flat_map(|group| group.protections).find(|found| found.id == id).unwrap()
    }

    fn judged(id: &str, control: Answer, inside: Answer, granted: Option<Answer>) -> State {
        let inside = find(id).is_passed_by(control).then_some(inside);
        judged_of(id, Answers { control, unprivileged: None, inside, granted })
    }

    fn judged_of(id: &str, answers: Answers) -> State {
        let gaps = [Gap::Metadata].map(|gap| GapReport { gap, detail: "so" }).to_vec();
        judge(find(id), &answers, &Enforcement::new(vec![], gaps), ABI)
    }

    fn is_not_tried(state: &State) -> bool {
        matches!(state, State::NotTried(_))
    }

    fn is_failed(state: &State) -> bool {
        matches!(state, State::Failed(_))
    }

    #[test]
    fn what_is_refused_inside_alone_is_enforced() {
        let state = judged("read", OK, EACCES, Some(OK));
        assert_eq!(state, State::Enforced(Mechanism::Landlock));
        let state = judged("io-uring", Answer::Met(libc::EFAULT), Answer::Met(libc::ENOSYS), None);
        assert_eq!(state, State::Enforced(Mechanism::Seccomp));
    }

    #[test]
    fn what_is_refused_without_a_sandbox_proves_nothing() {
        assert!(is_not_tried(&judged("read", EACCES, EACCES, Some(OK))));
        assert!(is_not_tried(&judged("bpf", EPERM, EPERM, None)));
        assert!(is_not_tried(&judged("udp", Answer::Met(libc::EMFILE), EACCES, None)));
    }

    #[test]
    fn another_error_than_the_sandboxs_own_proves_nothing() {
        assert!(is_not_tried(&judged("read", OK, Answer::Met(libc::EIO), Some(OK))));
        assert!(is_not_tried(&judged("read", OK, EPERM, Some(OK))));
    }

    #[test]
    fn an_attempt_that_did_not_end_proves_nothing() {
        for answer in [Answer::Late, Answer::Ended(11), Answer::NoChild(libc::EAGAIN)] {
            assert!(is_not_tried(&judged("read", OK, answer, Some(OK))), "{answer:?}");
            assert!(is_not_tried(&judged("read", answer, EACCES, Some(OK))), "{answer:?}");
        }
    }

    #[test]
    fn what_goes_through_failed_unless_the_gap_is_known() {
        assert!(is_failed(&judged("read", OK, OK, Some(OK))));
        assert!(is_failed(&judged("signals", OK, OK, Some(OK))));
        assert!(
            matches!(judged("metadata", OK, OK, None), State::Gap(gap) if gap.gap == Gap::Metadata)
        );
    }

    #[test]
    fn what_is_refused_where_it_is_granted_failed() {
        assert!(is_failed(&judged("read", OK, EACCES, Some(EACCES))));
        assert!(is_not_tried(&judged("read", OK, EACCES, Some(Answer::Late))));
    }

    #[test]
    fn a_move_that_is_refused_within_a_grant_is_a_gap_and_one_that_goes_through_is_none() {
        let refer = GapReport { gap: Gap::Refer, detail: "so" };
        let enforcement = Enforcement::new(vec![], vec![refer]);
        let judged = |inside, granted| {
            let (inside, granted) = (Some(inside), Some(granted));
            let answers = Answers { control: OK, unprivileged: None, inside, granted };
            judge(find("rename"), &answers, &enforcement, 1)
        };
        let exdev = Answer::Met(libc::EXDEV);
        assert_eq!(judged(exdev, exdev), State::Gap(refer));
        assert!(is_failed(&judged(OK, OK)));
    }

    #[test]
    fn what_lacks_a_capability_is_not_taken_for_the_work_of_another() {
        let mut answers =
            Answers { control: OK, unprivileged: Some(EPERM), inside: Some(EPERM), granted: None };
        assert_eq!(judged_of("trace", answers), State::Enforced(Mechanism::Capabilities));
        answers.unprivileged = Some(OK);
        assert_eq!(judged_of("trace", answers), State::Enforced(Mechanism::Landlock));
    }

    #[test]
    fn without_landlock_what_it_does_is_one_gap_and_what_seccomp_does_is_none() {
        let gap = |gap| GapReport { gap, detail: "so" };
        let gaps = vec![gap(Gap::NoLandlock), gap(Gap::Metadata)];
        let enforcement = Enforcement::new(vec![], gaps);
        let answers = Answers { control: OK, unprivileged: None, inside: Some(OK), granted: None };
        let judged = |id| judge(find(id), &answers, &enforcement, 0);
        assert_eq!(judged("read"), State::Gap(gap(Gap::NoLandlock)));
        assert_eq!(judged("metadata"), State::Gap(gap(Gap::Metadata)));
        assert!(is_failed(&judged("truncate")) && is_failed(&judged("udp")));
    }

    #[test]
    fn a_partial_file_system_is_a_gap_and_not_a_failure() {
        let gap = GapReport { gap: Gap::Filesystem, detail: "so" };
        let enforcement = Enforcement::new(vec![], vec![gap]);
        let answers = Answers { control: OK, unprivileged: None, inside: Some(OK), granted: None };
        assert_eq!(judge(find("read"), &answers, &enforcement, ABI), State::Gap(gap));
        assert!(is_failed(&judge(find("udp"), &answers, &enforcement, ABI)));
    }
}
