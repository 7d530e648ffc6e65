use rusqlite::{Connection, Row, params};
use sluice_ids::{DeviceId, SiteId, TenantId, UnixMillis};

use crate::{
    Page, PageOf, Store, StoreError,
    page::{all, one, run},
    row,
};

/// An edge appliance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Device {
    /// Its id, as in its certificate.
    pub id: DeviceId,
    /// Whose it is.
    pub tenant: TenantId,
    /// Where it stands.
    pub site: SiteId,
    /// What people call it.
    pub name: String,
    /// The X25519 key that secrets are sealed to, 32 bytes; `None` until known.
    pub seal_public_key: Option<Vec<u8>>,
    /// Its software, as last reported.
    pub version: Option<String>,
    /// Grows with every change of what it should do.
    pub desired_generation: u64,
    /// When it was made.
    pub created_at: UnixMillis,
    /// When something about it changed.
    pub updated_at: UnixMillis,
    /// When its control link was seen last.
    pub last_seen_at: Option<UnixMillis>,
    /// When it was shut out; its links are refused since.
    pub revoked_at: Option<UnixMillis>,
}

/// A device to be made. Its id comes from whoever signs its certificate.
#[derive(Debug, Clone)]
pub struct NewDevice {
    /// As in its certificate.
    pub id: DeviceId,
    /// Where it stands.
    pub site: SiteId,
    /// What people call it.
    pub name: String,
    /// The X25519 key that secrets are sealed to, 32 bytes, if known.
    pub seal_public_key: Option<Vec<u8>>,
}

impl Store {
    /// Makes a device.
    pub async fn create_device(&self, tenant: TenantId, new: NewDevice) -> Result<Device, StoreError> {
        let now = self.now();
        let statement = "INSERT INTO devices
            (device_id, tenant_id, site_id, name, seal_public_key, created_at, updated_at)
            VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?6)";
        self.write(move |connection| {
            let id = new.id.to_string();
            let (tenant, site) = (tenant.to_string(), new.site.to_string());
            run(connection, statement, params![id, tenant, site, new.name, new.seal_public_key, now.0])?;
            require(connection, new.id)
        })
        .await
    }

    /// A device of the tenant.
    pub async fn device(&self, tenant: TenantId, id: DeviceId) -> Result<Option<Device>, StoreError> {
        self.read(move |connection| Ok(by_id(connection, id)?.filter(|device| device.tenant == tenant))).await
    }

    /// A device by the id in its certificate, whatever the tenant. For links, not for requests.
    pub async fn device_by_id(&self, id: DeviceId) -> Result<Option<Device>, StoreError> {
        self.read(move |connection| by_id(connection, id)).await
    }

    /// The tenant's devices.
    pub async fn devices(
        &self,
        tenant: TenantId,
        of: PageOf<DeviceId>,
    ) -> Result<Page<Device, DeviceId>, StoreError> {
        let query =
            "SELECT * FROM devices WHERE tenant_id = ?1 AND device_id > ?2 ORDER BY device_id LIMIT ?3";
        self.read(move |connection| {
            let params = params![tenant.to_string(), of.after_text(), of.fetch()];
            Ok(of.page(all(connection, query, params, read)?, |device| device.id))
        })
        .await
    }

    /// The devices of a site that were not shut out.
    pub async fn devices_of_site(&self, tenant: TenantId, site: SiteId) -> Result<Vec<Device>, StoreError> {
        let query = "SELECT * FROM devices WHERE tenant_id = ?1 AND site_id = ?2 AND revoked_at IS NULL
                     ORDER BY device_id";
        self.read(move |connection| {
            all(connection, query, params![tenant.to_string(), site.to_string()], read)
        })
        .await
    }

    /// Gives a device another name. `None` if there is no such device.
    pub async fn rename_device(
        &self,
        tenant: TenantId,
        id: DeviceId,
        name: String,
    ) -> Result<Option<Device>, StoreError> {
        let now = self.now();
        let statement =
            "UPDATE devices SET name = ?3, updated_at = ?4 WHERE tenant_id = ?1 AND device_id = ?2";
        self.write(move |connection| {
            run(connection, statement, params![tenant.to_string(), id.to_string(), name, now.0])?;
            Ok(by_id(connection, id)?.filter(|device| device.tenant == tenant))
        })
        .await
    }

    /// Notes what a device said at its hello. A key of another length is not kept.
    pub async fn device_said_hello(
        &self,
        id: DeviceId,
        version: String,
        seal_public_key: Vec<u8>,
    ) -> Result<(), StoreError> {
        let now = self.now();
        let key = (seal_public_key.len() == 32).then_some(seal_public_key);
        let statement = "UPDATE devices SET version = ?2, last_seen_at = ?4,
                         seal_public_key = coalesce(?3, seal_public_key) WHERE device_id = ?1";
        self.write(move |connection| {
            run(connection, statement, params![id.to_string(), version, key, now.0])?;
            Ok(())
        })
        .await
    }

    /// Notes that these devices' control links are up.
    pub async fn devices_seen(&self, ids: Vec<DeviceId>) -> Result<(), StoreError> {
        let now = self.now();
        self.write(move |connection| {
            for id in ids {
                let statement = "UPDATE devices SET last_seen_at = ?2 WHERE device_id = ?1";
                run(connection, statement, params![id.to_string(), now.0])?;
            }
            Ok(())
        })
        .await
    }

    /// Notes where the nodes are that devices dial. If that is news, every device has something else to do:
    /// their generations grow. Whether it was news.
    pub async fn note_nodes(&self, nodes: String) -> Result<bool, StoreError> {
        self.write(move |connection| {
            let known = "SELECT value FROM settings WHERE key = ?1 ORDER BY tenant_id LIMIT 1";
            let known = one(connection, known, [NODES], |row| row.get::<_, String>(0))?;
            if known.as_ref() == Some(&nodes) {
                return Ok(false);
            }
            let note = "INSERT INTO settings (tenant_id, key, value)
                        SELECT tenant_id, ?1, ?2 FROM tenants WHERE true ORDER BY tenant_id LIMIT 1
                        ON CONFLICT DO UPDATE SET value = excluded.value";
            run(connection, note, params![NODES, nodes])?;
            run(connection, "UPDATE devices SET desired_generation = desired_generation + 1", [])?;
            Ok(true)
        })
        .await
    }

    /// Shuts a device out. Whether it exists.
    pub async fn revoke_device(&self, tenant: TenantId, id: DeviceId) -> Result<bool, StoreError> {
        let now = self.now();
        let statement = "UPDATE devices SET revoked_at = coalesce(revoked_at, ?3), updated_at = ?3
                         WHERE tenant_id = ?1 AND device_id = ?2";
        self.write(move |connection| {
            Ok(run(connection, statement, params![tenant.to_string(), id.to_string(), now.0])? == 1)
        })
        .await
    }

    /// Deletes a device without cameras. Whether it existed; [`StoreError::InUse`] otherwise.
    /// A certificate in its hands stays valid: revoke it where that matters.
    pub async fn delete_device(&self, tenant: TenantId, id: DeviceId) -> Result<bool, StoreError> {
        let statement = "DELETE FROM devices WHERE tenant_id = ?1 AND device_id = ?2";
        self.write(move |connection| {
            let deleted = run(connection, statement, params![tenant.to_string(), id.to_string()]);
            Ok(deleted.map_err(StoreError::while_deleting)? == 1)
        })
        .await
    }
}

