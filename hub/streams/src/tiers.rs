//! Which tier a running session is to show, as its tile grows, shrinks and gets or loses attention. Pure.

use std::time::{Duration, Instant};

use sluice_ids::Tier;

use crate::{
    book::{Hints, SessionView},
    decide::{Camera, Decision, Inputs, ProtocolWish, Tile, Viewer, Wish, decide, height},
    why::Why,
};

/// What a session was decided with, for it to be decided again.
#[derive(Debug, Clone)]
pub(crate) struct Basis {
    /// As it was asked for.
    pub(crate) wish: Wish,
    /// What the viewer's program can do.
    pub(crate) viewer: Viewer,
    /// What was known of the camera last.
    pub(crate) camera: Camera,
}

/// One session's choice of a tier.
///
/// ```text
/// Settled ──a larger picture is wanted──▶ Moving ──node──▶ Settled
///    └──a smaller one is, for 5 s──────────▲  └── the node cannot: not again for a while ──▶ Settled
/// ```
#[derive(Debug, Clone)]
pub(crate) struct TierChoice {
    basis: Basis,
    /// Where the node is to bring it, and until when it must have said something.
    moving: Option<(Tier, Instant)>,
    /// A smaller picture is enough, and is taken then.
    shrink_at: Option<Instant>,
    /// What the node could not bring it to, and until when it is not asked again.
    barred: Option<(Tier, Instant)>,
    /// How often it could not, one time after the other.
    failures: u32,
    why: Vec<Why>,
}

/// What comes of a look at a session's tier.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Turn {
    /// All is as it should be.
    Keep,
    /// The tier stays, for another reason than was told.
    Because(Vec<Why>),
    /// Let it show this tier.
    Show(Tier, Vec<Why>),
}

impl TierChoice {
    pub(crate) fn new(basis: Basis) -> Self {
        Self { basis, moving: None, shrink_at: None, barred: None, failures: 0, why: Vec::new() }
    }

    /// Takes what is known of the camera now.
    pub(crate) fn know(&mut self, camera: &Camera) {
        self.basis.camera = camera.clone();
    }

    /// Why the tier is what it is, as far as it was decided again.
    pub(crate) fn why(&self) -> &[Why] {
        &self.why
    }

    /// What to do at `now` for a session that stands so.
    pub(crate) fn look(&mut self, now: Instant, view: &SessionView) -> Turn {
        if let Some((tier, _)) = self.moving.filter(|(_, give_up)| *give_up <= now) {
            self.stayed(now, tier, false);
        }
        self.barred = self.barred.filter(|(_, until)| *until > now);
        let Some((tier, why)) = self.wanted(view, WHOLE) else { return Turn::Keep };
        let heading = self.moving.map_or(view.tier, |(tier, _)| tier);
        if tier == heading {
            self.shrink_at = None;
            let told = self.moving.is_some() || self.why == why || (self.why.is_empty() && is_ordinary(&why));
            self.why.clone_from(&why);
            return if told { Turn::Keep } else { Turn::Because(why) };
        }
        if self.barred.is_some_and(|(barred, _)| barred == tier) {
            return Turn::Keep;
        }
        // Back to what is still shown costs nothing.
        let at_once = self.height(tier) > self.height(heading) || tier == view.tier;
        if !at_once && !self.shrinks(now, view, heading) {
            return Turn::Keep;
        }
        self.shrink_at = None;
        self.moving = (tier != view.tier).then(|| (tier, now + MOVE_LIMIT));
        self.why.clone_from(&why);
        Turn::Show(tier, why)
    }

    /// It shows what it was to show.
    pub(crate) fn arrived(&mut self, tier: Tier) {
        self.moving = self.moving.filter(|(moving, _)| *moving != tier);
        self.failures = 0;
    }

    /// It does not come to this tier; `absent` if that is because its viewer was not there, who may be soon. `false` if
    /// it was not on its way.
    pub(crate) fn stayed(&mut self, now: Instant, tier: Tier, absent: bool) -> bool {
        let was = self.moving.take_if(|(moving, _)| *moving == tier).is_some();
        if was && !absent {
            self.barred = Some((tier, now + BARRED_FOR * 2_u32.pow(self.failures.min(MOST_DOUBLINGS))));
            self.failures = self.failures.saturating_add(1);
        }
        was
    }

