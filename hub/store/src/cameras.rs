use std::{collections::HashMap, time::Duration};

use rusqlite::{Connection, Row, params};
use sluice_ids::{CameraId, DeviceId, SiteId, TenantId, Tier, UnixMillis};

use crate::{
    Device, Page, PageOf, Store, StoreError, devices,
    page::{all, one, run},
    row::{self, words},
};

/// How long a feed outlives its last viewer unless the camera says otherwise.
pub const DEFAULT_LINGER: Duration = Duration::from_secs(15);

/// Who pulls a camera.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Via {
    /// The appliance at its site.
    Device(DeviceId),
    /// A node, for cameras beside the hub and for tests.
    Node,
}

/// Which tiers are pulled before anybody looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Warm {
    /// Every tier.
    All,
    /// The smaller picture, or the only one.
    Sub,
    /// The largest picture.
    Main,
    /// None: every start is cold.
    None,
}

words!(Warm: All = "all", Sub = "sub", Main = "main", None = "none");

/// Where one tier of a camera is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CameraTier {
    /// Which.
    pub tier: Tier,
    /// Its RTSP address, without credentials.
    pub url: String,
}

/// A camera.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Camera {
    /// Its id.
    pub id: CameraId,
    /// Whose it is.
    pub tenant: TenantId,
    /// Where it hangs.
    pub site: SiteId,
    /// Who pulls it.
    pub via: Via,
    /// What people call it.
    pub name: String,
    /// Its tiers, largest picture first.
    pub tiers: Vec<CameraTier>,
    /// The name to log in with.
    pub username: Option<String>,
    /// The password, sealed to the device and bound to this camera's id.
    pub sealed_password: Option<Vec<u8>>,
    /// Which tiers are pulled before anybody looks.
    pub warm: Warm,
    /// How long a feed outlives its last viewer.
    pub linger: Duration,
    /// When it was made.
    pub created_at: UnixMillis,
    /// When something about it changed.
    pub updated_at: UnixMillis,
    /// Whether it is pulled and may be played.
    pub enabled: bool,
    /// What its owner laid down for playing it.
    pub pins: Pins,
}

/// What is laid down for playing a camera; `None` is left to the decision.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Pins {
    /// `webrtc`, `ll-hls` or `hls`.
    pub protocol: Option<String>,
    /// One of its tiers.
    pub tier: Option<Tier>,
}

/// A camera to be made. The caller makes the id, because the password is sealed to it.
#[derive(Debug, Clone)]
pub struct NewCamera {
    /// Its id.
    pub id: CameraId,
    /// Where it hangs.
    pub site: SiteId,
    /// Who pulls it.
    pub via: Via,
    /// What people call it.
    pub name: String,
    /// Its tiers.
    pub tiers: Vec<CameraTier>,
    /// The name to log in with.
    pub username: Option<String>,
    /// The password, sealed.
    pub sealed_password: Option<Vec<u8>>,
    /// Which tiers are pulled before anybody looks.
    pub warm: Warm,
    /// How long a feed outlives its last viewer.
    pub linger: Duration,
}

/// What to change about a camera; `None` leaves it as it is.
#[derive(Debug, Clone, Default)]
pub struct CameraChange {
    /// Where it hangs.
    pub site: Option<SiteId>,
    /// Who pulls it. If it has a password, that must be given with it, sealed to the new one.
    pub via: Option<Via>,
    /// What people call it.
    pub name: Option<String>,
    /// All its tiers.
    pub tiers: Option<Vec<CameraTier>>,
    /// The name to log in with, or none.
    pub username: Option<Option<String>>,
    /// The password, sealed, or none.
    pub sealed_password: Option<Option<Vec<u8>>>,
    /// Which tiers are pulled before anybody looks.
    pub warm: Option<Warm>,
    /// How long a feed outlives its last viewer.
    pub linger: Option<Duration>,
    /// Whether it is pulled and may be played.
    pub enabled: Option<bool>,
    /// What its owner lays down for playing it.
    pub pins: Option<Pins>,
}

