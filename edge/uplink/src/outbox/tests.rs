use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use proptest::prelude::*;
use sluice_media::{AccessUnit, Key, RtpPacket};
use sluice_wire::roq::FlowId;

use super::{Input, Numbered, Outbox, Output};

const FLOW: FlowId = FlowId(1);

fn start() -> Instant {
    sluice_runtime::Clock::system().now()
}

fn numbered(sequence: u64, key: bool, size: usize) -> Numbered {
    let mut bytes = vec![0x80, 0xe0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7, 0x41];
    bytes[2..4].copy_from_slice(&(sequence as u16).to_be_bytes());
    let unit = AccessUnit {
        packets: vec![RtpPacket::parse(Bytes::from(bytes)).unwrap()],
        first_sequence: sequence,
        timestamp: 0,
        captured_at_ms: 0,
        key: key.then_some(Key::Idr),
        reference: true,
        size,
    };
    Numbered { unit: Arc::new(unit), first_sequence: sequence, epoch: None, cached: false, sound: false }
}

fn queue(outbox: &mut Outbox, now: Instant, flow: FlowId, class: u8, unit: Numbered) {
    outbox.handle(now, Input::Queue { flow, class, unit });
}

/// What comes out, in words.
fn drain(outbox: &mut Outbox) -> Vec<String> {
    std::iter::from_fn(|| outbox.poll())
        .map(|output| match output {
            Output::Send { flow, unit, .. } => format!("send {}/{}", flow.0, unit.first_sequence),
            Output::Cancel { id } => format!("cancel {id}"),
            Output::Gap { flow, from, to } => format!("gap {}/{from}-{to}", flow.0),
            Output::WantKey { flow } => format!("want key {}", flow.0),
        })
        .collect()
}

#[test]
fn quic_is_handed_no_more_than_the_window() {
    let (mut outbox, now) = (Outbox::new(start()), start());
    outbox.handle(now, Input::Path { window: 100_000, rtt: Duration::from_millis(50) });
    for n in 0..5 {
        queue(&mut outbox, now, FLOW, 4, numbered(n, n == 0, 60_000));
    }
    assert_eq!(drain(&mut outbox), ["send 1/0", "send 1/1"]);
    outbox.handle(now, Input::Acknowledged { id: 1 });
    assert_eq!(drain(&mut outbox), ["send 1/2"]);
    assert_eq!(outbox.queued_bytes(), 120_000);
}

#[test]
fn the_first_class_goes_first_then_key_frames_then_the_oldest() {
    let (mut outbox, now) = (Outbox::new(start()), start());
    queue(&mut outbox, now, FlowId(1), 4, numbered(0, false, 100));
    queue(&mut outbox, now + Duration::from_millis(5), FlowId(2), 4, numbered(0, false, 100));
    queue(&mut outbox, now + Duration::from_millis(6), FlowId(3), 4, numbered(0, true, 100));
    queue(&mut outbox, now + Duration::from_millis(7), FlowId(4), 7, numbered(0, false, 100));
    assert_eq!(drain(&mut outbox), ["send 4/0", "send 3/0", "send 1/0", "send 2/0"]);
}

#[test]
fn a_late_flow_is_cut_to_its_newest_key_frame_in_one_piece() {
    let (mut outbox, now) = (Outbox::new(start()), start());
    let at = |ms| now + Duration::from_millis(ms);
    queue(&mut outbox, at(0), FLOW, 4, numbered(10, true, 70_000));
    for n in 1..4 {
        queue(&mut outbox, at(n * 40), FLOW, 4, numbered(10 + n, n == 3, 1_000));
    }
    queue(&mut outbox, at(160), FLOW, 4, numbered(14, false, 1_000));
    assert_eq!(drain(&mut outbox), ["send 1/10"]);
    assert_eq!(outbox.deadline(), Some(at(540)));
    outbox.handle(at(540), Input::Woke);
    // The key frame in flight goes with the rest: what is behind it would not be in time.
    assert_eq!(drain(&mut outbox), ["cancel 1", "gap 1/10-12", "send 1/13", "send 1/14"]);
    assert_eq!(outbox.cut(), 3);
}

#[test]
fn without_a_key_frame_a_late_flow_starves_until_one_comes() {
    let (mut outbox, now) = (Outbox::new(start()), start());
    let at = |ms| now + Duration::from_millis(ms);
    queue(&mut outbox, at(0), FLOW, 4, numbered(10, true, 70_000));
    queue(&mut outbox, at(40), FLOW, 4, numbered(11, false, 1_000));
    drain(&mut outbox);
    outbox.handle(at(540), Input::Woke);
    assert_eq!(drain(&mut outbox), ["cancel 1", "want key 1", "gap 1/10-11"]);
    queue(&mut outbox, at(560), FLOW, 4, numbered(12, false, 1_000));
    queue(&mut outbox, at(600), FLOW, 4, numbered(13, true, 1_000));
    assert_eq!(drain(&mut outbox), ["gap 1/12-12", "send 1/13"]);
}

