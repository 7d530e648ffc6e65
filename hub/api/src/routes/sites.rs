use axum::{
    Json,
    extract::{Path, State},
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::{Deserialize, Serialize};
use serde_json::json;
use sluice_hub_fleet::schedule;
use sluice_hub_store::{Site, SiteChange, StoreError};
use sluice_ids::{SiteId, UnixMillis};
use utoipa::ToSchema;

use crate::{
    audit::audit,
    auth::{Right, Who},
    body::Body,
    page::{Asked, ListQuery, Page},
    problem::Problem,
    state::ApiState,
    validate::Faults,
    warm::{self, WindowNow},
};

/// A site.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SiteNow {
    id: String,
    name: String,
    /// Which tiers of its cameras are pulled while nobody watches, unless a camera says otherwise: `all`, `sub`, `main`
    /// or `none`.
    warm: &'static str,
    /// The clock that its people read: a name of the IANA time zone database.
    time_zone: String,
    /// When another policy than `warm` holds for the cameras that follow it: the first window that holds wins.
    warm_schedule: Vec<WindowNow>,
    /// The policy at work now.
    warm_now: &'static str,
    /// When the schedule makes another of it, as in RFC 3339; `null` if it does not within eight days.
    warm_next_change: Option<String>,
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
    /// A name of the IANA time zone database, such as `America/Sao_Paulo`.
    time_zone: Option<String>,
    /// At most 16 windows, all of them; empty for no schedule.
    warm_schedule: Option<Vec<WindowNow>>,
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
    Ok(Json(Page::of(state.store.sites(tenant, query.part()?).await?, |site| show(site, state.now()))))
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
    site.map(|site| Json(show(site, state.now()))).ok_or_else(unknown)
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
    Ok((StatusCode::CREATED, [(header::LOCATION, location)], Json(show(site, state.now()))).into_response())
}

/// Changes a site: its name, its time zone, what is kept warm and when. Cameras that follow it change with it.
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
    let change = checked(&asked)?;
    let named_only = SiteChange { name: None, ..change.clone() } == SiteChange::default();
    let site = state.store.change_site(tenant, id, change).await?.ok_or_else(unknown)?;
    let detail = json!({
        "name": site.name, "warm": site.warm.as_str(), "time_zone": site.time_zone,
        "warm_schedule": warm::shown(&site.warm_schedule),
    });
    audit(&state, &who, "site.change", site.id, detail).await?;
    if !named_only {
        state.fleet.changed_all();
    }
    state.events.registry_changed(tenant, "site", site.id.to_string());
    Ok(Json(show(site, state.now())))
}

fn checked(asked: &ChangeSite) -> Result<SiteChange, Problem> {
    let mut faults = Faults::default();
    let name = asked.name.as_deref().map(|name| faults.name("name", name));
    let warm = asked.warm.as_deref().and_then(|word| {
        let warm = word.parse().ok();
        if warm.is_none() {
            faults.add("warm", "invalid", "one of all, sub, main, none");
        }
        warm
    });
    let time_zone = asked.time_zone.as_deref().and_then(|name| warm::time_zone(name, &mut faults));
    let warm_schedule = asked.warm_schedule.as_deref();
    let warm_schedule = warm_schedule.and_then(|windows| warm::schedule(windows, &mut faults));
    faults.finish().map(|()| SiteChange { name, warm, time_zone, warm_schedule })
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

fn show(site: Site, now: UnixMillis) -> SiteNow {
    let (warm_now, warm_next_change) = warm::at_work(schedule::of_site(&site, now));
    SiteNow {
        id: site.id.to_string(),
        warm: site.warm.as_str(),
        warm_schedule: warm::shown(&site.warm_schedule),
        warm_now,
        warm_next_change,
        name: site.name,
        time_zone: site.time_zone,
        created_at: site.created_at.0,
    }
}
