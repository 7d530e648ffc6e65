use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::Mutex,
    time::Duration,
};

use sluice_hub_store::{
    CameraChange, CameraTier, DEFAULT_LINGER, NewCamera, SiteChange, Store, Via, Warm, WarmSchedule,
};
use sluice_ids::{CameraId, NodeId, SiteId, TenantId, Tier};
use sluice_runtime::{TaskScope, uuid_v7};
use sluice_trust::Authority;
use sluice_wire::{
    CloseCode,
    control::{
        self, Answer, CameraReport, DesiredNode, EdgeHello, Found, FoundCamera, Reported, TierReport,
        TierState,
    },
};
use tempfile::TempDir;

use super::*;
use crate::{CameraStatus, Fleet, IssuedDevice, handle::Home, issue_device};

const HERE: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 14433);

/// A fleet over a real store; links are made of channels.
struct Bench {
    fleet: Fleet,
    store: Store,
    links: mpsc::Sender<FromLink>,
    denied: Arc<Mutex<Vec<(DeviceId, bool)>>>,
    tenant: TenantId,
    site: SiteId,
    issued: IssuedDevice,
    scope: TaskScope,
    _dir: TempDir,
}

async fn bench() -> Bench {
    let dir = tempfile::tempdir().unwrap();
    let (clock, scope) = (Clock::system(), TaskScope::new());
    let store = Store::open(&dir.path().join("hub.db"), clock).unwrap();
    let tenant = store.create_tenant("ours".into()).await.unwrap().id;
    let site = store.create_site(tenant, "dock".into()).await.unwrap().id;
    let authority = Authority::create(UnixMillis(clock.unix_millis())).unwrap();
    let issued = issue_device(&store, &authority, clock, (tenant, site), "box".into()).await.unwrap();
    let denied = Arc::new(Mutex::new(Vec::new()));
    let told = Arc::clone(&denied);
    let gate: Gate = Box::new(move |device, no| told.lock().unwrap().push((device, no)));
    let node = DesiredNode { node_id: NodeId::from_uuid(uuid_v7(&clock)), address: HERE };
    let home = Home { node, seal_key: [5; 32], gate };
    let (fleet, links) = Fleet::start(&scope, clock, store.clone(), home, FleetMetrics::default());
    Bench { fleet, store, links, denied, tenant, site, issued, scope, _dir: dir }
}

impl Bench {
    async fn add_camera(&self) -> CameraId {
        let id = CameraId::from_uuid(uuid_v7(&Clock::system()));
        let new = NewCamera {
            id,
            site: self.site,
            via: Via::Device(self.issued.device),
            name: "gate".into(),
            tiers: vec![CameraTier {
                tier: Tier::Sub,
                url: "rtsp://10.0.0.2/sub".into(),
                profile: String::new(),
            }],
            username: None,
            sealed_password: None,
            sealed_as: String::new(),
            onvif: None,
            warm: Some(Warm::Sub),
            linger: DEFAULT_LINGER,
        };
        self.store.create_camera(self.tenant, new).await.unwrap();
        self.fleet.changed(self.issued.device);
        id
    }

    async fn say(&self, link: u64, what: Happened) {
        self.links.send(FromLink { link: LinkId(link), device: self.issued.device, what }).await.unwrap();
    }

    async fn dial(&self, link: u64) -> mpsc::Receiver<Order> {
        let (orders, inbox) = mpsc::channel(crate::link::ORDERS);
        let seal_public_key = vec![9; 32];
        let hello = EdgeHello {
            device_id: self.issued.device,
            version: "0.1.0".into(),
            capability: 1,
            seal_public_key,
        };
        self.say(link, Happened::Up { hello, remote: HERE, orders }).await;
        inbox
    }

    async fn report(&self, link: u64, generation: u64, camera_id: CameraId, state: TierState) {
        let tiers = vec![TierReport::new(Tier::Sub, state, UnixMillis(1))];
        let cameras = vec![CameraReport::new(camera_id, tiers)];
        let reported = Reported { generation, cameras, health: Vec::new() };
        self.say(link, Happened::Said(ToHub::Reported(reported))).await;
    }

    /// Waits for the camera to stand so; events wake it.
    async fn eventually(&self, camera: CameraId, status: CameraStatus) {
        let mut events = self.fleet.events();
        let stands = || self.fleet.camera_state(camera).is_some_and(|state| state.status == status);
        let wait = async {
            while !stands() {
                let _ = events.recv().await;
            }
        };
        let seen = tokio::time::timeout(PATIENCE, wait).await;
        assert!(seen.is_ok(), "{status:?} did not come: {:?}", self.fleet.camera_state(camera));
    }
}

