//! A fleet whose links are made of channels: the tests of rooms that stand on the fleet play its devices.

use std::{collections::HashMap, net::SocketAddr};

use sluice_hub_store::Store;
use sluice_ids::{DeviceId, NodeId};
use sluice_runtime::{Clock, TaskScope};
use sluice_trust::seal::Keypair;
use sluice_wire::control::{
    Action, Answer, CameraEvent, Desired, DesiredNode, EdgeHello, Found, Outcome, Reported, ToEdge, ToHub,
};
use tokio::sync::mpsc;

use crate::{
    Fleet,
    handle::Home,
    link::{FromLink, Happened, ORDERS, Order},
    metrics::FleetMetrics,
    roster::LinkId,
};

/// The other end of every link.
pub struct Rehearsal {
    links: mpsc::Sender<FromLink>,
    up: HashMap<DeviceId, (LinkId, mpsc::Receiver<Order>)>,
    last: u64,
    scope: TaskScope,
    /// What secrets of cameras are sealed to that the node pulls itself.
    pub node_seal: Keypair,
}

impl Rehearsal {
    /// A fleet over a real store, without an endpoint.
    #[must_use]
    pub fn spawn(scope: &TaskScope, clock: Clock, store: Store, node_id: NodeId) -> (Fleet, Self) {
        let address = SocketAddr::from(([127, 0, 0, 1], 14433));
        let node = DesiredNode { node_id, address };
        let node_seal = Keypair::generate();
        let home = Home { node, seal_key: *node_seal.public(), gate: Box::new(|_, _| {}) };
        let (fleet, links) = Fleet::start(scope, clock, store, home, FleetMetrics::default());
        (fleet, Self { links, up: HashMap::new(), last: 0, scope: scope.clone(), node_seal })
    }

    /// A device dials and says hello.
    pub async fn dial(&mut self, device: DeviceId, seal_public_key: Vec<u8>) {
        self.last += 1;
        let (orders, inbox) = mpsc::channel(ORDERS);
        let hello =
            EdgeHello { device_id: device, version: "rehearsal".into(), capability: 1, seal_public_key };
        let remote = SocketAddr::from(([127, 0, 0, 1], 50_000));
        self.up.insert(device, (LinkId(self.last), inbox));
        self.say(device, Happened::Up { hello, remote, orders }).await;
    }

    /// A device reports how it stands.
    pub async fn report(&self, device: DeviceId, reported: Reported) {
        self.say(device, Happened::Said(ToHub::Reported(reported))).await;
    }

    /// A device says what it found.
    pub async fn found(&self, device: DeviceId, found: Found) {
        self.say(device, Happened::Said(ToHub::Found(found))).await;
    }

    /// A camera of a device noticed something.
    pub async fn noticed(&self, device: DeviceId, event: CameraEvent) {
        self.say(device, Happened::Said(ToHub::Event(event))).await;
    }

    /// From now on, until its link goes down, the device does what it is ordered as `act` says; `None` is silence.
    pub fn obey(
        &mut self,
        device: DeviceId,
        mut act: impl FnMut(Action) -> Option<Outcome> + Send + 'static,
    ) {
        let Some((link, inbox)) = self.up.get_mut(&device) else { return };
        let (forward, rest) = mpsc::channel(ORDERS);
        let mut orders = std::mem::replace(inbox, rest);
        let (link, links) = (*link, self.links.clone());
        let shutdown = self.scope.shutdown();
        self.scope.spawn("rehearsed device", async move {
            loop {
                let order = tokio::select! {
                    () = shutdown.requested() => return,
                    order = orders.recv() => order,
                };
                let Some(order) = order else { return };
                let Order::Send(ToEdge::Order(order)) = order else {
                    // Who does not read its documents does not want them.
                    let _ = forward.try_send(order);
                    continue;
                };
                let Some(outcome) = act(order.action) else { continue };
                let what = Happened::Said(ToHub::Answer(Answer { number: order.number, outcome }));
                if links.send(FromLink { link, device, what }).await.is_err() {
                    return;
                }
            }
        });
    }

    /// A device's link goes down.
    pub async fn hang_up(&mut self, device: DeviceId) {
        self.say(device, Happened::Down).await;
        self.up.remove(&device);
    }

    /// The next desired document that this device is sent; `None` when its link was closed.
    pub async fn desired(&mut self, device: DeviceId) -> Option<Desired> {
        let (_, inbox) = self.up.get_mut(&device)?;
        loop {
            match inbox.recv().await? {
                Order::Send(ToEdge::Desired(desired)) => return Some(desired),
                Order::Send(_) => {}
                Order::Close(..) => return None,
            }
        }
    }

    async fn say(&self, device: DeviceId, what: Happened) {
        if let Some((link, _)) = self.up.get(&device) {
            // A fleet that has ended hears nothing.
            let _ = self.links.send(FromLink { link: *link, device, what }).await;
        }
    }
}
