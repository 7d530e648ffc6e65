//! What happens at this hub, as events with ids that a listener can resume from.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, VecDeque},
    future::ready,
    mem,
    sync::Arc,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use sluice_hub_fleet::{Fleet, FleetEvent};
use sluice_hub_store::Store;
use sluice_hub_streams::{Language, Phase, SessionView, StreamEvent, Streams, Why};
use sluice_ids::{CameraId, DeviceId, TenantId};
use sluice_runtime::{Clock, Shutdown, TaskScope, random_bytes};
use sluice_wire::{control::CameraEvent, node::StayReason};
use tokio::sync::{broadcast, broadcast::error::RecvError, mpsc, oneshot};

use crate::standing::{self, StateNow};

/// Something that happened.
#[derive(Debug)]
pub(crate) struct Event {
    /// `boot-number`: grows by one with each event of this process.
    pub(crate) id: String,
    pub(crate) tenant: TenantId,
    pub(crate) name: &'static str,
    /// The camera it is about.
    pub(crate) camera: Option<CameraId>,
    /// Correlation and credential of the session it is about.
    pub(crate) session: Option<(String, String)>,
    pub(crate) data: String,
}

/// The handle to the events of this hub. Its owner keeps the newest ones for listeners who come back.
#[derive(Clone)]
pub(crate) struct Events {
    commands: mpsc::Sender<Command>,
}

/// A listener's place.
pub(crate) struct Subscription {
    /// What it missed, oldest first.
    pub(crate) missed: Vec<Arc<Event>>,
    /// Whether more was missed than is known.
    pub(crate) resync: bool,
    /// What happens from now on.
    pub(crate) live: broadcast::Receiver<Arc<Event>>,
}

enum Command {
    Subscribe { last: Option<String>, reply: oneshot::Sender<Subscription> },
    RegistryChanged { tenant: TenantId, kind: &'static str, id: String },
    DiscoveriesChanged { tenant: TenantId, device: DeviceId },
}

impl Events {
    pub(crate) fn spawn(
        scope: &TaskScope,
        clock: Clock,
        (store, fleet, streams): (Store, Fleet, Streams),
    ) -> Self {
        let (commands, inbox) = mpsc::channel(COMMANDS);
        let (live, _) = broadcast::channel(KEPT);
        let boot = format!("{:x}{}", clock.unix_millis(), hex::encode(random_bytes::<2>()));
        let task = Task {
            clock,
            shutdown: scope.shutdown(),
            inbox,
            of_streams: streams.events(),
            of_fleet: fleet.events(),
            store,
            fleet,
            streams,
            live,
            boot,
            kept: VecDeque::new(),
            last: 0,
            dirty: BTreeSet::new(),
            finds: BTreeMap::new(),
            tell_finds_at: None,
            told: HashMap::new(),
        };
        scope.spawn("events", task.run());
        Self { commands }
    }

    /// A listener who saw `last` before, if it saw any. `None` while the hub stops.
    pub(crate) async fn subscribe(&self, last: Option<String>) -> Option<Subscription> {
        let (reply, answer) = oneshot::channel();
        self.commands.send(Command::Subscribe { last, reply }).await.ok()?;
        answer.await.ok()
    }

    /// Something of the registry was made, changed or removed.
    pub(crate) fn registry_changed(&self, tenant: TenantId, kind: &'static str, id: String) {
        // A full queue loses a hint: consoles read their lists again by themselves.
        let _ = self.commands.try_send(Command::RegistryChanged { tenant, kind, id });
    }

