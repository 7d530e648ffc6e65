use rusqlite::{Row, params};
use sluice_ids::{TenantId, UnixMillis};

use crate::{
    Store, StoreError,
    page::{all, one, run},
    row,
};

/// An organisation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tenant {
    /// Its id.
    pub id: TenantId,
    /// What people call it.
    pub name: String,
    /// When it was made.
    pub created_at: UnixMillis,
}

impl Store {
    /// Makes a tenant.
    pub async fn create_tenant(&self, name: String) -> Result<Tenant, StoreError> {
        let tenant = Tenant { id: self.fresh(TenantId::from_uuid), name, created_at: self.now() };
        self.write(move |connection| {
            insert(connection, &tenant)?;
            Ok(tenant)
        })
        .await
    }

    /// Every tenant, oldest first. The first is the default one, which operates the hub.
    pub async fn tenants(&self) -> Result<Vec<Tenant>, StoreError> {
        self.read(|connection| all(connection, "SELECT * FROM tenants ORDER BY tenant_id", [], read)).await
    }

    /// Replaces the web origins whose pages may call the API for this tenant.
    pub async fn set_allowed_origins(
        &self,
        tenant: TenantId,
        origins: Vec<String>,
    ) -> Result<(), StoreError> {
        self.write(move |connection| {
            run(connection, "DELETE FROM allowed_origins WHERE tenant_id = ?1", [tenant.to_string()])?;
            for origin in origins {
                let insert = "INSERT OR IGNORE INTO allowed_origins (tenant_id, origin) VALUES (?1, ?2)";
                run(connection, insert, params![tenant.to_string(), origin])?;
            }
            Ok(())
        })
        .await
    }

    /// The web origins whose pages may call the API for this tenant.
    pub async fn allowed_origins(&self, tenant: TenantId) -> Result<Vec<String>, StoreError> {
        let query = "SELECT origin FROM allowed_origins WHERE tenant_id = ?1 ORDER BY origin";
        self.read(move |connection| all(connection, query, [tenant.to_string()], |row| row.get(0))).await
    }

    /// Every allowed origin with its tenant: preflights carry no credential that would name one.
    pub async fn all_allowed_origins(&self) -> Result<Vec<(TenantId, String)>, StoreError> {
        let query = "SELECT tenant_id, origin FROM allowed_origins ORDER BY tenant_id, origin";
        self.read(move |connection| {
            all(connection, query, [], |row| Ok((row::text(row, "tenant_id")?, row.get("origin")?)))
        })
        .await
    }

    /// One of the tenant's settings.
    pub async fn setting(&self, tenant: TenantId, key: &'static str) -> Result<Option<String>, StoreError> {
        let query = "SELECT value FROM settings WHERE tenant_id = ?1 AND key = ?2";
        self.read(move |connection| {
            one(connection, query, params![tenant.to_string(), key], |row| row.get(0))
        })
        .await
    }

    /// Sets one of the tenant's settings.
    pub async fn set_setting(
        &self,
        tenant: TenantId,
        key: &'static str,
        value: String,
    ) -> Result<(), StoreError> {
        let statement = "INSERT INTO settings (tenant_id, key, value) VALUES (?1, ?2, ?3)
                         ON CONFLICT DO UPDATE SET value = excluded.value";
        self.write(move |connection| {
            run(connection, statement, params![tenant.to_string(), key, value])?;
            Ok(())
        })
        .await
    }
}

pub(crate) fn insert(connection: &rusqlite::Connection, tenant: &Tenant) -> Result<(), StoreError> {
    let statement = "INSERT INTO tenants (tenant_id, name, created_at) VALUES (?1, ?2, ?3)";
    run(connection, statement, params![tenant.id.to_string(), tenant.name, tenant.created_at.0])?;
    Ok(())
}

pub(crate) fn read(row: &Row<'_>) -> rusqlite::Result<Tenant> {
    Ok(Tenant {
        id: row::text(row, "tenant_id")?,
        name: row.get("name")?,
        created_at: row::time(row, "created_at")?,
    })
}
