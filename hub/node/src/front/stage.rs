use std::{net::Ipv4Addr, sync::Arc, time::Duration};

use axum::{
    Router,
    body::Body,
    http::{HeaderMap, Method, Request, StatusCode},
};
use bytes::Bytes;
use sluice_hls::Packager;
use sluice_ids::{CameraId, DeviceId, NodeId, SessionId, TenantId, Tier};
use sluice_runtime::{Clock, TaskScope, random_bytes, uuid_v7};
use sluice_telemetry::Metrics;
use sluice_trust::playback::{Claims, Signer};
use sluice_webrtc::{Engine, EngineConfig, EngineMetrics};
use sluice_wire::node::{Assignment, FromNode, Puller, ToNode};
use tokio::sync::{mpsc, watch};
use tower::ServiceExt as _;

use super::{Front, Origins, router};
use crate::{
    feed::FeedKey,
    hls::{Seat, Shelf},
    relay::{
        self, Admission, Ports, Relay, SteerPort,
        fixture::{Pictures, track},
    },
    tunnel::{self, Supply},
};

/// A node with one camera assigned in its sub tier, whose shelf is filled by hand: no edge is connected.
pub(super) struct Stage {
    pub(super) relay: Relay,
    pub(super) reports: mpsc::Receiver<FromNode>,
    pub(super) camera: CameraId,
    pub(super) session: SessionId,
    orders: mpsc::Sender<ToNode>,
    router: Router,
    metrics: Metrics,
    node: NodeId,
    signer: Signer,
    scope: TaskScope,
    clock: Clock,
}

/// What the front answered.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

/// What lies on the shelf of the stage's camera, and the means to add to it.
pub(super) struct Camera {
    pub(super) shelf: Arc<Shelf>,
    packager: Packager,
    pictures: Pictures,
}

impl Stage {
    pub(super) async fn set() -> Self {
        let (scope, clock, metrics) = (TaskScope::new(), Clock::system(), Metrics::default());
        let node = NodeId::from_uuid(uuid_v7(&clock));
        let config = EngineConfig::new((Ipv4Addr::LOCALHOST, 0).into());
        let (engine, engine_events) = Engine::bind(&scope, clock, config, EngineMetrics::register(&metrics))
            .expect("loopback has free ports");
        let (_links, links) = mpsc::channel(1);
        let (assignments, assigned) = watch::channel(Arc::default());
        let (keys, known_keys) = watch::channel(Arc::default());
        let (orders, inbox) = mpsc::channel(16);
        let (outbox, reports) = mpsc::channel(1_024);
        let (pulls, _) = watch::channel(Arc::default());
        let tunnels = tunnel::spawn(&scope, clock, Supply { links, pull: None }, assigned, &metrics);
        let ports = Ports {
            orders: inbox,
            reports: outbox,
            tunnels,
            assignments,
            pulls,
            keys,
            engine: engine.clone(),
            engine_events,
            steering: SteerPort { steers: mpsc::channel(1).0, steered: mpsc::channel(1).1 },
        };
        let relay = relay::spawn(&scope, clock, ports, &metrics);
        let (_, origins) = watch::channel(Arc::new(Origins([ORIGIN.to_owned()].into())));
        let front = Front { relay: relay.clone(), engine, keys: known_keys, origins, node, clock };
        let id = || uuid_v7(&clock);
        let stage = Self {
            relay,
            reports,
            camera: CameraId::from_uuid(id()),
            session: SessionId::from_uuid(id()),
            orders,
            router: router(front),
            metrics,
            node,
            signer: Signer::generate(),
            scope,
            clock,
        };
        stage.assign().await;
        stage
    }

    async fn assign(&self) {
        let puller = Puller::Device(DeviceId::from_uuid(uuid_v7(&self.clock)));
        let linger = Duration::from_millis(100);
        let assignment = Assignment { puller, camera: self.camera, tiers: vec![Tier::Sub], linger };
        self.tell(ToNode::Keys(vec![(self.signer.kid().to_owned(), self.signer.public().to_vec())])).await;
        self.tell(ToNode::Assign(vec![assignment])).await;
    }

    /// Gives the relay an order and waits until it was taken: orders go before questions.
    pub(super) async fn tell(&self, order: ToNode) {
        self.orders.send(order).await.expect("the relay runs");
        self.relay.status().await;
    }

    pub(super) fn feed(&self) -> FeedKey {
        FeedKey { camera: self.camera, tier: Tier::Sub }
    }

    /// A fresh token of the stage's session.
    pub(super) fn token(&self, protocol: &str) -> String {
        self.signer.sign(&self.claims(protocol))
    }

    pub(super) fn claims(&self, protocol: &str) -> Claims {
        let now = self.clock.unix_millis() / 1_000;
        Claims {
            session: self.session,
            camera: self.camera,
            tier: Tier::Sub,
            tenant: TenantId::from_uuid(uuid_v7(&self.clock)),
            node: self.node,
            protocol: protocol.to_owned(),
            ptz: false,
            iat: now,
            exp: now + 60,
            jti: hex::encode(random_bytes::<8>()),
        }
    }

