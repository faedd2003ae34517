//! Network modes.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What of the network a sandbox may use, beside the ports granted one by one.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[non_exhaustive]
pub enum NetworkMode {
    /// Nothing but granted ports.
    Blocked,
    /// Everything. The default: a caller restricts the network by asking for it.
    #[default]
    AllowAll,
    /// Connections to one port on the loopback address, where a proxy of the caller's listens.
    ProxyOnly {
        /// The proxy's TCP port.
        port: u16,
        /// TCP ports that the program may bind.
        bind_ports: Vec<u16>,
    },
}

impl fmt::Display for NetworkMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Blocked => f.write_str("blocked"),
            Self::AllowAll => f.write_str("unrestricted"),
            Self::ProxyOnly { port, .. } => write!(f, "proxy on port {port} only"),
        }
    }
}
