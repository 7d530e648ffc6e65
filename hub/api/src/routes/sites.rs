use axum::{
    Json,
    extract::{Path, State},
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::{Deserialize, Serialize};
use serde_json::json;
use sluice_hub_store::{Site, StoreError, Warm};
use sluice_ids::SiteId;
use utoipa::ToSchema;

use crate::{
    audit::audit,
    auth::{Right, Who},
    body::Body,
    page::{Asked, ListQuery, Page},
    problem::Problem,
    state::ApiState,
    validate::Faults,
};

/// A site.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SiteNow {
    id: String,
    name: String,
    /// Which tiers of its cameras are pulled while nobody watches, unless a camera says otherwise: `all`, `sub`, `main`
    /// or `none`.
    warm: &'static str,
    /// Milliseconds since 1970.
    created_at: i64,
}

/// A site's name.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SiteName {
    name: String,
}

/// What to change about a site; what is absent stays.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ChangeSite {
    name: Option<String>,
    /// `all`, `sub`, `main` or `none`, for every camera that follows its site.
    warm: Option<String>,
}

/// The sites of this tenant.
#[utoipa::path(get, path = "/sites", tag = "registry", params(ListQuery), responses(
    (status = 200, body = Page<SiteNow>), (status = 403, body = Problem)))]
pub(crate) async fn list(
    State(state): State<ApiState>,
    who: Who,
    Asked(query): Asked<ListQuery>,
) -> Result<Json<Page<SiteNow>>, Problem> {
    let tenant = who.needs(Right::Read)?;
    Ok(Json(Page::of(state.store.sites(tenant, query.part()?).await?, show)))
}

/// One site.
#[utoipa::path(get, path = "/sites/{id}", tag = "registry", params(("id" = String, Path)), responses(
    (status = 200, body = SiteNow), (status = 404, body = Problem)))]
pub(crate) async fn get(
    State(state): State<ApiState>,
    who: Who,
    Path(id): Path<String>,
) -> Result<Json<SiteNow>, Problem> {
    let tenant = who.needs(Right::Read)?;
    let site = state.store.site(tenant, known(&id)?).await?;
    site.map(show).map(Json).ok_or_else(unknown)
}

/// Adds a site.
#[utoipa::path(post, path = "/sites", tag = "registry", request_body = SiteName, responses(
    (status = 201, body = SiteNow), (status = 422, body = Problem)))]
pub(crate) async fn create(
    State(state): State<ApiState>,
    who: Who,
    Body(asked): Body<SiteName>,
) -> Result<Response, Problem> {
    let tenant = who.needs(Right::Operate)?;
    let site = state.store.create_site(tenant, name(&asked)?).await?;
    audit(&state, &who, "site.create", site.id, json!({ "name": site.name })).await?;
    state.events.registry_changed(tenant, "site", site.id.to_string());
    let location = format!("/api/v1/sites/{}", site.id);
    Ok((StatusCode::CREATED, [(header::LOCATION, location)], Json(show(site))).into_response())
}

/// Gives a site another name, or its cameras another warm policy: those that follow it change with it.
#[utoipa::path(patch, path = "/sites/{id}", tag = "registry", params(("id" = String, Path)), request_body = ChangeSite,
    responses((status = 200, body = SiteNow), (status = 404, body = Problem), (status = 422, body = Problem)))]
pub(crate) async fn change(
    State(state): State<ApiState>,
    who: Who,
    Path(id): Path<String>,
    Body(asked): Body<ChangeSite>,
) -> Result<Json<SiteNow>, Problem> {
    let tenant = who.needs(Right::Operate)?;
    let id = known(&id)?;
    let mut faults = Faults::default();
    let name = asked.name.as_deref().map(|name| faults.name("name", name));
    let warm: Option<Warm> = asked.warm.as_deref().and_then(|word| {
        let warm = word.parse().ok();
        if warm.is_none() {
            faults.add("warm", "invalid", "one of all, sub, main, none");
        }
        warm
    });
    faults.finish()?;
    let site = state.store.change_site(tenant, id, (name, warm)).await?.ok_or_else(unknown)?;
    let detail = json!({ "name": site.name, "warm": site.warm.as_str() });
    audit(&state, &who, "site.change", site.id, detail).await?;
    if warm.is_some() {
        for device in state.store.devices_of_site(tenant, id).await? {
            state.fleet.changed(device.id);
        }
    }
    state.events.registry_changed(tenant, "site", site.id.to_string());
    Ok(Json(show(site)))
}

/// Removes a site that has neither devices nor cameras.
#[utoipa::path(delete, path = "/sites/{id}", tag = "registry", params(("id" = String, Path)), responses(
    (status = 204), (status = 404, body = Problem), (status = 409, description = "in use", body = Problem)))]
pub(crate) async fn remove(
    State(state): State<ApiState>,
    who: Who,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    let tenant = who.needs(Right::Operate)?;
    let id = known(&id)?;
    let removed = state.store.delete_site(tenant, id).await.map_err(|error| match error {
        StoreError::InUse => {
            let detail = "the site still has devices or cameras; remove them first";
            Problem::new(StatusCode::CONFLICT, "site-in-use", detail)
        }
        other => other.into(),
    })?;
    if !removed {
        return Err(unknown());
    }
    audit(&state, &who, "site.delete", id, json!({})).await?;
    state.events.registry_changed(tenant, "site", id.to_string());
    Ok(StatusCode::NO_CONTENT)
}

fn name(asked: &SiteName) -> Result<String, Problem> {
    let mut faults = Faults::default();
    let name = faults.name("name", &asked.name);
    faults.finish().map(|()| name)
}

fn known(text: &str) -> Result<SiteId, Problem> {
    text.parse().map_err(|_| unknown())
}

fn unknown() -> Problem {
    Problem::unknown("site-unknown", "site")
}

fn show(site: Site) -> SiteNow {
    let warm = site.warm.as_str();
    SiteNow { id: site.id.to_string(), name: site.name, warm, created_at: site.created_at.0 }
}
