use std::{
    ops::Range,
    time::{Duration, Instant},
};

use str0m::{Input, Output, rtp::RtpWrite};

use super::{Moment, Notice, Viewer};
use crate::{egress::Egress, engine::EndReason, formats, lineup::Slice, stun::Kind};

/// How large the session's cache of packets to send again has grown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Resends {
    Usual,
    /// A burst went through it, and may be asked for again until then.
    Swollen(Instant),
}

/// How packets get into the session and out of it.
impl Viewer {
    /// Sends what is due, answers what was received, and notes what happened. How many packets were sent again.
    pub(crate) fn run(&mut self, at: Moment, egress: &mut Egress, notices: &mut Vec<Notice>) -> u64 {
        notices.extend(self.control.poll(at.now).map(Notice::Asked));
        let mut wrote = std::mem::take(&mut self.sounding);
        let mut media = 0;
        while let Some(slice) = self.lineup.poll(at.now) {
            wrote = true;
            self.times.spoken = at.now;
            for from in slice.packets.clone().step_by(TOGETHER) {
                self.write(at, &slice, from..slice.packets.end.min(from + TOGETHER));
                // What waits inside the session costs it memory for good, so a burst goes through in pieces.
                if self.held >= TOGETHER {
                    if !self.step(at.now, notices) {
                        return 0;
                    }
                    media += self.drain(at.now, egress, notices);
                }
            }
        }
        if (wrote || self.times.rtc <= at.now) && !self.step(at.now, notices) {
            return 0;
        }
        media += self.drain(at.now, egress, notices);
        if egress.flush() > 0 {
            self.lineup.cut();
        }
        if wrote {
            self.pictured(at.now, notices);
            self.tell_anew(at.now);
        }
        if wrote { 0 } else { media }
    }

    /// Lets what was handed to the session leave it, all of a frame at once. `false` if the session broke.
    fn step(&mut self, now: Instant, notices: &mut Vec<Notice>) -> bool {
        self.held = 0;
        let well = self.rtc.handle_input(Input::Timeout(now)).is_ok();
        if !well {
            notices.push(Notice::Ended(EndReason::Broken));
        }
        well
    }

    fn pictured(&mut self, now: Instant, notices: &mut Vec<Notice>) {
        if !self.times.pictured && self.lineup.newest().is_some() {
            self.times.pictured = true;
            let since = self.times.connected.map_or(Duration::ZERO, |at| now.saturating_duration_since(at));
            notices.push(Notice::Pictured(since));
        }
    }

    /// Hands packets of a slice to the session.
    fn write(&mut self, at: Moment, slice: &Slice, packets: Range<usize>) {
        let captured_at = at.instant_of(slice.stamp.captured_at_ms);
        let mut api = self.rtc.direct_api();
        let Some(pt) = self.video else { return };
        let Some(stream) = self.lines.video.as_mut().and_then(|line| line.stream(&mut api)) else { return };
        let begins_key = slice.frame.key && packets.start == 0;
        match self.resends {
            _ if slice.paced => self.resends = Resends::Swollen(at.now + BURST_REPAIRED),
            Resends::Swollen(until) if begins_key && until <= at.now => {
                self.resends = Resends::Usual;
                formats::forget_resends(stream);
            }
            _ => {}
        }
        let last = slice.frame.payloads.len() - 1;
        for index in packets {
            let payload = slice.frame.payloads[index].clone();
            let packet = RtpWrite::new(pt, self.next_sequence.into(), slice.stamp.rtp, captured_at, payload);
            stream.write_rtp(packet.marker(index == last).nackable(true));
            self.next_sequence += 1;
            self.held += 1;
        }
    }

    fn answers_nobody(&self, datagram: &[u8]) -> bool {
        self.nomination.as_ref().is_some_and(|nomination| nomination.is_answered_by(datagram))
    }

    /// Takes everything out of the session. How many media packets left.
    pub(super) fn drain(&mut self, now: Instant, egress: &mut Egress, notices: &mut Vec<Notice>) -> u64 {
        let mut media = 0;
        loop {
            match self.rtc.poll_output() {
                Ok(Output::Timeout(at)) => {
                    self.times.wants(now, at);
                    return media;
                }
                Ok(Output::Transmit(transmit)) if self.answers_nobody(&transmit.contents) => {}
                Ok(Output::Transmit(transmit)) => {
                    media += u64::from(Kind::of(&transmit.contents) == Kind::Other);
                    egress.stage(&transmit);
                }
                Ok(Output::Event(event)) => self.event(now, event, notices),
                Err(_) => {
                    let reason = if self.times.connected.is_some() {
                        EndReason::Broken
                    } else {
                        EndReason::DtlsFailed
                    };
                    notices.push(Notice::Ended(reason));
                    return media;
                }
            }
        }
    }
}

/// Packets handed to a session at one time: one frame of most, a part of a key frame.
const TOGETHER: usize = 8;
/// So long after a burst what was lost of it has been asked for again.
const BURST_REPAIRED: Duration = Duration::from_secs(1);
