//! Looking at what is held without waiting for a server.
//!
//! A path that is cached can lead onto a dead network mount, where even fstat(2) and fstatfs(2) wait.
//! Which filesystem a device number stands for is learnt where waiting is allowed, and then relied on
//! for one thing only: that asking it again does not wait.

use std::collections::BTreeSet;
use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex, PoisonError};

use nono_core::pipeline::{PinError, Refusal};
use rustix::fs::{AtFlags, Stat, StatxFlags, fstat, fstatfs, statx};
use rustix::io::Errno;

use super::{not_regular, refused};

/// Filesystems whose files act on the kernel or on processes when they are opened, read or written.
/// Source: linux/magic.h.
const NEVER_OPENED: [u64; 16] = [
    0x9fa0,      // procfs
    0x6e73_6673, // nsfs
    0x0027_e0eb, // cgroup
    0x6367_7270, // cgroup2
    0x7472_6163, // tracefs
    0x6462_6720, // debugfs
    0x7363_6673, // securityfs
    0xcafe_4a11, // bpf
    0x0000_1cd1, // devpts
    0xf97c_ff8c, // selinuxfs
    0x4341_5d53, // smackfs
    0x5a3c_69f0, // apparmorfs
    0x4249_4e4d, // binfmt_misc
    0xde5e_81e4, // efivarfs
    0x0765_5821, // resctrl
    0x6165_676c, // pstore
];

/// Filesystems that answer out of this machine's memory and disks. Source: linux/magic.h.
const LOCAL: [u64; 9] = [
    0xef53,      // ext2, ext3, ext4
    0x5846_5342, // xfs
    0x9123_683e, // btrfs
    0xf2f5_2010, // f2fs
    0x0102_1994, // tmpfs
    0x8584_58f6, // ramfs
    0x794c_7630, // overlayfs, whose layers seldom lie elsewhere
    0xe0f5_e1e2, // erofs
    0x7371_7368, // squashfs
];

/// The devices that were seen to answer at once.
#[derive(Debug, Default, Clone)]
pub(super) struct Ready(Arc<Mutex<BTreeSet<(u32, u32)>>>);

impl Ready {
    /// What the handle's object is. Refuses what lies on a filesystem that is never opened.
    pub(super) fn look(&self, handle: &OwnedFd, may_wait: bool) -> Result<Stat, PinError> {
        let device = device(handle);
        if !may_wait && !device.is_some_and(|device| self.devices().contains(&device)) {
            return Err(PinError::WouldWait);
        }
        let magic = magic(handle).map_err(refused)?;
        let is_refused = NEVER_OPENED.contains(&magic);
        if let Some(device) = device
            && (is_refused || LOCAL.contains(&magic))
        {
            self.devices().insert(device);
        }
        if is_refused {
            let refusal: Refusal =
                not_regular("it lies on a filesystem that is never opened for others");
            return Err(refusal.into());
        }
        Ok(fstat(handle).map_err(refused)?)
    }

    fn devices(&self) -> std::sync::MutexGuard<'_, BTreeSet<(u32, u32)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether what lies on the filesystem of the handle is never opened for others.
pub(super) fn is_never_opened(handle: &OwnedFd) -> Result<bool, Errno> {
    Ok(NEVER_OPENED.contains(&magic(handle)?))
}

fn magic(handle: &OwnedFd) -> Result<u64, Errno> {
    // The field is as wide as the architecture's word; the numbers have 32 bits.
    Ok(u64::try_from(fstatfs(handle)?.f_type & 0xffff_ffff).unwrap_or(0))
}

/// The device's number, without asking the filesystem. Source: `AT_STATX_DONT_SYNC` in statx(2).
fn device(handle: &OwnedFd) -> Option<(u32, u32)> {
    let flags = AtFlags::EMPTY_PATH | AtFlags::STATX_DONT_SYNC;
    let found = statx(handle, c"", flags, StatxFlags::TYPE).ok()?;
    Some((found.stx_dev_major, found.stx_dev_minor))
}
