use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    sync::Arc,
    time::{Duration, Instant},
};

use sluice_media::AccessUnit;
use sluice_wire::roq::FlowId;

#[cfg(test)]
mod tests;

/// Decides which access unit QUIC is handed next, and which are not worth sending any more. Pure.
///
/// QUIC cannot forget what it was handed without leaving a hole, so it is handed no more than the congestion
/// window takes, about one round trip. The rest waits here: first class first, in a class key frames first,
/// and sound first, then the oldest. When a flow of pictures is late, everything up to its newest key frame is given
/// up in one piece, and told as one gap; never one picture out of the middle, because the ones behind it would not
/// decode. Of sound, whose units stand alone, only what is late is given up.
#[derive(Debug)]
pub(crate) struct Outbox {
    flows: BTreeMap<FlowId, Flow>,
    flying: HashMap<u64, Flying>,
    flying_bytes: usize,
    queued_bytes: usize,
    window: usize,
    patience: Duration,
    epoch: Instant,
    last_id: u64,
    orders: VecDeque<Output>,
    cut: u64,
}

/// A unit with its place in the flow's numbering.
#[derive(Debug, Clone)]
pub(crate) struct Numbered {
    pub(crate) unit: Arc<AccessUnit>,
    /// Of its first packet, as told to the node.
    pub(crate) first_sequence: u64,
    /// It begins a new epoch of its flow, this one.
    pub(crate) epoch: Option<u32>,
    /// It comes out of memory, and may wait longer.
    pub(crate) cached: bool,
    /// It is sound: no other unit needs it.
    pub(crate) sound: bool,
}

impl Numbered {
    pub(crate) fn last_sequence(&self) -> u64 {
        self.first_sequence + self.unit.packets.len() as u64 - 1
    }
}

#[derive(Debug)]
pub(crate) enum Input {
    /// A unit is to be sent.
    Queue { flow: FlowId, class: u8, unit: Numbered },
    /// The node has all of this one.
    Acknowledged { id: u64 },
    /// The node does not want this flow any more.
    Forget { flow: FlowId },
    /// A flow has another class from now on.
    SetClass { flow: FlowId, class: u8 },
    /// What the path takes and how long a round trip is.
    Path { window: u64, rtt: Duration },
    /// The deadline has come.
    Woke,
}

#[derive(Debug)]
pub(crate) enum Output {
    /// Hand this to QUIC with this priority.
    Send { id: u64, flow: FlowId, unit: Numbered, priority: i32 },
    /// Take this back from QUIC.
    Cancel { id: u64 },
    /// Tell the node that these will not come.
    Gap { flow: FlowId, from: u64, to: u64 },
    /// Nothing can be sent of this flow before the camera's next key frame.
    WantKey { flow: FlowId },
}

#[derive(Debug, Default)]
struct Flow {
    class: u8,
    sound: bool,
    queue: VecDeque<Queued>,
    /// Everything up to the next key frame is given up.
    starved: bool,
    /// An epoch whose first unit was given up: the next unit that is queued begins it.
    untold: Option<u32>,
}

#[derive(Debug)]
struct Queued {
    unit: Numbered,
    at: Instant,
    late: Instant,
}

#[derive(Debug)]
struct Flying {
    flow: FlowId,
    first: u64,
    last: u64,
    late: Instant,
    bytes: usize,
}

impl Outbox {
    pub(crate) fn new(now: Instant) -> Self {
        Self {
            flows: BTreeMap::new(),
            flying: HashMap::new(),
            flying_bytes: 0,
            queued_bytes: 0,
            window: LEAST_WINDOW,
            patience: LATE,
            epoch: now,
            last_id: 0,
            orders: VecDeque::new(),
            cut: 0,
        }
    }

    pub(crate) fn handle(&mut self, now: Instant, input: Input) {
        match input {
            Input::Queue { flow, class, unit } => self.queue(now, flow, class, unit),
            Input::Acknowledged { id } => self.land(id),
            Input::Forget { flow } => self.forget(flow),
            Input::SetClass { flow, class } => {
                if let Some(flow) = self.flows.get_mut(&flow) {
                    flow.class = class;
                }
            }
            Input::Path { window, rtt } => {
                self.window = usize::try_from(window).unwrap_or(usize::MAX).max(LEAST_WINDOW);
                self.patience = LATE.max(rtt * 3);
            }
            Input::Woke => {}
        }
        self.cut_late(now);
    }

    pub(crate) fn poll(&mut self) -> Option<Output> {
        self.orders.pop_front().or_else(|| self.next())
    }

