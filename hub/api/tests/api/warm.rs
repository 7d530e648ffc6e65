use axum::http::{Method, StatusCode};
use serde_json::{Value, json};
use sluice_wire::control::Warm;

use crate::hub::{As, TestHub, camera_body};

const EVERY_DAY: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

/// One that holds now, whenever that is, and never ends.
fn always(warm: &str) -> Value {
    json!([{ "days": EVERY_DAY, "from": "00:00", "to": "00:00", "warm": warm }])
}

/// One that changes something within the week.
fn mondays() -> Value {
    json!([{ "days": ["mon"], "from": "07:30", "to": "19:00", "warm": "main" }])
}

#[tokio::test]
async fn a_sites_schedule_and_time_zone_are_set_told_audited_and_at_work() {
    let (mut hub, ours) = TestHub::with_tenant().await;
    let camera = hub.camera(&ours, "gate").await;
    let (site, camera) = (format!("/sites/{}", ours.site), format!("/cameras/{camera}"));
    let call = async |method, path: &str, body| hub.call(As::Token(&ours.token), method, path, body).await;
    let fresh = call(Method::GET, &site, None).await.body;
    assert_eq!((&fresh["time_zone"], &fresh["warm_schedule"]), (&json!("UTC"), &json!([])));
    assert_eq!((&fresh["warm_now"], &fresh["warm_next_change"]), (&json!("sub"), &json!(null)));

    let change = json!({ "time_zone": "america/sao_paulo", "warm_schedule": always("main") });
    let changed = call(Method::PATCH, &site, Some(change)).await;
    assert_eq!(changed.status, StatusCode::OK, "{}", changed.text);
    let told = &changed.body;
    assert_eq!((&told["time_zone"], &told["warm_schedule"]), (&json!("America/Sao_Paulo"), &always("main")));
    assert_eq!((&told["warm"], &told["warm_now"]), (&json!("sub"), &json!("main")));
    assert_eq!(told["warm_next_change"], json!(null), "it is the same at any time");
    assert_eq!(&call(Method::GET, &site, None).await.body, told);
    let follower = call(Method::GET, &camera, None).await.body;
    assert_eq!((&follower["warm_of_site"], &follower["warm_schedule"]), (&json!(true), &always("main")));
    assert_eq!(
        (&follower["warm_now"], &follower["time_zone"]),
        (&json!("main"), &json!("America/Sao_Paulo"))
    );
    let audit = call(Method::GET, "/audit?limit=1", None).await.body["items"][0].clone();
    assert_eq!(audit["action"], "site.change");
    assert!(
        audit.to_string().contains("America/Sao_Paulo") && audit.to_string().contains("00:00"),
        "{audit}"
    );

    let change = json!({ "warm_schedule": mondays() });
    let told = call(Method::PATCH, &site, Some(change)).await.body;
    let next = told["warm_next_change"].as_str().unwrap();
    // Sao Paulo has no summer time: 07:30 and 19:00 there.
    assert!(next.ends_with("T10:30:00Z") || next.ends_with("T22:00:00Z"), "{next}");
    let told = call(Method::PATCH, &site, Some(json!({ "name": "Harbour" }))).await.body;
    assert_eq!(told["warm_schedule"], mondays(), "what is absent stays");
    call(Method::PATCH, &site, Some(json!({ "warm_schedule": always("none") }))).await;
    loop {
        let desired = hub.devices.desired(ours.device).await.unwrap();
        if desired.cameras.iter().any(|camera| camera.warm == Warm::None) {
            break;
        }
    }
}

#[tokio::test]
async fn a_camera_with_a_policy_of_its_own_has_a_schedule_of_its_own() {
    let (hub, ours) = TestHub::with_tenant().await;
    let made = hub.call(As::Token(&ours.token), Method::POST, "/cameras", Some(camera_body(&ours, "gate")));
    let path = format!("/cameras/{}", made.await.body["id"].as_str().unwrap());
    let patch = async |body: Value| hub.call(As::Token(&ours.token), Method::PATCH, &path, Some(body)).await;
    let refused = patch(json!({ "warm_schedule": mondays() })).await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    let fault = &refused.body["errors"][0];
    assert_eq!((&fault["field"], &fault["code"]), (&json!("warm_schedule"), &json!("of-site")), "{fault}");

    let own = patch(json!({ "warm": "none", "warm_schedule": always("all") })).await.body;
    assert_eq!(
        (&own["warm"], &own["warm_of_site"], &own["warm_now"]),
        (&json!("none"), &json!(false), &json!("all"))
    );
    let audit = hub.call(As::Token(&ours.token), Method::GET, "/audit?limit=1", None).await.body;
    assert!(audit["items"][0].to_string().contains("warm_schedule"), "{audit}");
    let other = patch(json!({ "warm": "sub" })).await.body;
    assert_eq!((&other["warm"], &other["warm_schedule"]), (&json!("sub"), &always("all")));
    let follows = patch(json!({ "warm": "site", "warm_schedule": [] })).await.body;
    assert_eq!((&follows["warm_of_site"], &follows["warm_schedule"]), (&json!(true), &json!([])));
    assert_eq!(follows["warm_now"], "sub");
}

#[tokio::test]
async fn everything_wrong_with_a_schedule_is_told_at_its_window_and_field() {
    let (hub, ours) = TestHub::with_tenant().await;
    let path = format!("/sites/{}", ours.site);
    let patch = async |body: Value| hub.call(As::Token(&ours.token), Method::PATCH, &path, Some(body)).await;
    let fields = |body: &Value| -> Vec<String> {
        let errors = body["errors"].as_array().cloned().unwrap_or_default();
        errors.iter().map(|fault| fault["field"].as_str().unwrap().to_owned()).collect()
    };
    let good = &mondays()[0];
    let bad = json!({ "days": ["monday"], "from": "7:30", "to": "24:00", "warm": "hot" });
    let none = json!({ "days": [], "from": "07:30", "to": "19:00", "warm": "main" });
    let answer = patch(json!({ "time_zone": "Brasilia", "warm_schedule": [good, bad, none] })).await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    let at = |at: usize, field: &str| format!("warm_schedule[{at}].{field}");
    let expected = [at(1, "days"), at(1, "from"), at(1, "to"), at(1, "warm"), at(2, "days")];
    assert_eq!(fields(&answer.body), [&["time_zone".to_owned()][..], &expected].concat());
    let text = answer.body["errors"][0]["text"].as_str().unwrap();
    assert!(text.contains("no such time zone") && text.contains("America/Sao_Paulo"), "{text}");

    let many = patch(json!({ "warm_schedule": vec![good; 17] })).await;
    assert_eq!(fields(&many.body), ["warm_schedule"]);
    let unknown = json!([{ "days": ["mon"], "from": "07:30", "to": "19:00", "warm": "main", "zone": "UTC" }]);
    assert_eq!(fields(&patch(json!({ "warm_schedule": unknown })).await.body), [at(0, "zone")]);
    let kept = hub.call(As::Token(&ours.token), Method::GET, &path, None).await.body;
    assert_eq!((&kept["warm_schedule"], &kept["time_zone"]), (&json!([]), &json!("UTC")));
}
