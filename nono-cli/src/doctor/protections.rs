//! What nono promises to keep a program from, as data: each protection with the attempt that
//! proves it.

mod files;
mod kernel;
mod processes;
mod sockets;

use nono::Gap;
use rustix::io::Errno;

use super::child::Answer;
use super::sandboxes::Kind;
use super::scene::{At, Place};
use super::sys::Met;

/// One protection and how it is tried.
pub(super) struct Protection {
    /// A stable name.
    pub(super) id: &'static str,
    /// What is tried, in words.
    pub(super) tried: &'static str,
    /// What refuses it.
    pub(super) by: By,
    /// The gaps that excuse it.
    pub(super) gaps: &'static [Gap],
    /// The errors with which a sandbox refuses it.
    pub(super) refused: &'static [Errno],
    /// The errors of a call that was not refused, beside none at all.
    pub(super) passed: &'static [Errno],
    /// The sandbox in which it is tried.
    pub(super) kind: Kind,
    /// Where in it.
    pub(super) place: Place,
    /// From which Landlock ABI on the same works at what is granted.
    pub(super) granted_from: Option<u32>,
    /// What must be there for an attempt.
    pub(super) need: Need,
    /// The attempt.
    pub(super) attempt: fn(&At<'_>) -> Met,
}

/// What refuses an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum By {
    /// Landlock, on every version that has what it takes.
    Landlock,
    /// Landlock from this ABI on; below, the system call filter.
    LandlockFrom(u32),
    /// The system call filter.
    Seccomp,
    /// The lack of capabilities.
    Capabilities,
    /// The closing of descriptors at the start of a program.
    Descriptors,
}

/// What an attempt takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Need {
    Nothing,
    /// A terminal of the child's own.
    Terminal,
    /// Listening TCP sockets.
    Tcp,
    /// Unix sockets.
    Unix,
    /// A protocol that the kernel lists in /proc/net/protocols: trying one that it does not have
    /// loaded would have it load a module.
    Protocol(&'static str),
    /// The rights of root.
    Root,
}

/// A subject, in the order in which it is shown.
pub(super) struct Group {
    pub(super) name: &'static str,
    pub(super) protections: &'static [Protection],
}

pub(super) const GROUPS: &[Group] = &[
    Group { name: "files", protections: files::FILES },
    Group { name: "processes", protections: processes::PROCESSES },
    Group { name: "sockets", protections: sockets::SOCKETS },
    Group { name: "kernel", protections: kernel::KERNEL },
];

impl Protection {
    /// What Landlock refuses but where it is granted.
    const fn landlock(id: &'static str, tried: &'static str, attempt: fn(&At<'_>) -> Met) -> Self {
        Self {
            id,
            tried,
            by: By::Landlock,
            gaps: &[],
            refused: &[Errno::ACCESS],
            passed: &[],
            kind: Kind::Closed,
            place: Place::Outside,
            granted_from: Some(1),
            need: Need::Nothing,
            attempt,
        }
    }

    /// What the filter refuses everywhere.
    const fn seccomp(
        id: &'static str,
        tried: &'static str,
        refused: &'static [Errno],
        attempt: fn(&At<'_>) -> Met,
    ) -> Self {
        let by = By::Seccomp;
        Self { by, refused, granted_from: None, ..Self::landlock(id, tried, attempt) }
    }

    /// Whether an attempt with this answer was not refused.
    pub(super) fn is_passed_by(&self, answer: Answer) -> bool {
        answer == Answer::Met(0) || is_among(self.passed, answer)
    }

    /// Whether a sandbox refuses in this way. Another error may have another cause.
    pub(super) fn is_refused_by(&self, answer: Answer) -> bool {
        is_among(self.refused, answer)
    }

    const fn by(self, by: By) -> Self {
        Self { by, ..self }
    }

    const fn gaps(self, gaps: &'static [Gap]) -> Self {
        Self { gaps, ..self }
    }

    const fn refused(self, refused: &'static [Errno]) -> Self {
        Self { refused, ..self }
    }

    const fn passed(self, passed: &'static [Errno]) -> Self {
        Self { passed, ..self }
    }

    const fn inside(self, kind: Kind) -> Self {
        Self { kind, ..self }
    }

    /// Refused also where everything that can be granted is.
    const fn at_granted(self) -> Self {
        Self { place: Place::Granted, granted_from: None, ..self }
    }

    const fn granted_from(self, abi: u32) -> Self {
        Self { granted_from: Some(abi), ..self }
    }

    /// Nothing grants it.
    const fn never_granted(self) -> Self {
        Self { granted_from: None, ..self }
    }

    const fn needs(self, need: Need) -> Self {
        Self { need, ..self }
    }
}

fn is_among(errors: &[Errno], answer: Answer) -> bool {
    errors.iter().any(|errno| answer == Answer::Met(errno.raw_os_error()))
}

/// The error of what std did.
fn met<T>(outcome: std::io::Result<T>) -> Met {
    outcome.map(drop).map_err(|error| Errno::from_io_error(&error).unwrap_or(Errno::IO))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_protection_has_a_name_of_its_own_and_can_be_judged() {
        let all = || GROUPS.iter().flat_map(|group| group.protections);
        let names: BTreeSet<_> = all().map(|protection| protection.id).collect();
        assert_eq!(names.len(), all().count());
        for protection in all() {
            let is_both = |errno| protection.passed.contains(errno);
            assert!(!protection.refused.is_empty(), "{}", protection.id);
            assert!(!protection.refused.iter().any(is_both), "{}", protection.id);
        }
    }
}
