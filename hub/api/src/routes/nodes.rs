use axum::{Json, extract::State};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    auth::{Right, Who},
    page::Page,
    problem::Problem,
    state::ApiState,
};

/// A media node.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct NodeNow {
    id: String,
    name: String,
    created_at: i64,
}

/// The media nodes of this hub.
#[utoipa::path(get, path = "/nodes", tag = "registry", responses(
    (status = 200, body = Page<NodeNow>), (status = 403, body = Problem)))]
pub(crate) async fn list(State(state): State<ApiState>, who: Who) -> Result<Json<Page<NodeNow>>, Problem> {
    who.needs(Right::Operate)?;
    let nodes = state.store.nodes().await?.into_iter();
    let show = |node: sluice_hub_store::Node| NodeNow {
        id: node.id.to_string(),
        name: node.name,
        created_at: node.created_at.0,
    };
    Ok(Json(Page { items: nodes.map(show).collect(), next: None }))
}
