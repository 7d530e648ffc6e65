use std::{net::Ipv4Addr, sync::Arc, time::Duration};

use axum::{
    Router,
    body::Body,
    http::{Method, Request, StatusCode, header},
};
use sluice_hub_node::{
    front::{self, Front, Origins},
    pull::{NodePull, PullPorts},
    relay::{self, Ports, Relay, SteerPort},
    tunnel::{self, Supply},
};
use sluice_ids::{CameraId, DeviceId, NodeId, SessionId, TenantId, Tier};
use sluice_pulls::PullsConfig;
use sluice_runtime::{Clock, TaskScope, random_bytes, uuid_v7};
use sluice_telemetry::Metrics;
use sluice_trust::{
    playback::{Claims, Signer},
    seal::Keypair,
};
use sluice_webrtc::{Engine, EngineConfig, EngineMetrics};
use sluice_wire::{
    control::{DesiredCamera, DesiredTier, Transport, Warm},
    node::{Assignment, FromNode, Puller, Steer, Steered, ToNode},
};
use tokio::sync::{mpsc, watch};
use tower::ServiceExt as _;

/// A node with one camera assigned in its sub tier.
pub(super) struct Stage {
    pub(super) relay: Relay,
    pub(super) orders: mpsc::Sender<ToNode>,
    pub(super) reports: mpsc::Receiver<FromNode>,
    /// What viewers ask of their cameras' heads, and the way back.
    pub(super) steers: mpsc::Receiver<Steer>,
    pub(super) steered: mpsc::Sender<Steered>,
    pub(super) router: Router,
    pub(super) engine: Engine,
    pub(super) camera: CameraId,
    pub(super) metrics: Metrics,
    node: NodeId,
    signer: Signer,
    scope: TaskScope,
}

impl Stage {
    pub(super) async fn set() -> Self {
        Self::build(vec![Tier::Sub], Vec::new()).await
    }

    /// A stage whose camera has a main tier too; the node pulls what has an address.
    pub(super) async fn with_tiers(urls: Vec<(Tier, String)>) -> Self {
        Self::build(vec![Tier::Sub, Tier::Main], urls).await
    }

    /// A stage whose camera is pulled by the node itself from this address, if there is one.
    pub(super) async fn with_camera(url: Option<String>) -> Self {
        Self::build(vec![Tier::Sub], url.into_iter().map(|url| (Tier::Sub, url)).collect()).await
    }

    async fn build(tiers: Vec<Tier>, urls: Vec<(Tier, String)>) -> Self {
        let (scope, clock, metrics) = (TaskScope::new(), Clock::system(), Metrics::default());
        let node = NodeId::from_uuid(uuid_v7(&clock));
        let config = EngineConfig::new((Ipv4Addr::LOCALHOST, 0).into());
        let (engine, engine_events) = Engine::bind(&scope, clock, config, EngineMetrics::register(&metrics))
            .expect("loopback has free ports");
        let (_links, no_links) = mpsc::channel(1);
        let (assignments, assigned) = watch::channel(Arc::default());
        let (keys, known_keys) = watch::channel(Arc::default());
        let (orders, inbox) = mpsc::channel(16);
        let (outbox, reports) = mpsc::channel(16);
        let (pulls, wanted) = watch::channel(Arc::default());
        let (ask_steers, steers) = mpsc::channel(16);
        let (answer_steers, steered) = mpsc::channel(16);
        let pull = (!urls.is_empty()).then(|| {
            let config = PullsConfig { ring_bytes: 8 << 20, seal_key: Keypair::generate() };
            NodePull::spawn(&scope, clock, config, PullPorts { wanted, reports: outbox.clone() }, &metrics)
        });
        let supply = Supply { links: no_links, pull };
        let tunnels = tunnel::spawn(&scope, clock, supply, assigned, &metrics);
        let ports = Ports {
            orders: inbox,
            reports: outbox,
            tunnels,
            assignments,
            pulls,
            keys,
            engine: engine.clone(),
            engine_events,
            steering: SteerPort { steers: ask_steers, steered },
        };
        let relay = relay::spawn(&scope, clock, ports, &metrics);
        let allowed = Origins(["https://psim.example".to_owned()].into());
        let (_, origins) = watch::channel(Arc::new(allowed));
        let front =
            Front { relay: relay.clone(), engine: engine.clone(), keys: known_keys, origins, node, clock };
        let (camera, signer) = (CameraId::from_uuid(uuid_v7(&clock)), Signer::generate());
        let stage = Self {
            relay,
            orders,
            reports,
            steers,
            steered: answer_steers,
            router: front::router(front),
            engine,
            camera,
            metrics,
            node,
            signer,
            scope,
        };
        stage.assign(clock, tiers, urls).await;
        stage
    }

