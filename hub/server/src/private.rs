use axum::{Json, Router, extract::State, http::header, response::IntoResponse, routing::get};
use sluice_hub_node::relay::Relay;
use sluice_runtime::TaskScope;
use sluice_telemetry::Metrics;

/// What the private listener reads.
#[derive(Clone)]
pub(crate) struct Private {
    pub(crate) metrics: Metrics,
    pub(crate) relay: Relay,
    pub(crate) scope: TaskScope,
}

/// `/health` and `/metrics`, for operators only.
pub(crate) fn router(private: Private) -> Router {
    Router::new().route("/health", get(health)).route("/metrics", get(metrics)).with_state(private)
}

async fn health(State(private): State<Private>) -> impl IntoResponse {
    let node = private.relay.status().await;
    Json(serde_json::json!({
        "status": "ok",
        "version": env!("CARGO_PKG_VERSION"),
        "node": node,
        "panics": private.scope.panics(),
    }))
}

async fn metrics(State(private): State<Private>) -> impl IntoResponse {
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    ([(header::CONTENT_TYPE, kind)], private.metrics.exposition())
}
