use axum::{
    extract::Request,
    http::{HeaderValue, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use serde::Serialize;
use sluice_fault::{Class, Classed, chain};
use sluice_hub_store::StoreError;
use sluice_hub_streams::{Language, Refusal, RefusalCode, StreamsError};
use sluice_wire::player::{Fault, Refusal as Unmoved};
use utoipa::ToSchema;

/// An error as `application/problem+json` (RFC 9457).
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Problem {
    /// A stable code.
    #[serde(rename = "type")]
    pub code: &'static str,
    /// The status in words.
    pub title: &'static str,
    /// The HTTP status.
    pub status: u16,
    /// What exactly is wrong and what to do about it.
    pub detail: String,
    /// The fields at fault.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<FieldFault>,
    /// What would let a refused camera be played, the easiest first.
    #[serde(skip_serializing_if = "<[HelpTold]>::is_empty")]
    #[schema(value_type = Vec<HelpTold>, required = false)]
    pub help: Box<[HelpTold]>,
    /// After how many seconds it may work.
    #[serde(skip)]
    pub retry_after: Option<u64>,
}

/// One field of a request that cannot be taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct FieldFault {
    /// Its path in the body, such as `source.tiers[0].url`.
    pub field: String,
    /// A stable code.
    pub code: &'static str,
    /// What is wrong with it.
    pub text: String,
}

impl From<Fault> for FieldFault {
    fn from(Fault { field, code, text }: Fault) -> Self {
        Self { field, code, text }
    }
}

/// The same on the way to a player, by its connection.
impl From<Problem> for Unmoved {
    fn from(problem: Problem) -> Self {
        let Problem { code, title, status, detail, errors, .. } = problem;
        let fault = |FieldFault { field, code, text }| Fault { field, code, text };
        let errors = errors.into_iter().map(fault).collect();
        Self { code: code.to_owned(), title: title.to_owned(), status, detail, errors }
    }
}

/// One thing that would help.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct HelpTold {
    /// `ask-other-tier`, `ask-other-protocol`, `b-frames-off`, `set-h264` or `other-program`.
    pub code: &'static str,
    /// Which tier or protocol, for the codes that name one.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub about: String,
    /// In words.
    pub text: String,
}

impl Problem {
    /// A problem with its code and what exactly is wrong.
    #[must_use]
    pub fn new(status: StatusCode, code: &'static str, detail: impl ToString) -> Self {
        let title = status.canonical_reason().unwrap_or("Error");
        let detail = detail.to_string();
        Self {
            code,
            title,
            status: status.as_u16(),
            detail,
            errors: Vec::new(),
            help: Box::default(),
            retry_after: None,
        }
    }

    /// Fields that cannot be taken.
    #[must_use]
    pub fn invalid(errors: Vec<FieldFault>) -> Self {
        let detail = match errors.as_slice() {
            [one] if one.field.is_empty() => one.text.clone(),
            [one] => format!("{}: {}", one.field, one.text),
            many => format!("{} fields cannot be taken as they are", many.len()),
        };
        let problem = Self::new(StatusCode::UNPROCESSABLE_ENTITY, "validation-failed", detail);
        Self { errors, ..problem }
    }

    /// Nobody has shown who he is.
    #[must_use]
    pub fn unauthenticated(code: &'static str, detail: &str) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, code, detail)
    }

    /// Who asks may not.
    #[must_use]
    pub fn forbidden(detail: &str) -> Self {
        Self::new(StatusCode::FORBIDDEN, "forbidden", detail)
    }

    /// There is no such thing for this caller; whether it exists for another is not told.
    #[must_use]
    pub fn unknown(code: &'static str, what: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, code, format!("no such {what}"))
    }

    /// Something of the hub failed; the log has the chain, the answer has not.
    #[must_use]
    pub fn internal(error: &dyn std::error::Error) -> Self {
        tracing::error!(error = chain(error), "a call failed");
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "internal",
            "the hub failed at this call; its log says why",
        )
    }

    /// The same with the time after which it may work.
    #[must_use]
    pub fn retry_after(self, seconds: u64) -> Self {
        Self { retry_after: Some(seconds), ..self }
    }

    /// A camera that is not played.
    #[must_use]
    pub fn refused(refusal: &Refusal, language: Language) -> Self {
        let status = match refusal.code {
            RefusalCode::CameraUnknown => StatusCode::NOT_FOUND,
            RefusalCode::CameraDisabled
            | RefusalCode::ProtocolPinned
            | RefusalCode::TierPinned
            | RefusalCode::SessionRunsOtherwise
            | RefusalCode::LlHlsLimit => StatusCode::CONFLICT,
            RefusalCode::TierUnavailable | RefusalCode::CodecUnsupported | RefusalCode::ViewerCodec => {
                StatusCode::UNPROCESSABLE_ENTITY
            }
            RefusalCode::NodeUnavailable | RefusalCode::SessionsFull => StatusCode::SERVICE_UNAVAILABLE,
        };
        let told = refusal.helps.iter().map(|help| HelpTold {
            code: help.code.code(),
            about: help.about.clone(),
            text: help.text(language),
        });
        Self { help: told.collect(), ..Self::new(status, refusal.code.code(), refusal.text(language)) }
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        match error.class() {
            Class::Retry => {
                tracing::warn!(error = chain(&error), "the store is busy");
                Self::new(StatusCode::SERVICE_UNAVAILABLE, "store-busy", "the hub is busy; try again")
                    .retry_after(1)
            }
            Class::Reject => Self::new(StatusCode::CONFLICT, "conflict", error),
            Class::Fatal => Self::internal(&error),
        }
    }
}

impl From<StreamsError> for Problem {
    fn from(error: StreamsError) -> Self {
        match error {
            StreamsError::Unknown => Self::unknown("session-unknown", "session"),
            StreamsError::Ended => Self::new(StatusCode::GONE, "session-ended", error),
            StreamsError::NotGranted(_) => Self::new(StatusCode::CONFLICT, "protocol-not-granted", error),
            StreamsError::Store(error) => error.into(),
            StreamsError::Down => {
                Self::new(StatusCode::SERVICE_UNAVAILABLE, "hub-stopping", error).retry_after(2)
            }
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let body = serde_json::to_vec(&self).unwrap_or_default();
        let mut response = (status, body).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if let Some(seconds) = self.retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

/// Gives every failure the same envelope, whoever answered it: a router, an extractor, a panic.
pub(crate) async fn envelop(request: Request, next: Next) -> Response {
    let response = next.run(request).await;
    let status = response.status();
    let kind =
        response.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or("");
    if !(status.is_client_error() || status.is_server_error()) || kind.starts_with(MEDIA_TYPE) {
        return response;
    }
    let (code, detail) = match status {
        StatusCode::NOT_FOUND => ("route-unknown", "there is no such route; see /api/v1/openapi.json"),
        StatusCode::METHOD_NOT_ALLOWED => ("method-not-allowed", "this route does not take this method"),
        StatusCode::BAD_REQUEST => ("request-malformed", "the request cannot be read"),
        StatusCode::PAYLOAD_TOO_LARGE => ("body-too-large", "the body is too large"),
        status if status.is_server_error() => ("internal", "the hub failed at this call; its log says why"),
        _ => ("refused", "the request is refused"),
    };
    let mut told = Problem::new(status, code, detail).into_response();
    if let Some(allow) = response.headers().get(header::ALLOW) {
        told.headers_mut().insert(header::ALLOW, allow.clone());
    }
    told
}

/// RFC 9457 §3.
pub(crate) const MEDIA_TYPE: &str = "application/problem+json";
