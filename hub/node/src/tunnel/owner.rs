use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
    time::Duration,
};

use sluice_hub_link::MediaLink;
use sluice_ids::{CameraId, DeviceId, Tier};
use sluice_runtime::{Clock, TaskScope};
use sluice_telemetry::Metrics;
use sluice_wire::{ReasonCode, node::Puller};
use tokio::sync::{mpsc, watch};

use super::{
    Assignments,
    feed_stream::{FeedNumber, Raw},
    link::{Link, Order},
    metrics::TunnelMetrics,
};
use crate::pull::{NodePull, feed::Carrier};

/// What the handles ask for.
#[derive(Debug)]
pub(crate) enum Command {
    Open { id: FeedNumber, camera: CameraId, tier: Tier, events: mpsc::Sender<Raw> },
    Close { id: FeedNumber },
    KeyFrame { id: FeedNumber },
}

/// A link's task has ended.
#[derive(Debug)]
pub(crate) struct Ended {
    device: DeviceId,
    number: u64,
}

impl Ended {
    pub(crate) fn new(device: DeviceId, number: u64) -> Self {
        Self { device, number }
    }
}

/// Knows which feeds are open and which links there are, and brings the two together.
pub(crate) struct Owner {
    scope: TaskScope,
    clock: Clock,
    inbox: mpsc::Receiver<Command>,
    pull: Option<NodePull>,
    assignments: watch::Receiver<Arc<Assignments>>,
    metrics: TunnelMetrics,
    feeds: BTreeMap<FeedNumber, Feed>,
    links: HashMap<DeviceId, LinkHandle>,
    ended: mpsc::Receiver<Ended>,
    end: mpsc::Sender<Ended>,
    last_link: u64,
}

struct Feed {
    camera: CameraId,
    tier: Tier,
    events: mpsc::Sender<Raw>,
    /// What it is subscribed over.
    over: Option<Over>,
}

enum Over {
    /// The link of this device.
    Link(DeviceId),
    /// This node's own pull; the scope ends it.
    Here(TaskScope),
}

impl Over {
    fn is(&self, puller: Option<Puller>) -> bool {
        match self {
            Self::Link(device) => puller == Some(Puller::Device(*device)),
            Self::Here(_) => puller == Some(Puller::Node),
        }
    }

    fn is_link(&self, of: DeviceId) -> bool {
        matches!(self, Self::Link(device) if *device == of)
    }
}

struct LinkHandle {
    number: u64,
    orders: mpsc::Sender<Order>,
}

enum Event {
    Link(MediaLink),
    Ended(Ended),
    Command(Command),
    Assigned,
    Swept,
}

impl Owner {
    pub(crate) fn new(
        scope: &TaskScope,
        clock: Clock,
        inbox: mpsc::Receiver<Command>,
        (pull, assignments): (Option<NodePull>, watch::Receiver<Arc<Assignments>>),
        metrics: &Metrics,
    ) -> Self {
        let (end, ended) = mpsc::channel(ENDED);
        Self {
            scope: scope.clone(),
            clock,
            inbox,
            pull,
            assignments,
            metrics: TunnelMetrics::register(metrics),
            feeds: BTreeMap::new(),
            links: HashMap::new(),
            ended,
            end,
            last_link: 0,
        }
    }

    pub(crate) async fn run(mut self, mut links: mpsc::Receiver<MediaLink>) {
        let shutdown = self.scope.shutdown();
        let mut sweep = self.clock.now() + SWEEP;
        loop {
            let event = tokio::select! { biased;
                () = shutdown.requested() => break,
                Some(ended) = self.ended.recv() => Event::Ended(ended),
                Some(link) = links.recv() => Event::Link(link),
                Ok(()) = self.assignments.changed() => Event::Assigned,
                Some(command) = self.inbox.recv() => Event::Command(command),
                () = self.clock.sleep_until(Some(sweep)) => Event::Swept,
            };
            match event {
                Event::Link(link) => self.enter(link),
                Event::Ended(ended) => self.leave(&ended),
                Event::Command(command) => self.obey(command),
                Event::Assigned => self.reassign(),
                Event::Swept => {
                    sweep = self.clock.now() + SWEEP;
                    self.sweep();
                }
            }
        }
    }

    fn enter(&mut self, link: MediaLink) {
        let device = link.device();
        self.last_link += 1;
        let number = self.last_link;
        let (orders, inbox) = mpsc::channel(ORDERS);
        tracing::info!(device.id = %device, remote = %link.remote(), "a media link is up");
        let task = Link::new(link, self.clock, self.assignments.clone(), self.metrics.clone());
        let (end, shutdown) = (self.end.clone(), self.scope.shutdown());
        self.scope.spawn("tunnel", async move {
            task.run(inbox, shutdown).await;
            let _ = end.send(Ended::new(device, number)).await;
        });
        // Its task ends when nobody holds its orders any more.
        if self.links.insert(device, LinkHandle { number, orders }).is_none() {
            self.metrics.links.inc();
        }
        for feed in self.feeds.values_mut().filter(|feed| feed.is_over(device)) {
            feed.over = None;
        }
        self.join();
    }

