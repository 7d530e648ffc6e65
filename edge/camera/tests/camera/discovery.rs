//! Finding cameras: virtual ones on addresses of their own, behind `127.0.0.0/8`.

use std::{collections::BTreeSet, net::SocketAddr, sync::Arc, time::Duration};

use sluice_camsim::{
    Camera, Camsim, CamsimConfig, Delivery, Discovery as Probes, Fault, OnvifConfig, TierConfig,
};
use sluice_edge_camera::{
    Networks,
    discovery::{Discovery, DiscoveryConfig, Offered, Registered},
};
use sluice_runtime::{Clock, TaskScope};
use sluice_telemetry::Metrics;
use sluice_wire::control::{Found, FoundCamera, FoundState, How};

use crate::{
    hostile::encrypted_camera,
    support::{account, camsim, config, connector_in},
};

const PATIENCE: Duration = Duration::from_secs(40);

/// Cameras with addresses of their own behind this one; every test takes another, so that they tell each other apart.
fn network(first: [u8; 4], cameras: usize) -> CamsimConfig {
    let onvif = OnvifConfig {
        listen: SocketAddr::from((first, 0)),
        own_addresses: true,
        discovery: Some(Probes::default()),
    };
    CamsimConfig {
        onvif: Some(onvif),
        cameras,
        delivery: Delivery::Replay,
        main: None,
        sub: Some(TierConfig::sized(320, 180).at_kbps(300)),
        name: format!("Hall of {}", first[1]),
        ..config()
    }
}

struct Search {
    discovery: Discovery,
    scope: TaskScope,
    metrics: Metrics,
    /// Whose cameras are looked at: all tests on this machine share one group.
    name: String,
}

impl Search {
    fn on_loopback(name: &str) -> Self {
        let config =
            DiscoveryConfig { interfaces: vec!["127.0.0.1".to_owned()], ..DiscoveryConfig::default() };
        Self::with(name, config)
    }

    fn with(name: &str, config: DiscoveryConfig) -> Self {
        let (scope, metrics, networks) = (TaskScope::new(), Metrics::default(), Networks::default());
        let asker = Arc::new(connector_in(networks.clone()));
        let discovery = Discovery::spawn(&scope, Clock::system(), (config, networks), asker, &metrics);
        Self { discovery, scope, metrics, name: name.to_owned() }
    }

    fn mine(&self, found: &Found) -> Vec<FoundCamera> {
        found.cameras.iter().filter(|camera| camera.name.starts_with(&self.name)).cloned().collect()
    }

    async fn until(&self, what: &str, fits: impl Fn(&[FoundCamera]) -> bool) -> Vec<FoundCamera> {
        let mut found = self.discovery.found();
        let waited = tokio::time::timeout(PATIENCE, found.wait_for(|found| fits(&self.mine(found)))).await;
        match waited {
            Ok(found) => self.mine(&found.unwrap()),
            Err(_) => {
                let last = self.mine(&self.discovery.found().borrow());
                panic!(
                    "{what}: {:?}",
                    last.iter().map(|camera| (camera.state, &camera.text)).collect::<Vec<_>>()
                )
            }
        }
    }
}

fn all_are(state: FoundState, count: usize) -> impl Fn(&[FoundCamera]) -> bool {
    move |cameras| cameras.len() == count && cameras.iter().all(|camera| camera.state == state)
}

fn offered(id: &str, password: &str) -> Offered {
    Offered { id: id.to_owned(), credentials: account(password) }
}

