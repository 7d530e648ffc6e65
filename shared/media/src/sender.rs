//! The wall clock of a camera session, from RTCP sender reports (RFC 3550 §6.4.1).

/// The part of a sender report that ties a line's timestamps to the sender's wall clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SenderReport {
    /// Whose timestamps.
    pub ssrc: u32,
    /// Seconds since 1900 in 32.32 fixed point.
    pub ntp: u64,
    /// The same instant in ticks of the line's clock.
    pub rtp: u32,
}

/// The first sender report in a compound RTCP packet.
#[must_use]
pub fn sender_report(rtcp: &[u8]) -> Option<SenderReport> {
    let mut rest = rtcp;
    while let Some((&[first, kind, high, low], _)) = rest.split_first_chunk::<4>() {
        if first >> 6 != 2 {
            return None;
        }
        let len = 4 * (1 + usize::from(u16::from_be_bytes([high, low])));
        if let (SENDER_REPORT, Some((body, _))) = (kind, rest.split_first_chunk::<28>())
            && len >= body.len()
        {
            let word = |at: usize| u32::from_be_bytes([body[at], body[at + 1], body[at + 2], body[at + 3]]);
            return Some(SenderReport {
                ssrc: word(4),
                ntp: u64::from(word(8)) << 32 | u64::from(word(12)),
                rtp: word(16),
            });
        }
        rest = rest.get(len..)?;
    }
    None
}

const SENDER_REPORT: u8 = 200;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const REPORT: &str = "80c80006 deadbeef e8000000 80000000 00015f90 00000001 00000002";

    fn bytes(hex: &str) -> Vec<u8> {
        hex::decode(hex.replace(' ', "")).unwrap()
    }

    #[test]
    fn a_report_is_read_wherever_it_stands() {
        let expected = SenderReport { ssrc: 0xdead_beef, ntp: 0xe800_0000_8000_0000, rtp: 90_000 };
        assert_eq!(sender_report(&bytes(REPORT)), Some(expected));
        let behind = format!("80c90001 00000001 {REPORT} 81ca0002 deadbeef 01000000");
        assert_eq!(sender_report(&bytes(&behind)), Some(expected));
    }

    #[test]
    fn what_is_none_is_none() {
        assert_eq!(sender_report(&[]), None);
        assert_eq!(sender_report(&bytes("81ca0002 deadbeef 01000000")), None);
        assert_eq!(sender_report(&bytes(&REPORT.replacen("80", "40", 1))), None);
        assert_eq!(sender_report(&bytes(&REPORT.replacen("0006", "0005", 1))), None);
        let whole = bytes(REPORT);
        assert!((0..whole.len()).all(|len| sender_report(&whole[..len]).is_none()));
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_to_their_end(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = sender_report(&bytes);
        }
    }
}
