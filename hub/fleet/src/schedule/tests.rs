use sluice_hub_store::DayTime;

use super::*;

fn at(text: &str) -> UnixMillis {
    UnixMillis(text.parse::<Timestamp>().unwrap().as_millisecond())
}

/// Windows as a person says them: `mon fri 07:30-19:00 main`.
fn windows(said: &[&str]) -> WarmSchedule {
    let window = |said: &&str| {
        let words: Vec<_> = said.split(' ').collect();
        let [days @ .., hours, warm] = &words[..] else { panic!("{said}") };
        let (from, to) = hours.split_once('-').unwrap();
        let days = days.iter().map(|day| day.parse::<Weekday>().unwrap()).collect();
        let time = |text: &str| text.parse::<DayTime>().unwrap();
        WarmWindow { days, from: time(from), to: time(to), warm: warm.parse().unwrap() }
    };
    WarmSchedule::new(said.iter().map(window).collect()).unwrap()
}

/// Zone, schedule, and at which moment which policy is at work until when; the plain policy is `sub`.
type Case<'a> = (&'a str, &'a [&'a str], &'a [(&'a str, &'a str, &'a str)]);

fn hold(cases: &[Case<'_>]) {
    for (zone, said, moments) in cases {
        for (now, warm, until) in *moments {
            let found = at_work((Warm::Sub, &windows(said)), zone, at(now));
            let until = Some(*until).filter(|until| *until != "never").map(at);
            let expected = AtWork { warm: warm.parse().unwrap(), until };
            let told = found.until.and_then(rfc3339);
            assert_eq!(found, expected, "{said:?} in {zone} at {now}: {} until {told:?}", found.warm);
        }
    }
}

const OFFICE: &str = "mon tue wed thu fri 07:30-19:00 main";
const EVERY_DAY: &str = "mon tue wed thu fri sat sun";

#[test]
fn a_window_holds_from_its_first_minute_to_its_last_by_the_clock_of_the_site() {
    hold(&[(
        "America/Sao_Paulo",
        &[OFFICE],
        &[
            ("2026-11-23T10:29:59.999Z", "sub", "2026-11-23T10:30:00Z"),
            ("2026-11-23T10:30:00Z", "main", "2026-11-23T22:00:00Z"),
            ("2026-11-23T21:59:59.999Z", "main", "2026-11-23T22:00:00Z"),
            ("2026-11-23T22:00:00Z", "sub", "2026-11-24T10:30:00Z"),
            // The week wraps: from Friday evening to Monday morning.
            ("2026-11-27T22:00:00Z", "sub", "2026-11-30T10:30:00Z"),
        ],
    )]);
}

#[test]
fn a_window_that_ends_no_later_than_it_begins_ends_on_the_next_day() {
    hold(&[
        (
            "UTC",
            &["sat 22:00-06:00 none"],
            &[
                ("2026-11-21T21:59:00Z", "sub", "2026-11-21T22:00:00Z"),
                ("2026-11-21T23:00:00Z", "none", "2026-11-22T06:00:00Z"),
                ("2026-11-22T05:59:00Z", "none", "2026-11-22T06:00:00Z"),
                ("2026-11-22T06:00:00Z", "sub", "2026-11-28T22:00:00Z"),
                ("2026-11-22T23:00:00Z", "sub", "2026-11-28T22:00:00Z"),
            ],
        ),
        ("UTC", &["sun 00:00-00:00 all"], &[("2026-11-22T00:00:00Z", "all", "2026-11-23T00:00:00Z")]),
        ("UTC", &["sun 09:00-09:00 all"], &[("2026-11-23T08:59:59Z", "all", "2026-11-23T09:00:00Z")]),
    ]);
}

#[test]
fn the_first_of_overlapping_windows_holds_and_what_changes_nothing_is_no_change() {
    hold(&[
        (
            "UTC",
            &["mon 12:00-13:00 none", "mon 08:00-18:00 main", "mon 12:30-19:00 all"],
            &[
                ("2026-11-23T11:00:00Z", "main", "2026-11-23T12:00:00Z"),
                ("2026-11-23T12:45:00Z", "none", "2026-11-23T13:00:00Z"),
                ("2026-11-23T13:00:00Z", "main", "2026-11-23T18:00:00Z"),
                ("2026-11-23T18:00:00Z", "all", "2026-11-23T19:00:00Z"),
            ],
        ),
        (
            "UTC",
            &["mon 08:00-12:00 main", "mon 12:00-18:00 main"],
            &[("2026-11-23T09:00:00Z", "main", "2026-11-23T18:00:00Z")],
        ),
        ("UTC", &["mon 08:00-12:00 sub"], &[("2026-11-23T09:00:00Z", "sub", "never")]),
        (
            "UTC",
            &["mon tue wed thu fri sat sun 00:00-00:00 main"],
            &[("2026-11-23T09:00:00Z", "main", "never"), ("2026-11-23T00:00:00Z", "main", "never")],
        ),
        ("UTC", &[], &[("2026-11-23T09:00:00Z", "sub", "never")]),
    ]);
}

#[test]
fn a_time_that_the_clocks_jump_over_is_the_moment_of_the_jump() {
    // New York goes from 02:00 to 03:00 on 2026-03-08, at 07:00 UTC.
    hold(&[
        (
            "America/New_York",
            &["sun 02:30-04:00 main"],
            &[
                ("2026-03-08T06:59:00Z", "sub", "2026-03-08T07:00:00Z"),
                ("2026-03-08T07:00:00Z", "main", "2026-03-08T08:00:00Z"),
            ],
        ),
        (
            "America/New_York",
            &["sun 01:00-02:30 main"],
            &[("2026-03-08T06:30:00Z", "main", "2026-03-08T07:00:00Z")],
        ),
        (
            "America/New_York",
            &["sun 02:00-03:00 main"],
            &[("2026-03-08T06:59:00Z", "sub", "2026-03-15T06:00:00Z")],
        ),
        // Apia had no Friday 2011-12-30: what begins on Thursday ends with it.
        (
            "Pacific/Apia",
            &["thu 22:00-06:00 main", "fri 09:00-17:00 all"],
            &[("2011-12-30T08:30:00Z", "main", "2011-12-30T10:00:00Z")],
        ),
    ]);
}

#[test]
fn of_a_time_that_comes_twice_a_window_begins_with_the_first_and_ends_with_the_second() {
    // New York goes from 02:00 back to 01:00 on 2026-11-01, at 06:00 UTC.
    hold(&[
        (
            "America/New_York",
            &["sun 01:30-01:45 main"],
            &[
                ("2026-11-01T05:29:00Z", "sub", "2026-11-01T05:30:00Z"),
                ("2026-11-01T05:30:00Z", "main", "2026-11-01T06:45:00Z"),
                ("2026-11-01T06:10:00Z", "main", "2026-11-01T06:45:00Z"),
                ("2026-11-01T06:45:00Z", "sub", "2026-11-08T06:30:00Z"),
            ],
        ),
        (
            "America/New_York",
            &["sun 00:00-01:15 main"],
            &[("2026-11-01T05:20:00Z", "main", "2026-11-01T06:15:00Z")],
        ),
    ]);
}

#[test]
fn the_same_hours_are_other_moments_before_and_after_the_clocks_change() {
    let daily = format!("{EVERY_DAY} 07:30-19:00 main");
    hold(&[(
        "America/New_York",
        &[&daily],
        &[
            ("2026-10-31T23:00:00Z", "sub", "2026-11-01T12:30:00Z"),
            ("2026-11-01T11:30:00Z", "sub", "2026-11-01T12:30:00Z"),
            ("2026-03-07T23:59:00Z", "main", "2026-03-08T00:00:00Z"),
            ("2026-03-08T00:00:00Z", "sub", "2026-03-08T11:30:00Z"),
        ],
    )]);
}

#[test]
fn a_time_zone_goes_by_its_own_name_and_others_are_not_known() {
    assert_eq!(time_zone("america/sao_paulo").as_deref(), Some("America/Sao_Paulo"));
    assert_eq!(time_zone("UTC").as_deref(), Some("UTC"));
    assert_eq!(time_zone("Asia/Kathmandu").as_deref(), Some("Asia/Kathmandu"));
    for unknown in ["", "Sao Paulo", "America", "Etc/Unknown", "UTC+3", "../UTC"] {
        assert_eq!(time_zone(unknown), None, "{unknown}");
    }
}

#[test]
fn what_no_calendar_reaches_has_the_plain_policy() {
    for now in [i64::MIN, i64::MAX, 253_402_207_200_000, -377_705_023_201_000] {
        let found = at_work((Warm::Sub, &windows(&["mon 08:00-09:00 main"])), "UTC", UnixMillis(now));
        assert_eq!(found.warm, Warm::Sub, "{now}");
    }
    assert_eq!(rfc3339(UnixMillis(i64::MAX)), None);
    assert_eq!(rfc3339(at("2026-11-23T10:30:00Z")).as_deref(), Some("2026-11-23T10:30:00Z"));
}

mod every {
    use proptest::prelude::*;

    use super::*;

    const ZONES: [&str; 6] = [
        "UTC",
        "America/New_York",
        "Europe/Berlin",
        "Australia/Lord_Howe",
        "Asia/Kathmandu",
        "Africa/Casablanca",
    ];

    fn time() -> impl Strategy<Value = DayTime> {
        (0..24u32, 0..60u32).prop_map(|(hour, minute)| format!("{hour:02}:{minute:02}").parse().unwrap())
    }

    fn schedule() -> impl Strategy<Value = WarmSchedule> {
        let days = proptest::sample::subsequence(Weekday::ALL.to_vec(), 1..=7);
        let warm = proptest::sample::select(Warm::ALL.to_vec());
        let window = (days, time(), time(), warm).prop_map(|(days, from, to, warm)| WarmWindow {
            days,
            from,
            to,
            warm,
        });
        proptest::collection::vec(window, 1..5).prop_map(|windows| WarmSchedule::new(windows).unwrap())
    }

    /// Whether a clock on the wall shows a time inside the window.
    fn shown_inside(window: &WarmWindow, shown: DateTime) -> bool {
        let minute = u16::from(shown.hour().unsigned_abs()) * 60 + u16::from(shown.minute().unsigned_abs());
        let (from, to) = (window.from.minutes(), window.to.minutes());
        let begins = |day: Date| window.days.contains(&weekday(day).unwrap());
        let (today, yesterday) = (begins(shown.date()), begins(shown.date().yesterday().unwrap()));
        if from < to {
            today && (from..to).contains(&minute)
        } else {
            (today && minute >= from) || (yesterday && minute < to)
        }
    }

    proptest! {
        /// At any minute of a year with both changes of the clocks: while a clock shows a time inside a window, a
        /// window holds that was listed no later; and nothing changes before the moment that was told.
        #[test]
        fn moment_of_a_year_is_as_the_clock_on_the_wall_says(
            schedule in schedule(), zone in proptest::sample::select(ZONES.to_vec()), minute in 0..525_600i64,
        ) {
            let now = UnixMillis(at("2026-01-01T00:00:00Z").0 + minute * 60_000);
            let read = |now| at_work((Warm::Sub, &schedule), zone, now);
            let found = read(now);
            let shown = super::super::zone(zone).unwrap().to_datetime(Timestamp::from_millisecond(now.0).unwrap());
            let inside = schedule.windows().iter().position(|window| shown_inside(window, shown));
            if let Some(first) = inside {
                let may = schedule.windows()[..=first].iter().any(|window| window.warm == found.warm);
                prop_assert!(may, "{shown} in {zone}: {found:?}");
            }
            if let Some(until) = found.until {
                prop_assert!(until > now && until.0 % 60_000 == 0);
                prop_assert_eq!(read(UnixMillis(until.0 - 1)).warm, found.warm);
                prop_assert_ne!(read(until).warm, found.warm);
                let between = UnixMillis(now.0 + (until.0 - now.0) / 2);
                prop_assert_eq!(read(between), found);
            }
        }
    }
}
