//! HLS over HTTP: a token opens a session, its secret in every URL carries it.
//!
//! ```text
//! /hls/{camera}/{tier}/index.m3u8?token=…                the multivariant playlist; its children are
//! /hls/s/{secret}/{camera}/{tier}/{run}/{name}           playlists, initialisation sections, parts, segments
//! /hls/s/{secret}                                        DELETE ends the session
//! /authz                                                 asked by caches before each answer from their store
//! ```

mod address;
mod answer;
mod authorize;
mod bundle;
mod children;
mod hold;
mod open;
mod range;
#[cfg(test)]
mod tests;

pub(super) use authorize::authorize;
pub(super) use children::serve;
pub(super) use open::open;
