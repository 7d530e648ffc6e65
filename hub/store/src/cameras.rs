use std::{collections::HashMap, time::Duration};

use rusqlite::{Row, params};
use serde::{Deserialize, Serialize};
use sluice_ids::{CameraId, DeviceId, SiteId, TenantId, Tier, UnixMillis};

use crate::{
    Device, Page, PageOf, Store, StoreError, WarmSchedule, devices,
    page::{self, all, run},
    row::{self, words},
    sites,
};
use rows::{CAMERAS, INSERT, UPDATE, apply, bump, by_id, put, put_tiers, read, sorted, with_tiers};

mod rows;

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
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
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
    /// The token of its ONVIF profile; empty if it has none.
    pub profile: String,
}

/// The ONVIF side of a camera.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OnvifSource {
    /// Names the physical device whatever its address.
    pub key: String,
    /// Where its device service was last known to answer.
    pub xaddr: String,
    /// Which of its video sources.
    pub channel: u32,
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
    /// The password, sealed to the device and bound to `sealed_as`.
    pub sealed_password: Option<Vec<u8>>,
    /// The credential's id that the password is bound to; empty for this camera's id.
    pub sealed_as: String,
    /// Its ONVIF side; `None` for plain RTSP.
    pub onvif: Option<OnvifSource>,
    /// The most sessions to hold of it at once; 0 to learn it.
    pub session_budget: u32,
    /// Which tiers are pulled before anybody looks.
    pub warm: Warm,
    /// Whether that follows its site's, and the schedule with it.
    pub warm_of_site: bool,
    /// When another policy than `warm` holds: its own schedule, or its site's if it follows that.
    pub warm_schedule: WarmSchedule,
    /// The clock by which that is: its site's, a name of the IANA time zone database.
    pub time_zone: String,
    /// The policy at work, as the clock was read last ([`Store::keep_warm_now`]): what its device is told.
    pub warm_now: Warm,
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
    /// The credential's id that the password is bound to; empty for this camera's id.
    pub sealed_as: String,
    /// Its ONVIF side; `None` for plain RTSP.
    pub onvif: Option<OnvifSource>,
    /// Which tiers are pulled before anybody looks; `None` for what its site says.
    pub warm: Option<Warm>,
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
    /// The password, sealed and bound to this camera's id, or none.
    pub sealed_password: Option<Option<Vec<u8>>>,
    /// Its ONVIF side, or none.
    pub onvif: Option<Option<OnvifSource>>,
    /// The most sessions to hold of it at once; 0 to learn it.
    pub session_budget: Option<u32>,
    /// Which tiers are pulled before anybody looks, or what its site says.
    pub warm: Option<Option<Warm>>,
    /// When another policy holds; of no effect for a camera that follows its site.
    pub warm_schedule: Option<WarmSchedule>,
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
            let (of_site, of_sites_clock, time_zone) = sites::rule(connection, tenant, new.site)?;
            let warm = new.warm.unwrap_or(of_site);
            let warm_schedule = if new.warm.is_none() { of_sites_clock } else { WarmSchedule::default() };
            let camera = Camera {
                id: new.id,
                tenant,
                site: new.site,
                via: new.via,
                name: new.name,
                tiers: sorted(new.tiers),
                username: new.username,
                sealed_password: new.sealed_password,
                sealed_as: new.sealed_as,
                onvif: new.onvif,
                session_budget: 0,
                warm,
                warm_of_site: new.warm.is_none(),
                warm_schedule,
                time_zone,
                warm_now: warm,
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
        let query = format!(
            "{CAMERAS} WHERE tenant_id = ?1 AND camera_id > ?2
             AND (?4 IS NULL OR site_id = ?4) ORDER BY camera_id LIMIT ?3"
        );
        self.read(move |connection| {
            let site = site.map(|site| site.to_string());
            let params = params![tenant.to_string(), of.after_text(), of.fetch(), site];
            let cameras = with_tiers(connection, all(connection, &query, params, read)?)?;
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
            let query = format!("{CAMERAS} WHERE device_id = ?1 ORDER BY camera_id");
            let cameras = all(connection, &query, [id.to_string()], read)?;
            Ok(Some((device, with_tiers(connection, cameras)?)))
        })
        .await
    }

    /// The tenant's camera of this physical device and video source that the device pulls, if it is in the registry.
    pub async fn camera_by_find(
        &self,
        tenant: TenantId,
        device: DeviceId,
        (key, channel): (String, u32),
    ) -> Result<Option<CameraId>, StoreError> {
        let query = "SELECT camera_id FROM cameras
                     WHERE tenant_id = ?1 AND device_id = ?2 AND onvif_key = ?3 AND onvif_channel = ?4";
        self.read(move |connection| {
            let params = params![tenant.to_string(), device.to_string(), key, channel];
            page::one(connection, query, params, |row| row::text(row, "camera_id"))
        })
        .await
    }

    /// Every device and camera of every tenant, as one snapshot. For reconcilers, not for requests.
    pub async fn registry(&self) -> Result<Registry, StoreError> {
        self.read(|connection| {
            let cameras = all(connection, &format!("{CAMERAS} ORDER BY camera_id"), [], read)?;
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
            let after = apply(connection, &before, change, now)?;
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

    /// Writes which policies are at work from now on. Who pulls a camera for which that is news has something else to do:
    /// their generations grow, and they are answered, each once.
    pub async fn keep_warm_now(&self, at_work: Vec<(CameraId, Warm)>) -> Result<Vec<Via>, StoreError> {
        self.write(move |connection| {
            let mut concerned = Vec::new();
            for (id, warm) in at_work {
                let (id, word) = (id.to_string(), warm.as_str());
                let news = "SELECT device_id FROM cameras WHERE camera_id = ?1 AND warm_now <> ?2";
                let via =
                    |row: &Row<'_>| Ok(row::optional_text(row, "device_id")?.map_or(Via::Node, Via::Device));
                let Some(via) = page::one(connection, news, params![id, word], via)? else { continue };
                run(connection, "UPDATE cameras SET warm_now = ?2 WHERE camera_id = ?1", params![id, word])?;
                if !concerned.contains(&via) {
                    concerned.push(via);
                }
            }
            concerned.iter().try_for_each(|via| bump(connection, *via))?;
            Ok(concerned)
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

#[cfg(test)]
mod tests;
