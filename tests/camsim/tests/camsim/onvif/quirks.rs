//! Each quirk as a client meets it.

use std::time::Duration;

use oxvif::OnvifSession;
use sluice_camsim::{Auth, Camsim, CamsimConfig, Quirk, Tier};
use sluice_runtime::Clock;

use super::{described, device, session};
use crate::support::{Client, Rtp, camsim, eventually, is_key};

async fn odd(name: &str) -> Camsim {
    let quirk = Quirk::known(name).expect(name).unwrap();
    camsim(quirk.apply(CamsimConfig { auth: Auth::None, main: None, ..device() }).unwrap()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn addresses_are_wrong_where_the_quirk_says_so() {
    let camsim = odd("wrong-xaddr").await;
    let camera = camsim.camera(1);
    let told = session(&camera).await;
    let media = told.capabilities().media.url.clone().unwrap();
    assert!(media.starts_with("http://192.0.2.88:8080/onvif/1/"), "{media}");
    let camsim = odd("nat-stream-uri").await;
    let session = session(&camsim.camera(1)).await;
    let uri = session.get_stream_uri("profile_sub").await.unwrap().uri;
    assert_eq!(uri, "rtsp://192.0.2.10:554/cam/1/sub");
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_are_spelt_as_the_quirk_says() {
    for name in ["namespaces-renamed", "namespaces-undeclared"] {
        let camsim = odd(name).await;
        let session = session(&camsim.camera(1)).await;
        assert_eq!(session.get_profiles().await.unwrap().len(), 1, "{name}");
        let subscription = session.create_pull_point_subscription(None, None).await.unwrap();
        assert!(subscription.reference_url.contains("/subscription/"), "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_media2_media1_tells_the_same() {
    let camsim = odd("media2-missing").await;
    let camera = camsim.camera(1);
    let session = session(&camera).await;
    assert!(session.get_services().await.is_err());
    assert!(session.get_profiles_media2().await.is_err());
    assert_eq!(session.get_stream_uri("profile_sub").await.unwrap().uri, camera.url(Tier::Sub));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_a_day_off_refuses_tokens_that_are_not_made_on_it() {
    let quirk = Quirk::known("clock-a-day-off").unwrap().unwrap();
    let camsim = camsim(quirk.apply(device()).unwrap()).await;
    let camera = camsim.camera(1);
    assert!(session(&camera).await.get_profiles().await.is_ok(), "on its clock");
    let url = camera.onvif_url().unwrap();
    let naive = OnvifSession::builder(url).with_credentials("admin", "camera").build().await.unwrap();
    assert!(naive.get_profiles().await.is_err(), "on the right one");
    let told = naive.get_system_date_and_time().await.unwrap().utc_unix.unwrap();
    let off = Clock::system().unix_millis() / 1_000 - told;
    assert!((86_390..86_410).contains(&off), "{off} s");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_third_session_is_refused() {
    let camsim = odd("two-sessions").await;
    let mut clients = Vec::new();
    for wanted in [200, 200, 453] {
        let mut client = Client::connect(&camsim).await;
        let setup = "Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\n";
        assert_eq!(client.ask("SETUP", setup).await.0, wanted);
        clients.push(client);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_was_not_torn_down_keeps_its_place_until_it_times_out() {
    let quirk = Quirk::known("sessions-linger").unwrap().unwrap();
    let session_timeout = Duration::from_secs(2);
    let base = CamsimConfig { auth: Auth::None, main: None, session_timeout, ..device() };
    let camsim = camsim(quirk.apply(base).unwrap()).await;
    let setup = "Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\n";
    for _ in 0..2 {
        Client::connect(&camsim).await.set_up(setup).await;
    }
    let mut third = Client::connect(&camsim).await;
    assert_eq!(third.ask("SETUP", setup).await.0, 453, "both connections have ended");
    let camera = camsim.camera(1);
    eventually("the places are free", || async { camera.counts().sessions_open == 0 }).await;
    let mut polite = Client::connect(&camsim).await;
    polite.set_up(setup).await;
    assert_eq!(polite.ask("TEARDOWN", "").await.0, 200);
    assert_eq!(camera.counts().sessions_open, 0, "at once");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_frame_comes_when_asked_for() {
    let camsim = odd("key-frame-on-request").await;
    let session = session(&camsim.camera(1)).await;
    let mut client = Client::connect(&camsim).await;
    client.play().await;
    assert!(!is_key(&client.picture().await));
    session.set_synchronization_point_media2("profile_sub").await.unwrap();
    let mut waited = 0;
    while !is_key(&client.picture().await) {
        waited += 1;
    }
    assert!(waited < 25, "{waited} pictures");
}

#[tokio::test(flavor = "multi_thread")]
async fn descriptions_lack_what_the_quirk_says() {
    let camsim = odd("sdp-without-fmtp").await;
    assert!(!described(&camsim.camera(1), Tier::Sub).await.contains("fmtp"));
    let camsim = odd("parameter-sets-in-sdp-only").await;
    assert!(described(&camsim.camera(1), Tier::Sub).await.contains("sprop-parameter-sets="));
    let mut client = Client::connect(&camsim).await;
    client.play().await;
    let picture = client.picture().await;
    assert!(is_key(&picture) && picture.iter().all(|packet| packet.unit != 7));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_description_takes_its_time() {
    let quirk = Quirk::known("describe-slow").unwrap().unwrap();
    let slow = quirk.apply(device()).unwrap();
    assert_eq!(slow.describe_delay, Duration::from_secs(8));
    let short = Duration::from_millis(600);
    let camsim = camsim(CamsimConfig { describe_delay: short, auth: Auth::None, ..slow }).await;
    let began = Clock::system().now();
    assert!(described(&camsim.camera(1), Tier::Sub).await.contains("H264/90000"));
    assert!(Clock::system().now() - began >= short);
}

#[tokio::test(flavor = "multi_thread")]
async fn sources_and_times_change_again_and_again() {
    for name in ["ssrc-change", "timestamp-jumps"] {
        let quirk = Quirk::known(name).unwrap().unwrap();
        let mut config = quirk.apply(CamsimConfig { auth: Auth::None, main: None, ..device() }).unwrap();
        for (_, every) in &mut config.repeats {
            *every /= 20;
        }
        let camsim = camsim(config).await;
        let mut client = Client::connect(&camsim).await;
        client.play().await;
        let mut last = client.packet().await.unwrap();
        let mut changes = 0;
        for _ in 0..2_000 {
            let next = client.packet().await.unwrap();
            changes += usize::from(changed(&last, &next));
            last = next;
            if changes >= 3 {
                break;
            }
        }
        assert_eq!(changes, 3, "{name}");
    }
}

fn changed(last: &Rtp, next: &Rtp) -> bool {
    let step = next.timestamp.wrapping_sub(last.timestamp).cast_signed();
    next.ssrc != last.ssrc || !(0..90_000).contains(&step)
}
