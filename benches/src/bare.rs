//! Confinement without nono: the opens and Landlock calls alone.

use std::ffi::{CString, OsStr, OsString};
use std::io;
use std::os::fd::AsFd;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::str::FromStr;

use nono::CapabilitySet;
use nono_linux::{KernelFeatures, carve, plan};
use rustix::fs::{Mode, OFlags};

use crate::{Result, sys};

/// What nono plans for a set, as plain numbers and paths.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BareRules {
    handled_fs: u64,
    handled_net: u64,
    scoped: u64,
    paths: Vec<(CString, u64)>,
}

impl BareRules {
    /// The rules that nono would make of `caps` on this kernel. Port rules are left out: what is
    /// measured grants none.
    ///
    /// # Errors
    /// Those of [`plan`].
    pub fn of(caps: &CapabilitySet) -> Result<Self> {
        let carved = carve(caps)?;
        let plan = plan(&carved, &KernelFeatures::probe())?;
        let paths = plan
            .paths
            .iter()
            .map(|rule| Ok((CString::new(rule.path.as_os_str().as_bytes())?, rule.access.bits())));
        Ok(Self {
            handled_fs: plan.handled_fs.bits(),
            handled_net: plan.handled_net.bits(),
            scoped: plan.scopes.bits(),
            paths: paths.collect::<Result<_>>()?,
        })
    }

    /// Restricts this process to them, for good.
    ///
    /// # Errors
    /// The first call that failed.
    pub fn enforce(&self) -> io::Result<()> {
        let ruleset = sys::landlock_create_ruleset(self.handled_fs, self.handled_net, self.scoped)?;
        for (path, access) in &self.paths {
            let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            let object = rustix::fs::open(path, flags, Mode::empty())?;
            sys::landlock_add_path(ruleset.as_fd(), object.as_fd(), *access)?;
        }
        rustix::thread::set_no_new_privs(true)?;
        sys::landlock_restrict_self(ruleset.as_fd())
    }

    /// The rules as arguments of a command: the three numbers, how many paths there are, and each
    /// path after its number.
    #[must_use]
    pub fn to_arguments(&self) -> Vec<OsString> {
        let numbers = [self.handled_fs, self.handled_net, self.scoped];
        let mut arguments: Vec<_> = numbers.iter().map(|bits| bits.to_string().into()).collect();
        arguments.push(self.paths.len().to_string().into());
        for (path, access) in &self.paths {
            arguments.push(access.to_string().into());
            arguments.push(OsStr::from_bytes(path.as_bytes()).to_owned());
        }
        arguments
    }

    /// Takes them back from the front of `arguments`.
    ///
    /// # Errors
    /// Arguments that [`to_arguments`](Self::to_arguments) does not make.
    pub fn from_arguments(arguments: &mut impl Iterator<Item = OsString>) -> Result<Self> {
        let [handled_fs, handled_net, scoped] =
            [number(arguments)?, number(arguments)?, number(arguments)?];
        let count = number::<usize>(arguments)?;
        let paths = (0..count).map(|_| {
            let access = number(arguments)?;
            let path = arguments.next().ok_or("a path is missing")?;
            Ok((CString::new(path.into_vec())?, access))
        });
        let paths = paths.collect::<Result<_>>()?;
        Ok(Self { handled_fs, handled_net, scoped, paths })
    }
}

fn number<T: FromStr>(arguments: &mut impl Iterator<Item = OsString>) -> Result<T> {
    let text = arguments.next().ok_or("a number is missing")?;
    let number = text.to_str().and_then(|text| text.parse().ok());
    Ok(number.ok_or_else(|| format!("not a number: {}", text.display()))?)
}

#[cfg(test)]
mod tests {
    use nono::AccessMode;

    use super::*;

    #[test]
    fn rules_survive_being_arguments_and_leave_the_rest_alone() {
        let caps = CapabilitySet::new()
            .allow_path("/proc", AccessMode::Read)
            .and_then(|caps| caps.allow_file("/dev/null", AccessMode::ReadWrite))
            .unwrap();
        let rules = BareRules::of(&caps).unwrap();
        let mut arguments = rules.to_arguments().into_iter().chain(["true".into()]);

        assert_eq!(BareRules::from_arguments(&mut arguments).unwrap(), rules);
        assert_eq!(arguments.next(), Some("true".into()));
        assert_eq!(rules.paths.len(), 2);
    }

    #[test]
    fn arguments_that_are_cut_short_are_refused() {
        for arguments in [vec![], vec!["1", "2", "3", "1", "4"], vec!["1", "2", "x"]] {
            let mut arguments = arguments.into_iter().map(OsString::from);
            assert!(BareRules::from_arguments(&mut arguments).is_err());
        }
    }
}
