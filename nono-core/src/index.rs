//! The grants of a set after merging, and the trie that finds them.

use std::path::Path;

use crate::trie::{NotCanonical, Trie};
use crate::{CapabilityError, Decision, Denial, DeniedPath, FsCapability, Result, Rights, Rule};

/// One granted path after merging: what the kernel is asked to enforce.
#[derive(Debug, Clone, Copy)]
pub struct EffectiveGrant<'a> {
    /// The grant; of several that united, the first.
    pub capability: &'a FsCapability,
    /// What all that united give together.
    pub rights: Rights,
    /// Whether device ioctls are part of it.
    pub device_ioctl: bool,
}

/// Built once a set is complete; the set drops it when it changes.
#[derive(Debug, Clone)]
pub(crate) struct Index {
    merged: Vec<Merged>,
    trie: Trie<Mark>,
}

#[derive(Debug, Clone, Copy)]
struct Merged {
    first: usize,
    rank: u8,
    rights: Rights,
    device_ioctl: bool,
}

/// What is known about one path of the trie; the numbers index `merged` and the denied paths.
#[derive(Debug, Clone, Copy, Default)]
struct Mark {
    grant: Option<u32>,
    denied: Option<u32>,
}

impl Index {
    pub(crate) fn new(grants: &[FsCapability], denied: &[DeniedPath], explicit: bool) -> Self {
        let (merged, trie) = (Vec::with_capacity(grants.len()), Trie::with_capacity(grants.len()));
        let mut index = Self { merged, trie };
        for (first, grant) in grants.iter().enumerate() {
            let merged = Merged {
                first,
                rank: grant.source.rank(),
                rights: grant.rights(explicit),
                device_ioctl: grant.device_ioctl,
            };
            index.add(&grant.resolved, merged);
        }
        for (number, entry) in (0..).zip(denied) {
            for path in [&entry.resolved, &entry.name] {
                // Both are canonical, so there always is a place for them.
                if let Ok(mark) = index.trie.entry(path) {
                    mark.denied.get_or_insert(number);
                }
            }
        }
        index
    }

    /// Grants of one source unite; a stronger source replaces a weaker one.
    fn add(&mut self, path: &Path, grant: Merged) {
        let Ok(mark) = self.trie.entry(path) else {
            return;
        };
        let Some(held) = mark.grant.and_then(|number| self.merged.get_mut(number as usize)) else {
            mark.grant = u32::try_from(self.merged.len()).ok();
            self.merged.push(grant);
            return;
        };
        if grant.rank > held.rank {
            *held = grant;
        } else if grant.rank == held.rank {
            held.rights |= grant.rights;
            held.device_ioctl |= grant.device_ioctl;
        }
    }

    pub(crate) fn effective<'a>(
        &'a self,
        grants: &'a [FsCapability],
    ) -> impl Iterator<Item = EffectiveGrant<'a>> {
        self.merged.iter().map(|merged| EffectiveGrant {
            capability: &grants[merged.first],
            rights: merged.rights,
            device_ioctl: merged.device_ioctl,
        })
    }

    pub(crate) fn decide<'a>(
        &self,
        grants: &'a [FsCapability],
        denied: &'a [DeniedPath],
        path: &Path,
        wanted: Rights,
    ) -> Decision<'a> {
        let mut held = Rights::NONE;
        let mut nearest = None;
        let mut deny = None;
        let walked = self.trie.walk(path, |mark, is_last| {
            deny = deny.or(mark.denied);
            if let Some(grant) = self.grant_at(grants, mark, is_last) {
                held |= grant.rights;
                let helps = grant.rights.intersects(wanted);
                if helps || nearest.is_none() {
                    nearest = Some(grant.first);
                }
            }
        });
        if walked == Err(NotCanonical) {
            return Decision::Denied(Denial::NotCanonical);
        }
        if let Some(number) = deny {
            return Decision::Denied(Denial::DeniedPath(&denied[number as usize].resolved));
        }
        match nearest.map(|first| &grants[first]) {
            None => Decision::Denied(Denial::NoGrant),
            Some(nearest) if held.contains(wanted) => Decision::Allowed(Rule::Grant(nearest)),
            Some(nearest) => Decision::Denied(Denial::Insufficient { nearest, held }),
        }
    }

    /// The grant stored at a node, if it holds for what is below or the path ends here.
    fn grant_at(&self, grants: &[FsCapability], mark: &Mark, is_last: bool) -> Option<&Merged> {
        let merged = self.merged.get(mark.grant? as usize)?;
        (is_last || grants[merged.first].is_dir()).then_some(merged)
    }

    /// Refuses a grant that a stronger source meant to be narrower than a weaker source's grant
    /// above it: the kernel adds the rights of all grants over a path and takes none away.
    pub(crate) fn check_narrowing(&self, grants: &[FsCapability]) -> Result<(), CapabilityError> {
        let Some(lowest) = self.merged.iter().map(|merged| merged.rank).min() else {
            return Ok(());
        };
        for merged in self.merged.iter().filter(|merged| merged.rank > lowest) {
            let narrow = &grants[merged.first];
            let mut wider = None;
            let _ = self.trie.walk(&narrow.resolved, |mark, is_last| {
                if let Some(above) = self.grant_at(grants, mark, false).filter(|_| !is_last) {
                    let exceeds = above.rights.mode().covers(merged.rights.mode())
                        && above.rights.mode() != merged.rights.mode();
                    if above.rank < merged.rank && exceeds {
                        wider = Some(above.first);
                    }
                }
            });
            if let Some(wider) = wider.map(|first| &grants[first]) {
                return Err(CapabilityError::narrowed(narrow, wider));
            }
        }
        Ok(())
    }
}
