//! The clock changes what is kept warm.

use sluice_hub_store::{Warm, WarmSchedule};
use sluice_wire::control;

use super::*;

/// 00:30 to 01:00 UTC on Thursdays; the script begins on Thursday 1970-01-01 at 00:16:40.
fn scheduled(n: u8, warm_now: Warm) -> Camera {
    let text = r#"[{"days":["thu"],"from":"00:30","to":"01:00","warm":"main"}]"#;
    let warm_schedule: WarmSchedule = text.parse().unwrap();
    Camera { warm_schedule, warm_now, ..camera(n, device_id(1)) }
}

fn at_work(orders: &[Output]) -> Vec<(CameraId, Warm)> {
    let kept = orders.iter().filter_map(|order| match order {
        Output::KeepWarm(at_work) => Some(at_work.clone()),
        _ => None,
    });
    kept.flatten().collect()
}

fn told(orders: &[Output]) -> Vec<(u64, control::Warm)> {
    let told = orders.iter().filter_map(|order| match order {
        Output::SendDesired(_, desired) => Some((desired.generation, desired.cameras[0].warm)),
        _ => None,
    });
    told.collect()
}

/// Lets time pass the way the task does: never beyond what the roster waits for.
fn until(script: &mut Script, wall: UnixMillis) -> Vec<Output> {
    let mut orders = Vec::new();
    while script.now.wall < wall {
        let left = Duration::from_millis((wall.0 - script.now.wall.0).unsigned_abs());
        let next = script.roster.deadline().unwrap().duration_since(script.now.at);
        orders.extend(script.wait(next.min(left)));
    }
    orders
}

const BEGIN: UnixMillis = UnixMillis(30 * 60_000);
const END: UnixMillis = UnixMillis(60 * 60_000);

#[test]
fn a_document_changes_when_a_window_begins_and_when_it_ends_and_at_no_other_time() {
    let mut script = Script::new();
    script.up(1, 1);
    let rows = |generation, warm_now| (device(1, generation), vec![scheduled(1, warm_now)]);
    let first = script.read(vec![rows(2, Warm::Sub)]);
    assert_eq!((told(&first), at_work(&first)), (vec![(2, control::Warm::Sub)], vec![]));

    let quiet = until(&mut script, UnixMillis(BEGIN.0 - 1));
    assert_eq!((told(&quiet), at_work(&quiet)), (vec![], vec![]));
    let begun = until(&mut script, BEGIN);
    assert_eq!(at_work(&begun), [(camera_id(1), Warm::Main)]);
    assert_eq!(told(&begun), [], "first it is written, with a generation of its own");
    let written = script.feed(Input::DeviceRead(device_id(1), Some(rows(3, Warm::Main))));
    assert_eq!((told(&written), at_work(&written)), (vec![(3, control::Warm::Main)], vec![]));

    let quiet = until(&mut script, UnixMillis(END.0 - 1));
    assert_eq!((told(&quiet), at_work(&quiet)), (vec![], vec![]));
    assert_eq!(at_work(&until(&mut script, END)), [(camera_id(1), Warm::Sub)]);
}

#[test]
fn one_change_wakes_once_and_names_only_the_cameras_that_changed() {
    let mut script = Script::new();
    let mut later = scheduled(2, Warm::Sub);
    later.time_zone = "Atlantic/Azores".into();
    script.read(vec![(device(1, 2), vec![scheduled(1, Warm::Sub), later, camera(3, device_id(1))])]);
    let mut wakes = 0;
    let mut orders = Vec::new();
    while script.now.wall < BEGIN {
        let next = script.roster.deadline().unwrap().duration_since(script.now.at);
        orders.extend(script.wait(next));
        wakes += 1;
    }
    assert_eq!(at_work(&orders), [(camera_id(1), Warm::Main)]);
    assert_eq!(script.now.wall, BEGIN, "it woke at the minute itself");
    let sweeps = orders.iter().filter(|order| **order == Output::ReadRegistry).count();
    assert_eq!(wakes, sweeps + 1, "beside the sweeps");
}

#[test]
fn a_hub_that_was_away_over_a_change_makes_it_good_at_its_start() {
    let mut script = Script::new();
    script.now.wall = UnixMillis(BEGIN.0 + 60_000);
    let read = script.read(vec![(device(1, 2), vec![scheduled(1, Warm::Sub)])]);
    assert_eq!(at_work(&read), [(camera_id(1), Warm::Main)]);
}

#[test]
fn a_clock_that_is_set_is_noticed_by_the_next_sweep_and_one_that_lags_is_waited_for() {
    let mut script = Script::new();
    script.read(vec![(device(1, 2), vec![scheduled(1, Warm::Sub)])]);
    script.now.wall = BEGIN;
    assert_eq!(at_work(&script.wait(SWEEP)), [(camera_id(1), Warm::Main)], "set forward");

    let mut script = Script::new();
    script.now.wall = UnixMillis(BEGIN.0 - 5_000);
    script.read(vec![(device(1, 2), vec![scheduled(1, Warm::Sub)])]);
    for _ in 0..10 {
        let next = script.roster.deadline().unwrap();
        assert!(next > script.now.at, "it does not spin");
        script.now.at = next;
        assert_eq!(at_work(&script.feed(Input::Woke)), [], "the clock on the wall stands still");
    }
    script.now.wall = UnixMillis(BEGIN.0 - 3_600_000);
    assert_eq!(at_work(&script.wait(SWEEP)), [], "set back");
    assert_eq!(at_work(&until(&mut script, BEGIN)), [(camera_id(1), Warm::Main)]);
}

#[test]
fn a_camera_beside_the_hub_has_its_hours_too() {
    let mut script = Script::new();
    let beside = Camera { via: sluice_hub_store::Via::Node, ..scheduled(1, Warm::Sub) };
    let registry = Registry { devices: Vec::new(), node_cameras: vec![beside] };
    script.feed(Input::RegistryRead(registry));
    assert_eq!(at_work(&until(&mut script, BEGIN)), [(camera_id(1), Warm::Main)]);
}
