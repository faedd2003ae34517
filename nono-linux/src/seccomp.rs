//! Seccomp filters: what Landlock cannot refuse is refused by system call.
//!
//! ```text
//! FilterSpec ──rules──▶ [Rule] ──compile──▶ Program ──install──▶ kernel
//!                          └──evaluate──▶ Action    = interpret(program), in tests
//! ```
//!
//! Everything but [`install`] is pure and covers x86_64 and aarch64 on every machine.
//!
//! ```
//! use std::collections::BTreeSet;
//!
//! use nono_linux::seccomp::{Arch, FilterSpec, Inet, SocketPolicy, filter};
//!
//! let spec = FilterSpec {
//!     landlock_abi: 7,
//!     sockets: SocketPolicy { inet: Inet::Blocked, unix: false },
//!     exemptions: BTreeSet::new(),
//!     root: false,
//! };
//! let program = filter(&spec, Arch::X86_64)?;
//! assert!(program.listing().starts_with("    load arch\n"));
//! # Ok::<(), nono_linux::seccomp::BpfError>(())
//! ```
//!
//! A known consequence of the baseline: a filter sees a number and cannot tell a thread of the
//! program from a process outside. So `pthread_setaffinity_np`, `pthread_setschedparam` and
//! relatives fail with `EPERM` (thread pinning of OpenMP or a database), and so do prlimit,
//! setpriority and ioprio_set with any pid but 0, unless exempted by name.

mod baseline;
#[doc(hidden)]
pub mod bpf;
#[doc(hidden)]
pub mod compile;
mod data;
#[doc(hidden)]
pub mod differential;
#[doc(hidden)]
pub mod disassemble;
mod filter;
mod install;
#[doc(hidden)]
pub mod interpret;
mod rule;
mod sockets;
mod sys;
mod syscalls;
mod table;

pub use baseline::{BASELINE, Row, Scope};
pub use bpf::{BpfError, Insn};
pub use data::Data;
pub use filter::{FilterSpec, Program, filter, rules};
pub use install::{Threads, install};
pub use rule::{Action, Arg, Condition, Errno, Rule, evaluate};
pub use sockets::{Inet, SocketPolicy};
pub use syscalls::{Arch, Syscall};
