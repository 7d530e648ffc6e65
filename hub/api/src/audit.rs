use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use sluice_hub_store::AuditEntry;
use sluice_ids::{CameraId, TenantId};

use crate::{auth::Who, problem::Problem, state::ApiState};

/// Writes what was done into the audit; it is on the disk before the caller has its answer.
pub(crate) async fn audit(
    state: &ApiState,
    who: &Who,
    action: &str,
    target: impl ToString,
    detail: Value,
) -> Result<(), Problem> {
    let entry = AuditEntry {
        tenant: who.tenant(),
        actor: who.credential(),
        action: action.to_owned(),
        target: target.to_string(),
        outcome: "ok".to_owned(),
        detail,
    };
    state.store.append_audit(entry).await?;
    Ok(())
}

/// The same for what is done many times a minute: who did it to which camera is written once a minute.
pub(crate) async fn audit_now_and_then(
    state: &ApiState,
    who: &Who,
    action: &'static str,
    camera: CameraId,
) -> Result<(), Problem> {
    now_and_then(state, (who.tenant(), who.credential()), action, camera).await
}

/// The same by tenant and credential, for who is not asking by a request of his own.
pub(crate) async fn now_and_then(
    state: &ApiState,
    (tenant, actor): (TenantId, String),
    action: &'static str,
    camera: CameraId,
) -> Result<(), Problem> {
    let key = (actor, action, camera);
    if state.audited_lately(&key) {
        return Ok(());
    }
    let entry = AuditEntry {
        tenant,
        actor: key.0.clone(),
        action: action.to_owned(),
        target: camera.to_string(),
        outcome: "ok".to_owned(),
        detail: json!({}),
    };
    state.store.append_audit(entry).await?;
    state.was_audited(key);
    Ok(())
}

/// What was audited within the last minute. Pure.
#[derive(Debug, Default)]
pub(crate) struct Lately(HashMap<Key, Instant>);

/// Who did what to which camera.
pub(crate) type Key = (String, &'static str, CameraId);

impl Lately {
    pub(crate) fn has(&self, now: Instant, key: &Key) -> bool {
        self.0.get(key).is_some_and(|at| now.duration_since(*at) < ONCE_IN)
    }

    pub(crate) fn note(&mut self, now: Instant, key: Key) {
        if self.0.len() >= MOST_KEYS {
            self.0.retain(|_, at| now.duration_since(*at) < ONCE_IN);
        }
        if self.0.len() >= MOST_KEYS {
            // Too much is written rather than too little.
            self.0.clear();
        }
        self.0.insert(key, now);
    }
}

const ONCE_IN: Duration = Duration::from_secs(60);
/// 100 operators with 100 cameras each; about 1 MB.
const MOST_KEYS: usize = 10_000;

#[cfg(test)]
mod tests {
    use sluice_runtime::Clock;

    use super::*;

    #[test]
    fn what_was_written_a_moment_ago_is_not_written_again() {
        let (mut lately, now) = (Lately::default(), Clock::system().now());
        let camera = "cam_0198c0de00007000800000000000002a".parse().unwrap();
        let key = |who: &str| (who.to_owned(), "camera.poster", camera);
        assert!(!lately.has(now, &key("a")));
        lately.note(now, key("a"));
        assert!(lately.has(now + ONCE_IN / 2, &key("a")) && !lately.has(now, &key("b")));
        assert!(!lately.has(now + ONCE_IN, &key("a")));
        for n in 0..2 * MOST_KEYS {
            lately.note(now, key(&n.to_string()));
        }
        assert!(lately.0.len() <= MOST_KEYS);
    }
}
