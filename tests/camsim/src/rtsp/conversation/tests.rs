use proptest::prelude::*;
use rtsp_types::Message;
use tokio::sync::watch;

use super::*;
use crate::{
    camera::{Addresses, TierState},
    codec::AudioCodec,
    config::{Auth, CamsimConfig, Delivery, ParameterSets, TierConfig, Transport},
    counters::Counters,
    encoder::EncoderSettings,
    fault::{Fault, Faults},
};

fn site(config: CamsimConfig) -> Arc<Site> {
    let config = Arc::new(config);
    let settings = EncoderSettings::new(&config, TierConfig::sized(640, 360).at_kbps(500));
    let cameras = (1..=config.cameras)
        .map(|index| {
            Arc::new(CameraState {
                index,
                name: format!("Camera {index}"),
                config: Arc::clone(&config),
                faults: watch::Sender::new(Faults::default()),
                counters: Counters::default(),
                main: None,
                sub: Some(TierState::new(settings, Delivery::Live)),
                addresses: Addresses { rtsp: config.listen, http: None, own: false },
                channel: None,
                head: Default::default(),
                device: Default::default(),
            })
        })
        .collect();
    Arc::new(Site { config, cameras })
}

fn talk(site: &Arc<Site>) -> Conversation {
    let beginning = |ssrc| Beginning { ssrc, sequence: 8, timestamp: 7 };
    let chance =
        Chance { nonce: "n".into(), session: "51".into(), video: beginning(9), audio: beginning(10) };
    let home = IpAddr::from([127, 0, 0, 1]);
    Conversation::new(Arc::clone(site), chance, Some((home, home)))
}

fn ask(conversation: &mut Conversation, text: &str) -> Answer {
    let text = format!("{}\r\nCSeq: 4\r\n\r\n", text.replace('\n', "\r\n"));
    match Message::<Vec<u8>>::parse(text.as_bytes()).unwrap().0 {
        Message::Request(request) => conversation.handle(&request),
        other => panic!("{other:?}"),
    }
}

fn code(conversation: &mut Conversation, text: &str) -> u16 {
    ask(conversation, text).response.unwrap().status().into()
}

const SETUP: &str =
    "SETUP rtsp://h/cam/1/sub/track1 RTSP/1.0\nTransport: RTP/AVP/TCP;unicast;interleaved=2-3";
const PLAY: &str = "PLAY rtsp://h/cam/1/sub/ RTSP/1.0\nSession: 51";

#[test]
fn a_session_is_described_set_up_played_kept_and_torn_down() {
    let site = site(CamsimConfig::default());
    let mut conversation = talk(&site);
    let options = ask(&mut conversation, "OPTIONS * RTSP/1.0").response.unwrap();
    assert_eq!(options.header(&PUBLIC).unwrap().as_str(), METHODS);
    let description = ask(&mut conversation, "DESCRIBE rtsp://h/cam/1/sub?x=1 RTSP/1.0").response.unwrap();
    let sdp = String::from_utf8(description.body().clone()).unwrap();
    assert!(
        sdp.contains("profile-level-id=42C0")
            && sdp.contains(";sprop-parameter-sets=Z0LA")
            && sdp.contains("b=AS:500"),
        "{sdp}"
    );
    let setup = ask(&mut conversation, SETUP).response.unwrap();
    assert_eq!(setup.header(&SESSION).unwrap().as_str(), "51;timeout=60");
    assert!(setup.header(&TRANSPORT).unwrap().as_str().contains("interleaved=2-3"));
    let play = ask(&mut conversation, PLAY);
    let info = play.response.unwrap().header(&RTP_INFO).unwrap().as_str().to_owned();
    assert_eq!(info, "url=rtsp://h/cam/1/sub/track1;seq=8;rtptime=7");
    let Then::Play(Order { tier: Tier::Sub, lines, .. }) = play.then else { panic!("{:?}", play.then) };
    assert!(matches!(
        lines[..],
        [LineOrder { line: Line::Video, route: Route::Interleaved(2), beginning: Beginning { ssrc: 9, .. } }]
    ));
    assert_eq!(code(&mut conversation, "GET_PARAMETER rtsp://h/ RTSP/1.0\nSession: 51"), 200);
    assert_eq!(code(&mut conversation, "SET_PARAMETER rtsp://h/cam/1/sub RTSP/1.0\nSession: 51"), 200);
    assert_eq!(site.cameras[0].counters.read().sessions_open, 1);
    let end = ask(&mut conversation, "TEARDOWN rtsp://h/cam/1/sub RTSP/1.0\nSession: 51");
    assert!(matches!(end.then, Then::StopPlaying));
    let counts = site.cameras[0].counters.read();
    assert_eq!((counts.sessions_open, counts.describes, counts.plays, counts.teardowns), (0, 1, 1, 1));
}

