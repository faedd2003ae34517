//! A path in JSON: a string where it is UTF-8, else `{"base64": "…"}` of its bytes (RFC 4648).
//!
//! For fields that are a `PathBuf`: `#[serde(with = "path_text")]`, and [`optional`] for an
//! `Option<PathBuf>`.

use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Writes a path.
///
/// # Errors
/// Those of the serializer.
pub fn serialize<S: Serializer>(path: &Path, serializer: S) -> Result<S::Ok, S::Error> {
    PathText(path.to_owned()).serialize(serializer)
}

/// Reads a path.
///
/// # Errors
/// Those of the deserializer, and bytes that are not base64.
pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<PathBuf, D::Error> {
    Ok(PathText::deserialize(deserializer)?.0)
}

/// The same for a path that may be missing.
pub mod optional {
    use super::{Deserialize, Deserializer, PathBuf, PathText, Serialize, Serializer};

    /// Writes a path, or null.
    ///
    /// # Errors
    /// Those of the serializer.
    pub fn serialize<S: Serializer>(
        path: &Option<PathBuf>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        path.clone().map(PathText).serialize(serializer)
    }

    /// Reads a path, or null.
    ///
    /// # Errors
    /// Those of the deserializer, and bytes that are not base64.
    pub fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<PathBuf>, D::Error> {
        Ok(Option::<PathText>::deserialize(deserializer)?.map(|path| path.0))
    }
}

/// A path that serialises, whatever its bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "PathForm", into = "PathForm")]
pub(crate) struct PathText(pub(crate) PathBuf);

#[derive(Clone, Serialize, Deserialize)]
#[serde(untagged)]
enum PathForm {
    Text(String),
    Bytes { base64: String },
}

impl From<PathText> for PathForm {
    fn from(path: PathText) -> Self {
        match path.0.into_os_string().into_string() {
            Ok(text) => Self::Text(text),
            Err(raw) => Self::Bytes { base64: STANDARD.encode(raw.as_bytes()) },
        }
    }
}

impl TryFrom<PathForm> for PathText {
    type Error = base64::DecodeError;

    fn try_from(form: PathForm) -> Result<Self, Self::Error> {
        Ok(Self(match form {
            PathForm::Text(text) => text.into(),
            PathForm::Bytes { base64 } => OsString::from_vec(STANDARD.decode(base64)?).into(),
        }))
    }
}
