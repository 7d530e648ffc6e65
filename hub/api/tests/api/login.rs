use std::net::SocketAddr;

use axum::{
    extract::ConnectInfo,
    http::{Method, StatusCode},
};
use serde_json::json;

use crate::hub::{As, Login, PASSWORD, TestHub};

#[tokio::test]
async fn a_login_sets_a_cookie_that_scripts_cannot_read() {
    let (hub, _ours) = TestHub::with_tenant().await;
    let body = json!({ "user": "admin-ours", "password": PASSWORD });
    let answer = hub.call(As::Nobody, Method::POST, "/login", Some(body)).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(answer.body["user"]["name"], "admin-ours");
    assert_eq!(answer.body["user"]["role"], "admin");
    let cookie = answer.headers["set-cookie"].to_str().unwrap();
    assert!(cookie.starts_with("sluice_session="));
    assert!(cookie.contains("HttpOnly; SameSite=Lax") && !cookie.contains("Secure"), "{cookie}");
    assert_eq!(answer.headers["cache-control"], "no-store");
}

#[tokio::test]
async fn over_tls_the_cookie_is_secure() {
    let (hub, _ours) = TestHub::with_tenant().await;
    let body = json!({ "user": "admin-ours", "password": PASSWORD });
    let mut request = crate::hub::request(As::Nobody, Method::POST, "/login", Some(body));
    request.extensions_mut().insert(sluice_hub_api::OverTls);
    assert!(hub.send(request).await.headers["set-cookie"].to_str().unwrap().ends_with("; Secure"));
}

#[tokio::test]
async fn a_wrong_password_and_an_unknown_name_look_alike() {
    let (hub, _ours) = TestHub::with_tenant().await;
    let attempt = async |user: &str, password: &str| {
        hub.call(As::Nobody, Method::POST, "/login", Some(json!({ "user": user, "password": password })))
            .await
    };
    let (wrong, unknown) = (attempt("admin-ours", "nope").await, attempt("nobody", PASSWORD).await);
    assert_eq!((wrong.status, &wrong.text), (StatusCode::UNAUTHORIZED, &unknown.text));
    assert_eq!(wrong.body["type"], "wrong-login");
}

#[tokio::test]
async fn tries_are_limited_by_name() {
    let (hub, _ours) = TestHub::with_tenant().await;
    let body = json!({ "user": "somebody", "password": "guess" });
    for _ in 0..10 {
        let answer = hub.call(As::Nobody, Method::POST, "/login", Some(body.clone())).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
    }
    let answer = hub.call(As::Nobody, Method::POST, "/login", Some(body)).await;
    assert_eq!(
        (answer.status, &answer.body["type"]),
        (StatusCode::TOO_MANY_REQUESTS, &json!("too-many-logins"))
    );
    assert!(answer.headers.contains_key("retry-after"));
    hub.login("admin-ours", PASSWORD).await;
}

#[tokio::test]
async fn a_console_says_who_it_is_and_ends_its_login() {
    let (hub, ours) = TestHub::with_tenant().await;
    let me = hub.call(As::Console(&ours.admin), Method::GET, "/me", None).await;
    assert_eq!((me.status, &me.body["csrf"]), (StatusCode::OK, &json!(ours.admin.csrf)));
    let out = hub.call(As::Console(&ours.admin), Method::POST, "/logout", None).await;
    assert_eq!(out.status, StatusCode::NO_CONTENT);
    assert!(out.headers["set-cookie"].to_str().unwrap().contains("Max-Age=0"));
    let me = hub.call(As::Console(&ours.admin), Method::GET, "/me", None).await;
    assert_eq!((me.status, &me.body["type"]), (StatusCode::UNAUTHORIZED, &json!("session-expired")));
}

#[tokio::test]
async fn a_change_by_cookie_needs_the_csrf_value() {
    let (hub, ours) = TestHub::with_tenant().await;
    for csrf in ["", "0123456789abcdef0123456789abcdef"] {
        let forged = Login { csrf: csrf.into(), ..ours.admin.clone() };
        let answer =
            hub.call(As::Console(&forged), Method::POST, "/sites", Some(json!({ "name": "x" }))).await;
        assert_eq!((answer.status, &answer.body["type"]), (StatusCode::FORBIDDEN, &json!("csrf-missing")));
        let read = hub.call(As::Console(&forged), Method::GET, "/sites", None).await;
        assert_eq!(read.status, StatusCode::OK);
    }
}

