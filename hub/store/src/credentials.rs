use std::collections::HashMap;

use rusqlite::{Connection, Row, params};
use sluice_ids::{DeviceId, SiteId, TenantId, UnixMillis};

use crate::{
    Store, StoreError,
    page::{all, one, run},
    row,
};

/// A user name and a password that may open cameras of a site. The password is kept sealed only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SiteCredential {
    /// Its id, `crd_…`; also what its password is bound to.
    pub id: String,
    /// Of which site.
    pub site: SiteId,
    /// What people call it.
    pub label: String,
    /// The name to log in with.
    pub username: String,
    /// Its place in the order to try.
    pub position: u32,
    /// Whether it is in the site's bank; else it waits for the cameras it opened to be accepted.
    pub kept: bool,
    /// When it was made.
    pub created_at: UnixMillis,
    /// The devices it is sealed to.
    pub devices: Vec<DeviceId>,
}

/// A credential to be kept. The caller makes the id, because the password is sealed to it.
#[derive(Debug, Clone)]
pub struct NewCredential {
    /// Its id.
    pub id: String,
    /// Of which site.
    pub site: SiteId,
    /// What people call it.
    pub label: String,
    /// The name to log in with.
    pub username: String,
    /// Whether it goes into the site's bank.
    pub kept: bool,
    /// The password, sealed to each device.
    pub seals: Vec<(DeviceId, Vec<u8>)>,
}

/// A credential as one device can use it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealedCredential {
    /// Its id.
    pub id: String,
    /// The name to log in with.
    pub username: String,
    /// The password, sealed to the device and bound to the id.
    pub sealed_password: Vec<u8>,
}

impl Store {
    /// Keeps a credential as the last of its site. [`StoreError::InUse`] where the site has as many as it may.
    pub async fn create_credential(&self, tenant: TenantId, new: NewCredential) -> Result<(), StoreError> {
        let now = self.now();
        self.write(move |connection| insert(connection, tenant, &new, now)).await
    }

    /// The credentials of a site's bank, in the order to try.
    pub async fn credentials(
        &self,
        tenant: TenantId,
        site: SiteId,
    ) -> Result<Vec<SiteCredential>, StoreError> {
        let all = self.all_credentials(tenant).await?;
        Ok(all.into_iter().filter(|credential| credential.site == site && credential.kept).collect())
    }

    /// Every credential of the tenant, those too that are in no bank, by site and in the order to try.
    pub async fn all_credentials(&self, tenant: TenantId) -> Result<Vec<SiteCredential>, StoreError> {
        let query = "SELECT * FROM site_credentials WHERE tenant_id = ?1 ORDER BY site_id, position";
        let seals =
            "SELECT credential_id, device_id FROM credential_seals WHERE tenant_id = ?1 ORDER BY device_id";
        self.read(move |connection| {
            let mut credentials = all(connection, query, [tenant.to_string()], read)?;
            let mut devices: HashMap<String, Vec<DeviceId>> = HashMap::new();
            let sealed: Vec<(String, DeviceId)> = all(connection, seals, [tenant.to_string()], |row| {
                Ok((row.get("credential_id")?, row::text(row, "device_id")?))
            })?;
            for (id, device) in sealed {
                devices.entry(id).or_default().push(device);
            }
            for credential in &mut credentials {
                credential.devices = devices.remove(&credential.id).unwrap_or_default();
            }
            Ok(credentials)
        })
        .await
    }

    /// What of a site's bank a device can try, in the order to try.
    pub async fn bank(
        &self,
        tenant: TenantId,
        device: DeviceId,
    ) -> Result<Vec<SealedCredential>, StoreError> {
        let query = "SELECT credential_id, username, sealed_password FROM credential_seals
                     JOIN devices USING (tenant_id, device_id)
                     JOIN site_credentials USING (tenant_id, credential_id, site_id)
                     WHERE tenant_id = ?1 AND device_id = ?2 AND kept = 1 ORDER BY position";
        self.read(move |connection| {
            all(connection, query, params![tenant.to_string(), device.to_string()], read_sealed)
        })
        .await
    }

