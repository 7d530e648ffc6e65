use sluice_wire::control::{Answer, CameraEventKind, Failure, FailureCode, FoundCamera, Outcome};

use super::*;
use crate::roster::{OrderError, orders::IN_FLIGHT};

impl Script {
    fn found(&mut self, link: u64, keys: &[&str]) -> Vec<Output> {
        let camera = |key: &&str| FoundCamera { key: (*key).into(), ..FoundCamera::default() };
        let found = Box::new(Found { cameras: keys.iter().map(camera).collect(), ..Found::default() });
        self.feed(Input::Found { link: LinkId(link), device: device_id(1), found })
    }

    fn order(&mut self, number: u64, within: Duration) -> Vec<Output> {
        let action = Box::new(Action::Poster { camera: camera_id(1), tier: None });
        self.feed(Input::Ordered { number, device: device_id(1), action, within })
    }

    fn answer(&mut self, link: u64, number: u64) -> Vec<Output> {
        let answer = Box::new(Answer { number, outcome: Outcome::Done });
        self.feed(Input::Answered { link: LinkId(link), answer })
    }

    fn notice(&mut self, link: u64, n: u8, left_out: u32) -> Vec<Output> {
        let event = CameraEvent {
            camera_id: camera_id(n),
            at: UnixMillis(1),
            kind: CameraEventKind::Motion,
            active: Some(true),
            source: "s".repeat(1_000),
            left_out,
        };
        self.feed(Input::Happened { link: LinkId(link), device: device_id(1), event })
    }
}

fn found_by(orders: &[Output]) -> Option<(usize, bool)> {
    orders.iter().find_map(|order| match order {
        Output::Found { found, news } => Some((found.cameras.len(), *news)),
        _ => None,
    })
}

fn settled(orders: &[Output]) -> Vec<(u64, Result<(), OrderError>)> {
    orders
        .iter()
        .filter_map(|order| match order {
            Output::Settle(number, outcome) => Some((*number, (**outcome).clone().map(drop))),
            _ => None,
        })
        .collect()
}

const WITHIN: Duration = Duration::from_secs(5);

#[test]
fn what_a_device_found_is_shown_once_it_is_known_whose_device_it_is() {
    let mut script = Script::new();
    script.up(1, 1);
    assert_eq!(found_by(&script.found(1, &["a"])), None);
    let row = vec![(device(1, 2), vec![camera(1, device_id(1))])];
    assert_eq!(found_by(&script.read(row)), Some((1, true)));
    assert_eq!(found_by(&script.found(1, &["a"])), Some((1, false)));
    assert_eq!(found_by(&script.found(1, &["a", "b"])), Some((2, true)));
    assert_eq!(found_by(&script.found(9, &[])), None, "another link does not speak for it");
}

#[test]
fn an_order_is_answered_by_its_device_over_its_link_once() {
    let mut script = Script::with_one();
    script.up(1, 1);
    let orders = script.order(7, WITHIN);
    assert!(matches!(&orders[..], [Output::SendOrder(LinkId(1), order)] if order.number == 7), "{orders:?}");
    assert_eq!(settled(&script.answer(2, 7)), []);
    assert_eq!(settled(&script.answer(1, 8)), []);
    assert_eq!(settled(&script.answer(1, 7)), [(7, Ok(()))]);
    assert_eq!(settled(&script.answer(1, 7)), []);
    let refused = Outcome::Failed(Failure { code: FailureCode::Busy, text: String::new() });
    script.order(8, WITHIN);
    let answer = Box::new(Answer { number: 8, outcome: refused.clone() });
    let orders = script.feed(Input::Answered { link: LinkId(1), answer });
    assert_eq!(orders, [Output::Settle(8, Box::new(Ok(refused)))]);
}

#[test]
fn an_order_that_cannot_be_answered_is_settled_at_once_or_in_time() {
    let mut script = Script::with_one();
    assert_eq!(settled(&script.order(1, WITHIN)), [(1, Err(OrderError::Offline))]);
    script.up(1, 1);
    script.order(2, WITHIN);
    assert_eq!(settled(&script.down(1, 1)), [(2, Err(OrderError::Lost))]);
    script.up(2, 1);
    script.order(3, WITHIN);
    assert_eq!(settled(&script.up(3, 1)), [(3, Err(OrderError::Lost))]);
    script.order(4, WITHIN);
    assert_eq!(script.roster.deadline(), Some(script.now.at + WITHIN));
    assert_eq!(settled(&script.wait(WITHIN / 2)), []);
    assert_eq!(settled(&script.wait(WITHIN / 2)), [(4, Err(OrderError::Late))]);
    assert_eq!(settled(&script.answer(3, 4)), []);
    script.order(5, WITHIN);
    let gone = script.feed(Input::DeviceRead(device_id(1), None));
    assert_eq!(settled(&gone), [(5, Err(OrderError::Lost))]);
}

#[test]
fn only_so_many_orders_wait_for_one_device() {
    let mut script = Script::with_one();
    script.up(1, 1);
    for number in 1..=IN_FLIGHT as u64 {
        assert_eq!(settled(&script.order(number, WITHIN)), []);
    }
    assert_eq!(settled(&script.order(100, WITHIN)), [(100, Err(OrderError::Busy))]);
    script.answer(1, 1);
    assert_eq!(settled(&script.order(101, WITHIN)), []);
}

#[test]
fn a_revoked_device_takes_no_orders() {
    let mut script = Script::with_one();
    script.up(1, 1);
    let mut row = device(1, 2);
    row.revoked_at = Some(UnixMillis(1));
    script.feed(Input::DeviceRead(device_id(1), Some((row, vec![]))));
    assert_eq!(settled(&script.order(1, WITHIN)), [(1, Err(OrderError::Offline))]);
}

#[test]
fn a_device_tells_of_its_own_cameras_only_and_not_without_end() {
    let mut script = Script::with_one();
    script.up(1, 1);
    let told = script.notice(1, 1, 0);
    let [Output::Happened(happened)] = &told[..] else { panic!("{told:?}") };
    assert_eq!((happened.tenant, happened.event.source.len()), (device(1, 1).tenant, 120));
    assert_eq!(script.notice(1, 2, 0), [], "a camera of nobody, or of another device");
    assert_eq!(script.notice(2, 1, 0), [], "a link that is not the device's");
    let told = (0..1_000).filter(|_| !script.notice(1, 1, 0).is_empty()).count();
    assert_eq!(told, 199);
    script.wait(Duration::from_secs(1));
    let orders = script.notice(1, 1, 2);
    let [Output::Happened(happened)] = &orders[..] else { panic!("{orders:?}") };
    assert_eq!(happened.event.left_out, 801 + 2, "what was not told is counted");
}
