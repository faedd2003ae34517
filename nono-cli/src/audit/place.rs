//! Where journals are when nobody says otherwise.

use std::path::PathBuf;

use nono::user;

use crate::failure::Failure;

/// `$XDG_STATE_HOME/nono/audit`, by default `~/.local/state/nono/audit` (XDG base directories). No
/// grant of the command reaches it.
pub(crate) fn standard() -> Result<PathBuf, Failure> {
    let absolute =
        |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let home = || absolute("HOME").or_else(|| user::recorded_home().ok());
    let state = absolute("XDG_STATE_HOME")
        .or_else(|| home().map(|home| home.join(".local/state")))
        .ok_or(Failure::NoHome)?;
    Ok(state.join("nono/audit"))
}
