use std::{
    collections::{HashMap, HashSet, VecDeque},
    mem,
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use sluice_hub_store::{Camera, Device, Registry, Warm};
use sluice_ids::{CameraId, DeviceId, Tier, UnixMillis};
use sluice_wire::{
    CloseCode,
    control::{
        Action, Answer, CameraEvent, CameraReport, Desired, DesiredCamera, DesiredNode, EdgeHello, Found,
        HealthItem, Order, Outcome, Reported,
    },
    node::Assignment,
};

use crate::{
    desired,
    found::{CameraHappened, DeviceFound},
    state::{CameraState, DeviceState, LinkState},
};
use beside::Beside;
use hours::Hours;
pub use orders::OrderError;
use orders::Orders;

/// Every device and camera: what the registry says, what devices said, and what follows. Pure.
pub(crate) struct Roster {
    node: DesiredNode,
    devices: HashMap<DeviceId, Entry>,
    beside: Beside,
    /// Which device a camera was last listed under.
    owners: HashMap<CameraId, DeviceId>,
    loaded: bool,
    assigned: bool,
    sweep_at: Instant,
    hours: Hours,
    /// What devices were asked and have not answered.
    waiting: Orders,
    orders: VecDeque<Output>,
}

/// One control link of a device; a number that is never used again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct LinkId(pub(crate) u64);

/// What happened.
#[derive(Debug)]
pub(crate) enum Input {
    /// The registry was read.
    RegistryRead(Registry),
    /// One device of the registry was read; `None`: it has no such device.
    DeviceRead(DeviceId, Option<(Device, Vec<Camera>)>),
    /// Somebody changed one device, or its cameras, in the registry.
    DeviceChanged(DeviceId),
    /// Somebody changed something in the registry.
    RegistryChanged,
    /// A device came.
    LinkUp { link: LinkId, device: DeviceId, hello: EdgeHello, remote: SocketAddr },
    /// A device said how it stands.
    Reported { link: LinkId, device: DeviceId, reported: Reported },
    /// The node said how the cameras stand that it pulls itself.
    NodeReported(Vec<CameraReport>),
    /// A link is gone.
    LinkDown { link: LinkId, device: DeviceId },
    /// Somebody needs a key frame of a camera.
    KeyFrameWanted(CameraId, Tier),
    /// A device said what it found.
    Found { link: LinkId, device: DeviceId, found: Box<Found> },
    /// Somebody wants something done once; the number is used for nothing else.
    Ordered { number: u64, device: DeviceId, action: Box<Action>, within: Duration },
    /// A device said what came of an order.
    Answered { link: LinkId, answer: Box<Answer> },
    /// A camera noticed something.
    Happened { link: LinkId, device: DeviceId, event: CameraEvent },
    /// Time has passed.
    Woke,
}

/// What to do about it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Output {
    ReadRegistry,
    ReadDevice(DeviceId),
    KeepHello {
        device: DeviceId,
        version: String,
        seal_public_key: Vec<u8>,
    },
    KeepSeen(Vec<DeviceId>),
    /// The clock put these policies to work.
    KeepWarm(Vec<(CameraId, Warm)>),
    SendDesired(LinkId, Box<Desired>),
    SendKeyFrame(LinkId, CameraId, Tier),
    SendOrder(LinkId, Box<Order>),
    /// What came of an order, or why nothing did.
    Settle(u64, Box<Result<Outcome, OrderError>>),
    CloseLink(LinkId, CloseCode, &'static str),
    /// Take no link of the device, or take them again.
    Deny(DeviceId, bool),
    /// A device stands so; `news` if that is worth an event.
    Device {
        state: Arc<DeviceState>,
        news: bool,
    },
    /// A camera stands so.
    Camera {
        state: Arc<CameraState>,
        news: bool,
    },
    /// A device found this; `news` if that is worth an event.
    Found {
        found: Arc<DeviceFound>,
        news: bool,
    },
    Happened(Arc<CameraHappened>),
    DeviceGone(Arc<DeviceState>),
    CameraGone(Arc<CameraState>),
    Assign(Vec<Assignment>),
    /// The node is to pull these itself, and no others.
    Pull(Vec<DesiredCamera>),
}

/// The time, of both clocks.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Now {
    pub(crate) at: Instant,
    pub(crate) wall: UnixMillis,
}

