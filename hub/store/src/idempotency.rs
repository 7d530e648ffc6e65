use rusqlite::params;
use sluice_ids::TenantId;

use crate::{
    Store, StoreError,
    page::{one, run},
};

/// An `Idempotency-Key` as one credential sent it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdempotencyKey {
    /// Whose.
    pub tenant: TenantId,
    /// Id of the user or the token.
    pub principal: String,
    /// The header's value.
    pub key: String,
}

/// What a key means at this moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IdempotencyState {
    /// New: do the work, then call [`Store::finish_idempotent`] or [`Store::abandon_idempotent`].
    Fresh,
    /// The first request with it is still at work.
    InProgress,
    /// Done before: answer this again.
    Done {
        /// HTTP status.
        status: u16,
        /// Response body.
        body: Vec<u8>,
    },
    /// Used before for another request.
    Mismatch,
}

impl Store {
    /// Claims a key for a request whose method, path and body hash to `request_hash` (SHA-256).
    pub async fn begin_idempotent(
        &self,
        key: IdempotencyKey,
        request_hash: [u8; 32],
    ) -> Result<IdempotencyState, StoreError> {
        let now = self.now().0;
        self.write(move |connection| {
            let tenant = key.tenant.to_string();
            // A request that never finished (a crash) does not hold its key for ever.
            let lost = "DELETE FROM idempotency_keys WHERE tenant_id = ?1 AND principal = ?2 AND key = ?3
                        AND (created_at < ?4 - 86400000 OR (status IS NULL AND created_at < ?4 - 60000))";
            run(connection, lost, params![tenant, key.principal, key.key, now])?;
            let query = "SELECT request_hash, status, body FROM idempotency_keys
                         WHERE tenant_id = ?1 AND principal = ?2 AND key = ?3";
            let known = one(connection, query, params![tenant, key.principal, key.key], |row| {
                Ok((
                    row.get::<_, [u8; 32]>(0)?,
                    row.get::<_, Option<u16>>(1)?,
                    row.get::<_, Option<Vec<u8>>>(2)?,
                ))
            })?;
            match known {
                Some((hash, ..)) if hash != request_hash => return Ok(IdempotencyState::Mismatch),
                Some((_, Some(status), body)) => {
                    return Ok(IdempotencyState::Done { status, body: body.unwrap_or_default() });
                }
                Some((_, None, _)) => return Ok(IdempotencyState::InProgress),
                None => {}
            }
            let insert = "INSERT INTO idempotency_keys (tenant_id, principal, key, request_hash, created_at)
                          VALUES (?1, ?2, ?3, ?4, ?5)";
            run(connection, insert, params![tenant, key.principal, key.key, request_hash, now])?;
            Ok(IdempotencyState::Fresh)
        })
        .await
    }

    /// Keeps the answer for repetitions.
    pub async fn finish_idempotent(
        &self,
        key: IdempotencyKey,
        status: u16,
        body: Vec<u8>,
    ) -> Result<(), StoreError> {
        let statement = "UPDATE idempotency_keys SET status = ?4, body = ?5
                         WHERE tenant_id = ?1 AND principal = ?2 AND key = ?3";
        self.write(move |connection| {
            run(
                connection,
                statement,
                params![key.tenant.to_string(), key.principal, key.key, status, body],
            )?;
            Ok(())
        })
        .await
    }

    /// Frees a key whose request came to nothing, so that it can be sent again.
    pub async fn abandon_idempotent(&self, key: IdempotencyKey) -> Result<(), StoreError> {
        let statement = "DELETE FROM idempotency_keys
                         WHERE tenant_id = ?1 AND principal = ?2 AND key = ?3 AND status IS NULL";
        self.write(move |connection| {
            run(connection, statement, params![key.tenant.to_string(), key.principal, key.key])?;
            Ok(())
        })
        .await
    }
}
