use std::{collections::HashMap, time::Instant};

use sluice_ids::SessionId;
use sluice_webrtc::SessionKey;
use sluice_wire::{
    node::{Steer, Steered},
    player::{self, Asked, Refusal},
};
use tokio::sync::mpsc;

use super::{
    steering::{Input, Output, Steering},
    task::Task,
};

/// The way of moves to control and of their answers back.
#[derive(Debug)]
pub struct SteerPort {
    /// What viewers ask for, one of each at a time.
    pub steers: mpsc::Sender<Steer>,
    /// What became of it.
    pub steered: mpsc::Receiver<Steered>,
}

/// Viewers who moved a camera, and their orders that are not answered.
#[derive(Debug, Default)]
pub(super) struct Steerings {
    by_key: HashMap<SessionKey, (SessionId, Steering)>,
    on_their_way: HashMap<u64, SessionKey>,
    last: u64,
}

impl Steerings {
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.by_key.values().filter_map(|(_, steering)| steering.deadline()).min()
    }

    fn overdue(&self, now: Instant) -> Vec<SessionKey> {
        let due = |steering: &Steering| steering.deadline().is_some_and(|deadline| deadline <= now);
        self.by_key.iter().filter(|(_, (_, steering))| due(steering)).map(|(key, _)| *key).collect()
    }
}

/// What viewers ask of their cameras' heads.
impl Task {
    /// A viewer said something over its control channel.
    pub(super) fn asked(&mut self, key: SessionKey, text: &str) {
        let Some(session) = self.sessions.get(key) else { return };
        let (id, may) = (session.id, session.ptz);
        let refused = match player::read(text) {
            Ok(Asked { id: question, command }) if may => {
                self.metrics.moves_asked.inc();
                self.steer(key, id, Input::Asked(question, command));
                return;
            }
            Ok(Asked { id: question, .. }) => (Some(question), forbidden()),
            Err(unread) => (unread.id, unread.refusal),
        };
        self.metrics.moves_refused.inc();
        self.ports.engine.answer(key, player::answer(refused.0, Some(&refused.1)));
    }

    /// Control said what became of a move.
    pub(super) fn steered(&mut self, Steered { number, refused }: Steered) {
        // It may have been given up.
        let Some(key) = self.steerings.on_their_way.remove(&number) else { return };
        if refused.is_some() {
            self.metrics.moves_refused.inc();
        }
        self.steer_on(key, Input::Answered(refused));
    }

    /// A session is over: what it moves is stopped.
    pub(super) fn let_go(&mut self, key: SessionKey) {
        self.steer_on(key, Input::Left);
    }

    /// Gives up what was not answered in time.
    pub(super) fn give_up_steering(&mut self, now: Instant) {
        for key in self.steerings.overdue(now) {
            self.steerings.on_their_way.retain(|_, waiting| *waiting != key);
            self.steer_on(key, Input::Woke);
        }
    }

    fn steer(&mut self, key: SessionKey, session: SessionId, input: Input) {
        self.steerings.by_key.entry(key).or_insert_with(|| (session, Steering::default()));
        self.steer_on(key, input);
    }

    fn steer_on(&mut self, key: SessionKey, input: Input) {
        let now = self.clock.now();
        let Some((session, steering)) = self.steerings.by_key.get_mut(&key) else { return };
        steering.handle(now, input);
        while let Some(output) = steering.poll() {
            match output {
                Output::Answer(question, refused) => {
                    self.ports.engine.answer(key, player::answer(Some(question), refused.as_ref()));
                }
                Output::Order(command) => {
                    self.steerings.last += 1;
                    let number = self.steerings.last;
                    let steer = Steer { number, session: *session, command };
                    if self.ports.steering.steers.try_send(steer).is_ok() {
                        self.steerings.on_their_way.insert(number, key);
                    } else {
                        self.metrics.moves_refused.inc();
                        steering.handle(now, Input::Answered(Some(busy())));
                    }
                }
            }
        }
        if steering.is_over() {
            self.steerings.by_key.remove(&key);
        }
    }
}

fn forbidden() -> Refusal {
    let detail = "this session may not move its camera: it was not asked for by an operator or an administrator, \
                  nor with `ptz` by an API token with the scopes `play` and `ptz`";
    Refusal::new(403, "forbidden", detail.to_owned())
}

fn busy() -> Refusal {
    Refusal::new(503, "hub-busy", "the hub has too many moves to pass on at this moment".to_owned())
}
