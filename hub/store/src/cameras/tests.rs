use super::*;
use crate::{DayTime, NewDevice, SiteChange, WarmWindow, Weekday, testing::bench};

#[tokio::test]
async fn a_camera_reads_back_as_it_was_made_and_its_device_has_more_to_do() {
    let bench = bench().await;
    let store = &bench.store;
    let camera = store.create_camera(bench.ours, bench.new_camera()).await.unwrap();
    assert_eq!(camera.tiers.iter().map(|tier| tier.tier).collect::<Vec<_>>(), [Tier::Main, Tier::Sub]);
    assert_eq!(store.camera(bench.ours, camera.id).await.unwrap(), Some(camera.clone()));
    let (device, cameras) = store.device_with_cameras(bench.device).await.unwrap().unwrap();
    assert_eq!((device.desired_generation, &cameras), (2, &vec![camera.clone()]));
    let beside = NewCamera { via: Via::Node, ..bench.new_camera() };
    let beside = store.create_camera(bench.ours, beside).await.unwrap();
    let registry = store.registry().await.unwrap();
    assert_eq!((registry.devices, registry.node_cameras), (vec![(device, cameras)], vec![beside]));
}

#[tokio::test]
async fn every_change_grows_the_generation_of_every_device_concerned() {
    let bench = bench().await;
    let store = &bench.store;
    let other = store.fresh(DeviceId::from_uuid);
    let new = NewDevice { id: other, site: bench.site, name: "b".into(), seal_public_key: Some(vec![9; 32]) };
    store.create_device(bench.ours, new).await.unwrap();
    let camera = store.create_camera(bench.ours, bench.new_camera()).await.unwrap().id;
    let generations = async || {
        let of =
            async |device| store.device_with_cameras(device).await.unwrap().unwrap().0.desired_generation;
        (of(bench.device).await, of(other).await)
    };
    assert_eq!(generations().await, (2, 1));
    let rename = CameraChange { name: Some("door".into()), ..CameraChange::default() };
    let renamed = store.update_camera(bench.ours, camera, rename).await.unwrap().unwrap();
    assert_eq!((renamed.name.as_str(), renamed.tiers.len()), ("door", 2));
    assert_eq!(generations().await, (3, 1));

    let via = Some(Via::Device(other));
    let moved = CameraChange { via, ..CameraChange::default() };
    let refused = store.update_camera(bench.ours, camera, moved.clone()).await;
    assert!(matches!(refused, Err(StoreError::SealedElsewhere)));
    assert_eq!(generations().await, (3, 1));
    let sealed_password = Some(Some(vec![4]));
    let moved = CameraChange { sealed_password, ..moved };
    let after = store.update_camera(bench.ours, camera, moved).await.unwrap().unwrap();
    assert_eq!((after.via, after.sealed_password), (Via::Device(other), Some(vec![4])));
    assert_eq!(generations().await, (4, 2));

    let tiers =
        Some(vec![CameraTier { tier: Tier::Sub, url: "rtsp://10.0.0.3/".into(), profile: String::new() }]);
    let one_tier = CameraChange { tiers, username: Some(None), ..CameraChange::default() };
    store.update_camera(bench.ours, camera, one_tier).await.unwrap();
    let kept = store.camera(bench.ours, camera).await.unwrap().unwrap();
    assert_eq!((kept.tiers.len(), kept.username), (1, None));
    assert!(store.delete_camera(bench.ours, camera).await.unwrap().is_some());
    assert_eq!(generations().await, (4, 4));
    assert!(store.camera(bench.ours, camera).await.unwrap().is_none());
}

