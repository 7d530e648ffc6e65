//! The byte in front of an Opus packet (RFC 6716 §3.1).

/// Ticks at 48 kHz that a packet lasts; `None` for one that is none.
pub(super) fn ticks(packet: &[u8]) -> Option<u32> {
    let toc = *packet.first()?;
    let frame = match toc >> 3 {
        config @ 0..=11 => [480, 960, 1920, 2880][usize::from(config & 3)],
        config @ 12..=15 => [480, 960][usize::from(config & 1)],
        config => [120, 240, 480, 960][usize::from(config & 3)],
    };
    let frames = match toc & 3 {
        0 => 1,
        1 | 2 => 2,
        _ => u32::from(packet.get(1)? & 0x3f),
    };
    // §3.2.5: at most 120 ms.
    Some(frame * frames).filter(|ticks| (1..=5_760).contains(ticks))
}
