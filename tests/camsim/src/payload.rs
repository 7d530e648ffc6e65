//! NAL units into RTP payloads.

use bytes::{BufMut as _, Bytes, BytesMut};

use crate::codec::Syntax;

/// Largest RTP payload, as of a camera on Ethernet.
const MAX_PAYLOAD: usize = 1_400;
/// RFC 6184 §5.8: a fragment of H.264.
const FU_A: u8 = 28;
/// RFC 7798 §4.4.2: several units in one packet.
const AP: u8 = 48;
/// RFC 7798 §4.4.3: a fragment of H.265.
const FU: u8 = 49;

/// Cuts the NAL units of one picture into RTP payloads: each alone where it fits, in fragments where not.
/// The parameter sets of H.265 travel together, as most of its cameras do it.
pub(crate) fn packetize(syntax: Syntax, nals: &[Bytes]) -> Vec<Bytes> {
    let nals: Vec<&Bytes> = nals.iter().filter(|nal| nal.len() >= header_length(syntax)).collect();
    let mut payloads = Vec::new();
    let sets = nals.iter().take_while(|nal| syntax.is_parameter_set(nal)).count();
    let together = if syntax == Syntax::H265 && sets > 1 { sets } else { 0 };
    if together > 0 {
        payloads.push(aggregate(&nals[..together]));
    }
    for nal in &nals[together..] {
        if nal.len() <= MAX_PAYLOAD {
            payloads.push((*nal).clone());
        } else {
            fragment(syntax, nal, &mut payloads);
        }
    }
    payloads
}

const fn header_length(syntax: Syntax) -> usize {
    match syntax {
        Syntax::H264 => 1,
        Syntax::H265 => 2,
    }
}

fn aggregate(nals: &[&Bytes]) -> Bytes {
    let mut payload = BytesMut::new();
    // Layer 0 and temporal identifier 1, as in every unit of these loops.
    payload.put_slice(&[AP << 1, 1]);
    for nal in nals {
        payload.put_u16(u16::try_from(nal.len()).unwrap_or(u16::MAX));
        payload.put_slice(nal);
    }
    payload.freeze()
}

fn fragment(syntax: Syntax, nal: &Bytes, payloads: &mut Vec<Bytes>) {
    let (header, kind): (Vec<u8>, u8) = match syntax {
        Syntax::H264 => (vec![nal[0] & 0xE0 | FU_A], nal[0] & 0x1F),
        Syntax::H265 => (vec![nal[0] & 0x81 | FU << 1, nal[1]], nal[0] >> 1 & 0x3F),
    };
    let room = MAX_PAYLOAD - header.len() - 1;
    let body = &nal[header.len()..];
    let pieces = body.len().div_ceil(room);
    for (index, piece) in body.chunks(room).enumerate() {
        let start = u8::from(index == 0) << 7;
        let end = u8::from(index + 1 == pieces) << 6;
        let mut payload = BytesMut::with_capacity(header.len() + 1 + piece.len());
        payload.put_slice(&header);
        payload.put_u8(start | end | kind);
        payload.extend_from_slice(piece);
        payloads.push(payload.freeze());
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn every_unit_of_h264_comes_back_whole(length in 1..20_000_usize, kind in 1..24_u8) {
            let mut nal = vec![0x60 | kind];
            nal.extend((1..length).map(|index| index as u8));
            let payloads = packetize(Syntax::H264, &[Bytes::from(nal.clone())]);
            prop_assert!(payloads.iter().all(|payload| payload.len() <= MAX_PAYLOAD));
            let whole = if payloads.len() == 1 {
                payloads[0].to_vec()
            } else {
                let mut whole = vec![payloads[0][0] & 0xE0 | payloads[0][1] & 0x1F];
                whole.extend(payloads.iter().flat_map(|payload| payload[2..].to_vec()));
                prop_assert!(payloads[0][1] & 0x80 != 0 && payloads.last().unwrap()[1] & 0x40 != 0);
                whole
            };
            prop_assert_eq!(whole, nal);
        }

        #[test]
        fn every_unit_of_h265_comes_back_whole(length in 3..20_000_usize, kind in 0..32_u8) {
            let mut nal = vec![kind << 1, 1];
            nal.extend((2..length).map(|index| index as u8));
            let payloads = packetize(Syntax::H265, &[Bytes::from(nal.clone())]);
            prop_assert!(payloads.iter().all(|payload| payload.len() <= MAX_PAYLOAD));
            let whole = if payloads.len() == 1 {
                payloads[0].to_vec()
            } else {
                prop_assert!(payloads.iter().all(|payload| payload[0] >> 1 == FU && payload[1] == 1));
                let mut whole = vec![payloads[0][2] << 1 & 0x7E, payloads[0][1]];
                whole.extend(payloads.iter().flat_map(|payload| payload[3..].to_vec()));
                prop_assert!(payloads[0][2] & 0x80 != 0 && payloads.last().unwrap()[2] & 0x40 != 0);
                whole
            };
            prop_assert_eq!(whole, nal);
        }
    }

    #[test]
    fn the_parameter_sets_of_h265_travel_together() {
        let units = [vec![32 << 1, 1, 7], vec![33 << 1, 1, 8, 9], vec![34 << 1, 1, 6], vec![19 << 1, 1, 5]];
        let payloads = packetize(Syntax::H265, &units.map(Bytes::from));
        assert_eq!(payloads.len(), 2);
        assert_eq!(payloads[0][..], [96, 1, 0, 3, 64, 1, 7, 0, 4, 66, 1, 8, 9, 0, 3, 68, 1, 6]);
    }
}
