use std::{
    collections::{BTreeMap, VecDeque},
    time::{Duration, Instant},
};

use sluice_media::{RtpPacket, SequenceExtender};

#[cfg(test)]
mod tests;

/// Puts the access units of one flow, which overtake each other on their way, back in order. Pure.
///
/// A unit leaves when it is whole and every earlier number has left or was named in a gap. A hole that nobody
/// explains for `patience` after the unit behind it came is given up, and counted.
#[derive(Debug)]
pub(crate) struct Release {
    /// The number that leaves next.
    next: u64,
    epochs: VecDeque<Epoch>,
    waiting: BTreeMap<u64, Waiting>,
    waiting_bytes: usize,
    /// First to last number that will not come, not overlapping what has left.
    gaps: BTreeMap<u64, u64>,
    /// Units whose epoch has not been told yet.
    strangers: Vec<Stranger>,
    patience: Duration,
    ready: VecDeque<Output>,
    counts: Counts,
}

/// A numbering of the camera.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Epoch {
    pub(crate) ssrc: u32,
    pub(crate) first_sequence: u64,
    /// Media streams from this index on belong to it.
    pub(crate) first_stream: u64,
}

#[derive(Debug)]
pub(crate) enum Input {
    /// A unit came whole.
    Unit { index: u64, packets: Vec<RtpPacket> },
    /// These will not come.
    Gap { from: u64, to: u64 },
    /// The camera counts anew.
    Epoch(Epoch),
    /// The deadline has come.
    Woke,
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Output {
    /// The next unit, whole.
    Unit { first_sequence: u64, packets: Vec<RtpPacket> },
    /// Something is missing before what follows.
    Missing,
}

/// What went wrong so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Counts {
    /// Holes that nobody explained in time.
    pub(crate) holes: u64,
    /// Units that came after their place was given up.
    pub(crate) late: u64,
    /// Units that are none.
    pub(crate) refused: u64,
}

#[derive(Debug)]
struct Waiting {
    last: u64,
    arrived: Instant,
    packets: Vec<RtpPacket>,
    bytes: usize,
}

#[derive(Debug)]
struct Stranger {
    index: u64,
    arrived: Instant,
    packets: Vec<RtpPacket>,
}

impl Release {
    /// For a flow that begins with this number.
    pub(crate) fn new(ssrc: u32, first_sequence: u64, patience: Duration) -> Self {
        let first_sequence = first_sequence.min(HIGHEST);
        Self {
            next: first_sequence,
            epochs: VecDeque::from([Epoch { ssrc, first_sequence, first_stream: 0 }]),
            waiting: BTreeMap::new(),
            waiting_bytes: 0,
            gaps: BTreeMap::new(),
            strangers: Vec::new(),
            patience,
            ready: VecDeque::new(),
            counts: Counts::default(),
        }
    }

    pub(crate) fn handle(&mut self, now: Instant, input: Input) {
        match input {
            Input::Unit { index, packets } => self.unit(now, index, packets),
            Input::Gap { from, to } => self.gap(from, to),
            Input::Epoch(epoch) => self.epoch(epoch),
            Input::Woke => {}
        }
        self.advance();
        self.give_up(now);
    }

    pub(crate) fn poll(&mut self) -> Option<Output> {
        self.ready.pop_front()
    }

    pub(crate) fn deadline(&self) -> Option<Instant> {
        let hole = self.waiting.values().next().map(|unit| unit.arrived);
        let stranger = self.strangers.first().map(|unit| unit.arrived);
        super::earlier(hole, stranger).map(|arrived| arrived + self.patience)
    }

    /// How long a hole may stay: what the link's round trip makes of it.
    pub(crate) fn set_patience(&mut self, patience: Duration) {
        self.patience = patience;
    }

    pub(crate) fn counts(&self) -> Counts {
        self.counts
    }

    fn unit(&mut self, now: Instant, index: u64, packets: Vec<RtpPacket>) {
        let Some(first) = packets.first() else {
            self.counts.refused += 1;
            return;
        };
        let at =
            self.epochs.iter().rposition(|epoch| epoch.first_stream <= index && epoch.ssrc == first.ssrc());
        let Some((at, epoch)) = at.and_then(|at| Some((at, *self.epochs.get(at)?))) else {
            self.meet(Stranger { index, arrived: now, packets });
            return;
        };
        let end = self.epochs.get(at + 1).map_or(u64::MAX, |following| following.first_sequence);
        if end <= self.next {
            self.counts.late += 1;
            return;
        }
        // Numbers of an epoch lie above its first; the nearest to what leaves next is meant.
        let around = self.next.max(epoch.first_sequence);
        let first_sequence = SequenceExtender::starting_at(around).nearest(first.sequence_number());
        let last = first_sequence + packets.len() as u64 - 1;
        if last < self.next || first_sequence < epoch.first_sequence || last >= end {
            self.counts.late += 1;
            return;
        }
        let bytes = packets.iter().map(|packet| packet.bytes().len()).sum();
        let unit = Waiting { last, arrived: now, packets, bytes };
        if let Some(replaced) = self.waiting.insert(first_sequence, unit) {
            self.waiting_bytes -= replaced.bytes;
            self.counts.refused += 1;
        }
        self.waiting_bytes += bytes;
    }

