use axum::{
    body::{Body, to_bytes},
    extract::{FromRequestParts as _, Request, State},
    http::{HeaderValue, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use ring::{
    aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey},
    digest::{Context, SHA256},
    hmac,
};
use sluice_hub_store::{IdempotencyKey, IdempotencyState};
use sluice_runtime::random_bytes;

use crate::{
    auth::{Who, changes, signed::sha256},
    body::collect,
    problem::{MEDIA_TYPE, Problem},
    state::ApiState,
};

/// A change that names an `Idempotency-Key` is made once: repetitions get the first answer. Answers may hold tokens,
/// so they are kept encrypted under a key that follows from the caller's own, of which only a hash is kept.
pub(crate) async fn apply(State(state): State<ApiState>, request: Request, next: Next) -> Response {
    let given = request.headers().get(HEADER).and_then(|value| value.to_str().ok()).map(str::to_owned);
    match given {
        Some(key) if changes(request.method()) && !request.uri().path().ends_with("/whep") => {
            once(&state, request, next, &key).await.unwrap_or_else(IntoResponse::into_response)
        }
        _ => next.run(request).await,
    }
}

async fn once(state: &ApiState, request: Request, next: Next, given: &str) -> Result<Response, Problem> {
    if given.is_empty() || given.len() > 255 {
        let detail = "an Idempotency-Key has 1 to 255 characters";
        return Err(Problem::new(StatusCode::BAD_REQUEST, "idempotency-key-invalid", detail));
    }
    let (mut parts, body) = request.into_parts();
    let who = Who::from_request_parts(&mut parts, state).await?;
    let bytes = collect(body).await?;
    let target = parts.uri.path_and_query().map_or("", |path| path.as_str());
    let asked = fingerprint(parts.method.as_str(), target, &bytes);
    let key =
        IdempotencyKey { tenant: who.tenant(), principal: who.credential(), key: hex::encode(sha256(given)) };
    let seal = Seal::new(&state.answer_key, given);
    match state.store.begin_idempotent(key.clone(), asked).await? {
        IdempotencyState::Fresh => {}
        IdempotencyState::InProgress => {
            let detail = "the first request with this Idempotency-Key is still at work";
            return Err(Problem::new(StatusCode::CONFLICT, "idempotency-in-progress", detail).retry_after(1));
        }
        IdempotencyState::Mismatch => {
            let detail = "this Idempotency-Key was used for another request";
            return Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "idempotency-key-reused", detail));
        }
        IdempotencyState::Done { status, body } => return again(&seal, status, &body),
    }
    let response = next.run(Request::from_parts(parts, Body::from(bytes))).await;
    let (parts, body) = response.into_parts();
    let Ok(bytes) = to_bytes(body, MOST_ANSWER).await else {
        state.store.abandon_idempotent(key).await?;
        return Err(Problem::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "internal",
            "the answer is too long to be kept",
        ));
    };
    // What failed by no fault of the request may be tried again with the same key.
    if parts.status.is_server_error() || parts.status == StatusCode::TOO_MANY_REQUESTS {
        state.store.abandon_idempotent(key).await?;
    } else {
        state.store.finish_idempotent(key, parts.status.as_u16(), seal.close(&bytes)).await?;
    }
    Ok(Response::from_parts(parts, Body::from(bytes)))
}

fn again(seal: &Seal, status: u16, kept: &[u8]) -> Result<Response, Problem> {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::OK);
    let body = seal.open(kept).ok_or_else(|| {
        let detail = "this was done before, but its answer cannot be read any more; read the state instead";
        Problem::new(StatusCode::CONFLICT, "idempotency-answer-lost", detail)
    })?;
    let kind = if status.is_success() { "application/json" } else { MEDIA_TYPE };
    let mut response = (status, body).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert("idempotency-replayed", HeaderValue::from_static("true"));
    Ok(response)
}

fn fingerprint(method: &str, target: &str, body: &[u8]) -> [u8; 32] {
    let mut context = Context::new(&SHA256);
    for part in [method.as_bytes(), target.as_bytes(), body] {
        context.update(&(part.len() as u64).to_be_bytes());
        context.update(part);
    }
    context.finish().as_ref().try_into().expect("SHA-256 has 32 bytes")
}

struct Seal(LessSafeKey);

impl Seal {
    fn new(hub_key: &[u8; 32], given: &str) -> Self {
        let key = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, hub_key), given.as_bytes());
        let key = UnboundKey::new(&CHACHA20_POLY1305, key.as_ref()).expect("the key has 32 bytes");
        Self(LessSafeKey::new(key))
    }

    fn close(&self, plain: &[u8]) -> Vec<u8> {
        let nonce = random_bytes::<NONCE_LEN>();
        let mut sealed = plain.to_vec();
        let nonce_value = Nonce::assume_unique_for_key(nonce);
        self.0
            .seal_in_place_append_tag(nonce_value, Aad::empty(), &mut sealed)
            .expect("an answer is short enough");
        [nonce.as_slice(), &sealed].concat()
    }

    fn open(&self, sealed: &[u8]) -> Option<Vec<u8>> {
        let (nonce, sealed) = sealed.split_at_checked(NONCE_LEN)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let mut bytes = sealed.to_vec();
        let plain = self.0.open_in_place(nonce, Aad::empty(), &mut bytes).ok()?.len();
        bytes.truncate(plain);
        Some(bytes)
    }
}

pub(crate) const HEADER: &str = "idempotency-key";
/// An answer about 100 cameras has 300 kB.
const MOST_ANSWER: usize = 2 * 1_024 * 1_024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kept_answer_opens_with_the_callers_key_alone() {
        let sealed = Seal::new(&[1; 32], "a").close(b"{\"token\":1}");
        assert_eq!(Seal::new(&[1; 32], "a").open(&sealed).unwrap(), b"{\"token\":1}");
        assert_eq!(Seal::new(&[1; 32], "b").open(&sealed), None);
        assert_eq!(Seal::new(&[2; 32], "a").open(&sealed), None);
        assert_eq!(Seal::new(&[1; 32], "a").open(&[0; 5]), None);
    }
}
