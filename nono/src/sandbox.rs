//! Restricting the calling process.

use std::sync::Arc;

use nono_core::{
    CapabilitySet, EnforceError, Enforcement, Prepared as _, Result, SandboxBackend, SupportInfo,
};

use crate::platform::{Backend, Prepared};

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
        Ok(PreparedSandbox(Arc::new(Backend::default().prepare(caps)?)))
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
pub struct PreparedSandbox(Arc<Prepared>);

impl PreparedSandbox {
    /// What will be enforced, and what stays open.
    pub fn enforcement(&self) -> &Enforcement {
        self.0.enforcement()
    }

    /// Restricts the calling process, for good.
    ///
    /// # Errors
    /// Those of [`Sandbox::apply`].
    pub fn apply(&self) -> Result<()> {
        self.0.enforce_process()
    }

    /// Restricts the calling thread by system calls alone, as is needed after fork.
    pub(crate) fn enforce(&self) -> Result<(), EnforceError> {
        self.0.enforce()
    }
}
