use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
    time::Instant,
};

use bytes::Bytes;
use sluice_ids::UnixMillis;
use sluice_media::AccessUnit;
use sluice_source::{Event, LineKind, Presentation, State, Status};
use sluice_wire::{
    CAPABILITY_LINES,
    media::{self, Clock, FlowPhase, FlowState, Gap, Started, StartedFlow},
    roq::FlowId,
};

use super::flow_clock::{FlowClock, Point};
use crate::outbox::Numbered;

/// Turns a source's events into what its subscriber at the node is told. Pure.
///
/// Numbers go on upwards over sessions with the camera: the node sees one numbering for each flow, in which a
/// new session is a gap and an epoch.
#[derive(Debug)]
pub(crate) struct Translate {
    request: u64,
    flows: Vec<FlowId>,
    /// What the node understands.
    capability: u32,
    presentation: Option<Arc<Presentation>>,
    lines: HashMap<usize, Line>,
    ready: VecDeque<Output>,
}

#[derive(Debug)]
pub(crate) enum Output {
    Started(Started),
    State(FlowState),
    Gap(Gap),
    Clock(Clock),
    Unit { flow: FlowId, unit: Numbered },
    Rtcp { flow: FlowId, packet: Bytes },
}

#[derive(Debug)]
struct Line {
    flow: FlowId,
    clock: FlowClock,
    clock_rate: u32,
    /// Its units stand alone: what is missing of them hurts no other.
    sound: bool,
    /// Added to the source's numbers; a multiple of 65,536.
    shift: u64,
    /// The last number that was sent or named.
    last: Option<u64>,
    epoch: u32,
    /// The next unit is the first of a session.
    fresh: bool,
}

impl Translate {
    /// For a node of this capability; each line takes the next of `flows` when it begins.
    pub(crate) fn new(request: u64, flows: Vec<FlowId>, capability: u32) -> Self {
        Self { request, flows, capability, presentation: None, lines: HashMap::new(), ready: VecDeque::new() }
    }

    pub(crate) fn handle(&mut self, now: Instant, event: Event) {
        match event {
            Event::Started { presentation } => self.started(presentation),
            Event::Epoch { line, first_sequence, .. } => self.epoch(line, first_sequence),
            Event::Unit { line, unit, cached } => self.unit(now, line, unit, cached),
            Event::Gap { line, from, to } => self.gap(line, from, to),
            Event::Rtcp { line, packet } => {
                if let Some(line) = self.lines.get(&line).filter(|line| line.last.is_some()) {
                    self.ready.push_back(Output::Rtcp { flow: line.flow, packet });
                }
            }
            Event::State(status) => self.state(&status),
        }
    }

    pub(crate) fn poll(&mut self) -> Option<Output> {
        self.ready.pop_front()
    }

    /// The camera begins anew, perhaps with other lines than before in the same places.
    fn started(&mut self, presentation: Arc<Presentation>) {
        for (index, line) in &mut self.lines {
            line.fresh = true;
            if let Some(offered) = presentation.lines.iter().find(|offered| offered.index == *index) {
                line.sound = offered.kind == LineKind::Audio;
                if line.clock_rate != offered.clock_rate {
                    (line.clock_rate, line.clock) = (offered.clock_rate, FlowClock::new(offered.clock_rate));
                }
            }
        }
        self.presentation = Some(presentation);
    }

