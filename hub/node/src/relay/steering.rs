use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use sluice_wire::{
    control::PtzCommand,
    player::{Refusal, goes_on_for},
};

/// What one viewer asks of its camera's head. Pure: one order is on its way at a time, so that none overtakes a stop;
/// of moves that wait the newest is done, and a stop that waits goes before it. Whoever leaves while the camera moves
/// stops it.
///
/// ```text
/// Asked ──▶ waiting (a stop; a move) ──▶ on its way ──Answered, or 10 s──▶ answer to the viewer
///                        Left ──▶ a stop, where the camera may still move
/// ```
#[derive(Debug, Default)]
pub(super) struct Steering {
    on_its_way: Option<Sent>,
    stop: Option<Wanted>,
    next: Option<Wanted>,
    /// Until when the camera may go on by itself.
    moves_until: Option<Instant>,
    left: bool,
    outputs: VecDeque<Output>,
}

/// What is asked, and by which of the viewer's questions; `None` is the node's own wish.
#[derive(Debug, Clone, PartialEq)]
struct Wanted {
    id: Option<u64>,
    command: PtzCommand,
}

#[derive(Debug)]
struct Sent {
    wanted: Wanted,
    give_up: Instant,
}

/// Something that happened.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Input {
    /// The viewer asks for this.
    Asked(u64, PtzCommand),
    /// What became of the order that is on its way.
    Answered(Option<Refusal>),
    /// The session is over.
    Left,
    /// Time has passed.
    Woke,
}

/// Something to do.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Output {
    /// Ask control for this; [`Input::Answered`] answers.
    Order(PtzCommand),
    /// Tell the viewer what became of its question.
    Answer(u64, Option<Refusal>),
}

impl Steering {
    pub(super) fn handle(&mut self, now: Instant, input: Input) {
        match input {
            Input::Asked(id, command) => self.ask(Wanted { id: Some(id), command }),
            Input::Answered(refused) => self.answered(now, refused),
            Input::Left => self.leave(now),
            Input::Woke => {
                if self.deadline().is_some_and(|give_up| give_up <= now) {
                    let detail = "the hub did not say in time whether it was done".to_owned();
                    self.answered(now, Some(Refusal::new(504, "device-silent", detail)));
                }
            }
        }
        self.go_on(now);
    }

    pub(super) fn poll(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// When [`Input::Woke`] is due.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.on_its_way.as_ref().map(|sent| sent.give_up)
    }

    /// Whether nothing of it matters any more.
    pub(super) fn is_over(&self) -> bool {
        self.left && self.on_its_way.is_none() && self.outputs.is_empty()
    }

    fn ask(&mut self, wanted: Wanted) {
        if self.left {
            return;
        }
        let before = self.next.take();
        self.pass_over(before);
        if wanted.command == PtzCommand::Stop {
            let before = self.stop.replace(wanted);
            self.pass_over(before);
        } else {
            self.next = Some(wanted);
        }
    }

    fn pass_over(&mut self, wanted: Option<Wanted>) {
        if let Some(id) = wanted.and_then(|wanted| wanted.id) {
            let detail = "a later question took the place of this one".to_owned();
            self.outputs.push_back(Output::Answer(id, Some(Refusal::new(409, "superseded", detail))));
        }
    }

    fn answered(&mut self, now: Instant, refused: Option<Refusal>) {
        let Some(Sent { wanted, .. }) = self.on_its_way.take() else { return };
        if let Some(held) = goes_on_for(&wanted.command) {
            // Refused or not: an order that was lost on its way back was obeyed.
            self.moves_until = Some(now + held);
        } else if refused.is_none() {
            self.moves_until = None;
        }
        if let Some(id) = wanted.id.filter(|_| !self.left) {
            self.outputs.push_back(Output::Answer(id, refused));
        }
    }

    fn leave(&mut self, now: Instant) {
        self.left = true;
        self.next = None;
        let is_sent =
            self.on_its_way.as_ref().is_some_and(|sent| goes_on_for(&sent.wanted.command).is_some());
        let moves = is_sent || self.moves_until.is_some_and(|until| until > now);
        if moves || self.stop.is_some() {
            self.stop = Some(Wanted { id: None, command: PtzCommand::Stop });
        }
    }

    fn go_on(&mut self, now: Instant) {
        if self.on_its_way.is_some() {
            return;
        }
        if let Some(wanted) = self.stop.take().or_else(|| self.next.take()) {
            self.outputs.push_back(Output::Order(wanted.command.clone()));
            self.on_its_way = Some(Sent { wanted, give_up: now + GIVE_UP });
        }
    }
}

