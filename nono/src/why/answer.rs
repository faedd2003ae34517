//! What is asked and what is answered, with codes that stay.

use std::path::PathBuf;

use nono_core::{AccessMode, CapabilitySource, FsCapability, PortRange, Rights};

use super::Place;

/// What a program would like to do with a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    /// Read a file or write it, list a directory or change its entries. Writing what does not
    /// exist is making it.
    Access(AccessMode),
    /// Execute a file.
    Execute,
}

impl Operation {
    pub(super) fn rights(self) -> Rights {
        match self {
            Self::Access(mode) => mode.rights(),
            Self::Execute => Rights::READ | Rights::EXECUTE,
        }
    }
}

/// Why the answer is what it is. The [codes](Self::code) are stable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reason {
    /// A grant covers it.
    Granted,
    /// A grant of the same object under another name covers it.
    GrantedByAnotherName,
    /// The network is not restricted.
    Unrestricted,
    /// The port is granted.
    PortGranted,
    /// No grant covers the path.
    NoGrant,
    /// Grants cover the path, but not for this.
    InsufficientAccess,
    /// It lies at or below a path that is denied.
    DeniedPath,
    /// It lies at or below a path that is never granted.
    NeverGrant,
    /// Something in the directory is denied: it cannot be listed, nor can things be made in it.
    CarvedDirectory,
    /// The grant is of the object that was there before.
    ObjectReplaced,
    /// The file may be executed, and what the kernel starts it with may not.
    InterpreterNotGranted,
    /// A directory cannot be executed.
    IsDirectory,
    /// The mode bits or the owner forbid it, in a sandbox or outside.
    FileMode,
    /// The port is not granted.
    PortNotGranted,
}

impl Reason {
    /// The code, for machines.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Granted => "granted",
            Self::GrantedByAnotherName => "granted_by_another_name",
            Self::Unrestricted => "network_unrestricted",
            Self::PortGranted => "port_granted",
            Self::NoGrant => "no_grant",
            Self::InsufficientAccess => "insufficient_access",
            Self::DeniedPath => "denied_path",
            Self::NeverGrant => "never_grant",
            Self::CarvedDirectory => "carved_directory",
            Self::ObjectReplaced => "object_replaced",
            Self::InterpreterNotGranted => "interpreter_not_granted",
            Self::IsDirectory => "is_directory",
            Self::FileMode => "file_mode",
            Self::PortNotGranted => "port_not_granted",
        }
    }

    /// Whether it is a reason to allow.
    #[must_use]
    pub const fn allows(self) -> bool {
        matches!(
            self,
            Self::Granted | Self::GrantedByAnotherName | Self::Unrestricted | Self::PortGranted
        )
    }
}

/// What the truth depends on besides the rules. The [codes](Self::code) are stable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Caveat {
    /// No grant covers mode, owner, times and attributes.
    Metadata,
    /// The file has further names, and the rules at each of them are others.
    HardLinks,
    /// One name of the object is denied, and another is not: the kernel closes it where carving came
    /// across it, and opens it under every name where a grant covers one otherwise.
    DeniedUnderOneName,
    /// The grant is of the file, not of its name: one that is renamed over it is not granted.
    AtomicReplace,
    /// Something in the directory is denied; what is made beside that later is not granted.
    Carving,
    /// Nothing is there; what is made later is covered by grants of its directories alone.
    DoesNotExist,
    /// Mode and owner were judged for the caller, and the program runs as another user.
    OtherUser,
    /// Connecting to a Unix socket is neither reading nor writing it.
    UnixSocket,
    /// Port rules have no address.
    AnyAddress,
    /// The name of a host cannot be looked up over UDP, which is blocked.
    NameLookup,
    /// The sandbox lies in another one, which may refuse more.
    OuterSandbox,
    /// What is known of the sandbox lies where its program may write.
    StateNotProtected,
}

impl Caveat {
    /// The code, for machines.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Metadata => "metadata",
            Self::HardLinks => "hard_links",
            Self::DeniedUnderOneName => "denied_under_one_name",
            Self::AtomicReplace => "atomic_replace",
            Self::Carving => "carving",
            Self::DoesNotExist => "does_not_exist",
            Self::OtherUser => "other_user",
            Self::UnixSocket => "unix_socket",
            Self::AnyAddress => "any_address",
            Self::NameLookup => "name_lookup",
            Self::OuterSandbox => "outer_sandbox",
            Self::StateNotProtected => "state_not_protected",
        }
    }
}

/// One thing that would have to be granted more.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Remedy {
    /// A path.
    Grant(FsCapability),
    /// Connecting to a TCP port, of any address.
    Connect(u16),
    /// Binding a TCP port.
    Bind(u16),
}

/// An answer with the rule behind it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub struct Answer {
    /// Why; it says whether it is allowed, too.
    pub reason: Reason,
    /// Where the path leads; nothing for a port.
    pub place: Option<Place>,
    /// The grant that allows it, or the nearest one that does not suffice.
    pub grant: Option<FsCapability>,
    /// The granted ports that allow it.
    pub ports: Option<PortRange>,
    /// The entry that denies the path or, under another name, its object, and who asked for that.
    pub denied_by: Option<(PathBuf, CapabilitySource)>,
    /// What would allow it, all of it together; nothing where no grant can.
    pub remedies: Vec<Remedy>,
    /// What the truth depends on besides.
    pub caveats: Vec<Caveat>,
}

impl Answer {
    pub(super) fn new(reason: Reason) -> Self {
        Self {
            reason,
            place: None,
            grant: None,
            ports: None,
            denied_by: None,
            remedies: Vec::new(),
            caveats: Vec::new(),
        }
    }
}