    /// A credential as a device can use it, in a bank or not; `None` if it is not sealed to this device.
    pub async fn sealed_credential(
        &self,
        tenant: TenantId,
        device: DeviceId,
        id: String,
    ) -> Result<Option<SealedCredential>, StoreError> {
        let query = "SELECT credential_id, username, sealed_password FROM credential_seals
                     JOIN site_credentials USING (tenant_id, credential_id)
                     WHERE tenant_id = ?1 AND device_id = ?2 AND credential_id = ?3";
        self.read(move |connection| {
            one(connection, query, params![tenant.to_string(), device.to_string(), id], read_sealed)
        })
        .await
    }

    /// Forgets a credential. Cameras that were accepted with it keep their copy. Whether the site had it in its bank.
    pub async fn delete_credential(
        &self,
        tenant: TenantId,
        site: SiteId,
        id: String,
    ) -> Result<bool, StoreError> {
        let statement = "DELETE FROM site_credentials
                         WHERE tenant_id = ?1 AND site_id = ?2 AND credential_id = ?3 AND kept = 1";
        self.write(move |connection| {
            Ok(run(connection, statement, params![tenant.to_string(), site.to_string(), id])? == 1)
        })
        .await
    }

    /// Forgets credentials that are in no bank, because they opened nothing.
    pub async fn drop_credentials(&self, tenant: TenantId, ids: Vec<String>) -> Result<(), StoreError> {
        let statement =
            "DELETE FROM site_credentials WHERE tenant_id = ?1 AND credential_id = ?2 AND kept = 0";
        self.write(move |connection| {
            for id in &ids {
                run(connection, statement, params![tenant.to_string(), id])?;
            }
            Ok(())
        })
        .await
    }
}

fn insert(
    connection: &Connection,
    tenant: TenantId,
    new: &NewCredential,
    now: UnixMillis,
) -> Result<(), StoreError> {
    let (tenant, site) = (tenant.to_string(), new.site.to_string());
    let query = "SELECT count(*), coalesce(max(position), 0) FROM site_credentials
                 WHERE tenant_id = ?1 AND site_id = ?2 AND kept = ?3";
    let counted = one(connection, query, params![tenant, site, new.kept], |row| {
        Ok((row.get::<_, u32>(0)?, row.get::<_, u32>(1)?))
    })?;
    let (there, last) = counted.unwrap_or_default();
    if there >= if new.kept { MOST_KEPT } else { MOST_WAITING } {
        return Err(StoreError::InUse);
    }
    let statement = "INSERT INTO site_credentials
        (credential_id, tenant_id, site_id, label, username, position, kept, created_at)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
    let params =
        params![new.id, tenant, site, new.label, new.username, last.saturating_add(1), new.kept, now.0];
    run(connection, statement, params)?;
    let statement = "INSERT INTO credential_seals (tenant_id, credential_id, device_id, sealed_password)
                     VALUES (?1, ?2, ?3, ?4)";
    for (device, sealed) in &new.seals {
        run(connection, statement, params![tenant, new.id, device.to_string(), sealed])?;
    }
    Ok(())
}

/// Forgets credentials that nobody kept and no camera was accepted with for a week.
pub(crate) fn purge(connection: &Connection, now: UnixMillis) -> Result<(), StoreError> {
    let statement = "DELETE FROM site_credentials WHERE kept = 0 AND created_at < ?1";
    run(connection, statement, [now.0.saturating_sub(WAIT_MS)])?;
    Ok(())
}

fn read(row: &Row<'_>) -> rusqlite::Result<SiteCredential> {
    Ok(SiteCredential {
        id: row.get("credential_id")?,
        site: row::text(row, "site_id")?,
        label: row.get("label")?,
        username: row.get("username")?,
        position: row.get("position")?,
        kept: row.get("kept")?,
        created_at: row::time(row, "created_at")?,
        devices: Vec::new(),
    })
}

fn read_sealed(row: &Row<'_>) -> rusqlite::Result<SealedCredential> {
    Ok(SealedCredential {
        id: row.get("credential_id")?,
        username: row.get("username")?,
        sealed_password: row.get("sealed_password")?,
    })
}

/// A list that is tried in order at every camera is short: cameras lock out who tries too much. A device takes 32 at
/// once, these after 8 that somebody types.
const MOST_KEPT: u32 = 24;
/// Of these each opened a camera that waits to be accepted, or is being tried now.
const MOST_WAITING: u32 = 1_024;
const WAIT_MS: i64 = 7 * 24 * 3_600 * 1_000;

#[cfg(test)]
mod tests;
