use axum::{Json, extract::State, http::header, response::IntoResponse};
use serde::Serialize;
use utoipa::ToSchema;

use crate::state::ApiState;

/// The hub's time.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Time {
    /// Milliseconds since 1970-01-01T00:00:00Z.
    now_ms: i64,
}

/// The hub's time, for a player to know its own clock's offset. Needs no login.
#[utoipa::path(get, path = "/time", tag = "hub", responses((status = 200, body = Time)), security(()))]
pub(crate) async fn now(State(state): State<ApiState>) -> impl IntoResponse {
    ([(header::CACHE_CONTROL, "no-store")], Json(Time { now_ms: state.now().0 }))
}
