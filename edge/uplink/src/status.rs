use std::net::SocketAddr;

use serde::Serialize;
use sluice_ids::{NodeId, UnixMillis};
use tokio::sync::watch;

/// How the links stand, for people and for `--json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct UplinkStatus {
    /// The link to control.
    pub control: LinkStatus,
    /// The link to each media node.
    pub nodes: Vec<NodeStatus>,
}

/// How one link stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LinkStatus {
    /// Where it is dialled.
    pub address: SocketAddr,
    /// Whether the hub's hello has come.
    pub up: bool,
    /// Since when it is as it is.
    pub since: UnixMillis,
    /// The round trip in milliseconds, while it is up.
    pub rtt_ms: Option<u32>,
    /// Why it is not up, or stalls.
    pub trouble: Option<String>,
    /// The hub's version, once it was told.
    pub hub_version: Option<String>,
}

/// How the link to one media node stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NodeStatus {
    /// Which.
    pub node_id: NodeId,
    /// Its link.
    pub link: LinkStatus,
    /// Streams that it is sent.
    pub subscriptions: usize,
}

impl LinkStatus {
    pub(crate) fn new(address: SocketAddr, since: UnixMillis) -> Self {
        Self { address, up: false, since, rtt_ms: None, trouble: None, hub_version: None }
    }

    pub(crate) fn rise(&mut self, now: UnixMillis, version: &str, rtt_ms: u32) {
        self.up = true;
        self.since = now;
        self.trouble = None;
        self.hub_version = Some(version.to_owned());
        self.rtt_ms = Some(rtt_ms);
    }

    pub(crate) fn fall(&mut self, now: UnixMillis, trouble: String) {
        if self.up {
            self.since = now;
        }
        self.up = false;
        self.rtt_ms = None;
        self.trouble = Some(trouble);
    }
}

/// Where the tasks of the links write how they stand.
#[derive(Debug, Clone)]
pub(crate) struct Board(watch::Sender<UplinkStatus>);

impl Board {
    pub(crate) fn new(status: UplinkStatus) -> Self {
        Self(watch::Sender::new(status))
    }

    pub(crate) fn subscribe(&self) -> watch::Receiver<UplinkStatus> {
        self.0.subscribe()
    }

    pub(crate) fn control(&self, change: impl FnOnce(&mut LinkStatus)) {
        self.0.send_modify(|status| change(&mut status.control));
    }

    pub(crate) fn add_node(&self, node: NodeStatus) {
        self.0.send_modify(|status| {
            status.nodes.retain(|other| other.node_id != node.node_id);
            status.nodes.push(node);
        });
    }

    pub(crate) fn remove_node(&self, node: NodeId) {
        self.0.send_modify(|status| status.nodes.retain(|other| other.node_id != node));
    }

    pub(crate) fn node(&self, node: NodeId, change: impl FnOnce(&mut NodeStatus)) {
        self.0.send_modify(|status| {
            if let Some(status) = status.nodes.iter_mut().find(|other| other.node_id == node) {
                change(status);
            }
        });
    }
}
