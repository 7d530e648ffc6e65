//! The HTTP front of a node: WHEP (draft-ietf-wish-whep, with RFC 9725 for PATCH and DELETE).
//!
//! A session is opened by its playback token and carried by the secret in the `Location` it was answered.

use std::sync::Arc;

use axum::{
    Router,
    routing::{options, post},
};
use sluice_ids::NodeId;
use sluice_runtime::Clock;
use sluice_webrtc::Engine;
use tokio::sync::watch;

use crate::relay::{Keys, Relay};

mod cors;
mod problem;
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

/// The routes under `/whep`.
pub fn router(front: Front) -> Router {
    Router::new()
        .route("/whep/{camera}/{tier}", post(whep::open).options(whep::describe))
        .route("/whep/r/{secret}", options(whep::describe).patch(whep::trickle).delete(whep::close))
        .method_not_allowed_fallback(problem::method_not_allowed)
        .layer(axum::middleware::from_fn_with_state(front.clone(), cors::apply))
        .layer(tower_http::limit::RequestBodyLimitLayer::new(OFFER_LIMIT))
        .with_state(front)
}

/// An SDP offer of a browser with every codec it knows has 8 kB.
const OFFER_LIMIT: usize = 64 * 1024;
