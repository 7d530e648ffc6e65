use proptest::prelude::*;

use super::*;

const NOBODY: Demand = Demand { warm: false, subscribers: 0 };
const WARM: Demand = Demand { warm: true, subscribers: 0 };
const ONE: Demand = Demand { warm: false, subscribers: 1 };

const HOLD: Duration = Duration::from_secs(10);

struct Script {
    machine: Lifecycle,
    now: Instant,
    open: bool,
}

impl Script {
    #[expect(clippy::disallowed_methods, reason = "an arbitrary beginning")]
    fn new() -> Self {
        Self { machine: Lifecycle::new(HOLD, 7), now: Instant::now(), open: false }
    }

    fn step(&mut self, input: Input) -> Vec<Output> {
        self.machine.handle(self.now, input);
        let mut orders = Vec::new();
        while let Some(order) = self.machine.poll() {
            self.open = order == Output::Open;
            orders.push(order);
        }
        orders
    }

    fn demand(&mut self, demand: Demand) -> Vec<Output> {
        self.step(Input::DemandChanged(demand))
    }

    fn unit(&mut self, key: bool) {
        self.step(Input::UnitArrived { key });
    }

    fn fail(&mut self, code: ReasonCode) -> Vec<Output> {
        self.step(Input::Failed(Failure::retried(code, "x")))
    }

    /// Lets time pass to the machine's next deadline.
    fn wake(&mut self) -> Vec<Output> {
        self.now = self.machine.deadline().expect("a deadline").max(self.now);
        self.step(Input::Woke)
    }

    fn pass(&mut self, seconds: u64) {
        self.now += Duration::from_secs(seconds);
    }

    fn playing(demand: Demand) -> Self {
        let mut script = Self::new();
        assert_eq!(script.demand(demand), [Output::Open]);
        assert!(script.step(Input::Opened).is_empty());
        script.unit(true);
        script
    }

    fn reason(&self) -> Option<ReasonCode> {
        self.machine.reason().map(|reason| reason.code)
    }
}

#[test]
fn a_warm_stream_is_forwarding_while_somebody_is_subscribed() {
    let mut script = Script::playing(WARM);
    assert_eq!(script.machine.state(), State::Warm);
    script.demand(Demand { warm: true, subscribers: 2 });
    assert_eq!(script.machine.state(), State::Forwarding);
    assert!(script.demand(WARM).is_empty());
    assert_eq!(script.machine.state(), State::Warm);
}

#[test]
fn a_session_is_opening_until_its_first_key_frame() {
    let mut script = Script::new();
    script.demand(ONE);
    script.step(Input::Opened);
    script.unit(false);
    assert_eq!(script.machine.state(), State::Opening);
    script.unit(true);
    assert_eq!(script.machine.state(), State::Forwarding);
}

#[test]
fn the_last_subscriber_leaves_a_session_that_closes_after_the_hold() {
    let mut script = Script::playing(ONE);
    assert!(script.demand(NOBODY).is_empty());
    for _ in 0..3 {
        script.pass(2);
        script.unit(true);
    }
    while script.machine.state() != State::Off {
        script.unit(false);
        script.pass(1);
        script.step(Input::Woke);
    }
    assert!(!script.open);
}

#[test]
fn a_subscriber_within_the_hold_costs_the_camera_nothing() {
    let mut script = Script::playing(ONE);
    script.demand(NOBODY);
    script.pass(4);
    script.unit(false);
    assert!(script.demand(ONE).is_empty());
    assert_eq!(script.machine.state(), State::Forwarding);
}

#[test]
fn demand_that_ends_while_opening_closes_at_once() {
    let mut script = Script::new();
    script.demand(ONE);
    assert_eq!(script.demand(NOBODY), [Output::Close]);
    assert_eq!(script.machine.state(), State::Off);
}

#[test]
fn a_silent_camera_is_stalled_and_tried_again() {
    let mut script = Script::playing(WARM);
    assert_eq!(script.wake(), [Output::Close]);
    assert_eq!((script.machine.state(), script.reason()), (State::Resting, Some(ReasonCode::Stalled)));
    assert_eq!(script.wake(), [Output::Open]);
    script.step(Input::Opened);
    script.unit(true);
    assert_eq!((script.machine.state(), script.reason()), (State::Warm, None));
}

#[test]
fn a_missing_key_frame_is_told_before_it_ends_the_session() {
    let mut script = Script::new();
    script.demand(WARM);
    script.step(Input::Opened);
    let mut told = None;
    let mut ended = None;
    for second in 0..120 {
        script.pass(1);
        script.unit(false);
        let orders = script.step(Input::Woke);
        if script.reason() == Some(ReasonCode::NoKeyFrame) {
            told.get_or_insert(second);
        }
        if orders == [Output::Close] {
            ended = Some(second);
            break;
        }
    }
    assert_eq!((told, ended), (Some(19), Some(89)));
}

