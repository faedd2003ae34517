//! Grants as flags and as the keys of a file: one struct, so that the two cannot drift apart.

use std::path::{Path, PathBuf};

use clap::ValueHint;
use nono::{AccessMode, Exemption, FsCapability, Gap, PortRange, Privilege, Result};
use serde::Deserialize;

use crate::names;

/// What one source asks for.
#[derive(Debug, Default, PartialEq, clap::Args, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub(crate) struct Grants {
    /// Grant reading and writing a directory
    #[arg(short = 'a', long, value_name = "DIR", value_hint = ValueHint::DirPath, help_heading = "Grants")]
    pub(crate) allow: Vec<PathBuf>,
    /// Grant reading a directory
    #[arg(short = 'r', long, value_name = "DIR", value_hint = ValueHint::DirPath, help_heading = "Grants")]
    pub(crate) read: Vec<PathBuf>,
    /// Grant writing a directory
    #[arg(short = 'w', long, value_name = "DIR", value_hint = ValueHint::DirPath, help_heading = "Grants")]
    pub(crate) write: Vec<PathBuf>,
    /// Grant reading and writing a file
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, help_heading = "Grants")]
    pub(crate) allow_file: Vec<PathBuf>,
    /// Grant reading a file
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, help_heading = "Grants")]
    pub(crate) read_file: Vec<PathBuf>,
    /// Grant writing a file
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, help_heading = "Grants")]
    pub(crate) write_file: Vec<PathBuf>,
    /// Grant reading and writing the program's working directory
    #[arg(long, help_heading = "Grants")]
    pub(crate) allow_cwd: bool,
    /// Grant executing a file, or the files below a directory
    #[arg(long, value_name = "PATH", help_heading = "Grants")]
    pub(crate) exec: Vec<PathBuf>,
    /// Grant terminals other than the program's own: it may then read and fake what is typed there
    #[arg(long, help_heading = "Grants")]
    pub(crate) allow_pty: bool,

    /// Keep a path closed inside the grants around it
    #[arg(long, value_name = "PATH", help_heading = "Grants")]
    pub(crate) deny: Vec<PathBuf>,

    /// Block the network: TCP, UDP, raw and every other kind of socket
    #[arg(long, help_heading = "Network")]
    pub(crate) net_block: bool,
    /// Allow connecting to TCP ports of any host, 443 or 8000-8999; what is not granted is blocked
    #[arg(long, value_name = "PORTS", help_heading = "Network")]
    pub(crate) allow_connect: Vec<PortRange>,
    /// Allow listening on TCP ports; what is not granted is blocked
    #[arg(long, value_name = "PORTS", help_heading = "Network")]
    pub(crate) allow_bind: Vec<PortRange>,
    /// Allow Unix sockets: before Linux 7.1 they reach every service of the user, such as D-Bus,
    /// which will run any program outside the sandbox
    #[arg(long, help_heading = "Network")]
    pub(crate) allow_unix: bool,

    /// Allow user namespaces, which hold every capability over kernel code few others reach
    #[arg(long, help_heading = "Exemptions from what every sandbox refuses")]
    pub(crate) allow_userns: bool,
    /// Allow set-id bits: the program can leave behind files that run as their owner
    #[arg(long, help_heading = "Exemptions from what every sandbox refuses")]
    pub(crate) allow_setid: bool,
    /// Allow io_uring, which opens files and sockets past the rules on system calls
    #[arg(long, help_heading = "Exemptions from what every sandbox refuses")]
    pub(crate) allow_io_uring: bool,
    /// Allow the kernel's key rings, which hold keys of the same user
    #[arg(long, help_heading = "Exemptions from what every sandbox refuses")]
    pub(crate) allow_keyrings: bool,
    /// Allow userfaultfd, which helps to win races in the kernel
    #[arg(long, help_heading = "Exemptions from what every sandbox refuses")]
    pub(crate) allow_userfaultfd: bool,
    /// Allow perf_event_open, which shows what other programs do
    #[arg(long, help_heading = "Exemptions from what every sandbox refuses")]
    pub(crate) allow_perf: bool,
    /// Allow loading BPF programs into the kernel
    #[arg(long, help_heading = "Exemptions from what every sandbox refuses")]
    pub(crate) allow_bpf: bool,
    /// Allow file leases, which hold up whoever opens the file
    #[arg(long, help_heading = "Exemptions from what every sandbox refuses")]
    pub(crate) allow_lease: bool,
    /// Allow scheduling, affinity and priorities of other processes, and of threads by number
    #[arg(long, help_heading = "Exemptions from what every sandbox refuses")]
    pub(crate) allow_scheduling: bool,
    /// Allow setting resource limits of other processes
    #[arg(long, help_heading = "Exemptions from what every sandbox refuses")]
    pub(crate) allow_prlimit: bool,
    /// Allow setting the clock of the machine
    #[arg(long, help_heading = "Exemptions from what every sandbox refuses")]
    pub(crate) allow_clock: bool,

    /// Allow System V IPC, which reaches shared memory and queues of other programs of the user
    #[arg(long, help_heading = "Exemptions from what every sandbox refuses")]
    pub(crate) allow_sysv_ipc: bool,

    /// Let reading a file no longer imply executing it; see --exec
    #[arg(long, help_heading = "Sandbox")]
    pub(crate) explicit_exec: bool,
    /// Leave out the base set: system programs and libraries, /proc, a private TMPDIR, and the
    /// program itself
    #[arg(long, help_heading = "Sandbox")]
    pub(crate) no_base: bool,
    /// Run although the kernel cannot enforce this; the message that refuses names the gap
    #[arg(
        long,
        value_name = "NAME",
        help_heading = "Sandbox",
        value_parser = names::gaps(),
        hide_possible_values = true
    )]
    pub(crate) allow_gap: Vec<Gap>,
    /// As root, leave the program this capability, named as in capabilities(7); all others are
    /// taken away
    #[arg(
        long,
        value_name = "NAME",
        help_heading = "Sandbox",
        value_parser = names::privileges(),
        ignore_case = true,
        hide_possible_values = true
    )]
    pub(crate) keep_cap: Vec<Privilege>,
    /// As root, run the program as this user of /etc/passwd
    #[arg(long, value_name = "NAME", value_hint = ValueHint::Username, help_heading = "Sandbox")]
    pub(crate) user: Option<String>,
    /// Start the program in this directory
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath, help_heading = "Sandbox")]
    pub(crate) workdir: Option<PathBuf>,
}

