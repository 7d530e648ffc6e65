use std::net::{Ipv4Addr, SocketAddr};

use sluice_wire::control::{TierReport, TierState};

use super::{
    fixtures::{camera, camera_id, device, device_id},
    *,
};
use crate::state::CameraStatus;

const HERE: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 14433);

/// A roster with a clock of its own and everything it ordered since it was last asked.
struct Script {
    roster: Roster,
    now: Now,
}

impl Script {
    fn new() -> Self {
        let at = sluice_runtime::Clock::system().now();
        let node = DesiredNode { node_id: format!("node_{:032x}", 1).parse().unwrap(), address: HERE };
        let mut script = Self { roster: Roster::new(at, node), now: Now { at, wall: UnixMillis(1_000_000) } };
        assert_eq!(script.feed(Input::Woke), [Output::ReadRegistry]);
        script
    }

    /// With device 1 in the registry, which pulls camera 1.
    fn with_one() -> Self {
        let mut script = Self::new();
        script.read(vec![(device(1, 2), vec![camera(1, device_id(1))])]);
        script
    }

    fn feed(&mut self, input: Input) -> Vec<Output> {
        self.roster.handle(self.now, input);
        std::iter::from_fn(|| self.roster.poll()).collect()
    }

    fn read(&mut self, devices: Vec<(Device, Vec<Camera>)>) -> Vec<Output> {
        self.feed(Input::RegistryRead(Registry { devices, node_cameras: Vec::new() }))
    }

    fn up(&mut self, link: u64, n: u8) -> Vec<Output> {
        let device = device_id(n);
        let hello =
            EdgeHello { device_id: device, version: "1".into(), capability: 1, seal_public_key: vec![7; 32] };
        self.feed(Input::LinkUp { link: LinkId(link), device, hello, remote: HERE })
    }

    fn down(&mut self, link: u64, n: u8) -> Vec<Output> {
        self.feed(Input::LinkDown { link: LinkId(link), device: device_id(n) })
    }

    fn report(&mut self, link: u64, generation: u64, state: TierState) -> Vec<Output> {
        let tiers = vec![TierReport::new(Tier::Sub, state, UnixMillis(5))];
        let cameras = vec![CameraReport::new(camera_id(1), tiers)];
        let reported = Reported { generation, cameras, health: Vec::new() };
        self.feed(Input::Reported { link: LinkId(link), device: device_id(1), reported })
    }

    fn wait(&mut self, duration: Duration) -> Vec<Output> {
        self.now.at += duration;
        self.now.wall = self.now.wall.plus(duration);
        self.feed(Input::Woke)
    }
}

fn documents(orders: &[Output]) -> Vec<(u64, u64, usize)> {
    orders
        .iter()
        .filter_map(|order| match order {
            Output::SendDesired(link, desired) => Some((link.0, desired.generation, desired.cameras.len())),
            _ => None,
        })
        .collect()
}

fn statuses(orders: &[Output]) -> Vec<(CameraStatus, bool)> {
    orders
        .iter()
        .filter_map(|order| match order {
            Output::Camera { state, news } => Some((state.status, *news)),
            _ => None,
        })
        .collect()
}

fn assigned(orders: &[Output]) -> Option<Vec<CameraId>> {
    orders.iter().find_map(|order| match order {
        Output::Assign(list) => Some(list.iter().map(|assignment| assignment.camera).collect()),
        _ => None,
    })
}

#[test]
fn a_device_that_comes_is_told_what_to_do_and_its_cameras_follow_its_reports() {
    let mut script = Script::new();
    let orders = script.read(vec![(device(1, 2), vec![camera(1, device_id(1))])]);
    assert_eq!(statuses(&orders), [(CameraStatus::Offline, true)]);
    assert_eq!(assigned(&orders), Some(vec![camera_id(1)]));

    let orders = script.up(1, 1);
    assert_eq!(documents(&orders), [(1, 2, 1)]);
    assert_eq!(statuses(&orders), [(CameraStatus::Opening, true)]);
    assert!(orders.iter().any(|order| matches!(order, Output::KeepHello { .. })));

    assert_eq!(statuses(&script.report(1, 2, TierState::Warm)), [(CameraStatus::Ready, true)]);
    assert_eq!(script.report(1, 2, TierState::Warm), []);
    let orders = script.down(1, 1);
    assert_eq!(statuses(&orders), [(CameraStatus::Offline, true)]);
    assert!(orders.contains(&Output::KeepSeen(vec![device_id(1)])));
}

