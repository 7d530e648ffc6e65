use std::{future::Future, sync::Arc, time::Duration};

use axum::{
    Router,
    body::{Body, to_bytes},
    http::{HeaderMap, Method, Request, StatusCode},
};
use serde_json::{Value, json};
use sluice_hub_api::{ApiState, hash_password, router, steer};
use sluice_hub_fleet::{Fleet, rehearsal::Rehearsal};
use sluice_hub_store::{NewDevice, NewUser, Store, UserRole};
use sluice_hub_streams::{NodePort, Streams, StreamsConfig};
use sluice_ids::{CameraId, DeviceId, NodeId, SiteId, TenantId, Tier, UnixMillis};
use sluice_runtime::{Clock, TaskScope, uuid_v7};
use sluice_telemetry::Metrics;
use sluice_trust::{
    playback::{Claims, Signer, Verifier},
    seal::Keypair,
};
use sluice_wire::{
    control::{CameraReport, Found, FoundCamera, Reported, TierReport, TierState},
    node::{FromNode, Steer, Steered, ToNode},
};
use tempfile::TempDir;
use tokio::sync::mpsc;
use tower::ServiceExt as _;

/// A whole control plane without sockets.
pub(crate) struct TestHub {
    pub(crate) app: Router,
    pub(crate) store: Store,
    pub(crate) devices: Rehearsal,
    pub(crate) fleet: Fleet,
    /// What the node is told.
    pub(crate) orders: mpsc::Receiver<ToNode>,
    /// What the node tells.
    pub(crate) news: mpsc::Sender<FromNode>,
    /// What the node's viewers ask of their cameras, and what they hear of it.
    pub(crate) steers: mpsc::Sender<Steer>,
    pub(crate) steered: mpsc::Receiver<Steered>,
    pub(crate) signer: Arc<Signer>,
    pub(crate) node: NodeId,
    pub(crate) clock: Clock,
    scope: TaskScope,
    pub(crate) dir: TempDir,
}

/// One organisation with an administrator, a site and a device that is online.
pub(crate) struct Tenant {
    pub(crate) id: TenantId,
    pub(crate) site: SiteId,
    pub(crate) device: DeviceId,
    pub(crate) seal: Keypair,
    pub(crate) admin: Login,
    /// With every scope.
    pub(crate) token: String,
}

/// A login at the console.
#[derive(Clone, Debug)]
pub(crate) struct Login {
    pub(crate) cookie: String,
    pub(crate) csrf: String,
}

