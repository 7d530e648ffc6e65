use std::{
    collections::{HashMap, HashSet, VecDeque},
    io,
    net::{IpAddr, SocketAddr},
};

use bytes::Bytes;
use str0m::net::{Protocol, Transmit};
use tokio::sync::mpsc;

use crate::{metrics::EngineMetrics, socket::UdpPort};

/// What leaves the engine: runs of datagrams to one viewer go as one system call, packets of ICE-TCP to the
/// connection they belong to.
#[derive(Debug)]
pub(crate) struct Egress {
    udp: UdpPort,
    run: Run,
    backlog: VecDeque<Run>,
    backlog_bytes: usize,
    connections: HashMap<SocketAddr, mpsc::Sender<Bytes>>,
    local_ips: HashSet<IpAddr>,
    unsent: u64,
    metrics: EngineMetrics,
}

/// Datagrams to one address, all of one size but the last.
#[derive(Debug, Default)]
struct Run {
    destination: Option<(SocketAddr, IpAddr)>,
    bytes: Vec<u8>,
    segment: usize,
    count: u64,
    /// A shorter datagram ends a run.
    closed: bool,
}

impl Egress {
    pub(crate) fn new(udp: UdpPort, metrics: EngineMetrics) -> Self {
        Self {
            udp,
            run: Run::default(),
            backlog: VecDeque::new(),
            backlog_bytes: 0,
            connections: HashMap::new(),
            local_ips: HashSet::new(),
            unsent: 0,
            metrics,
        }
    }

    pub(crate) fn udp(&self) -> &UdpPort {
        &self.udp
    }

    /// An address of this machine, learned from what arrives at it.
    pub(crate) fn learn_local(&mut self, ip: IpAddr) {
        if self.local_ips.len() < MOST_LOCAL_IPS {
            self.local_ips.insert(ip);
        }
    }

    pub(crate) fn connect(&mut self, remote: SocketAddr, writer: mpsc::Sender<Bytes>) {
        self.connections.insert(remote, writer);
    }

    /// Forgets a connection, which ends it.
    pub(crate) fn disconnect(&mut self, remote: SocketAddr) -> bool {
        self.connections.remove(&remote).is_some()
    }

    /// Takes one packet; it may wait for [`Egress::flush`].
    pub(crate) fn stage(&mut self, transmit: &Transmit) {
        if transmit.proto == Protocol::Tcp {
            self.write(transmit);
            return;
        }
        let target = (transmit.destination, transmit.source.ip());
        if !self.run.takes(target, transmit.contents.len(), self.udp.most_segments()) {
            self.send_run();
        }
        self.run.push(target, &transmit.contents);
    }

    /// Sends what was staged. How many packets the system would not take since the last call.
    pub(crate) fn flush(&mut self) -> u64 {
        self.send_run();
        std::mem::take(&mut self.unsent)
    }

    /// Whether packets wait for the socket to be writable.
    pub(crate) fn is_blocked(&self) -> bool {
        !self.backlog.is_empty()
    }

    /// The socket may be writable again.
    pub(crate) fn resume(&mut self) {
        while let Some(run) = self.backlog.pop_front() {
            match self.send(&run) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.backlog.push_front(run);
                    return;
                }
                sent => {
                    self.backlog_bytes -= run.bytes.len();
                    self.count(&run, sent.is_ok());
                }
            }
        }
    }

    fn write(&mut self, transmit: &Transmit) {
        let length = transmit.contents.len() as u64;
        let taken = self
            .connections
            .get(&transmit.destination)
            .is_some_and(|writer| writer.try_send(Bytes::copy_from_slice(&transmit.contents)).is_ok());
        if taken {
            self.metrics.packets_sent.inc();
            self.metrics.bytes_sent.inc_by(length);
        } else {
            self.unsent += 1;
            self.metrics.packets_unsent.inc();
        }
    }

    fn send_run(&mut self) {
        if self.run.count == 0 {
            return;
        }
        // What waits already goes first, or a viewer's packets would change their order.
        let result = if self.backlog.is_empty() {
            self.send(&self.run)
        } else {
            Err(io::ErrorKind::WouldBlock.into())
        };
        match result {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                if self.backlog_bytes + self.run.bytes.len() <= BACKLOG_BYTES {
                    self.backlog_bytes += self.run.bytes.len();
                    self.backlog.push_back(std::mem::take(&mut self.run));
                } else {
                    self.unsent += self.run.count;
                    self.metrics.packets_unsent.inc_by(self.run.count);
                }
            }
            sent => {
                let run = std::mem::take(&mut self.run);
                self.count(&run, sent.is_ok());
                self.run = run;
            }
        }
        self.run.clear();
    }

    fn send(&self, run: &Run) -> io::Result<()> {
        let Some((destination, source)) = run.destination else { return Ok(()) };
        let source = self.local_ips.contains(&source).then_some(source);
        self.udp.send(destination, source, &run.bytes, run.segment)
    }

    /// Errors of single destinations (unreachable, refused by a filter) are the viewer's: its silence ends it.
    fn count(&self, run: &Run, sent: bool) {
        if sent {
            self.metrics.sends.inc();
            self.metrics.packets_sent.inc_by(run.count);
            self.metrics.bytes_sent.inc_by(run.bytes.len() as u64);
        } else {
            self.metrics.packets_unsent.inc_by(run.count);
        }
    }
}

impl Run {
    fn takes(&self, target: (SocketAddr, IpAddr), length: usize, most: usize) -> bool {
        self.count == 0
            || (!self.closed
                && self.destination == Some(target)
                && length <= self.segment
                && (self.count as usize) < most
                && self.bytes.len() + length <= RUN_BYTES)
    }

    fn push(&mut self, target: (SocketAddr, IpAddr), packet: &[u8]) {
        if self.count == 0 {
            self.destination = Some(target);
            self.segment = packet.len();
        }
        self.closed = packet.len() < self.segment;
        self.bytes.extend_from_slice(packet);
        self.count += 1;
    }

    fn clear(&mut self) {
        self.destination = None;
        self.bytes.clear();
        self.count = 0;
        self.closed = false;
    }
}

/// Bytes that wait for a full socket; full: the newest packets are dropped, counted, and their viewer is cut.
const BACKLOG_BYTES: usize = 4 << 20;
/// The longest UDP payload, with room to spare.
const RUN_BYTES: usize = 62_000;
/// A machine has a handful of addresses.
const MOST_LOCAL_IPS: usize = 64;
