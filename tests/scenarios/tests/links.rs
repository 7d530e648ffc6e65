//! Real QUIC between a real uplink and a real endpoint, in one process, with virtual cameras behind the one
//! and a node's tunnels behind the other.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use anyhow::{Result, ensure};
use sluice_camsim::{Camsim, CamsimConfig, Delivery};
use sluice_edge_uplink::{Catalogue, Uplink, UplinkConfig};
use sluice_hub_link::{ControlLink, Endpoint, LinkConfig};
use sluice_hub_node::tunnel::{self, Assignments, FeedEvent, FeedStream, LineInfo, Supply, Tunnels};
use sluice_ids::{CameraId, DeviceId, NodeId, Tier, UnixMillis};
use sluice_media::AccessUnit;
use sluice_runtime::{Clock, TaskScope, uuid_v7};
use sluice_source::{Settings, Source, SourceMetrics};
use sluice_telemetry::Metrics;
use sluice_testkit::eventually;
use sluice_trust::{Authority, Identity, tls};
use sluice_wire::{
    control::{self, Desired, DesiredNode, ToEdge},
    media,
    node::{Assignment, Puller},
};
use tokio::{sync::watch, time::timeout};

#[path = "links/lines.rs"]
mod lines;
#[path = "links/wan.rs"]
mod wan;

use wan::Wan;

const SOON: Duration = Duration::from_secs(20);

/// The ids and the authority that all ends of a test share.
struct World {
    clock: Clock,
    authority: Authority,
    device: DeviceId,
    node: NodeId,
    camera: CameraId,
}

impl World {
    fn new() -> Result<Self> {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let clock = Clock::system();
        Ok(Self {
            clock,
            authority: Authority::create(UnixMillis(clock.unix_millis()))?,
            device: DeviceId::from_uuid(uuid_v7(&clock)),
            node: NodeId::from_uuid(uuid_v7(&clock)),
            camera: CameraId::from_uuid(uuid_v7(&clock)),
        })
    }

    fn now(&self) -> UnixMillis {
        UnixMillis(self.clock.unix_millis())
    }
}

struct Hub {
    scope: TaskScope,
    endpoint: Endpoint,
    address: SocketAddr,
    tunnels: Tunnels,
    metrics: Metrics,
}

impl Hub {
    /// `seen_at` is where the edge reaches the node; without it, where it listens.
    fn start(
        world: &World,
        identity: &Identity,
        at: SocketAddr,
        seen_at: Option<SocketAddr>,
    ) -> Result<Self> {
        let (scope, metrics) = (TaskScope::new(), Metrics::default());
        let tls = tls::server_config(identity, &[control::ALPN, media::ALPN])?;
        let config = LinkConfig { addr: at, tls, version: "test".into() };
        let (endpoint, mut controls, medias) = Endpoint::bind(&scope, world.clock, config, &metrics)?;
        let address = endpoint.local_addr()?;
        let assigned = Assignment {
            puller: Puller::Device(world.device),
            camera: world.camera,
            tiers: vec![Tier::Sub],
            linger: Duration::ZERO,
        };
        let (_, assignments) = watch::channel(Arc::new(Assignments::from_list(&[assigned])));
        let supply = Supply { links: medias, pull: None };
        let tunnels = tunnel::spawn(&scope, world.clock, supply, assignments, &metrics);
        let node = DesiredNode { node_id: world.node, address: seen_at.unwrap_or(address) };
        let of_links = scope.clone();
        scope.spawn("controls", async move {
            while let Some(link) = controls.recv().await {
                of_links.spawn("control", serve(link, node.clone()));
            }
        });
        Ok(Self { scope, endpoint, address, tunnels, metrics })
    }
}

/// Tells the edge its one node, and keeps the link until it is down.
async fn serve(mut link: ControlLink, node: DesiredNode) {
    let desired = Desired { generation: 1, cameras: vec![], nodes: vec![node] };
    let _ = link.send(&ToEdge::Desired(desired));
    while link.recv().await.is_some() {}
}

struct OneCamera {
    camera: CameraId,
    source: Source,
}

impl Catalogue for OneCamera {
    fn source(&self, camera: CameraId, tier: Tier) -> Option<Source> {
        (camera == self.camera && tier == Tier::Sub).then(|| self.source.clone())
    }

