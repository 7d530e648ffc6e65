use rusqlite::{Connection, Row, params};
use sluice_ids::{DeviceId, SiteId, TenantId, UnixMillis};

use crate::{
    Page, PageOf, Store, StoreError, Warm, devices,
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
    /// Which tiers of its cameras are pulled before anybody looks, unless a camera says otherwise.
    pub warm: Warm,
}

impl Store {
    /// Makes a site.
    pub async fn create_site(&self, tenant: TenantId, name: String) -> Result<Site, StoreError> {
        let now = self.now();
        let id = self.fresh(SiteId::from_uuid);
        let site = Site { id, tenant, name, created_at: now, updated_at: now, warm: Warm::Sub };
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

    /// Gives a site another name, or its cameras another warm policy: those that follow it change with it, and the
    /// devices that pull them have more to do. `None` if there is no such site.
    pub async fn change_site(
        &self,
        tenant: TenantId,
        id: SiteId,
        (name, warm): (Option<String>, Option<Warm>),
    ) -> Result<Option<Site>, StoreError> {
        let now = self.now();
        let statement =
            "UPDATE sites SET name = coalesce(?3, name), warm = coalesce(?4, warm), updated_at = ?5
                         WHERE tenant_id = ?1 AND site_id = ?2";
        self.write(move |connection| {
            let (tenant, id) = (tenant.to_string(), id.to_string());
            let word = warm.map(Warm::as_str);
            run(connection, statement, params![tenant, id, name, word, now.0])?;
            let site = one(connection, ONE, params![tenant, id], read)?;
            if let (Some(_), Some(word)) = (&site, word) {
                follow(connection, (&tenant, &id), word, now)?;
            }
            Ok(site)
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

/// Cameras that follow their site's policy take the new one.
fn follow(
    connection: &Connection,
    (tenant, site): (&str, &str),
    warm: &str,
    now: UnixMillis,
) -> Result<(), StoreError> {
    let query = "SELECT DISTINCT device_id FROM cameras WHERE tenant_id = ?1 AND site_id = ?2
                 AND warm_of_site = 1 AND warm <> ?3 AND device_id IS NOT NULL";
    let concerned: Vec<DeviceId> =
        all(connection, query, params![tenant, site, warm], |row| row::text(row, "device_id"))?;
    let statement = "UPDATE cameras SET warm = ?3, updated_at = ?4
                     WHERE tenant_id = ?1 AND site_id = ?2 AND warm_of_site = 1 AND warm <> ?3";
    run(connection, statement, params![tenant, site, warm, now.0])?;
    concerned.into_iter().try_for_each(|device| devices::bump(connection, device))
}

/// What a site says of its cameras; the default for a site that is not there, to which nothing can be added anyway.
pub(crate) fn warm(connection: &Connection, tenant: TenantId, site: SiteId) -> Result<Warm, StoreError> {
    let found = one(connection, ONE, params![tenant.to_string(), site.to_string()], read)?;
    Ok(found.map_or(Warm::Sub, |site| site.warm))
}

fn read(row: &Row<'_>) -> rusqlite::Result<Site> {
    Ok(Site {
        id: row::text(row, "site_id")?,
        tenant: row::text(row, "tenant_id")?,
        name: row.get("name")?,
        created_at: row::time(row, "created_at")?,
        updated_at: row::time(row, "updated_at")?,
        warm: row::text(row, "warm")?,
    })
}

const ONE: &str = "SELECT * FROM sites WHERE tenant_id = ?1 AND site_id = ?2";
