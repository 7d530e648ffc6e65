use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use crate::peer::Packet;

/// Makes figures of the packets one viewer received. Pure.
#[derive(Debug, Default)]
pub struct Tally {
    packets: u64,
    bytes: u64,
    first_sequence: Option<u64>,
    last_sequence: u64,
    late: u64,
    open: BTreeMap<u32, Open>,
    frames: Vec<Frame>,
    age: Option<Age>,
}

/// One complete frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Frame {
    /// When its last packet came.
    pub at: Instant,
    /// RTP timestamp.
    pub timestamp: u32,
    /// Whether decoding can begin here.
    pub key: bool,
    /// From the capture at the edge to its last packet here, once the node has told; in milliseconds.
    pub age_ms: Option<i64>,
}

#[derive(Debug, Default)]
struct Open {
    first: u64,
    last: Option<u64>,
    packets: u64,
    key: bool,
}

/// What the node said last about the age of pictures.
#[derive(Debug, Clone, Copy)]
struct Age {
    rtp: u32,
    captured_at_ms: i64,
}

impl Tally {
    /// Takes one packet, received at `unix_millis` of this machine. The frame it completes, if any.
    pub fn packet(&mut self, packet: &Packet, unix_millis: i64) -> Option<Frame> {
        self.packets += 1;
        self.bytes += packet.payload.len() as u64;
        let first = *self.first_sequence.get_or_insert(packet.sequence);
        if packet.sequence < self.last_sequence || packet.sequence < first {
            self.late += 1;
        }
        self.last_sequence = self.last_sequence.max(packet.sequence);
        let open =
            self.open.entry(packet.timestamp).or_insert(Open { first: packet.sequence, ..Open::default() });
        open.first = open.first.min(packet.sequence);
        open.packets += 1;
        open.key |= begins_key(&packet.payload);
        if packet.marker {
            open.last = Some(packet.sequence);
        }
        let done = open.last.is_some_and(|last| open.packets > last - open.first);
        if !done {
            return None;
        }
        let open = self.open.remove(&packet.timestamp)?;
        // Frames that never become whole are not waited for.
        while self.open.len() > OPEN_FRAMES {
            self.open.pop_first();
        }
        let age_ms = self.age.map(|age| unix_millis - age.captured_at(packet.timestamp));
        let frame = Frame { at: packet.at, timestamp: packet.timestamp, key: open.key, age_ms };
        self.frames.push(frame);
        Some(frame)
    }

    /// Takes a freshness message of the node.
    pub fn text(&mut self, text: &str) {
        let Ok(message) = serde_json::from_str::<serde_json::Value>(text) else { return };
        let rtp = message["rtp"].as_u64().and_then(|rtp| u32::try_from(rtp).ok());
        if let (Some(rtp), Some(captured_at_ms)) = (rtp, message["captured_at_ms"].as_i64()) {
            self.age = Some(Age { rtp, captured_at_ms });
        }
    }

    /// Packets received.
    #[must_use]
    pub fn packets(&self) -> u64 {
        self.packets
    }

    /// Payload bytes received.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Packets that never came.
    #[must_use]
    pub fn lost(&self) -> u64 {
        let expected = self.first_sequence.map_or(0, |first| self.last_sequence - first + 1);
        expected.saturating_sub(self.packets)
    }

    /// Packets that came after later ones: resent, or overtaken.
    #[must_use]
    pub fn late(&self) -> u64 {
        self.late
    }

    /// Whole frames, in the order they became whole.
    #[must_use]
    pub fn frames(&self) -> &[Frame] {
        &self.frames
    }

    /// Times between whole frames.
    pub fn gaps(&self) -> impl Iterator<Item = Duration> + '_ {
        self.frames.windows(2).map(|pair| pair[1].at.saturating_duration_since(pair[0].at))
    }
}

impl Age {
    fn captured_at(self, rtp: u32) -> i64 {
        #[expect(clippy::cast_possible_wrap, reason = "the nearer way around the 32-bit circle")]
        let ticks = rtp.wrapping_sub(self.rtp) as i32;
        self.captured_at_ms + i64::from(ticks) / 90
    }
}

/// Whether a payload of RFC 6184 begins an IDR picture: alone, first of its fragments, or behind parameter sets.
fn begins_key(payload: &[u8]) -> bool {
    match payload {
        [header, ..] if matches!(header & 0x1f, 5 | 7) => true,
        // STAP-A: the first unit's header is behind its length.
        [header, _, _, first, ..] if header & 0x1f == 24 => matches!(first & 0x1f, 5 | 7),
        [header, fragment, ..] if header & 0x1f == 28 => fragment & 0x9f == 0x85,
        _ => false,
    }
}

/// Frames of which packets may still come.
const OPEN_FRAMES: usize = 64;

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use sluice_runtime::Clock;

    use super::*;

    fn packet(sequence: u64, timestamp: u32, marker: bool, payload: &[u8]) -> Packet {
        let at = Clock::system().now();
        Packet { sequence, timestamp, marker, payload_type: 96, payload: Arc::from(payload), at }
    }

    #[test]
    fn a_frame_is_whole_when_its_last_hole_is_filled() {
        let mut tally = Tally::default();
        assert_eq!(tally.packet(&packet(10, 0, false, &[0x7c, 0x85]), 0), None);
        assert_eq!(tally.packet(&packet(12, 0, true, &[0x7c, 0x45]), 0), None);
        assert_eq!(tally.lost(), 1);
        let frame = tally.packet(&packet(11, 0, false, &[0x7c, 0x05]), 0).expect("whole");
        assert!(frame.key);
        assert_eq!((tally.lost(), tally.late()), (0, 1));
    }

    #[test]
    fn age_follows_what_the_node_told() {
        let mut tally = Tally::default();
        tally.text(r#"{"rtp":4294967290,"captured_at_ms":1000,"node_now_ms":1010}"#);
        let frame = tally.packet(&packet(1, 8_994, true, &[0x41]), 1_150).expect("whole");
        assert_eq!(frame.age_ms, Some(50));
    }
}
