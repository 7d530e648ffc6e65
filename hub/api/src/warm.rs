//! What is kept warm, and when, as the API takes and tells it.

use serde::{Deserialize, Serialize};
use sluice_hub_fleet::schedule::{self, AtWork};
use sluice_hub_store::{WarmSchedule, WarmWindow, Weekday};
use utoipa::ToSchema;

use crate::validate::Faults;

/// On which days, from when to when, another warm policy holds; times are those of the site's time zone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct WindowNow {
    /// The days on which it begins: `mon` to `sun`.
    days: Vec<String>,
    /// `HH:MM`, from `00:00` to `23:59`.
    from: String,
    /// `HH:MM`; no later than `from` means on the next day.
    to: String,
    /// `all`, `sub`, `main` or `none`.
    warm: String,
}

/// A schedule as it is told.
pub(crate) fn shown(schedule: &WarmSchedule) -> Vec<WindowNow> {
    let windows = schedule.windows().iter().map(|window| WindowNow {
        days: window.days.iter().map(Weekday::to_string).collect(),
        from: window.from.to_string(),
        to: window.to.to_string(),
        warm: window.warm.to_string(),
    });
    windows.collect()
}

/// The policy at work, and when the clock changes it, as they are told.
pub(crate) fn at_work(at_work: AtWork) -> (&'static str, Option<String>) {
    (at_work.warm.as_str(), at_work.until.and_then(schedule::rfc3339))
}

/// The schedule asked for; everything that is wrong with it is noted by its window and field.
pub(crate) fn schedule(asked: &[WindowNow], faults: &mut Faults) -> Option<WarmSchedule> {
    let most = WarmSchedule::MOST_WINDOWS;
    if asked.len() > most {
        faults.add("warm_schedule", "too-many", format!("at most {most} windows"));
        return None;
    }
    let windows: Vec<_> = asked.iter().enumerate().map(|(at, asked)| window(at, asked, faults)).collect();
    WarmSchedule::new(windows.into_iter().collect::<Option<_>>()?).ok()
}

/// The time zone asked for, as the IANA database spells it.
pub(crate) fn time_zone(name: &str, faults: &mut Faults) -> Option<String> {
    let known = schedule::time_zone(name);
    if known.is_none() {
        let text = "no such time zone; a name of the IANA database, such as America/Sao_Paulo or UTC";
        faults.add("time_zone", "unknown", text);
    }
    known
}

fn window(at: usize, asked: &WindowNow, faults: &mut Faults) -> Option<WarmWindow> {
    let mut fault =
        |field: &str, text: &'static str| faults.add(format!("warm_schedule[{at}].{field}"), "invalid", text);
    let days: Option<Vec<Weekday>> = asked.days.iter().map(|day| day.parse().ok()).collect();
    let days = days.filter(|days| !days.is_empty());
    if days.is_none() {
        fault("days", "one or more of mon, tue, wed, thu, fri, sat, sun");
    }
    let from = asked.from.parse().ok();
    if from.is_none() {
        fault("from", CLOCK);
    }
    let to = asked.to.parse().ok();
    if to.is_none() {
        fault("to", CLOCK);
    }
    let warm = asked.warm.parse().ok();
    if warm.is_none() {
        fault("warm", "one of all, sub, main, none");
    }
    Some(WarmWindow { days: days?, from: from?, to: to?, warm: warm? })
}

const CLOCK: &str = "a time such as 07:30, from 00:00 to 23:59";
