//! Every session that lives, and for a while those that ended. Pure: moments come in, orders come out.

use std::{
    collections::{BTreeSet, HashMap, VecDeque, hash_map::Entry as HashEntry},
    time::{Duration, Instant},
};

use sluice_ids::{CameraId, NodeId, SessionId, TenantId, Tier, UnixMillis, UserId};
use sluice_wire::node::{EndReason, StayReason};

use crate::{
    decide::{Camera, Protocol, Tile},
    play::StartKey,
    tiers::{Basis, TierChoice},
    why::Why,
};

#[cfg(test)]
mod tests;
mod tier_turns;

/// Where a session stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// The token is out and not spent.
    Granted,
    /// The token is spent; the viewer connects.
    Started,
    /// Media can flow.
    Connected,
    /// Over.
    Ended(Ending),
}

impl Phase {
    /// The word for it in the API.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Granted => "granted",
            Self::Started => "started",
            Self::Connected => "connected",
            Self::Ended(_) => "ended",
        }
    }
}

/// Why a session is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// The node says so.
    Node(EndReason),
    /// The viewer or its backend closed it.
    Closed,
    /// Somebody with the right to ended it.
    Revoked,
    /// Its token was never spent.
    Unused,
    /// It reached its greatest age.
    MaxAge,
    /// The camera was disabled or removed.
    CameraGone,
    /// The credential that asked for it was revoked.
    CredentialGone,
    /// It could not be recorded.
    NotRecorded,
}

impl Ending {
    /// The word for it in the API and in the store.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Node(reason) => reason.as_str(),
            Self::Closed => "closed",
            Self::Revoked => "revoked",
            Self::Unused => "unused",
            Self::MaxAge => "max-age",
            Self::CameraGone => "camera-gone",
            Self::CredentialGone => "credential-revoked",
            Self::NotRecorded => "not-recorded",
        }
    }
}

/// Which sessions a caller may touch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reach {
    /// Every session of the tenant.
    Tenant(TenantId),
    /// Those its own credential asked for.
    Credential(TenantId, String),
    /// Those of one play request.
    Play(TenantId, String),
}

/// How much a tile matters when something must give way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Importance {
    /// First to be degraded.
    Low,
    /// As most.
    #[default]
    Normal,
    /// Last to be degraded.
    High,
}

/// What a player tells of its tile. `None` leaves what was told before.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Hints {
    /// Its size.
    pub tile: Option<Tile>,
    /// Whether it has the operator's attention: then it gets the largest picture.
    pub focus: Option<bool>,
    /// How many times its picture is enlarged beyond the tile; 1 is not at all.
    pub zoom: Option<f64>,
    /// Whether it is on the screen.
    pub visible: Option<bool>,
    /// How much it matters.
    pub importance: Option<Importance>,
    /// Pictures a second that the player decodes.
    pub decoded_fps: Option<f64>,
    /// Pictures the player dropped since it began.
    pub dropped_frames: Option<u64>,
}

/// What a player measured (its last beacon).
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Qoe {
    /// From the click to the first picture.
    pub startup_time_ms: Option<u32>,
    /// How often the picture stood.
    pub rebuffer_count: Option<u32>,
    /// How long the picture stood.
    pub rebuffer_ms: Option<u32>,
    /// Age of the picture.
    pub latency_ms: Option<u32>,
}

/// A session as others see it.
#[derive(Debug, Clone, PartialEq)]
pub struct SessionView {
    /// Which.
    pub id: SessionId,
    /// Whose.
    pub tenant: TenantId,
    /// What is watched.
    pub camera: CameraId,
    /// In which tier.
    pub tier: Tier,
    /// How.
    pub protocol: Protocol,
    /// From where.
    pub node: NodeId,
    /// The request it was asked in.
    pub correlation: String,
    /// The credential that asked.
    pub credential: String,
    /// The person, if one was logged in.
    pub user: Option<UserId>,
    /// Who is shown in lists.
    pub label: String,
    /// Whom a backend asked for.
    pub on_behalf_of: Option<String>,
    /// Whether its viewer may move the camera over its connection.
    pub ptz: bool,
    /// When it was granted.
    pub granted_at: UnixMillis,
    /// Where it stands.
    pub phase: Phase,
    /// What its player told.
    pub hints: Hints,
    /// What its player measured.
    pub qoe: Option<Qoe>,
}

impl SessionView {
    /// A player of HLS that nobody sees stops asking by itself.
    fn is_paused_by_node(&self) -> bool {
        self.protocol == Protocol::Webrtc
    }

