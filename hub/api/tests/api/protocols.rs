//! Which protocol is played, what else plays, and how a session goes from one to another.

use axum::http::{Method, StatusCode};
use serde_json::{Value, json};
use sluice_ids::Tier;

use crate::hub::{Answer, As, Tenant, TestHub, eventually, tier};

async fn asked(hub: &TestHub, ours: &Tenant, camera: &str, more: Value) -> Value {
    let mut one = json!({ "id": camera });
    let mut body = json!({});
    for (key, value) in more.as_object().unwrap() {
        let into = if ["viewer", "origin"].contains(&key.as_str()) { &mut body } else { &mut one };
        into[key] = value.clone();
    }
    body["cameras"] = json!([one]);
    let answer = hub.call(As::Token(&ours.token), Method::POST, "/play", Some(body)).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    answer.body["items"][0].clone()
}

fn codes(item: &Value) -> Vec<&str> {
    item["why"].as_array().unwrap().iter().map(|why| why["code"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn a_playlist_is_fetched_as_it_is_and_every_way_in_has_a_token_of_its_own() {
    let (hub, ours) = TestHub::with_tenant().await;
    let camera = hub.camera(&ours, "gate").await;
    let item = asked(&hub, &ours, &camera, json!({ "latency_class": "near_live" })).await;
    assert_eq!((&item["protocol"], codes(&item)[0]), (&json!("ll-hls"), "protocol-by-class"));
    let token = item["token"].as_str().unwrap();
    assert_eq!(item["url"], format!("http://hub.test/hls/{camera}/sub/index.m3u8?token={token}"));
    let mut tokens = vec![token];
    for (at, protocol) in ["webrtc", "hls"].into_iter().enumerate() {
        let fallback = &item["fallbacks"][at];
        assert_eq!(fallback["protocol"], protocol);
        tokens.push(fallback["token"].as_str().unwrap());
    }
    assert_eq!(item["fallbacks"][0]["url"], format!("http://hub.test/whep/{camera}/sub"));
    let claims: Vec<_> = tokens.into_iter().map(|token| hub.claims(token)).collect();
    let protocols: Vec<_> = claims.iter().map(|claims| claims.protocol.as_str()).collect();
    assert_eq!(protocols, ["ll-hls", "webrtc", "hls"]);
    assert!(claims.iter().all(|other| other.session == claims[0].session && other.tier == Tier::Sub));
    assert!(claims[0].jti != claims[1].jti && claims[1].jti != claims[2].jti);
    let row = hub.store.play_session(ours.id, claims[0].session).await.unwrap().unwrap();
    assert_eq!(row.given.protocol, "ll-hls");
}

#[tokio::test]
async fn a_session_goes_on_by_another_protocol_without_a_new_play() {
    let (hub, ours) = TestHub::with_tenant().await;
    let camera = hub.camera(&ours, "gate").await;
    let played = asked(&hub, &ours, &camera, json!({})).await;
    let id = played["session_id"].as_str().unwrap();
    let renew = async |protocols: Value| -> Answer {
        let body = json!({ "session_ids": [id], "protocols": protocols });
        hub.call(As::Token(&ours.token), Method::POST, "/sessions/renew", Some(body)).await
    };
    let fresh = renew(json!({ id: "ll-hls" })).await.body["items"][0].clone();
    assert_eq!((&fresh["session_id"], &fresh["protocol"]), (&json!(id), &json!("ll-hls")));
    assert!(fresh["url"].as_str().unwrap().contains("/hls/"), "{fresh}");
    assert_eq!(fresh["fallbacks"][0]["protocol"], "webrtc");
    let kept = renew(json!({})).await.body["items"][0].clone();
    assert_eq!((&kept["protocol"], &kept["tier"]), (&json!("ll-hls"), &fresh["tier"]));
    let list = hub.call(As::Token(&ours.token), Method::GET, "/sessions", None).await.body;
    assert_eq!(
        (&list["items"][0]["protocol"], list["items"].as_array().unwrap().len()),
        (&json!("ll-hls"), 1)
    );
    eventually(|| async {
        let row = hub.store.play_session(ours.id, id.parse().unwrap()).await.unwrap().unwrap();
        row.given.protocol == "ll-hls"
    })
    .await;
    let bad = renew(json!({ id: "smoke" })).await;
    assert_eq!(bad.body["errors"][0]["field"], format!("protocols.{id}"));
    let stranger = renew(json!({ "ses_0198c0de00007000800000000000002a": "hls" })).await;
    assert_eq!(stranger.status, StatusCode::UNPROCESSABLE_ENTITY);

    let only = asked(&hub, &ours, &camera, json!({ "protocol": "webrtc" })).await;
    assert_eq!(only["fallbacks"], json!([]), "what is asked for is not replaced");
    let id = only["session_id"].as_str().unwrap();
    let body = json!({ "session_ids": [id], "protocols": { id: "ll-hls" } });
    let refused = hub.call(As::Token(&ours.token), Method::POST, "/sessions/renew", Some(body)).await;
    let problem = &refused.body["items"][0]["problem"];
    assert_eq!((&problem["type"], &problem["status"]), (&json!("protocol-not-granted"), &json!(409)));
}

#[tokio::test]
async fn what_the_camera_sends_and_the_viewer_decodes_decides() {
    let (hub, ours) = TestHub::with_tenant().await;
    let camera = hub.camera(&ours, "gate").await;
    let mut hevc = tier(Tier::Main, 1_920, 1_080);
    hevc.codec = Some("hvc1.1.6.L93.B0".into());
    hevc.profile = Some("main".into());
    hevc.audio_codec = Some("MPEG4-GENERIC".into());
    let mut reordered = tier(Tier::Sub, 640, 360);
    reordered.b_frames = true;
    hub.report(&ours, &camera, vec![hevc, reordered]).await;
    eventually(|| async { asked(&hub, &ours, &camera, json!({})).await["protocol"] == "ll-hls" }).await;
    let item = asked(&hub, &ours, &camera, json!({})).await;
    assert_eq!((&item["tier"], codes(&item)[0]), (&json!("sub"), "b-frames-need-hls"));
    let viewer = json!({ "viewer": { "codecs": ["h264", "webrtc:h265"], "audio": true }, "tier": "main" });
    let item = asked(&hub, &ours, &camera, viewer).await;
    assert_eq!(item["protocol"], "webrtc");
    assert!(codes(&item).contains(&"h265-decoded") && codes(&item).contains(&"audio-not-carried"), "{item}");
    let viewer = json!({ "viewer": { "codecs": ["h264", "h265"], "audio": true }, "tier": "main" });
    let item = asked(&hub, &ours, &camera, viewer).await;
    assert_eq!((&item["protocol"], codes(&item)[0]), (&json!("ll-hls"), "audio-needs-hls"));

    let item = asked(&hub, &ours, &camera, json!({ "tier": "main" })).await;
    let problem = &item["problem"];
    assert_eq!((&problem["type"], &problem["status"]), (&json!("codec-unsupported"), &json!(422)));
    let help: Vec<_> = problem["help"].as_array().unwrap().iter().map(|help| &help["code"]).collect();
    assert_eq!(help, ["ask-other-tier", "set-h264", "other-program"]);
    assert_eq!(problem["help"][0]["about"], "sub");
    assert!(problem["detail"].as_str().unwrap().contains("main: hvc1.1.6.L93.B0"), "{problem}");

    let shown = hub.call(As::Token(&ours.token), Method::GET, &format!("/cameras/{camera}"), None).await.body;
    let (main, sub) = (&shown["tiers"][0], &shown["tiers"][1]);
    assert_eq!((&main["profile"], &main["audio_codec"]), (&json!("main"), &json!("MPEG4-GENERIC")));
    assert_eq!(
        (&main["protocols"], &sub["protocols"]),
        (&json!(["webrtc", "ll-hls", "hls"]), &json!(["ll-hls", "hls"]))
    );
}

#[tokio::test]
async fn a_page_over_http_1_gets_four_low_latency_tiles_of_each_origin() {
    let (hub, ours) = TestHub::with_tenant().await;
    let camera = hub.camera(&ours, "gate").await;
    let h1 = |origin: &str, http: &str| json!({ "protocol": "ll-hls", "origin": origin, "viewer": { "network": { "http": http } } });
    let mut ids = Vec::new();
    for _ in 0..4 {
        let item = asked(&hub, &ours, &camera, h1("https://a.example", "h1")).await;
        ids.push(item["session_id"].as_str().unwrap().to_owned());
    }
    let fifth = asked(&hub, &ours, &camera, h1("https://a.example", "h1")).await;
    assert_eq!(
        (&fifth["problem"]["type"], &fifth["problem"]["status"]),
        (&json!("ll-hls-limit"), &json!(409))
    );
    for (origin, http) in [("https://b.example", "h1"), ("https://a.example", "h2")] {
        assert_eq!(asked(&hub, &ours, &camera, h1(origin, http)).await["protocol"], "ll-hls");
    }
    let body = json!({ "camera_id": camera, "origin": "https://a.example", "latency_class": "broadcast",
                       "viewer": { "network": { "http": "h1", "udp": "blocked" } } });
    let told =
        hub.call(As::Token(&ours.token), Method::POST, "/policy/explain", Some(body.clone())).await.body;
    assert_eq!(
        (&told["protocol"], &told["why"][0]["code"], &told["fallbacks"]),
        (&json!("hls"), &json!("ll-hls-limit"), &json!([]))
    );
    let ended =
        hub.call(As::Token(&ours.token), Method::DELETE, &format!("/sessions/{}", ids[0]), None).await;
    assert_eq!(ended.status, StatusCode::NO_CONTENT);
    let told = hub.call(As::Token(&ours.token), Method::POST, "/policy/explain", Some(body)).await.body;
    assert_eq!((&told["protocol"], &told["fallbacks"]), (&json!("ll-hls"), &json!(["hls"])));
    let bad =
        json!({ "cameras": [{ "id": camera }], "viewer": { "network": { "http": "h9", "udp": "shut" } } });
    let bad = hub.call(As::Token(&ours.token), Method::POST, "/play", Some(bad)).await;
    let fields: Vec<_> = bad.body["errors"].as_array().unwrap().iter().map(|error| &error["field"]).collect();
    assert_eq!(fields, ["viewer.network.udp", "viewer.network.http"]);
}

#[tokio::test]
async fn one_camera_is_started_as_hls_and_its_session_switched_by_another_start() {
    let (hub, ours) = TestHub::with_tenant().await;
    let camera = hub.camera(&ours, "gate").await;
    let start = async |query: &str| {
        hub.call(As::Token(&ours.token), Method::POST, &format!("/streams/{camera}/start?{query}"), None)
            .await
    };
    let hls = start("protocol=hls&client_ref=a").await.body;
    assert_eq!((&hls["protocol"], codes(&hls)[0]), (&json!("ll-hls"), "protocol-asked"));
    let whole = start("protocol=hls&low_latency=false&client_ref=vlc").await.body;
    assert_eq!((&whole["protocol"], codes(&whole)[0]), (&json!("hls"), "protocol-asked"));
    let neither = start("protocol=ll-hls&low_latency=false&client_ref=vlc").await;
    assert_eq!(
        (neither.status, &neither.body["errors"][0]["field"]),
        (StatusCode::UNPROCESSABLE_ENTITY, &json!("low_latency"))
    );
    let auto = start("client_ref=b").await.body;
    let switched = start("client_ref=b&protocol=hls").await.body;
    assert_eq!((&auto["protocol"], &switched["protocol"]), (&json!("webrtc"), &json!("ll-hls")));
    assert_eq!((&auto["session_id"], codes(&switched)), (&switched["session_id"], vec!["session-running"]));
    let fixed = start("client_ref=a&protocol=webrtc").await;
    assert_eq!((fixed.status, &fixed.body["type"]), (StatusCode::CONFLICT, &json!("session-runs-otherwise")));
    let path = format!("/cameras/{camera}");
    let pin = json!({ "pins": { "protocol": "webrtc" } });
    hub.call(As::Token(&ours.token), Method::PATCH, &path, Some(pin)).await;
    let pinned = start("client_ref=c&protocol=hls").await;
    assert_eq!((pinned.status, &pinned.body["type"]), (StatusCode::CONFLICT, &json!("protocol-pinned")));
}

#[tokio::test]
async fn a_player_that_follows_addresses_is_sent_to_the_playlist_of_its_node() {
    let (hub, ours) = TestHub::with_tenant().await;
    let camera = hub.camera(&ours, "gate").await;
    let play = hub.token(&ours.admin, &["play"]).await;
    let get = async |query: &str| {
        let path = format!("/streams/{camera}/index.m3u8{query}");
        hub.call(As::Token(&play), Method::GET, &path, None).await
    };
    for (query, protocol, tier) in [
        ("", "ll-hls", "sub"),
        ("?protocol=hls", "hls", "sub"),
        ("?protocol=ll-hls&tier=main", "ll-hls", "main"),
    ] {
        let answer = get(query).await;
        assert_eq!(answer.status, StatusCode::TEMPORARY_REDIRECT, "{}", answer.text);
        assert_eq!(answer.headers["cache-control"], "no-store");
        let location = answer.headers["location"].to_str().unwrap();
        let (url, token) = location.split_once("?token=").unwrap();
        assert_eq!(url, format!("http://hub.test/hls/{camera}/{tier}/index.m3u8"));
        assert_eq!(hub.claims(token).protocol, protocol);
    }
    assert_eq!(get("?protocol=webrtc").await.body["errors"][0]["field"], "protocol");
    let audit = hub.call(As::Token(&ours.token), Method::GET, "/audit?limit=500", None).await.body;
    let plays = audit["items"].as_array().unwrap().iter().filter(|entry| entry["action"] == "play");
    assert_eq!(plays.count(), 3);
    let nobody = hub.call(As::Nobody, Method::GET, &format!("/streams/{camera}/index.m3u8"), None).await;
    assert_eq!(nobody.status, StatusCode::UNAUTHORIZED);
}
