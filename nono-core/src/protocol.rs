//! What both ends of a connection to a supervisor have to agree on.

/// The version of the protocol that this crate's [`wire`](crate::wire) speaks.
pub const PROTOCOL_VERSION: u32 = 1;

/// The longest path that a request may name, in bytes: `PATH_MAX` without its terminator.
/// Source: limits.h(0p), path_resolution(7).
pub const PATH_MAX: usize = 4095;

/// The longest request id, in bytes. The shortest is one byte.
pub const REQUEST_ID_MAX: usize = 128;