    fn reached_by(&self, reach: &Reach) -> bool {
        match reach {
            Reach::Tenant(tenant) => self.tenant == *tenant,
            Reach::Credential(tenant, credential) => self.tenant == *tenant && self.credential == *credential,
            Reach::Play(tenant, correlation) => self.tenant == *tenant && self.correlation == *correlation,
        }
    }
}

/// What the owner must do.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Order {
    /// Let the node open the feed: a viewer is on the way.
    Lease(CameraId, Tier),
    /// Let the node end the session and never open it again.
    Revoke(SessionId),
    /// The session changed: record it and tell those who listen.
    Changed(Box<SessionView>),
    /// The session goes on by another protocol: record it and tell those who listen.
    Switched(Box<SessionView>),
    /// Let the node show another tier to the session's viewer.
    Show(SessionId, Tier),
    /// Let the node ask for no feed for this session while nobody sees its picture (`true`), or again.
    Pause(SessionId, bool),
    /// The session shows another tier: tell those who listen.
    Retiered(Box<SessionView>, Vec<Why>),
    /// Its tier stays, for these reasons or because the node could not change it: tell those who listen.
    Kept(Box<SessionView>, Vec<Why>, Option<StayReason>),
}

/// Why a session cannot be touched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Untouchable {
    /// Not here: perhaps forgotten, perhaps somebody else's.
    Unknown,
    /// Over.
    Ended,
    /// Not granted for this protocol.
    NotGranted(Protocol),
}

/// Where HTTP/1.1 leaves few requests open: one caller's pages of one origin.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct H1Group {
    pub(crate) tenant: TenantId,
    pub(crate) credential: String,
    pub(crate) origin: Option<String>,
}

/// What a session was granted with, beside what others see of it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Terms {
    /// Makes the start idempotent.
    pub(crate) key: Option<StartKey>,
    /// What plays it beside its own protocol, in the order to try.
    pub(crate) fallbacks: Vec<Protocol>,
    /// Among whose it counts, if it may come to LL-HLS over HTTP/1.1.
    pub(crate) h1: Option<H1Group>,
    /// What it was decided with; without it, its tier stays.
    pub(crate) basis: Option<Basis>,
}

struct Entry {
    view: SessionView,
    terms: Terms,
    tier: Option<Box<TierChoice>>,
    /// When its tier is looked at again.
    look_at: Option<Instant>,
    /// When it ends by itself, or is forgotten.
    due: Instant,
    max_until: Instant,
}

/// The sessions by id, by start key and by due time.
#[derive(Default)]
pub(crate) struct Book {
    entries: HashMap<SessionId, Entry>,
    by_key: HashMap<StartKey, SessionId>,
    /// How many live sessions are or may become LL-HLS over HTTP/1.1.
    h1_sessions: HashMap<H1Group, usize>,
    due: BTreeSet<(Instant, SessionId)>,
    looks: BTreeSet<(Instant, SessionId)>,
    orders: VecDeque<Order>,
    live: usize,
}

impl Book {
    /// How many sessions live.
    pub(crate) fn live(&self) -> usize {
        self.live
    }

    /// Takes a session that was just decided.
    pub(crate) fn grant(&mut self, at: Instant, view: SessionView, mut terms: Terms) {
        let tier = terms.basis.take().map(|basis| Box::new(TierChoice::new(basis)));
        let (id, due) = (view.id, at + UNUSED_AFTER);
        self.orders.push_back(Order::Lease(view.camera, view.tier));
        self.orders.push_back(Order::Changed(Box::new(view.clone())));
        if let Some(key) = &terms.key {
            self.by_key.insert(key.clone(), id);
        }
        if let Some(group) = &terms.h1 {
            *self.h1_sessions.entry(group.clone()).or_default() += 1;
        }
        self.entries.insert(id, Entry { view, terms, tier, look_at: None, due, max_until: at + MAX_AGE });
        self.due.insert((due, id));
        self.live += 1;
    }

    /// The live session that was started with this key.
    pub(crate) fn started_as(&self, key: &StartKey) -> Option<&SessionView> {
        let id = self.by_key.get(key)?;
        self.entries.get(id).map(|entry| &entry.view)
    }

    /// How many live sessions of this group are or may become LL-HLS.
    pub(crate) fn h1_sessions(&self, group: &H1Group) -> usize {
        self.h1_sessions.get(group).copied().unwrap_or(0)
    }

