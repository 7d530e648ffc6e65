use rusqlite::{Connection, Row, params};
use sluice_ids::{CameraId, NodeId, SessionId, TenantId, Tier, UnixMillis};

use crate::{
    AuditEntry, Page, PageOf, Store, StoreError, TokenHash,
    audit::append_all,
    page::{all, one, run},
    row,
};

/// One viewer's session with one camera.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlaySession {
    /// What was given.
    pub given: NewPlaySession,
    /// When it was given.
    pub created_at: UnixMillis,
    /// When its token was used.
    pub started_at: Option<UnixMillis>,
    /// When media flowed first.
    pub connected_at: Option<UnixMillis>,
    /// When it ended.
    pub ended_at: Option<UnixMillis>,
    /// Why it ended.
    pub end_reason: Option<String>,
}

/// What was given to a viewer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewPlaySession {
    /// Its id.
    pub id: SessionId,
    /// Whose camera.
    pub tenant: TenantId,
    /// Which camera.
    pub camera: CameraId,
    /// Which of its tiers.
    pub tier: Tier,
    /// `webrtc`, `ll-hls` or `hls`.
    pub protocol: String,
    /// From which node.
    pub node: NodeId,
    /// Id of the user or the token that asked.
    pub principal: String,
    /// Opaque id of an operator of the calling system.
    pub on_behalf_of: Option<String>,
    /// The caller's own name for it.
    pub client_ref: Option<String>,
    /// The web origin it is shown in.
    pub origin: Option<String>,
    /// SHA-256 of the viewer token that may renew and end it.
    pub viewer_token_hash: Option<TokenHash>,
    /// Ties it to one request, and to its trace.
    pub correlation_id: String,
    /// If not started by then it never will be.
    pub expires_at: UnixMillis,
    /// Ends then at the latest.
    pub max_until: UnixMillis,
}

impl Store {
    /// Keeps the sessions of one request and its audit, all or none and in one commit: it is on the disk when this
    /// answers.
    pub async fn record_play(
        &self,
        sessions: Vec<NewPlaySession>,
        audit: Vec<AuditEntry>,
    ) -> Result<(), StoreError> {
        let now = self.now();
        self.write_durable(move |connection| {
            sessions.iter().try_for_each(|session| insert(connection, session, now))?;
            append_all(connection, &audit, now).map(drop)
        })
        .await
    }

    /// A session of the tenant, ended or not.
    pub async fn play_session(
        &self,
        tenant: TenantId,
        id: SessionId,
    ) -> Result<Option<PlaySession>, StoreError> {
        let query = "SELECT * FROM play_sessions WHERE tenant_id = ?1 AND session_id = ?2";
        self.read(move |connection| one(connection, query, params![tenant.to_string(), id.to_string()], read))
            .await
    }

    /// The tenant's sessions that have not ended.
    pub async fn active_play_sessions(
        &self,
        tenant: TenantId,
        of: PageOf<SessionId>,
    ) -> Result<Page<PlaySession, SessionId>, StoreError> {
        let query =
            "SELECT * FROM play_sessions WHERE tenant_id = ?1 AND session_id > ?2 AND ended_at IS NULL
                     ORDER BY session_id LIMIT ?3";
        self.read(move |connection| {
            let params = params![tenant.to_string(), of.after_text(), of.fetch()];
            Ok(of.page(all(connection, query, params, read)?, |session| session.given.id))
        })
        .await
    }

    /// Every session of every tenant that has not ended. For a restart, not for requests.
    pub async fn all_active_play_sessions(&self) -> Result<Vec<PlaySession>, StoreError> {
        let query = "SELECT * FROM play_sessions WHERE ended_at IS NULL ORDER BY session_id";
        self.read(move |connection| all(connection, query, [], read)).await
    }

    /// The sessions that a viewer token speaks for, ended ones too.
    pub async fn play_sessions_by_viewer_token(
        &self,
        hash: TokenHash,
    ) -> Result<Vec<PlaySession>, StoreError> {
        let query = "SELECT * FROM play_sessions WHERE viewer_token_hash = ?1 ORDER BY session_id";
        self.read(move |connection| all(connection, query, params![hash], read)).await
    }

