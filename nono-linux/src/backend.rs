//! Linux as a backend of nono.

use std::borrow::Cow;

use nono_core::{CapabilitySet, Identity, Result, SandboxBackend, SupportInfo};

use crate::carve::carve;
use crate::identity::User;
use crate::plan::plan;
use crate::prepare::LinuxPrepared;
use crate::probe::KernelFeatures;

/// Enforces by Landlock and seccomp.
#[derive(Debug, Clone)]
pub struct LinuxBackend {
    features: KernelFeatures,
    user: Option<User>,
}

impl LinuxBackend {
    /// A backend for the running kernel.
    #[must_use]
    pub fn new() -> Self {
        Self::with_features(KernelFeatures::probe())
    }

    /// A backend that takes `features` for the kernel's. Preparing fails where they promise more
    /// than the running kernel holds; it never enforces less than they say.
    #[must_use]
    pub fn with_features(features: KernelFeatures) -> Self {
        Self { features, user: None }
    }

    /// Has what is prepared from now on become this user before it is restricted, and lose the
    /// capabilities that changing users takes. Works where the process has `CAP_SETUID` and
    /// `CAP_SETGID`, as root has; else enforcing fails.
    #[must_use]
    pub fn run_as(mut self, identity: &Identity) -> Self {
        self.features.root = identity.is_root();
        self.user = Some(identity.into());
        self
    }

    /// What the planner is told of the kernel.
    #[must_use]
    pub fn features(&self) -> &KernelFeatures {
        &self.features
    }
}

impl Default for LinuxBackend {
    fn default() -> Self {
        Self::new()
    }
}

impl SandboxBackend for LinuxBackend {
    type Prepared = LinuxPrepared;

    fn support_info(&self) -> SupportInfo {
        SupportInfo::new(self.features.abi() > 0, "linux", self.features.landlock.to_string())
    }

    fn prepare(&self, capabilities: &CapabilitySet) -> Result<LinuxPrepared> {
        let carved = carve(capabilities)?;
        let plan = plan(&carved, &self.features)?;
        let mut prepared = LinuxPrepared::new(&plan, self.user.clone(), self.features.abi())?;
        prepared.enforcement.carved = carved.directories;
        if let Cow::Owned(set) = carved.caps {
            prepared.enforcement.carved_set = Some(set);
        }
        Ok(prepared)
    }
}
