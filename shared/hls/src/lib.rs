//! Low-latency HLS: access units come in, playlists, parts and segments go out. Pure: no clock, no socket, no task.
//!
//! ```text
//! AccessUnit ─▶ Video: NALs, parameter sets, Shown time ─▶ Grid ─▶ part ─▶ Shelf ─▶ playlist(Video), resource(v…)
//!                 │ key frame at P: cut, discontinuity
//!            ─▶ Audio: frames, silence where none came ──────────▶ part ─▶ Shelf ─▶ playlist(Audio), resource(a…)
//!
//! a segment:  Open (parts come) ─ key frame, restart, end ─▶ Closed ─ window or byte bound ─▶ Gone
//! ```
//!
//! Invariants, each held by a test:
//! - A segment begins with a key frame and ends where the next begins; its first part is INDEPENDENT. Numbers
//!   begin at 1 with a GAP segment of two GAP parts, so that a player finds parts before the open segment
//!   and starts in it at once (hls.js takes parts only behind the first one listed).
//! - Decode times have neither hole nor overlap within a discontinuity: each part begins where the one before it
//!   ended. What cameras do to time (jitter, pauses, leaps) is in the composition offsets.
//! - A part lasts no longer than PART-TARGET, and closes with its last picture, not with the one after it.
//! - What a playlist has said of a part or a segment it says until it leaves.
//! - Memory has a bound, whatever comes.

mod audio;
mod cadence;
mod entry;
mod flac;
mod fragment;
mod init;
mod multivariant;
mod packager;
mod playlist;
mod settings;
mod shelf;
mod skew;
mod timing;
mod video;

pub use packager::{Counters, Packager, PushError, StartError};
pub use settings::{Flavour, Position, Rendition, Resource, Settings, Track};
