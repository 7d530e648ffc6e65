use sluice_ids::{CameraId, DeviceId, SiteId, TenantId, Tier};
use sluice_runtime::Clock;
use tempfile::TempDir;

use crate::{CameraTier, DEFAULT_LINGER, NewCamera, NewDevice, Store, Via, Warm};

/// A store of its own with two tenants, the first of which has a site and a device.
pub(crate) struct Bench {
    pub(crate) store: Store,
    pub(crate) ours: TenantId,
    pub(crate) theirs: TenantId,
    pub(crate) site: SiteId,
    pub(crate) device: DeviceId,
    pub(crate) dir: TempDir,
}

pub(crate) async fn bench() -> Bench {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(&dir.path().join("hub.db"), Clock::system()).unwrap();
    let ours = store.create_tenant("ours".into()).await.unwrap().id;
    let theirs = store.create_tenant("theirs".into()).await.unwrap().id;
    let site = store.create_site(ours, "dock".into()).await.unwrap().id;
    let device = store.fresh(DeviceId::from_uuid);
    let new = NewDevice { id: device, site, name: "box".into(), seal_public_key: None };
    store.create_device(ours, new).await.unwrap();
    Bench { store, ours, theirs, site, device, dir }
}

impl Bench {
    pub(crate) fn new_camera(&self) -> NewCamera {
        NewCamera {
            id: self.store.fresh(CameraId::from_uuid),
            site: self.site,
            via: Via::Device(self.device),
            name: "gate".into(),
            tiers: vec![
                CameraTier { tier: Tier::Sub, url: "rtsp://10.0.0.2/sub".into(), profile: String::new() },
                CameraTier { tier: Tier::Main, url: "rtsp://10.0.0.2/main".into(), profile: "P1".into() },
            ],
            username: Some("admin".into()),
            sealed_password: Some(vec![1, 2, 3]),
            sealed_as: String::new(),
            onvif: None,
            warm: Some(Warm::Sub),
            linger: DEFAULT_LINGER,
        }
    }

    /// Another connection to the same database, as somebody with a shell has.
    pub(crate) fn raw(&self) -> rusqlite::Connection {
        rusqlite::Connection::open(self.dir.path().join("hub.db")).unwrap()
    }
}