async fn desired(orders: &mut mpsc::Receiver<Order>, cameras: usize) -> u64 {
    loop {
        let order = tokio::time::timeout(PATIENCE, orders.recv()).await.expect("an order in time");
        match order.expect("the link stays up") {
            Order::Send(ToEdge::Desired(desired)) if desired.cameras.len() == cameras => {
                return desired.generation;
            }
            Order::Send(_) => {}
            Order::Close(code, text) => panic!("closed: {code} {text}"),
        }
    }
}

const PATIENCE: Duration = Duration::from_secs(10);

#[tokio::test]
async fn a_camera_goes_from_the_registry_to_its_device_and_its_state_comes_back() {
    let bench = bench().await;
    let mut orders = bench.dial(1).await;
    desired(&mut orders, 0).await;
    let camera = bench.add_camera().await;
    let generation = desired(&mut orders, 1).await;
    bench.eventually(camera, CameraStatus::Opening).await;
    bench.report(1, generation, camera, TierState::Warm).await;
    bench.eventually(camera, CameraStatus::Ready).await;
    let states = bench.fleet.device_states(bench.tenant);
    assert!(states[0].online && states[0].reported_generation == generation);
    assert_eq!(bench.fleet.camera_states(bench.tenant).len(), 1);
    assert_eq!(bench.fleet.assignments().borrow()[0].camera, camera);

    bench.fleet.request_key_frame(camera, Tier::Sub);
    let order = tokio::time::timeout(PATIENCE, orders.recv()).await.unwrap();
    assert_eq!(order, Some(Order::Send(ToEdge::Keyframe { camera, tier: Tier::Sub })));

    bench.say(1, Happened::Down).await;
    bench.eventually(camera, CameraStatus::Offline).await;
    let mut orders = bench.dial(2).await;
    desired(&mut orders, 1).await;
    bench.report(2, generation, camera, TierState::Warm).await;
    bench.eventually(camera, CameraStatus::Ready).await;
    assert!(bench.scope.close(PATIENCE).await);
}

#[tokio::test]
async fn a_device_tells_the_key_that_passwords_are_sealed_to() {
    let bench = bench().await;
    let device = bench.issued.device;
    let mut orders = bench.dial(1).await;
    let mut events = bench.fleet.events();
    desired(&mut orders, 0).await;
    let told = async {
        while bench.fleet.device_seal_key(device) != Some(vec![9; 32]) {
            let _ = events.recv().await;
        }
    };
    tokio::time::timeout(PATIENCE, told).await.expect("the key of the hello is kept");
    let row = bench.store.device_by_id(device).await.unwrap().unwrap();
    assert_eq!((row.version.as_deref(), row.seal_public_key), (Some("0.1.0"), Some(vec![9; 32])));
}

#[tokio::test]
async fn a_revoked_device_is_shut_out_at_once() {
    let bench = bench().await;
    let camera = bench.add_camera().await;
    let mut orders = bench.dial(1).await;
    desired(&mut orders, 1).await;
    bench.store.revoke_device(bench.tenant, bench.issued.device).await.unwrap();
    bench.fleet.changed(bench.issued.device);
    let closed =
        async { while !matches!(orders.recv().await, Some(Order::Close(CloseCode::Denied, _)) | None) {} };
    tokio::time::timeout(PATIENCE, closed).await.expect("the link is closed");
    bench.eventually(camera, CameraStatus::Offline).await;
    assert_eq!(*bench.denied.lock().unwrap(), [(bench.issued.device, true)]);
}

#[tokio::test]
async fn a_link_that_takes_no_orders_is_let_go() {
    let bench = bench().await;
    let camera = bench.add_camera().await;
    let orders = bench.dial(1).await;
    bench.eventually(camera, CameraStatus::Opening).await;
    for _ in 0..2 * crate::link::ORDERS {
        bench.fleet.request_key_frame(camera, Tier::Sub);
    }
    let let_go = async {
        while !orders.is_closed() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, let_go).await.expect("the fleet drops its end");
}

#[tokio::test]
async fn who_listens_too_slowly_is_told_so() {
    let bench = bench().await;
    let camera = bench.add_camera().await;
    let mut slow = bench.fleet.events();
    let mut orders = bench.dial(1).await;
    let generation = desired(&mut orders, 1).await;
    for round in 0..1_100 {
        let state = if round % 2 == 0 { TierState::Warm } else { TierState::Off };
        bench.report(1, generation, camera, state).await;
    }
    bench.report(1, generation, camera, TierState::Opening).await;
    bench.eventually(camera, CameraStatus::Opening).await;
    let lagged = loop {
        match slow.recv().await {
            Err(broadcast::error::RecvError::Lagged(missed)) => break missed,
            Ok(_) => {}
            Err(broadcast::error::RecvError::Closed) => panic!("the fleet ended"),
        }
    };
    assert!(lagged > 0);
}

