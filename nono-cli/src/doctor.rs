//! `nono doctor`: what is enforced here, proved by trying it.
//!
//! ```text
//! Scene ──▶ Trials: without a sandbox, in one, at what it grants ──judge──▶ Examination ──▶ text
//! ```
//!
//! Each attempt has a child process of its own. What is refused without a sandbox, too, is not taken
//! for the sandbox's work, and what could not be tried is not claimed.

mod child;
mod descriptors;
mod json;
mod judgement;
mod protections;
mod sandboxes;
mod scene;
mod supervision;
mod sys;
#[cfg(test)]
mod tests;
mod trial;
mod verdict;
mod words;

use std::process::ExitCode;

use nono_linux::{KernelFeatures, Landlock};

use crate::failure::Failure;
use crate::report::{Report, print};
use judgement::{State, judge};
use protections::{GROUPS, Protection};
use sandboxes::Sandboxes;
use scene::Scene;
use supervision::FEATURES;
use trial::{Answers, Trials};
use verdict::Verdict;

/// Say what can be enforced here, and prove it by trying
#[derive(Debug, clap::Args)]
#[command(after_help = "\
A protection is enforced, closed by seccomp, a gap (known, and why), or was not tried (and why).

Exit status: 0 when a sandbox can be enforced, 1 when it cannot, 125 when nono failed.")]
pub(crate) struct DoctorArgs {
    /// Write JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// All that was found out.
struct Examination {
    kernel: Kernel,
    findings: Vec<Finding>,
    supervision: Vec<supervision::Finding>,
    verdict: Verdict,
}

/// Where nono runs.
struct Kernel {
    release: String,
    landlock: Landlock,
    /// How many system call filters are around nono already, where /proc tells.
    filters: Option<u32>,
    is_root: bool,
}

/// A protection and what is known of it.
struct Finding {
    group: &'static str,
    protection: &'static Protection,
    state: State,
    answers: Option<Answers>,
}

/// Tries everything and says what happened, on standard output.
pub(crate) fn run(arguments: DoctorArgs) -> ExitCode {
    let examined = examine().and_then(|examination| {
        let text =
            if arguments.json { json::text(&examination) } else { words::text(&examination) };
        print(text.as_bytes())?;
        Ok(ExitCode::from(u8::from(!examination.verdict.is_enforced())))
    });
    examined.unwrap_or_else(|failure| Report::new(false, arguments.json).failed(&failure))
}

fn examine() -> Result<Examination, Failure> {
    sys::see_children();
    let kernel = Kernel::running();
    let scene = Scene::new()?;
    let sandboxes = Sandboxes::prepare(&scene)?;
    let abi = kernel.abi();
    let trials = Trials::new(&scene, &sandboxes, abi);
    let supervision =
        FEATURES.iter().map(|feature| supervision::Finding::of(feature, trials.limit())).collect();
    let (findings, verdict) = match trials.enter_each() {
        Err(answer) => (vec![], Verdict::NotEntered(answer)),
        Ok(()) => {
            let findings = find(&trials, &sandboxes, abi);
            let verdict = Verdict::of(kernel.landlock, &findings);
            (findings, verdict)
        }
    };
    scene.remove()?;
    Ok(Examination { kernel, findings, supervision, verdict })
}

fn find(trials: &Trials<'_>, sandboxes: &Sandboxes, abi: u32) -> Vec<Finding> {
    let all = GROUPS
        .iter()
        .flat_map(|group| group.protections.iter().map(move |protection| (group.name, protection)));
    let finding = |(group, protection): (_, &'static Protection)| {
        let tried = trials.of(protection);
        let state = match (&tried, sandboxes.enforcement(protection.kind)) {
            (Ok(answers), Some(enforcement)) => judge(protection, answers, enforcement, abi),
            (Err(why), _) => State::NotTried(why.clone()),
            (Ok(_), None) => State::NotTried("there is no sandbox for it".to_owned()),
        };
        Finding { group, protection, state, answers: tried.ok() }
    };
    all.map(finding).collect()
}

impl Kernel {
    fn running() -> Self {
        let features = KernelFeatures::probe();
        Self {
            release: rustix::system::uname().release().to_string_lossy().into_owned(),
            landlock: features.landlock,
            filters: filters(),
            is_root: features.root,
        }
    }

    /// The version of Landlock's interface, 0 for none.
    fn abi(&self) -> u32 {
        match self.landlock {
            Landlock::Abi { version, .. } => version,
            Landlock::Missing(_) => 0,
        }
    }
}

/// Source: `Seccomp_filters` of proc_pid_status(5), Linux 5.9.
fn filters() -> Option<u32> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let count = status.lines().find_map(|line| line.strip_prefix("Seccomp_filters:"))?;
    count.trim().parse().ok()
}
