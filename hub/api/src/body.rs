use std::time::Duration;

use axum::{
    body::{Body as Stream, Bytes, to_bytes},
    extract::{FromRequest, Request},
    http::{StatusCode, header},
};
use serde::de::DeserializeOwned;

use crate::problem::{FieldFault, Problem};

/// A JSON body. What it cannot take is told with the path of the field.
#[derive(Debug)]
pub(crate) struct Body<T>(pub(crate) T);

/// A JSON body whatever its media type says (`sendBeacon` sends `text/plain`); absent, it is the default.
#[derive(Debug)]
pub(crate) struct LooseBody<T>(pub(crate) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        let kind =
            request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or("");
        let essence = kind.split(';').next().unwrap_or("").trim();
        if !essence.eq_ignore_ascii_case("application/json") {
            let detail = "send the body as application/json";
            return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported-media-type", detail));
        }
        parse(&whole(request).await?).map(Self)
    }
}

impl<S: Send + Sync, T: DeserializeOwned + Default> FromRequest<S> for LooseBody<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        let bytes = whole(request).await?;
        if bytes.is_empty() { Ok(Self(T::default())) } else { parse(&bytes).map(Self) }
    }
}

async fn whole(request: Request) -> Result<Bytes, Problem> {
    collect(request.into_body()).await
}

/// The whole body, if it is no longer than any call needs and comes in time.
pub(crate) async fn collect(body: Stream) -> Result<Bytes, Problem> {
    let read = tokio::time::timeout(BODY_WITHIN, to_bytes(body, MOST_BYTES)).await;
    let late =
        |_| Problem::new(StatusCode::REQUEST_TIMEOUT, "body-too-slow", "the body did not come in time");
    read.map_err(late)?.map_err(|_| too_large())
}

/// A body longer than any call needs.
fn too_large() -> Problem {
    let detail = format!("a body has at most {} KiB", MOST_BYTES / 1_024);
    Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "body-too-large", detail)
}

pub(crate) fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    // Serde would take an array for an object, field by field in their order; a caller never means that.
    if bytes.trim_ascii_start().first() == Some(&b'[') {
        let text = "the body is a JSON object".to_owned();
        return Err(Problem::invalid(vec![FieldFault { field: String::new(), code: "invalid", text }]));
    }
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let parsed = serde_path_to_error::deserialize(&mut deserializer);
    let value = parsed.map_err(|error| {
        let path = error.path().to_string();
        let inner = error.into_inner();
        if inner.is_syntax() || inner.is_eof() {
            let detail = format!("the body is not JSON: {inner}");
            return Problem::new(StatusCode::BAD_REQUEST, "json-malformed", detail);
        }
        Problem::invalid(vec![fault(path, &inner.to_string())])
    })?;
    deserializer.end().map_err(|error| {
        Problem::new(StatusCode::BAD_REQUEST, "json-malformed", format!("the body is not JSON: {error}"))
    })?;
    Ok(value)
}

fn fault(path: String, told: &str) -> FieldFault {
    let mut field = if path == "." { String::new() } else { path };
    // Serde names a missing or unknown field in its text and the object that should hold it in the path.
    let named = told.strip_prefix("missing field `").or_else(|| told.strip_prefix("unknown field `"));
    let (code, missing) = match named.and_then(|rest| rest.split_once('`')) {
        Some((name, _)) if told.starts_with("missing") => ("missing", Some(name)),
        Some((name, _)) => ("unknown", Some(name)),
        None => ("invalid", None),
    };
    if let Some(name) = missing
        && field.rsplit('.').next() != Some(name)
    {
        field = if field.is_empty() { name.to_owned() } else { format!("{field}.{name}") };
    }
    let text = told.split(" at line ").next().unwrap_or(told).to_owned();
    FieldFault { field, code, text }
}

/// A wall of 100 cameras with long names has 60 kB.
const MOST_BYTES: usize = 256 * 1_024;
/// 256 KiB over a mobile network take a fraction of this.
const BODY_WITHIN: Duration = Duration::from_secs(20);

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only its shape matters")]
    struct Outer {
        inner: Vec<Inner>,
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only its shape matters")]
    struct Inner {
        url: String,
    }

    fn first(text: &str) -> (&'static str, Option<(String, &'static str)>) {
        let problem = parse::<Outer>(text.as_bytes()).unwrap_err();
        (problem.code, problem.errors.first().map(|fault| (fault.field.clone(), fault.code)))
    }

    #[test]
    fn a_field_at_fault_is_named_by_its_path() {
        let at = |text| first(text).1.unwrap();
        assert_eq!(at(r#"{"inner":[{"url":"a"},{"url":1}]}"#), ("inner[1].url".into(), "invalid"));
        assert_eq!(at(r#"{"inner":[{}]}"#), ("inner[0].url".into(), "missing"));
        assert_eq!(at(r#"{}"#), ("inner".into(), "missing"));
        assert_eq!(at(r#"{"inner":[{"url":"a","ulr":"b"}]}"#), ("inner[0].ulr".into(), "unknown"));
    }

    #[test]
    fn what_is_not_json_is_told_apart() {
        assert_eq!(first("{").0, "json-malformed");
        assert_eq!(first(r#"{"inner":[]} x"#).0, "json-malformed");
        assert_eq!(first("").0, "json-malformed");
        assert_eq!(first("[[]]").0, "validation-failed");
    }
}
