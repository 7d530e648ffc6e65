use std::time::Duration;

use axum::{
    Json,
    extract::State,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{AppendHeaders, IntoResponse, Response},
};
use serde::{Deserialize, Serialize};
use serde_json::json;
use sluice_hub_store::{AuditEntry, User};
use sluice_runtime::random_bytes;
use sluice_telemetry::Secret;
use utoipa::ToSchema;

use crate::{
    audit::audit,
    auth::{
        self, COOKIE, KNOWN_COOKIE, LOGIN_IDLE, Peer, Principal, Secure, Who,
        signed::{self, KnownClaims},
        tries::{Place, Try},
    },
    body::Body,
    problem::Problem,
    state::ApiState,
};

/// Who logs in.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Login {
    /// The login name.
    #[serde(alias = "username")]
    user: String,
    #[schema(value_type = String, format = Password)]
    password: Secret<String>,
}

/// Who is logged in.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Me {
    user: Person,
    /// To be sent in the header `x-sluice-csrf` with every change.
    csrf: String,
}

/// A person.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Person {
    id: String,
    name: String,
    /// `viewer`, `operator`, `admin` or `auditor`.
    role: &'static str,
}

/// Logs a person in: sets the cookie `sluice_session`, and `sluice_known`, which shows this browser at the next login.
/// Wrong names and wrong passwords look alike, and tries are limited by address and by name.
#[utoipa::path(post, path = "/login", tag = "login", request_body = Login, security(()), responses(
    (status = 200, body = Me), (status = 401, description = "wrong name or password", body = Problem),
    (status = 429, description = "too many tries", body = Problem)))]
pub(crate) async fn login(
    State(state): State<ApiState>,
    Peer(peer): Peer,
    Secure(secure): Secure,
    headers: HeaderMap,
    Body(login): Body<Login>,
) -> Result<Response, Problem> {
    let name = login.user.trim().to_owned();
    if name.len() > LONGEST_NAME {
        return Err(wrong_login(&state, None).await?);
    }
    let of = Try { known: known(&state, &headers, &name), place: peer.map(Place::from), name: name.clone() };
    state.try_login(&of).map_err(|wait| slower(&of, wait))?;
    let user = state.store.user_by_name(name.clone()).await?.filter(|user| !user.disabled);
    if !fits(&state, login.password, user.as_ref().map(|user| user.password_hash.clone())).await? {
        return Err(wrong_login(&state, user.as_ref()).await?);
    }
    let Some(user) = user else { return Err(wrong_login(&state, None).await?) };
    state.login_was_good(&of);
    let session_token = hex::encode(random_bytes::<32>());
    let expires_at = state.now().plus(LOGIN_IDLE);
    let hash = signed::sha256(&session_token);
    state.store.create_console_session(hash, user.tenant, user.id, expires_at).await?;
    let me = Me { user: person(&user), csrf: signed::csrf(&session_token) };
    let set = cookie(&session_token, secure, LOGIN_IDLE);
    let known = known_cookie(&state, &of, secure);
    let principal = Principal::Person { user: Box::new(user), session_token };
    let who = Who { principal, language: sluice_hub_streams::Language::En, base: String::new() };
    audit(&state, &who, "login", who.credential(), json!({})).await?;
    let cookies = AppendHeaders([(header::SET_COOKIE, set), (header::SET_COOKIE, known)]);
    Ok((cookies, [(header::CACHE_CONTROL, NO_STORE)], Json(me)).into_response())
}

/// Ends this login.
#[utoipa::path(post, path = "/logout", tag = "login", responses((status = 204), (status = 401, body = Problem)))]
pub(crate) async fn logout(
    State(state): State<ApiState>,
    who: Who,
    headers: HeaderMap,
    Secure(secure): Secure,
) -> Result<Response, Problem> {
    if let Some(session_token) = auth::cookie(&headers) {
        state.store.delete_console_session(signed::sha256(session_token)).await?;
        audit(&state, &who, "logout", who.credential(), json!({})).await?;
    }
    let gone = cookie("", secure, Duration::ZERO);
    Ok((StatusCode::NO_CONTENT, [(header::SET_COOKIE, gone)]).into_response())
}

