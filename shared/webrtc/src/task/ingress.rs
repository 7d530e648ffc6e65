use std::{
    net::{IpAddr, SocketAddr},
    panic::{AssertUnwindSafe, catch_unwind},
};

use str0m::net::Receive;

use super::Task;
use crate::{
    engine::EndReason,
    frame::SessionKey,
    negotiate,
    socket::{Batch, Datagram},
    stun::{self, Kind},
    tcp::TcpInput,
    viewer::{Moment, Route},
};

/// Our addresses as viewers know them.
pub(super) struct Local {
    pub(super) udp: Vec<SocketAddr>,
    pub(super) tcp: Vec<SocketAddr>,
}

/// What comes from viewers.
impl Task {
    pub(super) fn receive(&mut self, batch: &mut Batch) {
        // An error of the socket is one of an earlier send; the next call sees what was received.
        let count = self.egress.udp().receive(batch).unwrap_or(0);
        let at = self.moment();
        for datagram in batch.datagrams(count) {
            if let Some(ip) = datagram.destination {
                self.egress.learn_local(ip);
            }
            self.packet(at, false, datagram);
        }
    }

    pub(super) fn tcp(&mut self, input: TcpInput) {
        match input {
            TcpInput::Opened { remote, writer } => self.egress.connect(remote, writer),
            TcpInput::Packet { remote, local, packet } => {
                let at = self.moment();
                let datagram = Datagram { source: remote, destination: Some(local.ip()), contents: &packet };
                if self.packet(at, true, datagram).is_none() && self.egress.disconnect(remote) {
                    // Whoever connects begins with a check of a session that is here.
                    self.metrics.tcp_refused.inc();
                }
            }
            TcpInput::Closed { remote } => {
                self.egress.disconnect(remote);
                if let Some(key) = self.by_route.remove(&Route { tcp: true, remote })
                    && let Some(viewer) = self.viewers.get_mut(&key)
                {
                    viewer.routes.retain(|route| route.remote != remote || !route.tcp);
                }
            }
        }
    }

    /// Hands one packet to the viewer it is of; `None` if it is of nobody.
    fn packet(&mut self, at: Moment, tcp: bool, datagram: Datagram<'_>) -> Option<()> {
        self.metrics.datagrams_received.inc();
        let taken = self.route(at, tcp, datagram);
        if taken.is_none() {
            self.metrics.datagrams_refused.inc();
        }
        taken
    }

    fn route(&mut self, at: Moment, tcp: bool, datagram: Datagram<'_>) -> Option<()> {
        let route = Route { tcp, remote: datagram.source };
        let destination = self.local.answering(tcp, datagram.destination)?;
        let parse = || Receive::new(route.protocol(), route.remote, destination, datagram.contents).ok();
        let kind = Kind::of(datagram.contents);
        let known = self.by_route.get(&route).copied();
        let key = match kind {
            Kind::Other => return None,
            Kind::Stun => {
                let ufrag = stun::receiver_ufrag(datagram.contents)?;
                let key = *self.by_ufrag.get(ufrag)?;
                if known != Some(key) {
                    let viewer = self.viewers.get(&key)?;
                    if !viewer.accepts(at.now, parse()?) {
                        return None;
                    }
                    self.add_route(route, key);
                }
                key
            }
            Kind::Dtls | Kind::Rtcp => known?,
        };
        let packet = parse()?;
        let viewer = self.viewers.get_mut(&key)?;
        // Its state machine is not ours: should these bytes break it, they end this session and no other.
        let taken = catch_unwind(AssertUnwindSafe(|| viewer.receive(at.now, kind, packet)));
        match taken {
            Ok(taken) => {
                self.turn(at, key);
                taken.then_some(())
            }
            Err(_) => {
                self.end(key, EndReason::Broken);
                None
            }
        }
    }

    fn add_route(&mut self, route: Route, key: SessionKey) {
        if let Some(before) = self.by_route.insert(route, key)
            && let Some(viewer) = self.viewers.get_mut(&before)
        {
            viewer.routes.retain(|other| *other != route);
        }
        let Some(viewer) = self.viewers.get_mut(&key) else { return };
        viewer.routes.push(route);
        if viewer.routes.len() > ROUTES_KEPT {
            let oldest = viewer.routes.remove(0);
            self.by_route.remove(&oldest);
        }
    }
}

impl Local {
    pub(super) fn new(advertised: &[IpAddr], udp: SocketAddr, tcp: Option<SocketAddr>) -> Self {
        let with_port = |local: SocketAddr| {
            let ips = negotiate::candidate_ips(advertised, local);
            ips.into_iter().map(|ip| SocketAddr::new(ip, local.port())).collect()
        };
        Self { udp: with_port(udp), tcp: tcp.map(with_port).unwrap_or_default() }
    }

    /// The candidate that packets to `destination` were sent to. Behind a 1:1 NAT that is another address.
    fn answering(&self, tcp: bool, destination: Option<IpAddr>) -> Option<SocketAddr> {
        let candidates = if tcp { &self.tcp } else { &self.udp };
        let same = |candidate: &&SocketAddr| Some(candidate.ip()) == destination;
        let family =
            |candidate: &&SocketAddr| destination.is_none_or(|ip| ip.is_ipv4() == candidate.is_ipv4());
        candidates
            .iter()
            .find(same)
            .or_else(|| candidates.iter().find(family))
            .or_else(|| candidates.first())
            .copied()
    }
}

/// Addresses remembered for one viewer; a browser tries a few.
const ROUTES_KEPT: usize = 8;