    /// What is shown of a device's finds changed.
    pub(crate) fn discoveries_changed(&self, tenant: TenantId, device: DeviceId) {
        // As above.
        let _ = self.commands.try_send(Command::DiscoveriesChanged { tenant, device });
    }
}

struct Task {
    clock: Clock,
    shutdown: Shutdown,
    inbox: mpsc::Receiver<Command>,
    of_streams: broadcast::Receiver<StreamEvent>,
    of_fleet: broadcast::Receiver<FleetEvent>,
    store: Store,
    fleet: Fleet,
    streams: Streams,
    live: broadcast::Sender<Arc<Event>>,
    boot: String,
    kept: VecDeque<Arc<Event>>,
    last: u64,
    /// Cameras that may stand otherwise: looked at one by one, however often they were named.
    dirty: BTreeSet<CameraId>,
    /// Devices whose finds are shown otherwise: a search changes them many times a second.
    finds: BTreeMap<DeviceId, TenantId>,
    tell_finds_at: Option<Instant>,
    told: HashMap<CameraId, StateNow>,
}

impl Task {
    async fn run(mut self) {
        loop {
            tokio::select! { biased;
                () = self.shutdown.requested() => return,
                command = self.inbox.recv() => match command {
                    Some(command) => self.command(command),
                    None => return,
                },
                event = self.of_streams.recv() => match event {
                    Ok(event) => self.of_stream(event),
                    Err(RecvError::Lagged(_)) => self.look_at_all(),
                    Err(RecvError::Closed) => return,
                },
                event = self.of_fleet.recv() => match event {
                    Ok(event) => self.of_fleet(&event),
                    Err(RecvError::Lagged(_)) => self.look_at_all(),
                    Err(RecvError::Closed) => return,
                },
                () = self.clock.sleep_until(self.tell_finds_at) => self.tell_finds(),
                () = ready(()), if !self.dirty.is_empty() => {
                    if let Some(camera) = self.dirty.pop_first() {
                        self.look_at(camera).await;
                    }
                }
            }
        }
    }

    fn command(&mut self, command: Command) {
        match command {
            Command::RegistryChanged { tenant, kind, id } => {
                if let Ok(camera) = id.parse() {
                    self.dirty.insert(camera);
                }
                self.publish(tenant, "registry.changed", (None, None), &json!({ "kind": kind, "id": id }));
            }
            Command::DiscoveriesChanged { tenant, device } => self.discoveries_changed(tenant, device),
            Command::Subscribe { last, reply } => {
                let live = self.live.subscribe();
                let place = last.as_deref().map(|last| self.kept.iter().position(|event| event.id == last));
                let (missed, resync) = match place {
                    None => (Vec::new(), false),
                    Some(Some(place)) => (self.kept.iter().skip(place + 1).cloned().collect(), false),
                    Some(None) => (Vec::new(), true),
                };
                let _ = reply.send(Subscription { missed, resync, live });
            }
        }
    }

    fn of_stream(&mut self, event: StreamEvent) {
        match event {
            StreamEvent::Feed { camera, .. } => drop(self.dirty.insert(camera)),
            StreamEvent::Session(view) => self.of_session(&view),
            StreamEvent::Tier { view, why, stayed } => self.of_tier(&view, &why, stayed),
        }
    }

    fn of_tier(&mut self, view: &SessionView, why: &[Why], stayed: Option<StayReason>) {
        // One stream is heard in many languages: the codes are what a console translates.
        let why: Vec<Value> =
            why.iter().map(|why| json!({ "code": why.code(), "text": why.text(Language::En) })).collect();
        let data = json!({
            "session_id": view.id, "camera_id": view.camera, "tier": view.tier,
            "protocol": view.protocol.as_str(), "why": why, "stayed": stayed.map(StayReason::as_str),
        });
        let session = Some((view.correlation.clone(), view.credential.clone()));
        self.publish(view.tenant, "session.tier", (Some(view.camera), session), &data);
    }

    fn of_session(&mut self, view: &SessionView) {
        let mut data = json!({
            "session_id": view.id, "camera_id": view.camera, "tier": view.tier, "state": view.phase.as_str(),
        });
        let name = match view.phase {
            Phase::Ended(why) => {
                data["reason"] = json!(why.as_str());
                "session.ended"
            }
            Phase::Granted | Phase::Started | Phase::Connected => "session.state",
        };
        let session = Some((view.correlation.clone(), view.credential.clone()));
        self.publish(view.tenant, name, (Some(view.camera), session), &data);
    }

