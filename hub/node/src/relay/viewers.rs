use std::sync::Arc;

use sluice_ids::SessionId;
use sluice_webrtc::SessionKey;
use sluice_wire::node::{EndReason, FromNode, StayReason};
use tokio::sync::oneshot;

use super::{
    Admission, AdmitError, Admitted,
    sessions::{Place, Session},
    task::Task,
};
use crate::{
    demand,
    feed::FeedKey,
    hls::{Found, Seat, Secret},
};

impl Task {
    pub(super) fn answer_admission(
        &mut self,
        admission: &Admission,
        reply: oneshot::Sender<Result<Admitted, AdmitError>>,
    ) {
        let answer = self.admit(admission);
        let key = answer.as_ref().ok().map(|admitted| admitted.key);
        // The viewer may have hung up while its request waited.
        if reply.send(answer).is_err()
            && let Some(key) = key
        {
            self.end(key, EndReason::Closed);
        }
    }

    fn admit(&mut self, admission: &Admission) -> Result<Admitted, AdmitError> {
        self.check(admission)?;
        let secret = Secret::random();
        let key = self.sessions.next_key();
        self.add((admission.session, key), admission.feed, Place::Engine(secret));
        if let Some(session) = self.sessions.get_mut(key) {
            session.ptz = admission.ptz;
        }
        Ok(Admitted { key, feed: self.feed(admission.feed).id, secret: secret.reveal() })
    }

    /// Seats an HLS viewer. One that hung up meanwhile is found by its silence.
    pub(super) fn seat(&mut self, admission: &Admission) -> Result<Arc<Seat>, AdmitError> {
        if let Some(seat) = self.sessions.opened_by(admission.session, &admission.token_id) {
            return Ok(Arc::clone(seat));
        }
        self.check(admission)?;
        let key = self.sessions.next_key();
        let shelf = Arc::clone(&self.feed(admission.feed).shelf);
        let seat = self.seats.add(self.clock.now(), (key, admission.feed), shelf);
        let place = Place::Shelf { seat: Arc::clone(&seat), token: admission.token_id.clone() };
        self.add((admission.session, key), admission.feed, place);
        Ok(seat)
    }

    fn check(&mut self, admission: &Admission) -> Result<(), AdmitError> {
        if !self.serves(admission.feed) {
            return Err(AdmitError::NotServed);
        }
        if self.revoked.contains_key(&admission.session) {
            return Err(AdmitError::Ended);
        }
        if !self.sessions.spend(&admission.token_id, self.clock.now()) {
            return Err(AdmitError::Replayed);
        }
        Ok(())
    }

    fn add(&mut self, (id, key): (SessionId, SessionKey), feed: FeedKey, place: Place) {
        let reads = matches!(place, Place::Shelf { .. });
        let replaced = self.sessions.add(self.clock.now(), (id, key), feed, place);
        if reads {
            self.reader(feed, true);
        }
        self.input(feed, demand::Input::ViewerJoined);
        // After the new one has joined: the feed of a session that changes its place does not close between.
        if let Some(replaced) = replaced {
            self.vacate(&replaced);
        }
        self.metrics.sessions_opened.inc();
        self.outbox.push_back(FromNode::SessionStarted { session: id });
    }

    /// Ends a session and tells control why.
    pub(super) fn end(&mut self, key: SessionKey, reason: EndReason) {
        let Some(session) = self.sessions.remove(key) else { return };
        self.vacate(&session);
        if session.leaving {
            return;
        }
        let left_behind = self.sessions.left_behind(session.id).and_then(|key| self.sessions.remove(key));
        left_behind.into_iter().for_each(|seat| self.vacate(&seat));
        self.outbox.push_back(FromNode::SessionEnded { session: session.id, reason });
    }

    /// What a session held, no more: its place, its secret, its share of the demand.
    fn vacate(&mut self, session: &Session) {
        match session.place {
            Place::Engine(_) => self.ports.engine.close(session.key),
            Place::Shelf { .. } => self.reader(session.feed, false),
        }
        self.let_go(session.key);
        self.seats.end(self.clock.now(), session.place.secret());
        self.metrics.sessions_ended.inc();
        if !session.paused {
            self.input(session.feed, demand::Input::ViewerLeft);
        }
        if let Some(next) = session.next {
            self.leave_next(next);
            self.told_to_stay(session.id, next.feed.tier, StayReason::Absent);
        }
    }

    fn reader(&mut self, key: FeedKey, joined: bool) {
        let feed = self.feed(key);
        feed.readers = if joined { feed.readers + 1 } else { feed.readers.saturating_sub(1) };
        feed.shelf.want(feed.readers > 0);
    }

    /// A viewer says goodbye, perhaps again; `false` for a secret that is not known, or no longer.
    pub(super) fn close(&mut self, secret: Secret) -> bool {
        if let Some(key) = self.sessions.by_secret(secret) {
            self.end(key, EndReason::Closed);
        }
        matches!(self.seats.find(secret), Found::Ended)
    }

    /// Media reaches a session's viewer.
    pub(super) fn arrived(&mut self, key: SessionKey) -> bool {
        let Some(session) = self.sessions.arrived(key) else { return false };
        self.outbox.push_back(FromNode::SessionConnected { session: session.id });
        true
    }
}
