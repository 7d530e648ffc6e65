use std::collections::VecDeque;

use crate::{
    AccessUnit, Codec, RtpPacket, SequenceExtender, Timeline, UnitKind,
    contents::{Begins, Seen},
};

/// Puts the packets of one line together to access units.
///
/// Packets come over a byte stream: reordering is not expected, loss is (a camera drops what it cannot send).
/// A unit leaves at its marker bit, or, from cameras whose marker cannot be trusted, when the next timestamp
/// begins. A unit with a hole is dropped and named by a gap. Memory is bounded by the limits of one unit, as
/// long as [`Assembler::poll`] is called until it has nothing after each [`Assembler::push`].
#[derive(Debug)]
pub struct Assembler {
    codec: Codec,
    timeline: Timeline,
    sequence: SequenceExtender,
    ssrc: u32,
    state: State,
    /// Timestamp of the unit that left at its marker last.
    ended: Option<u32>,
    /// The marker came within a picture once: only timestamps tell units apart.
    marker_lies: bool,
    /// Sound that may be fragmented came whole without a marker: each packet is a unit.
    unmarked: bool,
    repeated: u64,
    /// At most four for one packet.
    ready: VecDeque<Assembled>,
}

/// What comes out, in order of sequence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Assembled {
    /// A complete unit.
    Unit(AccessUnit),
    /// Packets that did not come, or came and are of no use; inclusive, in extended sequence numbers.
    Gap {
        /// First that is missing.
        from: u64,
        /// Last that is missing.
        to: u64,
    },
    /// The source changed, or began to count anew. Not told of the very first packet.
    Epoch {
        /// Source of the packets from here on.
        ssrc: u32,
        /// Extended number of its first packet; above every one before it.
        first_sequence: u64,
    },
}

#[derive(Debug)]
enum State {
    /// Nothing pending.
    Between,
    /// A unit is growing.
    Growing(Pending),
    /// A unit is being dropped until it ends.
    Dropping { from: u64, to: u64, timestamp: u32 },
}

#[derive(Debug)]
struct Pending {
    packets: Vec<RtpPacket>,
    first_sequence: u64,
    captured_at_ms: i64,
    timestamp: u32,
    size: usize,
    seen: Seen,
}

impl Assembler {
    /// `clock_rate` in ticks per second, as the SDP has it; 90,000 for video.
    #[must_use]
    pub fn new(codec: Codec, clock_rate: u32) -> Self {
        Self {
            codec,
            timeline: Timeline::new(clock_rate),
            sequence: SequenceExtender::new(),
            ssrc: 0,
            state: State::Between,
            ended: None,
            marker_lies: false,
            unmarked: false,
            repeated: 0,
            ready: VecDeque::new(),
        }
    }

    /// Takes the next packet, which came at `captured_at_ms` (Unix milliseconds).
    pub fn push(&mut self, captured_at_ms: i64, packet: RtpPacket) {
        let number = packet.sequence_number();
        let Some(highest) = self.sequence.highest() else {
            self.ssrc = packet.ssrc();
            let sequence = self.sequence.extend(number);
            return self.take_after_hole(captured_at_ms, sequence, packet, None);
        };
        let sequence = self.sequence.nearest(number);
        if packet.ssrc() != self.ssrc || sequence > highest + MAX_HOLE || sequence + MAX_LATE < highest {
            return self.restart(captured_at_ms, packet);
        }
        if sequence <= highest {
            self.repeated += 1;
            return;
        }
        self.sequence.extend(number);
        if sequence == highest + 1 {
            self.take(captured_at_ms, sequence, packet);
        } else {
            let cut = self.skip(highest + 1, sequence - 1);
            self.take_after_hole(captured_at_ms, sequence, packet, cut);
        }
    }

    /// The next thing assembled, if there is one.
    pub fn poll(&mut self) -> Option<Assembled> {
        self.ready.pop_front()
    }

    /// How many packets came twice, or too late, and were dropped.
    #[must_use]
    pub fn repeated(&self) -> u64 {
        self.repeated
    }

    /// How often the source's timestamps leapt.
    #[must_use]
    pub fn jumps(&self) -> u64 {
        self.timeline.jumps()
    }

    /// A new source, or a new numbering of the old one.
    fn restart(&mut self, captured_at_ms: i64, packet: RtpPacket) {
        self.abandon();
        self.ssrc = packet.ssrc();
        let first_sequence = self.sequence.restart(packet.sequence_number());
        self.timeline.splice(captured_at_ms, packet.timestamp());
        self.ended = None;
        self.marker_lies = false;
        self.unmarked = false;
        self.ready.push_back(Assembled::Epoch { ssrc: self.ssrc, first_sequence });
        self.take_after_hole(captured_at_ms, first_sequence, packet, None);
    }

    /// `from..=to` did not come. Answers the timestamp of the picture that this cut through, if it did.
    fn skip(&mut self, from: u64, to: u64) -> Option<u32> {
        let (from, cut) = match std::mem::replace(&mut self.state, State::Between) {
            State::Between => (from, self.ended),
            State::Growing(pending) => {
                (pending.first_sequence, pending.seen.picture().then_some(pending.timestamp))
            }
            State::Dropping { from, timestamp, .. } => (from, Some(timestamp)),
        };
        self.ready.push_back(Assembled::Gap { from, to });
        cut
    }

