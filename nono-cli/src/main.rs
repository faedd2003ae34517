//! The `nono` command.
fn main() {}
