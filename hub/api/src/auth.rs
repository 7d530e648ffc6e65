//! Who asks, and what they may.

use std::net::{IpAddr, SocketAddr};

use axum::{
    extract::{ConnectInfo, FromRequestParts},
    http::{HeaderMap, Method, header, request::Parts},
};
use sluice_hub_store::{ApiToken, Scope, User, UserRole};
use sluice_hub_streams::{Caller, Language, Reach};
use sluice_ids::{TenantId, TokenId, UserId};

use crate::{base, cors::SeenTenant, problem::Problem, state::ApiState};

mod limit;
mod password;
pub(crate) mod signed;
pub(crate) mod tries;

pub(crate) use password::verify;
pub use password::{HashError, hash_password};
use signed::{EventClaims, ViewerClaims, sha256};

/// Something a credential may or may not do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Right {
    /// Start, renew and end its own playback.
    Play,
    /// Move cameras and send them to places they remember.
    Ptz,
    /// See the registry, states and sessions.
    Read,
    /// Change sites, devices and cameras, and end others' sessions.
    Operate,
    /// Change users, tokens and origins.
    Admin,
    /// Read the audit.
    Audit,
}

/// Who asks.
#[derive(Debug, Clone)]
pub(crate) enum Principal {
    /// A person at the console.
    Person { user: Box<User>, session_token: String },
    /// Another program.
    Program { token: Box<ApiToken> },
    /// A browser inside another dashboard, for the sessions of one play request.
    Viewer { claims: ViewerClaims },
    /// An `EventSource`, for events alone.
    Listener { claims: EventClaims },
}

/// Who asks, and how.
#[derive(Debug, Clone)]
pub(crate) struct Who {
    pub(crate) principal: Principal,
    /// The language texts are answered in.
    pub(crate) language: Language,
    /// `scheme://host[:port]` of this request.
    pub(crate) base: String,
}

impl Principal {
    pub(crate) fn tenant(&self) -> TenantId {
        match self {
            Self::Person { user, .. } => user.tenant,
            Self::Program { token } => token.tenant,
            Self::Viewer { claims } => claims.tenant,
            Self::Listener { claims } => claims.tenant,
        }
    }

    pub(crate) fn may(&self, right: Right) -> bool {
        match self {
            Self::Person { user, .. } => role_may(user.role, right),
            // Who moves a camera that he may not watch does harm blindly.
            Self::Program { token } if right == Right::Ptz => {
                [Scope::Play, Scope::Ptz].iter().all(|scope| token.scopes.contains(scope))
            }
            Self::Program { token } => token.scopes.iter().any(|scope| scope_may(*scope, right)),
            Self::Viewer { .. } | Self::Listener { .. } => false,
        }
    }
}

fn role_may(role: UserRole, right: Right) -> bool {
    match role {
        UserRole::Viewer => matches!(right, Right::Play | Right::Read),
        UserRole::Operator => matches!(right, Right::Play | Right::Ptz | Right::Read | Right::Operate),
        UserRole::Admin => true,
        UserRole::Auditor => matches!(right, Right::Read | Right::Audit),
    }
}

fn scope_may(scope: Scope, right: Right) -> bool {
    match scope {
        Scope::Play => right == Right::Play,
        Scope::Read => right == Right::Read,
        Scope::Admin => right != Right::Play,
        Scope::Ptz => false,
    }
}

impl Who {
    pub(crate) fn tenant(&self) -> TenantId {
        self.principal.tenant()
    }

    /// Refuses who may not.
    pub(crate) fn needs(&self, right: Right) -> Result<TenantId, Problem> {
        if self.principal.may(right) {
            return Ok(self.tenant());
        }
        Err(Problem::forbidden(match right {
            Right::Play => "this needs a user who may watch, or an API token with the scope `play`",
            Right::Ptz => {
                "this needs an operator or an administrator, or an API token with the scopes `play` and `ptz`"
            }
            Right::Read => "this needs a user who may read, or an API token with the scope `read`",
            Right::Operate => {
                "this needs an operator or an administrator, or an API token with the scope `admin`"
            }
            Right::Admin => "this needs an administrator, or an API token with the scope `admin`",
            Right::Audit => {
                "this needs an auditor or an administrator, or an API token with the scope `admin`"
            }
        }))
    }

    pub(crate) fn may(&self, right: Right) -> bool {
        self.principal.may(right)
    }

    /// The id that the audit names.
    pub(crate) fn credential(&self) -> String {
        match &self.principal {
            Principal::Person { user, .. } => user.id.to_string(),
            Principal::Program { token } => token.id.to_string(),
            Principal::Viewer { claims } => format!("viewer of {}", claims.correlation),
            Principal::Listener { claims } => claims.credential.clone(),
        }
    }

