//! When another warm policy holds than the plain one: windows of a week, as clocks at the site show them.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::{
    Warm,
    row::{UnknownWord, words},
};

/// A day of the week.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Weekday {
    /// Monday.
    Mon,
    /// Tuesday.
    Tue,
    /// Wednesday.
    Wed,
    /// Thursday.
    Thu,
    /// Friday.
    Fri,
    /// Saturday.
    Sat,
    /// Sunday.
    Sun,
}

words!(Weekday: Mon = "mon", Tue = "tue", Wed = "wed", Thu = "thu", Fri = "fri", Sat = "sat", Sun = "sun");

/// A time of day in whole minutes, `00:00` to `23:59`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct DayTime(u16);

/// On which days, from when to when, which policy holds.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WarmWindow {
    /// The days on which it begins.
    pub days: Vec<Weekday>,
    /// When it begins.
    pub from: DayTime,
    /// When it is over; on the next day if that is no later than `from`.
    pub to: DayTime,
    /// Which tiers are pulled meanwhile.
    pub warm: Warm,
}

/// Windows in the order they were listed: where two overlap, the first holds. Empty: the plain policy always holds.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(try_from = "Vec<WarmWindow>", into = "Vec<WarmWindow>")]
pub struct WarmSchedule(Vec<WarmWindow>);

/// Why something is no schedule.
#[derive(Debug, thiserror::Error)]
pub enum ScheduleError {
    /// It has more windows than a schedule takes.
    #[error("a schedule has more than {} windows", WarmSchedule::MOST_WINDOWS)]
    TooMany,
    /// A window has no day on which it begins.
    #[error("a window of a schedule has no day")]
    NoDay,
    /// The kept text does not say a schedule.
    #[error("the text of a schedule is damaged")]
    Damaged(#[source] serde_json::Error),
}

impl DayTime {
    /// Minutes since midnight, below 1,440.
    #[must_use]
    pub const fn minutes(self) -> u16 {
        self.0
    }
}

impl FromStr for DayTime {
    type Err = UnknownWord;

    /// `HH:MM`, and no other way to write it.
    fn from_str(text: &str) -> Result<Self, UnknownWord> {
        let [h1, h2, b':', m1, m2] = text.as_bytes() else { return Err(UnknownWord) };
        let number = |tens: &u8, ones: &u8| {
            let digits = tens.is_ascii_digit() && ones.is_ascii_digit();
            digits.then(|| u16::from(tens - b'0') * 10 + u16::from(ones - b'0'))
        };
        match (number(h1, h2), number(m1, m2)) {
            (Some(hour @ 0..24), Some(minute @ 0..60)) => Ok(Self(hour * 60 + minute)),
            _ => Err(UnknownWord),
        }
    }
}

impl fmt::Display for DayTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02}:{:02}", self.0 / 60, self.0 % 60)
    }
}

impl TryFrom<String> for DayTime {
    type Error = UnknownWord;

    fn try_from(text: String) -> Result<Self, UnknownWord> {
        text.parse()
    }
}

impl From<DayTime> for String {
    fn from(time: DayTime) -> Self {
        time.to_string()
    }
}

impl WarmSchedule {
    /// More windows than any week of a site needs; each is worked out for every camera that follows it.
    pub const MOST_WINDOWS: usize = 16;

    /// A schedule of these windows. Days are put in order, each once.
    ///
    /// # Errors
    /// [`ScheduleError::TooMany`] windows, or one with [`ScheduleError::NoDay`].
    pub fn new(mut windows: Vec<WarmWindow>) -> Result<Self, ScheduleError> {
        if windows.len() > Self::MOST_WINDOWS {
            return Err(ScheduleError::TooMany);
        }
        for window in &mut windows {
            window.days.sort_unstable();
            window.days.dedup();
            if window.days.is_empty() {
                return Err(ScheduleError::NoDay);
            }
        }
        Ok(Self(windows))
    }

    /// Its windows, the first that holds wins.
    #[must_use]
    pub fn windows(&self) -> &[WarmWindow] {
        &self.0
    }

    /// Whether the plain policy always holds.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl TryFrom<Vec<WarmWindow>> for WarmSchedule {
    type Error = ScheduleError;

    fn try_from(windows: Vec<WarmWindow>) -> Result<Self, ScheduleError> {
        Self::new(windows)
    }
}

impl From<WarmSchedule> for Vec<WarmWindow> {
    fn from(schedule: WarmSchedule) -> Self {
        schedule.0
    }
}

impl FromStr for WarmSchedule {
    type Err = ScheduleError;

    fn from_str(text: &str) -> Result<Self, ScheduleError> {
        serde_json::from_str(text).map_err(ScheduleError::Damaged)
    }
}

/// As it is kept: JSON.
impl fmt::Display for WarmSchedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&serde_json::to_string(&self.0).map_err(|_| fmt::Error)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window(days: &[Weekday]) -> WarmWindow {
        let (from, to) = ("07:30".parse().unwrap(), "19:00".parse().unwrap());
        WarmWindow { days: days.to_vec(), from, to, warm: Warm::Main }
    }

    #[test]
    fn a_time_of_day_is_written_in_one_way() {
        for good in ["00:00", "07:30", "23:59"] {
            assert_eq!(good.parse::<DayTime>().unwrap().to_string(), good);
        }
        assert_eq!("23:59".parse::<DayTime>().unwrap().minutes(), 1_439);
        for bad in ["", "7:30", "24:00", "12:60", "07:3o", "+7:30", "07:30:00", "0730", "０7:30"] {
            assert!(bad.parse::<DayTime>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_schedule_reads_back_as_it_is_kept_with_its_days_in_order() {
        let schedule = WarmSchedule::new(vec![window(&[Weekday::Fri, Weekday::Mon, Weekday::Fri])]).unwrap();
        let text = schedule.to_string();
        assert_eq!(text, r#"[{"days":["mon","fri"],"from":"07:30","to":"19:00","warm":"main"}]"#);
        assert_eq!(text.parse::<WarmSchedule>().unwrap(), schedule);
        assert!("[]".parse::<WarmSchedule>().unwrap().is_empty());
    }

    #[test]
    fn what_is_no_schedule_is_refused_wherever_it_comes_from() {
        assert!(matches!(WarmSchedule::new(vec![window(&[])]), Err(ScheduleError::NoDay)));
        let many = vec![window(&[Weekday::Mon]); WarmSchedule::MOST_WINDOWS + 1];
        assert!(matches!(WarmSchedule::new(many), Err(ScheduleError::TooMany)));
        for damaged in [
            "",
            "{}",
            r#"[{"days":[],"from":"07:30","to":"19:00","warm":"main"}]"#,
            r#"[{"days":["mon"],"from":"7:30","to":"19:00","warm":"main"}]"#,
            r#"[{"days":["mon"],"from":"07:30","to":"19:00","warm":"hot"}]"#,
            r#"[{"days":["mon"],"from":"07:30","to":"19:00","warm":"main","on":1}]"#,
        ] {
            let error = damaged.parse::<WarmSchedule>();
            assert!(matches!(error, Err(ScheduleError::Damaged(_))), "{damaged}");
        }
    }
}