    /// Lets a live session be opened anew, by another protocol it was granted for if one is asked for; its feed is
    /// leased again. Answers what else plays it, too.
    pub(crate) fn renew(
        &mut self,
        at: Instant,
        reach: &Reach,
        (id, wanted): (SessionId, Option<Protocol>),
    ) -> Result<(SessionView, Vec<Protocol>), Untouchable> {
        let entry = self.living(reach, id)?;
        let switched = wanted.filter(|wanted| *wanted != entry.view.protocol);
        if let Some(wanted) = switched {
            let granted = entry.terms.fallbacks.iter_mut().find(|granted| **granted == wanted);
            *granted.ok_or(Untouchable::NotGranted(wanted))? = entry.view.protocol;
            entry.terms.fallbacks.sort_unstable();
            entry.view.protocol = wanted;
        }
        let (view, fallbacks) = (entry.view.clone(), entry.terms.fallbacks.clone());
        if switched.is_some() {
            self.orders.push_back(Order::Switched(Box::new(view.clone())));
        }
        if view.phase == Phase::Granted {
            let due = at + UNUSED_AFTER;
            self.reschedule(id, due);
        }
        self.orders.push_back(Order::Lease(view.camera, view.tier));
        Ok((view, fallbacks))
    }

    /// Notes what a player tells of its tile, and what is known of its camera now; its tier may follow.
    pub(crate) fn hint(
        &mut self,
        at: Instant,
        reach: &Reach,
        (id, hints): (SessionId, &Hints),
        cameras: &[Camera],
    ) -> Result<(), Untouchable> {
        let entry = self.living(reach, id)?;
        let camera = cameras.iter().find(|camera| camera.id == entry.view.camera);
        if let Some((tier, camera)) = entry.tier.as_mut().zip(camera) {
            tier.know(camera);
        }
        let kept = &mut entry.view.hints;
        kept.tile = hints.tile.or(kept.tile);
        kept.focus = hints.focus.or(kept.focus);
        kept.zoom = hints.zoom.or(kept.zoom);
        let seen = hints.visible.filter(|seen| *seen != kept.visible.unwrap_or(true));
        kept.visible = hints.visible.or(kept.visible);
        kept.importance = hints.importance.or(kept.importance);
        kept.decoded_fps = hints.decoded_fps.or(kept.decoded_fps);
        kept.dropped_frames = hints.dropped_frames.or(kept.dropped_frames);
        // One who is not connected yet is looked at when it is.
        let pauses =
            seen.filter(|_| entry.view.phase == Phase::Connected).filter(|_| entry.view.is_paused_by_node());
        self.orders.extend(pauses.map(|seen| Order::Pause(id, !seen)));
        self.look(at, id);
        Ok(())
    }

    /// Notes what a player measured.
    pub(crate) fn measured(&mut self, reach: &Reach, id: SessionId, qoe: Qoe) -> Result<(), Untouchable> {
        self.living(reach, id)?.view.qoe = Some(qoe);
        Ok(())
    }

    /// Ends a session from control's side. One that ended before stays as it is.
    pub(crate) fn end(
        &mut self,
        at: Instant,
        reach: &Reach,
        id: SessionId,
        why: Ending,
    ) -> Result<(), Untouchable> {
        match self.living(reach, id) {
            Ok(_) => self.finish(at, id, why),
            Err(Untouchable::Ended) => {}
            Err(other) => return Err(other),
        }
        Ok(())
    }

    /// Ends every live session that `which` picks.
    pub(crate) fn end_all(&mut self, at: Instant, why: Ending, which: impl Fn(&SessionView) -> bool) {
        let living = |entry: &&Entry| !matches!(entry.view.phase, Phase::Ended(_)) && which(&entry.view);
        let ids: Vec<SessionId> = self.entries.values().filter(living).map(|entry| entry.view.id).collect();
        for id in ids {
            self.finish(at, id, why);
        }
    }

    /// The node says that the token was spent.
    pub(crate) fn started(&mut self, id: SessionId) {
        self.advance(id, Phase::Started);
    }

    /// The node says that media can flow.
    pub(crate) fn connected(&mut self, at: Instant, id: SessionId) {
        self.advance(id, Phase::Connected);
        let hidden =
            |entry: &&Entry| entry.view.hints.visible == Some(false) && entry.view.is_paused_by_node();
        if self.entries.get(&id).filter(hidden).is_some_and(|entry| entry.view.phase == Phase::Connected) {
            self.orders.push_back(Order::Pause(id, true));
        }
        // Its tile may have changed while it connected.
        self.look(at, id);
    }

    /// The node says that the session is over.
    pub(crate) fn ended(&mut self, at: Instant, id: SessionId, reason: EndReason) {
        if self.is_live(id) {
            self.close(at, id, Ending::Node(reason));
        }
    }