    pub(crate) fn user(&self) -> Option<UserId> {
        match &self.principal {
            Principal::Person { user, .. } => Some(user.id),
            _ => None,
        }
    }

    /// On whose authority something is played.
    pub(crate) fn caller(&self) -> Caller {
        let label = match &self.principal {
            Principal::Person { user, .. } => user.name.clone(),
            Principal::Program { token } => token.name.clone(),
            Principal::Viewer { .. } | Principal::Listener { .. } => String::new(),
        };
        Caller { tenant: self.tenant(), credential: self.credential(), user: self.user(), label }
    }

    /// Which sessions may be renewed, changed and closed: one's own.
    pub(crate) fn own_sessions(&self) -> Result<Reach, Problem> {
        match &self.principal {
            Principal::Viewer { claims } => Ok(Reach::Play(claims.tenant, claims.correlation.clone())),
            _ => {
                let tenant = self.needs(Right::Play)?;
                Ok(Reach::Credential(tenant, self.credential()))
            }
        }
    }

    /// Which sessions may be ended: all of the tenant for who operates it, else one's own.
    pub(crate) fn endable_sessions(&self) -> Result<Reach, Problem> {
        if self.may(Right::Operate) { Ok(Reach::Tenant(self.tenant())) } else { self.own_sessions() }
    }
}

impl FromRequestParts<ApiState> for Who {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &ApiState) -> Result<Self, Problem> {
        let principal = principal(parts, state).await?;
        if let Some(seen) = parts.extensions.get::<SeenTenant>() {
            seen.note(principal.tenant());
        }
        Ok(Self {
            principal,
            language: language(&parts.headers),
            base: base::base(&parts.uri, &parts.headers, &parts.extensions),
        })
    }
}

async fn principal(parts: &Parts, state: &ApiState) -> Result<Principal, Problem> {
    if let Some(secret) = bearer(&parts.headers) {
        return by_bearer(state, secret, &parts.headers).await;
    }
    let Some(session_token) = cookie(&parts.headers) else {
        return Err(Problem::unauthenticated(
            "unauthenticated",
            "log in, or send an API token as a Bearer token",
        ));
    };
    let principal = by_cookie(state, session_token).await?;
    if parts.method.is_safe() {
        return Ok(principal);
    }
    let given = parts.headers.get(CSRF_HEADER).and_then(|value| value.to_str().ok()).unwrap_or("");
    if !signed::is_csrf(session_token, given) {
        let detail = "send the value `csrf` of the login's answer in the header x-sluice-csrf";
        return Err(Problem::new(axum::http::StatusCode::FORBIDDEN, "csrf-missing", detail));
    }
    Ok(principal)
}

/// The principal of a Bearer secret, of whatever kind it is.
pub(crate) async fn by_bearer(
    state: &ApiState,
    secret: &str,
    headers: &HeaderMap,
) -> Result<Principal, Problem> {
    let unknown = || Problem::unauthenticated("token-unknown", "this token is unknown, expired or revoked");
    if let Some(claims) = state.seals.open::<ViewerClaims>(secret, state.now_s()) {
        let origin = headers.get(header::ORIGIN).and_then(|value| value.to_str().ok());
        if !claims.origin.is_empty() && origin.is_some_and(|origin| origin != claims.origin) {
            return Err(Problem::forbidden("this viewer token was given to a page of another origin"));
        }
        return Ok(Principal::Viewer { claims });
    }
    if !secret.starts_with(API_TOKEN_PREFIX) {
        return Err(unknown());
    }
    let token = state.store.api_token_by_hash(sha256(secret)).await?.ok_or_else(unknown)?;
    // One write a minute for a token in use, not one for each request.
    if token.last_used_at.is_none_or(|used| state.now().since(used) > TOUCH_EVERY) {
        state.store.touch_api_token(token.id).await?;
    }
    Ok(Principal::Program { token: Box::new(token) })
}

async fn by_cookie(state: &ApiState, session_token: &str) -> Result<Principal, Problem> {
    let found = state.store.console_session(sha256(session_token)).await?;
    let (session, user) = found
        .ok_or_else(|| Problem::unauthenticated("session-expired", "this login is over; log in again"))?;
    let now = state.now();
    // One write a minute for a console in use, not one for each request.
    if now.since(session.last_seen_at) > TOUCH_EVERY {
        state.store.touch_console_session(session.token_hash, now.plus(LOGIN_IDLE)).await?;
    }
    Ok(Principal::Person { user: Box::new(user), session_token: session_token.to_owned() })
}

