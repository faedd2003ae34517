//! Restricting the calling process.

use std::sync::Arc;

use nono_core::{
    CapabilitySet, EnforceError, Enforcement, Prepared as _, Result, SandboxBackend, SupportInfo,
};

use crate::platform::{Backend, Prepared};
use crate::user::User;

/// The way into a sandbox.
///
/// There is no way out: the kernel keeps the restriction until the process ends, and its children
/// inherit it. A process may enter a tighter sandbox later.
#[derive(Debug)]
pub struct Sandbox(());

impl Sandbox {
    /// Restricts the calling process to `caps`, for good.
    ///
    /// # Errors
    /// [`NonoError::GapRefused`](crate::NonoError::GapRefused) when the kernel cannot enforce
    /// something that `caps` asks for and does not waive;
    /// [`NonoError::Threads`](crate::NonoError::Threads) when the process has several threads and
    /// the kernel restricts only the calling one (before Landlock ABI 8, Linux 7.0);
    /// [`NonoError::ObjectChanged`](crate::NonoError::ObjectChanged) when a granted path has been
    /// replaced. After [`NonoError::Enforce`](crate::NonoError::Enforce) part of the restriction
    /// may be in place: the process should end.
    pub fn apply(caps: &CapabilitySet) -> Result<()> {
        Self::prepare(caps)?.apply()
    }

    /// Opens and checks everything that [`PreparedSandbox::apply`] needs.
    ///
    /// # Errors
    /// Those of [`apply`](Self::apply) that are found before anything is restricted.
    pub fn prepare(caps: &CapabilitySet) -> Result<PreparedSandbox> {
        let prepared = Backend::default().prepare(caps)?;
        Ok(PreparedSandbox { prepared: Arc::new(prepared), user: None })
    }

    /// As [`prepare`](Self::prepare), for a process that becomes `user` as it is restricted. For
    /// that it must be root, or have `CAP_SETUID` and `CAP_SETGID`.
    ///
    /// The grants are those that were made: resolved by whoever made them, also where `user` could
    /// not have. What may be done with a granted file is then decided by its mode, for `user`.
    ///
    /// # Errors
    /// Those of [`prepare`](Self::prepare).
    pub fn prepare_for(caps: &CapabilitySet, user: &User) -> Result<PreparedSandbox> {
        let prepared = Backend::default().run_as(user.identity()).prepare(caps)?;
        Ok(PreparedSandbox { prepared: Arc::new(prepared), user: Some(Arc::new(user.clone())) })
    }

    /// Whether file access can be restricted on this system.
    #[must_use]
    pub fn is_supported() -> bool {
        Self::support_info().is_supported
    }

    /// What enforces on this system, or why nothing can.
    #[must_use]
    pub fn support_info() -> SupportInfo {
        Backend::default().support_info()
    }
}

/// A sandbox that has been prepared and restricts nobody yet.
#[derive(Debug, Clone)]
pub struct PreparedSandbox {
    prepared: Arc<Prepared>,
    user: Option<Arc<User>>,
}

impl PreparedSandbox {
    /// What will be enforced, and what stays open.
    pub fn enforcement(&self) -> &Enforcement {
        self.prepared.enforcement()
    }

    /// Whom the restricted process becomes, if it was prepared for another user.
    #[must_use]
    pub fn user(&self) -> Option<&User> {
        self.user.as_deref()
    }

    /// Restricts the calling process, for good.
    ///
    /// # Errors
    /// Those of [`Sandbox::apply`].
    pub fn apply(&self) -> Result<()> {
        self.prepared.enforce_process()
    }

    /// Restricts the calling thread by system calls alone, as is needed after fork.
    pub(crate) fn enforce(&self) -> Result<(), EnforceError> {
        self.prepared.enforce()
    }
}
