use std::{collections::HashMap, fmt, net::SocketAddr, sync::Arc, time::Duration};

use sluice_hub_link::{ControlLink, Endpoint};
use sluice_hub_store::Store;
use sluice_ids::{CameraId, DeviceId, NodeId, TenantId, Tier};
use sluice_runtime::{Clock, TaskScope};
use sluice_telemetry::Metrics;
use sluice_wire::{
    control::{Action, CameraReport, DesiredCamera, DesiredNode, Outcome},
    node::Assignment,
};
use tokio::sync::{broadcast, mpsc, oneshot, watch};

use crate::{
    OrderError,
    found::DeviceFound,
    link,
    metrics::FleetMetrics,
    registry::{self, Reader},
    roster::{Input, LinkId, Roster},
    state::{CameraState, DeviceState, FleetEvent},
    task::{Command, Gate, Task},
};

/// Every device and camera of the hub: what they should do and how they stand. A cheap handle.
#[derive(Clone)]
pub struct Fleet {
    inbox: mpsc::Sender<Command>,
    view: watch::Receiver<View>,
    events: broadcast::Sender<FleetEvent>,
    assignments: watch::Receiver<Arc<Vec<Assignment>>>,
    pulls: watch::Receiver<Arc<Vec<DesiredCamera>>>,
    node_seal_key: [u8; 32],
    metrics: FleetMetrics,
}

/// What a fleet is made of, beside the store and the links.
pub struct FleetConfig {
    /// The node that serves every camera.
    pub node_id: NodeId,
    /// Where devices dial it.
    pub node_address: SocketAddr,
    /// The X25519 key that secrets of the cameras it pulls itself are sealed to.
    pub node_seal_key: [u8; 32],
    /// Where links come from: revoked devices are denied there.
    pub endpoint: Endpoint,
    /// Where to count.
    pub metrics: Metrics,
}

/// The node of this hub, and the gate that devices come through.
pub(crate) struct Home {
    pub(crate) node: DesiredNode,
    pub(crate) seal_key: [u8; 32],
    pub(crate) gate: Gate,
}

/// How everything stands now.
#[derive(Debug, Default)]
pub(crate) struct View {
    pub(crate) devices: HashMap<DeviceId, Arc<DeviceState>>,
    pub(crate) cameras: HashMap<CameraId, Arc<CameraState>>,
    pub(crate) found: HashMap<DeviceId, Arc<DeviceFound>>,
}

impl Fleet {
    /// Starts the fleet: reads the registry, takes control links, until the scope ends.
    #[must_use]
    pub fn spawn(
        scope: &TaskScope,
        clock: Clock,
        store: Store,
        mut links: mpsc::Receiver<ControlLink>,
        config: FleetConfig,
    ) -> Self {
        let node = DesiredNode { node_id: config.node_id, address: config.node_address };
        let endpoint = config.endpoint;
        let gate: Gate = Box::new(
            move |device, denied| {
                if denied { endpoint.deny(device) } else { endpoint.allow(device) }
            },
        );
        let home = Home { node, seal_key: config.node_seal_key, gate };
        let (fleet, from_links) =
            Self::start(scope, clock, store, home, FleetMetrics::register(&config.metrics));
        let (door, shutdown) = (scope.clone(), scope.shutdown());
        scope.spawn("fleet-door", async move {
            let mut next = 0;
            loop {
                let link = tokio::select! {
                    () = shutdown.requested() => break,
                    link = links.recv() => link,
                };
                let Some(link) = link else { break };
                next += 1;
                door.spawn("fleet-link", link::run(link, LinkId(next), from_links.clone(), shutdown.clone()));
            }
        });
        fleet
    }

    /// All but the door: links are whoever writes to the returned sender.
    pub(crate) fn start(
        scope: &TaskScope,
        clock: Clock,
        store: Store,
        Home { node, seal_key, gate }: Home,
        metrics: FleetMetrics,
    ) -> (Self, mpsc::Sender<link::FromLink>) {
        let (inbox, commands) = mpsc::channel(INBOX);
        let (links, from_links) = mpsc::channel(link::FROM_LINKS);
        let (registry, asks) = mpsc::channel(registry::ASKS);
        let (readings, read) = mpsc::channel(registry::READINGS);
        let (view, seen) = watch::channel(View::default());
        let (assigned, assignments) = watch::channel(Arc::default());
        let (pulled, pulls) = watch::channel(Arc::default());
        let (events, _) = broadcast::channel(EVENTS);
        let nodes = format!("{} {}", node.node_id, node.address);
        scope.spawn("fleet-registry", Reader { store, clock, asks, readings, nodes }.run());
        let task = Task {
            clock,
            shutdown: scope.shutdown(),
            roster: Roster::new(clock.now(), node),
            commands,
            from_links,
            read,
            registry,
            peers: HashMap::new(),
            replies: HashMap::new(),
            ordered: 0,
            view,
            events: events.clone(),
            assigned,
            pulled,
            gate,
            metrics: metrics.clone(),
        };
        scope.spawn("fleet", task.run());
        (Self { inbox, view: seen, events, assignments, pulls, node_seal_key: seal_key, metrics }, links)
    }

    /// Something about this device, or the cameras it pulls, was changed in the store.
    pub fn changed(&self, device: DeviceId) {
        self.tell(Input::DeviceChanged(device));
    }