    /// The session's token was used. Whether the session was waiting for that.
    pub async fn play_session_started(&self, id: SessionId) -> Result<bool, StoreError> {
        self.mark(
            id,
            "UPDATE play_sessions SET started_at = ?2
             WHERE session_id = ?1 AND started_at IS NULL AND ended_at IS NULL",
        )
        .await
    }

    /// Media flowed. Whether that was news.
    pub async fn play_session_connected(&self, id: SessionId) -> Result<bool, StoreError> {
        self.mark(
            id,
            "UPDATE play_sessions SET connected_at = ?2, started_at = coalesce(started_at, ?2)
             WHERE session_id = ?1 AND connected_at IS NULL AND ended_at IS NULL",
        )
        .await
    }

    /// The session ended. Whether that was news; the first reason stays.
    pub async fn play_session_ended(&self, id: SessionId, reason: String) -> Result<bool, StoreError> {
        let now = self.now();
        let statement = "UPDATE play_sessions SET ended_at = ?2, end_reason = ?3
                         WHERE session_id = ?1 AND ended_at IS NULL";
        self.write(move |connection| {
            Ok(run(connection, statement, params![id.to_string(), now.0, reason])? == 1)
        })
        .await
    }

    /// The session goes on by another protocol. Whether it had not ended.
    pub async fn play_session_switched(&self, id: SessionId, protocol: String) -> Result<bool, StoreError> {
        let statement = "UPDATE play_sessions SET protocol = ?2 WHERE session_id = ?1 AND ended_at IS NULL";
        self.write(move |connection| Ok(run(connection, statement, params![id.to_string(), protocol])? == 1))
            .await
    }

    /// Ends every session of every tenant, for a process that starts with no viewer. How many that were.
    pub async fn end_all_play_sessions(&self, reason: String) -> Result<usize, StoreError> {
        let now = self.now();
        let statement = "UPDATE play_sessions SET ended_at = ?1, end_reason = ?2 WHERE ended_at IS NULL";
        self.write(move |connection| Ok(run(connection, statement, params![now.0, reason])?)).await
    }

    async fn mark(&self, id: SessionId, statement: &'static str) -> Result<bool, StoreError> {
        let now = self.now();
        self.write(move |connection| Ok(run(connection, statement, params![id.to_string(), now.0])? == 1))
            .await
    }
}

fn insert(connection: &Connection, new: &NewPlaySession, now: UnixMillis) -> Result<(), StoreError> {
    let statement = "INSERT INTO play_sessions
        (session_id, tenant_id, camera_id, tier, protocol, node_id, principal, on_behalf_of, client_ref, origin,
         viewer_token_hash, correlation_id, created_at, expires_at, max_until)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)";
    let params = params![
        new.id.to_string(),
        new.tenant.to_string(),
        new.camera.to_string(),
        new.tier.as_str(),
        new.protocol,
        new.node.to_string(),
        new.principal,
        new.on_behalf_of,
        new.client_ref,
        new.origin,
        new.viewer_token_hash,
        new.correlation_id,
        now.0,
        new.expires_at.0,
        new.max_until.0,
    ];
    run(connection, statement, params)?;
    Ok(())
}

fn read(row: &Row<'_>) -> rusqlite::Result<PlaySession> {
    let given = NewPlaySession {
        id: row::text(row, "session_id")?,
        tenant: row::text(row, "tenant_id")?,
        camera: row::text(row, "camera_id")?,
        tier: row::text(row, "tier")?,
        protocol: row.get("protocol")?,
        node: row::text(row, "node_id")?,
        principal: row.get("principal")?,
        on_behalf_of: row.get("on_behalf_of")?,
        client_ref: row.get("client_ref")?,
        origin: row.get("origin")?,
        viewer_token_hash: row.get("viewer_token_hash")?,
        correlation_id: row.get("correlation_id")?,
        expires_at: row::time(row, "expires_at")?,
        max_until: row::time(row, "max_until")?,
    };
    Ok(PlaySession {
        given,
        created_at: row::time(row, "created_at")?,
        started_at: row::optional_time(row, "started_at")?,
        connected_at: row::optional_time(row, "connected_at")?,
        ended_at: row::optional_time(row, "ended_at")?,
        end_reason: row.get("end_reason")?,
    })
}

#[cfg(test)]
mod tests;
