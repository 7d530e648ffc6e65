use std::str::FromStr;

/// A way to misbehave. Faults add up until [`Fault::Restore`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// No media any more; TCP stays and requests are answered.
    Stall,
    /// The same picture again and again, its clock stands. (A replay repeats its key frame, one a GOP.) Sound goes on.
    Freeze,
    /// Every connection of this camera closes now. Happens once, nothing to restore.
    Drop,
    /// 453 to every SETUP: all its sessions are taken. Running sessions go on.
    RefuseSessions,
    /// 401 to every DESCRIBE and SETUP, with the right password too, as if that said that all sessions are taken.
    /// Running sessions go on.
    Unauthorized,
    /// 503 to every DESCRIBE, SETUP and PLAY. Running sessions go on.
    Unavailable,
    /// Connections close, new ones too at their first request that names this camera.
    Offline,
    /// The account has this password from now on. Running sessions go on until their next request.
    Password(String),
    /// No key frames any more, neither on PLAY nor when due.
    WithholdKeyFrames,
    /// Pictures of another size from now on, in running sessions too: live ones shrink to three quarters, encoded
    /// loops change between 640x360 and 1280x720. A replay of plain H.264 has one size only.
    Resize,
    /// Half of the pictures are not taken, at uneven distances. Of a loop no picture is lost, it lasts longer.
    Stutter,
    /// Running sessions go on with another SSRC, sequence and timestamp on every line. Happens once.
    ChangeSsrc,
    /// The camera's own clock, as its sender reports tell it, is off by so many seconds; media goes on.
    ClockJump(i64),
    /// RTP timestamps of running sessions leap by so many seconds, on every line. Happens once.
    TimestampJump(i64),
    /// All well again, password included.
    Restore,
}

impl FromStr for Fault {
    type Err = UnknownFault;

    /// The words of the control port. `wrong-password` sets one that nobody knows; the jumps take seconds behind a
    /// colon, as in `clock-jump:-86400`.
    fn from_str(word: &str) -> Result<Self, UnknownFault> {
        let (word, seconds) = match word.split_once(':') {
            Some((word, seconds)) => (word, Some(seconds.parse::<i32>().map_err(|_| UnknownFault)?.into())),
            None => (word, None),
        };
        if seconds.is_some() && !matches!(word, "clock-jump" | "timestamp-jump" | "timestamp-back") {
            return Err(UnknownFault);
        }
        Ok(match word {
            "stall" => Self::Stall,
            "freeze" => Self::Freeze,
            "drop" => Self::Drop,
            "refuse-453" => Self::RefuseSessions,
            "refuse-401" => Self::Unauthorized,
            "refuse-503" => Self::Unavailable,
            "offline" => Self::Offline,
            "wrong-password" => Self::Password(hex::encode(sluice_runtime::random_bytes::<16>())),
            "withhold-key-frames" => Self::WithholdKeyFrames,
            "resize" => Self::Resize,
            "stutter" => Self::Stutter,
            "ssrc-change" => Self::ChangeSsrc,
            "clock-jump" => Self::ClockJump(seconds.unwrap_or(3_600)),
            "timestamp-jump" => Self::TimestampJump(seconds.unwrap_or(100)),
            "timestamp-back" => Self::TimestampJump(-seconds.unwrap_or(3)),
            "restore" => Self::Restore,
            _ => return Err(UnknownFault),
        })
    }
}

/// The word names no fault.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "a fault is one of stall, freeze, drop, refuse-401, refuse-453, refuse-503, offline, wrong-password, \
     withhold-key-frames, resize, stutter, ssrc-change, clock-jump[:SECONDS], timestamp-jump[:SECONDS], timestamp-back[:SECONDS], restore"
)]
pub struct UnknownFault;

