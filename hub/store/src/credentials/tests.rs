use super::*;
use crate::{NewDevice, testing::bench};

fn credential(n: u8, site: SiteId, kept: bool, seals: Vec<(DeviceId, Vec<u8>)>) -> NewCredential {
    NewCredential {
        id: format!("crd_{n}"),
        site,
        label: format!("no {n}"),
        username: "admin".into(),
        kept,
        seals,
    }
}

#[tokio::test]
async fn a_bank_is_tried_in_its_order_by_the_devices_it_is_sealed_to() {
    let bench = bench().await;
    let store = &bench.store;
    let other = store.fresh(DeviceId::from_uuid);
    let new = NewDevice { id: other, site: bench.site, name: "b".into(), seal_public_key: None };
    store.create_device(bench.ours, new).await.unwrap();
    for (n, kept) in [(2, true), (1, true), (3, false)] {
        let seals = vec![(bench.device, vec![n])];
        store.create_credential(bench.ours, credential(n, bench.site, kept, seals)).await.unwrap();
    }
    let listed = store.credentials(bench.ours, bench.site).await.unwrap();
    let told: Vec<_> = listed.iter().map(|one| (one.id.as_str(), one.position, one.devices.len())).collect();
    assert_eq!(told, [("crd_2", 1, 1), ("crd_1", 2, 1)]);
    let bank = store.bank(bench.ours, bench.device).await.unwrap();
    let ids: Vec<_> = bank.iter().map(|one| (one.id.as_str(), one.sealed_password.as_slice())).collect();
    assert_eq!(ids, [("crd_2", &[2u8][..]), ("crd_1", &[1])]);
    assert_eq!(store.bank(bench.ours, other).await.unwrap(), []);
    let waiting = store.sealed_credential(bench.ours, bench.device, "crd_3".into()).await.unwrap();
    assert_eq!(waiting.unwrap().sealed_password, [3]);

    assert!(store.delete_credential(bench.ours, bench.site, "crd_2".into()).await.unwrap());
    assert!(
        !store.delete_credential(bench.ours, bench.site, "crd_3".into()).await.unwrap(),
        "not in the bank"
    );
    store.drop_credentials(bench.ours, vec!["crd_1".into(), "crd_3".into()]).await.unwrap();
    let left = store.all_credentials(bench.ours).await.unwrap();
    assert_eq!(left.iter().map(|one| one.id.as_str()).collect::<Vec<_>>(), ["crd_1"]);
    assert!(store.delete_device(bench.ours, bench.device).await.unwrap(), "seals do not hold a device");
}

#[tokio::test]
async fn another_tenant_has_no_part_in_a_bank() {
    let bench = bench().await;
    let (store, theirs) = (&bench.store, bench.theirs);
    let seals = vec![(bench.device, vec![1])];
    store.create_credential(bench.ours, credential(1, bench.site, true, seals.clone())).await.unwrap();
    assert_eq!(store.credentials(theirs, bench.site).await.unwrap(), []);
    assert_eq!(store.bank(theirs, bench.device).await.unwrap(), []);
    assert_eq!(store.sealed_credential(theirs, bench.device, "crd_1".into()).await.unwrap(), None);
    assert!(!store.delete_credential(theirs, bench.site, "crd_1".into()).await.unwrap());
    let stray = store.create_credential(theirs, credential(2, bench.site, true, Vec::new())).await;
    assert!(matches!(stray, Err(StoreError::MissingReference)));
    let site = store.create_site(theirs, "x".into()).await.unwrap().id;
    let stray = store.create_credential(theirs, credential(3, site, true, seals)).await;
    assert!(matches!(stray, Err(StoreError::MissingReference)), "sealed to another tenant's device");
    assert!(store.all_credentials(theirs).await.unwrap().is_empty(), "half of it was not kept");
}

#[tokio::test]
async fn a_bank_is_bounded_and_what_nobody_kept_is_forgotten() {
    let bench = bench().await;
    let store = &bench.store;
    for n in 0..MOST_KEPT as u8 {
        store.create_credential(bench.ours, credential(n, bench.site, true, Vec::new())).await.unwrap();
    }
    let more = store.create_credential(bench.ours, credential(99, bench.site, true, Vec::new())).await;
    assert!(matches!(more, Err(StoreError::InUse)));
    store.create_credential(bench.ours, credential(100, bench.site, false, Vec::new())).await.unwrap();
    bench.raw().execute("UPDATE site_credentials SET created_at = 1", []).unwrap();
    store.purge().await.unwrap();
    assert_eq!(store.all_credentials(bench.ours).await.unwrap().len(), MOST_KEPT as usize);
}
