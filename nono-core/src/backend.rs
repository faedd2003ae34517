//! What an operating system's backend provides.

use std::fmt;
use std::path::PathBuf;

use crate::{CapabilitySet, Gap, Result};

/// Turns a set of capabilities into something the kernel can be asked to enforce.
///
/// A port to another kernel implements this and [`Prepared`].
pub trait SandboxBackend {
    /// What [`prepare`](Self::prepare) makes.
    type Prepared: Prepared;

    /// Whether, and by what, sandboxes are enforced here.
    fn support_info(&self) -> SupportInfo;

    /// Opens, allocates and checks everything, so that nothing but system calls is left to do.
    ///
    /// # Errors
    /// A path that changed, a gap that was not allowed, a set that contradicts itself, a system
    /// call that failed.
    fn prepare(&self, capabilities: &CapabilitySet) -> Result<Self::Prepared>;
}

/// A sandbox that is ready to be entered.
pub trait Prepared {
    /// What [`enforce`](Self::enforce) will achieve, and what it will not.
    fn enforcement(&self) -> &Enforcement;

    /// Restricts the calling thread, for good; children inherit it. Where the documentation of the
    /// implementation says so, it may be called between fork and exec of a threaded program.
    ///
    /// # Errors
    /// The step that failed and the system's error number. The caller must not go on: part of the
    /// sandbox may be in place.
    fn enforce(&self) -> Result<(), EnforceError>;

    /// Restricts the whole process, for good.
    ///
    /// # Errors
    /// As [`enforce`](Self::enforce), and [`NonoError::Threads`](crate::NonoError::Threads) when
    /// there are threads that would stay outside.
    fn enforce_process(&self) -> Result<()>;
}

/// What a prepared sandbox enforces and what it leaves open.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[must_use]
#[non_exhaustive]
pub struct Enforcement {
    /// What enforces it, in words: `Landlock ABI 7`.
    pub mechanisms: Vec<String>,
    /// What stays open, each with the reason.
    pub gaps: Vec<GapReport>,
    /// Directories inside a grant that cannot be listed, and in which what is made later is not
    /// granted, because something in them is denied and the kernel cannot say it otherwise.
    pub carved: Vec<PathBuf>,
    /// The set that the kernel is asked for instead, where something in a grant is denied.
    pub carved_set: Option<CapabilitySet>,
}

impl Enforcement {
    /// An enforcement by `mechanisms` that leaves `gaps`.
    pub fn new(mechanisms: Vec<String>, gaps: Vec<GapReport>) -> Self {
        Self { mechanisms, gaps, carved: Vec::new(), carved_set: None }
    }

    /// Whether nothing is known to be left open.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.gaps.is_empty()
    }
}

/// A gap and why it is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GapReport {
    /// What stays open.
    pub gap: Gap,
    /// Why, in one clause.
    pub detail: &'static str,
}

impl fmt::Display for GapReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} ({})", self.gap, self.gap.meaning(), self.detail)
    }
}

/// Whether sandboxes can be enforced on this system.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SupportInfo {
    /// Whether file access can be restricted here.
    pub is_supported: bool,
    /// The operating system: `linux`, `macos`.
    pub platform: &'static str,
    /// What enforces, or why nothing can, in words.
    pub details: String,
}

impl SupportInfo {
    /// Support, or the lack of it, on `platform`.
    #[must_use]
    pub fn new(is_supported: bool, platform: &'static str, details: String) -> Self {
        Self { is_supported, platform, details }
    }
}

/// The step of putting a sandbox in place that failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
#[non_exhaustive]
pub enum EnforceStep {
    /// Setting the no_new_privs attribute.
    NoNewPrivileges = 1,
    /// Entering the Landlock domain.
    Landlock = 2,
    /// Installing the system call filter.
    Seccomp = 3,
    /// Dropping capabilities.
    Capabilities = 4,
    /// Closing inherited descriptors.
    Descriptors = 5,
    /// Applying a profile.
    Profile = 6,
    /// Becoming another user.
    Identity = 7,
}

impl EnforceStep {
    /// The step with this number, for what came over a pipe.
    #[must_use]
    pub fn from_number(number: u8) -> Option<Self> {
        const STEPS: [EnforceStep; 7] = [
            EnforceStep::NoNewPrivileges,
            EnforceStep::Landlock,
            EnforceStep::Seccomp,
            EnforceStep::Capabilities,
            EnforceStep::Descriptors,
            EnforceStep::Profile,
            EnforceStep::Identity,
        ];
        STEPS.into_iter().find(|step| *step as u8 == number)
    }
}

/// A step that failed; plain numbers, since it is made where nothing may be allocated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EnforceError {
    /// Which step.
    pub step: EnforceStep,
    /// The system's error number.
    pub errno: i32,
}

impl fmt::Display for EnforceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let step = match self.step {
            EnforceStep::NoNewPrivileges => "setting no_new_privs",
            EnforceStep::Landlock => "entering the Landlock domain",
            EnforceStep::Seccomp => "installing the system call filter",
            EnforceStep::Capabilities => "dropping capabilities",
            EnforceStep::Descriptors => "closing inherited descriptors",
            EnforceStep::Profile => "applying the profile",
            EnforceStep::Identity => "becoming the user",
        };
        write!(f, "{step}: {}", std::io::Error::from_raw_os_error(self.errno))
    }
}

impl std::error::Error for EnforceError {}
