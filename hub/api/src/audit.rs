use serde_json::Value;
use sluice_hub_store::AuditEntry;

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