#[test]
fn a_device_that_comes_before_the_registry_was_read_is_told_when_it_was() {
    let mut script = Script::new();
    assert_eq!(documents(&script.up(1, 1)), []);
    let row = (device(1, 2), vec![camera(1, device_id(1))]);
    assert_eq!(documents(&script.read(vec![row])), [(1, 2, 1)]);
}

#[test]
fn a_change_in_the_registry_is_sent_once() {
    let mut script = Script::with_one();
    script.up(1, 1);
    assert_eq!(script.feed(Input::DeviceChanged(device_id(1))), [Output::ReadDevice(device_id(1))]);
    let row = Some((device(1, 3), vec![camera(1, device_id(1)), camera(2, device_id(1))]));
    let orders = script.feed(Input::DeviceRead(device_id(1), row.clone()));
    assert_eq!(documents(&orders), [(1, 3, 2)]);
    assert_eq!(assigned(&orders), Some(vec![camera_id(1), camera_id(2)]));
    assert_eq!(script.feed(Input::DeviceRead(device_id(1), row)), []);
}

#[test]
fn a_document_that_the_device_does_not_act_on_is_sent_again() {
    let mut script = Script::with_one();
    script.up(1, 1);
    script.report(1, 1, TierState::Off);
    let row = (device(1, 2), vec![camera(1, device_id(1))]);
    // The sweep that follows a full interval finds the lag; reading the registry sends again.
    script.wait(SWEEP);
    assert_eq!(documents(&script.read(vec![row.clone()])), [(1, 2, 1)]);
    script.report(1, 2, TierState::Off);
    script.wait(SWEEP);
    assert_eq!(documents(&script.read(vec![row])), []);
}

#[test]
fn every_sweep_reads_the_registry_and_notes_who_is_there() {
    let mut script = Script::with_one();
    script.up(1, 1);
    assert_eq!(script.wait(SWEEP / 2), []);
    let orders = script.wait(SWEEP / 2);
    assert_eq!(orders, [Output::ReadRegistry, Output::KeepSeen(vec![device_id(1)])]);
    assert_eq!(script.roster.deadline(), Some(script.now.at + SWEEP));
}

#[test]
fn the_newest_link_speaks_for_a_device() {
    let mut script = Script::with_one();
    script.up(1, 1);
    let orders = script.up(2, 1);
    assert!(orders.iter().any(|order| matches!(order, Output::CloseLink(LinkId(1), CloseCode::Replaced, _))));
    assert_eq!(documents(&orders), [(2, 2, 1)]);
    assert_eq!(script.report(1, 2, TierState::Warm), []);
    assert_eq!(script.down(1, 1), []);
    assert_eq!(statuses(&script.report(2, 2, TierState::Warm)), [(CameraStatus::Ready, true)]);
}

#[test]
fn a_revoked_device_is_denied_and_serves_nothing() {
    let mut script = Script::with_one();
    script.up(1, 1);
    let mut row = device(1, 2);
    row.revoked_at = Some(UnixMillis(1));
    let cameras = vec![camera(1, device_id(1))];
    let orders = script.feed(Input::DeviceRead(device_id(1), Some((row, cameras.clone()))));
    assert!(orders.contains(&Output::Deny(device_id(1), true)));
    assert!(orders.iter().any(|order| matches!(order, Output::CloseLink(LinkId(1), CloseCode::Denied, _))));
    assert_eq!(statuses(&orders), [(CameraStatus::Offline, true)]);
    assert_eq!(assigned(&orders), Some(vec![]));
    script.down(1, 1);
    let orders = script.feed(Input::DeviceRead(device_id(1), Some((device(1, 2), cameras))));
    assert!(orders.contains(&Output::Deny(device_id(1), false)));
    assert_eq!(assigned(&orders), Some(vec![camera_id(1)]));
}

#[test]
fn a_device_that_is_not_in_the_registry_loses_its_link() {
    let mut script = Script::with_one();
    script.up(1, 2);
    let orders = script.feed(Input::DeviceRead(device_id(2), None));
    assert!(orders.iter().any(|order| matches!(order, Output::CloseLink(LinkId(1), CloseCode::Denied, _))));

    script.up(3, 1);
    let orders = script.read(vec![]);
    assert!(orders.iter().any(|order| matches!(order, Output::CloseLink(LinkId(3), CloseCode::Denied, _))));
    assert!(orders.iter().any(|order| matches!(order, Output::CameraGone(_))));
    assert!(orders.iter().any(|order| matches!(order, Output::DeviceGone(_))));
    assert_eq!(assigned(&orders), Some(vec![]));
}

