use ring::digest::{Context, SHA256};
use rusqlite::{Connection, Row, params};
use sluice_ids::{TenantId, UnixMillis};

use crate::{
    Store, StoreError,
    page::{all, one, run},
    row,
};

/// Something that was done or refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditEntry {
    /// Whose audit.
    pub tenant: TenantId,
    /// Who: the id of a user, a token or a device, never a name.
    pub actor: String,
    /// What, as `camera.create` or `play`.
    pub action: String,
    /// To what: an id.
    pub target: String,
    /// How it went: `ok`, or the code of the refusal.
    pub outcome: String,
    /// More, as a JSON object without secrets.
    pub detail: serde_json::Value,
}

/// An entry with its place in the chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditRow {
    /// Its number in its tenant, from 1.
    pub seq: u64,
    /// When.
    pub at: UnixMillis,
    /// What.
    pub entry: AuditEntry,
    /// Hash of this row and all before it.
    pub hash: [u8; 32],
}

/// The end of a tenant's chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AuditHead {
    /// How many rows.
    pub rows: u64,
    /// The last row's hash; zeros when there is none.
    pub hash: [u8; 32],
}

/// Where a chain does not hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the audit chain is broken at row {seq}")]
pub struct AuditBreak {
    /// The first row that is missing or does not match.
    pub seq: u64,
}

impl Store {
    /// Appends an entry to its tenant's chain. It is on the disk when this answers.
    pub async fn append_audit(&self, entry: AuditEntry) -> Result<u64, StoreError> {
        let entries = vec![entry];
        Ok(self.append_audit_all(entries).await?.unwrap_or_default())
    }

    /// Appends entries in order, all or none; the number of the last. On the disk when this answers.
    pub async fn append_audit_all(&self, entries: Vec<AuditEntry>) -> Result<Option<u64>, StoreError> {
        let now = self.now();
        self.write_durable(move |connection| append_all(connection, &entries, now)).await
    }

    /// The tenant's newest entries before `before` (all, if `None`), newest first, at most `limit`.
    pub async fn audit(
        &self,
        tenant: TenantId,
        before: Option<u64>,
        limit: u32,
    ) -> Result<Vec<AuditRow>, StoreError> {
        let query = "SELECT * FROM audit WHERE tenant_id = ?1 AND seq < ?2 ORDER BY seq DESC LIMIT ?3";
        let before = before.and_then(|seq| i64::try_from(seq).ok()).unwrap_or(i64::MAX);
        self.read(move |connection| {
            all(connection, query, params![tenant.to_string(), before, limit.clamp(1, 1000)], read)
        })
        .await
    }

    /// Walks the tenant's chain from its beginning.
    pub async fn verify_audit(&self, tenant: TenantId) -> Result<Result<AuditHead, AuditBreak>, StoreError> {
        self.read(move |connection| {
            let mut head = AuditHead { rows: 0, hash: [0; 32] };
            loop {
                let query = "SELECT * FROM audit WHERE tenant_id = ?1 AND seq > ?2 ORDER BY seq LIMIT 1000";
                let after = i64::try_from(head.rows).unwrap_or(i64::MAX);
                let rows = all(connection, query, params![tenant.to_string(), after], read)?;
                if rows.is_empty() {
                    return Ok(Ok(head));
                }
                for row in rows {
                    let seq = head.rows + 1;
                    if row.seq != seq || chained(&head.hash, seq, row.at, &row.entry) != row.hash {
                        return Ok(Err(AuditBreak { seq }));
                    }
                    head = AuditHead { rows: seq, hash: row.hash };
                }
            }
        })
        .await
    }
}

pub(crate) fn append_all(
    connection: &Connection,
    entries: &[AuditEntry],
    now: UnixMillis,
) -> Result<Option<u64>, StoreError> {
    let mut last = None;
    for entry in entries {
        last = Some(append(connection, entry, now)?);
    }
    Ok(last)
}

fn append(connection: &Connection, entry: &AuditEntry, at: UnixMillis) -> Result<u64, StoreError> {
    let tenant = entry.tenant.to_string();
    let query = "SELECT seq, hash FROM audit WHERE tenant_id = ?1 ORDER BY seq DESC LIMIT 1";
    let last = one(connection, query, [&tenant], |row| {
        Ok((row.get::<_, i64>(0)?.unsigned_abs(), row.get::<_, [u8; 32]>(1)?))
    })?;
    let (seq, previous) = last.map_or((1, [0; 32]), |(seq, hash)| (seq + 1, hash));
    let hash = chained(&previous, seq, at, entry);
    let insert = "INSERT INTO audit
        (tenant_id, seq, at, actor, action, target, outcome, detail, previous_hash, hash)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)";
    let params = params![
        tenant,
        i64::try_from(seq).unwrap_or(i64::MAX),
        at.0,
        entry.actor,
        entry.action,
        entry.target,
        entry.outcome,
        entry.detail.to_string(),
        previous,
        hash,
    ];
    run(connection, insert, params)?;
    Ok(seq)
}

/// SHA-256 over the hash before and every field, each with its length, so that no two rows read alike.
fn chained(previous: &[u8; 32], seq: u64, at: UnixMillis, entry: &AuditEntry) -> [u8; 32] {
    let mut context = Context::new(&SHA256);
    context.update(previous);
    context.update(&seq.to_be_bytes());
    context.update(&at.0.to_be_bytes());
    let (tenant, detail) = (entry.tenant.to_string(), entry.detail.to_string());
    for field in [&tenant, &entry.actor, &entry.action, &entry.target, &entry.outcome, &detail] {
        context.update(&(field.len() as u64).to_be_bytes());
        context.update(field.as_bytes());
    }
    context.finish().as_ref().try_into().expect("SHA-256 has 32 bytes")
}

fn read(row: &Row<'_>) -> rusqlite::Result<AuditRow> {
    let detail: String = row.get("detail")?;
    Ok(AuditRow {
        seq: row.get::<_, i64>("seq")?.unsigned_abs(),
        at: row::time(row, "at")?,
        entry: AuditEntry {
            tenant: row::text(row, "tenant_id")?,
            actor: row.get("actor")?,
            action: row.get("action")?,
            target: row.get("target")?,
            outcome: row.get("outcome")?,
            detail: row::parse(&detail)?,
        },
        hash: row.get("hash")?,
    })
}

#[cfg(test)]
mod tests;