#[test]
fn what_is_not_offered_is_refused_by_its_code() {
    let site = site(CamsimConfig { cameras: 1, ..CamsimConfig::default() });
    let mut conversation = talk(&site);
    let group = "SETUP rtsp://h/cam/1/sub/track1 RTSP/1.0\nTransport: RTP/AVP;multicast;port=5000-5001";
    assert_eq!(code(&mut conversation, group), 461);
    for path in
        ["/cam/2/sub", "/cam/0/sub", "/cam/1/main", "/cam/1/third", "/cam/1", "/", "/cam/1/sub/track2"]
    {
        assert_eq!(code(&mut conversation, &format!("DESCRIBE rtsp://h{path} RTSP/1.0")), 404, "{path}");
    }
    assert_eq!(code(&mut conversation, PLAY), 454);
    assert_eq!(code(&mut conversation, "RECORD rtsp://h/cam/1/sub RTSP/1.0"), 501);
    assert_eq!(code(&mut conversation, SETUP), 200);
    assert_eq!(code(&mut conversation, SETUP), 455);
    assert_eq!(code(&mut conversation, "PLAY rtsp://h/cam/1/sub RTSP/1.0\nSession: 52"), 454);
}

#[test]
fn sound_is_the_second_line_of_a_session() {
    let site = site(CamsimConfig { audio: Some(AudioCodec::Aac), ..CamsimConfig::default() });
    let mut conversation = talk(&site);
    let description = ask(&mut conversation, "DESCRIBE rtsp://h/cam/1/sub RTSP/1.0").response.unwrap();
    let sdp = String::from_utf8(description.body().clone()).unwrap();
    assert!(sdp.contains("a=rtpmap:97 mpeg4-generic/16000/1") && sdp.contains("config=1408"), "{sdp}");
    assert_eq!(code(&mut conversation, SETUP), 200);
    let second = SETUP.replace("track1", "track2").replace("2-3", "4-5");
    assert_eq!(code(&mut conversation, &second), 454, "without its session");
    assert_eq!(code(&mut conversation, &format!("{second}\nSession: 51")), 200);
    assert_eq!(code(&mut conversation, &format!("{second}\nSession: 51")), 455, "twice");
    let play = ask(&mut conversation, PLAY);
    let info = play.response.unwrap().header(&RTP_INFO).unwrap().as_str().to_owned();
    assert_eq!(
        info,
        "url=rtsp://h/cam/1/sub/track1;seq=8;rtptime=7,url=rtsp://h/cam/1/sub/track2;seq=8;rtptime=7"
    );
    assert!(matches!(play.then, Then::Play(Order { lines, .. }) if lines.len() == 2));
    assert_eq!(site.cameras[0].counters.read().setups, 1, "one session");
}

#[test]
fn udp_is_served_unless_the_camera_knows_only_tcp() {
    let udp = "SETUP rtsp://h/cam/1/sub/track1 RTSP/1.0\nTransport: RTP/AVP;unicast;client_port=5000-5001";
    for (transport, wanted) in [(Transport::Any, 200), (Transport::Udp, 200), (Transport::Tcp, 461)] {
        let site = site(CamsimConfig { transport, ..CamsimConfig::default() });
        let answer = ask(&mut talk(&site), udp).response.unwrap();
        assert_eq!(u16::from(answer.status()), wanted, "{transport:?}");
        let told = answer.header(&TRANSPORT).map_or("", |header| header.as_str());
        assert_eq!(told.contains("client_port=5000-5001;server_port="), wanted == 200, "{told}");
    }
    let site = site(CamsimConfig { transport: Transport::Udp, ..CamsimConfig::default() });
    assert_eq!(code(&mut talk(&site), SETUP), 461);
}