/// The faults a camera has now.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Faults {
    pub(crate) stalled: bool,
    pub(crate) frozen: bool,
    pub(crate) sessions_refused: bool,
    pub(crate) unauthorized: bool,
    pub(crate) unavailable: bool,
    pub(crate) offline: bool,
    pub(crate) key_frames_withheld: bool,
    pub(crate) resized: bool,
    pub(crate) stuttering: bool,
    /// Seconds by which its clock is off.
    pub(crate) clock_off: i64,
    /// Instead of the configured one.
    pub(crate) password: Option<String>,
    pub(crate) events: Events,
}

/// What happened once, counted: a session acts when it sees its number move.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Events {
    /// [`Fault::Drop`] and [`Fault::Offline`]: connections close.
    pub(crate) drops: u64,
    pub(crate) ssrc_changes: u64,
    /// Seconds of all leaps together.
    pub(crate) leapt: i64,
}

impl Faults {
    /// One more fault.
    pub(crate) fn add(&mut self, fault: Fault) {
        match fault {
            Fault::Stall => self.stalled = true,
            Fault::Freeze => self.frozen = true,
            Fault::Drop => self.events.drops += 1,
            Fault::RefuseSessions => self.sessions_refused = true,
            Fault::Unauthorized => self.unauthorized = true,
            Fault::Unavailable => self.unavailable = true,
            Fault::Offline => {
                self.offline = true;
                self.events.drops += 1;
            }
            Fault::Password(password) => self.password = Some(password),
            Fault::WithholdKeyFrames => self.key_frames_withheld = true,
            Fault::Resize => self.resized = true,
            Fault::Stutter => self.stuttering = true,
            Fault::ChangeSsrc => self.events.ssrc_changes += 1,
            Fault::ClockJump(seconds) => self.clock_off = seconds,
            Fault::TimestampJump(seconds) => self.events.leapt += seconds,
            Fault::Restore => *self = Self { events: self.events, ..Self::default() },
        }
    }

    /// Whether picture `number` is not taken: of twelve every second, in runs of one to three.
    pub(crate) const fn skips(&self, number: u64) -> bool {
        self.stuttering && matches!(number % 12, 2..=4 | 7 | 9 | 10)
    }

    /// The words for what is wrong now.
    pub(crate) fn words(&self) -> Vec<&'static str> {
        [
            (self.stalled, "stall"),
            (self.frozen, "freeze"),
            (self.sessions_refused, "refuse-453"),
            (self.unauthorized, "refuse-401"),
            (self.unavailable, "refuse-503"),
            (self.offline, "offline"),
            (self.password.is_some(), "wrong-password"),
            (self.key_frames_withheld, "withhold-key-frames"),
            (self.resized, "resize"),
            (self.stuttering, "stutter"),
            (self.clock_off != 0, "clock-jump"),
        ]
        .into_iter()
        .filter_map(|(present, word)| present.then_some(word))
        .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_add_up_until_all_is_restored() {
        let mut faults = Faults::default();
        for word in [
            "stall",
            "freeze",
            "refuse-401",
            "refuse-453",
            "refuse-503",
            "wrong-password",
            "withhold-key-frames",
            "offline",
            "resize",
            "stutter",
            "clock-jump",
        ] {
            faults.add(word.parse().unwrap());
            assert!(faults.words().contains(&word), "{word}");
        }
        assert_eq!(faults.words().len(), 11);
        for word in ["ssrc-change", "timestamp-jump", "timestamp-back:10"] {
            faults.add(word.parse().unwrap());
        }
        faults.add(Fault::Restore);
        assert!(faults.words().is_empty());
        let happened = Events { drops: 1, ssrc_changes: 1, leapt: 90 };
        assert_eq!(faults.events, happened, "a restored camera does not undo what it did");
    }

    #[test]
    fn an_unknown_word_is_told_the_known_ones() {
        assert!("explode".parse::<Fault>().unwrap_err().to_string().contains("withhold-key-frames"));
        assert!("stall:3".parse::<Fault>().is_err());
        assert_eq!("clock-jump:-86400".parse(), Ok(Fault::ClockJump(-86_400)));
    }
}