/// Who is logged in here.
#[utoipa::path(get, path = "/me", tag = "login", responses((status = 200, body = Me), (status = 401, body = Problem)))]
pub(crate) async fn me(who: Who) -> Result<Response, Problem> {
    let Principal::Person { user, session_token } = &who.principal else {
        return Err(Problem::forbidden("only a login at the console has a person"));
    };
    let me = Me { user: person(user), csrf: signed::csrf(session_token) };
    Ok(([(header::CACHE_CONTROL, NO_STORE)], Json(me)).into_response())
}

/// Audited where the name belongs to somebody; a name that belongs to nobody has no tenant that could read of it.
async fn wrong_login(state: &ApiState, user: Option<&User>) -> Result<Problem, Problem> {
    if let Some(user) = user {
        let entry = AuditEntry {
            tenant: user.tenant,
            actor: user.id.to_string(),
            action: "login".to_owned(),
            target: user.id.to_string(),
            outcome: "wrong-login".to_owned(),
            detail: json!({}),
        };
        state.store.append_audit(entry).await?;
    }
    Ok(Problem::unauthenticated("wrong-login", "the name or the password is wrong"))
}

async fn fits(state: &ApiState, password: Secret<String>, hash: Option<String>) -> Result<bool, Problem> {
    let busy = |_| Problem::new(StatusCode::SERVICE_UNAVAILABLE, "hub-stopping", "the hub is stopping");
    let _place = state.hashing.acquire().await.map_err(busy)?;
    let verified =
        tokio::task::spawn_blocking(move || auth::verify(password.expose(), hash.as_deref())).await;
    verified.map_err(|error| Problem::internal(&error))
}

/// The number of the cookie that shows that this browser logged in by this name before.
fn known(state: &ApiState, headers: &HeaderMap, name: &str) -> Option<String> {
    let claims: KnownClaims = state.seals.open(auth::named_cookie(headers, KNOWN_COOKIE)?, state.now_s())?;
    (claims.name == name_hash(name)).then_some(claims.number)
}

/// Sent to logins alone. A browser keeps its number, so that a new cookie gives no new tries.
fn known_cookie(state: &ApiState, of: &Try, secure: bool) -> HeaderValue {
    let number = of.known.clone().unwrap_or_else(|| hex::encode(random_bytes::<16>()));
    let expires_s = state.now_s() + KNOWN_FOR.as_secs() as i64;
    let value = state.seals.seal(&KnownClaims { name: name_hash(&of.name), number, expires_s });
    let (secure, age) = (if secure { "; Secure" } else { "" }, KNOWN_FOR.as_secs());
    let scope = "Path=/api/v1/login; HttpOnly; SameSite=Strict";
    let text = format!("{KNOWN_COOKIE}={value}; {scope}; Max-Age={age}{secure}");
    HeaderValue::try_from(text).expect("a sealed token is a header value")
}

fn name_hash(name: &str) -> String {
    hex::encode(signed::sha256(name))
}

fn slower(of: &Try, wait: Duration) -> Problem {
    let name = sluice_telemetry::Pii(of.name.as_str());
    tracing::warn!(user = ?name, peer.known = of.place.is_some(), "logins are tried too often");
    let detail = "too many tries to log in; wait before the next";
    Problem::new(StatusCode::TOO_MANY_REQUESTS, "too-many-logins", detail).retry_after(wait.as_secs() + 1)
}

fn person(user: &User) -> Person {
    Person { id: user.id.to_string(), name: user.name.clone(), role: user.role.as_str() }
}

fn cookie(value: &str, secure: bool, age: Duration) -> HeaderValue {
    let secure = if secure { "; Secure" } else { "" };
    let text = format!("{COOKIE}={value}; Path=/; HttpOnly; SameSite=Lax; Max-Age={}{secure}", age.as_secs());
    HeaderValue::try_from(text).expect("a cookie of hex digits is a header value")
}

/// Longer than a holiday; a browser of before then tries as any other.
const KNOWN_FOR: Duration = Duration::from_secs(180 * 24 * 3_600);
/// Above every name there can be; the table of tries keeps what is tried.
const LONGEST_NAME: usize = 1_024;
const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");