    /// The lines that this node is sent, the one that a picture begins with first.
    fn offered<'a>(&self, presentation: &'a Presentation) -> Vec<&'a sluice_source::Line> {
        let understood =
            |line: &&sluice_source::Line| self.capability >= CAPABILITY_LINES || line.encoding == "H264";
        presentation.received().filter(understood).take(self.flows.len()).collect()
    }

    /// The line's flow; `None` if it was given none, or the node would not understand it.
    fn line(&mut self, index: usize) -> Option<&mut Line> {
        if !self.lines.contains_key(&index) {
            let offered = self.offered(self.presentation.as_ref()?);
            let info = offered.into_iter().find(|line| line.index == index)?;
            let line = Line {
                flow: *self.flows.get(self.lines.len())?,
                clock: FlowClock::new(info.clock_rate),
                clock_rate: info.clock_rate,
                sound: info.kind == LineKind::Audio,
                shift: 0,
                last: None,
                epoch: 0,
                fresh: true,
            };
            self.lines.insert(index, line);
        }
        self.lines.get_mut(&index)
    }

    /// Moves the numbers so that they go on above the last one.
    fn epoch(&mut self, index: usize, first_sequence: u64) {
        let Some(line) = self.line(index) else { return };
        line.fresh = true;
        if let Some(last) = line.last {
            let cycles = (last + 1).saturating_sub(first_sequence).div_ceil(CYCLE);
            line.shift = cycles * CYCLE;
        }
    }

    fn unit(&mut self, now: Instant, index: usize, unit: Arc<AccessUnit>, cached: bool) {
        let Some(line) = self.line(index) else { return };
        let first_sequence = unit.first_sequence + line.shift;
        let numbered = Numbered { first_sequence, epoch: None, cached, sound: line.sound, unit };
        let last = numbered.last_sequence();
        match line.last {
            // What was sent already is not sent again.
            Some(before) if first_sequence <= before => return,
            Some(before) if first_sequence > before + 1 => {
                let gap = Gap { flow: line.flow, from: before + 1, to: first_sequence - 1 };
                line.last = Some(last);
                self.ready.push_back(Output::Gap(gap));
            }
            _ => line.last = Some(last),
        }
        self.send(now, index, numbered);
    }

    fn send(&mut self, now: Instant, index: usize, mut unit: Numbered) {
        let Some(line) = self.lines.get_mut(&index) else { return };
        let captured = UnixMillis(unit.unit.captured_at_ms);
        let point = Point { timestamp: unit.unit.rtp_timestamp(), captured };
        if line.fresh {
            line.fresh = false;
            line.epoch += 1;
            // The first numbering of a flow is told by `started` alone.
            unit.epoch = (line.epoch > 1).then_some(line.epoch);
            line.clock.start(now, point);
            self.begin(index, &unit, point);
        } else if let Some(point) = line.clock.handle(now, point) {
            let clock =
                Clock { flow: line.flow, timestamp: point.timestamp, captured: point.captured, camera: None };
            self.ready.push_back(Output::Clock(clock));
        }
        if let Some(line) = self.lines.get(&index) {
            self.ready.push_back(Output::Unit { flow: line.flow, unit });
        }
    }

    /// Tells the numbering of a line that begins with this unit.
    fn begin(&mut self, index: usize, unit: &Numbered, point: Point) {
        let (Some(line), Some(presentation)) = (self.lines.get(&index), self.presentation.as_deref()) else {
            return;
        };
        let offered = self.offered(presentation);
        let Some(described) = offered.iter().find(|line| line.index == index) else { return };
        let flow = StartedFlow {
            flow: line.flow,
            line: describe(described),
            epoch: line.epoch,
            ssrc: unit.unit.ssrc(),
            first_sequence: unit.first_sequence,
            timestamp: point.timestamp,
            captured: point.captured,
        };
        let started = Started {
            request: self.request,
            sdp: presentation.sdp.clone(),
            lines: offered.into_iter().map(describe).collect(),
            flows: vec![flow],
        };
        self.ready.push_back(Output::Started(started));
    }

    fn gap(&mut self, index: usize, from: u64, to: u64) {
        let Some(line) = self.lines.get_mut(&index) else { return };
        let Some(last) = line.last else { return };
        let (from, to) = ((from + line.shift).max(last + 1), to + line.shift);
        // Before the first unit of a session its numbers say nothing.
        if !line.fresh && from <= to {
            line.last = Some(to);
            self.ready.push_back(Output::Gap(Gap { flow: line.flow, from, to }));
        }
    }

    fn state(&mut self, status: &Status) {
        let state = match status.state {
            State::Resting => FlowPhase::Resting,
            State::Off | State::Opening => FlowPhase::Opening,
            State::Warm | State::Forwarding => FlowPhase::Flowing,
        };
        let (code, text) = match &status.reason {
            Some(reason) => (reason.code.as_str().parse().ok(), reason.text.clone()),
            // Whoever subscribed knows that nothing has come yet.
            None if state == FlowPhase::Opening => return,
            None => (None, String::new()),
        };
        self.ready.push_back(Output::State(FlowState { request: self.request, state, code, text }));
    }
}

fn describe(line: &sluice_source::Line) -> media::Line {
    media::Line {
        index: u32::try_from(line.index).unwrap_or(u32::MAX),
        kind: match line.kind {
            LineKind::Video => media::LineKind::Video,
            LineKind::Audio => media::LineKind::Audio,
        },
        encoding: line.encoding.clone(),
        payload_type: line.payload_type,
        clock_rate: line.clock_rate,
        fmtp: line.fmtp.clone(),
    }
}

const CYCLE: u64 = 65_536;

#[cfg(test)]
mod tests {
    use sluice_media::{Key, RtpPacket};

    use super::*;

    fn presentation() -> Arc<Presentation> {
        let line = |index, kind, encoding: &str| sluice_source::Line {
            index,
            kind,
            encoding: encoding.into(),
            payload_type: 96,
            clock_rate: 90_000,
            fmtp: String::new(),
        };
        let lines = vec![line(0, LineKind::Audio, "PCMU"), line(1, LineKind::Video, "H264")];
        Arc::new(Presentation { sdp: "v=0\r\n".into(), lines, received: vec![1, 0] })
    }

    fn unit(first_sequence: u64, packets: u64) -> Event {
        unit_of(1, first_sequence, packets)
    }

