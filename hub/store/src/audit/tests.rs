use super::*;
use crate::testing::bench;

fn entry(tenant: TenantId, action: &str) -> AuditEntry {
    AuditEntry {
        tenant,
        actor: "usr_1".into(),
        action: action.into(),
        target: "cam_1".into(),
        outcome: "ok".into(),
        detail: serde_json::json!({"b": 1, "a": [1.5, null]}),
    }
}

#[tokio::test]
async fn each_tenant_has_a_chain_of_its_own_that_verifies() {
    let bench = bench().await;
    let store = &bench.store;
    assert_eq!(store.verify_audit(bench.ours).await.unwrap(), Ok(AuditHead { rows: 0, hash: [0; 32] }));
    assert_eq!(store.append_audit(entry(bench.ours, "camera.create")).await.unwrap(), 1);
    assert_eq!(store.append_audit(entry(bench.theirs, "login")).await.unwrap(), 1);
    let two = vec![entry(bench.ours, "play"), entry(bench.ours, "play")];
    assert_eq!(store.append_audit_all(two).await.unwrap(), Some(3));
    let head = store.verify_audit(bench.ours).await.unwrap().unwrap();
    assert_eq!(head.rows, 3);
    let newest = store.audit(bench.ours, None, 2).await.unwrap();
    assert_eq!(newest.iter().map(|row| row.seq).collect::<Vec<_>>(), [3, 2]);
    assert_eq!(newest[0].hash, head.hash);
    let older = store.audit(bench.ours, Some(2), 10).await.unwrap();
    assert_eq!(older[0].entry, entry(bench.ours, "camera.create"));
}

#[tokio::test]
async fn rows_cannot_be_changed_and_a_forged_one_is_found() {
    let bench = bench().await;
    for _ in 0..3 {
        bench.store.append_audit(entry(bench.ours, "play")).await.unwrap();
    }
    let raw = bench.raw();
    assert!(raw.execute("UPDATE audit SET actor = 'nobody'", []).is_err());
    assert!(raw.execute("DELETE FROM audit", []).is_err());
    // Somebody who owns the file can take the guard away, but not mend the chain behind it.
    raw.execute_batch("DROP TRIGGER audit_is_never_changed; UPDATE audit SET actor = 'nobody' WHERE seq = 2")
        .unwrap();
    assert_eq!(bench.store.verify_audit(bench.ours).await.unwrap(), Err(AuditBreak { seq: 2 }));
    raw.execute_batch("DROP TRIGGER audit_is_never_deleted; DELETE FROM audit WHERE seq = 1").unwrap();
    assert_eq!(bench.store.verify_audit(bench.ours).await.unwrap(), Err(AuditBreak { seq: 1 }));
}
