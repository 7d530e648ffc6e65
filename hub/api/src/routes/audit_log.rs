use axum::{Json, extract::State};
use serde::Serialize;
use sluice_hub_store::AuditRow;
use utoipa::ToSchema;

use crate::{
    auth::{Right, Who},
    page::{Asked, ListQuery, Page},
    problem::Problem,
    state::ApiState,
};

/// Something that was done or refused.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AuditNow {
    /// Its number, from 1, without holes.
    seq: u64,
    /// Milliseconds since 1970.
    at: i64,
    /// The id of who did it.
    actor: String,
    action: String,
    /// The id of what it was done to.
    target: String,
    /// `ok`, or the code of the refusal.
    outcome: String,
    detail: serde_json::Value,
    /// SHA-256 over this row and all before it.
    hash: String,
}

/// What was done, newest first.
#[utoipa::path(get, path = "/audit", tag = "access", params(ListQuery), responses(
    (status = 200, body = Page<AuditNow>), (status = 403, body = Problem)))]
pub(crate) async fn list(
    State(state): State<ApiState>,
    who: Who,
    Asked(query): Asked<ListQuery>,
) -> Result<Json<Page<AuditNow>>, Problem> {
    let tenant = who.needs(Right::Audit)?;
    let (limit, before) = (query.limit()?, query.after::<u64>()?);
    let rows = state.store.audit(tenant, before, limit + 1).await?;
    Ok(Json(crate::page::page(rows, limit, |row| row.seq.to_string(), show)))
}

fn show(row: AuditRow) -> AuditNow {
    AuditNow {
        seq: row.seq,
        at: row.at.0,
        actor: row.entry.actor,
        action: row.entry.action,
        target: row.entry.target,
        outcome: row.entry.outcome,
        detail: row.entry.detail,
        hash: hex::encode(row.hash),
    }
}
