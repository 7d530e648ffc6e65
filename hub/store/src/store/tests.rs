use super::*;
use crate::{Bootstrap, NewApiToken, NewUser, PageOf, Scope, User, UserRole, testing::bench};

fn person(name: &str) -> NewUser {
    NewUser { name: name.into(), password_hash: "$argon2id$…".into(), role: UserRole::Operator }
}

#[tokio::test]
async fn writes_that_wait_together_share_a_commit_and_one_failure_undoes_itself_alone() {
    let bench = bench().await;
    let writes = (0..300).map(|n| {
        let (store, tenant) = (bench.store.clone(), bench.ours);
        // Every tenth name is taken by the one before it.
        let name = if n % 10 == 9 { format!("u{}", n - 1) } else { format!("u{n}") };
        async move { store.create_user(tenant, person(&name)).await }
    });
    let results = futures(writes).await;
    let refused = results.iter().filter(|result| matches!(result, Err(StoreError::Exists))).count();
    let made = results.iter().filter(|result| result.is_ok()).count();
    assert_eq!((made, refused), (270, 30));
    let page = bench.store.users(bench.ours, PageOf::first(1000)).await.unwrap();
    assert_eq!(page.items.len(), 270);
}

/// Polls all of them at once and keeps their order.
async fn futures<F: Future<Output = Result<User, StoreError>>>(
    all: impl Iterator<Item = F>,
) -> Vec<Result<User, StoreError>> {
    let mut all: Vec<_> = all.map(|future| (Box::pin(future), None)).collect();
    std::future::poll_fn(|cx| {
        for (future, done) in &mut all {
            if done.is_none()
                && let std::task::Poll::Ready(result) = future.as_mut().poll(cx)
            {
                *done = Some(result);
            }
        }
        if all.iter().all(|(_, done)| done.is_some()) {
            std::task::Poll::Ready(())
        } else {
            std::task::Poll::Pending
        }
    })
    .await;
    all.into_iter().filter_map(|(_, done)| done).collect()
}

#[tokio::test]
async fn a_write_that_panics_is_undone_and_the_store_lives_on() {
    let bench = bench().await;
    let tenant = bench.ours;
    let panicked: Result<(), _> = bench
        .store
        .write(move |connection| {
            crate::page::run(connection, "DELETE FROM devices WHERE tenant_id = ?1", [tenant.to_string()])?;
            panic!("a bug");
        })
        .await;
    assert!(matches!(panicked, Err(StoreError::Unavailable)));
    assert_eq!(bench.store.registry().await.unwrap().devices.len(), 1);
    assert!(bench.store.create_site(tenant, "yard".into()).await.is_ok());
}

#[tokio::test]
async fn what_was_answered_is_there_after_a_restart() {
    let bench = bench().await;
    let path = bench.dir.path().join("hub.db");
    let again = Store::open(&path, Clock::system()).unwrap();
    assert_eq!(again.registry().await.unwrap().devices[0].0.id, bench.device);
    assert_eq!(again.tenants().await.unwrap().len(), 2);
}

#[tokio::test]
async fn the_database_is_its_owners_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let bench = bench().await;
    for file in ["hub.db", "hub.db-wal"] {
        let mode = std::fs::metadata(bench.dir.path().join(file)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{file}");
    }
}

#[tokio::test]
async fn a_file_that_is_no_database_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("hub.db");
    std::fs::write(&path, vec![7; 4096]).unwrap();
    assert!(Store::open(&path, Clock::system()).is_err());
}