#[test]
fn an_epoch_whose_first_picture_is_cut_begins_with_the_next_that_is_sent() {
    let (mut outbox, now) = (Outbox::new(start()), start());
    let at = |ms| now + Duration::from_millis(ms);
    let first = |sequence, epoch| Numbered { epoch: Some(epoch), ..numbered(sequence, true, 1_000) };
    queue(&mut outbox, at(0), FLOW, 4, numbered(10, true, 70_000));
    queue(&mut outbox, at(40), FLOW, 4, first(100, 2));
    queue(&mut outbox, at(80), FLOW, 4, numbered(101, true, 1_000));
    drain(&mut outbox);
    outbox.handle(at(540), Input::Woke);
    let sent = std::iter::from_fn(|| outbox.poll()).filter_map(|output| match output {
        Output::Send { unit, .. } => Some((unit.first_sequence, unit.epoch)),
        _ => None,
    });
    // Without it the node would take what follows for pictures of nobody.
    assert_eq!(sent.collect::<Vec<_>>(), [(101, Some(2))]);
}

#[test]
fn a_hiccup_without_a_backlog_cuts_nothing() {
    let (mut outbox, now) = (Outbox::new(start()), start());
    queue(&mut outbox, now, FLOW, 4, numbered(10, true, 1_000));
    assert_eq!(drain(&mut outbox), ["send 1/10"]);
    outbox.handle(now + Duration::from_millis(1_400), Input::Woke);
    assert_eq!(drain(&mut outbox), [""; 0]);
}

#[test]
fn a_flow_that_is_not_wanted_leaves_nothing_behind() {
    let (mut outbox, now) = (Outbox::new(start()), start());
    queue(&mut outbox, now, FLOW, 4, numbered(0, true, 70_000));
    queue(&mut outbox, now, FLOW, 4, numbered(1, false, 1_000));
    assert_eq!(drain(&mut outbox), ["send 1/0"]);
    outbox.handle(now, Input::Forget { flow: FLOW });
    assert_eq!(drain(&mut outbox), ["cancel 1"]);
    assert_eq!((outbox.queued_bytes(), outbox.deadline()), (0, None));
}

#[test]
fn a_unit_that_quic_did_not_take_is_sent_first() {
    let (mut outbox, now) = (Outbox::new(start()), start());
    queue(&mut outbox, now, FLOW, 4, numbered(0, true, 1_000));
    queue(&mut outbox, now, FLOW, 4, numbered(1, false, 1_000));
    let Some(Output::Send { id, flow, unit, .. }) = outbox.poll() else { panic!("one is to be sent") };
    outbox.put_back(now, id, flow, unit);
    assert_eq!(drain(&mut outbox), ["send 1/0", "send 1/1"]);
}

#[test]
fn of_sound_only_what_is_late_is_given_up() {
    let (mut outlet, now) = (Outbox::new(start()), start());
    let at = |ms| now + Duration::from_millis(ms);
    let sound = |sequence| Numbered { sound: true, ..numbered(sequence, true, 200) };
    queue(&mut outlet, at(0), FlowId(2), 4, numbered(10, true, 70_000));
    drain(&mut outlet);
    for n in 0..4 {
        queue(&mut outlet, at(20 * n), FLOW, 4, sound(100 + n));
    }
    outlet.handle(at(525), Input::Woke);
    let told = drain(&mut outlet);
    assert!(
        told.contains(&"gap 1/100-101".to_owned()) && !told.iter().any(|told| told.contains("want key 1"))
    );
    outlet.handle(at(526), Input::Acknowledged { id: 1 });
    assert_eq!(drain(&mut outlet), ["send 1/102", "send 1/103"]);
}

#[test]
fn sound_goes_before_pictures_that_are_no_key_frames() {
    let (mut outbox, now) = (Outbox::new(start()), start());
    let sound = Numbered { sound: true, ..numbered(100, true, 200) };
    queue(&mut outbox, now, FlowId(1), 4, numbered(0, false, 1_000));
    queue(&mut outbox, now + Duration::from_millis(9), FlowId(2), 4, sound);
    queue(&mut outbox, now + Duration::from_millis(9), FlowId(3), 7, numbered(0, false, 1_000));
    assert_eq!(drain(&mut outbox), ["send 3/0", "send 2/100", "send 1/0"]);
}

proptest! {
    /// Whatever the path does: numbers leave in order, each number is sent, or named in a gap, and what follows
    /// a gap is a key frame.
    #[test]
    fn nothing_is_lost_silently(
        steps in proptest::collection::vec((0u8..4, 0u64..400, 100usize..60_000), 1..120)
    ) {
        let mut now = start();
        let mut outbox = Outbox::new(now);
        let (mut sequence, mut flying) = (100u64, Vec::new());
        let (mut next, mut await_key) = (100u64, false);
        for (kind, wait, size) in steps {
            now += Duration::from_millis(wait);
            match kind {
                0 | 1 => {
                    queue(&mut outbox, now, FLOW, 4, numbered(sequence, kind == 0, size));
                    sequence += 1;
                }
                2 if !flying.is_empty() => outbox.handle(now, Input::Acknowledged { id: flying.remove(0) }),
                _ => outbox.handle(now, Input::Woke),
            }
            while let Some(output) = outbox.poll() {
                match output {
                    Output::Send { id, unit, .. } => {
                        prop_assert_eq!(unit.first_sequence, next);
                        prop_assert!(!await_key || unit.unit.key.is_some(), "not a key behind a gap");
                        next += 1;
                        await_key = false;
                        flying.push(id);
                    }
                    Output::Gap { from, to, .. } => {
                        prop_assert!(from <= next, "a hole before the gap");
                        next = next.max(to + 1);
                        await_key = true;
                    }
                    Output::Cancel { id } => flying.retain(|other| *other != id),
                    Output::WantKey { .. } => {}
                }
            }
        }
    }
}
