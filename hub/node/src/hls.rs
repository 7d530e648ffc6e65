//! What HLS viewers read: each packaged feed lies on a [`Shelf`], each session has a [`Seat`] at one.
//!
//! ```text
//! relay's pump ─▶ Packager ─lay─▶ Shelf (playlists, parts) ◀─read─ front ◀─ viewers
//!                                                            │
//! relay ─adds, ends─▶ Seats (secret ▸ seat) ◀─looks up, touches
//! ```
//!
//! The pump of a feed alone writes its shelf, the relay alone adds and ends seats. A request takes an `Arc` of what
//! lies there and never asks an owner. What was laid is never changed: a newer state replaces it.

mod metrics;
mod page;
mod seat;
mod shelf;

pub(crate) use metrics::HlsMetrics;
pub(crate) use page::Page;
pub(crate) use seat::{Found, Seat, Seats, Secret, Waiting};
pub(crate) use shelf::{Head, Item, Laid, Media, Name, Reached, Refusal, Shelf, number};
