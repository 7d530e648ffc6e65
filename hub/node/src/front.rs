//! The HTTP front of a node: WHEP (draft-ietf-wish-whep, with RFC 9725 for PATCH and DELETE) and HLS (RFC 8216 and
//! its second edition, draft-pantos-hls-rfc8216bis).
//!
//! A session is opened by its playback token and carried by a secret: in the `Location` it was answered, or in the
//! URLs of its playlists. Requests under such a secret never ask the owner of the sessions.

use std::sync::Arc;

use axum::{
    Router,
    extract::DefaultBodyLimit,
    routing::{any, get, options, post},
};
use sluice_ids::NodeId;
use sluice_runtime::Clock;
use sluice_webrtc::Engine;
use tokio::sync::watch;

use crate::relay::{Keys, Relay};

mod cors;
mod hls;
mod problem;
#[cfg(test)]
mod stage;
mod token;
mod whep;

pub use cors::Origins;

/// What the front answers from.
#[derive(Clone)]
pub struct Front {
    /// The owner of feeds and sessions.
    pub relay: Relay,
    /// The engine that answers offers.
    pub engine: Engine,
    /// Who signs playback tokens.
    pub keys: watch::Receiver<Arc<Keys>>,
    /// Pages of other origins that may play.
    pub origins: watch::Receiver<Arc<Origins>>,
    /// Tokens name the node they are for.
    pub node: NodeId,
    /// For the expiry of tokens.
    pub clock: Clock,
}

/// The routes under `/whep` and `/hls`, and `/authz` for caches in front of them.
pub fn router(front: Front) -> Router {
    let front = Arc::new(front);
    let opening = Router::new()
        .route("/whep/{camera}/{tier}", post(whep::open).options(whep::describe))
        .route("/whep/r/{secret}", options(whep::describe).patch(whep::trickle).delete(whep::close))
        .route("/hls/{camera}/{tier}/index.m3u8", get(hls::open))
        .method_not_allowed_fallback(problem::method_not_allowed)
        .layer(axum::middleware::from_fn_with_state(Arc::clone(&front), cors::apply))
        .layer(DefaultBodyLimit::max(OFFER_LIMIT));
    // Asked tens of thousands of times a second: nothing is layered around these.
    let carrying =
        Router::new().route("/hls/s/{*rest}", any(hls::serve)).route("/authz", get(hls::authorize));
    opening.merge(carrying).with_state(front)
}

/// An SDP offer of a browser with every codec it knows has 8 kB.
const OFFER_LIMIT: usize = 64 * 1024;
