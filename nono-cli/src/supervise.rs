//! Running a program that may ask for more.
//!
//! ```text
//! front ───────────────▶ supervisor ───────▶ program ───▶ its descendants
//! what the shell sees    ancestor of all     in the sandbox, with a door to the supervisor
//! ```
//!
//! The front ends with the program. The supervisor stays until the last descendant is gone.

mod approver;
mod front;
mod link;
mod never_grant;
mod parent;
mod session;

use nono::Command;

use crate::failure::Failure;
use crate::report::Report;
use crate::sys;
use crate::wait::Ended;
use link::link;
pub(crate) use session::{Session, SuperviseArgs};

/// Runs the command under the supervisor of `session` to its end. This process has one thread.
pub(crate) fn run(
    command: Command,
    session: Session,
    meanwhile: impl FnOnce(),
    report: &Report,
) -> Result<Ended, Failure> {
    let system = |call| move |source| Failure::System { call, source };
    let (front, supervisor) = link().map_err(Failure::Ipc)?;
    let parent = rustix::process::getpid();
    match sys::fork().map_err(system("fork"))? {
        Some(_) => {
            drop((supervisor, command, session));
            front::run(front, meanwhile)
        }
        None => {
            drop(front);
            let status = parent::run(command, session, supervisor, parent, report);
            // The front has destructors to run; those of this copy are none of ours.
            std::process::exit(status.into());
        }
    }
}
