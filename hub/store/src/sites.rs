use rusqlite::{Row, params};
use sluice_ids::{SiteId, TenantId, UnixMillis};

use crate::{
    Page, PageOf, Store, StoreError,
    page::{all, one, run},
    row,
};

/// A place: one LAN with its devices and cameras.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Site {
    /// Its id.
    pub id: SiteId,
    /// Whose it is.
    pub tenant: TenantId,
    /// What people call it.
    pub name: String,
    /// When it was made.
    pub created_at: UnixMillis,
    /// When something about it changed.
    pub updated_at: UnixMillis,
}

impl Store {
    /// Makes a site.
    pub async fn create_site(&self, tenant: TenantId, name: String) -> Result<Site, StoreError> {
        let now = self.now();
        let site = Site { id: self.fresh(SiteId::from_uuid), tenant, name, created_at: now, updated_at: now };
        let statement = "INSERT INTO sites (site_id, tenant_id, name, created_at, updated_at) VALUES (?1, ?2, ?3, ?4, ?4)";
        self.write(move |connection| {
            run(connection, statement, params![site.id.to_string(), tenant.to_string(), site.name, now.0])?;
            Ok(site)
        })
        .await
    }

    /// A site of the tenant.
    pub async fn site(&self, tenant: TenantId, id: SiteId) -> Result<Option<Site>, StoreError> {
        self.read(move |connection| one(connection, ONE, params![tenant.to_string(), id.to_string()], read))
            .await
    }

    /// The tenant's sites.
    pub async fn sites(
        &self,
        tenant: TenantId,
        of: PageOf<SiteId>,
    ) -> Result<Page<Site, SiteId>, StoreError> {
        let query = "SELECT * FROM sites WHERE tenant_id = ?1 AND site_id > ?2 ORDER BY site_id LIMIT ?3";
        self.read(move |connection| {
            let params = params![tenant.to_string(), of.after_text(), of.fetch()];
            Ok(of.page(all(connection, query, params, read)?, |site| site.id))
        })
        .await
    }

    /// Gives a site another name. `None` if there is no such site.
    pub async fn rename_site(
        &self,
        tenant: TenantId,
        id: SiteId,
        name: String,
    ) -> Result<Option<Site>, StoreError> {
        let now = self.now();
        let statement = "UPDATE sites SET name = ?3, updated_at = ?4 WHERE tenant_id = ?1 AND site_id = ?2";
        self.write(move |connection| {
            let (tenant, id) = (tenant.to_string(), id.to_string());
            run(connection, statement, params![tenant, id, name, now.0])?;
            one(connection, ONE, params![tenant, id], read)
        })
        .await
    }

    /// Deletes a site without devices and cameras. Whether it existed; [`StoreError::InUse`] otherwise.
    pub async fn delete_site(&self, tenant: TenantId, id: SiteId) -> Result<bool, StoreError> {
        let statement = "DELETE FROM sites WHERE tenant_id = ?1 AND site_id = ?2";
        self.write(move |connection| {
            let deleted = run(connection, statement, params![tenant.to_string(), id.to_string()]);
            Ok(deleted.map_err(StoreError::while_deleting)? == 1)
        })
        .await
    }
}

fn read(row: &Row<'_>) -> rusqlite::Result<Site> {
    Ok(Site {
        id: row::text(row, "site_id")?,
        tenant: row::text(row, "tenant_id")?,
        name: row.get("name")?,
        created_at: row::time(row, "created_at")?,
        updated_at: row::time(row, "updated_at")?,
    })
}

const ONE: &str = "SELECT * FROM sites WHERE tenant_id = ?1 AND site_id = ?2";
