//! Rows as the registry gives them.

use std::time::Duration;

use sluice_hub_store::{Camera, CameraTier, Device, Pins, Via, Warm, WarmSchedule};
use sluice_ids::{CameraId, DeviceId, Tier, UnixMillis};

pub(crate) fn device_id(n: u8) -> DeviceId {
    format!("dev_{n:032x}").parse().unwrap()
}

pub(crate) fn camera_id(n: u8) -> CameraId {
    format!("cam_{n:032x}").parse().unwrap()
}

pub(crate) fn device(n: u8, generation: u64) -> Device {
    Device {
        id: device_id(n),
        tenant: format!("ten_{:032x}", 1).parse().unwrap(),
        site: format!("site_{:032x}", 1).parse().unwrap(),
        name: format!("box {n}"),
        seal_public_key: None,
        version: None,
        desired_generation: generation,
        created_at: UnixMillis(0),
        updated_at: UnixMillis(0),
        last_seen_at: None,
        revoked_at: None,
    }
}

pub(crate) fn camera(n: u8, device: DeviceId) -> Camera {
    let row = self::device(1, 1);
    let tier = |tier| CameraTier { tier, url: format!("rtsp://10.0.0.{n}/{tier}"), profile: String::new() };
    Camera {
        id: camera_id(n),
        tenant: row.tenant,
        site: row.site,
        via: Via::Device(device),
        name: format!("camera {n}"),
        tiers: vec![tier(Tier::Main), tier(Tier::Sub)],
        username: Some("admin".into()),
        sealed_password: None,
        sealed_as: String::new(),
        onvif: None,
        session_budget: 0,
        warm: Warm::Sub,
        warm_of_site: false,
        warm_schedule: WarmSchedule::default(),
        time_zone: "UTC".into(),
        warm_now: Warm::Sub,
        linger: Duration::from_secs(15),
        created_at: UnixMillis(0),
        updated_at: UnixMillis(0),
        enabled: true,
        pins: Pins::default(),
    }
}
