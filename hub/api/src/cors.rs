use std::{
    collections::HashSet,
    sync::{Arc, OnceLock},
    time::Duration,
};

use axum::{
    extract::{Request, State},
    http::{HeaderMap, HeaderValue, Method, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use sluice_hub_store::Store;
use sluice_ids::TenantId;
use sluice_runtime::{Clock, TaskScope};
use tokio::sync::{Notify, watch};

use crate::state::ApiState;

/// The exact origins whose pages may call the API, each for its tenant; never `*`.
#[derive(Clone)]
pub(crate) struct Origins {
    known: watch::Receiver<Arc<HashSet<(TenantId, String)>>>,
    changed: Arc<Notify>,
}

/// Whose credential a request brought, told by the extractor that found out.
#[derive(Clone, Default)]
pub(crate) struct SeenTenant(Arc<OnceLock<TenantId>>);

impl SeenTenant {
    pub(crate) fn note(&self, tenant: TenantId) {
        let _ = self.0.set(tenant);
    }
}

impl Origins {
    /// Keeps the set true: another process may change it.
    pub(crate) fn spawn(scope: &TaskScope, clock: Clock, store: Store) -> Self {
        let (tell, known) = watch::channel(Arc::default());
        let changed = Arc::new(Notify::new());
        let (shutdown, poke) = (scope.shutdown(), Arc::clone(&changed));
        scope.spawn("api origins", async move {
            loop {
                match store.all_allowed_origins().await {
                    Ok(all) => drop(tell.send_replace(Arc::new(all.into_iter().collect()))),
                    Err(error) => tracing::warn!(error = sluice_fault::chain(&error), "origins are not read"),
                }
                tokio::select! {
                    () = shutdown.requested() => return,
                    () = poke.notified() => {}
                    () = clock.sleep(READ_EVERY) => {}
                }
            }
        });
        Self { known, changed }
    }

    /// They were changed: read them now.
    pub(crate) fn changed(&self) {
        self.changed.notify_one();
    }

    fn allows(&self, origin: &str, tenant: Option<TenantId>) -> bool {
        let known = self.known.borrow();
        match tenant {
            Some(tenant) => known.contains(&(tenant, origin.to_owned())),
            None => known.iter().any(|(_, known)| known == origin),
        }
    }
}

/// Adds the CORS headers for a known origin and answers its preflights; says nothing to any other. A preflight has no
/// credential that would name a tenant; the answer itself is readable only for the tenant's own origins.
pub(crate) async fn apply(State(state): State<ApiState>, mut request: Request, next: Next) -> Response {
    let Some(origin) = request.headers().get(header::ORIGIN).cloned() else {
        return with_vary(next.run(request).await);
    };
    let asks = request.headers().contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
    let name = origin.to_str().unwrap_or("").to_owned();
    if request.method() == Method::OPTIONS && asks {
        let mut response = StatusCode::NO_CONTENT.into_response();
        if state.origins.allows(&name, None) {
            preflight(response.headers_mut(), origin);
        }
        return with_vary(response);
    }
    let seen = SeenTenant::default();
    request.extensions_mut().insert(seen.clone());
    let mut response = next.run(request).await;
    if state.origins.allows(&name, seen.0.get().copied()) {
        let headers = response.headers_mut();
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(EXPOSED));
    }
    with_vary(response)
}

fn preflight(headers: &mut HeaderMap, origin: HeaderValue) {
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    let pairs = [
        (header::ACCESS_CONTROL_ALLOW_METHODS, "GET, POST, PATCH, DELETE"),
        (
            header::ACCESS_CONTROL_ALLOW_HEADERS,
            "authorization, content-type, idempotency-key, last-event-id, accept-language",
        ),
        (header::ACCESS_CONTROL_MAX_AGE, "7200"),
    ];
    for (name, value) in pairs {
        headers.insert(name, HeaderValue::from_static(value));
    }
}

/// Answers differ by origin: a cache must not give one page's to another.
fn with_vary(mut response: Response) -> Response {
    response.headers_mut().append(header::VARY, HeaderValue::from_static("origin"));
    response
}

const EXPOSED: &str = "location, link, etag, retry-after, sluice-captured-at";
const READ_EVERY: Duration = Duration::from_secs(5);
