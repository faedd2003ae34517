//! nono's rights in Landlock's words.

use landlock::{ABI, Access, AccessFs, BitFlags, make_bitflags};
use nono_core::{EffectiveGrant, Rights};

/// The newest version of Landlock's interface that the planner makes use of.
pub const NEWEST_USED: u32 = 9;

/// The version of the interface to ask for on a kernel that offers `version`.
pub(crate) fn used_abi(version: u32) -> ABI {
    ABI::from(i32::try_from(version.min(NEWEST_USED)).unwrap_or(0))
}

/// The file rights that Landlock takes away when it is not told otherwise.
pub(crate) fn handled(abi: ABI, any_unix_path: bool) -> BitFlags<AccessFs> {
    if any_unix_path {
        AccessFs::from_all(abi) & !BitFlags::from(AccessFs::ResolveUnix)
    } else {
        AccessFs::from_all(abi)
    }
}

/// What a grant gives back. Never a right to make devices; ioctls only where the grant says so;
/// connecting to a Unix socket comes with writing, as in unix(7).
pub(crate) fn granted(
    grant: EffectiveGrant<'_>,
    handled: BitFlags<AccessFs>,
) -> BitFlags<AccessFs> {
    let mut access = BitFlags::EMPTY;
    if grant.rights.contains(Rights::READ) {
        access |= make_bitflags!(AccessFs::{ReadFile | ReadDir});
    }
    if grant.rights.contains(Rights::WRITE) {
        access |= make_bitflags!(AccessFs::{
            WriteFile | Truncate | MakeReg | MakeDir | MakeSym | MakeSock | MakeFifo
            | RemoveFile | RemoveDir | Refer | ResolveUnix
        });
    }
    if grant.rights.contains(Rights::EXECUTE) {
        access |= AccessFs::Execute;
    }
    if grant.device_ioctl {
        access |= AccessFs::IoctlDev;
    }
    if grant.capability.is_file() {
        access &= AccessFs::from_file(ABI::V9);
    }
    access & handled
}
