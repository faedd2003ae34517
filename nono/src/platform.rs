//! The one place that picks a backend.

#[cfg(target_os = "linux")]
pub(crate) use nono_linux::{LinuxBackend as Backend, LinuxPrepared as Prepared, mode_allows};

#[cfg(not(target_os = "linux"))]
pub(crate) use unsupported::{Backend, Prepared, enforced, mode_allows};

/// The set that the kernel is asked for in place of `caps`.
#[cfg(target_os = "linux")]
pub(crate) fn enforced(
    caps: &nono_core::CapabilitySet,
) -> nono_core::Result<nono_core::CapabilitySet> {
    Ok(nono_linux::carve(caps)?.caps().clone())
}

/// How this kernel opens on behalf of a sandboxed program. It looks at the filesystems of the root, the
/// home and the working directory, where most of what is asked for lies.
#[cfg(target_os = "linux")]
#[must_use]
pub fn opener() -> nono_linux::LinuxOpener {
    let home = std::env::var_os("HOME").map(std::path::PathBuf::from);
    let temporary = std::env::temp_dir();
    let here = std::env::current_dir().ok();
    let paths = [home.as_deref(), here.as_deref(), Some(&*temporary), Some("/".as_ref())];
    nono_linux::LinuxOpener::default().knowing(paths.into_iter().flatten())
}

#[cfg(not(target_os = "linux"))]
mod unsupported {
    use std::collections::BTreeSet;
    use std::convert::Infallible;
    use std::env::consts::OS;
    use std::path::Path;

    use nono_core::{
        CapabilitySet, EnforceError, Enforcement, Identity, NonoError, Privilege, Result, Rights,
        SandboxBackend, SupportInfo,
    };

    /// Nobody is asked for anything.
    pub(crate) fn enforced(_: &CapabilitySet) -> Result<CapabilitySet> {
        Err(NonoError::UnsupportedPlatform(OS))
    }

    /// What cannot be told is allowed.
    pub(crate) fn mode_allows(_: &Path, _: Rights, _: &BTreeSet<Privilege>) -> bool {
        true
    }

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