    fn offered(&self) -> Vec<(CameraId, Tier)> {
        vec![(self.camera, Tier::Sub)]
    }
}

struct Edge {
    scope: TaskScope,
    camsim: Camsim,
    source: Source,
    uplink: Uplink,
    metrics: Metrics,
}

impl Edge {
    async fn start(world: &World, identity: Identity, hub: SocketAddr) -> Result<Self> {
        let cameras = CamsimConfig {
            main: None,
            delivery: Delivery::Replay,
            gop: Duration::from_secs(1),
            ..CamsimConfig::default()
        };
        Self::of(world, identity, hub, cameras).await
    }

    async fn of(world: &World, identity: Identity, hub: SocketAddr, cameras: CamsimConfig) -> Result<Self> {
        let (scope, metrics) = (TaskScope::new(), Metrics::default());
        let camsim = Camsim::start(cameras).await?;
        let settings = Settings::new("test", camsim.camera(1).url(Tier::Sub).parse()?);
        let of_source = metrics.register("edge", SourceMetrics::register);
        let source = Source::spawn(&scope, world.clock, settings, of_source);
        let config = UplinkConfig {
            control: hub,
            device: world.device,
            identity,
            seal_public_key: vec![0; 32],
            version: "test".into(),
            last_desired: None,
        };
        let catalogue = Arc::new(OneCamera { camera: world.camera, source: source.clone() });
        let uplink = Uplink::spawn(&scope, world.clock, config, catalogue, &metrics)?;
        Ok(Self { scope, camsim, source, uplink, metrics })
    }

    async fn up(&self) {
        let mut status = self.uplink.status();
        let up = status.wait_for(|status| status.nodes.first().is_some_and(|node| node.link.up));
        assert!(timeout(SOON, up).await.is_ok_and(|up| up.is_ok()), "the links come up");
    }

    async fn stop(self) {
        assert!(self.scope.close(Duration::from_secs(5)).await, "the edge's tasks end");
        assert_eq!(self.scope.panics(), 0);
        self.camsim.stop().await;
    }
}

const ANY: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 0);

async fn next(stream: &mut FeedStream) -> Result<FeedEvent> {
    Ok(timeout(SOON, stream.next()).await?)
}

/// What the feed begins with. The hub may hear of the link a moment later than the edge.
async fn started(stream: &mut FeedStream) -> Result<Vec<LineInfo>> {
    loop {
        match next(stream).await? {
            FeedEvent::Started { lines } => return Ok(lines),
            FeedEvent::State { code, .. } if code == "device-offline" => {}
            other => anyhow::bail!("it is started first: {other:?}"),
        }
    }
}

async fn next_unit(stream: &mut FeedStream) -> Result<Arc<AccessUnit>> {
    loop {
        if let FeedEvent::Unit { unit, .. } = next(stream).await? {
            return Ok(unit);
        }
    }
}

fn counter(metrics: &Metrics, name: &str) -> u64 {
    let text = metrics.exposition();
    let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    value.and_then(|value| value.parse().ok()).unwrap_or_default()
}

