//! Two lines of one session on one clock, over TCP and UDP, and what goes wrong with clocks and pictures on command.

use std::time::Duration;

use sluice_camsim::{AudioCodec, Camsim, CamsimConfig, Delivery, Fault, Start, Tier, TierConfig, VideoCodec};
use sluice_runtime::Clock;
use tokio::{net::UdpSocket, time::timeout};

use crate::support::{Client, PATIENCE, Received, Rtp, camsim, config, eventually, is_key, rtp};

const NTP_TO_UNIX_S: u64 = 2_208_988_800;

/// What a sender report says: milliseconds since 1970 of a timestamp.
#[derive(Debug, Clone, Copy)]
struct Report {
    unix_ms: i64,
    timestamp: u32,
}

fn report(bytes: &[u8]) -> Report {
    let word = |at: usize| u32::from_be_bytes(bytes[at..at + 4].try_into().unwrap());
    assert_eq!(bytes[1], 200, "a sender report");
    let millis = (u64::from(word(8)) - NTP_TO_UNIX_S) * 1_000 + ((u64::from(word(12)) * 1_000) >> 32);
    Report { unix_ms: i64::try_from(millis).unwrap(), timestamp: word(16) }
}

impl Report {
    fn unix_ms(self, timestamp: u32, clock_rate: i64) -> i64 {
        let ticks = i64::from(timestamp.wrapping_sub(self.timestamp).cast_signed());
        self.unix_ms + ticks * 1_000 / clock_rate
    }
}

async fn both(audio: AudioCodec) -> (Camsim, Client) {
    let camsim = camsim(CamsimConfig { audio: Some(audio), ..config() }).await;
    let mut client = Client::connect(&camsim).await;
    client.play_both().await;
    (camsim, client)
}

