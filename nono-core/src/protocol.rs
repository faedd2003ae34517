//! The version of the supervisor protocol.

/// The highest version of the supervisor protocol that this build speaks. A request without a
/// version speaks 1.
pub const PROTOCOL_VERSION: u32 = 1;
