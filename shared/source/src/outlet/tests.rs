use sluice_media::{Key, RtpPacket};

use super::*;

fn unit(sequence: u64, key: bool, size: usize) -> Arc<AccessUnit> {
    let mut raw = vec![0x80, 0xe0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];
    raw[2..4].copy_from_slice(&u16::try_from(sequence & 0xffff).unwrap().to_be_bytes());
    raw.push(if key { 0x65 } else { 0x41 });
    Arc::new(AccessUnit {
        packets: vec![RtpPacket::parse(raw.into()).unwrap()],
        first_sequence: sequence,
        timestamp: i64::try_from(sequence).unwrap() * 3_600,
        captured_at_ms: 0,
        key: key.then_some(Key::Idr),
        reference: true,
        size,
    })
}

fn origin() -> Origin {
    Origin {
        presentation: Arc::new(Presentation { sdp: String::new(), lines: Vec::new(), received: vec![0, 1] }),
        lead: 0,
    }
}

fn outlet(cached: &[Arc<AccessUnit>]) -> (Outlet, Subscription) {
    Outlet::new(Arc::default(), Some(&origin()), cached.iter().map(|unit| (0, Arc::clone(unit))).collect())
}

/// Events in short: `S`tarted, `E`poch, `K`ey or `U`nit with its number, `G`ap, `T`rouble; of line 1 in small letters.
fn drain(subscription: &mut Subscription) -> String {
    let mut seen = Vec::new();
    loop {
        let event = match subscription.backlog.pop_front() {
            Some(event) => event,
            None => match subscription.queue.try_recv() {
                Ok(event) => event,
                Err(_) => return seen.join(" "),
            },
        };
        if let Event::Unit { unit, cached: false, .. } = &event {
            subscription.queued.fetch_sub(unit.size, Ordering::Relaxed);
        }
        seen.push(match event {
            Event::Started { .. } => "S".to_owned(),
            Event::Epoch { line: 1, first_sequence, .. } => format!("e{first_sequence}"),
            Event::Unit { line: 1, unit, .. } => format!("u{}", unit.first_sequence),
            Event::Gap { line: 1, from, to } => format!("g{from}-{to}"),
            Event::Epoch { first_sequence, .. } => format!("E{first_sequence}"),
            Event::Unit { unit, .. } if unit.key.is_some() => format!("K{}", unit.first_sequence),
            Event::Unit { unit, .. } => format!("U{}", unit.first_sequence),
            Event::Gap { from, to, .. } => format!("G{from}-{to}"),
            Event::Rtcp { .. } => "R".to_owned(),
            Event::State(_) => "T".to_owned(),
        });
    }
}

#[test]
fn nothing_comes_before_a_key_frame() {
    let (mut outlet, mut subscription) = outlet(&[]);
    for (sequence, key) in [(5, false), (6, true), (7, false)] {
        outlet.unit(&origin(), 0, &unit(sequence, key, 10));
    }
    assert_eq!(drain(&mut subscription), "S E6 K6 U7");
}

#[test]
fn the_cached_group_comes_first_and_live_pictures_behind_it() {
    let (mut outlet, mut subscription) = outlet(&[unit(1, true, 10), unit(2, false, 10)]);
    outlet.unit(&origin(), 0, &unit(3, false, 10));
    assert_eq!(drain(&mut subscription), "S E1 K1 U2 U3");
}

#[test]
fn a_slow_subscriber_is_cut_to_the_next_key_frame() {
    let (mut outlet, mut subscription) = outlet(&[unit(0, true, 10)]);
    let mut overflows = 0;
    for sequence in 1..400 {
        overflows += usize::from(outlet.unit(&origin(), 0, &unit(sequence, false, 10)));
    }
    assert_eq!(overflows, 1);
    let seen = drain(&mut subscription);
    let last: u64 = seen.rsplit_once('U').unwrap().1.parse().unwrap();
    for (sequence, key) in [(400, false), (401, true), (402, false)] {
        outlet.unit(&origin(), 0, &unit(sequence, key, 10));
    }
    assert_eq!(drain(&mut subscription), format!("G{}-400 K401 U402", last + 1));
}

#[test]
fn a_queue_is_bounded_in_bytes_but_takes_one_unit_of_any_size() {
    let (mut outlet, mut subscription) = outlet(&[unit(0, true, 10)]);
    outlet.unit(&origin(), 0, &unit(1, false, QUEUE_BYTES * 2));
    assert!(outlet.unit(&origin(), 0, &unit(2, false, 10)));
    assert_eq!(drain(&mut subscription), "S E0 K0 U1");
}

