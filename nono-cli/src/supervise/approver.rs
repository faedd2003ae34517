//! Who decides about what the program asks for.

use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;

use nono::supervisor::{ApprovalBackend, Chain, DenyAll, PolicyApproval};

use crate::failure::Failure;
use crate::floor;

/// Who decides, as it is typed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Approver {
    /// A file of rules.
    Policy(PathBuf),
    /// Nobody: the answer is no.
    Deny,
}

impl FromStr for Approver {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once('=') {
            Some(("policy", file)) if !file.is_empty() => Ok(Self::Policy(file.into())),
            None if text == "deny" => Ok(Self::Deny),
            _ => Err("policy=FILE or deny".into()),
        }
    }
}

/// The files that decide.
pub(super) fn files(approvers: &[Approver]) -> impl Iterator<Item = &Path> {
    approvers.iter().filter_map(|approver| match approver {
        Approver::Policy(file) => Some(file.as_path()),
        Approver::Deny => None,
    })
}

/// Asks one after the other.
pub(super) fn chain(approvers: &[Approver]) -> Result<Chain, Failure> {
    let home = floor::home();
    let backends = approvers.iter().map(|approver| -> Result<Arc<dyn ApprovalBackend>, Failure> {
        Ok(match approver {
            Approver::Policy(file) => {
                Arc::new(PolicyApproval::load(file, home.as_deref()).map_err(Failure::Policy)?)
            }
            Approver::Deny => Arc::new(DenyAll),
        })
    });
    Ok(Chain::new(backends.collect::<Result<_, _>>()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_approver_is_a_word_and_what_belongs_to_it() {
        assert_eq!("deny".parse(), Ok(Approver::Deny));
        assert_eq!("policy=a=b.toml".parse(), Ok(Approver::Policy("a=b.toml".into())));
        for wrong in ["", "policy", "policy=", "deny=1", "terminal"] {
            assert!(wrong.parse::<Approver>().is_err(), "{wrong}");
        }
    }
}
