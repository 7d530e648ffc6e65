use axum::{
    Json,
    extract::{Path, State},
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::{Deserialize, Serialize};
use serde_json::json;
use sluice_hub_store::{ApiToken, NewApiToken, Scope};
use sluice_ids::{TokenId, UnixMillis};
use sluice_runtime::random_bytes;
use utoipa::ToSchema;

use crate::{
    audit::audit,
    auth::{API_TOKEN_PREFIX, Right, Who, signed::sha256},
    body::Body,
    page::{Asked, ListQuery, Page},
    problem::Problem,
    state::ApiState,
    validate::Faults,
};

/// A credential of another program. Its secret is shown once, when it is made.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TokenNow {
    id: String,
    name: String,
    /// Of `play`, `read` and `admin`.
    scopes: Vec<&'static str>,
    created_at: i64,
    expires_at: Option<i64>,
    revoked_at: Option<i64>,
    /// To the minute.
    last_used_at: Option<i64>,
}

/// A token with its secret, which is not kept.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TokenMade {
    #[serde(flatten)]
    about: TokenNow,
    /// The secret: send it as `Authorization: Bearer`. It is shown this once.
    token: String,
}

/// A token to be made.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct AddToken {
    name: String,
    /// Of `play`, `read` and `admin`.
    scopes: Vec<String>,
    /// Milliseconds since 1970; never if absent.
    expires_at: Option<i64>,
}

/// The API tokens of this tenant, revoked ones too.
#[utoipa::path(get, path = "/tokens", tag = "access", params(ListQuery), responses(
    (status = 200, body = Page<TokenNow>), (status = 403, body = Problem)))]
pub(crate) async fn list(
    State(state): State<ApiState>,
    who: Who,
    Asked(query): Asked<ListQuery>,
) -> Result<Json<Page<TokenNow>>, Problem> {
    let tenant = who.needs(Right::Admin)?;
    Ok(Json(Page::of(state.store.api_tokens(tenant, query.part()?).await?, |token| show(&token))))
}

/// Makes a token. Its secret is in this answer and nowhere else.
#[utoipa::path(post, path = "/tokens", tag = "access", request_body = AddToken, responses(
    (status = 201, body = TokenMade), (status = 422, body = Problem)))]
pub(crate) async fn create(
    State(state): State<ApiState>,
    who: Who,
    Body(asked): Body<AddToken>,
) -> Result<Response, Problem> {
    let tenant = who.needs(Right::Admin)?;
    let mut faults = Faults::default();
    let name = faults.name("name", &asked.name);
    let scopes = scopes(&asked.scopes, &mut faults);
    let expires_at = asked.expires_at.map(UnixMillis);
    if expires_at.is_some_and(|at| at <= state.now()) {
        faults.add("expires_at", "out-of-range", "a token ends in the future");
    }
    faults.finish()?;
    let secret = format!("{API_TOKEN_PREFIX}{}", hex::encode(random_bytes::<32>()));
    let new = NewApiToken { token_hash: sha256(&secret), name, scopes, created_by: who.user(), expires_at };
    let token = state.store.create_api_token(tenant, new).await?;
    audit(&state, &who, "token.create", token.id, json!({ "name": token.name, "scopes": asked.scopes }))
        .await?;
    let headers = [
        (header::LOCATION, format!("/api/v1/tokens/{}", token.id)),
        (header::CACHE_CONTROL, "no-store".into()),
    ];
    let made = TokenMade { about: show(&token), token: secret };
    Ok((StatusCode::CREATED, headers, Json(made)).into_response())
}

/// Takes a token back: it opens nothing from now on, and its sessions end.
#[utoipa::path(delete, path = "/tokens/{id}", tag = "access", params(("id" = String, Path)), responses(
    (status = 204), (status = 404, body = Problem)))]
pub(crate) async fn revoke(
    State(state): State<ApiState>,
    who: Who,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    let tenant = who.needs(Right::Admin)?;
    let unknown = || Problem::unknown("token-unknown", "token");
    let id: TokenId = id.parse().map_err(|_| unknown())?;
    if !state.store.revoke_api_token(tenant, id).await? {
        return Err(unknown());
    }
    audit(&state, &who, "token.revoke", id, json!({})).await?;
    state.streams.credential_gone(tenant, id.to_string()).await;
    Ok(StatusCode::NO_CONTENT)
}

fn scopes(words: &[String], faults: &mut Faults) -> Vec<Scope> {
    if words.is_empty() {
        faults.add("scopes", "missing", "give at least one of play, read, admin, ptz");
    }
    let mut scopes = Vec::new();
    for (at, word) in words.iter().enumerate() {
        match word.parse() {
            Ok(scope) if scopes.contains(&scope) => {}
            Ok(scope) => scopes.push(scope),
            Err(_) => faults.add(format!("scopes[{at}]"), "invalid", "one of play, read, admin, ptz"),
        }
    }
    scopes
}

fn show(token: &ApiToken) -> TokenNow {
    TokenNow {
        id: token.id.to_string(),
        name: token.name.clone(),
        scopes: token.scopes.iter().map(|scope| scope.as_str()).collect(),
        created_at: token.created_at.0,
        expires_at: token.expires_at.map(|at| at.0),
        revoked_at: token.revoked_at.map(|at| at.0),
        last_used_at: token.last_used_at.map(|at| at.0),
    }
}