#[tokio::test]
async fn a_list_is_walked_by_its_cursor() {
    let bench = bench().await;
    let store = &bench.store;
    let mut made = Vec::new();
    for _ in 0..5 {
        made.push(store.create_camera(bench.ours, bench.new_camera()).await.unwrap().id);
    }
    made.sort();
    let mut seen = Vec::new();
    let mut after = None;
    loop {
        let page = store.cameras(bench.ours, Some(bench.site), PageOf { after, limit: 2 }).await.unwrap();
        assert!(page.items.iter().all(|camera| camera.tiers.len() == 2));
        seen.extend(page.items.iter().map(|camera| camera.id));
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(seen, made);
    let elsewhere = store.create_site(bench.ours, "empty".into()).await.unwrap().id;
    let empty = store.cameras(bench.ours, Some(elsewhere), PageOf::first(10)).await.unwrap();
    assert_eq!((empty.items, empty.next), (Vec::new(), None));
}

#[tokio::test]
async fn another_tenant_sees_and_changes_nothing() {
    let bench = bench().await;
    let (store, theirs) = (&bench.store, bench.theirs);
    let camera = store.create_camera(bench.ours, bench.new_camera()).await.unwrap().id;
    let rename = CameraChange { name: Some("x".into()), ..CameraChange::default() };
    assert_eq!(store.camera(theirs, camera).await.unwrap(), None);
    assert!(store.cameras_by_ids(theirs, vec![camera]).await.unwrap().is_empty());
    assert!(store.cameras(theirs, None, PageOf::first(10)).await.unwrap().items.is_empty());
    assert_eq!(store.update_camera(theirs, camera, rename).await.unwrap(), None);
    assert_eq!(store.delete_camera(theirs, camera).await.unwrap(), None);
    assert_eq!(store.site(theirs, bench.site).await.unwrap(), None);
    let change = SiteChange { name: Some("x".into()), warm: Some(Warm::All), ..SiteChange::default() };
    assert_eq!(store.change_site(theirs, bench.site, change).await.unwrap(), None);
    assert!(!store.delete_site(theirs, bench.site).await.unwrap());
    assert_eq!(store.device(theirs, bench.device).await.unwrap(), None);
    assert_eq!(store.rename_device(theirs, bench.device, "x".into()).await.unwrap(), None);
    assert!(!store.revoke_device(theirs, bench.device).await.unwrap());
    assert!(!store.delete_device(theirs, bench.device).await.unwrap());
    assert_eq!(store.camera(bench.ours, camera).await.unwrap().unwrap().name, "gate");
    // Not even by reference: their camera cannot hang at our site or on our device.
    let stray = store.create_camera(theirs, bench.new_camera()).await;
    assert!(matches!(stray, Err(StoreError::MissingReference)));
}

#[tokio::test]
async fn what_is_in_use_is_not_deleted() {
    let bench = bench().await;
    let (store, ours) = (&bench.store, bench.ours);
    let camera = store.create_camera(ours, bench.new_camera()).await.unwrap();
    let twice = NewCamera { id: camera.id, ..bench.new_camera() };
    assert!(matches!(store.create_camera(ours, twice).await, Err(StoreError::Exists)));
    assert!(matches!(store.delete_device(ours, bench.device).await, Err(StoreError::InUse)));
    assert!(matches!(store.delete_site(ours, bench.site).await, Err(StoreError::InUse)));
    store.delete_camera(ours, camera.id).await.unwrap();
    assert!(store.delete_device(ours, bench.device).await.unwrap());
    assert!(store.delete_site(ours, bench.site).await.unwrap());
}

#[tokio::test]
async fn a_device_tells_its_key_and_version_and_can_be_shut_out() {
    let bench = bench().await;
    let store = &bench.store;
    store.device_said_hello(bench.device, "0.1.0".into(), vec![7; 32]).await.unwrap();
    store.device_said_hello(bench.device, "0.1.1".into(), vec![7; 3]).await.unwrap();
    let device = store.device_by_id(bench.device).await.unwrap().unwrap();
    assert_eq!((device.version.as_deref(), device.seal_public_key), (Some("0.1.1"), Some(vec![7; 32])));
    store.devices_seen(vec![bench.device]).await.unwrap();
    assert!(store.revoke_device(bench.ours, bench.device).await.unwrap());
    let page = store.devices(bench.ours, PageOf::first(10)).await.unwrap();
    assert!(page.items[0].revoked_at.is_some() && page.items[0].last_seen_at.is_some());
}

#[tokio::test]
async fn a_camera_keeps_what_its_owner_laid_down() {
    let bench = bench().await;
    let store = &bench.store;
    let camera = store.create_camera(bench.ours, bench.new_camera()).await.unwrap();
    assert!(camera.enabled && camera.pins == Pins::default());
    let pins = Pins { protocol: Some("webrtc".into()), tier: Some(Tier::Main) };
    let change = CameraChange { enabled: Some(false), pins: Some(pins.clone()), ..CameraChange::default() };
    store.update_camera(bench.ours, camera.id, change).await.unwrap();
    let kept = store.camera(bench.ours, camera.id).await.unwrap().unwrap();
    assert_eq!((kept.enabled, kept.pins), (false, pins));
}

#[tokio::test]
async fn nodes_that_moved_give_every_device_something_to_do() {
    let bench = bench().await;
    let store = &bench.store;
    assert!(store.note_nodes("node_1 10.0.0.1:14433".into()).await.unwrap());
    assert!(!store.note_nodes("node_1 10.0.0.1:14433".into()).await.unwrap());
    assert!(store.note_nodes("node_1 10.0.0.9:14433".into()).await.unwrap());
    assert_eq!(store.device_by_id(bench.device).await.unwrap().unwrap().desired_generation, 3);
}

#[tokio::test]
async fn cameras_that_follow_their_sites_warm_policy_change_with_it() {
    let bench = bench().await;
    let (store, ours) = (&bench.store, bench.ours);
    let follower = NewCamera { warm: None, ..bench.new_camera() };
    let follower = store.create_camera(ours, follower).await.unwrap();
    let own = store.create_camera(ours, bench.new_camera()).await.unwrap();
    assert_eq!((follower.warm, follower.warm_of_site), (Warm::Sub, true));
    let generation = async || store.device_by_id(bench.device).await.unwrap().unwrap().desired_generation;
    let before = generation().await;
    let site = store.change_site(ours, bench.site, to_all()).await.unwrap().unwrap();
    assert_eq!((site.warm, site.name.as_str()), (Warm::All, "dock"));
    let warm = async |id| store.camera(ours, id).await.unwrap().unwrap().warm;
    assert_eq!((warm(follower.id).await, warm(own.id).await), (Warm::All, Warm::Sub));
    assert_eq!(generation().await, before + 1);
    let renamed = SiteChange { name: Some("yard".into()), ..to_all() };
    store.change_site(ours, bench.site, renamed).await.unwrap();
    assert_eq!(generation().await, before + 1, "nothing to do about a name");

    let follow = CameraChange { warm: Some(None), ..CameraChange::default() };
    assert_eq!(store.update_camera(ours, own.id, follow).await.unwrap().unwrap().warm, Warm::All);
    let leave = CameraChange { warm: Some(Some(Warm::None)), ..CameraChange::default() };
    let left = store.update_camera(ours, own.id, leave).await.unwrap().unwrap();
    assert_eq!((left.warm, left.warm_of_site), (Warm::None, false));
    let elsewhere = store.create_site(ours, "shed".into()).await.unwrap().id;
    let moved = CameraChange { site: Some(elsewhere), ..CameraChange::default() };
    assert_eq!(store.update_camera(ours, follower.id, moved).await.unwrap().unwrap().warm, Warm::Sub);
}

#[tokio::test]
async fn a_password_that_is_given_anew_is_bound_to_the_camera() {
    let bench = bench().await;
    let (store, ours) = (&bench.store, bench.ours);
    let new = NewCamera { sealed_as: "crd_1".into(), ..bench.new_camera() };
    let camera = store.create_camera(ours, new).await.unwrap();
    let named = CameraChange { session_budget: Some(2), ..CameraChange::default() };
    let named = store.update_camera(ours, camera.id, named).await.unwrap().unwrap();
    assert_eq!((named.sealed_as.as_str(), named.session_budget), ("crd_1", 2));
    let again = CameraChange { sealed_password: Some(Some(vec![5])), ..CameraChange::default() };
    store.update_camera(ours, camera.id, again).await.unwrap();
    let kept = store.camera(ours, camera.id).await.unwrap().unwrap();
    assert_eq!((kept.sealed_as.as_str(), kept.tiers[0].profile.as_str()), ("", "P1"));
}

fn to_all() -> SiteChange {
    SiteChange { warm: Some(Warm::All), ..SiteChange::default() }
}

fn mornings(warm: Warm) -> WarmSchedule {
    let time = |text: &str| text.parse::<DayTime>().unwrap();
    let (days, from, to) = (vec![Weekday::Mon], time("07:30"), time("12:00"));
    WarmSchedule::new(vec![WarmWindow { days, from, to, warm }]).unwrap()
}

#[tokio::test]
async fn a_camera_follows_its_sites_schedule_or_has_its_own() {
    let bench = bench().await;
    let (store, ours) = (&bench.store, bench.ours);
    let follower = NewCamera { warm: None, ..bench.new_camera() };
    let follower = store.create_camera(ours, follower).await.unwrap().id;
    let own = store.create_camera(ours, bench.new_camera()).await.unwrap().id;
    let rule = SiteChange {
        time_zone: Some("America/Sao_Paulo".into()),
        warm_schedule: Some(mornings(Warm::Main)),
        ..SiteChange::default()
    };
    let site = store.change_site(ours, bench.site, rule.clone()).await.unwrap().unwrap();
    assert_eq!(Some(&site), store.site(ours, bench.site).await.unwrap().as_ref());
    assert_eq!((site.warm, site.warm_schedule), (Warm::Sub, mornings(Warm::Main)));
    let read = async |id| store.camera(ours, id).await.unwrap().unwrap();
    assert_eq!(read(follower).await.warm_schedule, mornings(Warm::Main));
    let (theirs, zone) = (read(own).await.warm_schedule, read(own).await.time_zone);
    assert_eq!((theirs.is_empty(), zone.as_str()), (true, "America/Sao_Paulo"));

    let change = CameraChange { warm_schedule: Some(mornings(Warm::None)), ..CameraChange::default() };
    let changed = store.update_camera(ours, own, change.clone()).await.unwrap().unwrap();
    assert_eq!((changed.warm, &changed.warm_schedule), (Warm::Sub, &mornings(Warm::None)));
    assert_eq!(read(own).await, changed);
    let followed = store.update_camera(ours, follower, change).await.unwrap().unwrap();
    assert_eq!(followed.warm_schedule, mornings(Warm::Main), "who follows has none of its own");
    let leave = CameraChange { warm: Some(Some(Warm::All)), ..CameraChange::default() };
    let left = store.update_camera(ours, follower, leave).await.unwrap().unwrap();
    assert!(left.warm_schedule.is_empty() && read(follower).await == left);
    let follow = CameraChange { warm: Some(None), ..CameraChange::default() };
    store.update_camera(ours, own, follow).await.unwrap();
    let registry = store.registry().await.unwrap().devices.remove(0).1;
    let followed = registry.iter().find(|camera| camera.id == own).unwrap();
    assert_eq!(followed.warm_schedule, mornings(Warm::Main), "its own is gone");
}

#[tokio::test]
async fn the_policy_at_work_is_written_once_and_then_its_device_has_more_to_do() {
    let bench = bench().await;
    let (store, ours) = (&bench.store, bench.ours);
    let follower = NewCamera { warm: None, ..bench.new_camera() };
    let camera = store.create_camera(ours, follower).await.unwrap();
    let beside = NewCamera { via: Via::Node, ..bench.new_camera() };
    let beside = store.create_camera(ours, beside).await.unwrap().id;
    assert_eq!(camera.warm_now, Warm::Sub);
    let generation = async || store.device_by_id(bench.device).await.unwrap().unwrap().desired_generation;
    let before = generation().await;
    let rule = SiteChange { warm_schedule: Some(mornings(Warm::Main)), ..SiteChange::default() };
    store.change_site(ours, bench.site, rule).await.unwrap();
    assert_eq!(generation().await, before, "a window that may not be now changes nothing yet");
    let at_work = vec![(camera.id, Warm::Main), (beside, Warm::All)];
    let concerned = store.keep_warm_now(at_work.clone()).await.unwrap();
    assert_eq!(concerned, [Via::Device(bench.device), Via::Node]);
    assert_eq!(generation().await, before + 1);
    assert_eq!(store.keep_warm_now(at_work).await.unwrap(), []);
    assert_eq!(generation().await, before + 1);
    let now = async || store.camera(ours, camera.id).await.unwrap().unwrap().warm_now;
    store.change_site(ours, bench.site, to_all()).await.unwrap();
    assert_eq!((now().await, generation().await), (Warm::Main, before + 1), "the window still holds");
    let gone = SiteChange { warm_schedule: Some(WarmSchedule::default()), ..to_all() };
    store.change_site(ours, bench.site, gone).await.unwrap();
    assert_eq!((now().await, generation().await), (Warm::All, before + 2));
    let unknown = store.fresh(CameraId::from_uuid);
    assert_eq!(store.keep_warm_now(vec![(unknown, Warm::Main)]).await.unwrap(), []);
}

#[tokio::test]
async fn a_schedule_that_somebody_damaged_is_told_as_such() {
    let bench = bench().await;
    let camera = bench.store.create_camera(bench.ours, bench.new_camera()).await.unwrap().id;
    let damage = r#"UPDATE cameras SET warm_schedule = '[{"days":["someday"]}]'"#;
    bench.raw().execute(damage, []).unwrap();
    assert!(matches!(bench.store.camera(bench.ours, camera).await, Err(StoreError::Database(_))));
}
