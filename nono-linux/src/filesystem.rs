//! Filesystems on which Landlock is known to be partial.

use std::os::fd::AsFd;

use nono_core::{Gap, GapReport};

/// The filesystems that grants lie on, each asked for its type once.
#[derive(Debug, Default)]
pub(crate) struct Filesystems {
    devices: Vec<u64>,
    partial: Option<&'static str>,
}

impl Filesystems {
    /// Notes the filesystem of an object that lies on `device`.
    pub(crate) fn look_at(&mut self, object: impl AsFd, device: u64) -> rustix::io::Result<()> {
        if self.devices.contains(&device) {
            return Ok(());
        }
        self.devices.push(device);
        let found = rustix::fs::fstatfs(object)?;
        self.partial = self.partial.or(partial(i128::from(found.f_type)));
        Ok(())
    }

    pub(crate) fn gap(&self) -> Option<GapReport> {
        self.partial.map(|detail| GapReport { gap: Gap::Filesystem, detail })
    }
}

/// Where one object can show up as several inodes, a rule may miss some of them. The numbers are
/// those of linux/magic.h.
fn partial(kind: i128) -> Option<&'static str> {
    match kind {
        0x0102_1997 => Some("9p makes new inodes for the same file"),
        0x6573_5546 => Some("FUSE servers may make new inodes for the same file"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_filesystems_known_to_be_partial_are_reported() {
        assert!(partial(0x0102_1997).is_some());
        assert!(partial(0x6573_5546).is_some());
        assert_eq!(partial(0xEF53), None);
    }

    #[test]
    fn an_ordinary_directory_has_no_gap() {
        let mut filesystems = Filesystems::default();
        filesystems.look_at(std::fs::File::open("/proc").unwrap(), 1).unwrap();
        assert_eq!(filesystems.gap(), None);
    }
}