/// Everything that should be pulled, and by whom.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Registry {
    /// Every device with its cameras.
    pub devices: Vec<(Device, Vec<Camera>)>,
    /// The cameras that nodes pull.
    pub node_cameras: Vec<Camera>,
}

impl Via {
    /// The device, if one pulls it.
    #[must_use]
    pub const fn device(self) -> Option<DeviceId> {
        match self {
            Self::Device(id) => Some(id),
            Self::Node => None,
        }
    }
}

impl Store {
    /// Makes a camera; its device's desired state grows with it.
    pub async fn create_camera(&self, tenant: TenantId, new: NewCamera) -> Result<Camera, StoreError> {
        let now = self.now();
        self.write(move |connection| {
            let camera = Camera {
                id: new.id,
                tenant,
                site: new.site,
                via: new.via,
                name: new.name,
                tiers: sorted(new.tiers),
                username: new.username,
                sealed_password: new.sealed_password,
                warm: new.warm,
                linger: new.linger,
                created_at: now,
                updated_at: now,
                enabled: true,
                pins: Pins::default(),
            };
            put(connection, INSERT, &camera)?;
            put_tiers(connection, &camera)?;
            bump(connection, camera.via)?;
            Ok(camera)
        })
        .await
    }

    /// A camera of the tenant.
    pub async fn camera(&self, tenant: TenantId, id: CameraId) -> Result<Option<Camera>, StoreError> {
        self.read(move |connection| Ok(by_id(connection, id)?.filter(|camera| camera.tenant == tenant))).await
    }

    /// The tenant's cameras among `ids`, in no order. For a play of up to 100 at once.
    pub async fn cameras_by_ids(
        &self,
        tenant: TenantId,
        ids: Vec<CameraId>,
    ) -> Result<Vec<Camera>, StoreError> {
        self.read(move |connection| {
            let found = ids.iter().map(|id| by_id(connection, *id)).collect::<Result<Vec<_>, _>>()?;
            Ok(found.into_iter().flatten().filter(|camera| camera.tenant == tenant).collect())
        })
        .await
    }

    /// The tenant's cameras, of one site or of all.
    pub async fn cameras(
        &self,
        tenant: TenantId,
        site: Option<SiteId>,
        of: PageOf<CameraId>,
    ) -> Result<Page<Camera, CameraId>, StoreError> {
        let query = "SELECT * FROM cameras WHERE tenant_id = ?1 AND camera_id > ?2
                     AND (?4 IS NULL OR site_id = ?4) ORDER BY camera_id LIMIT ?3";
        self.read(move |connection| {
            let site = site.map(|site| site.to_string());
            let params = params![tenant.to_string(), of.after_text(), of.fetch(), site];
            let cameras = with_tiers(connection, all(connection, query, params, read)?)?;
            Ok(of.page(cameras, |camera| camera.id))
        })
        .await
    }

    /// A device and its cameras, disabled ones too, as one snapshot; `None` if there is no such device.
    pub async fn device_with_cameras(
        &self,
        id: DeviceId,
    ) -> Result<Option<(Device, Vec<Camera>)>, StoreError> {
        self.read(move |connection| {
            let Some(device) = devices::by_id(connection, id)? else { return Ok(None) };
            let query = "SELECT * FROM cameras WHERE device_id = ?1 ORDER BY camera_id";
            let cameras = all(connection, query, [id.to_string()], read)?;
            Ok(Some((device, with_tiers(connection, cameras)?)))
        })
        .await
    }

