//! Seatbelt enforcement for nono: turns a `CapabilitySet` into a sandbox profile and applies it.
//!
//! ```text
//! CapabilitySet ──profile──▶ SBPL text ──enforce (in a trampoline process)──▶ sandbox_init(3)
//! ```
//!
//! The crate holds no code yet. It will implement `nono_core::SandboxBackend` for macOS; until it
//! does, the facade answers `UnsupportedPlatform` there and starts nothing.