/// The feed's units follow each other, and the first is a key.
async fn watch_units(stream: &mut FeedStream, count: usize) -> Result<()> {
    let mut last = next_unit(stream).await?;
    ensure!(last.key.is_some(), "the first unit is a key");
    for _ in 1..count {
        let FeedEvent::Unit { unit, .. } = next(stream).await? else { anyhow::bail!("nothing but units") };
        ensure!(unit.first_sequence == last.last_sequence() + 1, "numbers follow each other");
        ensure!(unit.timestamp > last.timestamp, "time goes on");
        last = unit;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_flows_in_order_while_it_is_wanted_and_not_a_byte_longer() -> Result<()> {
    let world = World::new()?;
    let hub = Hub::start(&world, &world.authority.issue_hub(world.node, world.now())?, ANY, None)?;
    let identity = world.authority.issue_device_identity(world.device, world.now())?;
    let edge = Edge::start(&world, identity, hub.address).await?;
    edge.up().await;
    assert_eq!(counter(&hub.metrics, "sluice_link_media_bytes_total"), 0, "nothing flows unasked");

    let mut stream = hub.tunnels.open(world.camera, Tier::Sub);
    let lines = started(&mut stream).await?;
    ensure!(lines[0].encoding == "H264" && lines[0].fmtp.contains("sprop-parameter-sets"), "{lines:?}");
    watch_units(&mut stream, 40).await?;
    let unit = next_unit(&mut stream).await?;
    let age = world.clock.unix_millis() - unit.captured_at_ms;
    ensure!((-100..1_500).contains(&age), "captured {age} ms ago");

    drop(stream);
    eventually(async || match counter(&edge.metrics, "sluice_edge_forwards") {
        0 => Ok(()),
        left => Err(left),
    })
    .await;
    let silent = counter(&edge.metrics, "sluice_uplink_media_bytes_total");
    world.clock.sleep(Duration::from_secs(1)).await;
    assert_eq!(
        counter(&edge.metrics, "sluice_uplink_media_bytes_total"),
        silent,
        "silence after the last viewer"
    );
    edge.stop().await;
    assert!(hub.scope.close(Duration::from_secs(5)).await, "the hub's tasks end");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_warm_stream_costs_one_round_trip_and_an_idle_link_next_to_nothing() -> Result<()> {
    let (world, wan_scope) = (World::new()?, TaskScope::new());
    let one_way = Duration::from_millis(100);
    let identity = world.authority.issue_hub(world.node, world.now())?;
    // The hub's port is needed before the WAN, and the WAN's before the hub tells it.
    let port = std::net::UdpSocket::bind(ANY)?.local_addr()?;
    let wan = Wan::lay(&wan_scope, port, one_way).await?;
    let hub = Hub::start(&world, &identity, port, Some(wan.address))?;
    let edge =
        Edge::start(&world, world.authority.issue_device_identity(world.device, world.now())?, wan.address)
            .await?;
    edge.source.keep_warm(true);
    edge.up().await;
    let warm = |status: &sluice_source::Status| status.state == sluice_source::State::Warm;
    timeout(SOON, edge.source.status().wait_for(warm)).await??;
    // What the handshakes and the search for the largest packet leave behind has passed.
    world.clock.sleep(Duration::from_secs(4)).await;

    let (before, window) = (wan.bytes(), Duration::from_secs(6));
    world.clock.sleep(window).await;
    let bits = (wan.bytes() - before) * 8 / window.as_secs();
    ensure!(bits <= 5_000, "an idle site costs {bits} bit/s");

    let asked = world.clock.now();
    let mut stream = hub.tunnels.open(world.camera, Tier::Sub);
    let unit = next_unit(&mut stream).await?;
    let took = world.clock.now() - asked;
    ensure!(unit.key.is_some());
    ensure!(took < one_way * 3, "one round trip is {:?}, it took {took:?}", one_way * 2);
    edge.stop().await;
    hub.scope.close(Duration::from_secs(5)).await;
    wan_scope.close(Duration::from_secs(1)).await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_picture_is_back_within_two_seconds_of_the_wan() -> Result<()> {
    let (world, wan_scope) = (World::new()?, TaskScope::new());
    let identity = world.authority.issue_hub(world.node, world.now())?;
    let port = std::net::UdpSocket::bind(ANY)?.local_addr()?;
    let wan = Wan::lay(&wan_scope, port, Duration::from_millis(10)).await?;
    let hub = Hub::start(&world, &identity, port, Some(wan.address))?;
    let edge =
        Edge::start(&world, world.authority.issue_device_identity(world.device, world.now())?, wan.address)
            .await?;
    edge.up().await;
    let mut stream = hub.tunnels.open(world.camera, Tier::Sub);
    watch_units(&mut stream, 10).await?;
    let before = next_unit(&mut stream).await?;

    wan.cut(true);
    loop {
        if matches!(next(&mut stream).await?, FeedEvent::Lost) {
            break;
        }
    }
    world.clock.sleep(Duration::from_secs(3)).await;
    wan.cut(false);
    let back = world.clock.now();
    let unit = next_unit(&mut stream).await?;
    let took = world.clock.now() - back;
    ensure!(took < Duration::from_secs(2), "it took {took:?}");
    ensure!(unit.key.is_some(), "a key comes first");
    ensure!(unit.timestamp > before.timestamp, "time goes on");
    edge.stop().await;
    hub.scope.close(Duration::from_secs(5)).await;
    wan_scope.close(Duration::from_secs(1)).await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hub_that_restarts_gets_its_streams_again() -> Result<()> {
    let world = World::new()?;
    let identity = world.authority.issue_hub(world.node, world.now())?;
    let hub = Hub::start(&world, &identity, ANY, None)?;
    let edge =
        Edge::start(&world, world.authority.issue_device_identity(world.device, world.now())?, hub.address)
            .await?;
    edge.up().await;
    let mut stream = hub.tunnels.open(world.camera, Tier::Sub);
    watch_units(&mut stream, 5).await?;
    let address = hub.address;
    assert!(hub.scope.close(Duration::from_secs(5)).await);
    drop((hub, stream));

    // The port is free when the last connection's goodbye is over.
    let hub = eventually(async || Hub::start(&world, &identity, address, None)).await;
    let mut stream = hub.tunnels.open(world.camera, Tier::Sub);
    watch_units(&mut stream, 5).await?;
    edge.stop().await;
    hub.scope.close(Duration::from_secs(5)).await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_certificate_of_another_authority_or_role_is_refused_at_both_ends_with_the_reason() -> Result<()> {
    let (world, other) = (World::new()?, World::new()?);
    let ours = world.authority.issue_hub(world.node, world.now())?;
    let cases = [
        // The edge finds out that this is not its hub.
        (
            other.authority.issue_hub(other.node, other.now())?,
            world.authority.issue_device_identity(world.device, world.now())?,
            "what answers is not our hub",
        ),
        // A hub of the right authority that is a node only is not control.
        (
            world.authority.issue_node(world.node, world.now())?,
            world.authority.issue_device_identity(world.device, world.now())?,
            "what answers is not our hub",
        ),
        // A node that dials control as if it were a device.
        (ours.clone(), world.authority.issue_node(world.node, world.now())?, "has no business"),
        // A device's certificate under another device's name.
        (
            ours.clone(),
            world.authority.issue_device_identity(other.device, world.now())?,
            "names another device",
        ),
    ];
    for (hub_identity, edge_identity, reason) in cases {
        let hub = Hub::start(&world, &hub_identity, ANY, None)?;
        let edge = Edge::start(&world, edge_identity, hub.address).await?;
        let mut status = edge.uplink.status();
        let told = status.wait_for(|status| status.control.trouble.is_some());
        let trouble = timeout(SOON, told).await??.control.trouble.clone().unwrap_or_default();
        ensure!(trouble.contains(reason), "{trouble:?} should say {reason:?}");
        edge.stop().await;
        hub.scope.close(Duration::from_secs(5)).await;
    }
    // An edge of another authority that trusts our root all the same: only the hub can find out.
    let strange = other.authority.issue_device_identity(world.device, other.now())?;
    let strange = Identity::load(
        strange.key_pem().to_owned(),
        strange.certificate_pem().to_owned(),
        world.authority.ca_pem().to_owned(),
    )?;
    let hub = Hub::start(&world, &ours, ANY, None)?;
    let edge = Edge::start(&world, strange, hub.address).await?;
    let mut status = edge.uplink.status();
    let told = status.wait_for(|status| status.control.trouble.is_some());
    let trouble = timeout(SOON, told).await??.control.trouble.clone().unwrap_or_default();
    ensure!(trouble.contains("does not accept this device's certificate"), "{trouble:?}");
    eventually(async || match counter(&hub.metrics, "sluice_link_refused_total") {
        0 => Err("not counted"),
        _ => Ok(()),
    })
    .await;
    edge.stop().await;
    hub.scope.close(Duration::from_secs(5)).await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_device_that_is_denied_loses_its_links_at_once() -> Result<()> {
    let world = World::new()?;
    let hub = Hub::start(&world, &world.authority.issue_hub(world.node, world.now())?, ANY, None)?;
    let edge =
        Edge::start(&world, world.authority.issue_device_identity(world.device, world.now())?, hub.address)
            .await?;
    edge.up().await;
    hub.endpoint.deny(world.device);
    let mut status = edge.uplink.status();
    let down = status.wait_for(|status| !status.control.up && status.nodes.iter().all(|node| !node.link.up));
    let trouble = timeout(Duration::from_secs(2), down).await??.control.trouble.clone().unwrap_or_default();
    ensure!(trouble.contains("revoked"), "{trouble:?}");
    edge.stop().await;
    hub.scope.close(Duration::from_secs(5)).await;
    Ok(())
}
