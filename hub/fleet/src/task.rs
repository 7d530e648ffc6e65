use std::{collections::HashMap, sync::Arc, time::Duration};

use sluice_ids::{DeviceId, UnixMillis};
use sluice_runtime::{Clock, Shutdown};
use sluice_wire::{
    control::{Action, DesiredCamera, Outcome, ToEdge, ToHub},
    node::Assignment,
};
use tokio::sync::{broadcast, mpsc, oneshot, watch};

use crate::{
    OrderError,
    handle::View,
    link::{FromLink, Happened, Order},
    metrics::FleetMetrics,
    registry::Ask,
    roster::{Input, LinkId, Now, Output, Roster},
    state::FleetEvent,
};

/// Denies a device its links (`true`), or allows them again.
pub(crate) type Gate = Box<dyn Fn(DeviceId, bool) + Send>;

/// What handles ask.
pub(crate) enum Command {
    /// Something the roster should hear.
    Tell(Input),
    /// Something a device should do once.
    Order { device: DeviceId, action: Box<Action>, within: Duration, reply: Reply },
}

/// Where an order's outcome is waited for.
pub(crate) type Reply = oneshot::Sender<Result<Outcome, OrderError>>;

/// The owner of the roster: waits for one thing, feeds it, obeys. It never waits for the store or a link.
pub(crate) struct Task {
    pub(crate) clock: Clock,
    pub(crate) shutdown: Shutdown,
    pub(crate) roster: Roster,
    pub(crate) commands: mpsc::Receiver<Command>,
    pub(crate) from_links: mpsc::Receiver<FromLink>,
    pub(crate) read: mpsc::Receiver<Input>,
    pub(crate) registry: mpsc::Sender<Ask>,
    pub(crate) peers: HashMap<LinkId, mpsc::Sender<Order>>,
    /// By the order's number; the roster settles each.
    pub(crate) replies: HashMap<u64, Reply>,
    /// The last order's number.
    pub(crate) ordered: u64,
    pub(crate) view: watch::Sender<View>,
    pub(crate) events: broadcast::Sender<FleetEvent>,
    pub(crate) assigned: watch::Sender<Arc<Vec<Assignment>>>,
    pub(crate) pulled: watch::Sender<Arc<Vec<DesiredCamera>>>,
    pub(crate) gate: Gate,
    pub(crate) metrics: FleetMetrics,
}

impl Task {
    pub(crate) async fn run(mut self) {
        loop {
            self.obey_all();
            // Every branch is a channel or a timer: cancel safe.
            let input = tokio::select! { biased;
                () = self.shutdown.requested() => break,
                Some(read) = self.read.recv() => read,
                Some(said) = self.from_links.recv() => match self.heard(said) {
                    Some(input) => input,
                    None => continue,
                },
                Some(command) = self.commands.recv() => self.asked(command),
                () = self.clock.sleep_until(self.roster.deadline()) => Input::Woke,
            };
            let now = Now { at: self.clock.now(), wall: UnixMillis(self.clock.unix_millis()) };
            self.roster.handle(now, input);
        }
    }

    fn asked(&mut self, command: Command) -> Input {
        match command {
            Command::Tell(input) => input,
            Command::Order { device, action, within, reply } => {
                self.metrics.orders.inc();
                self.ordered += 1;
                self.replies.insert(self.ordered, reply);
                Input::Ordered { number: self.ordered, device, action, within }
            }
        }
    }

    fn heard(&mut self, FromLink { link, device, what }: FromLink) -> Option<Input> {
        match what {
            Happened::Up { hello, remote, orders } => {
                tracing::info!(device.id = %device, %remote, version = hello.version, "a device is online");
                self.metrics.links_up.inc();
                self.peers.insert(link, orders);
                Some(Input::LinkUp { link, device, hello, remote })
            }
            Happened::Said(ToHub::Reported(reported)) => {
                self.metrics.reports.inc();
                Some(Input::Reported { link, device, reported })
            }
            Happened::Said(ToHub::Found(found)) => {
                Some(Input::Found { link, device, found: Box::new(found) })
            }
            Happened::Said(ToHub::Answer(answer)) => {
                if let Outcome::Poster(poster) = &answer.outcome {
                    self.metrics.posters.inc();
                    self.metrics.poster_bytes.inc_by(poster.data.len() as u64);
                }
                Some(Input::Answered { link, answer: Box::new(answer) })
            }
            Happened::Said(ToHub::Event(event)) => Some(Input::Happened { link, device, event }),
            Happened::Said(ToHub::Hello(_) | ToHub::Ping(_) | ToHub::Pong(_)) => None,
            Happened::Down => {
                tracing::info!(device.id = %device, "a control link ended");
                self.metrics.links_down.inc();
                self.peers.remove(&link);
                Some(Input::LinkDown { link, device })
            }
        }
    }

