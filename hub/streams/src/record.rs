use serde_json::json;
use sluice_hub_store::{AuditEntry, NewPlaySession, Store, StoreError};
use sluice_ids::UnixMillis;
use sluice_trust::playback::TOKEN_LIFE;

use crate::{
    book::MAX_AGE,
    play::PlayRequest,
    refusal::Refusal,
    task::{Granted, Items},
};

/// Keeps the sessions of a request and audits each of its cameras, refused ones too, in one commit.
pub(crate) async fn record(store: &Store, request: &PlayRequest, items: &Items) -> Result<(), StoreError> {
    let fresh = items.iter().flatten().filter(|granted| granted.fresh);
    let rows: Vec<NewPlaySession> = fresh.map(|granted| row(request, granted)).collect();
    let entries =
        request.cameras.iter().zip(items).map(|(wanted, item)| entry(request, wanted.asked.clone(), item));
    store.record_play(rows, entries.collect()).await
}

fn row(request: &PlayRequest, granted: &Granted) -> NewPlaySession {
    let view = &granted.view;
    let key = granted.key.as_ref().filter(|key| !key.client_ref.is_empty());
    NewPlaySession {
        id: view.id,
        tenant: view.tenant,
        camera: view.camera,
        tier: view.tier,
        protocol: view.protocol.as_str().to_owned(),
        node: view.node,
        principal: view.credential.clone(),
        on_behalf_of: view.on_behalf_of.clone(),
        client_ref: key.map(|key| key.client_ref.clone()),
        origin: request.origin.clone(),
        viewer_token_hash: None,
        correlation_id: view.correlation.clone(),
        expires_at: view.granted_at.plus(TOKEN_LIFE),
        max_until: UnixMillis(view.granted_at.0).plus(MAX_AGE),
    }
}

fn entry(request: &PlayRequest, camera: String, item: &Result<Granted, Refusal>) -> AuditEntry {
    let caller = &request.caller;
    let (outcome, mut detail) = match item {
        Ok(granted) => {
            let view = &granted.view;
            let protocol = view.protocol.as_str();
            let told = json!({
                "session": view.id, "tier": view.tier, "protocol": protocol, "node": view.node,
                "correlation": view.correlation,
            });
            ("ok", told)
        }
        Err(refusal) => (refusal.code.code(), json!({})),
    };
    if let Some(operator) = &request.on_behalf_of {
        detail["on_behalf_of"] = json!(operator);
    }
    AuditEntry {
        tenant: caller.tenant,
        actor: caller.credential.clone(),
        action: "play".to_owned(),
        target: camera,
        outcome: outcome.to_owned(),
        detail,
    }
}