#[test]
fn a_camera_that_moves_to_another_device_is_never_gone() {
    let mut script = Script::new();
    let at = |n: u8| vec![(device(1, 1), of(n, 1)), (device(2, 1), of(n, 2))];
    fn of(holder: u8, n: u8) -> Vec<Camera> {
        if holder == n { vec![camera(1, device_id(n))] } else { Vec::new() }
    }
    script.read(at(1));
    for holder in [2, 1, 2] {
        let orders = script.read(at(holder));
        assert!(!orders.iter().any(|order| matches!(order, Output::CameraGone(_))), "{orders:?}");
        let shown = orders.iter().find_map(|order| match order {
            Output::Camera { state, .. } => state.device,
            _ => None,
        });
        assert_eq!(shown, Some(device_id(holder)));
    }
}

#[test]
fn a_disabled_camera_is_neither_pulled_nor_assigned() {
    let mut script = Script::with_one();
    script.up(1, 1);
    let mut disabled = camera(1, device_id(1));
    disabled.enabled = false;
    let orders = script.feed(Input::DeviceRead(device_id(1), Some((device(1, 3), vec![disabled]))));
    assert_eq!(documents(&orders), [(1, 3, 0)]);
    assert_eq!(assigned(&orders), Some(vec![]));
    assert_eq!(statuses(&orders), [(CameraStatus::Off, true)]);
}

fn pulled(orders: &[Output]) -> Option<Vec<CameraId>> {
    orders.iter().find_map(|order| match order {
        Output::Pull(list) => Some(list.iter().map(|camera| camera.camera_id).collect()),
        _ => None,
    })
}

#[test]
fn a_camera_that_the_node_pulls_is_desired_assigned_and_follows_its_reports() {
    let mut script = Script::new();
    let mut beside = camera(9, device_id(1));
    beside.via = sluice_hub_store::Via::Node;
    let list =
        |cameras: Vec<Camera>| Input::RegistryRead(Registry { devices: vec![], node_cameras: cameras });
    let orders = script.feed(list(vec![beside.clone()]));
    assert_eq!((pulled(&orders), assigned(&orders)), (Some(vec![camera_id(9)]), Some(vec![camera_id(9)])));
    assert_eq!(statuses(&orders), [(CameraStatus::Opening, true)]);
    assert_eq!(script.feed(list(vec![beside.clone()])), []);

    let report = |state| {
        let tiers = vec![TierReport::new(Tier::Sub, state, UnixMillis(5))];
        Input::NodeReported(vec![CameraReport::new(camera_id(9), tiers)])
    };
    assert_eq!(statuses(&script.feed(report(TierState::Warm))), [(CameraStatus::Ready, true)]);
    assert_eq!(script.feed(report(TierState::Warm)), []);
    assert_eq!(statuses(&script.feed(report(TierState::Resting))), [(CameraStatus::Trouble, true)]);

    let mut disabled = beside.clone();
    disabled.enabled = false;
    let orders = script.feed(list(vec![disabled]));
    assert_eq!((pulled(&orders), assigned(&orders)), (Some(vec![]), Some(vec![])));
    script.feed(list(vec![beside]));
    let orders = script.feed(list(vec![]));
    assert!(orders.iter().any(|order| matches!(order, Output::CameraGone(_))));
    assert_eq!((pulled(&orders), assigned(&orders)), (Some(vec![]), Some(vec![])));
}

#[test]
fn a_camera_that_moves_between_a_device_and_the_node_is_not_gone() {
    let mut script = Script::with_one();
    let mut beside = camera(1, device_id(1));
    beside.via = sluice_hub_store::Via::Node;
    let on_node = Registry { devices: vec![(device(1, 3), vec![])], node_cameras: vec![beside] };
    let orders = script.feed(Input::RegistryRead(on_node));
    assert!(!orders.iter().any(|order| matches!(order, Output::CameraGone(_))), "{orders:?}");
    assert!(pulled(&orders) == Some(vec![camera_id(1)]) && assigned(&orders) == Some(vec![camera_id(1)]));
    let orders = script.read(vec![(device(1, 4), vec![camera(1, device_id(1))])]);
    assert!(!orders.iter().any(|order| matches!(order, Output::CameraGone(_))), "{orders:?}");
    assert_eq!(pulled(&orders), Some(vec![]));
}

