//! Which warm policy is at work, and until when. Pure: the time comes in.
//!
//! A window holds from `from` to `to` as the clocks of its site show them. A time that the clocks jump over is the
//! moment of the jump. Of a time that comes twice, a window begins with the first and ends with the second. So at every
//! moment at which a clock there shows a time inside a window, the window holds.

use std::sync::LazyLock;

use jiff::{
    SignedDuration, Timestamp, ToSpan as _,
    civil::{Date, DateTime},
    tz::{AmbiguousOffset, TimeZone, TimeZoneDatabase},
};
use sluice_hub_store::{Camera, Site, Warm, WarmSchedule, WarmWindow, Weekday};
use sluice_ids::UnixMillis;

/// The policy at work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AtWork {
    /// Which tiers are pulled while nobody watches.
    pub warm: Warm,
    /// When the clock makes another of it; `None` if it does not within the next eight days.
    pub until: Option<UnixMillis>,
}

/// The policy at work for a camera at `now`.
#[must_use]
pub fn of_camera(camera: &Camera, now: UnixMillis) -> AtWork {
    at_work((camera.warm, &camera.warm_schedule), &camera.time_zone, now)
}

/// The policy at work for the cameras that follow a site at `now`.
#[must_use]
pub fn of_site(site: &Site, now: UnixMillis) -> AtWork {
    at_work((site.warm, &site.warm_schedule), &site.time_zone, now)
}

/// The policy at work where `plain` holds outside of the schedule's windows. A time zone that is not known is UTC:
/// names are looked up before they are kept, and the database never drops one.
#[must_use]
pub fn at_work((plain, schedule): (Warm, &WarmSchedule), time_zone: &str, now: UnixMillis) -> AtWork {
    if schedule.is_empty() {
        return AtWork { warm: plain, until: None };
    }
    let zone = zone(time_zone).unwrap_or(TimeZone::UTC);
    let spans = spans(schedule, &zone, now);
    let held = |at| spans.iter().find(|span| span.from <= at && at < span.to).map_or(plain, |span| span.warm);
    let warm = held(now);
    let horizon = UnixMillis(now.0.saturating_add(HORIZON_MS));
    let ahead = |at: &UnixMillis| now < *at && *at <= horizon;
    let mut edges: Vec<_> = spans.iter().flat_map(|span| [span.from, span.to]).filter(ahead).collect();
    edges.sort_unstable();
    AtWork { warm, until: edges.into_iter().find(|edge| held(*edge) != warm) }
}

/// The name of a time zone as the IANA database spells it; `None` for one that it does not have.
#[must_use]
pub fn time_zone(name: &str) -> Option<String> {
    zone(name)?.iana_name().map(str::to_owned)
}

/// A moment as RFC 3339 writes it, in UTC; `None` for one that no calendar reaches.
#[must_use]
pub fn rfc3339(at: UnixMillis) -> Option<String> {
    Timestamp::from_millisecond(at.0).ok().map(|at| at.to_string())
}

/// One window on one day.
struct Span {
    from: UnixMillis,
    to: UnixMillis,
    warm: Warm,
}

#[derive(Clone, Copy)]
enum Edge {
    Begin,
    End,
}

/// The windows on every day that can matter, in the schedule's order.
fn spans(schedule: &WarmSchedule, zone: &TimeZone, now: UnixMillis) -> Vec<Span> {
    // What no calendar reaches has no windows.
    let Ok(now) = Timestamp::from_millisecond(now.0) else { return Vec::new() };
    let today = zone.to_datetime(now).date();
    let days: Vec<_> = DAYS.filter_map(|day| today.checked_add(day.days()).ok()).collect();
    let spans = schedule.windows().iter().flat_map(|window| {
        let begins = move |day: &&Date| weekday(**day).is_some_and(|day| window.days.contains(&day));
        days.iter().filter(begins).filter_map(move |day| span(window, *day, zone))
    });
    spans.collect()
}

fn span(window: &WarmWindow, day: Date, zone: &TimeZone) -> Option<Span> {
    let (from, to) = (i64::from(window.from.minutes()), i64::from(window.to.minutes()));
    let to = if to <= from { to + DAY_MINUTES } else { to };
    let shown = |minutes| day.at(0, 0, 0, 0).checked_add(SignedDuration::from_mins(minutes)).ok();
    let from = moment(zone, shown(from)?, Edge::Begin)?;
    let to = moment(zone, shown(to)?, Edge::End)?;
    Some(Span { from, to, warm: window.warm })
}

/// When a clock of the zone shows this.
fn moment(zone: &TimeZone, shown: DateTime, edge: Edge) -> Option<UnixMillis> {
    let at = match (zone.to_ambiguous_timestamp(shown).offset(), edge) {
        (AmbiguousOffset::Unambiguous { offset }, _) => offset.to_timestamp(shown),
        (AmbiguousOffset::Fold { before, .. }, Edge::Begin) => before.to_timestamp(shown),
        (AmbiguousOffset::Fold { after, .. }, Edge::End) => after.to_timestamp(shown),
        // Read as if the clocks had jumped before, it lies ahead of the jump by less than that is wide.
        (AmbiguousOffset::Gap { after, .. }, _) => {
            let ahead = after.to_timestamp(shown).ok()?;
            Ok(zone.following(ahead).next()?.timestamp())
        }
    };
    at.ok().map(|at| UnixMillis(at.as_millisecond()))
}

fn weekday(day: Date) -> Option<Weekday> {
    let days_since_monday = usize::try_from(day.weekday().to_monday_zero_offset()).ok()?;
    Weekday::ALL.get(days_since_monday).copied()
}

fn zone(name: &str) -> Option<TimeZone> {
    ZONES.get(name).ok().filter(|zone| !zone.is_unknown())
}

/// The database that is built in; it keeps what was read of it.
static ZONES: LazyLock<TimeZoneDatabase> = LazyLock::new(TimeZoneDatabase::bundled);
/// Days around today on which a window may begin that matters: one of yesterday may not be over, and a zone that
/// skips a day makes it one of the day before; the next change is at most a week and an hour away.
const DAYS: std::ops::RangeInclusive<i32> = -2..=9;
/// Every window of those days that reaches so far is among them.
const HORIZON_MS: i64 = 8 * 86_400_000;
const DAY_MINUTES: i64 = 1_440;

#[cfg(test)]
mod tests;