    pub(crate) fn deadline(&self) -> Option<Instant> {
        let queued =
            self.flows.values().filter_map(|flow| flow.queue.front()).map(|queued| queued.late).min();
        let flying = self.flying.values().map(|flying| flying.late).min();
        match (queued, flying) {
            (Some(queued), Some(flying)) => Some(queued.min(flying)),
            (queued, flying) => queued.or(flying),
        }
    }

    /// A unit that QUIC does not take now goes back to the front.
    pub(crate) fn put_back(&mut self, now: Instant, id: u64, flow: FlowId, unit: Numbered) {
        self.land(id);
        self.queued_bytes += unit.unit.size;
        let late = now + self.patience;
        self.flows.entry(flow).or_default().queue.push_front(Queued { unit, at: now, late });
    }

    pub(crate) fn queued_bytes(&self) -> usize {
        self.queued_bytes
    }

    /// Units given up so far.
    pub(crate) fn cut(&self) -> u64 {
        self.cut
    }

    fn queue(&mut self, now: Instant, id: FlowId, class: u8, mut unit: Numbered) {
        let late = now + if unit.cached { self.patience + CACHED } else { self.patience };
        let flow = self.flows.entry(id).or_default();
        (flow.class, flow.sound) = (class, unit.sound);
        if flow.starved && unit.unit.key.is_none() {
            self.cut += 1;
            let gap = Output::Gap { flow: id, from: unit.first_sequence, to: unit.last_sequence() };
            self.orders.push_back(gap);
            return;
        }
        flow.starved = false;
        unit.epoch = unit.epoch.or(flow.untold.take());
        // What waits behind a cached GOP cannot be earlier than it.
        let late = flow.queue.back().map_or(late, |before| before.late.max(late));
        self.queued_bytes += unit.unit.size;
        flow.queue.push_back(Queued { unit, at: now, late });
    }

    fn land(&mut self, id: u64) {
        if let Some(flying) = self.flying.remove(&id) {
            self.flying_bytes -= flying.bytes;
        }
    }

    fn forget(&mut self, id: FlowId) {
        for queued in self.flows.remove(&id).unwrap_or_default().queue {
            self.queued_bytes -= queued.unit.unit.size;
        }
        self.cancel(id);
    }

    /// Takes back what QUIC has of a flow; its lowest and highest number.
    fn cancel(&mut self, id: FlowId) -> Option<(u64, u64)> {
        let mut ids: Vec<u64> =
            self.flying.iter().filter(|(_, flying)| flying.flow == id).map(|(id, _)| *id).collect();
        ids.sort_unstable();
        let mut range = None::<(u64, u64)>;
        for id in ids {
            let Some(flying) = self.flying.remove(&id) else { continue };
            self.flying_bytes -= flying.bytes;
            let (first, last) = range.unwrap_or((flying.first, flying.last));
            range = Some((first.min(flying.first), last.max(flying.last)));
            self.orders.push_back(Output::Cancel { id });
        }
        range
    }

    fn next(&mut self) -> Option<Output> {
        if self.flying_bytes >= self.window {
            return None;
        }
        let epoch = self.epoch;
        let (id, priority) = self
            .flows
            .iter()
            .filter_map(|(id, flow)| Some((*id, priority(epoch, flow.class, flow.queue.front()?))))
            .max_by_key(|(_, priority)| *priority)?;
        let queued = self.flows.get_mut(&id)?.queue.pop_front()?;
        self.last_id += 1;
        let bytes = queued.unit.unit.size;
        self.queued_bytes -= bytes;
        self.flying_bytes += bytes;
        let late = queued.at + self.patience * 3 + if queued.unit.cached { CACHED } else { Duration::ZERO };
        let flying = Flying {
            flow: id,
            first: queued.unit.first_sequence,
            last: queued.unit.last_sequence(),
            late,
            bytes,
        };
        self.flying.insert(self.last_id, flying);
        Some(Output::Send { id: self.last_id, flow: id, unit: queued.unit, priority })
    }

    fn cut_late(&mut self, now: Instant) {
        let waiting =
            self.flows.iter().filter(|(_, flow)| flow.queue.front().is_some_and(|queued| queued.late <= now));
        let mut late: Vec<FlowId> = waiting.map(|(id, _)| *id).collect();
        late.extend(self.flying.values().filter(|flying| flying.late <= now).map(|flying| flying.flow));
        late.sort_unstable();
        late.dedup();
        for id in late {
            let sound = self.flows.get(&id).is_some_and(|flow| flow.sound);
            if sound { self.cut_sound(now, id) } else { self.cut_flow(now, id) }
        }
    }