#[derive(Default)]
struct Entry {
    /// `None` while the registry was not read since the device came.
    row: Option<(Device, Vec<Camera>)>,
    link: Option<Link>,
    offline_since: Option<UnixMillis>,
    reported_generation: u64,
    reports: HashMap<CameraId, CameraReport>,
    health: Vec<HealthItem>,
    denied: bool,
    told: Option<Arc<DeviceState>>,
    told_cameras: HashMap<CameraId, Arc<CameraState>>,
    /// What it found, said before it was known whose device it is.
    unread_found: Option<Found>,
    told_found: Option<Arc<DeviceFound>>,
    /// When its allowance of events is whole again.
    events_rested_at: Option<Instant>,
    events_left_out: u32,
}

struct Link {
    id: LinkId,
    since: UnixMillis,
    remote: SocketAddr,
    sent: Option<Desired>,
    sent_at: Instant,
}

impl Roster {
    /// A roster that knows nothing yet and asks for the registry. Devices are told to dial `node`.
    pub(crate) fn new(now: Instant, node: DesiredNode) -> Self {
        Self {
            node,
            devices: HashMap::new(),
            beside: Beside::default(),
            owners: HashMap::new(),
            loaded: false,
            assigned: false,
            sweep_at: now,
            hours: Hours::default(),
            waiting: Orders::default(),
            orders: VecDeque::new(),
        }
    }

    pub(crate) fn deadline(&self) -> Option<Instant> {
        [Some(self.sweep_at), self.waiting.deadline(), self.hours.deadline()].into_iter().flatten().min()
    }

    pub(crate) fn poll(&mut self) -> Option<Output> {
        if self.orders.is_empty() && mem::take(&mut self.assigned) {
            let mut all: Vec<_> = self.devices.values().flat_map(Entry::assignments).collect();
            all.extend(self.beside.assignments());
            all.sort_by_key(|assignment| assignment.camera);
            self.orders.push_back(Output::Assign(all));
        }
        self.orders.pop_front()
    }

    pub(crate) fn handle(&mut self, now: Now, input: Input) {
        match input {
            Input::RegistryRead(registry) => self.registry_read(now, registry),
            Input::DeviceRead(device, Some(row)) => self.device_read(now, device, row),
            Input::DeviceRead(device, None) => self.device_gone(device),
            Input::DeviceChanged(device) => self.orders.push_back(Output::ReadDevice(device)),
            Input::RegistryChanged => self.orders.push_back(Output::ReadRegistry),
            Input::LinkUp { link, device, hello, remote } => self.link_up(now, link, device, hello, remote),
            Input::Reported { link, device, reported } => self.reported(now, link, device, reported),
            Input::NodeReported(reports) => {
                self.beside.reported(reports);
                if self.loaded {
                    self.beside.tell(&self.owners, &mut self.orders);
                }
            }
            Input::LinkDown { link, device } => self.link_down(now, link, device),
            Input::KeyFrameWanted(camera, tier) => self.key_frame_wanted(camera, tier),
            Input::Found { link, device, found } => self.found(link, device, *found),
            Input::Ordered { number, device, action, within } => {
                self.ordered(now, (number, within), device, *action);
            }
            Input::Answered { link, answer } => self.answered(link, *answer),
            Input::Happened { link, device, event } => self.happened(now, link, device, event),
            Input::Woke => {}
        }
        self.orders_late(now);
        if now.at >= self.sweep_at {
            self.sweep(now);
        }
        self.hours_passed(now);
    }

