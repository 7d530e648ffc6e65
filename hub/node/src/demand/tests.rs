use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::{Demand, Input, Output, State};

const LINGER: Duration = Duration::from_secs(15);

fn start() -> Instant {
    sluice_runtime::Clock::system().now()
}

fn drain(demand: &mut Demand) -> Vec<Output> {
    std::iter::from_fn(|| demand.poll()).collect()
}

#[test]
fn a_thousand_viewers_arriving_together_cause_one_subscribe() {
    let (mut demand, now) = (Demand::new(LINGER), start());
    for _ in 0..1_000 {
        demand.handle(now, Input::ViewerJoined);
    }
    assert_eq!(drain(&mut demand), [Output::OpenSource]);
    assert_eq!(demand.viewers(), 1_000);
}

#[test]
fn the_last_viewer_starts_the_linger_and_its_end_closes_the_source() {
    let (mut demand, now) = (Demand::new(LINGER), start());
    demand.handle(now, Input::ViewerJoined);
    demand.handle(now, Input::SourceOpened);
    demand.handle(now, Input::ViewerLeft);
    assert_eq!(demand.state(), State::Lingering { until: now + LINGER });
    drain(&mut demand);
    demand.handle(now + LINGER, Input::Woke);
    assert_eq!((demand.state(), drain(&mut demand)), (State::Idle, vec![Output::CloseSource]));
}

#[test]
fn a_viewer_within_the_linger_costs_nothing() {
    let (mut demand, now) = (Demand::new(LINGER), start());
    demand.handle(now, Input::ViewerJoined);
    demand.handle(now, Input::SourceOpened);
    demand.handle(now, Input::ViewerLeft);
    drain(&mut demand);
    demand.handle(now + Duration::from_secs(14), Input::ViewerJoined);
    demand.handle(now + LINGER, Input::Woke);
    assert_eq!((demand.state(), drain(&mut demand)), (State::Live, vec![]));
}

#[test]
fn a_lease_opens_the_source_and_closes_it_when_nobody_comes() {
    let (mut demand, now) = (Demand::new(LINGER), start());
    let until = now + Duration::from_secs(10);
    demand.handle(now, Input::Leased { until });
    assert_eq!((drain(&mut demand), demand.deadline()), (vec![Output::OpenSource], Some(until)));
    demand.handle(until, Input::Woke);
    assert_eq!((demand.state(), drain(&mut demand)), (State::Idle, vec![Output::CloseSource]));
}

#[test]
fn a_failing_source_stays_asked_for_while_somebody_watches() {
    let (mut demand, now) = (Demand::new(LINGER), start());
    demand.handle(now, Input::ViewerJoined);
    demand.handle(now, Input::SourceFailed);
    assert_eq!((demand.state(), drain(&mut demand)), (State::Resting, vec![Output::OpenSource]));
    demand.handle(now, Input::SourceOpened);
    assert_eq!((demand.state(), drain(&mut demand)), (State::Live, vec![]));
}

#[test]
fn a_linger_does_not_make_a_source_live_that_brings_nothing() {
    let (mut demand, now) = (Demand::new(LINGER), start());
    demand.handle(now, Input::ViewerJoined);
    demand.handle(now, Input::ViewerLeft);
    demand.handle(now, Input::ViewerJoined);
    assert_eq!(demand.state(), State::Opening, "nothing has come yet");
    demand.handle(now, Input::SourceOpened);
    demand.handle(now, Input::ViewerLeft);
    demand.handle(now, Input::SourceFailed);
    demand.handle(now, Input::ViewerJoined);
    assert_eq!(demand.state(), State::Resting, "it failed while nobody watched");
}

fn any_input(now: Instant) -> impl Strategy<Value = Input> {
    prop_oneof![
        3 => Just(Input::ViewerJoined),
        3 => Just(Input::ViewerLeft),
        1 => (0..20u64).prop_map(move |s| Input::Leased { until: now + Duration::from_secs(s) }),
        1 => Just(Input::SourceOpened),
        1 => Just(Input::SourceFailed),
        2 => Just(Input::Woke),
    ]
}

proptest! {
    #[test]
    fn opens_and_closes_alternate_and_no_demand_means_closed_after_the_linger(
        steps in (Just(start()), 1..60usize).prop_flat_map(|(now, n)| {
            (Just(now), proptest::collection::vec((0..8u64, any_input(now)), n))
        })
    ) {
        let (mut now, inputs) = steps;
        let mut demand = Demand::new(LINGER);
        let mut open = false;
        let mut check = |demand: &mut Demand| -> Result<(), TestCaseError> {
            for order in drain(demand) {
                prop_assert_eq!(order == Output::OpenSource, !open, "two of a kind in a row");
                open = order == Output::OpenSource;
            }
            prop_assert_eq!(open, demand.state() != State::Idle);
            Ok(())
        };
        for (wait, input) in inputs {
            now += Duration::from_secs(wait);
            demand.handle(now, input);
            check(&mut demand)?;
        }
        while demand.viewers() > 0 {
            demand.handle(now, Input::ViewerLeft);
        }
        while let Some(deadline) = demand.deadline() {
            demand.handle(deadline, Input::Woke);
        }
        check(&mut demand)?;
        prop_assert_eq!(demand.state(), State::Idle);
    }
}
