//! The ONVIF side, asked by a client that nobody here wrote: oxvif.

mod discovery;
mod quirks;

use std::{net::SocketAddr, sync::Arc, time::Duration};

use oxvif::{OnvifClient, OnvifError, OnvifSession, transport::HttpTransport};
use sluice_camsim::{
    AudioCodec, Auth, Camera, CameraEvent, CamsimConfig, OnvifAuth, OnvifConfig, Tier, TierConfig,
};

use crate::support::{Client, camsim, config, eventually, is_key};

/// A free port of this machine, shared by all cameras, and no discovery.
fn onvif() -> OnvifConfig {
    OnvifConfig { listen: SocketAddr::from(([127, 0, 0, 1], 0)), own_addresses: false, discovery: None }
}

fn device() -> CamsimConfig {
    let main = Some(TierConfig::sized(1280, 720));
    let sub = Some(TierConfig::sized(640, 360));
    CamsimConfig { onvif: Some(onvif()), auth: Auth::Digest, main, sub, ..config() }
}

async fn session_as(camera: &Camera, password: &str) -> Result<OnvifSession, OnvifError> {
    // oxvif brings a second provider of cryptography.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let url = camera.onvif_url().unwrap();
    OnvifSession::builder(url).with_credentials("admin", password).with_clock_sync().build().await
}

async fn session(camera: &Camera) -> OnvifSession {
    session_as(camera, "camera").await.unwrap()
}

