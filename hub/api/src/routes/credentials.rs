//! What may open the cameras of a site, in the order to try. Passwords come in and never go out.

use axum::{
    Json,
    extract::{Path, State},
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::{Deserialize, Serialize};
use serde_json::json;
use sluice_hub_store::SiteCredential;
use sluice_ids::{SiteId, TenantId};
use sluice_telemetry::Secret;
use utoipa::ToSchema;

use crate::{
    audit::audit,
    auth::{Right, Who},
    body::Body,
    problem::Problem,
    routes::discoveries::attempt::{Plain, keep},
    state::ApiState,
    validate::Faults,
};

/// The credentials of a site, in the order to try.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Credentials {
    items: Vec<CredentialNow>,
    /// Always `null`: the list is whole.
    next: Option<String>,
}

/// A user name whose password the site keeps, sealed.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct CredentialNow {
    id: String,
    label: String,
    username: String,
    /// Its place in the order to try.
    position: u32,
    /// The devices that can try it: those that were there when it was given.
    devices: Vec<String>,
}

/// A user name and a password for the cameras of a site.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct AddCredential {
    /// What to call it; the user name if absent.
    label: Option<String>,
    username: String,
    /// Sealed to every device of the site at once; never shown again.
    #[schema(value_type = String, format = Password)]
    password: Secret<String>,
}

/// What may open the cameras of a site, in the order to try.
#[utoipa::path(get, path = "/sites/{id}/credentials", tag = "discovery", params(("id" = String, Path)), responses(
    (status = 200, body = Credentials), (status = 403, body = Problem), (status = 404, body = Problem)))]
pub(crate) async fn list(
    State(state): State<ApiState>,
    who: Who,
    Path(id): Path<String>,
) -> Result<Json<Credentials>, Problem> {
    let tenant = who.needs(Right::Operate)?;
    let site = known(&state, tenant, &id).await?;
    let items = state.store.credentials(tenant, site).await?.into_iter().map(show).collect();
    Ok(Json(Credentials { items, next: None }))
}

/// Keeps a user name and a password for the cameras of a site, the last to be tried.
#[utoipa::path(post, path = "/sites/{id}/credentials", tag = "discovery", params(("id" = String, Path)),
    request_body = AddCredential, responses((status = 201, body = CredentialNow), (status = 404, body = Problem),
    (status = 409, body = Problem), (status = 422, body = Problem)))]
pub(crate) async fn create(
    State(state): State<ApiState>,
    who: Who,
    Path(id): Path<String>,
    Body(asked): Body<AddCredential>,
) -> Result<Response, Problem> {
    let tenant = who.needs(Right::Operate)?;
    let site = known(&state, tenant, &id).await?;
    let mut faults = Faults::default();
    check("", asked.label.as_deref(), (&asked.username, &asked.password), &mut faults);
    faults.finish()?;
    let devices = state.store.devices_of_site(tenant, site).await?;
    let label = asked.label.as_deref().map_or(asked.username.as_str(), str::trim);
    let plain = Plain { site, label, username: &asked.username, password: &asked.password, kept: true };
    let (made, _) = keep(&state, tenant, plain, &devices.iter().collect::<Vec<_>>()).await?;
    audit(&state, &who, "credential.create", &made, json!({ "site": site, "label": label })).await?;
    state.events.registry_changed(tenant, "site", site.to_string());
    let kept = state.store.credentials(tenant, site).await?.into_iter().find(|one| one.id == made);
    let kept = kept.map(show).ok_or_else(unknown)?;
    let location = format!("/api/v1/sites/{site}/credentials/{made}");
    Ok((StatusCode::CREATED, [(header::LOCATION, location)], Json(kept)).into_response())
}

/// Forgets a credential of a site. Cameras that were accepted with it keep theirs.
#[utoipa::path(delete, path = "/sites/{id}/credentials/{credential_id}", tag = "discovery",
    params(("id" = String, Path), ("credential_id" = String, Path)), responses(
    (status = 204), (status = 404, body = Problem)))]
pub(crate) async fn remove(
    State(state): State<ApiState>,
    who: Who,
    Path((id, credential)): Path<(String, String)>,
) -> Result<StatusCode, Problem> {
    let tenant = who.needs(Right::Operate)?;
    let site = known(&state, tenant, &id).await?;
    if !state.store.delete_credential(tenant, site, credential.clone()).await? {
        return Err(unknown());
    }
    audit(&state, &who, "credential.delete", credential, json!({ "site": site })).await?;
    state.events.registry_changed(tenant, "site", site.to_string());
    Ok(StatusCode::NO_CONTENT)
}

/// Notes what is wrong with a credential at `path`. An empty password is one: cameras are shipped so.
pub(crate) fn check(
    path: &str,
    label: Option<&str>,
    (username, password): (&str, &Secret<String>),
    faults: &mut Faults,
) {
    let at = |field: &str| if path.is_empty() { field.to_owned() } else { format!("{path}.{field}") };
    if let Some(label) = label {
        faults.name(&at("label"), label);
    }
    if username.is_empty() {
        faults.add(at("username"), "missing", "give it a user name");
    }
    if username.len() > MOST_BYTES || username.chars().any(char::is_control) {
        faults.add(at("username"), "invalid", "a user name has at most 255 bytes, none of them control");
    }
    if password.expose().len() > MOST_BYTES {
        faults.add(at("password"), "too-long", "a password has at most 255 bytes");
    }
}

async fn known(state: &ApiState, tenant: TenantId, text: &str) -> Result<SiteId, Problem> {
    let unknown = || Problem::unknown("site-unknown", "site");
    let id = text.parse().map_err(|_| unknown())?;
    state.store.site(tenant, id).await?.map(|site| site.id).ok_or_else(unknown)
}

fn unknown() -> Problem {
    Problem::unknown("credential-unknown", "credential")
}

fn show(one: SiteCredential) -> CredentialNow {
    CredentialNow {
        id: one.id,
        label: one.label,
        username: one.username,
        position: one.position,
        devices: one.devices.iter().map(ToString::to_string).collect(),
    }
}

const MOST_BYTES: usize = 255;