    /// Something was changed in the store that concerns no device, or more than one.
    pub fn changed_all(&self) {
        self.tell(Input::RegistryChanged);
    }

    /// Asks a camera for a key frame, where it can; nobody is told whether it came.
    pub fn request_key_frame(&self, camera: CameraId, tier: Tier) {
        self.tell(Input::KeyFrameWanted(camera, tier));
    }

    /// How a device stands; `None` until it was read from the registry.
    #[must_use]
    pub fn device_state(&self, device: DeviceId) -> Option<Arc<DeviceState>> {
        self.view.borrow().devices.get(&device).cloned()
    }

    /// How the tenant's devices stand, in no order.
    #[must_use]
    pub fn device_states(&self, tenant: TenantId) -> Vec<Arc<DeviceState>> {
        self.view.borrow().devices.values().filter(|state| state.tenant == tenant).cloned().collect()
    }

    /// How a camera stands; `None` until it was read from the registry, moments after it was made.
    #[must_use]
    pub fn camera_state(&self, camera: CameraId) -> Option<Arc<CameraState>> {
        self.view.borrow().cameras.get(&camera).cloned()
    }

    /// How the tenant's cameras stand, in no order.
    #[must_use]
    pub fn camera_states(&self, tenant: TenantId) -> Vec<Arc<CameraState>> {
        self.view.borrow().cameras.values().filter(|state| state.tenant == tenant).cloned().collect()
    }

    /// The X25519 key that secrets for this device are sealed to, 32 bytes; `None` until the device told it.
    #[must_use]
    pub fn device_seal_key(&self, device: DeviceId) -> Option<Vec<u8>> {
        self.device_state(device)?.seal_public_key.clone()
    }

    /// Changes of state from now on, of all tenants: ask [`FleetEvent::tenant`]. Who reads too slowly is told how
    /// many were lost (`Lagged`) and must look at the states again.
    #[must_use]
    pub fn events(&self) -> broadcast::Receiver<FleetEvent> {
        self.events.subscribe()
    }

    /// What the node should serve, and from which device.
    #[must_use]
    pub fn assignments(&self) -> watch::Receiver<Arc<Vec<Assignment>>> {
        self.assignments.clone()
    }

    /// The cameras that the node should pull itself. Their passwords are sealed to [`Fleet::node_seal_key`].
    #[must_use]
    pub fn pulls(&self) -> watch::Receiver<Arc<Vec<DesiredCamera>>> {
        self.pulls.clone()
    }

    /// The X25519 key that secrets of the cameras are sealed to that the node pulls itself.
    #[must_use]
    pub const fn node_seal_key(&self) -> &[u8; 32] {
        &self.node_seal_key
    }

    /// The node said how all the cameras stand that it pulls itself. Waits while the fleet is behind.
    pub async fn node_reported(&self, reports: Vec<CameraReport>) {
        // A fleet that has ended hears nothing.
        let _ = self.inbox.send(Command::Tell(Input::NodeReported(reports))).await;
    }

    /// Lets a device do something once and waits for what came of it, at most `within` (and two minutes).
    ///
    /// # Errors
    /// At once where the device is not connected or has too much to do; else when its link is lost or the time is
    /// over, and then whether it was done is not known. What the device itself refuses is an [`Outcome::Failed`].
    pub async fn order(
        &self,
        device: DeviceId,
        action: Action,
        within: Duration,
    ) -> Result<Outcome, OrderError> {
        let (reply, answer) = oneshot::channel();
        let command = Command::Order { device, action: Box::new(action), within, reply };
        self.inbox.try_send(command).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => OrderError::Busy,
            mpsc::error::TrySendError::Closed(_) => OrderError::Down,
        })?;
        // The roster settles every order in time; a fleet that ends drops the reply.
        answer.await.unwrap_or(Err(OrderError::Down))
    }

    /// What a device found on its networks; `None` until it said so.
    #[must_use]
    pub fn found_by(&self, device: DeviceId) -> Option<Arc<DeviceFound>> {
        self.view.borrow().found.get(&device).cloned()
    }

    /// What the tenant's devices found, in no order.
    #[must_use]
    pub fn found(&self, tenant: TenantId) -> Vec<Arc<DeviceFound>> {
        self.view.borrow().found.values().filter(|found| found.tenant == tenant).cloned().collect()
    }

    /// Waits until a device found what is looked for; `None` if the fleet ends. Waits for ever otherwise: the caller
    /// names the time.
    pub async fn until_found<T>(
        &self,
        device: DeviceId,
        mut pick: impl FnMut(&DeviceFound) -> Option<T>,
    ) -> Option<T> {
        let mut view = self.view.clone();
        loop {
            let found = view.borrow_and_update().found.get(&device).cloned();
            if let Some(picked) = found.and_then(|found| pick(&found)) {
                return Some(picked);
            }
            view.changed().await.ok()?;
        }
    }

    fn tell(&self, input: Input) {
        // A full queue loses nothing but time: the next sweep reads everything.
        if self.inbox.try_send(Command::Tell(input)).is_err() {
            self.metrics.overflows.inc();
        }
    }
}

impl fmt::Debug for Fleet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fleet").finish_non_exhaustive()
    }
}

/// Commands of handles that wait for the fleet; more are dropped, counted, and made good by the next sweep.
const INBOX: usize = 1024;
/// Events kept for the slowest listener.
const EVENTS: usize = 1024;
