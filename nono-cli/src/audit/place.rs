//! Where journals are when nobody says otherwise.

use std::path::PathBuf;

use crate::failure::Failure;
use crate::floor;

/// `$XDG_STATE_HOME/nono/audit`, by default `~/.local/state/nono/audit` (XDG base directories). No
/// grant of the command reaches it.
pub(crate) fn standard() -> Result<PathBuf, Failure> {
    let state = std::env::var_os("XDG_STATE_HOME").map(PathBuf::from);
    let state = state
        .filter(|path| path.is_absolute())
        .or_else(|| floor::home().map(|home| home.join(".local/state")))
        .ok_or(Failure::NoHome)?;
    Ok(state.join("nono/audit"))
}