    /// Every device and camera of every tenant, as one snapshot. For reconcilers, not for requests.
    pub async fn registry(&self) -> Result<Registry, StoreError> {
        self.read(|connection| {
            let cameras = all(connection, "SELECT * FROM cameras ORDER BY camera_id", [], read)?;
            let mut registry = Registry::default();
            let mut by_device: HashMap<DeviceId, Vec<Camera>> = HashMap::new();
            for camera in with_tiers(connection, cameras)? {
                match camera.via {
                    Via::Device(device) => by_device.entry(device).or_default().push(camera),
                    Via::Node => registry.node_cameras.push(camera),
                }
            }
            for device in devices::all_rows(connection)? {
                let cameras = by_device.remove(&device.id).unwrap_or_default();
                registry.devices.push((device, cameras));
            }
            Ok(registry)
        })
        .await
    }

    /// Changes a camera and tells what it is now; `None` if there is no such camera.
    pub async fn update_camera(
        &self,
        tenant: TenantId,
        id: CameraId,
        change: CameraChange,
    ) -> Result<Option<Camera>, StoreError> {
        let now = self.now();
        self.write(move |connection| {
            let Some(before) = by_id(connection, id)?.filter(|camera| camera.tenant == tenant) else {
                return Ok(None);
            };
            let new_tiers = change.tiers.is_some();
            let after = apply(&before, change, now)?;
            put(connection, UPDATE, &after)?;
            if new_tiers {
                let clear = "DELETE FROM camera_tiers WHERE camera_id = ?1";
                run(connection, clear, [id.to_string()])?;
                put_tiers(connection, &after)?;
            }
            bump(connection, before.via)?;
            if before.via != after.via {
                bump(connection, after.via)?;
            }
            Ok(Some(after))
        })
        .await
    }

    /// Deletes a camera and tells what it was; `None` if there is no such camera.
    pub async fn delete_camera(&self, tenant: TenantId, id: CameraId) -> Result<Option<Camera>, StoreError> {
        self.write(move |connection| {
            let Some(camera) = by_id(connection, id)?.filter(|camera| camera.tenant == tenant) else {
                return Ok(None);
            };
            run(connection, "DELETE FROM cameras WHERE camera_id = ?1", [id.to_string()])?;
            bump(connection, camera.via)?;
            Ok(Some(camera))
        })
        .await
    }
}

fn apply(before: &Camera, change: CameraChange, now: UnixMillis) -> Result<Camera, StoreError> {
    let via = change.via.unwrap_or(before.via);
    if via != before.via && before.sealed_password.is_some() && change.sealed_password.is_none() {
        return Err(StoreError::SealedElsewhere);
    }
    Ok(Camera {
        id: before.id,
        tenant: before.tenant,
        site: change.site.unwrap_or(before.site),
        via,
        name: change.name.unwrap_or_else(|| before.name.clone()),
        tiers: change.tiers.map_or_else(|| before.tiers.clone(), sorted),
        username: change.username.unwrap_or_else(|| before.username.clone()),
        sealed_password: change.sealed_password.unwrap_or_else(|| before.sealed_password.clone()),
        warm: change.warm.unwrap_or(before.warm),
        linger: change.linger.unwrap_or(before.linger),
        created_at: before.created_at,
        updated_at: now,
        enabled: change.enabled.unwrap_or(before.enabled),
        pins: change.pins.unwrap_or_else(|| before.pins.clone()),
    })
}

fn put(connection: &Connection, statement: &str, camera: &Camera) -> Result<(), StoreError> {
    let params = params![
        camera.id.to_string(),
        camera.tenant.to_string(),
        camera.site.to_string(),
        camera.via.device().map(|id| id.to_string()),
        camera.name,
        camera.username,
        camera.sealed_password,
        camera.warm.as_str(),
        i64::try_from(camera.linger.as_millis()).unwrap_or(i64::MAX),
        camera.created_at.0,
        camera.updated_at.0,
        camera.enabled,
        camera.pins.protocol,
        camera.pins.tier.map(Tier::as_str),
    ];
    run(connection, statement, params)?;
    Ok(())
}

