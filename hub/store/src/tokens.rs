use rusqlite::{Row, params};
use sluice_ids::{TenantId, TokenId, UnixMillis, UserId};

use crate::{
    Page, PageOf, Store, StoreError, TokenHash,
    page::{all, one, run},
    row::{self, words},
};

/// What an API token may be used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Scope {
    /// Start, renew and end playback.
    Play,
    /// Read the registry, states and sessions.
    Read,
    /// Change the registry.
    Admin,
    /// Move cameras, with [`Scope::Play`].
    Ptz,
}

words!(Scope: Play = "play", Read = "read", Admin = "admin", Ptz = "ptz");

/// A credential of another program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiToken {
    /// Its id; not the secret.
    pub id: TokenId,
    /// Whose it is.
    pub tenant: TenantId,
    /// What people call it.
    pub name: String,
    /// What it may be used for.
    pub scopes: Vec<Scope>,
    /// Who made it.
    pub created_by: Option<UserId>,
    /// When.
    pub created_at: UnixMillis,
    /// Not honoured from then on; `None` never ends.
    pub expires_at: Option<UnixMillis>,
    /// When it was taken back.
    pub revoked_at: Option<UnixMillis>,
    /// When it was used last, to the minute.
    pub last_used_at: Option<UnixMillis>,
}

/// A token to be made.
#[derive(Debug, Clone)]
pub struct NewApiToken {
    /// SHA-256 of the secret.
    pub token_hash: TokenHash,
    /// What people call it.
    pub name: String,
    /// What it may be used for.
    pub scopes: Vec<Scope>,
    /// Who makes it.
    pub created_by: Option<UserId>,
    /// Not honoured from then on.
    pub expires_at: Option<UnixMillis>,
}

impl Store {
    /// Makes an API token.
    pub async fn create_api_token(&self, tenant: TenantId, new: NewApiToken) -> Result<ApiToken, StoreError> {
        let token = ApiToken {
            id: self.fresh(TokenId::from_uuid),
            tenant,
            name: new.name,
            scopes: new.scopes,
            created_by: new.created_by,
            created_at: self.now(),
            expires_at: new.expires_at,
            revoked_at: None,
            last_used_at: None,
        };
        let statement = "INSERT INTO api_tokens
            (token_id, tenant_id, token_hash, name, scopes, created_by, created_at, expires_at)
            VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
        self.write(move |connection| {
            let params = params![
                token.id.to_string(),
                tenant.to_string(),
                new.token_hash,
                token.name,
                words_of(&token.scopes),
                token.created_by.map(|id| id.to_string()),
                token.created_at.0,
                token.expires_at.map(|at| at.0),
            ];
            run(connection, statement, params)?;
            Ok(token)
        })
        .await
    }

    /// The token whose secret hashes to this, unless it was revoked or has expired.
    pub async fn api_token_by_hash(&self, hash: TokenHash) -> Result<Option<ApiToken>, StoreError> {
        let now = self.now();
        let query = "SELECT * FROM api_tokens WHERE token_hash = ?1 AND revoked_at IS NULL
                     AND (expires_at IS NULL OR expires_at > ?2)";
        self.read(move |connection| one(connection, query, params![hash, now.0], read)).await
    }

    /// A token of the tenant, revoked ones too.
    pub async fn api_token(&self, tenant: TenantId, id: TokenId) -> Result<Option<ApiToken>, StoreError> {
        let query = "SELECT * FROM api_tokens WHERE tenant_id = ?1 AND token_id = ?2";
        self.read(move |connection| one(connection, query, params![tenant.to_string(), id.to_string()], read))
            .await
    }

    /// Notes a use, at most once a minute per token.
    pub async fn touch_api_token(&self, id: TokenId) -> Result<(), StoreError> {
        let now = self.now();
        let statement = "UPDATE api_tokens SET last_used_at = ?2
                         WHERE token_id = ?1 AND (last_used_at IS NULL OR last_used_at < ?2 - 60000)";
        self.write(move |connection| {
            run(connection, statement, params![id.to_string(), now.0])?;
            Ok(())
        })
        .await
    }

    /// The tenant's tokens, revoked ones too.
    pub async fn api_tokens(
        &self,
        tenant: TenantId,
        of: PageOf<TokenId>,
    ) -> Result<Page<ApiToken, TokenId>, StoreError> {
        let query =
            "SELECT * FROM api_tokens WHERE tenant_id = ?1 AND token_id > ?2 ORDER BY token_id LIMIT ?3";
        self.read(move |connection| {
            let params = params![tenant.to_string(), of.after_text(), of.fetch()];
            Ok(of.page(all(connection, query, params, read)?, |token| token.id))
        })
        .await
    }

    /// Takes a token back. Whether it exists.
    pub async fn revoke_api_token(&self, tenant: TenantId, id: TokenId) -> Result<bool, StoreError> {
        let now = self.now();
        let statement = "UPDATE api_tokens SET revoked_at = coalesce(revoked_at, ?3)
                         WHERE tenant_id = ?1 AND token_id = ?2";
        self.write(move |connection| {
            Ok(run(connection, statement, params![tenant.to_string(), id.to_string(), now.0])? == 1)
        })
        .await
    }
}

fn words_of(scopes: &[Scope]) -> String {
    scopes.iter().map(|scope| scope.as_str()).collect::<Vec<_>>().join(" ")
}

fn read(row: &Row<'_>) -> rusqlite::Result<ApiToken> {
    let scopes: String = row.get("scopes")?;
    Ok(ApiToken {
        id: row::text(row, "token_id")?,
        tenant: row::text(row, "tenant_id")?,
        name: row.get("name")?,
        // A scope that this version does not know opens nothing here.
        scopes: scopes.split_whitespace().filter_map(|word| word.parse().ok()).collect(),
        created_by: row::optional_text(row, "created_by")?,
        created_at: row::time(row, "created_at")?,
        expires_at: row::optional_time(row, "expires_at")?,
        revoked_at: row::optional_time(row, "revoked_at")?,
        last_used_at: row::optional_time(row, "last_used_at")?,
    })
}
