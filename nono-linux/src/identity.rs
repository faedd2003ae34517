//! Becoming another user.

use nono_core::Identity;
use rustix::io::Errno;
use rustix::process::{Gid, Uid};
use rustix::thread::{
    set_keep_capabilities, set_thread_groups, set_thread_res_gid, set_thread_res_uid,
};

/// The user that a program will run as.
#[derive(Debug, Clone)]
pub(crate) struct User {
    uid: Uid,
    gid: Gid,
    groups: Vec<Gid>,
}

impl From<&Identity> for User {
    fn from(identity: &Identity) -> Self {
        Self {
            uid: Uid::from_raw(identity.uid()),
            gid: Gid::from_raw(identity.gid()),
            groups: identity.groups().iter().copied().map(Gid::from_raw).collect(),
        }
    }
}

impl User {
    /// Makes the calling thread one of this user's, by system calls alone.
    ///
    /// Its permitted capabilities stay, since taking them away in an orderly way needs one of
    /// them: the caller does that next. Source: `PR_SET_KEEPCAPS` of prctl(2).
    ///
    /// # Errors
    /// `EPERM` without `CAP_SETUID` and `CAP_SETGID`.
    pub(crate) fn assume(&self) -> Result<(), Errno> {
        set_keep_capabilities(true)?;
        set_thread_groups(&self.groups)?;
        set_thread_res_gid(self.gid, self.gid, self.gid)?;
        set_thread_res_uid(self.uid, self.uid, self.uid)
    }
}