/// The codec that a tier's SDP tells.
async fn described(camera: &Camera, tier: Tier) -> String {
    let url = camera.url(tier);
    let addr = url.trim_start_matches("rtsp://").split('/').next().unwrap().to_owned();
    Client::to(addr, url).await.ask("DESCRIBE", "").await.1
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recorder_is_one_device_with_a_video_source_for_each_camera() {
    let camsim =
        camsim(CamsimConfig { cameras: 4, channels: 3, max_sessions: Some(2), auth: Auth::None, ..device() })
            .await;
    let (first, last) = (camsim.camera(1), camsim.camera(3));
    assert_eq!(
        (first.endpoint(), first.mac(), first.onvif_url()),
        (last.endpoint(), last.mac(), last.onvif_url())
    );
    assert_ne!(camsim.camera(4).mac(), first.mac(), "the fourth is of another recorder");
    let session = session(&first).await;
    let profiles = session.get_profiles_media2().await.unwrap();
    let sources: Vec<_> =
        profiles.iter().map(|profile| profile.video_source_token.clone().unwrap()).collect();
    assert_eq!(sources, ["sensor_1", "sensor_1", "sensor_2", "sensor_2", "sensor_3", "sensor_3"]);
    assert_eq!(session.get_video_sources().await.unwrap().len(), 3);
    let uri = session.get_stream_uri_media2("profile_3_sub").await.unwrap();
    assert_eq!(uri, last.url(Tier::Sub));
    session.set_synchronization_point_media2("profile_3_sub").await.unwrap();
    assert_eq!((first.counts().sync_points, last.counts().sync_points), (0, 1));
    // All of it serves as many sessions as one camera would.
    let mut held = Vec::new();
    for (camera, wanted) in [(&first, true), (&last, true), (&first, false)] {
        let url = camera.url(Tier::Sub);
        let addr = url.trim_start_matches("rtsp://").split('/').next().unwrap().to_owned();
        let mut client = Client::to(addr, url).await;
        let set_up = client.ask("SETUP", "Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\n").await.0 == 200;
        assert_eq!(set_up, wanted);
        held.push(client);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_tells_who_it_is_and_where_its_streams_are() {
    let camsim = camsim(CamsimConfig { audio: Some(AudioCodec::Aac), ..device() }).await;
    let camera = camsim.camera(1);
    let session = session(&camera).await;
    let info = session.get_device_info().await.unwrap();
    assert_eq!((info.manufacturer.as_str(), info.model.as_str()), ("Sluice", "Virtual camera"));
    assert!(info.serial_number.starts_with("CS"));
    let interfaces = session.get_network_interfaces().await.unwrap();
    assert_eq!(interfaces[0].hw_address, camera.mac());
    assert_eq!(session.get_hostname().await.unwrap().name.as_deref(), Some("camera-1"));
    assert!(session.get_scopes().await.unwrap().iter().any(|scope| scope.ends_with("name/Camera%201")));
    let profiles = session.get_profiles().await.unwrap();
    let tokens: Vec<&str> = profiles.iter().map(|profile| profile.token.as_str()).collect();
    assert_eq!(tokens, ["profile_main", "profile_sub"]);
    assert!(profiles.iter().all(|profile| {
        profile.video_encoder_token.is_some()
            && profile.audio_encoder_token.is_some()
            && profile.ptz_config_token.is_some()
    }));
    let newer = session.get_profiles_media2().await.unwrap();
    assert_eq!(newer.iter().map(|profile| profile.token.as_str()).collect::<Vec<_>>(), tokens);
    assert!(newer[0].video_encoder_token.is_some() && newer[0].ptz_config_token.is_some());
    for (profile, tier) in [("profile_main", Tier::Main), ("profile_sub", Tier::Sub)] {
        assert_eq!(session.get_stream_uri(profile).await.unwrap().uri, camera.url(tier));
        assert_eq!(session.get_stream_uri_media2(profile).await.unwrap(), camera.url(tier));
    }
    let encoders = session.get_video_encoder_configurations_media2().await.unwrap();
    assert_eq!((encoders[0].resolution.width, encoders[0].gov_length), (1280, Some(25)));
    assert!(session.get_stream_uri("profile_third").await.is_err());
    assert!(camera.counts().onvif_requests > 10);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_opens_neither_door_and_is_counted() {
    let camsim = camsim(device()).await;
    let camera = camsim.camera(1);
    // Capabilities are for everybody.
    let stranger = session_as(&camera, "guess").await.unwrap();
    assert!(stranger.get_profiles().await.is_err());
    assert_eq!(camera.counts().auth_failures, 1);
    let url = camera.onvif_url().unwrap();
    let digest = |password: &str| {
        let transport = HttpTransport::new().with_credentials("admin", password);
        OnvifClient::new(&url).with_transport(Arc::new(transport))
    };
    assert!(digest("guess").get_device_info().await.is_err());
    assert!(digest("camera").get_device_info().await.is_ok(), "HTTP Digest");
    assert!(OnvifClient::new(&url).get_device_info().await.is_err(), "nobody");
    assert!(OnvifClient::new(&url).get_system_date_and_time().await.is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_may_insist_on_one_kind_of_proof() {
    for (onvif_auth, digest_opens) in [(OnvifAuth::WsSecurity, false), (OnvifAuth::Digest, true)] {
        let camsim = camsim(CamsimConfig { onvif_auth, ..device() }).await;
        let camera = camsim.camera(1);
        // It sends a token, and answers the challenge of HTTP Digest when that comes.
        assert!(session(&camera).await.get_profiles().await.is_ok());
        let transport = Arc::new(HttpTransport::new().with_credentials("admin", "camera"));
        let client = OnvifClient::new(camera.onvif_url().unwrap()).with_transport(transport);
        assert_eq!(client.get_device_info().await.is_ok(), digest_opens);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_snapshot_is_a_jpeg_behind_the_same_account() {
    let camsim = camsim(device()).await;
    let camera = camsim.camera(1);
    let uri = session(&camera).await.get_snapshot_uri("profile_sub").await.unwrap().uri;
    let refused = reqwest::get(&uri).await.unwrap();
    assert_eq!(refused.status(), 401);
    assert!(refused.headers()["www-authenticate"].to_str().unwrap().starts_with("Digest "));
    let open = crate::support::camsim(CamsimConfig { auth: Auth::None, ..device() }).await;
    let uri = session(&open.camera(1)).await.get_snapshot_uri_media2("profile_sub").await.unwrap();
    let picture = reqwest::get(&uri).await.unwrap().bytes().await.unwrap();
    assert!(picture.starts_with(&[0xFF, 0xD8]) && picture.ends_with(&[0xFF, 0xD9]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sync_point_of_either_service_brings_a_key_frame() {
    let gop = Duration::from_secs(3_600);
    let camsim = camsim(CamsimConfig { auth: Auth::None, gop, ..device() }).await;
    let camera = camsim.camera(1);
    let session = session(&camera).await;
    let mut client = Client::connect(&camsim).await;
    client.play().await;
    assert!(is_key(&client.picture().await), "the first");
    for newer in [true, false] {
        if newer {
            session.set_synchronization_point_media2("profile_sub").await.unwrap();
        } else {
            session.media_set_synchronization_point("profile_sub").await.unwrap();
        }
        let mut waited = 0;
        while !is_key(&client.picture().await) {
            waited += 1;
        }
        assert!(waited < 25, "{waited} pictures");
    }
    assert_eq!(camera.counts().sync_points, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_encoder_is_set_and_really_changes() {
    let camsim = camsim(CamsimConfig { auth: Auth::None, ..device() }).await;
    let camera = camsim.camera(1);
    let session = session(&camera).await;
    let mut client = Client::connect(&camsim).await;
    client.play().await;
    let mut encoder = session.get_video_encoder_configuration_media2("encoder_sub").await.unwrap();
    encoder.gov_length = Some(5);
    session.set_video_encoder_configuration_media2(&encoder).await.unwrap();
    let mut keys = Vec::new();
    for place in 0..40 {
        if is_key(&client.picture().await) {
            keys.push(place);
        }
    }
    let last = keys.len() - 1;
    assert_eq!(keys[last] - keys[last - 1], 5, "the running session follows: {keys:?}");
    encoder.encoding = oxvif::VideoEncoding::H265;
    encoder.gov_length = Some(30);
    encoder.profile = Some("Main".to_owned());
    session.set_video_encoder_configuration_media2(&encoder).await.unwrap();
    while client.packet().await.is_some() {}
    assert!(described(&camera, Tier::Sub).await.contains("H265/90000"));
    let mut older = session.get_video_encoder_configuration("encoder_sub").await.unwrap();
    older.encoding = oxvif::VideoEncoding::H264;
    older.h265 = None;
    older.rate_control.as_mut().unwrap().bitrate_limit = 777;
    session.set_video_encoder_configuration(&older).await.unwrap();
    let description = described(&camera, Tier::Sub).await;
    assert!(description.contains("H264/90000") && description.contains("b=AS:777"), "{description}");
    encoder.resolution.width = 639;
    assert!(session.set_video_encoder_configuration_media2(&encoder).await.is_err());
    let options = session.get_video_encoder_configuration_options_media2("encoder_sub").await.unwrap();
    assert_eq!(options.options.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_head_moves_stops_and_keeps_presets() {
    let camsim = camsim(device()).await;
    let camera = camsim.camera(1);
    let session = session(&camera).await;
    let profile = "profile_main";
    session.ptz_continuous_move(profile, -1.0, 0.0, 0.5).await.unwrap();
    eventually("it moves", || async {
        let at = camera.status().ptz;
        at.pan < -0.05 && at.zoom > 0.0 && at.pan_tilt_moving && at.zoom_moving
    })
    .await;
    session.ptz_stop(profile).await.unwrap();
    let status = session.ptz_get_status(profile).await.unwrap();
    assert_eq!((status.pan_tilt_status.as_str(), status.zoom_status.as_str()), ("IDLE", "IDLE"));
    assert!(f64::from(status.pan.unwrap()) < 0.0 && !camera.status().ptz.pan_tilt_moving);
    let token = session.ptz_set_preset(profile, Some("Gate"), None).await.unwrap();
    session.ptz_absolute_move(profile, 0.1, 0.1, 0.0).await.unwrap();
    eventually("it arrives", || async {
        let at = camera.status().ptz;
        !at.pan_tilt_moving && !at.zoom_moving && (at.pan - 0.1).abs() < 1e-6
    })
    .await;
    session.ptz_relative_move(profile, 0.1, 0.0, 0.0).await.unwrap();
    eventually("it steps", || async { (camera.status().ptz.pan - 0.2).abs() < 1e-6 }).await;
    session.ptz_goto_preset(profile, &token).await.unwrap();
    let kept = f64::from(status.pan.unwrap());
    eventually("it returns", || async { (camera.status().ptz.pan - kept).abs() < 1e-3 }).await;
    let presets = session.ptz_get_presets(profile).await.unwrap();
    assert_eq!((presets.len(), presets[0].name.as_str()), (1, "Gate"));
    session.ptz_remove_preset(profile, &token).await.unwrap();
    assert!(session.ptz_goto_preset(profile, &token).await.is_err());
    assert!(!session.ptz_get_nodes().await.unwrap().is_empty());
    assert!(!session.ptz_get_configurations().await.unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn events_are_pulled_until_the_subscription_ends() {
    let camsim = camsim(device()).await;
    let camera = camsim.camera(1);
    let session = session(&camera).await;
    let subscription = session.create_pull_point_subscription(None, Some("PT30S")).await.unwrap();
    let url = &subscription.reference_url;
    let first = session.pull_messages(url, "PT5S", 10).await.unwrap();
    assert!(first.len() == 3 && first.iter().all(|message| message.property_operation == "Initialized"));
    let (pulled, ()) = tokio::join!(session.pull_messages(url, "PT20S", 10), async {
        camera.notice(CameraEvent::Motion(true));
    });
    let pulled = pulled.unwrap();
    assert_eq!(pulled.len(), 1);
    assert!(pulled[0].topic.ends_with("VideoSource/MotionAlarm"), "{}", pulled[0].topic);
    assert_eq!(pulled[0].data.get("State").map(String::as_str), Some("true"));
    assert!(session.pull_messages(url, "PT0S", 10).await.unwrap().is_empty());
    session.renew_subscription(url, "PT60S").await.unwrap();
    session.unsubscribe(url).await.unwrap();
    assert!(session.pull_messages(url, "PT0S", 10).await.is_err());
    assert!(!session.get_event_properties().await.unwrap().topics.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn hostile_requests_are_refused_and_the_device_goes_on() {
    let camsim = camsim(device()).await;
    let camera = camsim.camera(1);
    let url = camera.onvif_url().unwrap();
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = reqwest::Client::new();
    let bomb = "<!DOCTYPE a [<!ENTITY b \"b\">]><Envelope><Body><Get>&b;</Get></Body></Envelope>".to_owned();
    for (body, wanted) in [
        (String::new(), 401),
        ("<a>".repeat(40_000), 400),
        ("x".repeat(200_000), 413),
        ("\u{0}\u{1}".to_owned(), 400),
        (bomb, 401),
    ] {
        let answer = client.post(&url).body(body).send().await.unwrap();
        assert_eq!(answer.status(), wanted);
    }
    assert_eq!(client.get(url.replace("/1/", "/7/")).send().await.unwrap().status(), 404);
    session(&camera).await.get_device_info().await.unwrap();
}
