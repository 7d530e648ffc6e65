use rusqlite::{Connection, Row, params};
use sluice_ids::{DeviceId, SiteId, TenantId, UnixMillis};

use crate::{
    Page, PageOf, Store, StoreError, Warm, WarmSchedule, devices,
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
    /// The clock that its people read: a name of the IANA time zone database.
    pub time_zone: String,
    /// When another policy than `warm` holds for the cameras that follow it.
    pub warm_schedule: WarmSchedule,
}

/// What to change about a site; `None` leaves it as it is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SiteChange {
    /// What people call it.
    pub name: Option<String>,
    /// Which tiers of its cameras are pulled before anybody looks.
    pub warm: Option<Warm>,
    /// A name of the IANA time zone database, which the caller looked up.
    pub time_zone: Option<String>,
    /// When another policy holds; empty for never.
    pub warm_schedule: Option<WarmSchedule>,
}

impl Store {
    /// Makes a site.
    pub async fn create_site(&self, tenant: TenantId, name: String) -> Result<Site, StoreError> {
        let now = self.now();
        let id = self.fresh(SiteId::from_uuid);
        let (time_zone, warm_schedule) = (UTC.to_owned(), WarmSchedule::default());
        let (created_at, updated_at, warm) = (now, now, Warm::Sub);
        let site = Site { id, tenant, name, created_at, updated_at, warm, time_zone, warm_schedule };
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

    /// Changes a site. Cameras that follow its warm policy change with it, and the devices that pull them have more to
    /// do; what its schedule makes of that is for [`Store::keep_warm_now`]. `None` if there is no such site.
    pub async fn change_site(
        &self,
        tenant: TenantId,
        id: SiteId,
        change: SiteChange,
    ) -> Result<Option<Site>, StoreError> {
        let now = self.now();
        let statement = "UPDATE sites SET name = coalesce(?3, name), warm = coalesce(?4, warm),
                         time_zone = coalesce(?5, time_zone), warm_schedule = coalesce(?6, warm_schedule),
                         updated_at = ?7 WHERE tenant_id = ?1 AND site_id = ?2";
        self.write(move |connection| {
            let (tenant, id) = (tenant.to_string(), id.to_string());
            let word = change.warm.map(Warm::as_str);
            let schedule = change.warm_schedule.map(|schedule| schedule.to_string());
            let params = params![tenant, id, change.name, word, change.time_zone, schedule, now.0];
            run(connection, statement, params)?;
            let site = one(connection, ONE, params![tenant, id], read)?;
            if let Some(site) = site.as_ref().filter(|_| word.is_some()) {
                follow(connection, site, now)?;
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

/// Cameras that follow their site's policy take the new one; it is at work at once where no schedule has a say in it.
fn follow(connection: &Connection, site: &Site, now: UnixMillis) -> Result<(), StoreError> {
    let (tenant, id, warm) = (site.tenant.to_string(), site.id.to_string(), site.warm.as_str());
    let statement = "UPDATE cameras SET warm = ?3, updated_at = ?4
                     WHERE tenant_id = ?1 AND site_id = ?2 AND warm_of_site = 1 AND warm <> ?3";
    run(connection, statement, params![tenant, id, warm, now.0])?;
    if !site.warm_schedule.is_empty() {
        return Ok(());
    }
    let query = "SELECT DISTINCT device_id FROM cameras WHERE tenant_id = ?1 AND site_id = ?2
                 AND warm_of_site = 1 AND warm_now <> ?3 AND device_id IS NOT NULL";
    let concerned: Vec<DeviceId> =
        all(connection, query, params![tenant, id, warm], |row| row::text(row, "device_id"))?;
    let statement = "UPDATE cameras SET warm_now = ?3
                     WHERE tenant_id = ?1 AND site_id = ?2 AND warm_of_site = 1 AND warm_now <> ?3";
    run(connection, statement, params![tenant, id, warm])?;
    concerned.into_iter().try_for_each(|device| devices::bump(connection, device))
}

/// What a site says of its cameras: the policy, when another holds, and by which clock. The defaults for a site that is
/// not there, to which nothing can be added anyway.
pub(crate) fn rule(
    connection: &Connection,
    tenant: TenantId,
    site: SiteId,
) -> Result<(Warm, WarmSchedule, String), StoreError> {
    let found = one(connection, ONE, params![tenant.to_string(), site.to_string()], read)?;
    let none = || (Warm::Sub, WarmSchedule::default(), UTC.to_owned());
    Ok(found.map_or_else(none, |site| (site.warm, site.warm_schedule, site.time_zone)))
}

fn read(row: &Row<'_>) -> rusqlite::Result<Site> {
    Ok(Site {
        id: row::text(row, "site_id")?,
        tenant: row::text(row, "tenant_id")?,
        name: row.get("name")?,
        created_at: row::time(row, "created_at")?,
        updated_at: row::time(row, "updated_at")?,
        warm: row::text(row, "warm")?,
        time_zone: row.get("time_zone")?,
        warm_schedule: row::text(row, "warm_schedule")?,
    })
}

const ONE: &str = "SELECT * FROM sites WHERE tenant_id = ?1 AND site_id = ?2";
/// The clock of a site that nobody set, as in the schema.
const UTC: &str = "UTC";