fn put_tiers(connection: &Connection, camera: &Camera) -> Result<(), StoreError> {
    let statement = "INSERT INTO camera_tiers (tenant_id, camera_id, tier, url) VALUES (?1, ?2, ?3, ?4)";
    for CameraTier { tier, url } in &camera.tiers {
        let (tenant, id) = (camera.tenant.to_string(), camera.id.to_string());
        run(connection, statement, params![tenant, id, tier.as_str(), url])?;
    }
    Ok(())
}

fn bump(connection: &Connection, via: Via) -> Result<(), StoreError> {
    via.device().map_or(Ok(()), |device| devices::bump(connection, device))
}

fn by_id(connection: &Connection, id: CameraId) -> Result<Option<Camera>, StoreError> {
    let query = "SELECT * FROM cameras WHERE camera_id = ?1";
    let Some(mut camera) = one(connection, query, [id.to_string()], read)? else { return Ok(None) };
    let query = "SELECT tier, url FROM camera_tiers WHERE tenant_id = ?1 AND camera_id = ?2";
    let params = params![camera.tenant.to_string(), id.to_string()];
    camera.tiers = sorted(all(connection, query, params, read_tier)?);
    Ok(Some(camera))
}

/// Gives cameras their tiers, with one query for up to a handful and one scan for many.
fn with_tiers(connection: &Connection, mut cameras: Vec<Camera>) -> Result<Vec<Camera>, StoreError> {
    let (Some(first), Some(last)) = (cameras.first(), cameras.last()) else { return Ok(cameras) };
    let query = "SELECT camera_id, tier, url FROM camera_tiers WHERE camera_id BETWEEN ?1 AND ?2";
    let rows = all(connection, query, params![first.id.to_string(), last.id.to_string()], |row| {
        Ok((row::text::<CameraId>(row, "camera_id")?, read_tier(row)?))
    })?;
    let mut tiers: HashMap<CameraId, Vec<CameraTier>> = HashMap::new();
    for (id, tier) in rows {
        tiers.entry(id).or_default().push(tier);
    }
    for camera in &mut cameras {
        camera.tiers = sorted(tiers.remove(&camera.id).unwrap_or_default());
    }
    Ok(cameras)
}

fn sorted(mut tiers: Vec<CameraTier>) -> Vec<CameraTier> {
    tiers.sort_by_key(|tier| tier.tier);
    tiers
}

fn read_tier(row: &Row<'_>) -> rusqlite::Result<CameraTier> {
    Ok(CameraTier { tier: row::text(row, "tier")?, url: row.get("url")? })
}

fn read(row: &Row<'_>) -> rusqlite::Result<Camera> {
    Ok(Camera {
        id: row::text(row, "camera_id")?,
        tenant: row::text(row, "tenant_id")?,
        site: row::text(row, "site_id")?,
        via: row::optional_text(row, "device_id")?.map_or(Via::Node, Via::Device),
        name: row.get("name")?,
        tiers: Vec::new(),
        username: row.get("username")?,
        sealed_password: row.get("sealed_password")?,
        warm: row::text(row, "warm")?,
        linger: Duration::from_millis(row.get::<_, i64>("linger_ms")?.unsigned_abs()),
        created_at: row::time(row, "created_at")?,
        updated_at: row::time(row, "updated_at")?,
        enabled: row.get("enabled")?,
        pins: Pins { protocol: row.get("pinned_protocol")?, tier: row::optional_text(row, "pinned_tier")? },
    })
}

const INSERT: &str = "INSERT INTO cameras (camera_id, tenant_id, site_id, device_id, name, username,
    sealed_password, warm, linger_ms, created_at, updated_at, enabled, pinned_protocol, pinned_tier)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)";
const UPDATE: &str = "UPDATE cameras SET site_id = ?3, device_id = ?4, name = ?5, username = ?6,
    sealed_password = ?7, warm = ?8, linger_ms = ?9, created_at = ?10, updated_at = ?11,
    enabled = ?12, pinned_protocol = ?13, pinned_tier = ?14
    WHERE camera_id = ?1 AND tenant_id = ?2";

#[cfg(test)]
mod tests;