/// What the device should do has changed.
pub(crate) fn bump(connection: &Connection, id: DeviceId) -> Result<(), StoreError> {
    let statement = "UPDATE devices SET desired_generation = desired_generation + 1 WHERE device_id = ?1";
    run(connection, statement, [id.to_string()])?;
    Ok(())
}

pub(crate) fn all_rows(connection: &Connection) -> Result<Vec<Device>, StoreError> {
    all(connection, "SELECT * FROM devices ORDER BY device_id", [], read)
}

pub(crate) fn by_id(connection: &Connection, id: DeviceId) -> Result<Option<Device>, StoreError> {
    one(connection, "SELECT * FROM devices WHERE device_id = ?1", [id.to_string()], read)
}

fn require(connection: &Connection, id: DeviceId) -> Result<Device, StoreError> {
    by_id(connection, id)?.ok_or(StoreError::MissingReference)
}

fn read(row: &Row<'_>) -> rusqlite::Result<Device> {
    Ok(Device {
        id: row::text(row, "device_id")?,
        tenant: row::text(row, "tenant_id")?,
        site: row::text(row, "site_id")?,
        name: row.get("name")?,
        seal_public_key: row.get("seal_public_key")?,
        version: row.get("version")?,
        desired_generation: row.get::<_, i64>("desired_generation")?.unsigned_abs(),
        created_at: row::time(row, "created_at")?,
        updated_at: row::time(row, "updated_at")?,
        last_seen_at: row::optional_time(row, "last_seen_at")?,
        revoked_at: row::optional_time(row, "revoked_at")?,
    })
}

/// The setting, of the tenant that operates the hub, that [`Store::note_nodes`] keeps.
const NODES: &str = "fleet.nodes";
