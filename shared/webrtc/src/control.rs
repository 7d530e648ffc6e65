use std::time::{Duration, Instant};

use str0m::channel::ChannelId;

/// What a viewer says over its channel `sluice-control`. Pure: so much at once, then so much a second; of what comes
/// faster the newest waits for its turn, so that the last word of a flood is heard.
#[derive(Debug, Default)]
pub(crate) struct Control {
    /// The channel, while it is open.
    pub(crate) channel: Option<ChannelId>,
    /// Up to when the pace is spent.
    spent: Option<Instant>,
    waiting: Option<String>,
}

/// What became of a message.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Heard {
    /// It is to be passed on now.
    Now(String),
    /// It waits.
    Later,
    /// It, or the one that waited before it, is not passed on.
    Refused,
}

impl Control {
    /// A message of the viewer.
    pub(crate) fn hear(&mut self, now: Instant, message: Vec<u8>) -> Heard {
        if message.len() > LONGEST {
            return Heard::Refused;
        }
        let Ok(text) = String::from_utf8(message) else { return Heard::Refused };
        if self.waiting.is_none() && self.is_free(now) {
            self.spend(now);
            return Heard::Now(text);
        }
        match self.waiting.replace(text) {
            Some(_) => Heard::Refused,
            None => Heard::Later,
        }
    }

    /// What has waited long enough.
    pub(crate) fn poll(&mut self, now: Instant) -> Option<String> {
        if self.waiting.is_none() || !self.is_free(now) {
            return None;
        }
        self.spend(now);
        self.waiting.take()
    }

    /// When [`Control::poll`] has something.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.waiting.as_ref()?;
        self.spent.and_then(|spent| spent.checked_sub(AHEAD))
    }

    /// The channel is closed: what waited was of nobody who hears the answer.
    pub(crate) fn close(&mut self) {
        (self.channel, self.waiting) = (None, None);
    }

    fn is_free(&self, now: Instant) -> bool {
        self.spent.is_none_or(|spent| spent.saturating_duration_since(now) <= AHEAD)
    }

    fn spend(&mut self, now: Instant) {
        self.spent = Some(self.spent.map_or(now, |spent| spent.max(now)) + EACH);
    }
}

/// The channel over which a player asks for something.
pub(crate) const CHANNEL: &str = "sluice-control";
/// Longer texts are nothing a player asks with.
const LONGEST: usize = 1_024;
/// 20 messages a second: a held key says itself again every 400 ms.
const EACH: Duration = Duration::from_millis(50);
/// Nine more than one at once.
const AHEAD: Duration = Duration::from_millis(450);

#[cfg(test)]
mod tests {
    use sluice_runtime::Clock;

    use super::*;

    fn said(text: &str) -> Vec<u8> {
        text.as_bytes().to_vec()
    }

    #[test]
    fn ten_come_at_once_and_twenty_a_second_from_then_on() {
        let (mut control, start) = (Control::default(), Clock::system().now());
        let passed = |control: &mut Control, now| matches!(control.hear(now, said("x")), Heard::Now(_));
        assert_eq!((0..30).filter(|_| passed(&mut control, start)).count(), 10);
        let mut later = 0;
        for ms in (1..=10_000).step_by(7) {
            let now = start + Duration::from_millis(ms);
            later += usize::from(passed(&mut control, now)) + usize::from(control.poll(now).is_some());
        }
        assert!((195..=201).contains(&later), "{later} in ten seconds");
    }

    #[test]
    fn the_last_word_of_a_flood_is_heard_in_its_turn() {
        let (mut control, now) = (Control::default(), Clock::system().now());
        for n in 0..10 {
            assert_eq!(control.hear(now, said("move")), Heard::Now("move".into()), "{n}");
        }
        assert_eq!(control.hear(now, said("move on")), Heard::Later);
        assert_eq!(control.hear(now, said("stop")), Heard::Refused, "the one before it is passed over");
        let due = control.deadline().unwrap();
        assert_eq!((due, control.poll(now)), (now + EACH, None));
        assert_eq!(control.poll(due).as_deref(), Some("stop"));
        assert_eq!((control.deadline(), control.poll(due)), (None, None));
    }

    #[test]
    fn what_is_too_long_or_no_text_is_refused() {
        let (mut control, now) = (Control::default(), Clock::system().now());
        assert_eq!(control.hear(now, vec![b'x'; LONGEST + 1]), Heard::Refused);
        assert_eq!(control.hear(now, vec![0xff, 0xfe]), Heard::Refused);
        assert_eq!(control.hear(now, vec![b'x'; LONGEST]), Heard::Now("x".repeat(LONGEST)));
        control.close();
        assert_eq!(control.deadline(), None);
    }
}