    fn unit_of(line: usize, first_sequence: u64, packets: u64) -> Event {
        let packet = |sequence: u64| {
            let mut bytes = vec![0x80, 0xe0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7, 0x41];
            bytes[2..4].copy_from_slice(&(sequence as u16).to_be_bytes());
            RtpPacket::parse(Bytes::from(bytes)).unwrap()
        };
        let unit = AccessUnit {
            packets: (0..packets).map(|n| packet(first_sequence + n)).collect(),
            first_sequence,
            timestamp: 0,
            captured_at_ms: 1_000,
            key: Some(Key::Idr),
            reference: true,
            size: 13,
        };
        Event::Unit { line, unit: Arc::new(unit), cached: false }
    }

    fn run(translate: &mut Translate, events: Vec<Event>) -> Vec<String> {
        let now = sluice_runtime::Clock::system().now();
        let mut told = Vec::new();
        for event in events {
            translate.handle(now, event);
            while let Some(output) = translate.poll() {
                told.push(match output {
                    Output::Started(started) => {
                        let flow = &started.flows[0];
                        let lines: Vec<&str> =
                            started.lines.iter().map(|line| line.encoding.as_str()).collect();
                        format!("started {} at {} of {}", flow.flow.0, flow.first_sequence, lines.join("+"))
                    }
                    Output::Gap(gap) => format!("gap {}-{}", gap.from, gap.to),
                    Output::Unit { unit, .. } => match unit.epoch {
                        Some(epoch) => format!("unit {} epoch {epoch}", unit.first_sequence),
                        None => format!("unit {}", unit.first_sequence),
                    },
                    Output::State(state) => format!("state {}", state.state),
                    Output::Clock(_) => "clock".to_owned(),
                    Output::Rtcp { .. } => "rtcp".to_owned(),
                });
            }
        }
        told
    }

    fn translate() -> Translate {
        Translate::new(5, vec![FlowId(10), FlowId(11)], CAPABILITY_LINES)
    }

    fn epoch(first_sequence: u64) -> Event {
        Event::Epoch { line: 1, ssrc: 7, first_sequence }
    }

    #[test]
    fn every_line_has_a_flow_of_its_own_in_the_order_in_which_they_begin() {
        let events = vec![
            Event::Started { presentation: presentation() },
            epoch(65_536),
            unit(65_536, 3),
            Event::Epoch { line: 0, ssrc: 7, first_sequence: 70_000 },
            unit_of(0, 70_000, 1),
            unit(65_539, 1),
            Event::Gap { line: 0, from: 70_001, to: 70_002 },
            unit_of(0, 70_003, 1),
        ];
        let told = [
            "started 10 at 65536 of H264+PCMU",
            "unit 65536",
            "started 11 at 70000 of H264+PCMU",
            "unit 70000",
            "unit 65539",
            "gap 70001-70002",
            "unit 70003",
        ];
        assert_eq!(run(&mut translate(), events), told);
    }

    #[test]
    fn a_node_of_before_is_sent_the_picture_alone() {
        let mut translate = Translate::new(5, vec![FlowId(10), FlowId(11)], 1);
        let events = vec![
            Event::Started { presentation: presentation() },
            epoch(65_536),
            unit(65_536, 1),
            Event::Epoch { line: 0, ssrc: 7, first_sequence: 70_000 },
            unit_of(0, 70_000, 1),
        ];
        assert_eq!(run(&mut translate, events), ["started 10 at 65536 of H264", "unit 65536"]);
    }

    #[test]
    fn a_line_without_a_flow_is_not_sent() {
        let mut translate = Translate::new(5, vec![], CAPABILITY_LINES);
        let events = vec![Event::Started { presentation: presentation() }, epoch(65_536), unit(65_536, 3)];
        assert_eq!(run(&mut translate, events), [""; 0]);
    }

    #[test]
    fn a_camera_that_restarts_goes_on_above_what_was_sent() {
        let mut translate = translate();
        let start = || Event::Started { presentation: presentation() };
        let events = vec![start(), epoch(65_536), unit(65_536, 10), start(), epoch(65_540), unit(65_540, 1)];
        let told = run(&mut translate, events);
        assert_eq!(
            told,
            [
                "started 10 at 65536 of H264+PCMU",
                "unit 65536",
                "gap 65546-131075",
                "started 10 at 131076 of H264+PCMU",
                "unit 131076 epoch 2"
            ]
        );
    }

    #[test]
    fn a_gap_is_named_once_and_a_hole_is_named_at_all() {
        let mut translate = translate();
        let gap = |from, to| Event::Gap { line: 1, from, to };
        let events = vec![
            Event::Started { presentation: presentation() },
            epoch(65_536),
            gap(65_530, 65_535),
            unit(65_536, 2),
            gap(65_538, 65_539),
            gap(65_538, 65_540),
            unit(65_541, 1),
            unit(65_541, 1),
            unit(65_550, 1),
        ];
        let told = run(&mut translate, events);
        let rest = ["gap 65538-65539", "gap 65540-65540", "unit 65541", "gap 65542-65549", "unit 65550"];
        assert_eq!(told[2..], rest);
    }
}
