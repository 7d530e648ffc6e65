use crate::{AccessUnit, Codec, Key, h265};

/// Keeps from a decoder what it cannot show: everything before a key frame at the beginning and behind a gap,
/// and the leading pictures of an H.265 random access picture that decoding begins with (H.265 §8.1.3,
/// `NoRaslOutputFlag`). Each reader that begins anew has one.
#[derive(Debug, Clone)]
pub struct KeyGate {
    codec: Codec,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Nothing before the next key frame.
    Shut,
    /// Open since a key frame whose leading pictures refer to what was not decoded.
    Leading,
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
            (Some(Key::RecoveryPoint), State::Shut) if self.codec == Codec::H265 => State::Leading,
            (Some(_), _) => State::Open,
            (None, state) => state,
        };
        match self.state {
            State::Shut => false,
            State::Leading => unit.key.is_some() || !h265::is_skipped_leading(&unit.packets),
            State::Open => true,
        }
    }
}