#[test]
fn rests_grow_and_a_stable_session_starts_over() {
    let mut script = Script::new();
    script.demand(WARM);
    let mut rests = Vec::new();
    for _ in 0..12 {
        script.fail(ReasonCode::Unreachable);
        let before = script.now;
        assert_eq!(script.wake(), [Output::Open]);
        rests.push(script.now - before);
    }
    assert!(rests[0] <= FIRST_RETRY && rests.iter().all(|rest| *rest <= LONGEST_REST));
    assert!(rests[9..].iter().any(|rest| *rest > Duration::from_secs(6)), "{rests:?}");
    script.step(Input::Opened);
    for _ in 0..6 {
        script.pass(2);
        script.unit(true);
    }
    script.fail(ReasonCode::Unreachable);
    let before = script.now;
    script.wake();
    assert!(script.now - before <= FIRST_RETRY);
}

#[test]
fn a_refused_secret_is_never_tried_again() {
    let mut script = Script::new();
    script.demand(WARM);
    let reason = Reason { code: ReasonCode::WrongPassword, text: "x".into() };
    script.step(Input::Failed(Failure { reason, retry: Retry::Never }));
    assert_eq!(script.machine.deadline(), None);
    assert!(script.demand(Demand { warm: true, subscribers: 1 }).is_empty());
    assert_eq!(script.machine.deadline(), None);
    assert_eq!((script.machine.state(), script.reason()), (State::Resting, Some(ReasonCode::WrongPassword)));
}

#[test]
fn a_person_who_presses_play_cuts_a_long_rest_short() {
    let mut script = Script::new();
    script.demand(WARM);
    for _ in 0..12 {
        script.fail(ReasonCode::Unreachable);
        script.wake();
    }
    script.fail(ReasonCode::Unreachable);
    script.demand(Demand { warm: true, subscribers: 1 });
    assert!(script.machine.deadline().unwrap() <= script.now + EAGER_RETRY_AFTER);
}

#[test]
fn rests_are_short_while_somebody_watches() {
    let mut script = Script::new();
    script.demand(ONE);
    for _ in 0..40 {
        script.fail(ReasonCode::Unreachable);
        let before = script.now;
        assert_eq!(script.wake(), [Output::Open]);
        assert!(script.now - before <= LONGEST_REST_WATCHED);
    }
}

#[test]
fn a_stream_that_nobody_watches_gives_way_for_a_while_and_a_watched_one_does_not() {
    let mut script = Script::playing(WARM);
    assert_eq!(script.step(Input::GaveWay), [Output::Close]);
    assert_eq!(
        (script.machine.state(), script.reason()),
        (State::Resting, Some(ReasonCode::SessionsExhausted))
    );
    assert!(script.step(Input::GaveWay).is_empty());
    assert_eq!(script.wake(), [Output::Open]);
    let mut watched = Script::playing(ONE);
    assert!(watched.step(Input::GaveWay).is_empty());
    assert_eq!(watched.machine.state(), State::Forwarding);
}

#[test]
fn a_rest_without_demand_ends_off() {
    let mut script = Script::new();
    script.demand(ONE);
    script.fail(ReasonCode::NotFound);
    script.demand(NOBODY);
    assert!(script.wake().is_empty());
    assert_eq!((script.machine.state(), script.reason()), (State::Off, None));
}

fn inputs() -> impl Strategy<Value = Vec<(u8, bool, usize, u64)>> {
    proptest::collection::vec((0u8..6, any::<bool>(), 0usize..3, 0u64..40_000), 1..120)
}

proptest! {
    #[test]
    fn orders_alternate_and_silence_in_demand_always_ends_closed(script in inputs()) {
        let mut run = Script::new();
        for (kind, flag, count, millis) in script {
            run.now += Duration::from_millis(millis);
            let before = run.open;
            let orders = match kind {
                0 => run.demand(Demand { warm: flag, subscribers: count }),
                1 if run.open => run.step(Input::Opened),
                2 => run.step(Input::UnitArrived { key: flag }),
                3 => run.fail(ReasonCode::Unreachable),
                _ => run.step(Input::Woke),
            };
            let opens = orders.iter().filter(|order| **order == Output::Open).count();
            prop_assert!(opens <= 1 && !(before && opens == 1 && orders.len() == 1), "{orders:?}");
            let connected = !matches!(run.machine.phase, Phase::Off | Phase::Resting { .. });
            prop_assert_eq!(connected, run.open);
        }
        run.demand(NOBODY);
        for _ in 0..4 {
            if run.machine.deadline().is_some() { run.wake(); }
        }
        prop_assert!(!run.open);
    }
}
