//! A media node: it takes feeds from edges over links and gives them to viewers.
//!
//! ```text
//!  edge ═link═▶ tunnel ─units─▶ relay (demand, sessions) ─frames─▶ engine (WebRTC) ─▶ browser
//!                                 ▲  │                                 ▲
//!                     leases ─────┘  └── state, sessions ─▶ control    └── front: WHEP over HTTP
//! ```
//!
//! It owns: which feeds are subscribed (at most one subscription a feed, whatever the number of viewers),
//! which sessions exist and the secrets that carry them, and which tokens were spent.
//! It goes on serving what it serves while control is away.

mod demand;
mod feed;
pub mod front;
mod hls;
pub mod pull;
pub mod relay;
pub mod tunnel;

pub use feed::FeedKey;