fn only(camsim: &Camsim) -> Camera {
    camsim.camera(1)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_cameras_are_found_opened_with_one_password_and_understood() {
    let camsim = camsim(network([127, 90, 0, 0], 100)).await;
    let search = Search::on_loopback("Hall of 90");
    let found = search.until("all ask for a password", all_are(FoundState::NeedsCredentials, 100)).await;
    let known: BTreeSet<String> = camsim.cameras().map(|camera| camera.endpoint()).collect();
    assert_eq!(found.iter().map(|camera| camera.key.clone()).collect::<BTreeSet<_>>(), known);
    let keys: Vec<String> = known.into_iter().collect();
    let tried = search
        .discovery
        .try_credentials(keys.clone(), vec![offered("first", "wrong"), offered("second", "camera")])
        .await;
    assert_eq!(tried.iter().map(|tried| tried.key.clone()).collect::<Vec<_>>(), keys, "in the order asked");
    assert!(tried.iter().all(|tried| tried.credential == "second"), "{tried:?}");
    let found = search.until("all are understood", all_are(FoundState::Understood, 100)).await;
    for camera in &found {
        assert_eq!((camera.tiers.len(), camera.credential.as_str()), (1, "second"));
        // A camera that has just started says hello by itself too.
        assert!(matches!(camera.how, How::Probe | How::Hello), "{:?}", camera.how);
        assert!(camera.tiers[0].url.starts_with("rtsp://127.90.0."), "{}", camera.tiers[0].url);
        assert!(!camera.hardware_address.is_empty() && camera.can.ptz);
    }
    assert!(camsim.cameras().all(|camera| camera.counts().auth_failures <= 2), "no camera is shown much");
    assert!(search.scope.close(Duration::from_secs(5)).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_is_shown_to_a_camera_twice_however_often_it_is_tried() {
    let camsim = camsim(network([127, 91, 0, 0], 1)).await;
    let search = Search::on_loopback("Hall of 91");
    let found = search.until("it is found", all_are(FoundState::NeedsCredentials, 1)).await;
    for _ in 0..4 {
        let keys = vec![found[0].key.clone()];
        let tried = search.discovery.try_credentials(keys, vec![offered("a", "wrong")]).await;
        assert!(tried[0].credential.is_empty() && tried[0].text.contains("refuses"), "{tried:?}");
    }
    let failures = only(&camsim).counts().auth_failures;
    assert!((1..=2).contains(&failures), "{failures}");
    search.until("it says so", all_are(FoundState::Refused, 1)).await;
    let nobody = search.discovery.try_credentials(vec!["nobody".to_owned()], vec![offered("a", "x")]).await;
    assert!(nobody[0].text.contains("no such camera"), "{nobody:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_camera_that_comes_is_heard_and_one_that_goes_is_silent() {
    let search = Search::on_loopback("Hall of 92");
    let camsim = camsim(network([127, 92, 0, 0], 1)).await;
    let found = search.until("it says hello", all_are(FoundState::NeedsCredentials, 1)).await;
    assert_eq!(found[0].key, only(&camsim).endpoint());
    only(&camsim).fault(Fault::Offline);
    search.until("it said bye and does not answer", all_are(FoundState::Silent, 1)).await;
    only(&camsim).fault(Fault::Restore);
    search.until("it is back", all_are(FoundState::NeedsCredentials, 1)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_camera_at_another_address_is_followed_with_its_password() {
    let first = camsim(network([127, 93, 0, 0], 1)).await;
    let search = Search::on_loopback("Hall of 93");
    let found = search.until("it is found", all_are(FoundState::NeedsCredentials, 1)).await;
    let key = found[0].key.clone();
    search.discovery.try_credentials(vec![key.clone()], vec![offered("a", "camera")]).await;
    let before = search.until("it is understood", all_are(FoundState::Understood, 1)).await;
    assert!(first.stop().await);
    let _second = camsim(CamsimConfig { name: "Hall of 93".to_owned(), ..network([127, 93, 1, 0], 1) }).await;
    let moved = |cameras: &[FoundCamera]| {
        cameras.len() == 1
            && cameras[0].state == FoundState::Understood
            && cameras[0].xaddr != before[0].xaddr
    };
    let after = search.until("it is followed", moved).await;
    assert_eq!(after[0].key, key);
    assert!(after[0].tiers[0].url.starts_with("rtsp://127.93.1.1"), "{}", after[0].tiers[0].url);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_range_is_searched_address_by_address_and_a_named_address_is_asked() {
    let camsim = camsim(network([127, 94, 0, 0], 3)).await;
    let silent = DiscoveryConfig { enabled: false, ..DiscoveryConfig::default() };
    let search = Search::with("Hall of 94", silent.clone());
    search.discovery.search(vec!["127.94.0.0/29".to_owned()], Vec::new()).await.unwrap();
    let found = search.until("all of the range", all_are(FoundState::NeedsCredentials, 3)).await;
    assert!(found.iter().all(|camera| camera.how == How::Scan));
    let named = Search::with("Hall of 94", silent);
    let address = camsim.camera(2).onvif_url().unwrap();
    named.discovery.search(Vec::new(), vec![address]).await.unwrap();
    let found = named.until("the named one", all_are(FoundState::NeedsCredentials, 1)).await;
    assert_eq!((found[0].key.clone(), found[0].how), (camsim.camera(2).endpoint(), How::Manual));
    for (ranges, addresses) in
        [(vec!["8.8.8.0/24"], vec![]), (vec![], vec!["ftp://x"]), (vec!["10.0.0.0/8"], vec![])]
    {
        let owned = |texts: Vec<&str>| texts.into_iter().map(str::to_owned).collect::<Vec<String>>();
        assert!(named.discovery.search(owned(ranges), owned(addresses)).await.is_err());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recorder_is_found_once_and_each_of_its_channels_is_a_camera() {
    let camsim = camsim(CamsimConfig { channels: 4, ..network([127, 96, 0, 0], 4) }).await;
    let search = Search::on_loopback("Hall of 96");
    let closed = search.until("one device asks", all_are(FoundState::NeedsCredentials, 1)).await;
    let key = closed[0].key.clone();
    assert_eq!(key, only(&camsim).endpoint());
    search.discovery.try_credentials(vec![key.clone()], vec![offered("a", "camera")]).await;
    let found = search.until("four cameras are understood", all_are(FoundState::Understood, 4)).await;
    for (place, camera) in found.iter().enumerate() {
        assert_eq!((camera.key.as_str(), camera.channel as usize), (key.as_str(), place));
        assert_eq!((&camera.xaddr, &camera.hardware_address), (&found[0].xaddr, &found[0].hardware_address));
        assert_eq!(camera.tiers[0].url, camsim.camera(place + 1).url(sluice_camsim::Tier::Sub));
        assert_eq!(camera.name, format!("Hall of 96 recorder 1 / {}", place + 1));
    }
    // Named by its address, and after it was away, it is the same four.
    let named = vec![only(&camsim).onvif_url().unwrap()];
    search.discovery.search(Vec::new(), named).await.unwrap();
    only(&camsim).fault(Fault::Offline);
    search.until("it is away", all_are(FoundState::Silent, 4)).await;
    only(&camsim).fault(Fault::Restore);
    let again = search.until("it is back", all_are(FoundState::Understood, 4)).await;
    assert!(again.iter().all(|camera| camera.key == key));
    assert_eq!(camsim.cameras().map(|camera| camera.counts().auth_failures).sum::<u64>(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_camera_of_the_registry_is_understood_after_a_restart_without_anybody() {
    let camsim = camsim(network([127, 97, 0, 0], 2)).await;
    let registered = |number: usize, password: &str, entered: u64| Registered {
        key: camsim.camera(number).endpoint(),
        xaddr: camsim.camera(number).onvif_url().unwrap().parse().unwrap(),
        credential: format!("of camera {number}"),
        credentials: account(password).unwrap(),
        entered,
    };
    let search = Search::on_loopback("Hall of 97");
    search.until("nobody knows them", all_are(FoundState::NeedsCredentials, 2)).await;
    search.discovery.know(vec![registered(1, "camera", 0), registered(2, "old", 0)]).await;
    let stands = |first: FoundState, second: FoundState| {
        move |cameras: &[FoundCamera]| {
            let of = |number: usize| {
                let end = format!(" {number}");
                cameras.iter().find(|camera| camera.name.ends_with(&end)).map(|camera| camera.state)
            };
            (of(1), of(2)) == (Some(first), Some(second))
        }
    };
    let told = search.until("one opens", stands(FoundState::Understood, FoundState::Refused)).await;
    assert!(told.iter().any(|camera| camera.credential == "of camera 1"), "{told:?}");
    for entered in 1..5 {
        search.discovery.know(vec![registered(1, "camera", 0), registered(2, "old", entered)]).await;
    }
    let counts = |number: usize| camsim.camera(number).counts().auth_failures;
    search.discovery.know(vec![registered(1, "camera", 0), registered(2, "camera", 5)]).await;
    search.until("so does the other", stands(FoundState::Understood, FoundState::Understood)).await;
    assert!(counts(1) == 0 && counts(2) <= 2, "{} and {}", counts(1), counts(2));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_found_camera_with_another_certificate_is_taken_when_a_password_is_tried_at_it() {
    let camsim = camsim(config()).await;
    let (before, renewed) = (encrypted_camera(&only(&camsim)), encrypted_camera(&only(&camsim)));
    let search = Search::with("", DiscoveryConfig { enabled: false, ..DiscoveryConfig::default() });
    let stands = async |place: &url::Url, state: FoundState| {
        let there = |cameras: &[FoundCamera]| {
            cameras.iter().any(|camera| camera.xaddr == place.as_str() && camera.state == state)
        };
        let all = search.until("it stands so", there).await;
        all.into_iter().find(|camera| camera.xaddr == place.as_str()).unwrap()
    };
    search.discovery.search(Vec::new(), vec![before.to_string()]).await.unwrap();
    stands(&before, FoundState::NeedsCredentials).await;
    search.discovery.search(Vec::new(), vec![renewed.to_string()]).await.unwrap();
    let shut = stands(&renewed, FoundState::Changed).await;
    assert!(shut.text.contains("enter its password again"), "{}", shut.text);
    let tried = search.discovery.try_credentials(vec![shut.key], vec![offered("a", "camera")]).await;
    assert_eq!((tried[0].credential.as_str(), tried[0].text.as_str()), ("a", ""));
    stands(&renewed, FoundState::Understood).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_noise_hides_no_camera_and_is_counted() {
    let camsim = camsim(network([127, 95, 0, 0], 1)).await;
    let search = Search::on_loopback("Hall of 95");
    let noise = tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
    noise.set_multicast_loop_v4(true).unwrap();
    let socket = socket2::SockRef::from(&noise);
    socket.set_multicast_if_v4(&std::net::Ipv4Addr::LOCALHOST).unwrap();
    for n in 0..2_000u32 {
        let hello = format!(
            "<e:Envelope><e:Body><d:Hello><a:EndpointReference><a:Address>urn:uuid:{n}</a:Address>\
             </a:EndpointReference><d:Types>dn:NetworkVideoTransmitter</d:Types>\
             <d:XAddrs>http://240.0.0.1/{n}</d:XAddrs></d:Hello></e:Body></e:Envelope>"
        );
        noise.send_to(hello.as_bytes(), "239.255.255.250:3702").await.unwrap();
    }
    let found =
        search.until("the camera is found all the same", all_are(FoundState::NeedsCredentials, 1)).await;
    assert_eq!(found[0].key, only(&camsim).endpoint());
    let all = search.discovery.found().borrow().cameras.len();
    assert!(all <= 2_000, "{all}");
    let shown = search.metrics.exposition();
    assert!(!shown.contains("sluice_discovery_flooded_total 0\n"), "{shown}");
}
