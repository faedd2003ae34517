//! Landlock and seccomp enforcement for nono.