/// Who calls.
#[derive(Clone, Copy, Debug)]
pub(crate) enum As<'a> {
    Nobody,
    Token(&'a str),
    Console(&'a Login),
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
    pub(crate) body: Value,
}

pub(crate) const PASSWORD: &str = "planted-console-password";

impl TestHub {
    pub(crate) async fn new() -> Self {
        let (dir, clock, scope) = (tempfile::tempdir().unwrap(), Clock::system(), TaskScope::new());
        let store = Store::open(&dir.path().join("hub.db"), clock).unwrap();
        let node = NodeId::from_uuid(uuid_v7(&clock));
        let (fleet, devices): (Fleet, _) = Rehearsal::spawn(&scope, clock, store.clone(), node);
        let signer = Arc::new(Signer::generate());
        let (to, orders) = mpsc::channel(4_096);
        let (news, from) = mpsc::channel(256);
        let config = StreamsConfig { node_id: node, most_sessions: 5_000, metrics: Metrics::default() };
        let port = NodePort { to, from };
        let streams = Streams::spawn(&scope, clock, store.clone(), Arc::clone(&signer), port, config);
        let state = ApiState::with_key(store.clone(), fleet.clone(), streams, (clock, &scope), [7; 32]);
        let (steers, asked) = mpsc::channel(16);
        let (answers, steered) = mpsc::channel(16);
        steer(&scope, state.clone(), asked, answers);
        let app = router(state);
        Self { app, store, devices, fleet, orders, news, steers, steered, signer, node, clock, scope, dir }
    }

    /// A hub with one organisation.
    pub(crate) async fn with_tenant() -> (Self, Tenant) {
        let mut hub = Self::new().await;
        let tenant = hub.tenant("ours").await;
        (hub, tenant)
    }

    pub(crate) async fn tenant(&mut self, name: &str) -> Tenant {
        let id = self.store.create_tenant(name.to_owned()).await.unwrap().id;
        let password_hash = hash_password(PASSWORD).unwrap();
        let user = NewUser { name: format!("admin-{name}"), password_hash, role: UserRole::Admin };
        self.store.create_user(id, user).await.unwrap();
        let site = self.store.create_site(id, format!("site of {name}")).await.unwrap().id;
        let (device, seal) = (DeviceId::from_uuid(uuid_v7(&self.clock)), Keypair::generate());
        let seal_public_key = Some(seal.public().to_vec());
        let new = NewDevice { id: device, site, name: format!("box of {name}"), seal_public_key };
        self.store.create_device(id, new).await.unwrap();
        self.devices.dial(device, seal.public().to_vec()).await;
        let admin = self.login(&format!("admin-{name}"), PASSWORD).await;
        let token = self.token(&admin, &["play", "read", "admin", "ptz"]).await;
        eventually(|| async {
            let path = format!("/devices/{device}");
            self.call(As::Token(&token), Method::GET, &path, None).await.body["online"] == true
        })
        .await;
        Tenant { id, site, device, seal, admin, token }
    }

    pub(crate) async fn login(&self, name: &str, password: &str) -> Login {
        let body = json!({ "user": name, "password": password });
        let answer = self.call(As::Nobody, Method::POST, "/login", Some(body)).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
        let cookie = answer.headers["set-cookie"].to_str().unwrap().split(';').next().unwrap().to_owned();
        Login { cookie, csrf: answer.body["csrf"].as_str().unwrap().to_owned() }
    }

    pub(crate) async fn token(&self, admin: &Login, scopes: &[&str]) -> String {
        let body = json!({ "name": "test", "scopes": scopes });
        let answer = self.call(As::Console(admin), Method::POST, "/tokens", Some(body)).await;
        assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text);
        answer.body["token"].as_str().unwrap().to_owned()
    }

    pub(crate) async fn call(&self, who: As<'_>, method: Method, path: &str, body: Option<Value>) -> Answer {
        let request = request(who, method, path, body);
        self.send(request).await
    }

    pub(crate) async fn send(&self, request: Request<Body>) -> Answer {
        let response = self.app.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let text = String::from_utf8(to_bytes(body, 4 << 20).await.unwrap().to_vec()).unwrap();
        let body = serde_json::from_str(&text).unwrap_or(Value::Null);
        Answer { status: parts.status, headers: parts.headers, text, body }
    }

    /// A camera with two tiers that its device holds warm.
    pub(crate) async fn camera(&self, tenant: &Tenant, name: &str) -> String {
        let body = camera_body(tenant, name);
        let answer = self.call(As::Token(&tenant.token), Method::POST, "/cameras", Some(body)).await;
        assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text);
        let id = answer.body["id"].as_str().unwrap().to_owned();
        let tiers = [tier(Tier::Main, 1_920, 1_080), tier(Tier::Sub, 640, 360)];
        self.report(tenant, &id, tiers.to_vec()).await;
        id
    }

    /// Lets a camera's device report it, and waits until that is known.
    pub(crate) async fn report(&self, tenant: &Tenant, camera: &str, tiers: Vec<TierReport>) {
        self.report_all(tenant, CameraReport::new(camera.parse().unwrap(), tiers)).await;
    }

    /// The same with all that a device may know of a camera.
    pub(crate) async fn report_all(&self, tenant: &Tenant, report: CameraReport) {
        let (camera, tiers) = (report.camera_id, &report.tiers);
        let states: Vec<_> = tiers.iter().map(|tier| tier.state.as_str()).collect();
        let path = format!("/cameras/{camera}");
        eventually(|| async {
            // The fleet takes a report only of a camera it has read from the registry.
            let cameras = vec![report.clone()];
            let reported = Reported { generation: 1, cameras, health: Vec::new() };
            self.devices.report(tenant.device, reported).await;
            let shown = self.call(As::Token(&tenant.token), Method::GET, &path, None).await.body;
            let shown = shown["tiers"].as_array().cloned().unwrap_or_default();
            shown.iter().map(|tier| tier["state"].as_str().unwrap_or("")).eq(states.iter().copied())
        })
        .await;
    }

    /// Lets a device say what it found, and waits until that is shown.
    pub(crate) async fn found(&self, tenant: &Tenant, cameras: Vec<FoundCamera>) -> Vec<Value> {
        let count = cameras.len();
        let newest = cameras.iter().map(|camera| camera.last_seen).max().unwrap_or_default();
        self.devices.found(tenant.device, Found { cameras, ..Found::default() }).await;
        let shown = async |list: Value| {
            let items = list["items"].as_array().cloned().unwrap_or_default();
            let seen = items.iter().filter_map(|item| item["last_seen"].as_i64()).max().unwrap_or_default();
            (items.len() == count && seen == newest.0).then_some(items)
        };
        let path = format!("/discoveries?device_id={}", tenant.device);
        let clock = Clock::system();
        let give_up = clock.now() + Duration::from_secs(5);
        loop {
            let list = self.call(As::Token(&tenant.token), Method::GET, &path, None).await.body;
            if let Some(items) = shown(list).await {
                return items;
            }
            assert!(clock.now() < give_up, "what was found is not shown");
            clock.sleep(Duration::from_millis(5)).await;
        }
    }

    pub(crate) async fn play(&self, who: As<'_>, cameras: &[&str]) -> Answer {
        let cameras: Vec<_> = cameras.iter().map(|id| json!({ "id": id })).collect();
        self.call(who, Method::POST, "/play", Some(json!({ "cameras": cameras }))).await
    }

    /// The next order of a kind.
    pub(crate) async fn order<T>(&mut self, pick: impl Fn(&ToNode) -> Option<T>) -> T {
        let wait = async {
            loop {
                let order = self.orders.recv().await.expect("the hub lives");
                if let Some(picked) = pick(&order) {
                    return picked;
                }
            }
        };
        tokio::time::timeout(Duration::from_secs(5), wait).await.expect("the node is told in time")
    }

    pub(crate) fn claims(&self, token: &str) -> Claims {
        let keys = [(self.signer.kid().to_owned(), self.signer.public().to_vec())];
        Verifier::new(self.node, keys).verify(token, self.clock.unix_millis() / 1_000).unwrap()
    }
}