#[test]
fn formats_stay_out_of_the_sdp_when_told_and_a_slow_answer_says_so() {
    let slow = Duration::from_secs(8);
    let site = site(CamsimConfig { fmtp: false, describe_delay: slow, ..CamsimConfig::default() });
    let answer = ask(&mut talk(&site), "DESCRIBE rtsp://h/cam/1/sub RTSP/1.0");
    assert_eq!(answer.delay, slow);
    let sdp = String::from_utf8(answer.response.unwrap().body().clone()).unwrap();
    assert!(sdp.contains("a=rtpmap:96 H264") && !sdp.contains("fmtp"), "{sdp}");
}

#[test]
fn a_camera_with_faults_refuses_as_told() {
    let site = site(CamsimConfig { max_sessions: Some(1), ..CamsimConfig::default() });
    let fault = |fault| site.cameras[0].faults.send_modify(|faults| faults.add(fault));
    let (mut first, mut second) = (talk(&site), talk(&site));
    assert_eq!(code(&mut first, SETUP), 200);
    assert_eq!(code(&mut second, SETUP), 453, "its only session is taken");
    drop(first);
    fault(Fault::RefuseSessions);
    assert_eq!(code(&mut second, SETUP), 453);
    fault(Fault::Unavailable);
    assert_eq!(code(&mut second, SETUP), 503);
    fault(Fault::Restore);
    fault(Fault::Unauthorized);
    assert_eq!(code(&mut second, SETUP), 401, "though nobody has to say who he is");
    fault(Fault::Restore);
    assert_eq!(code(&mut second, SETUP), 200);
    assert_eq!(site.cameras[0].counters.read().refusals, 3);
    fault(Fault::Offline);
    let silent = ask(&mut second, "GET_PARAMETER rtsp://h/cam/1/sub RTSP/1.0");
    assert!(silent.response.is_none() && matches!(silent.then, Then::Close));
}

#[test]
fn a_changed_password_locks_the_old_one_out() {
    let site = site(CamsimConfig { auth: Auth::Basic, ..CamsimConfig::default() });
    let mut conversation = talk(&site);
    let describe = "DESCRIBE rtsp://h/cam/1/sub RTSP/1.0";
    let asked = ask(&mut conversation, describe).response.unwrap();
    assert_eq!(asked.header(&WWW_AUTHENTICATE).unwrap().as_str(), "Basic realm=\"camera\"");
    let known = format!("{describe}\nAuthorization: Basic YWRtaW46Y2FtZXJh");
    assert_eq!(code(&mut conversation, &known), 200);
    site.cameras[0].faults.send_modify(|faults| faults.add(Fault::Password("new".into())));
    assert_eq!(code(&mut conversation, &known), 401);
    assert_eq!(site.cameras[0].counters.read().auth_failures, 1);
}

#[test]
fn parameter_sets_stay_out_of_the_sdp_when_told() {
    let site = site(CamsimConfig { parameter_sets: ParameterSets::InBand, ..CamsimConfig::default() });
    let described = ask(&mut talk(&site), "DESCRIBE rtsp://h/cam/1/sub RTSP/1.0").response.unwrap();
    assert!(!String::from_utf8(described.body().clone()).unwrap().contains("sprop"));
}

proptest! {
    #[test]
    fn hostile_requests_do_not_panic(
        method in "[A-Z_]{1,12}", path in "[ -~&&[^ ]]{0,40}", name in "[A-Za-z]{1,12}", value in "[ -~]{0,60}",
    ) {
        let text = format!("{method} rtsp://h/{path} RTSP/1.0\r\n{name}: {value}\r\nTransport: {value}\r\nSession: {value}\r\n\r\n");
        let site = site(CamsimConfig { auth: Auth::Digest, ..CamsimConfig::default() });
        if let Ok((Message::Request(request), _)) = Message::<Vec<u8>>::parse(text.as_bytes()) {
            talk(&site).handle(&request);
        }
    }
}
