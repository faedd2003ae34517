//! Whom a program runs as.

/// The numbers by which the kernel knows a user: user, group and supplementary groups.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    uid: u32,
    gid: u32,
    groups: Vec<u32>,
}

impl Identity {
    /// An identity, or none if one of the numbers is 4,294,967,295: the kernel takes that for
    /// "leave it as it is" (setresuid(2)), which would leave root's.
    #[must_use]
    pub fn new(uid: u32, gid: u32, groups: Vec<u32>) -> Option<Self> {
        let has_unset = [uid, gid].iter().chain(&groups).any(|&number| number == u32::MAX);
        (!has_unset).then_some(Self { uid, gid, groups })
    }

    /// The user.
    #[must_use]
    pub fn uid(&self) -> u32 {
        self.uid
    }

    /// The user's own group.
    #[must_use]
    pub fn gid(&self) -> u32 {
        self.gid
    }

    /// The supplementary groups.
    #[must_use]
    pub fn groups(&self) -> &[u32] {
        &self.groups
    }

    /// Whether this is the user that owns the system's files.
    #[must_use]
    pub fn is_root(&self) -> bool {
        self.uid == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_that_the_kernel_takes_for_no_change_makes_no_identity() {
        assert!(Identity::new(1, 2, vec![3]).is_some());
        assert_eq!(Identity::new(u32::MAX, 2, vec![]), None);
        assert_eq!(Identity::new(1, u32::MAX, vec![]), None);
        assert_eq!(Identity::new(1, 2, vec![3, u32::MAX]), None);
    }
}