#[test]
fn a_loss_in_the_camera_is_told_in_its_place() {
    let (mut outlet, mut subscription) = outlet(&[unit(0, true, 10)]);
    outlet.gap(&origin(), 0, 1, 3);
    outlet.unit(&origin(), 0, &unit(4, false, 10));
    assert_eq!(drain(&mut subscription), "S E0 K0 G1-3 U4");
}

#[test]
fn after_a_new_session_everything_is_introduced_again() {
    let (mut outlet, mut subscription) = outlet(&[unit(8, true, 10)]);
    outlet.state(&Status::default());
    outlet.restart();
    outlet.unit(&origin(), 0, &unit(1, false, 10));
    outlet.unit(&origin(), 0, &unit(2, true, 10));
    assert_eq!(drain(&mut subscription), "S E8 K8 T S E2 K2");
}

#[test]
fn a_state_that_finds_the_queue_full_comes_when_there_is_room() {
    let (mut outlet, mut subscription) = outlet(&[unit(0, true, 10)]);
    while outlet.queue.try_send(Event::Rtcp { line: 0, packet: Bytes::new() }).is_ok() {}
    outlet.state(&Status::default());
    drain(&mut subscription);
    outlet.unit(&origin(), 0, &unit(1, false, 10));
    assert_eq!(drain(&mut subscription), "T U1");
}

#[test]
fn a_dropped_subscription_is_seen() {
    let (outlet, subscription) = outlet(&[]);
    assert!(!outlet.is_closed());
    drop(subscription);
    assert!(outlet.is_closed());
}

/// Whether it was the moment in which the subscriber became too slow.
fn sound(outlet: &mut Outlet, sequence: u64) -> bool {
    outlet.unit(&origin(), 1, &unit(sequence, true, 10))
}

#[test]
fn sound_waits_for_the_picture_and_is_introduced_by_itself() {
    let (mut outlet, mut subscription) = outlet(&[]);
    sound(&mut outlet, 70);
    outlet.unit(&origin(), 0, &unit(6, true, 10));
    sound(&mut outlet, 71);
    sound(&mut outlet, 72);
    assert_eq!(drain(&mut subscription), "S E6 K6 e71 u71 u72");
}

#[test]
fn the_cached_sound_comes_in_its_place() {
    let cached = vec![(0, unit(1, true, 10)), (1, unit(7, true, 10)), (0, unit(2, false, 10))];
    let (mut outlet, mut subscription) = Outlet::new(Arc::default(), Some(&origin()), cached);
    sound(&mut outlet, 8);
    assert_eq!(drain(&mut subscription), "S E1 K1 e7 u7 U2 u8");
}

#[test]
fn a_hole_in_the_sound_is_told_and_cuts_nothing() {
    let (mut outlet, mut subscription) = outlet(&[unit(0, true, 10)]);
    sound(&mut outlet, 70);
    outlet.gap(&origin(), 1, 71, 72);
    sound(&mut outlet, 73);
    outlet.unit(&origin(), 0, &unit(1, false, 10));
    assert_eq!(drain(&mut subscription), "S E0 K0 e70 u70 g71-72 u73 U1");
}

#[test]
fn sound_that_a_slow_subscriber_missed_is_one_gap() {
    let (mut outlet, mut subscription) = outlet(&[unit(0, true, 10)]);
    sound(&mut outlet, 70);
    while outlet.queue.try_send(Event::Rtcp { line: 0, packet: Bytes::new() }).is_ok() {}
    assert!(sound(&mut outlet, 71), "too slow");
    assert!(!sound(&mut outlet, 72), "told once");
    drain(&mut subscription);
    sound(&mut outlet, 73);
    assert_eq!(drain(&mut subscription), "g71-72 u73");
}

#[test]
fn sound_that_counts_anew_is_introduced_anew_beside_the_picture() {
    let (mut outlet, mut subscription) = outlet(&[unit(0, true, 10)]);
    sound(&mut outlet, 70);
    outlet.epoch(&origin(), 1);
    sound(&mut outlet, 3);
    outlet.unit(&origin(), 0, &unit(1, false, 10));
    assert_eq!(drain(&mut subscription), "S E0 K0 e70 u70 e3 u3 U1");
}