    /// When to look again although nothing happened.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        let [moving, barred] = [self.moving, self.barred].map(|until| until.map(|(_, until)| until));
        self.shrink_at.into_iter().chain(moving).chain(barred).min()
    }

    /// Whether a picture smaller than the one it heads for was enough for long.
    fn shrinks(&mut self, now: Instant, view: &SessionView, heading: Tier) -> bool {
        // A tile at the border between two tiers keeps the better one.
        let barely = self
            .wanted(view, WHOLE + BAND)
            .is_some_and(|(tier, _)| self.height(tier) >= self.height(heading));
        if barely {
            self.shrink_at = None;
            return false;
        }
        let at = *self.shrink_at.get_or_insert(now + SHRINK_AFTER);
        at <= now
    }

    /// What would be decided now, for a tile of so many percent of its size. `None` where the session cannot go on by
    /// its protocol in any tier: then it stays as it is.
    fn wanted(&self, view: &SessionView, percent: f64) -> Option<(Tier, Vec<Why>)> {
        let focus = view.hints.focus == Some(true);
        let tile = if focus { Some(EVERYTHING) } else { self.tile(&view.hints, percent) };
        let wish = Wish { tile, protocol: ProtocolWish::Only(view.protocol), ..self.basis.wish };
        let Basis { viewer, camera, .. } = &self.basis;
        // Its own place among those of HTTP/1.1 it has already.
        let inputs = Inputs { wish, camera, viewer, node: Some(view.node), h1_sessions: 0 };
        let Decision { tier, why, .. } = decide(&inputs).ok()?;
        let why = why.into_iter().filter_map(|why| match why {
            Why::TierLargest if focus => Some(Why::TierByFocus),
            of_tier => is_of_tier(of_tier).then_some(of_tier),
        });
        Some((tier, why.collect()))
    }

    fn tile(&self, hints: &Hints, percent: f64) -> Option<Tile> {
        let tile = hints.tile.or(self.basis.wish.tile)?;
        let factor = percent * hints.zoom.unwrap_or(1.0).clamp(1.0, MOST_ZOOM) / WHOLE;
        let side = |pixels: u32| (f64::from(pixels) * factor).min(f64::from(u32::MAX)) as u32;
        Some(Tile { width: side(tile.width), height: side(tile.height) })
    }

    fn height(&self, tier: Tier) -> u32 {
        self.basis.camera.tiers.iter().find(|offered| offered.tier == tier).map_or(0, height)
    }
}

fn is_of_tier(why: Why) -> bool {
    use Why::{TierAsked, TierByCodec, TierByTile, TierLargest, TierOnlyOne, TierPinned, TierSmallest};
    matches!(
        why,
        TierAsked | TierPinned | TierOnlyOne | TierByTile | TierLargest | TierSmallest | TierByCodec
    )
}

/// What a grant said already: only a surprise is worth telling.
fn is_ordinary(why: &[Why]) -> bool {
    !why.contains(&Why::TierByCodec)
}

/// Larger than any picture.
const EVERYTHING: Tile = Tile { width: u32::MAX, height: u32::MAX };
/// Percent.
const WHOLE: f64 = 100.0;
/// So many percent a tile must be below the border between two tiers before it gets the smaller one.
const BAND: f64 = 15.0;
/// Nobody looks closer.
const MOST_ZOOM: f64 = 16.0;
/// Who goes back and forth between a tile and the whole screen is not worth a key frame each time.
const SHRINK_AFTER: Duration = Duration::from_secs(5);
/// A node that has not moved a viewer by then does not: its engine waits 30 s.
const MOVE_LIMIT: Duration = Duration::from_secs(40);
/// What did not work a moment ago is not tried with each change of a tile, but again by itself: a camera's main stream
/// may come back while its tile is large. Twice as long after each failure, up to eight minutes.
const BARRED_FOR: Duration = Duration::from_secs(30);
const MOST_DOUBLINGS: u32 = 4;

#[cfg(test)]
mod tests;