    fn registry_read(&mut self, now: Now, registry: Registry) {
        let listed: HashSet<_> = registry.devices.iter().map(|(device, _)| device.id).collect();
        // A device that said hello while this was being read is read by itself: this may be older than the device.
        let gone = self.devices.iter().filter(|(id, entry)| !listed.contains(id) && entry.row.is_some());
        let gone: Vec<_> = gone.map(|(id, _)| *id).collect();
        // Before any device is looked at, so that a camera that moved is gone from none.
        for (device, cameras) in &registry.devices {
            self.owners.extend(cameras.iter().map(|camera| (camera.id, device.id)));
        }
        self.owners.retain(|id, _| !registry.node_cameras.iter().any(|camera| camera.id == *id));
        for device in gone {
            self.device_gone(device);
        }
        for row in registry.devices {
            self.device_read(now, row.0.id, row);
        }
        self.judge(now, &registry.node_cameras);
        self.assigned |= self.beside.listed(registry.node_cameras) && self.loaded;
        self.beside.tell(&self.owners, &mut self.orders);
        // The first list of assignments is the whole one, even if it is empty.
        self.assigned |= !mem::replace(&mut self.loaded, true);
    }

    fn device_read(&mut self, now: Now, device: DeviceId, row: (Device, Vec<Camera>)) {
        self.judge(now, &row.1);
        let entry = self.devices.entry(device).or_default();
        let before: Vec<_> = entry.assignments().collect();
        let revoked = row.0.revoked_at.is_some();
        entry.offline_since = entry.offline_since.or(row.0.last_seen_at);
        for camera in &row.1 {
            self.owners.insert(camera.id, device);
        }
        entry.row = Some(row);
        self.assigned |= self.loaded && before != entry.assignments().collect::<Vec<_>>();
        if revoked != mem::replace(&mut entry.denied, revoked) {
            self.orders.push_back(Output::Deny(device, revoked));
        }
        if revoked && let Some(link) = &entry.link {
            self.orders.push_back(Output::CloseLink(link.id, CloseCode::Denied, "this device was revoked"));
        }
        self.tell(now, device);
        self.tell_found(device);
    }

    fn device_gone(&mut self, device: DeviceId) {
        let Some(entry) = self.devices.remove(&device) else { return };
        if let Some(link) = entry.link {
            let text = "this device is not in the registry";
            self.orders.push_back(Output::CloseLink(link.id, CloseCode::Denied, text));
            self.orders_lost(link.id);
        }
        for (id, state) in entry.told_cameras {
            if self.owners.get(&id) == Some(&device) {
                self.owners.remove(&id);
                self.orders.push_back(Output::CameraGone(state));
            }
        }
        self.orders.extend(entry.told.map(Output::DeviceGone));
        self.assigned |= self.loaded && entry.row.is_some_and(|(_, cameras)| !cameras.is_empty());
    }

    fn link_up(&mut self, now: Now, link: LinkId, device: DeviceId, hello: EdgeHello, remote: SocketAddr) {
        let entry = self.devices.entry(device).or_default();
        let new = Link { id: link, since: now.wall, remote, sent: None, sent_at: now.at };
        let old = entry.link.replace(new).map(|old| old.id);
        entry.offline_since = None;
        entry.reported_generation = 0;
        entry.reports.clear();
        if let Some(old) = old {
            let text = "this device dialled again";
            self.orders.push_back(Output::CloseLink(old, CloseCode::Replaced, text));
            self.orders_lost(old);
        }
        let EdgeHello { version, seal_public_key, .. } = hello;
        self.orders.push_back(Output::KeepHello { device, version, seal_public_key });
        self.tell(now, device);
    }

    fn reported(&mut self, now: Now, link: LinkId, device: DeviceId, reported: Reported) {
        let Some(entry) = self.current(link, device) else { return };
        entry.reported_generation = reported.generation;
        entry.reports = reported.cameras.into_iter().map(|report| (report.camera_id, report)).collect();
        entry.health = reported.health;
        self.tell(now, device);
    }

    fn link_down(&mut self, now: Now, link: LinkId, device: DeviceId) {
        self.orders_lost(link);
        let Some(entry) = self.current(link, device) else { return };
        entry.link = None;
        entry.offline_since = Some(now.wall);
        if entry.row.is_none() {
            self.devices.remove(&device);
            return;
        }
        self.orders.push_back(Output::KeepSeen(vec![device]));
        self.tell(now, device);
    }

