//! A supervisor on a thread, and its clients.

use std::os::fd::OwnedFd;
use std::thread::{self, JoinHandle};

use nono_core::{ApprovalBackend, AuditSink, CapabilitySet};
use nono_ipc::{Client, Door, SocketTransport, Stopper};
use nono_linux::LinuxOpener;
use nono_supervisor::{AuditSync, Limits, NeverGrantChecker, Supervisor};

use crate::Result;

/// What is never granted here: nothing of it is ever met.
const NEVER: [&str; 3] = ["/etc/shadow", "/root/.ssh", "/root/.gnupg"];

/// A session that nothing limits. It ends when it is dropped.
pub(crate) struct Session {
    door: OwnedFd,
    stopper: Stopper,
    serving: Option<JoinHandle<()>>,
}

impl Session {
    pub(crate) fn new(
        backend: impl ApprovalBackend + 'static,
        sink: impl AuditSink + 'static,
    ) -> Result<Self> {
        let (door, theirs) = Door::new()?;
        let transport = SocketTransport::new()?.with_door(door)?;
        let stopper = transport.stopper()?;
        let limits = Limits { prompts_per_minute: u32::MAX, ..Limits::default() };
        let supervisor = Supervisor::builder("session", CapabilitySet::new())
            .sync(AuditSync::Never)
            .limits(limits)
            .build(
                NeverGrantChecker::new(&NEVER.map(str::to_owned))?,
                backend,
                sink,
                LinuxOpener::default(),
            );
        let serving = thread::spawn(move || {
            if let Err(error) = supervisor.serve(transport) {
                eprintln!("ratios: the supervisor: {error}");
            }
        });
        Ok(Self { door: theirs, stopper, serving: Some(serving) })
    }

    pub(crate) fn client(&self) -> Result<Client> {
        Ok(Client::through(&self.door, String::new())?)
    }

    pub(crate) fn door(&self) -> &OwnedFd {
        &self.door
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.stopper.stop();
        // It has said what went wrong.
        let _ = self.serving.take().map(JoinHandle::join);
    }
}