    pub(super) fn index(&self, token: &str) -> String {
        format!("/hls/{}/sub/index.m3u8?token={token}", self.camera)
    }

    /// The seat that a token of these claims opens, before any request does.
    pub(super) async fn seat(&self, claims: &Claims) -> Arc<Seat> {
        let admission = Admission {
            session: claims.session,
            feed: self.feed(),
            token_id: claims.jti.clone(),
            ptz: false,
        };
        self.relay.seat(admission).await.expect("admitted")
    }

    /// A session that plays: its camera, and the root of its URLs.
    pub(super) async fn playing(&self) -> (Camera, String) {
        let claims = self.claims("ll-hls");
        let mut camera = Camera::of(&self.seat(&claims).await.shelf);
        camera.send(30);
        let answer = self.get(&self.index(&self.signer.sign(&claims))).await;
        assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
        (camera, answer.root())
    }

    pub(super) fn sign(&self, claims: &Claims) -> String {
        self.signer.sign(claims)
    }

    pub(super) async fn get(&self, uri: &str) -> Answer {
        self.ask(Method::GET, uri, &[]).await
    }

    pub(super) async fn ask(&self, method: Method, uri: &str, headers: &[(&str, &str)]) -> Answer {
        let mut request = Request::builder().method(method).uri(uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Body::empty()).expect("a request");
        let response = self.router.clone().oneshot(request).await.expect("the router never fails");
        let (parts, body) = response.into_parts();
        let body = axum::body::to_bytes(body, 16 << 20).await.expect("a body");
        Answer { status: parts.status, headers: parts.headers, body }
    }

    /// Waits until so many requests wait.
    pub(super) async fn waiting(&self, requests: u64) {
        while self.counter("sluice_node_hls_requests_waiting") != requests {
            tokio::task::yield_now().await;
        }
    }

    pub(super) fn counter(&self, name: &str) -> u64 {
        let text = self.metrics.exposition();
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.and_then(|value| value.parse().ok()).unwrap_or_else(|| panic!("no counter {name} in\n{text}"))
    }

    /// What control was told up to now.
    pub(super) async fn told(&mut self) -> Vec<FromNode> {
        self.relay.status().await;
        let mut told = Vec::new();
        while let Ok(news) = self.reports.try_recv() {
            told.push(news);
        }
        told
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        self.scope.cancel();
    }
}

impl Camera {
    pub(super) fn of(shelf: &Arc<Shelf>) -> Self {
        let packager = Packager::new(shelf.settings().clone(), &[track()]).expect("H.264");
        // That no device is connected is trouble in itself.
        shelf.trouble(None);
        Self { shelf: Arc::clone(shelf), packager, pictures: Pictures::new(25) }
    }

    /// So many more pictures of 40 ms, a key frame each second.
    pub(super) fn send(&mut self, pictures: usize) {
        for _ in 0..pictures {
            self.packager.push(0, &self.pictures.next()).expect("taken");
        }
        self.shelf.lay("run1", &self.packager);
    }
}

impl Answer {
    pub(super) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("text")
    }

    /// The `type` of a problem.
    pub(super) fn problem(&self) -> String {
        assert_eq!(self.headers["content-type"], "application/problem+json", "{self:?}");
        let problem: serde_json::Value = serde_json::from_slice(&self.body).expect("JSON");
        problem["type"].as_str().unwrap_or_default().to_owned()
    }

    /// What stands before the name in the URLs of a multivariant playlist.
    pub(super) fn root(&self) -> String {
        let line =
            self.text().lines().find(|line| line.ends_with("video.m3u8") || line.ends_with("video-hls.m3u8"));
        let line = line.unwrap_or_else(|| panic!("no video playlist in {}", self.text()));
        line[..=line.rfind('/').expect("a path")].to_owned()
    }

    /// The URIs of a media playlist: its map, its parts and its segments.
    pub(super) fn uris(&self) -> Vec<String> {
        let attribute = |line: &str| {
            let wanted = line.starts_with("#EXT-X-MAP:")
                || line.starts_with("#EXT-X-PART:") && !line.contains("GAP=YES");
            wanted.then(|| line.split("URI=\"").nth(1)?.split('"').next().map(ToOwned::to_owned)).flatten()
        };
        let mut gap = false;
        let mut uris = Vec::new();
        for line in self.text().lines() {
            gap |= line == "#EXT-X-GAP";
            if line.starts_with('#') {
                uris.extend(attribute(line));
            } else if !std::mem::take(&mut gap) {
                uris.push(line.to_owned());
            }
        }
        uris
    }
}

/// The origin whose pages may play.
pub(super) const ORIGIN: &str = "https://psim.example";
