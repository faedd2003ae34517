//! An entry carved out of the grants around it.

use std::path::{Path, PathBuf};

use crate::{CapabilitySource, Result, lookup};

/// A path that stays closed, with all below it, whatever grants cover it.
///
/// The entry need not exist: then the longest existing part is resolved and the rest kept as it is
/// spelled. Where the last component is a symlink both are denied, the link and what it leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeniedPath {
    pub(crate) original: PathBuf,
    pub(crate) name: PathBuf,
    pub(crate) resolved: PathBuf,
    pub(crate) source: CapabilitySource,
}

impl DeniedPath {
    /// Denies `path` on behalf of `source`.
    ///
    /// # Errors
    /// [`NonoError::PathCanonicalization`](crate::NonoError::PathCanonicalization) when the part
    /// that exists cannot be resolved.
    pub fn new(path: impl AsRef<Path>, source: CapabilitySource) -> Result<Self> {
        let original = path.as_ref().to_owned();
        let resolved = lookup::resolve_existing_part(&original)?;
        let absolute = lookup::absolute(&original)?;
        let name = match (absolute.parent(), absolute.file_name()) {
            (Some(parent), Some(last)) => lookup::resolve_existing_part(parent)?.join(last),
            _ => resolved.clone(),
        };
        Ok(Self { original, name, resolved, source })
    }

    /// The path as it was spelled.
    #[must_use]
    pub fn original(&self) -> &Path {
        &self.original
    }

    /// The absolute path of the entry itself, its last component not followed.
    #[must_use]
    pub fn name(&self) -> &Path {
        &self.name
    }

    /// The absolute path that is denied.
    #[must_use]
    pub fn resolved(&self) -> &Path {
        &self.resolved
    }

    /// Who asked for it.
    #[must_use]
    pub fn source(&self) -> &CapabilitySource {
        &self.source
    }
}