    async fn assign(&self, clock: Clock, tiers: Vec<Tier>, urls: Vec<(Tier, String)>) {
        let puller =
            if urls.is_empty() { Puller::Device(DeviceId::from_uuid(uuid_v7(&clock))) } else { Puller::Node };
        let linger = Duration::from_millis(100);
        let assignment = Assignment { puller, camera: self.camera, tiers, linger };
        if !urls.is_empty() {
            self.tell(ToNode::Pull(vec![DesiredCamera {
                camera_id: self.camera,
                name: "Dock".to_owned(),
                tiers: urls.into_iter().map(|(tier, url)| DesiredTier::new(tier, url)).collect(),
                username: String::new(),
                sealed_password: Vec::new(),
                warm: Warm::Sub,
                linger,
                transport: Transport::Tcp,
                onvif: None,
                sealed_as: String::new(),
                session_budget: 0,
            }]))
            .await;
        }
        self.tell(ToNode::Keys(vec![(self.signer.kid().to_owned(), self.signer.public().to_vec())])).await;
        self.tell(ToNode::Assign(vec![assignment])).await;
        // Orders are taken before commands, so an answered command means that both were taken.
        self.relay.status().await;
    }

    pub(super) async fn tell(&self, order: ToNode) {
        self.orders.send(order).await.expect("the relay runs");
    }

    pub(super) fn claims(&self) -> Claims {
        let clock = Clock::system();
        let now = clock.unix_millis() / 1_000;
        Claims {
            session: SessionId::from_uuid(uuid_v7(&clock)),
            camera: self.camera,
            tier: Tier::Sub,
            tenant: TenantId::from_uuid(uuid_v7(&clock)),
            node: self.node,
            protocol: "webrtc".to_owned(),
            ptz: false,
            iat: now,
            exp: now + 60,
            jti: hex::encode(random_bytes::<8>()),
        }
    }

    pub(super) fn token(&self, claims: &Claims) -> String {
        self.signer.sign(claims)
    }

    pub(super) fn whep(&self) -> String {
        format!("/whep/{}/sub", self.camera)
    }

    /// What the front answers: status, problem type, headers.
    pub(super) async fn ask(&self, request: Request<Body>) -> (StatusCode, String, header::HeaderMap) {
        let response = self.router.clone().oneshot(request).await.expect("the router never fails");
        let (parts, body) = response.into_parts();
        let body = axum::body::to_bytes(body, 1 << 20).await.expect("a short body");
        let problem: serde_json::Value = serde_json::from_slice(&body).unwrap_or_default();
        (parts.status, problem["type"].as_str().unwrap_or_default().to_owned(), parts.headers)
    }

    /// What a GET is answered, as text where it is text.
    pub(super) async fn get(&self, uri: &str) -> (StatusCode, Vec<u8>) {
        let request = Request::builder().uri(uri).body(Body::empty()).expect("a request");
        let response = self.router.clone().oneshot(request).await.expect("the router never fails");
        let status = response.status();
        let body = axum::body::to_bytes(response.into_body(), 64 << 20).await.expect("a body");
        (status, body.to_vec())
    }

    /// An offer with this token, as a player sends it.
    pub(super) fn offer(&self, path: &str, token: &str, body: impl Into<Body>) -> Request<Body> {
        Request::builder()
            .method(Method::POST)
            .uri(path)
            .header(header::AUTHORIZATION, format!("Bearer {token}"))
            .header(header::CONTENT_TYPE, "application/sdp")
            .body(body.into())
            .expect("a request")
    }

    pub(super) fn counter(&self, name: &str) -> u64 {
        let text = self.metrics.exposition();
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.and_then(|value| value.parse().ok()).unwrap_or_else(|| panic!("no counter {name} in\n{text}"))
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        self.scope.cancel();
    }
}