    /// A packet with nothing known before it: it is of use only where it begins a unit by its own content.
    fn take_after_hole(&mut self, captured_at_ms: i64, sequence: u64, packet: RtpPacket, cut: Option<u32>) {
        let begins = Seen::new(self.codec).payload(packet.payload_slice());
        if begins == Begins::Unit && cut != Some(packet.timestamp()) {
            self.begin(captured_at_ms, sequence, packet);
        } else {
            self.drop_from(sequence, sequence, &packet);
        }
    }

    /// The packet that follows the one before it.
    fn take(&mut self, captured_at_ms: i64, sequence: u64, packet: RtpPacket) {
        let timestamp = packet.timestamp();
        match &mut self.state {
            State::Dropping { from, timestamp: dropped, .. } if *dropped == timestamp => {
                let from = *from;
                return self.drop_from(from, sequence, &packet);
            }
            State::Growing(pending) if pending.timestamp == timestamp => {
                return self.grow(sequence, packet);
            }
            // Some cameras stamp or mark parameter sets as if they were pictures (Reolink): they belong to
            // the picture behind them.
            State::Growing(pending) if !pending.seen.picture() => {
                (pending.timestamp, pending.captured_at_ms) = (timestamp, captured_at_ms);
                return self.grow(sequence, packet);
            }
            State::Growing(pending) => {
                self.unmarked = !self.marker_lies && !self.codec.is_video() && pending.packets.len() == 1;
                self.leave();
            }
            State::Dropping { .. } => self.abandon(),
            State::Between => {}
        }
        let begins = Seen::new(self.codec).payload(packet.payload_slice());
        // A fragment behind what was taken for a whole: this line's units are told by their timestamps.
        self.marker_lies |= self.unmarked && self.ended == Some(timestamp);
        self.unmarked &= !self.marker_lies;
        let within = self.ended == Some(timestamp) && matches!(begins, Begins::Slice | Begins::Nothing);
        self.marker_lies |= within;
        if within || begins == Begins::Nothing {
            self.drop_from(sequence, sequence, &packet);
        } else {
            self.begin(captured_at_ms, sequence, packet);
        }
    }

    fn begin(&mut self, captured_at_ms: i64, sequence: u64, packet: RtpPacket) {
        self.state = State::Growing(Pending {
            packets: Vec::new(),
            first_sequence: sequence,
            captured_at_ms,
            timestamp: packet.timestamp(),
            size: 0,
            seen: Seen::new(self.codec),
        });
        self.grow(sequence, packet);
    }

    fn grow(&mut self, sequence: u64, packet: RtpPacket) {
        let State::Growing(pending) = &mut self.state else { return };
        let size = pending.size + packet.bytes().len();
        if size > MAX_UNIT_BYTES || pending.packets.len() == MAX_UNIT_PACKETS {
            let from = pending.first_sequence;
            return self.drop_from(from, sequence, &packet);
        }
        pending.size = size;
        pending.seen.payload(packet.payload_slice());
        let marked = packet.marker() && !self.marker_lies;
        self.unmarked &= !packet.marker();
        let whole = pending.seen.picture() && !pending.seen.fragment_open();
        pending.packets.push(packet);
        if whole && (marked || self.unmarked || !self.codec.fragments()) {
            self.ended = Some(pending.timestamp);
            self.leave();
        }
    }

    /// What has grown is a unit, if its last fragment came.
    fn leave(&mut self) {
        let State::Growing(pending) = std::mem::replace(&mut self.state, State::Between) else { return };
        if pending.seen.fragment_open() {
            let (from, to) = (pending.first_sequence, pending.last_sequence());
            self.ready.push_back(Assembled::Gap { from, to });
            return;
        }
        let timestamp = self.timeline.unroll(pending.captured_at_ms, pending.timestamp);
        self.ready.push_back(Assembled::Unit(pending.into_unit(timestamp)));
    }

    /// Drops `from..=to` and, unless `packet` ends it, what is left of its picture.
    fn drop_from(&mut self, from: u64, to: u64, packet: &RtpPacket) {
        let timestamp = packet.timestamp();
        self.state = State::Dropping { from, to, timestamp };
        if packet.marker() && !self.marker_lies {
            self.ended = Some(timestamp);
            self.abandon();
        }
    }

    /// Gives up what is pending.
    fn abandon(&mut self) {
        let (from, to) = match std::mem::replace(&mut self.state, State::Between) {
            State::Between => return,
            State::Growing(pending) => (pending.first_sequence, pending.last_sequence()),
            State::Dropping { from, to, .. } => (from, to),
        };
        self.ready.push_back(Assembled::Gap { from, to });
    }
}

impl Pending {
    fn last_sequence(&self) -> u64 {
        self.first_sequence + (self.packets.len() as u64).saturating_sub(1)
    }

    fn into_unit(self, timestamp: i64) -> AccessUnit {
        let UnitKind { key, reference } = self.seen.kind();
        AccessUnit {
            packets: self.packets,
            first_sequence: self.first_sequence,
            timestamp,
            captured_at_ms: self.captured_at_ms,
            key,
            reference,
            size: self.size,
        }
    }
}

/// A larger picture is an attack or a mistake: 8 MiB a picture is 1.6 Gbit/s at 25 a second.
const MAX_UNIT_BYTES: usize = 8 * 1024 * 1024;
/// A picture of 8 MiB in packets of 512 bytes.
const MAX_UNIT_PACKETS: usize = 16_384;
/// A forward step above this is a new numbering, not loss (RFC 3550 §A.1, `MAX_DROPOUT`).
const MAX_HOLE: u64 = 3_000;
/// A backward step above this is a new numbering, not repetition (RFC 3550 §A.1, `MAX_MISORDER`).
const MAX_LATE: u64 = 100;

#[cfg(test)]
mod tests;
