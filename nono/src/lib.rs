//! Capability-based sandboxing library using Landlock (Linux) and Seatbelt (macOS).