    fn key_frame_wanted(&mut self, camera: CameraId, tier: Tier) {
        let entry = self.owners.get(&camera).and_then(|device| self.devices.get(device));
        if let Some(link) = entry.and_then(|entry| entry.link.as_ref()) {
            self.orders.push_back(Output::SendKeyFrame(link.id, camera, tier));
        }
    }

    /// Looks at everything again, as if nobody had ever said that something changed.
    fn sweep(&mut self, now: Now) {
        self.sweep_at = now.at + SWEEP;
        self.orders.push_back(Output::ReadRegistry);
        let mut seen = Vec::new();
        for (device, entry) in &mut self.devices {
            let Some(link) = &mut entry.link else { continue };
            seen.push(*device);
            let lags = link.sent.as_ref().is_some_and(|sent| sent.generation != entry.reported_generation);
            if lags && now.at.duration_since(link.sent_at) >= SWEEP {
                link.sent = None;
            }
        }
        if !seen.is_empty() {
            self.orders.push_back(Output::KeepSeen(seen));
        }
    }

    /// The device, if `link` is the link that speaks for it.
    fn current(&mut self, link: LinkId, device: DeviceId) -> Option<&mut Entry> {
        self.devices.get_mut(&device).filter(|entry| entry.link.as_ref().is_some_and(|held| held.id == link))
    }

    /// Compares what was said of and to a device with what is so now, and says what differs.
    fn tell(&mut self, now: Now, device: DeviceId) {
        let Some(entry) = self.devices.get_mut(&device) else { return };
        let Some((row, cameras)) = &entry.row else { return };
        if let Some(link) = &mut entry.link
            && !entry.denied
        {
            let document = desired::document(row, cameras, &self.node);
            if link.sent.as_ref() != Some(&document) {
                let order = Output::SendDesired(link.id, Box::new(document.clone()));
                self.orders.push_back(order);
                (link.sent, link.sent_at) = (Some(document), now.at);
            }
        }
        let state = entry.state(row);
        if entry.told.as_deref() != Some(&state) {
            let state = Arc::new(state);
            entry.told = Some(Arc::clone(&state));
            self.orders.push_back(Output::Device { state, news: true });
        }
        let link = entry.link_state();
        let mut before = mem::take(&mut entry.told_cameras);
        for camera in cameras {
            let state = Arc::new(CameraState::derive(camera, link, entry.reports.get(&camera.id)));
            let known = before.remove(&camera.id);
            if known.as_ref() != Some(&state) {
                let news = known.is_none_or(|known| state.is_news_after(&known));
                self.orders.push_back(Output::Camera { state: Arc::clone(&state), news });
            }
            entry.told_cameras.insert(camera.id, state);
        }
        for (id, state) in before {
            // A camera that moved to another device is listed there, and not gone.
            if self.owners.get(&id) == Some(&device) {
                self.owners.remove(&id);
                self.orders.push_back(Output::CameraGone(state));
            }
        }
    }
}

impl Entry {
    fn assignments(&self) -> impl Iterator<Item = Assignment> {
        let listed = self.row.as_ref().filter(|(row, _)| row.revoked_at.is_none());
        listed.into_iter().flat_map(|(_, cameras)| cameras).filter_map(desired::assignment)
    }

    fn link_state(&self) -> LinkState {
        match &self.link {
            Some(_) if !self.denied => LinkState::Online,
            _ => LinkState::Offline { since: self.offline_since },
        }
    }

    fn state(&self, row: &Device) -> DeviceState {
        let online = self.link_state() == LinkState::Online;
        let link = self.link.as_ref().filter(|_| online);
        DeviceState {
            online,
            since: link.map(|link| link.since).or(self.offline_since),
            remote: link.map(|link| link.remote),
            reported_generation: self.reported_generation,
            health: self.health.clone(),
            ..DeviceState::of(row)
        }
    }
}

/// How long something that nobody reported stays unnoticed: rows written by another process, a lost document.
pub(crate) const SWEEP: Duration = Duration::from_secs(30);

mod beside;
#[cfg(test)]
pub(crate) mod fixtures;
mod hours;
mod orders;
#[cfg(test)]
mod tests;
mod told;
