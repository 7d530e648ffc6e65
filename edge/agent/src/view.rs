use std::{net::SocketAddr, time::Instant};

use sluice_edge_uplink::UplinkStatus;
use sluice_ids::{DeviceId, UnixMillis};
use sluice_runtime::{Clock, TaskScope};
use sluice_telemetry::Metrics;
use sluice_wire::control::HealthItem;
use tokio::sync::watch;

use crate::{
    health::{self, Facts},
    keeper::{Kept, with_facts},
    site::Site,
    status::{CameraStatus, HubStatus, StatusDocument},
};

/// Everything an operator may ask for, gathered when asked.
pub(crate) struct View {
    pub(crate) clock: Clock,
    pub(crate) started: Instant,
    pub(crate) device_id: DeviceId,
    pub(crate) hub: SocketAddr,
    pub(crate) certificate_ends: UnixMillis,
    pub(crate) scope: TaskScope,
    pub(crate) metrics: Metrics,
    pub(crate) site: Site,
    pub(crate) uplink: watch::Receiver<UplinkStatus>,
    pub(crate) kept: watch::Receiver<Kept>,
}

impl View {
    pub(crate) fn health(&self) -> Vec<HealthItem> {
        health::judge(&Facts {
            now: UnixMillis(self.clock.unix_millis()),
            hub_connected: self.uplink.borrow().control.up,
            uptime: self.clock.now().saturating_duration_since(self.started),
            certificate_ends: self.certificate_ends,
            ledger_failed: self.kept.borrow().failed,
            panics: self.scope.panics(),
        })
    }

    pub(crate) fn status(&self) -> StatusDocument {
        let desired = self.kept.borrow().desired.clone();
        let name = |id| {
            let camera = desired
                .as_ref()
                .and_then(|desired| desired.cameras.iter().find(|camera| camera.camera_id == id));
            camera.map(|camera| camera.name.clone()).unwrap_or_default()
        };
        let cameras = with_facts(&self.site, self.site.pulls.snapshot()).into_iter();
        let found = Vec::clone(&self.site.discovery.found().borrow().cameras);
        StatusDocument {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            device_id: self.device_id.to_string(),
            uptime_s: self.clock.now().saturating_duration_since(self.started).as_secs(),
            generation: desired.as_ref().map_or(0, |desired| desired.generation),
            hub: self.hub(),
            cameras: cameras.map(|report| CameraStatus { name: name(report.camera_id), report }).collect(),
            found,
            health: self.health(),
        }
    }

    fn hub(&self) -> HubStatus {
        let status = self.uplink.borrow();
        HubStatus {
            address: self.hub.to_string(),
            connected: status.control.up,
            reason: status.control.trouble.clone(),
            media_links: status.nodes.iter().filter(|node| node.link.up).count(),
        }
    }
}