#[test]
fn a_key_frame_is_asked_of_the_device_that_has_the_camera() {
    let mut script = Script::with_one();
    let wanted = || Input::KeyFrameWanted(camera_id(1), Tier::Sub);
    assert_eq!(script.feed(wanted()), []);
    script.up(1, 1);
    assert_eq!(script.feed(wanted()), [Output::SendKeyFrame(LinkId(1), camera_id(1), Tier::Sub)]);
}

mod hours;
mod told;

mod model {
    use proptest::prelude::*;

    use super::*;

    #[derive(Debug, Clone)]
    enum Step {
        Up(u8),
        Down(u8),
        Report(u8),
        Registry(u8),
        Wait,
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            (1..3u8).prop_map(Step::Up),
            (1..3u8).prop_map(Step::Down),
            (1..3u8).prop_map(Step::Report),
            (0..8u8).prop_map(Step::Registry),
            Just(Step::Wait),
        ]
    }

    /// Bits: device 1 and device 2 are in the registry, and camera 1 is at device 2.
    fn rows(bits: u8, generation: u64) -> Vec<(Device, Vec<Camera>)> {
        let holder = if bits & 4 == 0 { 1 } else { 2 };
        let cameras = |n| if n == holder { vec![camera(1, device_id(n))] } else { Vec::new() };
        let listed = |n: u8| bits & n != 0;
        [1, 2].into_iter().filter(|n| listed(*n)).map(|n| (device(n, generation), cameras(n))).collect()
    }

    proptest! {
        /// However links, reports and rows interleave: listeners know exactly the cameras of the registry, online
        /// exactly with their device's link, and a linked device has been told the newest document.
        #[test]
        fn what_was_told_is_what_is(steps in proptest::collection::vec(step(), 1..60)) {
            let mut script = Script::new();
            let (mut next, mut links) = (0u64, HashMap::<u8, u64>::new());
            let (mut view, mut told) = (HashMap::new(), HashMap::new());
            let mut registry = rows(1, 1);
            let first = script.read(registry.clone());
            let mut follow = |orders: Vec<Output>, links: &mut HashMap<u8, u64>| {
                for order in orders {
                    match order {
                        Output::Camera { state, .. } => drop(view.insert(state.camera, state)),
                        Output::CameraGone(state) => drop(view.remove(&state.camera)),
                        Output::SendDesired(link, desired) => drop(told.insert(link.0, *desired)),
                        Output::CloseLink(link, ..) => links.retain(|_, held| *held != link.0),
                        _ => {}
                    }
                }
                (view.clone(), told.clone())
            };
            follow(first, &mut links);
            for (round, step) in steps.into_iter().enumerate() {
                let orders = match step {
                    Step::Up(n) => {
                        next += 1;
                        links.insert(n, next);
                        let mut orders = script.up(next, n);
                        let row = registry.iter().find(|(row, _)| row.id == device_id(n)).cloned();
                        orders.extend(script.feed(Input::DeviceRead(device_id(n), row)));
                        orders
                    }
                    Step::Down(n) => links.remove(&n).map(|link| script.down(link, n)).unwrap_or_default(),
                    Step::Report(n) => {
                        let link = links.get(&n).copied().unwrap_or_default();
                        script.report(link, 1, TierState::Warm)
                    }
                    Step::Registry(bits) => {
                        registry = rows(bits, 2 + round as u64);
                        script.read(registry.clone())
                    }
                    Step::Wait => script.wait(SWEEP),
                };
                let (view, told) = follow(orders, &mut links);
                let expected: HashMap<_, _> = registry
                    .iter()
                    .flat_map(|(row, cameras)| cameras.iter().map(|camera| (camera.id, row.id)))
                    .collect();
                let shown: HashMap<_, _> = view.iter().map(|(id, state)| (*id, state.device.unwrap())).collect();
                prop_assert_eq!(&shown, &expected);
                for state in view.values() {
                    let linked = links.keys().any(|n| state.device == Some(device_id(*n)));
                    prop_assert_eq!(state.device_online, linked);
                }
                for (n, link) in &links {
                    if let Some((row, cameras)) = registry.iter().find(|(row, _)| row.id == device_id(*n)) {
                        let sent = &told[link];
                        prop_assert_eq!((sent.generation, sent.cameras.len()), (row.desired_generation, cameras.len()));
                    }
                }
            }
        }
    }
}
