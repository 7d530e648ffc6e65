//! Which streams a process pulls, and how they stand: at an edge the cameras of its site, at a node those beside it.
//!
//! A list of desired cameras names them; [`Pulls::apply`] makes the sources agree with it, level-triggered: the
//! same list twice changes nothing, and a stream whose settings did not change keeps its session.
//!
//! ```text
//! desired cameras ─▶ plan (pure) ─▶ close, open, keep warm ─▶ sources ─▶ report
//! ```
//!
//! Invariants: one source per (camera, tier); a password is opened here and lives in memory only; every
//! session is permitted by the guardian; the report never holds an address or a secret; what is kept warm stays within
//! the memory that the process was given.

mod plan;
mod pulls;
mod report;
mod warm;

pub use pulls::{Pulls, PullsConfig};
