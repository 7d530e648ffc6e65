use std::str::FromStr;

/// A way to misbehave. Faults add up until [`Fault::Restore`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// No media any more; TCP stays and requests are answered.
    Stall,
    /// The same picture again and again, its clock stands. (A replay repeats its key frame, one a GOP.)
    Freeze,
    /// Every connection of this camera closes now. Happens once, nothing to restore.
    Drop,
    /// 453 to every SETUP: all its sessions are taken. Running sessions go on.
    RefuseSessions,
    /// 503 to every DESCRIBE, SETUP and PLAY. Running sessions go on.
    Unavailable,
    /// Connections close, new ones too at their first request that names this camera.
    Offline,
    /// The account has this password from now on. Running sessions go on until their next request.
    Password(String),
    /// No key frames any more, neither on PLAY nor when due.
    WithholdKeyFrames,
    /// All well again, password included.
    Restore,
}

impl FromStr for Fault {
    type Err = UnknownFault;

    /// The words of the control port. `wrong-password` sets one that nobody knows.
    fn from_str(word: &str) -> Result<Self, UnknownFault> {
        Ok(match word {
            "stall" => Self::Stall,
            "freeze" => Self::Freeze,
            "drop" => Self::Drop,
            "refuse-453" => Self::RefuseSessions,
            "refuse-503" => Self::Unavailable,
            "offline" => Self::Offline,
            "wrong-password" => Self::Password(hex::encode(sluice_runtime::random_bytes::<16>())),
            "withhold-key-frames" => Self::WithholdKeyFrames,
            "restore" => Self::Restore,
            _ => return Err(UnknownFault),
        })
    }
}

/// The word names no fault.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "a fault is one of stall, freeze, drop, refuse-453, refuse-503, offline, wrong-password, withhold-key-frames, restore"
)]
pub struct UnknownFault;

/// The faults a camera has now.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Faults {
    pub(crate) stalled: bool,
    pub(crate) frozen: bool,
    pub(crate) sessions_refused: bool,
    pub(crate) unavailable: bool,
    pub(crate) offline: bool,
    pub(crate) key_frames_withheld: bool,
    /// Instead of the configured one.
    pub(crate) password: Option<String>,
    /// Counts [`Fault::Drop`] and [`Fault::Offline`]: a connection that sees it move closes.
    pub(crate) drops: u64,
}

impl Faults {
    /// One more fault.
    pub(crate) fn add(&mut self, fault: Fault) {
        match fault {
            Fault::Stall => self.stalled = true,
            Fault::Freeze => self.frozen = true,
            Fault::Drop => self.drops += 1,
            Fault::RefuseSessions => self.sessions_refused = true,
            Fault::Unavailable => self.unavailable = true,
            Fault::Offline => {
                self.offline = true;
                self.drops += 1;
            }
            Fault::Password(password) => self.password = Some(password),
            Fault::WithholdKeyFrames => self.key_frames_withheld = true,
            Fault::Restore => *self = Self { drops: self.drops, ..Self::default() },
        }
    }

    /// The words for what is wrong now.
    pub(crate) fn words(&self) -> Vec<&'static str> {
        [
            (self.stalled, "stall"),
            (self.frozen, "freeze"),
            (self.sessions_refused, "refuse-453"),
            (self.unavailable, "refuse-503"),
            (self.offline, "offline"),
            (self.password.is_some(), "wrong-password"),
            (self.key_frames_withheld, "withhold-key-frames"),
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
            "refuse-453",
            "refuse-503",
            "wrong-password",
            "withhold-key-frames",
            "offline",
        ] {
            faults.add(word.parse().unwrap());
            assert!(faults.words().contains(&word), "{word}");
        }
        assert_eq!(faults.words().len(), 7);
        faults.add(Fault::Restore);
        assert!(faults.words().is_empty());
        assert_eq!(faults.drops, 1, "a restored camera does not reopen what it dropped");
    }

    #[test]
    fn an_unknown_word_is_told_the_known_ones() {
        assert!("explode".parse::<Fault>().unwrap_err().to_string().contains("withhold-key-frames"));
    }
}
