use std::borrow::Cow;

use axum::{
    extract::rejection::{PathRejection, QueryRejection, StringRejection},
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};

/// An error as `application/problem+json` (RFC 9457).
#[derive(Debug, Clone)]
pub(super) struct Problem {
    status: StatusCode,
    code: Cow<'static, str>,
    detail: String,
    retry_after_s: Option<u16>,
}

impl Problem {
    pub(super) fn new(
        status: StatusCode,
        code: impl Into<Cow<'static, str>>,
        detail: impl std::fmt::Display,
    ) -> Self {
        Self { status, code: code.into(), detail: detail.to_string(), retry_after_s: None }
    }

    /// The token opens nothing: absent, forged, expired or spent (RFC 6750 §3.1).
    pub(super) fn token(code: &'static str, detail: impl std::fmt::Display) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, code, detail)
    }

    /// It may be different after so many seconds.
    pub(super) fn retry_after(mut self, seconds: u16) -> Self {
        self.retry_after_s = Some(seconds);
        self
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let body = serde_json::json!({
            "type": self.code,
            "title": self.status.canonical_reason().unwrap_or("Error"),
            "status": self.status.as_u16(),
            "detail": self.detail,
        });
        let mut response = (self.status, body.to_string()).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        // Why something fails is of this moment and of this viewer.
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Some(seconds) = self.retry_after_s {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if self.status == StatusCode::UNAUTHORIZED {
            let challenge = HeaderValue::from_static("Bearer error=\"invalid_token\"");
            headers.insert(header::WWW_AUTHENTICATE, challenge);
        }
        response
    }
}

/// A body that is too long, not text, or broke off.
impl From<StringRejection> for Problem {
    fn from(rejection: StringRejection) -> Self {
        let code = match rejection.status() {
            StatusCode::PAYLOAD_TOO_LARGE => "body-too-large",
            _ => "body-malformed",
        };
        Self::new(rejection.status(), code, rejection.body_text())
    }
}

impl From<PathRejection> for Problem {
    fn from(rejection: PathRejection) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "path-malformed", rejection.body_text())
    }
}

impl From<QueryRejection> for Problem {
    fn from(rejection: QueryRejection) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "query-malformed", rejection.body_text())
    }
}

pub(super) async fn method_not_allowed() -> Problem {
    Problem::new(
        StatusCode::METHOD_NOT_ALLOWED,
        "method-not-allowed",
        "a WHEP endpoint takes POST and OPTIONS, its resource PATCH, DELETE and OPTIONS; a playlist takes GET and HEAD",
    )
}