async fn packet_on(client: &mut Client, wanted: u8) -> Vec<u8> {
    loop {
        match client.receive().await {
            Received::Packet { channel, bytes } if channel == wanted => return bytes,
            Received::Closed => panic!("the connection stays"),
            _ => {}
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_beep_begins_at_the_full_second_of_the_clock_that_both_lines_report() {
    let (_camsim, mut client) = both(AudioCodec::Pcmu).await;
    let (mut reports, mut quiet) = ([None; 2], false);
    loop {
        let Received::Packet { channel, bytes } = client.receive().await else { panic!("packets") };
        if channel % 2 == 1 {
            reports[usize::from(channel / 2)] = Some(report(&bytes));
            continue;
        }
        let now = Clock::system().unix_millis();
        let packet = rtp(&bytes);
        if channel == 0 {
            let taken = reports[0].expect("a report comes first").unix_ms(packet.timestamp, 90_000);
            assert!((0..500).contains(&(now - taken)), "a picture of {} ms ago", now - taken);
            continue;
        }
        assert_eq!(bytes[1], 0, "PCMU without a marker");
        let loud = packet.payload.iter().any(|&code| code & 0x7F < 0x50);
        if loud && quiet {
            let heard = reports[1].expect("a report comes first").unix_ms(packet.timestamp, 8_000);
            assert_eq!(heard % 1_000, 0, "{heard} ms");
            assert!((20..500).contains(&(now - heard)), "a beep of {} ms ago", now - heard);
            return;
        }
        quiet = !loud;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn promised_timestamps_of_all_lines_stand_for_one_moment() {
    let camsim = camsim(CamsimConfig { audio: Some(AudioCodec::Pcma), ..config() }).await;
    let mut client = Client::connect(&camsim).await;
    client.set_up("Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\n").await;
    client.track = "/track2";
    client.set_up("Transport: RTP/AVP/TCP;unicast;interleaved=2-3\r\n").await;
    let (_, play) = client.ask("PLAY", "").await;
    let promised: Vec<u32> = play
        .split("rtptime=")
        .skip(1)
        .map(|text| text.chars().take_while(char::is_ascii_digit).collect::<String>().parse().unwrap())
        .collect();
    let mut moments = [None; 2];
    while moments.contains(&None) {
        let Received::Packet { channel, bytes } = client.receive().await else { panic!("packets") };
        if channel % 2 == 1 {
            let line = usize::from(channel / 2);
            moments[line] =
                Some(report(&bytes).unix_ms(promised[line], if line == 0 { 90_000 } else { 8_000 }));
        }
    }
    let apart = moments[0].unwrap() - moments[1].unwrap();
    assert!(apart.abs() <= 2, "{apart} ms between the lines' beginnings");
}

#[tokio::test(flavor = "multi_thread")]
async fn udp_brings_both_lines_and_their_reports_and_keeps_the_session() {
    let session_timeout = Duration::from_secs(1);
    let audio = Some(AudioCodec::Opus);
    let camsim = camsim(CamsimConfig { audio, session_timeout, ..config() }).await;
    let mut client = Client::connect(&camsim).await;
    let (video, audio) = (pair().await, pair().await);
    let server = client.set_up(&transport(&video)).await;
    client.track = "/track2";
    client.set_up(&transport(&audio)).await;
    assert_eq!(client.ask("PLAY", "").await.0, 200);
    let server: u16 = server.split("server_port=").nth(1).unwrap().split('-').nth(1).unwrap()[..5]
        .trim_matches(|letter: char| !letter.is_ascii_digit())
        .parse()
        .unwrap();
    let pictures = received(&video[0]).await;
    assert_eq!((pictures[1] & 0x7F, received(&audio[0]).await[1]), (96, 97));
    assert_eq!((received(&video[1]).await[1], received(&audio[1]).await[1]), (200, 200));
    let mut sequence = rtp(&pictures).sequence;
    let until = Clock::system().now() + 3 * session_timeout;
    while Clock::system().now() < until {
        // A receiver report is a sign of life too.
        video[1].send_to(&[0x80, 201, 0, 1, 0, 0, 0, 9], ("127.0.0.1", server)).await.unwrap();
        let next = rtp(&received(&video[0]).await).sequence;
        assert_eq!(next, sequence.wrapping_add(1));
        sequence = next;
    }
    let camera = camsim.camera(1);
    assert_eq!(camera.counts().sessions_open, 1);
    eventually("a silent client loses its session", || async { camera.counts().timeouts == 1 }).await;
}

async fn pair() -> [UdpSocket; 2] {
    [UdpSocket::bind("127.0.0.1:0").await.unwrap(), UdpSocket::bind("127.0.0.1:0").await.unwrap()]
}

fn transport([rtp, rtcp]: &[UdpSocket; 2]) -> String {
    let (rtp, rtcp) = (rtp.local_addr().unwrap().port(), rtcp.local_addr().unwrap().port());
    format!("Transport: RTP/AVP;unicast;client_port={rtp}-{rtcp}\r\n")
}

async fn received(socket: &UdpSocket) -> Vec<u8> {
    let mut bytes = vec![0; 2_000];
    let length = timeout(PATIENCE, socket.recv(&mut bytes)).await.unwrap().unwrap();
    bytes.truncate(length);
    bytes
}

#[tokio::test(flavor = "multi_thread")]
async fn another_source_begins_on_every_line_with_a_report() {
    let (camsim, mut client) = both(AudioCodec::Pcmu).await;
    let before = [rtp(&packet_on(&mut client, 0).await).ssrc, rtp(&packet_on(&mut client, 2).await).ssrc];
    camsim.camera(1).fault(Fault::ChangeSsrc);
    for (line, before) in [0_u8, 2].into_iter().zip(before) {
        let told = packet_on(&mut client, line + 1).await;
        let named = u32::from_be_bytes(told[4..8].try_into().unwrap());
        assert_ne!(named, before);
        while rtp(&packet_on(&mut client, line).await).ssrc == before {}
        assert_eq!(rtp(&packet_on(&mut client, line).await).ssrc, named);
        // Lines are in step with each other, so what was skipped of the second line is asked for again.
        camsim.camera(1).fault(Fault::ChangeSsrc);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn timestamps_leap_and_go_back_on_command() {
    let (camsim, mut client) = both(AudioCodec::Pcmu).await;
    for (fault, seconds) in [(Fault::TimestampJump(100), 100_i64), (Fault::TimestampJump(-3), -3)] {
        for (line, clock_rate) in [(0, 90_000), (2, 8_000)] {
            let mut last = rtp(&packet_on(&mut client, line).await).timestamp;
            camsim.camera(1).fault(fault.clone());
            let leap = loop {
                let timestamp = rtp(&packet_on(&mut client, line).await).timestamp;
                let step = i64::from(timestamp.wrapping_sub(last).cast_signed());
                if step.abs() > 2 * clock_rate {
                    break step;
                }
                last = timestamp;
            };
            assert!((leap - seconds * clock_rate).abs() < clock_rate, "{leap} ticks of {clock_rate} Hz");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_clock_is_told_by_reports_only() {
    let (camsim, mut client) = both(AudioCodec::Pcmu).await;
    let right = report(&packet_on(&mut client, 1).await);
    camsim.camera(1).fault("clock-jump:-86400".parse().unwrap());
    assert_eq!(camsim.camera(1).status().faults, ["clock-jump"]);
    let wrong = report(&packet_on(&mut client, 1).await);
    let expected = right.unix_ms(wrong.timestamp, 90_000) - 86_400_000;
    assert!((wrong.unix_ms - expected).abs() <= 2, "{} instead of {expected}", wrong.unix_ms);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stuttering_camera_takes_fewer_pictures_at_uneven_distances() {
    for tier in [TierConfig::sized(320, 180), TierConfig::sized(640, 360).coded(VideoCodec::H265)] {
        let camsim = camsim(CamsimConfig { sub: Some(tier), ..config() }).await;
        camsim.camera(1).fault(Fault::Stutter);
        let mut client = Client::connect(&camsim).await;
        client.play().await;
        let mut steps = Vec::new();
        let mut last = client.picture().await[0].timestamp;
        for _ in 0..24 {
            let next = client.picture().await[0].timestamp;
            steps.push(next.wrapping_sub(last) / 3_600);
            last = next;
        }
        assert!(steps.contains(&1) && steps.iter().any(|&step| step >= 3), "{steps:?}");
        assert!(steps.iter().sum::<u32>() >= 40, "{steps:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_resized_camera_tells_its_new_parameter_sets() {
    let loops = TierConfig::sized(640, 360);
    for tier in [TierConfig::sized(320, 180), loops.coded(VideoCodec::H264Bframes)] {
        let camsim = camsim(CamsimConfig { sub: Some(tier), ..config() }).await;
        let mut client = Client::connect(&camsim).await;
        client.play().await;
        let first = sps(&client.picture().await).expect("with the first key frame");
        camsim.camera(1).fault(Fault::Resize);
        let mut next = None;
        while next.is_none() || next.as_ref() == Some(&first) {
            next = sps(&client.picture().await).or(next);
        }
        let (_, description) = Client::connect(&camsim).await.ask("DESCRIBE", "").await;
        let level = description.split("profile-level-id=").nth(1).unwrap()[..6].to_owned();
        let told = hex(&next.unwrap()[1..4]);
        assert_eq!(level, told, "the SDP follows");
    }
}

fn sps(picture: &[Rtp]) -> Option<Vec<u8>> {
    picture.iter().find(|packet| packet.unit == 7).map(|packet| packet.payload.clone())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02X}")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wished_key_frame_comes_at_once_in_a_long_gop() {
    let long = CamsimConfig { gop: Duration::from_secs(10), start: Start::MidGop, ..config() };
    let loops = TierConfig::sized(640, 360).coded(VideoCodec::H264Bframes);
    for config in [
        long.clone(),
        CamsimConfig { sub: Some(loops), fps: 1, ..long.clone() },
        CamsimConfig { delivery: Delivery::Replay, ..long },
    ] {
        let camsim = camsim(config).await;
        let mut client = Client::connect(&camsim).await;
        client.play().await;
        assert!(!is_key(&client.picture().await));
        camsim.camera(1).wish_key_frame();
        let mut waited = 0;
        while !is_key(&client.picture().await) {
            waited += 1;
        }
        assert!(waited <= 4, "{waited} pictures until the key frame");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn cameras_of_one_process_differ_where_told() {
    let sub = Some(TierConfig::sized(640, 360).coded(VideoCodec::H265Bframes));
    let deaf = CamsimConfig { cameras: 2, ..config() };
    let other = CamsimConfig { sub, audio: Some(AudioCodec::Latm), ..config() };
    let camsim = camsim(CamsimConfig { variants: [(2, other)].into(), ..deaf }).await;
    for (number, wanted) in [(1, "H264/90000"), (2, "H265/90000")] {
        let url = camsim.camera(number).url(Tier::Sub);
        let (_, description) = Client::to(camsim.addr().to_string(), url).await.ask("DESCRIBE", "").await;
        assert!(description.contains(wanted), "{description}");
        assert_eq!(description.contains("MP4A-LATM/16000"), number == 2);
        assert_eq!(description.contains("sprop-vps="), number == 2);
    }
    let status = camsim.camera(2).status();
    assert_eq!((status.sub, status.audio, status.main), (Some("h265-bframes"), Some("latm"), None));
}