    /// Does what the roster wants; all changes of one input become visible at once.
    fn obey_all(&mut self) {
        let mut shown = Vec::new();
        while let Some(order) = self.roster.poll() {
            match order {
                Output::Device { .. }
                | Output::Camera { .. }
                | Output::Found { .. }
                | Output::Happened(_)
                | Output::DeviceGone(_)
                | Output::CameraGone(_) => {
                    shown.push(order);
                }
                order => self.obey(order),
            }
        }
        if shown.is_empty() {
            return;
        }
        self.view.send_modify(|view| shown.iter().for_each(|change| show(view, change)));
        for event in shown.into_iter().filter_map(event) {
            self.metrics.events.inc();
            // Nobody listening is no failure.
            let _ = self.events.send(event);
        }
    }

    fn obey(&mut self, order: Output) {
        match order {
            Output::ReadRegistry => self.ask(Ask::All),
            Output::ReadDevice(device) => self.ask(Ask::One(device)),
            Output::KeepHello { device, version, seal_public_key } => {
                self.ask(Ask::Hello { device, version, seal_public_key });
            }
            Output::KeepSeen(devices) => self.ask(Ask::Seen(devices)),
            Output::KeepWarm(at_work) => {
                tracing::debug!(cameras = at_work.len(), "the clock changes what is kept warm");
                self.ask(Ask::Warm(at_work));
            }
            Output::SendDesired(link, desired) => {
                tracing::debug!(
                    generation = desired.generation,
                    cameras = desired.cameras.len(),
                    "told a device"
                );
                self.metrics.documents.inc();
                self.order(link, Order::Send(ToEdge::Desired(*desired)));
            }
            Output::SendKeyFrame(link, camera, tier) => {
                self.order(link, Order::Send(ToEdge::Keyframe { camera, tier }));
            }
            Output::SendOrder(link, order) => self.order(link, Order::Send(ToEdge::Order(*order))),
            Output::Settle(number, outcome) => self.settle(number, *outcome),
            Output::CloseLink(link, code, text) => self.order(link, Order::Close(code, text)),
            Output::Deny(device, denied) => (self.gate)(device, denied),
            Output::Assign(assignments) => drop(self.assigned.send_replace(Arc::new(assignments))),
            Output::Pull(cameras) => drop(self.pulled.send_replace(Arc::new(cameras))),
            // Shown together by `obey_all`.
            Output::Device { .. }
            | Output::Camera { .. }
            | Output::Found { .. }
            | Output::Happened(_)
            | Output::DeviceGone(_)
            | Output::CameraGone(_) => {}
        }
    }

    fn settle(&mut self, number: u64, outcome: Result<Outcome, OrderError>) {
        if outcome.is_err() {
            self.metrics.orders_unanswered.inc();
        }
        if let Some(reply) = self.replies.remove(&number) {
            // Who asked may have gone.
            let _ = reply.send(outcome);
        }
    }

    fn ask(&self, ask: Ask) {
        if self.registry.try_send(ask).is_err() {
            self.metrics.overflows.inc();
        }
    }

    fn order(&mut self, link: LinkId, order: Order) {
        let Some(peer) = self.peers.get(&link) else { return };
        if peer.try_send(order).is_err() {
            // Without its sender the link closes itself, and the device dials again.
            self.metrics.overflows.inc();
            self.peers.remove(&link);
        }
    }
}

fn show(view: &mut View, change: &Output) {
    match change {
        Output::Device { state, .. } => drop(view.devices.insert(state.device, Arc::clone(state))),
        Output::Camera { state, .. } => drop(view.cameras.insert(state.camera, Arc::clone(state))),
        Output::Found { found, .. } => drop(view.found.insert(found.device, Arc::clone(found))),
        Output::DeviceGone(state) => {
            view.devices.remove(&state.device);
            view.found.remove(&state.device);
        }
        Output::CameraGone(state) => drop(view.cameras.remove(&state.camera)),
        _ => {}
    }
}

fn event(change: Output) -> Option<FleetEvent> {
    match change {
        Output::Device { state, news: true } => Some(FleetEvent::Device(state)),
        Output::Camera { state, news: true } => Some(FleetEvent::Camera(state)),
        Output::Found { found, news: true } => Some(FleetEvent::Found(found)),
        Output::Happened(happened) => Some(FleetEvent::Happened(happened)),
        Output::DeviceGone(state) => Some(FleetEvent::DeviceGone(state)),
        Output::CameraGone(state) => Some(FleetEvent::CameraGone(state)),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
