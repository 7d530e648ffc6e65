use std::time::Duration;

use sluice_camsim::{
    Auth, Camsim, CamsimConfig, Delivery, ParameterSets, Start, StartError, Tier, TierConfig,
};

use crate::support::{Client, PATIENCE, Received, camsim, config, eventually, is_key};

#[tokio::test(flavor = "multi_thread")]
async fn a_session_begins_with_a_key_frame_and_runs_without_a_gap() {
    let camsim = camsim(config()).await;
    let mut client = Client::connect(&camsim).await;
    client.play().await;
    let mut pictures = Vec::new();
    for _ in 0..60 {
        pictures.push(client.picture().await);
    }
    let units: Vec<u8> = pictures[0].iter().map(|packet| packet.unit).collect();
    assert_eq!(units[..3], [7, 8, 5], "parameter sets, then the IDR");
    let keys: Vec<usize> = (0..60).filter(|&index| is_key(&pictures[index])).collect();
    assert_eq!(keys, [0, 25, 50]);
    let packets: Vec<_> = pictures.iter().flatten().collect();
    assert!(packets.windows(2).all(|pair| pair[1].sequence == pair[0].sequence.wrapping_add(1)));
    for pair in pictures.windows(2) {
        let step = pair[1][0].timestamp.wrapping_sub(pair[0][0].timestamp);
        assert!(step > 0 && step % 3_600 == 0, "whole frames apart, but {step}");
    }
    let counts = camsim.camera(1).counts();
    assert_eq!((counts.sessions_open, counts.playing, counts.plays), (1, 1, 1));
    assert!(counts.frames >= 60 && counts.key_frames >= 3 && counts.bytes > 0);
    assert!(camsim.stop().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_session_gets_its_key_frame_at_once_in_a_long_gop() {
    let camsim = camsim(CamsimConfig { gop: Duration::from_secs(3_600), ..config() }).await;
    let mut first = Client::connect(&camsim).await;
    first.play().await;
    for _ in 0..5 {
        first.picture().await;
    }
    let mut second = Client::connect(&camsim).await;
    second.play().await;
    assert!(is_key(&second.picture().await));
    assert_eq!(camsim.camera(1).counts().sessions_open, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_promised_bitrate_is_met_live() {
    let sub = Some(TierConfig::sized(320, 180).at_kbps(800));
    let camsim = camsim(CamsimConfig { sub, gop: Duration::from_secs(2), ..config() }).await;
    let mut client = Client::connect(&camsim).await;
    client.play().await;
    let mut sizes = Vec::new();
    for _ in 0..50 {
        sizes.push(client.picture().await.iter().map(|packet| packet.size).sum::<usize>());
    }
    // Two seconds of pictures, however long a busy machine took for them.
    let kbps = sizes.iter().sum::<usize>() * 8 / 2_000;
    assert!((760..840).contains(&kbps), "{kbps} kbit/s");
    let other = sizes[1..].iter().sum::<usize>() / 49;
    assert!((5..=11).contains(&(sizes[0] / other)), "a key frame of {} among {other}", sizes[0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mid_gop_session_waits_for_the_key_frame_that_is_due() {
    for delivery in [Delivery::Live, Delivery::Replay] {
        let camsim = camsim(CamsimConfig { start: Start::MidGop, delivery, ..config() }).await;
        let mut client = Client::connect(&camsim).await;
        client.play().await;
        assert!(!is_key(&client.picture().await), "{delivery:?}");
        let mut waited = 1;
        while !is_key(&client.picture().await) {
            waited += 1;
        }
        assert!(waited <= 25, "{waited} pictures until the key frame");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn parameter_sets_are_told_where_they_are_configured() {
    for (told, in_sdp, in_band) in [
        (ParameterSets::Both, true, true),
        (ParameterSets::InBand, false, true),
        (ParameterSets::Sdp, true, false),
    ] {
        let camsim = camsim(CamsimConfig { parameter_sets: told, ..config() }).await;
        let mut client = Client::connect(&camsim).await;
        let (_, description) = client.ask("DESCRIBE", "").await;
        assert_eq!(description.contains("sprop-parameter-sets="), in_sdp, "{told:?}");
        client.play().await;
        let picture = client.picture().await;
        assert!(is_key(&picture));
        assert_eq!(picture.iter().any(|packet| packet.unit == 7), in_band, "{told:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_packet_is_announced_and_reports_come_with_it() {
    let camsim = camsim(config()).await;
    let mut client = Client::connect(&camsim).await;
    let (_, setup) = client.ask("SETUP", "Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\n").await;
    let session = setup.lines().find_map(|line| line.strip_prefix("Session: ")).unwrap();
    client.session = session.split(';').next().map(str::to_owned);
    let (_, play) = client.ask("PLAY", "").await;
    let number = |name: &str| -> u32 {
        let from = play.split(name).nth(1).unwrap();
        from.chars().take_while(char::is_ascii_digit).collect::<String>().parse().unwrap()
    };
    let Received::Packet { channel: 1, bytes } = client.receive().await else {
        panic!("a sender report comes first")
    };
    assert_eq!(bytes[1], 200);
    let first = client.packet().await.unwrap();
    assert_eq!((u32::from(first.sequence), first.timestamp), (number("seq="), number("rtptime=")));
    assert_eq!(bytes[16..20], first.timestamp.to_be_bytes());
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_watching_costs_nothing() {
    let camsim = camsim(config()).await;
    assert_eq!(camsim.camera(1).counts().encoded, 0);
    let mut client = Client::connect(&camsim).await;
    client.play().await;
    client.picture().await;
    assert_eq!(client.ask("TEARDOWN", "").await.0, 200);
    let camera = camsim.camera(1);
    eventually("the session ends", || async {
        camera.counts().playing == 0 && camera.counts().sessions_open == 0
    })
    .await;
    let mut before = u64::MAX;
    eventually("the encoder rests", || {
        let now = camera.counts().encoded;
        let rests = std::mem::replace(&mut before, now) == now;
        async move { rests }
    })
    .await;
    client.play().await;
    assert!(is_key(&client.picture().await), "and wakes for the next session");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silent_client_loses_its_session() {
    let camsim = camsim(CamsimConfig { session_timeout: Duration::from_secs(1), ..config() }).await;
    let mut client = Client::connect(&camsim).await;
    client.play().await;
    while client.packet().await.is_some() {}
    // The peer sees its end before the camera has counted it.
    let camera = camsim.camera(1);
    eventually("the session is counted as ended", || async { camera.counts().sessions_open == 0 }).await;
    assert_eq!(camera.counts().timeouts, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_speaks_keeps_its_session() {
    let camsim = camsim(CamsimConfig { session_timeout: Duration::from_secs(1), ..config() }).await;
    let mut client = Client::connect(&camsim).await;
    client.play().await;
    for round in 0..75 {
        client.picture().await;
        if round % 10 == 0 {
            // An empty receiver report, then a request.
            client.send(&[b'$', 1, 0, 8, 0x80, 201, 0, 1, 0, 0, 0, 9]).await;
            assert_eq!(client.ask("GET_PARAMETER", "").await.0, 200);
        }
    }
    assert_eq!(camsim.camera(1).counts().timeouts, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn garbage_is_refused_and_the_cameras_go_on() {
    let camsim = camsim(config()).await;
    for garbage in [&b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n"[..], b"GET / HTTP/1.1\r\n\r\n"] {
        let mut client = Client::connect(&camsim).await;
        client.send(garbage).await;
        assert!(matches!(client.receive().await, Received::Response(text) if text.contains(" 400 ")));
        assert_eq!(client.receive().await, Received::Closed);
    }
    let mut endless = Client::connect(&camsim).await;
    endless.send(format!("OPTIONS * RTSP/1.0\r\nX: {}", "x".repeat(70_000)).as_bytes()).await;
    while endless.receive().await != Received::Closed {}
    assert_eq!(Client::connect(&camsim).await.ask("OPTIONS", "").await.0, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_may_come_in_pieces() {
    let camsim = camsim(config()).await;
    let mut client = Client::connect(&camsim).await;
    for byte in b"OPTIONS * RTSP/1.0\r\nCSeq: 1\r\n\r\nOPTIONS * RTSP/1.0\r\nCSeq: 2\r\n\r\n" {
        client.send(&[*byte]).await;
    }
    for sequence in 1..=2 {
        assert!(
            matches!(client.receive().await, Received::Response(text) if text.contains(&format!("CSeq: {sequence}")))
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn hundreds_of_replayed_cameras_play_at_once() {
    let tier = TierConfig::sized(320, 180).at_kbps(300);
    let camsim =
        camsim(CamsimConfig { cameras: 200, delivery: Delivery::Replay, sub: Some(tier), ..config() }).await;
    let mut clients = Vec::new();
    for camera in camsim.cameras() {
        let mut client = Client::to(camsim.addr().to_string(), camera.url(Tier::Sub)).await;
        client.play().await;
        clients.push(client);
    }
    for client in &mut clients {
        assert!(is_key(&client.picture().await));
    }
    assert!(camsim.cameras().all(|camera| camera.counts().playing == 1 && camera.counts().encoded == 0));
    assert!(tokio::time::timeout(PATIENCE, camsim.stop()).await.unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_port_in_use_is_named_and_a_stopped_one_is_free() {
    let camsim = camsim(config()).await;
    let listen = camsim.addr();
    let error = Camsim::start(CamsimConfig { listen, ..config() }).await.unwrap_err();
    assert!(matches!(error, StartError::Bind { addr, .. } if addr == listen));
    assert!(error.to_string().contains(&listen.to_string()));
    assert!(camsim.stop().await);
    let again = Camsim::start(CamsimConfig { listen, ..config() }).await.unwrap();
    assert_eq!(again.addr(), listen);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_does_not_know_the_password_stays_outside() {
    let camsim = camsim(CamsimConfig { auth: Auth::Digest, ..config() }).await;
    let mut client = Client::connect(&camsim).await;
    let (status, text) = client.ask("DESCRIBE", "").await;
    assert!(status == 401 && text.contains("WWW-Authenticate: Digest realm=\"camera\", nonce=\""), "{text}");
    assert_eq!(client.ask("SETUP", "Transport: RTP/AVP/TCP;interleaved=0-1\r\n").await.0, 401);
    assert_eq!(client.ask("OPTIONS", "").await.0, 200);
    assert_eq!(camsim.camera(1).counts().auth_failures, 0, "no credentials are no wrong credentials");
}