/// The paths of one flag, and what it makes of each.
pub(crate) struct PathFlag<'a> {
    pub(crate) name: &'static str,
    pub(crate) paths: &'a [PathBuf],
    pub(crate) grant: fn(&Path) -> Result<FsCapability>,
    /// What the flag expects, for messages.
    pub(crate) expects: &'static str,
}

impl Grants {
    /// The flags that take paths.
    pub(crate) fn path_flags(&self) -> [PathFlag<'_>; 7] {
        use AccessMode::{Read, ReadWrite, Write};
        let directory = |name, paths, grant| PathFlag { name, paths, grant, expects: "path" };
        let file = |name, paths, grant| PathFlag { name, paths, grant, expects: "file" };
        [
            directory("--allow", &self.allow, |path| FsCapability::new_dir(path, ReadWrite)),
            directory("--read", &self.read, |path| FsCapability::new_dir(path, Read)),
            directory("--write", &self.write, |path| FsCapability::new_dir(path, Write)),
            file("--allow-file", &self.allow_file, |path| FsCapability::new_file(path, ReadWrite)),
            file("--read-file", &self.read_file, |path| FsCapability::new_file(path, Read)),
            file("--write-file", &self.write_file, |path| FsCapability::new_file(path, Write)),
            directory("--exec", &self.exec, |path| FsCapability::new_executable(path)),
        ]
    }

    /// The exemptions that are asked for.
    pub(crate) fn exemptions(&self) -> impl Iterator<Item = Exemption> {
        let flags = [
            (self.allow_userns, Exemption::Userns),
            (self.allow_setid, Exemption::Setid),
            (self.allow_io_uring, Exemption::IoUring),
            (self.allow_keyrings, Exemption::Keyrings),
            (self.allow_userfaultfd, Exemption::Userfaultfd),
            (self.allow_perf, Exemption::Perf),
            (self.allow_bpf, Exemption::Bpf),
            (self.allow_lease, Exemption::Lease),
            (self.allow_scheduling, Exemption::Scheduling),
            (self.allow_prlimit, Exemption::Prlimit),
            (self.allow_clock, Exemption::Clock),
            (self.allow_sysv_ipc, Exemption::SysvIpc),
        ];
        flags.into_iter().filter_map(|(asked, exemption)| asked.then_some(exemption))
    }

    /// Every path that was written down.
    pub(crate) fn paths_mut(&mut self) -> impl Iterator<Item = &mut PathBuf> {
        let lists = [
            &mut self.allow,
            &mut self.read,
            &mut self.write,
            &mut self.allow_file,
            &mut self.read_file,
            &mut self.write_file,
            &mut self.exec,
            &mut self.deny,
        ];
        lists.into_iter().flatten().chain(&mut self.workdir)
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[derive(Debug, clap::Parser)]
    struct Flags {
        #[command(flatten)]
        grants: Grants,
    }

    #[test]
    fn every_exemption_has_a_flag_that_asks_for_it() {
        for exemption in Exemption::ALL {
            let flag = format!("--allow-{exemption}");
            let flags = <Flags as clap::Parser>::try_parse_from(["nono", &flag]).unwrap();
            assert_eq!(flags.grants.exemptions().collect::<Vec<_>>(), [exemption]);
        }
    }

    #[test]
    fn the_keys_of_a_file_are_the_names_of_the_flags() {
        for flag in Flags::command().get_arguments().filter_map(clap::Arg::get_long) {
            let value = match flag {
                "help" => continue,
                "allow-gap" => "['signals']",
                "allow-connect" | "allow-bind" => "[443, '8000-8001']",
                "workdir" => "'/'",
                "keep-cap" => "['chown']",
                "user" => "'nobody'",
                _ if Flags::command()
                    .get_arguments()
                    .any(|arg| arg.get_long() == Some(flag) && arg.get_action().takes_values()) =>
                {
                    "['/a']"
                }
                _ => "true",
            };
            let read: Result<Grants, _> = toml::from_str(&format!("{flag} = {value}"));
            assert_ne!(read.unwrap_or_else(|error| panic!("{flag}: {error}")), Grants::default());
        }
    }
}
