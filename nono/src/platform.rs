//! The one place that picks a backend.

#[cfg(target_os = "linux")]
pub(crate) use nono_linux::{LinuxBackend as Backend, LinuxPrepared as Prepared};

#[cfg(not(target_os = "linux"))]
pub(crate) use unsupported::{Backend, Prepared};

/// How this kernel opens on behalf of a sandboxed program.
#[cfg(target_os = "linux")]
#[must_use]
pub fn opener() -> nono_linux::LinuxOpener {
    nono_linux::LinuxOpener::default()
}

#[cfg(not(target_os = "linux"))]
mod unsupported {
    use std::convert::Infallible;
    use std::env::consts::OS;

    use nono_core::{
        CapabilitySet, EnforceError, Enforcement, Identity, NonoError, Result, SandboxBackend,
        SupportInfo,
    };

    /// Refuses to prepare anything.
    #[derive(Debug, Default)]
    pub(crate) struct Backend;

    impl Backend {
        /// Changes nothing: there is nothing to prepare.
        pub(crate) fn run_as(self, _: &Identity) -> Self {
            self
        }
    }

    impl SandboxBackend for Backend {
        type Prepared = Prepared;

        fn support_info(&self) -> SupportInfo {
            SupportInfo::new(false, OS, NonoError::UnsupportedPlatform(OS).to_string())
        }

        fn prepare(&self, _: &CapabilitySet) -> Result<Prepared> {
            Err(NonoError::UnsupportedPlatform(OS))
        }
    }

    /// Never made.
    #[derive(Debug)]
    pub(crate) struct Prepared(Infallible);

    impl nono_core::Prepared for Prepared {
        fn enforcement(&self) -> &Enforcement {
            match self.0 {}
        }

        fn enforce(&self) -> Result<(), EnforceError> {
            match self.0 {}
        }

        fn enforce_process(&self) -> Result<()> {
            match self.0 {}
        }
    }
}
