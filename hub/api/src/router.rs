use axum::{
    Json, Router,
    middleware::{from_fn, from_fn_with_state},
};
use tower_http::catch_panic::CatchPanicLayer;
use utoipa::openapi::{
    InfoBuilder, OpenApi, OpenApiBuilder, ServerBuilder,
    security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme},
};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    auth::{COOKIE, CSRF_HEADER},
    cors, idempotency, problem,
    routes::{
        advice, audit_log, cameras, credentials, devices,
        discoveries::{self, accept, attempt},
        events, login, nodes, one_camera, origins, play, policy, poster, ptz, sessions, sites, time, tokens,
        users,
    },
    state::ApiState,
};

/// Everything under `/api/v1`. It has no fallback of its own outside that, so that it merges with other routes.
pub fn router(state: ApiState) -> Router {
    let (routes, document) = described().split_for_parts();
    let routes = routes
        .route("/openapi.json", axum::routing::get(move || async move { Json(document) }))
        .fallback(async || axum::http::StatusCode::NOT_FOUND)
        .layer(from_fn_with_state(state.clone(), idempotency::apply))
        .layer(CatchPanicLayer::new())
        .layer(from_fn(problem::envelop))
        .layer(from_fn_with_state(state.clone(), cors::apply))
        .with_state(state);
    Router::new().nest("/api/v1", routes)
}

/// The OpenAPI 3.1 document of the API.
#[must_use]
pub fn openapi() -> OpenApi {
    described().into_openapi()
}

fn described() -> OpenApiRouter<ApiState> {
    OpenApiRouter::with_openapi(about())
        .routes(routes!(login::login))
        .routes(routes!(login::logout))
        .routes(routes!(login::me))
        .routes(routes!(time::now))
        .routes(routes!(play::play))
        .routes(routes!(policy::explain))
        .routes(routes!(sessions::list, sessions::patch))
        .routes(routes!(sessions::renew))
        .routes(routes!(sessions::close))
        .routes(routes!(sessions::end))
        .routes(routes!(sessions::qoe))
        .routes(routes!(sessions::reattach))
        .routes(routes!(one_camera::start))
        .routes(routes!(one_camera::stop))
        .routes(routes!(one_camera::endpoint))
        .routes(routes!(one_camera::whep))
        .routes(routes!(one_camera::playlist))
        .routes(routes!(events::listen))
        .routes(routes!(events::token))
        .routes(routes!(poster::poster))
        .routes(routes!(ptz::go))
        .routes(routes!(ptz::presets, ptz::remember))
        .routes(routes!(ptz::forget))
        .merge(registry())
        .merge(cameras_to_come())
}

fn cameras_to_come() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(discoveries::list))
        .routes(routes!(discoveries::search))
        .routes(routes!(attempt::attempt))
        .routes(routes!(accept::accept))
        .routes(routes!(discoveries::ignore))
        .routes(routes!(credentials::list, credentials::create))
        .routes(routes!(credentials::remove))
}

fn registry() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(cameras::list, cameras::create))
        .routes(routes!(cameras::get, cameras::change, cameras::remove))
        .routes(routes!(cameras::sessions))
        .routes(routes!(advice::advice))
        .routes(routes!(advice::apply))
        .routes(routes!(advice::undo))
        .routes(routes!(sites::list, sites::create))
        .routes(routes!(sites::get, sites::change, sites::remove))
        .routes(routes!(devices::list))
        .routes(routes!(devices::get, devices::change, devices::remove))
        .routes(routes!(nodes::list))
        .routes(routes!(users::list, users::create))
        .routes(routes!(users::get, users::change, users::remove))
        .routes(routes!(tokens::list, tokens::create))
        .routes(routes!(tokens::revoke))
        .routes(routes!(origins::get, origins::replace))
        .routes(routes!(audit_log::list))
}

fn about() -> OpenApi {
    let info = InfoBuilder::new()
        .title("Sluice")
        .version("1")
        .description(Some("Cameras keep their video at the site until someone looks."))
        .build();
    let mut document = OpenApiBuilder::new()
        .info(info)
        .servers(Some([ServerBuilder::new().url("/api/v1").build()]))
        .security(Some([
            SecurityRequirement::new("token", Vec::<String>::new()),
            SecurityRequirement::new("console", Vec::<String>::new()).add("csrf", Vec::<String>::new()),
        ]))
        .build();
    let components = document.components.get_or_insert_default();
    let bearer =
        HttpBuilder::new().scheme(HttpAuthScheme::Bearer).description(Some("an API or viewer token"));
    components.add_security_scheme("token", SecurityScheme::Http(bearer.build()));
    let cookie = ApiKey::Cookie(ApiKeyValue::with_description(COOKIE, "set by POST /login"));
    components.add_security_scheme("console", SecurityScheme::ApiKey(cookie));
    let csrf = ApiKey::Header(ApiKeyValue::with_description(CSRF_HEADER, "with every change made by cookie"));
    components.add_security_scheme("csrf", SecurityScheme::ApiKey(csrf));
    document
}