/// Twice what control gives the device.
const GIVE_UP: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use sluice_runtime::Clock;

    use super::*;

    fn left_turn(for_ms: u32) -> PtzCommand {
        PtzCommand::Continuous { pan: -1.0, tilt: 0.0, zoom: 0.0, for_ms }
    }

    fn there() -> PtzCommand {
        PtzCommand::GoTo { preset: "1".into() }
    }

    fn told(steering: &mut Steering, now: Instant, input: Input) -> Vec<Output> {
        steering.handle(now, input);
        std::iter::from_fn(|| steering.poll()).collect()
    }

    fn passed_over(outputs: &[Output]) -> Vec<u64> {
        let over = |output: &Output| match output {
            Output::Answer(id, Some(refusal)) if refusal.code == "superseded" => Some(*id),
            _ => None,
        };
        outputs.iter().filter_map(over).collect()
    }

    #[test]
    fn one_order_is_on_its_way_and_the_newest_wish_wins() {
        let (mut steering, now) = (Steering::default(), Clock::system().now());
        let first = told(&mut steering, now, Input::Asked(1, left_turn(500)));
        assert_eq!(first, [Output::Order(left_turn(500))]);
        assert_eq!(told(&mut steering, now, Input::Asked(2, left_turn(600))), []);
        assert_eq!(passed_over(&told(&mut steering, now, Input::Asked(3, there()))), [2]);
        let done = told(&mut steering, now, Input::Answered(None));
        assert_eq!(done, [Output::Answer(1, None), Output::Order(there())]);
        assert_eq!(told(&mut steering, now, Input::Answered(None)), [Output::Answer(3, None)]);
        assert_eq!(steering.deadline(), None);
    }

    #[test]
    fn a_stop_is_never_passed_over_by_a_move() {
        let (mut steering, now) = (Steering::default(), Clock::system().now());
        told(&mut steering, now, Input::Asked(1, left_turn(500)));
        told(&mut steering, now, Input::Asked(2, left_turn(500)));
        assert_eq!(passed_over(&told(&mut steering, now, Input::Asked(3, PtzCommand::Stop))), [2]);
        told(&mut steering, now, Input::Asked(4, left_turn(500)));
        assert_eq!(passed_over(&told(&mut steering, now, Input::Asked(5, there()))), [4]);
        let mut orders = Vec::new();
        for _ in 0..3 {
            let outputs = told(&mut steering, now, Input::Answered(None));
            orders.extend(outputs.into_iter().filter(|output| matches!(output, Output::Order(_))));
        }
        assert_eq!(orders, [Output::Order(PtzCommand::Stop), Output::Order(there())]);
    }

    #[test]
    fn who_leaves_a_moving_camera_stops_it_and_who_leaves_a_resting_one_does_not() {
        let now = Clock::system().now();
        let later = |ms| now + Duration::from_millis(ms);
        let moving = || {
            let mut steering = Steering::default();
            told(&mut steering, now, Input::Asked(1, left_turn(1_000)));
            steering
        };
        let mut steering = moving();
        told(&mut steering, now, Input::Answered(None));
        assert_eq!(told(&mut steering, later(900), Input::Left), [Output::Order(PtzCommand::Stop)]);
        assert!(!steering.is_over());
        assert_eq!(told(&mut steering, later(950), Input::Answered(None)), []);
        assert!(steering.is_over());

        let mut steering = moving();
        assert_eq!(told(&mut steering, now, Input::Left), [], "its order is not answered yet");
        assert_eq!(told(&mut steering, now, Input::Answered(None)), [Output::Order(PtzCommand::Stop)]);

        let mut steering = moving();
        told(&mut steering, now, Input::Answered(None));
        assert_eq!(told(&mut steering, later(1_100), Input::Left), [], "it has stopped by itself");
        assert!(steering.is_over());

        let mut steering = moving();
        told(&mut steering, now, Input::Answered(None));
        told(&mut steering, now, Input::Asked(2, PtzCommand::Stop));
        told(&mut steering, now, Input::Answered(None));
        assert_eq!(told(&mut steering, now, Input::Left), [], "it was stopped");
    }

    #[test]
    fn an_order_that_nobody_answers_is_given_up() {
        let (mut steering, now) = (Steering::default(), Clock::system().now());
        told(&mut steering, now, Input::Asked(1, there()));
        told(&mut steering, now, Input::Asked(2, PtzCommand::Stop));
        assert_eq!(told(&mut steering, now + GIVE_UP / 2, Input::Woke), []);
        let outputs = told(&mut steering, now + GIVE_UP, Input::Woke);
        assert!(matches!(&outputs[0], Output::Answer(1, Some(refusal)) if refusal.status == 504));
        assert_eq!(outputs[1..], [Output::Order(PtzCommand::Stop)]);
    }

    proptest! {
        /// Whatever is asked and answered when: each question is answered once, one order is on its way at a time, and
        /// the last order after a stop without a later move is that stop.
        #[test]
        fn every_question_is_answered_once(steps in proptest::collection::vec(0u8..5, 1..60)) {
            let (mut steering, mut now) = (Steering::default(), Clock::system().now());
            let (mut asked, mut answered, mut on_the_way) = (0, Vec::new(), 0i32);
            let mut last_asked = None;
            let mut last_ordered = None;
            let ends = std::iter::repeat_n(3, 4);
            for step in steps.into_iter().chain(ends) {
                now += Duration::from_millis(100);
                let command = match step { 0 => left_turn(500), 1 => there(), _ => PtzCommand::Stop };
                let input = match step {
                    0..=2 => {
                        asked += 1;
                        last_asked = Some(command.clone());
                        Input::Asked(asked, command)
                    }
                    3 => Input::Answered(None),
                    _ => Input::Woke,
                };
                if input == Input::Answered(None) && on_the_way > 0 {
                    on_the_way -= 1;
                }
                for output in told(&mut steering, now, input) {
                    match output {
                        Output::Order(command) => {
                            on_the_way += 1;
                            last_ordered = Some(command);
                        }
                        Output::Answer(id, _) => answered.push(id),
                    }
                }
                prop_assert!(on_the_way <= 1);
            }
            answered.sort_unstable();
            prop_assert_eq!(answered, (1..=asked).collect::<Vec<_>>());
            prop_assert_eq!(last_ordered, last_asked);
        }
    }
}
