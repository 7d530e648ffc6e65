//! Which cameras exist, which of their streams are pulled, and how they stand.
//!
//! The desired document names cameras; [`Cameras::apply`] makes the sources agree with it, level-triggered:
//! the same document twice changes nothing, and a stream whose settings did not change keeps its session.
//!
//! ```text
//! Desired ─▶ plan (pure) ─▶ close, open, keep warm ─▶ sources ─▶ report
//! ```
//!
//! Invariants: one source per (camera, tier); a password is opened here and lives in memory only; the tiers
//! of a camera share one auth breaker; the report never holds an address or a secret.
//! The [`ledger`] keeps the last document over a power cut at any byte.

mod cameras;
pub mod ledger;
mod plan;
mod report;

pub use cameras::{Cameras, CamerasConfig};
