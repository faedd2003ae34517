//! Whether a sandbox can be enforced, and if not, why and what to do.

use nono::EnforceStep;
use nono_linux::{Landlock, MissingLandlock};

use super::Finding;
use super::child::Answer;
use super::judgement::{State, words};

/// The answer in short.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// A sandbox can be entered and holds.
    Enforced,
    /// There is no Landlock, so that files are not protected.
    NoLandlock(MissingLandlock),
    /// A sandbox cannot be entered.
    NotEntered(Answer),
    /// A protection is other than nono promises.
    Failed,
    /// Reading and writing could not be tried.
    Unproven,
}

/// Without these two nothing is worth the name.
const ESSENTIAL: [&str; 2] = ["read", "write"];

impl Verdict {
    pub(super) fn of(landlock: Landlock, findings: &[Finding]) -> Self {
        let is_proven = |id: &&str| {
            let found = findings.iter().find(|finding| finding.protection.id == *id);
            found.is_some_and(|finding| matches!(finding.state, State::Enforced(_)))
        };
        if findings.iter().any(|finding| matches!(finding.state, State::Failed(_))) {
            Self::Failed
        } else if let Landlock::Missing(why) = landlock {
            Self::NoLandlock(why)
        } else if ESSENTIAL.iter().all(is_proven) {
            Self::Enforced
        } else {
            Self::Unproven
        }
    }

    pub(super) fn is_enforced(self) -> bool {
        self == Self::Enforced
    }

    /// A stable name.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Enforced => "enforced",
            Self::NoLandlock(why) => why.name(),
            Self::NotEntered(answer) if is_filtered(answer) => "filtered",
            Self::NotEntered(_) => "not-entered",
            Self::Failed => "failed",
            Self::Unproven => "unproven",
        }
    }

    /// The same in words, with the next step.
    pub(super) fn words(self) -> String {
        match self {
            Self::Enforced => "a sandbox can be enforced here".to_owned(),
            Self::NoLandlock(why) => {
                format!("a sandbox cannot be enforced here ({}): {}", why.name(), why.advice())
            }
            Self::NotEntered(answer) => {
                format!("a sandbox cannot be entered here: {}", advice(answer))
            }
            Self::Failed => "a sandbox does not hold here as it should; do not rely on it, and \
                 report the protections that failed"
                .to_owned(),
            Self::Unproven => "whether a sandbox holds could not be tried here; set TMPDIR to a \
                 directory on an ordinary file system"
                .to_owned(),
        }
    }
}

/// Whether a step met what filters answer with. The calls are there: Landlock's version was told,
/// and where no filter can be installed the kernel says `EINVAL`.
fn is_filtered(answer: Answer) -> bool {
    matches!(answer, Answer::NotEntered { errno: libc::EPERM | libc::EACCES | libc::ENOSYS, .. })
}

fn advice(answer: Answer) -> String {
    let Answer::NotEntered { step, errno } = answer else { return words(answer) };
    let call = match EnforceStep::from_number(step) {
        Some(EnforceStep::Landlock) => "landlock_restrict_self",
        Some(EnforceStep::Seccomp) => "seccomp",
        Some(EnforceStep::NoNewPrivileges | EnforceStep::Capabilities) => "prctl",
        _ => "prctl and capset",
    };
    match errno {
        _ if is_filtered(answer) => format!(
            "a system call filter refuses {call} to this process, as in a container; allow it in \
             the container's seccomp profile"
        ),
        libc::E2BIG => "too many sandboxes are around this process already; Landlock nests 16 \
             deep; start nono outside of some of them"
            .to_owned(),
        libc::EINVAL => {
            format!("this kernel lacks {call}; use one built with CONFIG_SECCOMP_FILTER")
        }
        _ => format!("{call}: {}", words(answer)),
    }
}
