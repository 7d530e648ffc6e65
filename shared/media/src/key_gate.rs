use crate::{AccessUnit, Codec, Key, h265};

/// Keeps from a decoder what it cannot show: everything before a key frame at the beginning and behind a gap,
/// and what leads a key frame of an open GOP that decoding begins with: pictures sent behind it and shown before
/// it, which refer to what was not decoded (H.265 §8.1.3, `NoRaslOutputFlag`; H.264 §D.2.8). Each reader that
/// begins anew has one.
#[derive(Debug, Clone)]
pub struct KeyGate {
    codec: Codec,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Nothing before the next key frame.
    Shut,
    /// Open since the key frame of an open GOP, which is shown at this time.
    Leading(i64),
    Open,
}

impl KeyGate {
    /// Shut until the first key frame.
    #[must_use]
    pub fn new(codec: Codec) -> Self {
        Self { codec, state: State::Shut }
    }

    /// Something is missing: shut until the next key frame. Lines of sound do not need it.
    pub fn lose(&mut self) {
        self.state = State::Shut;
    }

    /// Whether `unit` may be shown.
    pub fn admits(&mut self, unit: &AccessUnit) -> bool {
        self.state = match (unit.key, self.state) {
            (Some(Key::RecoveryPoint), State::Shut) => State::Leading(unit.timestamp),
            (Some(_), _) => State::Open,
            (None, state) => state,
        };
        match self.state {
            State::Shut => false,
            State::Leading(_) if self.codec == Codec::H265 => !h265::is_skipped_leading(&unit.packets),
            State::Leading(shown) => unit.timestamp >= shown,
            State::Open => true,
        }
    }
}
