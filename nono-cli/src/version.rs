//! `nono --version`.

use std::io::Write;

use nono::PROTOCOL_VERSION;
use nono_linux::{KernelFeatures, Landlock, NEWEST_USED_ABI};

/// Prints one line: nono's own version, the protocol's, and Landlock's on this kernel beside the
/// newest that nono makes use of.
pub(crate) fn print() {
    let line = line(KernelFeatures::probe().landlock);
    // A closed standard output is no reason to fail.
    let _ = writeln!(std::io::stdout(), "{line}");
}

fn line(landlock: Landlock) -> String {
    let here = match landlock {
        Landlock::Abi { version, .. } => format!("Landlock ABI {version} here"),
        Landlock::Missing(_) => "no Landlock here".to_owned(),
    };
    let nono = env!("CARGO_PKG_VERSION");
    format!("nono {nono} (protocol {PROTOCOL_VERSION}, {here}, up to ABI {NEWEST_USED_ABI} known)")
}

#[cfg(test)]
mod tests {
    use nono_linux::MissingLandlock;

    use super::*;

    #[test]
    fn the_version_tells_what_the_kernel_has_of_what_is_known() {
        let own = env!("CARGO_PKG_VERSION");
        let here = line(Landlock::Abi { version: 3, errata: 0 });
        assert_eq!(
            here,
            format!("nono {own} (protocol 1, Landlock ABI 3 here, up to ABI 9 known)")
        );
        let none = line(Landlock::Missing(MissingLandlock::NotBuilt));
        assert_eq!(none, format!("nono {own} (protocol 1, no Landlock here, up to ABI 9 known)"));
    }
}