    /// Ends and forgets what is due, and looks at tiers again.
    pub(crate) fn woke(&mut self, at: Instant) {
        self.look_again(at);
        while let Some(&(due, id)) = self.due.first() {
            if due > at {
                break;
            }
            match self.entries.get(&id).map(|entry| (entry.view.phase, entry.max_until)) {
                Some((Phase::Granted, _)) => self.finish(at, id, Ending::Unused),
                Some((Phase::Started | Phase::Connected, _)) => self.finish(at, id, Ending::MaxAge),
                Some((Phase::Ended(_), _)) | None => self.forget(due, id),
            }
        }
    }

    /// When [`Book::woke`] must be called.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        let firsts = [self.due.first(), self.looks.first()];
        firsts.into_iter().flatten().map(|&(due, _)| due).min()
    }

    /// A session that lives, or ended a moment ago.
    pub(crate) fn view(&self, id: SessionId) -> Option<&SessionView> {
        self.entries.get(&id).map(|entry| &entry.view)
    }

    /// The next thing to do.
    pub(crate) fn poll(&mut self) -> Option<Order> {
        self.orders.pop_front()
    }

    /// Every live session in reach, oldest first.
    pub(crate) fn list(&self, reach: &Reach) -> Vec<SessionView> {
        let shown = |view: &&SessionView| !matches!(view.phase, Phase::Ended(_)) && view.reached_by(reach);
        let mut views: Vec<_> =
            self.entries.values().map(|entry| &entry.view).filter(shown).cloned().collect();
        views.sort_by_key(|view| view.id);
        views
    }

    fn living(&mut self, reach: &Reach, id: SessionId) -> Result<&mut Entry, Untouchable> {
        let entry = self.entries.get_mut(&id).filter(|entry| entry.view.reached_by(reach));
        let entry = entry.ok_or(Untouchable::Unknown)?;
        if matches!(entry.view.phase, Phase::Ended(_)) { Err(Untouchable::Ended) } else { Ok(entry) }
    }

    fn is_live(&self, id: SessionId) -> bool {
        self.entries.get(&id).is_some_and(|entry| !matches!(entry.view.phase, Phase::Ended(_)))
    }

    fn advance(&mut self, id: SessionId, phase: Phase) {
        if !self.is_live(id) {
            // It was ended here while its viewer was on the way: the node has not heard of it yet.
            self.orders.push_back(Order::Revoke(id));
            return;
        }
        let Some(entry) = self.entries.get_mut(&id) else { return };
        entry.view.phase = phase;
        let (view, due) = (entry.view.clone(), entry.max_until);
        self.reschedule(id, due);
        self.orders.push_back(Order::Changed(Box::new(view)));
    }

    /// Ends a live session and lets the node know.
    fn finish(&mut self, at: Instant, id: SessionId, why: Ending) {
        self.orders.push_back(Order::Revoke(id));
        self.close(at, id, why);
    }

    fn close(&mut self, at: Instant, id: SessionId, why: Ending) {
        let Some(entry) = self.entries.get_mut(&id) else { return };
        entry.view.phase = Phase::Ended(why);
        let view = entry.view.clone();
        entry.tier = None;
        if let Some(look_at) = entry.look_at.take() {
            self.looks.remove(&(look_at, id));
        }
        if let Some(key) = entry.terms.key.take() {
            self.by_key.remove(&key);
        }
        if let Some(group) = entry.terms.h1.take() {
            self.leave(group);
        }
        self.live -= 1;
        self.reschedule(id, at + FORGOTTEN_AFTER);
        self.orders.push_back(Order::Changed(Box::new(view)));
    }

    fn leave(&mut self, group: H1Group) {
        if let HashEntry::Occupied(mut taken) = self.h1_sessions.entry(group) {
            *taken.get_mut() -= 1;
            if *taken.get() == 0 {
                taken.remove();
            }
        }
    }

    fn reschedule(&mut self, id: SessionId, due: Instant) {
        if let Some(entry) = self.entries.get_mut(&id) {
            self.due.remove(&(entry.due, id));
            entry.due = due;
            self.due.insert((due, id));
        }
    }

    fn forget(&mut self, due: Instant, id: SessionId) {
        self.due.remove(&(due, id));
        self.entries.remove(&id);
    }
}

/// A token lives 60 s; a clock that differs a little and an offer on the way get the rest.
const UNUSED_AFTER: Duration = Duration::from_secs(70);
/// Longer than any shift, shorter than a login that nobody remembers.
pub(crate) const MAX_AGE: Duration = Duration::from_secs(24 * 3_600);
/// A player that was away asks for its session again within this; later the store answers.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(120);
