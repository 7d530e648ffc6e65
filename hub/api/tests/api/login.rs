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
async fn a_name_longer_than_any_is_refused_before_it_is_remembered() {
    let (hub, _ours) = TestHub::with_tenant().await;
    let body = json!({ "user": "x".repeat(100_000), "password": "guess" });
    for _ in 0..11 {
        let answer = hub.call(As::Nobody, Method::POST, "/login", Some(body.clone())).await;
        assert_eq!(answer.body["type"], "wrong-login");
    }
}
