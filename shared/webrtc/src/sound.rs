use std::sync::Arc;

use str0m::{Rtc, rtp::RtpWrite};

use crate::{
    formats::Lines,
    frame::{AudioKind, AudioPacket},
    timeline::Timeline,
    viewer::Moment,
};

/// What one viewer hears. Sound is sent as it comes, and never again: what is lost would come too late.
#[derive(Debug)]
pub(crate) struct Sound {
    wanted: bool,
    timeline: Timeline,
    next_sequence: u64,
    /// The next packet begins after silence (RFC 3551 §4.1).
    resumes: bool,
}

impl Sound {
    /// Sound for a viewer that wants it from the start, or for one that is going to say so.
    pub(crate) fn new(wanted: bool) -> Self {
        Self {
            wanted,
            timeline: Timeline::new(fastrand::u32(..), USUAL_RATE),
            // The upper bits are SRTP's rollover counter, which a viewer takes for zero.
            next_sequence: fastrand::u64(1..32_768),
            resumes: true,
        }
    }

    pub(crate) fn wanted(&self) -> bool {
        self.wanted
    }

    pub(crate) fn want(&mut self, wanted: bool) {
        self.wanted = wanted;
        self.resumes = true;
    }

    /// What comes from here on is of another feed.
    pub(crate) fn renew(&mut self) {
        self.timeline.renew();
        self.resumes = true;
    }

    /// Hands the packet to the session; it leaves with the viewer's next turn. `false` if the viewer cannot or
    /// does not want to hear it.
    pub(crate) fn write(
        &mut self,
        at: Moment,
        (rtc, lines): (&mut Rtc, &mut Lines),
        kind: AudioKind,
        packet: &AudioPacket,
    ) -> bool {
        let Some(pt) = lines.audio_type(kind).filter(|_| self.wanted) else { return false };
        let mut api = rtc.direct_api();
        let Some(stream) = lines.audio.as_mut().and_then(|line| line.stream(&mut api)) else { return false };
        self.timeline.set_rate(kind.clock_rate);
        let stamp = self.timeline.follow(packet.timestamp, packet.captured_at_ms);
        let captured_at = at.instant_of(stamp.captured_at_ms);
        let payload = Arc::clone(&packet.payload);
        let write = RtpWrite::new(pt, self.next_sequence.into(), stamp.rtp, captured_at, payload);
        stream.write_rtp(write.marker(std::mem::take(&mut self.resumes)));
        self.next_sequence += 1;
        true
    }
}

/// What a viewer says over the data channel to hear a feed, or not: `{"audio":true}`.
pub(crate) fn wish(text: &str) -> Option<bool> {
    let bare: String = text.chars().filter(|character| !character.is_ascii_whitespace()).collect();
    match bare.as_str() {
        r#"{"audio":true}"# => Some(true),
        r#"{"audio":false}"# => Some(false),
        _ => None,
    }
}

/// Of Opus; another clock is told with its first packet.
const USUAL_RATE: u32 = 48_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wish_for_sound_is_read_however_it_is_spaced() {
        assert_eq!(wish(r#"{"audio":true}"#), Some(true));
        assert_eq!(wish("{ \"audio\" : false }\n"), Some(false));
        for other in ["", "stalled", r#"{"audio":1}"#, r#"{"audio":true,"#] {
            assert_eq!(wish(other), None, "{other}");
        }
    }
}
