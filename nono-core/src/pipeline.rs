//! The life of a request, as types that hold its order fast.
//!
//! ```text
//! Transport ──Submission──▶ Desk
//!     Opener::pin ──▶ Pinned ──vet──▶ Vetted ──approve──▶ Approved ──▶ Opener::open ──▶ Opened
//!                                                            └────────── confirm ────────┘
//! Responder ◀── wire::Response, descriptor
//! ```
//!
//! A path is resolved once, into a handle; whatever follows acts on the handle. Only `vet` makes a
//! [`Vetted`], only `approve` an [`Approved`], and opening takes nothing less.

mod approved;
mod opener;
mod pinned;
mod refusal;
mod transport;
mod vetted;

pub use approved::Approved;
pub use opener::{Asked, Opened, Opener, PinError};
pub use pinned::{ObjectKind, Pinned};
pub use refusal::Refusal;
pub use transport::{Desk, Responder, Submission, Transport, Undelivered};
pub use vetted::{Purpose, Subject, Vet, Vetted};