    fn of_fleet(&mut self, event: &FleetEvent) {
        match event {
            FleetEvent::Camera(state) => drop(self.dirty.insert(state.camera)),
            FleetEvent::Device(state) => {
                let data = json!({ "device_id": state.device, "online": state.online, "since": state.since });
                self.publish(state.tenant, "device.state", (None, None), &data);
            }
            FleetEvent::Found(found) => self.discoveries_changed(found.tenant, found.device),
            FleetEvent::Happened(happened) => self.of_camera(happened.tenant, &happened.event),
            FleetEvent::CameraGone(state) => {
                self.told.remove(&state.camera);
                let data = json!({ "kind": "camera", "id": state.camera });
                self.publish(state.tenant, "registry.changed", (Some(state.camera), None), &data);
            }
            FleetEvent::DeviceGone(state) => {
                let data = json!({ "kind": "device", "id": state.device });
                self.publish(state.tenant, "registry.changed", (None, None), &data);
            }
        }
    }

    fn discoveries_changed(&mut self, tenant: TenantId, device: DeviceId) {
        self.finds.insert(device, tenant);
        self.tell_finds_at.get_or_insert(self.clock.now() + FINDS_EVERY);
    }

    fn tell_finds(&mut self) {
        self.tell_finds_at = None;
        for (device, tenant) in mem::take(&mut self.finds) {
            self.publish(tenant, "discoveries.changed", (None, None), &json!({ "device_id": device }));
        }
    }

    fn of_camera(&mut self, tenant: TenantId, event: &CameraEvent) {
        let data = json!({
            "camera_id": event.camera_id, "kind": event.kind, "active": event.active, "source": event.source,
            "at": event.at, "left_out": event.left_out,
        });
        self.publish(tenant, "camera.event", (Some(event.camera_id), None), &data);
    }

    /// Events were lost on the way here: every listener is told to look again.
    fn look_at_all(&mut self) {
        self.kept.clear();
        let tenants: BTreeSet<TenantId> =
            self.told.keys().filter_map(|id| Some(self.fleet.camera_state(*id)?.tenant)).collect();
        for tenant in tenants {
            self.publish(tenant, "resync", (None, None), &json!({}));
        }
    }

    async fn look_at(&mut self, id: CameraId) {
        let Some(stands) = self.fleet.camera_state(id) else { return };
        let (camera, feeds) =
            (self.store.camera(stands.tenant, id).await, self.streams.feeds(vec![id]).await);
        let (Ok(Some(camera)), Ok(feeds)) = (camera, feeds) else { return };
        let state = standing::state_of(&camera, Some(&stands), &feeds);
        if self.told.get(&id) == Some(&state) {
            return;
        }
        let data = json!({ "camera_id": id, "state": state });
        self.told.insert(id, state);
        self.publish(stands.tenant, "camera.state", (Some(id), None), &data);
    }

    fn publish(
        &mut self,
        tenant: TenantId,
        name: &'static str,
        (camera, session): (Option<CameraId>, Option<(String, String)>),
        data: &Value,
    ) {
        self.last += 1;
        let id = format!("{}-{}", self.boot, self.last);
        let event = Arc::new(Event { id, tenant, name, camera, session, data: data.to_string() });
        if self.kept.len() == KEPT {
            self.kept.pop_front();
        }
        self.kept.push_back(Arc::clone(&event));
        // Nobody may be listening.
        let _ = self.live.send(event);
    }
}

/// Listeners who come and hints of routes that may wait.
const COMMANDS: usize = 1_024;
/// How far back a listener can resume, and how far a slow one may be behind before it must look again.
const KEPT: usize = 1_024;
/// How often consoles are told to read a list of finds again while a device searches.
const FINDS_EVERY: Duration = Duration::from_millis(300);