/// Whether a credential is still good: for streams that outlive their request.
pub(crate) async fn still_good(state: &ApiState, principal: &Principal) -> bool {
    match principal {
        Principal::Person { session_token, .. } => login_good(state, sha256(session_token)).await,
        Principal::Program { token } => token_good(state, token.tenant, token.id).await,
        Principal::Viewer { claims } => {
            state.now_s() < claims.expires_s && asker_good(state, claims.tenant, &claims.credential).await
        }
        Principal::Listener { claims } => {
            let login = claims.login.as_deref().map(hash_of);
            state.now_s() < claims.until_s
                && asker_good(state, claims.tenant, &claims.credential).await
                && match login {
                    Some(Some(login)) => login_good(state, login).await,
                    Some(None) => false,
                    None => true,
                }
        }
    }
}

/// Whether who asked for a derived token may still ask.
async fn asker_good(state: &ApiState, tenant: TenantId, credential: &str) -> bool {
    if let Ok(token) = credential.parse::<TokenId>() {
        return token_good(state, tenant, token).await;
    }
    match credential.parse::<UserId>() {
        Ok(user) => matches!(state.store.user(tenant, user).await, Ok(Some(user)) if !user.disabled),
        Err(_) => false,
    }
}

/// Whether who once asked for something may still do this.
pub(crate) async fn may_still(
    state: &ApiState,
    tenant: TenantId,
    credential: &str,
    right: Right,
) -> Result<bool, Problem> {
    if let Ok(id) = credential.parse::<TokenId>() {
        let good = token_good(state, tenant, id).await;
        let token = state.store.api_token(tenant, id).await?;
        let program = token.map(|token| Principal::Program { token: Box::new(token) });
        return Ok(good && program.is_some_and(|program| program.may(right)));
    }
    let Ok(id) = credential.parse::<UserId>() else { return Ok(false) };
    let user = state.store.user(tenant, id).await?;
    Ok(user.is_some_and(|user| !user.disabled && role_may(user.role, right)))
}

async fn login_good(state: &ApiState, hash: [u8; 32]) -> bool {
    matches!(state.store.console_session(hash).await, Ok(Some(_)))
}

async fn token_good(state: &ApiState, tenant: TenantId, id: TokenId) -> bool {
    let now = state.now();
    let token = state.store.api_token(tenant, id).await;
    matches!(token, Ok(Some(token))
        if token.revoked_at.is_none() && token.expires_at.is_none_or(|expires| expires > now))
}

fn hash_of(hex: &str) -> Option<[u8; 32]> {
    hex::decode(hex).ok()?.try_into().ok()
}

/// The secret of `Authorization: Bearer`.
pub(crate) fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, secret) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| secret.trim())
}

/// The console session's cookie.
pub(crate) fn cookie(headers: &HeaderMap) -> Option<&str> {
    named_cookie(headers, COOKIE)
}

/// The cookie of this name.
pub(crate) fn named_cookie<'a>(headers: &'a HeaderMap, wanted: &str) -> Option<&'a str> {
    let pairs = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    pairs.flat_map(|value| value.split(';')).find_map(|pair| {
        let (name, value) = pair.trim().split_once('=')?;
        (name == wanted).then_some(value)
    })
}

pub(crate) fn language(headers: &HeaderMap) -> Language {
    let accepted = headers.get(header::ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok());
    accepted.map(Language::accepted).unwrap_or_default()
}

/// Where a request came from, if the listener says so.
pub(crate) struct Peer(pub(crate) Option<IpAddr>);

impl<S: Send + Sync> FromRequestParts<S> for Peer {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        let info = parts.extensions.get::<ConnectInfo<SocketAddr>>();
        Ok(Self(info.map(|ConnectInfo(address)| address.ip().to_canonical())))
    }
}

/// How the caller reached this hub, for routes that need nobody's name.
pub(crate) struct Secure(pub(crate) bool);

impl<S: Send + Sync> FromRequestParts<S> for Secure {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        Ok(Self(base::is_secure(&parts.uri, &parts.extensions)))
    }
}

/// Whether a request changes something.
pub(crate) fn changes(method: &Method) -> bool {
    matches!(*method, Method::POST | Method::PATCH | Method::PUT | Method::DELETE)
}

/// The console session's cookie; a browser sends it back by itself, and only to this hub.
pub(crate) const COOKIE: &str = "sluice_session";
/// Shows that this browser logged in as somebody before, so that strangers' tries do not keep him out.
pub(crate) const KNOWN_COOKIE: &str = "sluice_known";
/// Carries what only a page of this hub knows.
pub(crate) const CSRF_HEADER: &str = "x-sluice-csrf";
/// What an API token begins with, for people and for secret scanners.
pub(crate) const API_TOKEN_PREFIX: &str = "slt_";
/// A console that is not used for so long must log in again.
pub(crate) const LOGIN_IDLE: std::time::Duration = std::time::Duration::from_secs(24 * 3_600);
const TOUCH_EVERY: std::time::Duration = std::time::Duration::from_secs(60);
