use std::collections::VecDeque;

use sluice_wire::control::PtzCommand;
use tokio::{
    sync::{mpsc, oneshot},
    time::timeout,
};

use super::{
    contact::{Common, GOODBYE},
    dead_man::DeadMan,
};
use crate::{
    CameraMetrics,
    client::move_limit,
    onvif::{AskError, PtzAnswer},
};

/// An order to move, and who waits for its answer.
#[derive(Debug)]
pub(super) struct MoveOrder {
    pub(super) profile: String,
    pub(super) command: PtzCommand,
    pub(super) answer: oneshot::Sender<Result<PtzAnswer, AskError>>,
}

/// Moves a device's heads, one order after the other, and stops what nobody stops.
#[derive(Debug)]
pub(super) struct Head {
    common: Common,
    orders: mpsc::Receiver<MoveOrder>,
    waiting: VecDeque<MoveOrder>,
    dead_man: DeadMan,
    metrics: CameraMetrics,
}

impl Head {
    pub(super) fn new(common: Common, orders: mpsc::Receiver<MoveOrder>, metrics: CameraMetrics) -> Self {
        Self { common, orders, waiting: VecDeque::new(), dead_man: DeadMan::default(), metrics }
    }

    pub(super) async fn run(mut self) {
        let shutdown = self.common.shutdown.clone();
        loop {
            if let Some(order) = self.waiting.pop_front() {
                self.obey(order).await;
                continue;
            }
            let deadline = self.dead_man.deadline();
            tokio::select! { biased;
                () = shutdown.requested() => break,
                () = self.common.clock.sleep_until(deadline) => self.stop_due().await,
                order = self.orders.recv() => match order {
                    Some(order) => self.take(order),
                    None => break,
                },
            }
        }
        for profile in self.dead_man.moving() {
            // The last that can be done; the camera has a limit of its own.
            let _ = timeout(GOODBYE, self.common.onvif.ptz(&profile, &PtzCommand::Stop)).await;
        }
    }

    /// All that wait by now, so that newer orders are known before older ones are obeyed.
    fn take(&mut self, order: MoveOrder) {
        self.waiting.push_back(order);
        while let Ok(order) = self.orders.try_recv() {
            self.waiting.push_back(order);
        }
    }

    async fn obey(&mut self, order: MoveOrder) {
        while let Ok(next) = self.orders.try_recv() {
            self.waiting.push_back(next);
        }
        let MoveOrder { profile, command, answer } = order;
        let answered = if self.is_overtaken(&profile, &command) {
            Ok(PtzAnswer::Done)
        } else {
            let answered = self.common.onvif.ptz(&profile, &command).await;
            self.note(&profile, &command, &answered);
            answered
        };
        // Who asked may not wait any more; the move counts.
        let _ = answer.send(answered);
    }

    /// A slow camera must not live through all the directions that a stick was pushed in.
    fn is_overtaken(&self, profile: &str, command: &PtzCommand) -> bool {
        matches!(command, PtzCommand::Continuous { .. })
            && self.waiting.iter().any(|next| {
                let moves = matches!(next.command, PtzCommand::Continuous { .. } | PtzCommand::Stop);
                moves && next.profile == profile
            })
    }

    fn note(&mut self, profile: &str, command: &PtzCommand, answered: &Result<PtzAnswer, AskError>) {
        if answered.is_ok() {
            self.metrics.moves.inc();
        }
        match (command, answered) {
            // A move that was not answered may have begun.
            (PtzCommand::Continuous { for_ms, .. }, Ok(_) | Err(AskError::Transport(_))) => {
                self.dead_man.moves(profile, self.common.clock.now() + move_limit(*for_ms));
            }
            (PtzCommand::Stop, Err(AskError::Transport(_))) => {
                self.dead_man.refused(self.common.clock.now(), profile);
            }
            (
                PtzCommand::Stop
                | PtzCommand::Absolute { .. }
                | PtzCommand::Relative { .. }
                | PtzCommand::GoTo { .. },
                Ok(_),
            ) => self.dead_man.rests(profile),
            _ => {}
        }
    }

    async fn stop_due(&mut self) {
        let Some(profile) = self.dead_man.due(self.common.clock.now()) else { return };
        match self.common.onvif.ptz(&profile, &PtzCommand::Stop).await {
            Ok(_) => {
                self.metrics.moves_stopped.inc();
                self.dead_man.rests(&profile);
            }
            Err(_) => self.dead_man.refused(self.common.clock.now(), &profile),
        }
    }
}