#[tokio::test]
async fn an_issued_device_is_registered_and_can_open_what_is_sealed_to_it() {
    let bench = bench().await;
    let row = bench.store.device_by_id(bench.issued.device).await.unwrap().unwrap();
    assert_eq!((row.name.as_str(), row.tenant), ("box", bench.tenant));
    assert_eq!(bench.issued.identity.device_id(), Some(bench.issued.device));
    let sealed = sluice_trust::seal::seal(&row.seal_public_key.unwrap(), b"cam", b"hunter2").unwrap();
    let key = sluice_trust::seal::Keypair::from_text(&bench.issued.seal_key).unwrap();
    assert_eq!(key.open(b"cam", &sealed).unwrap(), b"hunter2");
    assert!(!format!("{:?}", bench.issued).contains(&bench.issued.seal_key));
}

async fn ordered(orders: &mut mpsc::Receiver<Order>) -> u64 {
    loop {
        let order = tokio::time::timeout(PATIENCE, orders.recv()).await.expect("an order in time");
        if let Some(Order::Send(ToEdge::Order(order))) = order {
            return order.number;
        }
    }
}

#[tokio::test]
async fn an_order_reaches_its_device_and_the_outcome_comes_back() {
    let bench = bench().await;
    let search = || Action::Search { ranges: Vec::new(), addresses: Vec::new() };
    let order = || bench.fleet.order(bench.issued.device, search(), PATIENCE);
    assert_eq!(order().await, Err(OrderError::Offline));
    let mut orders = bench.dial(1).await;
    desired(&mut orders, 0).await;
    let obeyed = async {
        let number = ordered(&mut orders).await;
        let answer = Answer { number, outcome: Outcome::Done };
        bench.say(1, Happened::Said(ToHub::Answer(answer))).await;
    };
    assert_eq!(tokio::join!(order(), obeyed).0, Ok(Outcome::Done));
    let hung_up = async {
        ordered(&mut orders).await;
        bench.say(1, Happened::Down).await;
    };
    assert_eq!(tokio::join!(order(), hung_up).0, Err(OrderError::Lost));
}

#[tokio::test]
async fn what_a_device_found_is_seen_until_it_leaves_the_registry() {
    let bench = bench().await;
    let device = bench.issued.device;
    let mut orders = bench.dial(1).await;
    desired(&mut orders, 0).await;
    let mut events = bench.fleet.events();
    let camera = FoundCamera { key: "a".into(), ..FoundCamera::default() };
    let found = Found { cameras: vec![camera], ..Found::default() };
    bench.say(1, Happened::Said(ToHub::Found(found))).await;
    let seen = bench.fleet.until_found(device, |found| found.camera("a", 0).cloned());
    assert!(tokio::time::timeout(PATIENCE, seen).await.expect("it is shown").is_some());
    assert_eq!(bench.fleet.found(bench.tenant).len(), 1);
    let told = async { while !matches!(events.recv().await, Ok(FleetEvent::Found(_))) {} };
    tokio::time::timeout(PATIENCE, told).await.expect("it is told");
    bench.store.delete_device(bench.tenant, device).await.unwrap();
    bench.fleet.changed(device);
    let gone = async { while !matches!(events.recv().await, Ok(FleetEvent::DeviceGone(_))) {} };
    tokio::time::timeout(PATIENCE, gone).await.expect("the device goes");
    assert!(bench.fleet.found_by(device).is_none());
}

#[tokio::test]
async fn a_schedule_reaches_the_device_as_the_policy_at_work_with_a_generation_of_its_own() {
    let bench = bench().await;
    let mut orders = bench.dial(1).await;
    let camera = bench.add_camera().await;
    let before = desired(&mut orders, 1).await;
    let change = CameraChange { warm: Some(None), ..CameraChange::default() };
    bench.store.update_camera(bench.tenant, camera, change).await.unwrap();
    let always =
        r#"[{"days":["mon","tue","wed","thu","fri","sat","sun"],"from":"00:00","to":"00:00","warm":"none"}]"#;
    let set = async |text: &str| {
        let schedule = text.parse::<WarmSchedule>().unwrap();
        let change = SiteChange { warm_schedule: Some(schedule), ..SiteChange::default() };
        bench.store.change_site(bench.tenant, bench.site, change).await.unwrap();
        bench.fleet.changed_all();
    };
    set(always).await;
    let generation = warm_of(&mut orders, control::Warm::None).await;
    assert!(generation > before);
    set("[]").await;
    assert_eq!(warm_of(&mut orders, control::Warm::Sub).await, generation + 1);
    assert!(bench.scope.close(PATIENCE).await);
}

/// Waits until the device is told this of its first camera; the generation of that.
async fn warm_of(orders: &mut mpsc::Receiver<Order>, warm: control::Warm) -> u64 {
    loop {
        let order = tokio::time::timeout(PATIENCE, orders.recv()).await.expect("an order in time");
        if let Some(Order::Send(ToEdge::Desired(desired))) = order
            && desired.cameras[0].warm == warm
        {
            return desired.generation;
        }
    }
}