    fn meet(&mut self, stranger: Stranger) {
        self.strangers.push(stranger);
        let size =
            |stranger: &Stranger| stranger.packets.iter().map(|packet| packet.bytes().len()).sum::<usize>();
        let mut bytes: usize = self.strangers.iter().map(size).sum();
        while self.strangers.len() > STRANGERS || bytes > WAITING_BYTES {
            bytes -= size(&self.strangers.remove(0));
            self.counts.refused += 1;
        }
    }

    fn gap(&mut self, from: u64, to: u64) {
        if to < self.next || from > to {
            return;
        }
        if to > HIGHEST {
            self.counts.refused += 1;
            return;
        }
        let end = self.gaps.entry(from).or_insert(to);
        *end = (*end).max(to);
        while self.gaps.len() > GAPS {
            // What is given up here becomes a hole, and a hole is given up in time.
            self.gaps.pop_last();
        }
    }

    fn epoch(&mut self, epoch: Epoch) {
        let last = self.epochs.back();
        if epoch.first_sequence > HIGHEST
            || last.is_some_and(|last| epoch.first_sequence <= last.first_sequence)
        {
            self.counts.refused += 1;
            return;
        }
        self.epochs.push_back(epoch);
        if self.epochs.len() > EPOCHS {
            self.epochs.pop_front();
        }
        for stranger in std::mem::take(&mut self.strangers) {
            self.unit(stranger.arrived, stranger.index, stranger.packets);
        }
    }

    /// Lets out everything whose turn it is.
    fn advance(&mut self) {
        loop {
            if let Some((&from, &to)) = self.gaps.first_key_value()
                && from <= self.next
            {
                self.gaps.pop_first();
                if to >= self.next {
                    self.next = to + 1;
                    self.miss();
                }
                continue;
            }
            let Some((&first, _)) = self.waiting.first_key_value().filter(|(first, _)| **first <= self.next)
            else {
                break;
            };
            let Some(unit) = self.waiting.remove(&first) else { break };
            self.waiting_bytes -= unit.bytes;
            if first < self.next {
                self.counts.late += 1;
                continue;
            }
            self.next = unit.last + 1;
            self.ready.push_back(Output::Unit { first_sequence: first, packets: unit.packets });
        }
        self.forget_epochs();
    }

    /// Gives up on holes and strangers whose time is over, and on holes that hold back too much.
    fn give_up(&mut self, now: Instant) {
        while let Some((&first, unit)) = self.waiting.first_key_value() {
            if now < unit.arrived + self.patience && self.waiting_bytes <= WAITING_BYTES {
                break;
            }
            self.counts.holes += 1;
            self.next = first;
            self.miss();
            self.advance();
        }
        let patience = self.patience;
        let before = self.strangers.len();
        self.strangers.retain(|stranger| now < stranger.arrived + patience);
        self.counts.refused += (before - self.strangers.len()) as u64;
    }

    fn miss(&mut self) {
        if self.ready.back() != Some(&Output::Missing) {
            self.ready.push_back(Output::Missing);
        }
    }

    fn forget_epochs(&mut self) {
        // The one before the current is kept: its last units may still be on their way, and must be known as late.
        while self.epochs.get(2).is_some_and(|third| third.first_sequence <= self.next) {
            self.epochs.pop_front();
        }
    }
}

/// An epoch's message overtaken by more units than these was not sent.
const STRANGERS: usize = 64;
/// Gaps ahead of what leaves next; the edge names them in order, so one is usual.
const GAPS: usize = 1_024;
/// Epochs ahead of what leaves next.
const EPOCHS: usize = 16;
/// No camera counts so far; a peer that does must not bring the sums here to their end.
const HIGHEST: u64 = 1 << 62;
/// What one flow may hold back: two key frames of 8K video.
const WAITING_BYTES: usize = 16 * 1024 * 1024;