    fn leave(&mut self, ended: &Ended) {
        if self.links.get(&ended.device).is_none_or(|link| link.number != ended.number) {
            return;
        }
        tracing::info!(device.id = %ended.device, "a media link is down");
        self.links.remove(&ended.device);
        self.metrics.links.dec();
        for feed in self.feeds.values_mut().filter(|feed| feed.is_over(ended.device)) {
            feed.over = None;
            let _ = feed.events.try_send(Raw::Lost);
        }
    }

    fn obey(&mut self, command: Command) {
        match command {
            Command::Open { id, camera, tier, events } => {
                self.feeds.insert(id, Feed { camera, tier, events, over: None });
                if !self.join_one(id) {
                    self.explain(id);
                }
            }
            Command::Close { id } => self.close(id),
            Command::KeyFrame { id } => {
                self.order(id, Order::KeyFrame { id });
            }
        }
    }

    fn close(&mut self, id: FeedNumber) {
        self.part(id);
        self.feeds.remove(&id);
    }

    /// Ends a feed's subscription, wherever it is.
    fn part(&mut self, id: FeedNumber) {
        self.order(id, Order::Unsubscribe { id });
        if let Some(Over::Here(scope)) = self.feeds.get_mut(&id).and_then(|feed| feed.over.take()) {
            scope.cancel();
        }
    }

    /// Cameras may have moved to another device, or to none.
    fn reassign(&mut self) {
        let assignments = Arc::clone(&self.assignments.borrow_and_update());
        let moved: Vec<FeedNumber> = self
            .feeds
            .iter()
            .filter(|(_, feed)| {
                let puller = assignments.puller(feed.camera, feed.tier);
                feed.over.as_ref().is_some_and(|over| !over.is(puller))
            })
            .map(|(id, _)| *id)
            .collect();
        for id in moved {
            self.part(id);
            if let Some(feed) = self.feeds.get_mut(&id) {
                let _ = feed.events.try_send(Raw::Lost);
            }
        }
        self.join();
    }

    fn join(&mut self) {
        let apart: Vec<FeedNumber> =
            self.feeds.iter().filter(|(_, feed)| feed.over.is_none()).map(|(id, _)| *id).collect();
        for id in apart {
            self.join_one(id);
        }
    }

    /// Subscribes a feed where its camera is pulled; `false` if that cannot be.
    fn join_one(&mut self, id: FeedNumber) -> bool {
        let Some(feed) = self.feeds.get_mut(&id) else { return false };
        let puller = self.assignments.borrow().puller(feed.camera, feed.tier);
        let device = match (puller, &self.pull) {
            (Some(Puller::Node), Some(pull)) => {
                feed.over = Some(Over::Here(carry(&self.scope, feed, pull.clone())));
                return true;
            }
            (Some(Puller::Device(device)), _) => device,
            _ => return false,
        };
        let Some(link) = self.links.get(&device) else { return false };
        let order =
            Order::Subscribe { id, camera: feed.camera, tier: feed.tier, events: feed.events.clone() };
        let taken = link.orders.try_send(order).is_ok();
        feed.over = taken.then_some(Over::Link(device));
        taken
    }

    fn explain(&self, id: FeedNumber) {
        let Some(feed) = self.feeds.get(&id) else { return };
        let puller = self.assignments.borrow().puller(feed.camera, feed.tier);
        let (code, text) = match puller {
            Some(Puller::Device(_)) => {
                (ReasonCode::DeviceOffline, "the appliance at the site is not connected")
            }
            Some(Puller::Node) => (ReasonCode::NotFound, "this node pulls no cameras itself"),
            None => (ReasonCode::NotFound, "no appliance serves this camera in this size"),
        };
        let _ = feed.events.try_send(Raw::State { code: Some(code), text: text.to_owned() });
    }

    fn order(&self, id: FeedNumber, order: Order) {
        let Some(Over::Link(device)) = self.feeds.get(&id).and_then(|feed| feed.over.as_ref()) else {
            return;
        };
        if let Some(link) = self.links.get(device) {
            // A link that is so far behind ends itself, and its subscriptions with it.
            let _ = link.orders.try_send(order);
        }
    }

    /// Finds feeds whose `Close` did not fit, and tries again what could not be ordered.
    fn sweep(&mut self) {
        let closed: Vec<FeedNumber> =
            self.feeds.iter().filter(|(_, feed)| feed.events.is_closed()).map(|(id, _)| *id).collect();
        for id in closed {
            self.close(id);
        }
        self.join();
    }
}

impl Feed {
    fn is_over(&self, device: DeviceId) -> bool {
        self.over.as_ref().is_some_and(|over| over.is_link(device))
    }
}

/// Starts the pull of a feed here; the scope ends it.
fn carry(scope: &TaskScope, feed: &Feed, pull: NodePull) -> TaskScope {
    let scope = scope.child();
    let carrier = Carrier { pull, camera: feed.camera, tier: feed.tier, events: feed.events.clone() };
    scope.spawn("pull-feed", carrier.run(scope.shutdown()));
    scope
}

/// Orders that wait for a link's task.
const ORDERS: usize = 1_024;
const ENDED: usize = 64;
const SWEEP: Duration = Duration::from_secs(5);