#[tokio::test]
async fn the_first_start_makes_a_tenant_and_its_administrator_once() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(&dir.path().join("hub.db"), Clock::system()).unwrap();
    assert_eq!(store.default_tenant().await.unwrap(), None);
    let first = Bootstrap {
        tenant_name: "Default".into(),
        admin_name: "admin".into(),
        admin_password_hash: "$argon2id$…".into(),
    };
    let made = store.bootstrap(first.clone()).await.unwrap();
    let admin = store.user_by_name("admin".into()).await.unwrap().unwrap();
    assert_eq!((made.admin, admin.role), (Some(admin.id), UserRole::Admin));
    let again = store.bootstrap(first).await.unwrap();
    assert_eq!((again.tenant, again.admin), (made.tenant, None));
    let node = store.ensure_node(made.tenant, "local".into()).await.unwrap();
    assert_eq!(store.ensure_node(made.tenant, "local".into()).await.unwrap(), node);
    assert_eq!(store.nodes().await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_login_ends_with_its_time_its_user_and_its_password() {
    let bench = bench().await;
    let (store, tenant) = (&bench.store, bench.ours);
    let user = store.create_user(tenant, person("maria")).await.unwrap().id;
    let later = store.now().plus(Duration::from_secs(60));
    let login =
        async |byte: u8, until| store.create_console_session([byte; 32], tenant, user, until).await.unwrap();
    let found = async |byte: u8| store.console_session([byte; 32]).await.unwrap().is_some();

    login(1, later).await;
    login(2, store.now()).await;
    assert_eq!((found(1).await, found(2).await), (true, false));
    store.touch_console_session([2; 32], later).await.unwrap();
    assert!(found(2).await);
    assert!(store.delete_console_session([2; 32]).await.unwrap());
    assert!(!store.delete_console_session([2; 32]).await.unwrap());

    store.set_user_disabled(tenant, user, true).await.unwrap();
    assert!(!found(1).await);
    store.set_user_disabled(tenant, user, false).await.unwrap();
    login(3, later).await;
    assert!(store.set_password_hash(tenant, user, "other".into()).await.unwrap());
    assert!(!found(3).await);
    login(4, later).await;
    assert!(store.delete_user(tenant, user).await.unwrap());
    assert!(!found(4).await);
}

#[tokio::test]
async fn an_api_token_is_found_by_its_hash_until_it_ends() {
    let bench = bench().await;
    let (store, tenant) = (&bench.store, bench.ours);
    let new = |byte: u8, expires_at| NewApiToken {
        token_hash: [byte; 32],
        name: "wall".into(),
        scopes: vec![Scope::Play, Scope::Read],
        created_by: None,
        expires_at,
    };
    let token = store.create_api_token(tenant, new(1, None)).await.unwrap();
    store.create_api_token(tenant, new(2, Some(store.now()))).await.unwrap();
    assert!(matches!(store.create_api_token(tenant, new(1, None)).await, Err(StoreError::Exists)));
    assert_eq!(store.api_token_by_hash([1; 32]).await.unwrap(), Some(token.clone()));
    assert_eq!(store.api_token_by_hash([2; 32]).await.unwrap(), None);
    assert_eq!(store.api_token(tenant, token.id).await.unwrap(), Some(token.clone()));
    assert_eq!(store.api_token(bench.theirs, token.id).await.unwrap(), None);

    store.touch_api_token(token.id).await.unwrap();
    let page = store.api_tokens(tenant, PageOf::first(1)).await.unwrap();
    assert_eq!(page.next, Some(page.items[0].id));
    // Ids of one millisecond sort by chance.
    let all = store.api_tokens(tenant, PageOf::first(10)).await.unwrap().items;
    assert!(all.iter().any(|listed| listed.id == token.id && listed.last_used_at.is_some()));
    assert!(!store.revoke_api_token(bench.theirs, token.id).await.unwrap());
    assert!(store.revoke_api_token(tenant, token.id).await.unwrap());
    assert_eq!(store.api_token_by_hash([1; 32]).await.unwrap(), None);
}

#[tokio::test]
async fn origins_and_settings_belong_to_a_tenant() {
    let bench = bench().await;
    let (store, ours) = (&bench.store, bench.ours);
    store
        .set_allowed_origins(ours, vec!["https://b.example".into(), "https://a.example".into()])
        .await
        .unwrap();
    store.set_allowed_origins(ours, vec!["https://a.example".into()]).await.unwrap();
    assert_eq!(store.allowed_origins(ours).await.unwrap(), ["https://a.example"]);
    assert!(store.allowed_origins(bench.theirs).await.unwrap().is_empty());
    assert_eq!(store.all_allowed_origins().await.unwrap(), [(ours, "https://a.example".to_owned())]);
    store.set_setting(ours, "theme", "dark".into()).await.unwrap();
    store.set_setting(ours, "theme", "light".into()).await.unwrap();
    assert_eq!(store.setting(ours, "theme").await.unwrap().as_deref(), Some("light"));
    assert_eq!(store.setting(bench.theirs, "theme").await.unwrap(), None);
}

#[tokio::test]
async fn an_idempotency_key_answers_the_same_request_the_same() {
    use crate::{IdempotencyKey, IdempotencyState as State};
    let bench = bench().await;
    let store = &bench.store;
    let key = IdempotencyKey { tenant: bench.ours, principal: "usr_1".into(), key: "k".into() };
    let begin =
        async |key: &IdempotencyKey, byte: u8| store.begin_idempotent(key.clone(), [byte; 32]).await.unwrap();
    assert_eq!(begin(&key, 1).await, State::Fresh);
    assert_eq!(begin(&key, 1).await, State::InProgress);
    assert_eq!(begin(&key, 2).await, State::Mismatch);
    store.abandon_idempotent(key.clone()).await.unwrap();
    assert_eq!(begin(&key, 1).await, State::Fresh);
    store.finish_idempotent(key.clone(), 201, b"{}".to_vec()).await.unwrap();
    store.abandon_idempotent(key.clone()).await.unwrap();
    assert_eq!(begin(&key, 1).await, State::Done { status: 201, body: b"{}".to_vec() });
    let other = IdempotencyKey { principal: "usr_2".into(), ..key.clone() };
    assert_eq!(begin(&other, 2).await, State::Fresh);
    bench.raw().execute("UPDATE idempotency_keys SET created_at = created_at - 90000000", []).unwrap();
    store.purge().await.unwrap();
    assert_eq!(begin(&key, 2).await, State::Fresh);
}