impl Drop for TestHub {
    fn drop(&mut self) {
        self.scope.cancel();
        assert!(self.scope.panics() == 0 || std::thread::panicking(), "a task of the hub panicked");
    }
}

pub(crate) fn camera_body(tenant: &Tenant, name: &str) -> Value {
    json!({
        "name": name, "site_id": tenant.site, "via": tenant.device,
        "source": {
            "type": "rtsp", "username": "edge", "password": "planted-camera-password",
            "tiers": [{ "tier": "main", "url": "rtsp://10.0.0.2/main" }, { "tier": "sub", "url": "rtsp://10.0.0.2/sub" }],
        },
    })
}

pub(crate) fn tier(tier: Tier, width: u32, height: u32) -> TierReport {
    let mut report = TierReport::new(tier, TierState::Warm, UnixMillis(1_000));
    report.codec = Some("avc1.42c01f".into());
    (report.width, report.height) = (width, height);
    report
}

pub(crate) fn request(who: As<'_>, method: Method, path: &str, body: Option<Value>) -> Request<Body> {
    let mut request =
        Request::builder().method(method).uri(format!("/api/v1{path}")).header("host", "hub.test");
    request = match who {
        As::Nobody => request,
        As::Token(token) => request.header("authorization", format!("Bearer {token}")),
        As::Console(login) => request.header("cookie", &login.cookie).header("x-sluice-csrf", &login.csrf),
    };
    match body {
        Some(body) => {
            request.header("content-type", "application/json").body(Body::from(body.to_string())).unwrap()
        }
        None => request.body(Body::empty()).unwrap(),
    }
}

/// Waits until `check` holds; fails after a few seconds.
pub(crate) async fn eventually<F: Future<Output = bool>>(mut check: impl FnMut() -> F) {
    let clock = Clock::system();
    let give_up = clock.now() + Duration::from_secs(5);
    while !check().await {
        assert!(clock.now() < give_up, "it did not come to that in time");
        clock.sleep(Duration::from_millis(5)).await;
    }
}

pub(crate) fn camera_id(text: &str) -> CameraId {
    text.parse().unwrap()
}