    /// Gives up what is late of a flow, and nothing else.
    fn cut_sound(&mut self, now: Instant, id: FlowId) {
        let late = |flying: &Flying| flying.flow == id && flying.late <= now;
        let mut ids: Vec<u64> =
            self.flying.iter().filter(|(_, flying)| late(flying)).map(|(id, _)| *id).collect();
        ids.sort_unstable();
        for flying in ids {
            self.orders.push_back(Output::Cancel { id: flying });
            if let Some(Flying { first, last, .. }) = self.flying.get(&flying) {
                self.orders.push_back(Output::Gap { flow: id, from: *first, to: *last });
            }
            self.land(flying);
            self.cut += 1;
        }
        let Some(flow) = self.flows.get_mut(&id) else { return };
        let count = flow.queue.iter().take_while(|queued| queued.late <= now).count();
        let dropped: Vec<Queued> = flow.queue.drain(..count).collect();
        flow.keep_epoch(&dropped);
        self.cut += dropped.len() as u64;
        self.queued_bytes -= dropped.iter().map(|queued| queued.unit.unit.size).sum::<usize>();
        if let (Some(first), Some(last)) = (dropped.first(), dropped.last()) {
            let (from, to) = (first.unit.first_sequence, last.unit.last_sequence());
            self.orders.push_back(Output::Gap { flow: id, from, to });
        }
    }

    /// Gives up everything before the newest key frame that still waits.
    fn cut_flow(&mut self, now: Instant, id: FlowId) {
        let before = self.flying.len();
        let flew = self.cancel(id);
        self.cut += (before - self.flying.len()) as u64;
        let Some(flow) = self.flows.get_mut(&id) else { return };
        let key = flow.queue.iter().rposition(|queued| queued.unit.unit.key.is_some());
        let dropped: Vec<Queued> = match key {
            // A key frame at the front is what is sent next, however late.
            Some(key) => flow.queue.drain(..key).collect(),
            None => flow.queue.drain(..).collect(),
        };
        self.cut += dropped.len() as u64;
        flow.keep_epoch(&dropped);
        self.queued_bytes -= dropped.iter().map(|queued| queued.unit.unit.size).sum::<usize>();
        let first =
            flew.map(|(first, _)| first).or_else(|| dropped.first().map(|queued| queued.unit.first_sequence));
        let last = dropped.last().map(|queued| queued.unit.last_sequence()).or(flew.map(|(_, last)| last));
        if key.is_none() {
            flow.starved = true;
            self.orders.push_back(Output::WantKey { flow: id });
        }
        let patience = self.patience;
        if let Some(next) = flow.queue.front_mut() {
            (next.at, next.late) = (now, now + patience);
        }
        for queued in flow.queue.iter_mut().skip(1) {
            queued.late = queued.late.max(now + patience);
        }
        if let (Some(from), Some(to)) = (first, last) {
            self.orders.push_back(Output::Gap { flow: id, from, to });
        }
    }
}

impl Flow {
    /// An epoch whose first unit was given up begins with the next that is sent.
    fn keep_epoch(&mut self, dropped: &[Queued]) {
        if let Some(epoch) = dropped.iter().rev().find_map(|queued| queued.unit.epoch) {
            match self.queue.front_mut() {
                Some(next) => next.unit.epoch = next.unit.epoch.or(Some(epoch)),
                None => self.untold = Some(epoch),
            }
        }
    }
}

/// Larger goes first: class, then key frames and sound (little, and worth nothing late), then age.
fn priority(epoch: Instant, class: u8, queued: &Queued) -> i32 {
    let age = queued.at.saturating_duration_since(epoch).as_millis() as i64 & AGE_MASK;
    let first = i64::from(queued.unit.unit.key.is_some() || queued.unit.sound) << 26;
    let priority = (i64::from(class.min(7)) << 27) + first + (AGE_MASK - age);
    i32::try_from(priority).unwrap_or(i32::MAX - 1)
}

/// Milliseconds in 26 bits: after 18 hours a link's pictures begin anew as the oldest.
const AGE_MASK: i64 = (1 << 26) - 1;
/// What may always be on its way: one small key frame.
const LEAST_WINDOW: usize = 64 * 1024;
/// As long as a hole may stay at the node.
const LATE: Duration = Duration::from_millis(500);
/// A GOP out of memory comes at once, and is worth sending longer.
const CACHED: Duration = Duration::from_secs(3);
