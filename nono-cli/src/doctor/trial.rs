//! Trying a protection: without a sandbox, in one, and where the sandbox grants it.

use std::mem::ManuallyDrop;
use std::time::{Duration, Instant};

use rustix::thread::{CapabilitySet as Capabilities, capabilities};

use super::child::{Answer, drop_capabilities, enter, in_child};
use super::judgement::words;
use super::protections::{Need, Protection};
use super::sandboxes::{Kind, Sandboxes};
use super::scene::{At, Place, Scene, terminal};

/// How long one attempt may take, and all of them together: only a hang gets there.
const ATTEMPT: Duration = Duration::from_secs(2);
const ALL: Duration = Duration::from_secs(10);

/// What the attempts met.
#[derive(Debug, Clone, Copy)]
pub(super) struct Answers {
    /// Without a sandbox.
    pub(super) control: Answer,
    /// Without a sandbox and without the capabilities that nono was started with; none where it was
    /// started with none.
    pub(super) unprivileged: Option<Answer>,
    /// In a sandbox; none where the control shows that this would prove nothing.
    pub(super) inside: Option<Answer>,
    /// In a sandbox, at what it grants; none where nothing grants it.
    pub(super) granted: Option<Answer>,
}

/// Everything that attempts take.
pub(super) struct Trials<'a> {
    scene: &'a Scene,
    sandboxes: &'a Sandboxes,
    abi: u32,
    is_privileged: bool,
    end: Instant,
}

impl<'a> Trials<'a> {
    pub(super) fn new(scene: &'a Scene, sandboxes: &'a Sandboxes, abi: u32) -> Self {
        let held = capabilities(None).map_or(Capabilities::empty(), |held| held.permitted);
        let is_privileged = !held.is_empty();
        Self { scene, sandboxes, abi, is_privileged, end: Instant::now() + ALL }
    }

    /// Enters every sandbox; gives the first failure.
    pub(super) fn enter_each(&self) -> Result<(), Answer> {
        let sandboxes = Kind::ALL.into_iter().filter_map(|kind| self.sandboxes.to_enter(kind));
        for sandbox in sandboxes {
            let entered = in_child(self.limit(), || enter(sandbox).err().unwrap_or(Answer::Met(0)));
            if entered != Answer::Met(0) {
                return Err(entered);
            }
        }
        Ok(())
    }

    /// Makes the attempts.
    ///
    /// # Errors
    /// Why none can be made, in words.
    pub(super) fn of(&self, protection: &Protection) -> Result<Answers, String> {
        self.check(protection.need)?;
        let control = self.attempt(protection, Place::Control);
        if !protection.is_passed_by(control) {
            return Ok(Answers { control, unprivileged: None, inside: None, granted: None });
        }
        let is_granted = protection.granted_from.is_some_and(|abi| self.abi >= abi);
        Ok(Answers {
            control,
            unprivileged: self.is_privileged.then(|| self.attempt(protection, Place::Unprivileged)),
            inside: Some(self.attempt(protection, protection.place)),
            granted: is_granted.then(|| self.attempt(protection, Place::Granted)),
        })
    }

    fn attempt(&self, protection: &Protection, place: Place) -> Answer {
        let sandbox = match place {
            Place::Control | Place::Unprivileged => None,
            Place::Outside | Place::Granted => self.sandboxes.to_enter(protection.kind),
        };
        in_child(self.limit(), || {
            // Before the sandbox, where a terminal could not be made.
            let terminal = if protection.need == Need::Terminal { terminal().ok() } else { None };
            if let Some(Err(answer)) = sandbox.map(enter) {
                return answer;
            }
            if place == Place::Unprivileged {
                // They were this process's own, so that they can be dropped.
                let _ = drop_capabilities();
            }
            let at = At { scene: self.scene, place, terminal: ManuallyDrop::new(terminal) };
            (protection.attempt)(&at).into()
        })
    }

    fn check(&self, need: Need) -> Result<(), String> {
        let because = |error: &std::io::Error| {
            let errno = error.raw_os_error().unwrap_or(libc::EIO);
            format!("no socket can be made for it ({})", words(Answer::Met(errno)))
        };
        match need {
            Need::Tcp => self.scene.tcp_error().map_or(Ok(()), |error| Err(because(error))),
            Need::Unix => self.scene.unix_error().map_or(Ok(()), |error| Err(because(error))),
            Need::Root if !rustix::process::geteuid().is_root() => {
                Err("only root could, whatever the sandbox".to_owned())
            }
            Need::Protocol(name) if !is_loaded(name) => {
                Err("the kernel does not have it loaded".to_owned())
            }
            Need::Nothing | Need::Terminal | Need::Root | Need::Protocol(_) => Ok(()),
        }
    }

    /// How long the next attempt may take.
    pub(super) fn limit(&self) -> Duration {
        let left = self.end.saturating_duration_since(Instant::now());
        left.clamp(Duration::from_millis(1), ATTEMPT)
    }
}

/// The first word of a line is the name of a protocol.
fn is_loaded(protocol: &str) -> bool {
    let protocols = std::fs::read_to_string("/proc/net/protocols").unwrap_or_default();
    protocols.lines().any(|line| line.split_whitespace().next() == Some(protocol))
}
