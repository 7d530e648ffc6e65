//! Who may watch what, how, from where, and the sessions that follow from it.
//!
//! | module | what |
//! |---|---|
//! | [`mod@decide`] | the decision: one pure function from everything known to protocol, tier, node, path, and why |
//! | [`Refusal`], [`Why`] | closed lists of codes with their texts in English and Brazilian Portuguese |
//! | `book` | every session that lives, pure: grants, renewals, ends, and what the node must be told |
//! | `tiers` | which tier a running session is to show, as its tile changes, pure |
//! | [`Streams`] | the handle; its owner task joins the book to the node and to the store |
//!
//! ```text
//! Granted ──token spent──▶ Started ──ICE and DTLS up──▶ Connected ──▶ Ended
//!    └── token never spent ──────────┴── viewer or node or control ends it ──▲
//! ```
//!
//! A session may be played by each protocol it was granted for; one at a time, and the node knows which.
//!
//! Invariants: no media passes here; a token opens one session once; a session is in the store before its token is
//! out; a session that was ended at control is refused at the node from then on.

mod book;
pub mod decide;
mod error;
mod event;
mod handle;
mod metrics;
mod mirror;
mod play;
mod record;
mod refusal;
mod task;
mod tiers;
mod why;

pub use book::{Ending, Hints, Importance, Phase, Qoe, Reach, SessionView};
pub use decide::{Decision, decide};
pub use error::StreamsError;
pub use event::{FeedView, StreamEvent};
pub use handle::{NodePort, Streams, StreamsConfig};
pub use play::{Caller, Explain, Grant, Picture, PlayAnswer, PlayRequest, StartKey, Ticket, Wanted};
pub use refusal::{Help, HelpCode, Refusal, RefusalCode};
pub use why::{Language, Why};