#[tokio::test]
async fn a_user_who_is_locked_out_is_out_at_once() {
    let (hub, ours) = TestHub::with_tenant().await;
    let body = json!({ "name": "maria", "password": "long enough", "role": "operator" });
    let made = hub.call(As::Console(&ours.admin), Method::POST, "/users", Some(body)).await;
    assert_eq!(made.status, StatusCode::CREATED);
    let maria = hub.login("maria", "long enough").await;
    let path = format!("/users/{}", made.body["id"].as_str().unwrap());
    let changed =
        hub.call(As::Console(&ours.admin), Method::PATCH, &path, Some(json!({ "disabled": true }))).await;
    assert_eq!((changed.status, &changed.body["disabled"]), (StatusCode::OK, &json!(true)));
    assert_eq!(
        hub.call(As::Console(&maria), Method::GET, "/me", None).await.status,
        StatusCode::UNAUTHORIZED
    );
    let again = json!({ "user": "maria", "password": "long enough" });
    assert_eq!(
        hub.call(As::Nobody, Method::POST, "/login", Some(again)).await.status,
        StatusCode::UNAUTHORIZED
    );
}

#[tokio::test]
async fn an_address_that_tries_too_often_uses_up_no_names() {
    let (hub, _ours) = TestHub::with_tenant().await;
    let attempt = async |address: [u8; 4], user: &str, password: &str| {
        let body = json!({ "user": user, "password": password });
        let mut request = crate::hub::request(As::Nobody, Method::POST, "/login", Some(body));
        request.extensions_mut().insert(ConnectInfo(SocketAddr::from((address, 50_000))));
        hub.send(request).await.status
    };
    for name in 0..50 {
        let name = format!("nobody {name}");
        assert_eq!(attempt([192, 0, 2, 1], &name, "guess").await, StatusCode::UNAUTHORIZED);
    }
    for _ in 0..20 {
        let guessed = attempt([192, 0, 2, 1], "admin-ours", "guess").await;
        assert!(matches!(guessed, StatusCode::TOO_MANY_REQUESTS | StatusCode::UNAUTHORIZED), "{guessed}");
    }
    let theirs = attempt([192, 0, 2, 2], "admin-ours", PASSWORD).await;
    assert_eq!(theirs, StatusCode::OK, "who comes from elsewhere is not locked out");
}

#[tokio::test]
async fn strangers_from_many_places_do_not_keep_out_a_browser_that_was_here_before() {
    let (hub, _ours) = TestHub::with_tenant().await;
    let attempt = async |address: [u8; 4], password: &str, known: &str| {
        let body = json!({ "user": "admin-ours", "password": password });
        let mut request = crate::hub::request(As::Nobody, Method::POST, "/login", Some(body));
        request.extensions_mut().insert(ConnectInfo(SocketAddr::from((address, 50_000))));
        request.headers_mut().insert("cookie", known.parse().unwrap());
        hub.send(request).await
    };
    let cookies = |answer: &crate::hub::Answer| {
        let all = answer.headers.get_all("set-cookie").iter().map(|value| value.to_str().unwrap().to_owned());
        all.collect::<Vec<_>>()
    };
    let before = attempt([192, 0, 2, 200], PASSWORD, "").await;
    let known = cookies(&before).into_iter().find(|cookie| cookie.starts_with("sluice_known=")).unwrap();
    assert!(known.contains("Path=/api/v1/login; HttpOnly; SameSite=Strict"), "{known}");
    let known = known.split(';').next().unwrap().to_owned();
    let forged = known.replace("skn_", "skn_A");
    let mut places = 1..100;
    let locked = loop {
        // From a new place each time, with the right password but no cookie that is good.
        let stranger = places.next().expect("a few hundred guesses are too many for one name");
        let owner = attempt([192, 0, 2, stranger], PASSWORD, &forged).await;
        if owner.status != StatusCode::OK {
            break owner;
        }
        for _ in 0..10 {
            attempt([192, 0, 2, stranger], "guess", "").await;
        }
    };
    assert_eq!(locked.status, StatusCode::TOO_MANY_REQUESTS);
    assert!(places.start > 4, "a few strangers lock nobody out: {}", places.start);
    let again = attempt([192, 0, 2, 201], PASSWORD, &known).await;
    assert_eq!(again.status, StatusCode::OK);
    assert!(cookies(&again).iter().any(|cookie| cookie.starts_with("sluice_known=")));
    for _ in 0..10 {
        assert_eq!(attempt([192, 0, 2, 202], "guess", &known).await.status, StatusCode::UNAUTHORIZED);
    }
    let stolen = attempt([192, 0, 2, 203], "guess", &known).await;
    assert_eq!(stolen.status, StatusCode::TOO_MANY_REQUESTS);
}

#[tokio::test]
async fn a_name_longer_than_any_is_refused_before_it_is_remembered() {
    let (hub, _ours) = TestHub::with_tenant().await;
    let body = json!({ "user": "x".repeat(100_000), "password": "guess" });
    for _ in 0..11 {
        let answer = hub.call(As::Nobody, Method::POST, "/login", Some(body.clone())).await;
        assert_eq!(answer.body["type"], "wrong-login");
    }
}
