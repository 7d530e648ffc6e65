use rusqlite::{Row, params};
use sluice_ids::{TenantId, UnixMillis, UserId};

use crate::{
    Store, StoreError, TokenHash, User, credentials,
    page::{one, run},
    row, users,
};

/// A login in one browser, known by the SHA-256 of its cookie.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConsoleSession {
    /// SHA-256 of the cookie's secret.
    pub token_hash: TokenHash,
    /// The user's organisation.
    pub tenant: TenantId,
    /// Who logged in.
    pub user: UserId,
    /// When.
    pub created_at: UnixMillis,
    /// When it was used last, as far as it was told.
    pub last_seen_at: UnixMillis,
    /// Not honoured from then on.
    pub expires_at: UnixMillis,
}

impl Store {
    /// Keeps a login.
    pub async fn create_console_session(
        &self,
        token_hash: TokenHash,
        tenant: TenantId,
        user: UserId,
        expires_at: UnixMillis,
    ) -> Result<ConsoleSession, StoreError> {
        let now = self.now();
        let session =
            ConsoleSession { token_hash, tenant, user, created_at: now, last_seen_at: now, expires_at };
        let statement = "INSERT INTO console_sessions
            (token_hash, tenant_id, user_id, created_at, last_seen_at, expires_at) VALUES (?1, ?2, ?3, ?4, ?4, ?5)";
        self.write(move |connection| {
            let (tenant, user) = (tenant.to_string(), user.to_string());
            run(connection, statement, params![token_hash, tenant, user, now.0, expires_at.0])?;
            Ok(session)
        })
        .await
    }

    /// The login behind a cookie and its user, unless it has expired or the user is locked out.
    pub async fn console_session(
        &self,
        token_hash: TokenHash,
    ) -> Result<Option<(ConsoleSession, User)>, StoreError> {
        let now = self.now();
        let session = "SELECT * FROM console_sessions WHERE token_hash = ?1 AND expires_at > ?2";
        let user = "SELECT * FROM users WHERE user_id = ?1 AND disabled = 0";
        self.read(move |connection| {
            let Some(session) = one(connection, session, params![token_hash, now.0], read)? else {
                return Ok(None);
            };
            let user = one(connection, user, [session.user.to_string()], users::read)?;
            Ok(user.map(|user| (session, user)))
        })
        .await
    }

    /// Notes that a login was used, and until when it is honoured now.
    pub async fn touch_console_session(
        &self,
        token_hash: TokenHash,
        expires_at: UnixMillis,
    ) -> Result<(), StoreError> {
        let now = self.now();
        let statement =
            "UPDATE console_sessions SET last_seen_at = ?2, expires_at = ?3 WHERE token_hash = ?1";
        self.write(move |connection| {
            run(connection, statement, params![token_hash, now.0, expires_at.0])?;
            Ok(())
        })
        .await
    }

    /// Ends a login. Whether it existed.
    pub async fn delete_console_session(&self, token_hash: TokenHash) -> Result<bool, StoreError> {
        let statement = "DELETE FROM console_sessions WHERE token_hash = ?1";
        self.write(move |connection| Ok(run(connection, statement, [token_hash])? == 1)).await
    }

    /// Forgets what time has made worthless: expired logins, idempotency keys of more than a day,
    /// play sessions that ended more than 30 days ago, credentials that wait for a camera in vain. To be called now
    /// and then.
    pub async fn purge(&self) -> Result<(), StoreError> {
        let now = self.now().0;
        self.write(move |connection| {
            credentials::purge(connection, UnixMillis(now))?;
            run(connection, "DELETE FROM console_sessions WHERE expires_at <= ?1", [now])?;
            run(connection, "DELETE FROM idempotency_keys WHERE created_at <= ?1", [now - DAY_MS])?;
            run(connection, "DELETE FROM play_sessions WHERE ended_at <= ?1", [now - 30 * DAY_MS])?;
            Ok(())
        })
        .await
    }
}

fn read(row: &Row<'_>) -> rusqlite::Result<ConsoleSession> {
    Ok(ConsoleSession {
        token_hash: row.get("token_hash")?,
        tenant: row::text(row, "tenant_id")?,
        user: row::text(row, "user_id")?,
        created_at: row::time(row, "created_at")?,
        last_seen_at: row::time(row, "last_seen_at")?,
        expires_at: row::time(row, "expires_at")?,
    })
}

const DAY_MS: i64 = 24 * 60 * 60 * 1000;
