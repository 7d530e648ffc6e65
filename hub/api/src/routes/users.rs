use axum::{
    Json,
    extract::{Path, State},
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::{Deserialize, Serialize};
use serde_json::json;
use sluice_hub_store::{NewUser, StoreError, User, UserRole};
use sluice_ids::UserId;
use sluice_telemetry::Secret;
use utoipa::ToSchema;

use crate::{
    audit::audit,
    auth::{Right, Who, hash_password},
    body::Body,
    page::{Asked, ListQuery, Page},
    problem::Problem,
    state::ApiState,
    validate::Faults,
};

/// A person who logs in.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct UserNow {
    id: String,
    name: String,
    /// `viewer`, `operator`, `admin` or `auditor`.
    role: &'static str,
    /// Cannot log in.
    disabled: bool,
    created_at: i64,
}

/// A person to be added.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct AddUser {
    /// The login name, unique on this hub.
    name: String,
    /// At least 8 characters.
    #[schema(value_type = String, format = Password)]
    password: Secret<String>,
    role: String,
}

/// What to change about a person; what is absent stays.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ChangeUser {
    /// Ends their logins.
    #[schema(value_type = Option<String>, format = Password)]
    password: Option<Secret<String>>,
    role: Option<String>,
    /// `true` ends their logins and sessions.
    disabled: Option<bool>,
}

/// The people of this tenant.
#[utoipa::path(get, path = "/users", tag = "access", params(ListQuery), responses(
    (status = 200, body = Page<UserNow>), (status = 403, body = Problem)))]
pub(crate) async fn list(
    State(state): State<ApiState>,
    who: Who,
    Asked(query): Asked<ListQuery>,
) -> Result<Json<Page<UserNow>>, Problem> {
    let tenant = who.needs(Right::Admin)?;
    Ok(Json(Page::of(state.store.users(tenant, query.part()?).await?, |user| show(&user))))
}

/// One person.
#[utoipa::path(get, path = "/users/{id}", tag = "access", params(("id" = String, Path)), responses(
    (status = 200, body = UserNow), (status = 404, body = Problem)))]
pub(crate) async fn get(
    State(state): State<ApiState>,
    who: Who,
    Path(id): Path<String>,
) -> Result<Json<UserNow>, Problem> {
    let tenant = who.needs(Right::Admin)?;
    let user = state.store.user(tenant, known(&id)?).await?.ok_or_else(unknown)?;
    Ok(Json(show(&user)))
}

/// Adds a person.
#[utoipa::path(post, path = "/users", tag = "access", request_body = AddUser, responses(
    (status = 201, body = UserNow), (status = 409, body = Problem), (status = 422, body = Problem)))]
pub(crate) async fn create(
    State(state): State<ApiState>,
    who: Who,
    Body(asked): Body<AddUser>,
) -> Result<Response, Problem> {
    let tenant = who.needs(Right::Admin)?;
    let mut faults = Faults::default();
    let name = faults.name("name", &asked.name);
    let role = role(&asked.role, &mut faults);
    check_password(&asked.password, &mut faults);
    faults.finish()?;
    let role = role.unwrap_or(UserRole::Viewer);
    let password_hash = hashed(&state, asked.password).await?;
    let made = state.store.create_user(tenant, NewUser { name, password_hash, role }).await;
    let user = made.map_err(|error| match error {
        StoreError::Exists => Problem::new(StatusCode::CONFLICT, "name-taken", "this login name is taken"),
        other => other.into(),
    })?;
    audit(&state, &who, "user.create", user.id, json!({ "role": role.as_str() })).await?;
    let location = format!("/api/v1/users/{}", user.id);
    Ok((StatusCode::CREATED, [(header::LOCATION, location)], Json(show(&user))).into_response())
}

/// Changes a person's password or role, or locks them out.
#[utoipa::path(patch, path = "/users/{id}", tag = "access", params(("id" = String, Path)), request_body = ChangeUser,
    responses((status = 200, body = UserNow), (status = 404, body = Problem), (status = 422, body = Problem)))]
