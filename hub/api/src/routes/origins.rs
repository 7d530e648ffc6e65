use axum::{Json, extract::State};
use serde::{Deserialize, Serialize};
use serde_json::json;
use url::{Origin, Url};
use utoipa::ToSchema;

use crate::{
    audit::audit,
    auth::{Right, Who},
    body::Body,
    problem::Problem,
    state::ApiState,
    validate::Faults,
};

/// The web origins whose pages may call this API and play from its nodes, exactly as spelt.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct AllowedOrigins {
    /// Such as `https://psim.example`.
    origins: Vec<String>,
}

/// The allowed origins of this tenant.
#[utoipa::path(get, path = "/origins", tag = "access", responses(
    (status = 200, body = AllowedOrigins), (status = 403, body = Problem)))]
pub(crate) async fn get(State(state): State<ApiState>, who: Who) -> Result<Json<AllowedOrigins>, Problem> {
    let tenant = who.needs(Right::Admin)?;
    Ok(Json(AllowedOrigins { origins: state.store.allowed_origins(tenant).await? }))
}

/// Replaces the allowed origins of this tenant.
#[utoipa::path(patch, path = "/origins", tag = "access", request_body = AllowedOrigins, responses(
    (status = 200, body = AllowedOrigins), (status = 403, body = Problem), (status = 422, body = Problem)))]
pub(crate) async fn replace(
    State(state): State<ApiState>,
    who: Who,
    Body(asked): Body<AllowedOrigins>,
) -> Result<Json<AllowedOrigins>, Problem> {
    let tenant = who.needs(Right::Admin)?;
    let mut faults = Faults::default();
    if asked.origins.len() > MOST {
        faults.add("origins", "out-of-range", format!("at most {MOST} origins"));
    }
    for (at, origin) in asked.origins.iter().enumerate() {
        if !is_origin(origin) {
            let text = "an origin is scheme://host[:port] as browsers spell it: lower case, no path, no default port, no *";
            faults.add(format!("origins[{at}]"), "invalid", text);
        }
    }
    faults.finish()?;
    state.store.set_allowed_origins(tenant, asked.origins.clone()).await?;
    audit(&state, &who, "origins.replace", tenant, json!({ "origins": asked.origins })).await?;
    state.origins.changed();
    Ok(Json(AllowedOrigins { origins: state.store.allowed_origins(tenant).await? }))
}

/// Whether browsers would send exactly this.
fn is_origin(text: &str) -> bool {
    let Ok(url) = Url::parse(text) else { return false };
    let web = matches!(url.scheme(), "https" | "http");
    let spelt = matches!(url.origin(), Origin::Tuple(..)) && url.origin().ascii_serialization() == text;
    web && spelt && !text.contains('*')
}

const MOST: usize = 100;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_spelt_as_browsers_spell_it() {
        for good in ["https://psim.example", "http://localhost:8080", "https://[::1]:8443"] {
            assert!(is_origin(good), "{good}");
        }
        let bad = [
            "*",
            "https://*",
            "https://psim.example/",
            "https://psim.example:443",
            "HTTPS://psim.example",
            "null",
            "",
        ];
        for bad in bad {
            assert!(!is_origin(bad), "{bad}");
        }
    }
}
