use std::{fs, path::Path};

use axum::http::Method;

use crate::hub::{As, TestHub};

/// The committed document is what the routes say. `SLUICE_BLESS=1` writes it anew.
#[test]
fn the_committed_document_is_what_the_routes_say() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference/openapi.json");
    let now = format!("{}\n", sluice_hub_api::openapi().to_pretty_json().unwrap());
    if std::env::var_os("SLUICE_BLESS").is_some() {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, &now).unwrap();
    }
    let committed = fs::read_to_string(&path).unwrap_or_default();
    let hint = "docs/reference/openapi.json is stale: SLUICE_BLESS=1 cargo test -p sluice-hub-api --test api openapi";
    assert!(committed == now, "{hint}");
}

#[tokio::test]
async fn the_hub_serves_its_own_document() {
    let hub = TestHub::new().await;
    let answer = hub.call(As::Nobody, Method::GET, "/openapi.json", None).await;
    assert_eq!(answer.body["openapi"], "3.1.0");
    let paths = answer.body["paths"].as_object().unwrap();
    for path in
        ["/play", "/sessions/renew", "/streams/{camera_id}/start", "/cameras/{id}", "/events", "/time"]
    {
        assert!(paths.contains_key(path), "{path}");
    }
}
