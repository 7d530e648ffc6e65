use axum::{Json, extract::State};
use serde::{Deserialize, Serialize};
use sluice_hub_streams::{Explain as Question, Refusal, RefusalCode};
use utoipa::ToSchema;

use crate::{
    auth::{Right, Who},
    body::Body,
    problem::Problem,
    routes::play::{Because, PlayViewer, PlayWish, TileSize, because, viewer, wish},
    standing,
    state::ApiState,
    validate::Faults,
};

/// For whom and what a decision is to be explained.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct Explain {
    camera_id: String,
    /// What the viewer's program can do.
    #[serde(default)]
    viewer: PlayViewer,
    /// Codecs the viewer decodes, as in `viewer.codecs`, to which they are added.
    #[serde(default)]
    codecs: Vec<String>,
    /// The origin of the page that would play.
    origin: Option<String>,
    tile: Option<TileSize>,
    latency_class: Option<String>,
    protocol: Option<String>,
    tier: Option<String>,
}

/// What would be decided now.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
pub(crate) enum Explained {
    Decided {
        protocol: &'static str,
        tier: &'static str,
        node: String,
        path: &'static str,
        /// Protocols that would play the same stream too, in the order to try.
        fallbacks: Vec<&'static str>,
        why: Vec<Because>,
    },
    Refused {
        problem: Problem,
    },
}

/// What would a viewer get for a camera, and why? Starts nothing.
#[utoipa::path(post, path = "/policy/explain", tag = "play", request_body = Explain, responses(
    (status = 200, body = Explained), (status = 404, body = Problem), (status = 422, body = Problem)))]
pub(crate) async fn explain(
    State(state): State<ApiState>,
    who: Who,
    Body(asked): Body<Explain>,
) -> Result<Json<Explained>, Problem> {
    let tenant = who.needs(Right::Read)?;
    let mut faults = Faults::default();
    let asked_wish = PlayWish {
        tile: asked.tile,
        latency_class: asked.latency_class,
        protocol: asked.protocol,
        tier: asked.tier,
    };
    let wish = wish(&asked_wish, "", &mut faults);
    let mut program = asked.viewer;
    program.codecs.extend(asked.codecs);
    let viewer = viewer(&program, "viewer", &mut faults);
    faults.finish()?;
    let camera = standing::playable(&state, tenant, vec![asked.camera_id]).await?.pop().flatten();
    let unknown = Refusal::new(RefusalCode::CameraUnknown);
    let camera = camera.ok_or_else(|| Problem::refused(&unknown, who.language))?;
    let question = Question { caller: who.caller(), origin: asked.origin, camera, wish, viewer };
    Ok(Json(match state.streams.explain(question).await? {
        Ok(decision) => Explained::Decided {
            protocol: decision.protocol.as_str(),
            tier: decision.tier.as_str(),
            node: decision.node.to_string(),
            path: decision.path.as_str(),
            fallbacks: decision.fallbacks.iter().map(|protocol| protocol.as_str()).collect(),
            why: because(&decision, who.language),
        },
        Err(refusal) => Explained::Refused { problem: Problem::refused(&refusal, who.language) },
    }))
}