pub(crate) async fn change(
    State(state): State<ApiState>,
    who: Who,
    Path(id): Path<String>,
    Body(asked): Body<ChangeUser>,
) -> Result<Json<UserNow>, Problem> {
    let tenant = who.needs(Right::Admin)?;
    let user = state.store.user(tenant, known(&id)?).await?.ok_or_else(unknown)?;
    let id = user.id;
    let mut faults = Faults::default();
    let role = asked.role.as_deref().and_then(|word| role(word, &mut faults));
    if let Some(password) = &asked.password {
        check_password(password, &mut faults);
    }
    if who.user() == Some(id) && (asked.disabled == Some(true) || role.is_some_and(|role| role != user.role))
    {
        faults.add("", "own-account", "you cannot lock yourself out or change your own role");
    }
    faults.finish()?;
    if let Some(role) = role {
        state.store.set_user_role(tenant, id, role).await?;
        audit(&state, &who, "user.role", id, json!({ "role": role.as_str() })).await?;
    }
    if let Some(password) = asked.password {
        let hash = hashed(&state, password).await?;
        state.store.set_password_hash(tenant, id, hash).await?;
        audit(&state, &who, "user.password", id, json!({})).await?;
    }
    if let Some(disabled) = asked.disabled {
        state.store.set_user_disabled(tenant, id, disabled).await?;
        audit(&state, &who, "user.disable", id, json!({ "disabled": disabled })).await?;
        if disabled {
            state.streams.credential_gone(tenant, id.to_string()).await;
        }
    }
    let user = state.store.user(tenant, id).await?.ok_or_else(unknown)?;
    Ok(Json(show(&user)))
}

/// Removes a person: their logins and sessions end.
#[utoipa::path(delete, path = "/users/{id}", tag = "access", params(("id" = String, Path)), responses(
    (status = 204), (status = 404, body = Problem), (status = 409, body = Problem)))]
pub(crate) async fn remove(
    State(state): State<ApiState>,
    who: Who,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    let tenant = who.needs(Right::Admin)?;
    let id = known(&id)?;
    if who.user() == Some(id) {
        return Err(Problem::new(StatusCode::CONFLICT, "own-account", "you cannot remove yourself"));
    }
    if !state.store.delete_user(tenant, id).await? {
        return Err(unknown());
    }
    audit(&state, &who, "user.delete", id, json!({})).await?;
    state.streams.credential_gone(tenant, id.to_string()).await;
    Ok(StatusCode::NO_CONTENT)
}

async fn hashed(state: &ApiState, password: Secret<String>) -> Result<String, Problem> {
    let stopping = |_| Problem::new(StatusCode::SERVICE_UNAVAILABLE, "hub-stopping", "the hub is stopping");
    let _place = state.hashing.acquire().await.map_err(stopping)?;
    let hashed = tokio::task::spawn_blocking(move || hash_password(password.expose())).await;
    hashed.map_err(|error| Problem::internal(&error))?.map_err(|error| Problem::internal(&error))
}

fn role(word: &str, faults: &mut Faults) -> Option<UserRole> {
    let role = word.parse().ok();
    if role.is_none() {
        faults.add("role", "invalid", "one of viewer, operator, admin, auditor");
    }
    role
}

fn check_password(password: &Secret<String>, faults: &mut Faults) {
    let length = password.expose().chars().count();
    if !(SHORTEST..=LONGEST).contains(&length) {
        faults.add("password", "out-of-range", format!("a password has {SHORTEST} to {LONGEST} characters"));
    }
}

fn known(text: &str) -> Result<UserId, Problem> {
    text.parse().map_err(|_| unknown())
}

fn unknown() -> Problem {
    Problem::unknown("user-unknown", "user")
}

fn show(user: &User) -> UserNow {
    UserNow {
        id: user.id.to_string(),
        name: user.name.clone(),
        role: user.role.as_str(),
        disabled: user.disabled,
        created_at: user.created_at.0,
    }
}

/// NIST SP 800-63B §5.1.1.2 asks for no less.
const SHORTEST: usize = 8;
const LONGEST: usize = 256;
