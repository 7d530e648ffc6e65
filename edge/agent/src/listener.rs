//! `/health`, `/metrics` and `/status` over plain HTTP, for operators on this machine.

use std::sync::Arc;

use axum::{
    Json, Router,
    extract::State,
    http::{StatusCode, header},
    response::IntoResponse,
    routing::get,
};
use serde::Serialize;
use sluice_runtime::Shutdown;
use sluice_wire::control::HealthItem;
use tokio::net::TcpListener;

use crate::{health::Severity, status::StatusDocument, view::View};

#[derive(Serialize)]
struct Health {
    /// `ok`, `degraded` or `failed`.
    status: &'static str,
    items: Vec<HealthItem>,
}

pub(crate) async fn serve(listener: TcpListener, view: Arc<View>, shutdown: Shutdown) {
    let routes = Router::new()
        .route("/health", get(health))
        .route("/metrics", get(metrics))
        .route("/status", get(status))
        .with_state(view);
    let ended =
        axum::serve(listener, routes).with_graceful_shutdown(async move { shutdown.requested().await }).await;
    if let Err(error) = ended {
        tracing::error!(%error, "the private listener ended");
    }
}

/// 503 only for what a person must mend: a hub that is away is not this process's fault.
async fn health(State(view): State<Arc<View>>) -> impl IntoResponse {
    let items = view.health();
    let failed = items.iter().any(|item| item.severity == Severity::Error.as_str());
    let (code, status) = match (failed, items.is_empty()) {
        (true, _) => (StatusCode::SERVICE_UNAVAILABLE, "failed"),
        (false, false) => (StatusCode::OK, "degraded"),
        (false, true) => (StatusCode::OK, "ok"),
    };
    (code, Json(Health { status, items }))
}

async fn metrics(State(view): State<Arc<View>>) -> impl IntoResponse {
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    ([(header::CONTENT_TYPE, kind)], view.metrics.exposition())
}

async fn status(State(view): State<Arc<View>>) -> Json<StatusDocument> {
    Json(view.status())
}
