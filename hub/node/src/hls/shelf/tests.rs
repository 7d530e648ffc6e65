use super::*;

fn laid(next: (u64, u32), segments: &[(u64, usize, bool)]) -> Laid {
    let segment = |&(number, parts, whole): &(u64, usize, bool)| {
        let parts = (0..parts).map(|part| Bytes::from(format!("{number}.{part}"))).collect();
        Arc::new(Segment { number, parts, whole })
    };
    Laid { next, segments: segments.iter().map(segment).collect(), ..Laid::default() }
}

fn item(laid: &Laid, name: &str) -> String {
    match laid.item(&Name::parse(name).unwrap()) {
        Item::One(bytes) => String::from_utf8(bytes.to_vec()).unwrap(),
        Item::Many(segment) => format!("{} parts", segment.parts().len()),
        other => format!("{other:?}"),
    }
}

#[test]
fn names_lead_to_what_is_there_comes_or_has_gone() {
    let laid = laid((4, 2), &[(2, 3, true), (3, 2, true), (4, 2, false)]);
    for (name, what) in [
        ("v2.0.m4s", "2.0"),
        ("v3.m4s", "2 parts"),
        ("v4.1.m4s", "4.1"),
        ("v4.2.m4s", "Later"),
        ("v5.0.m4s", "Later"),
        ("v4.3.m4s", "Unknown"),
        ("v5.1.m4s", "Unknown"),
        ("v3.2.m4s", "Unknown"),
        ("v4.m4s", "Unknown"),
        ("v1.0.m4s", "Gone"),
        ("v1.m4s", "Gone"),
        ("v18446744073709551615.m4s", "Unknown"),
        ("v18446744073709551615.4294967295.m4s", "Unknown"),
        ("v-init-1.mp4", "Unknown"),
    ] {
        assert_eq!(item(&laid, name), what, "{name}");
    }
}

#[test]
fn a_position_is_reached_when_its_part_is_there_and_refused_when_it_is_far() {
    let laid = laid((4, 2), &[(3, 5, true), (4, 2, false)]);
    let ahead = Shelf::default().parts_ahead();
    for (number, part, reached) in [
        (4, Some(1), Reached::Yes),
        (4, Some(2), Reached::NotYet),
        (4, Some(17), Reached::NotYet),
        (4, Some(18), Reached::TooFar),
        (5, Some(0), Reached::NotYet),
        (5, Some(16), Reached::TooFar),
        (6, Some(0), Reached::TooFar),
        (3, Some(4), Reached::Yes),
        (3, None, Reached::Yes),
        (4, None, Reached::NotYet),
        (5, None, Reached::NotYet),
        (6, None, Reached::TooFar),
        (u64::MAX, Some(u32::MAX), Reached::TooFar),
        (0, Some(u32::MAX), Reached::Yes),
    ] {
        assert_eq!(laid.reached(number, part, ahead), reached, "{number} {part:?}");
    }
}

#[test]
fn a_part_behind_the_last_of_its_segment_is_the_first_of_the_next() {
    let open = laid((4, 0), &[(3, 5, true)]);
    assert_eq!(open.reached(3, Some(5), 15), Reached::NotYet);
    assert_eq!(open.reached(3, Some(4), 15), Reached::Yes);
    let begun = laid((4, 1), &[(3, 5, true), (4, 1, false)]);
    assert_eq!(begun.reached(3, Some(5), 15), Reached::Yes);
}

#[test]
fn what_is_wanted_of_a_shelf_is_told_once() {
    let shelf = Shelf::default();
    let mut wanted = shelf.wanted();
    shelf.want(true);
    shelf.want(true);
    assert!(wanted.has_changed().unwrap() && *wanted.borrow_and_update());
    shelf.want(true);
    assert!(!wanted.has_changed().unwrap());
}
