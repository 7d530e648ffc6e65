use bytes::{BufMut, Bytes, BytesMut};

use super::nal::{FU_A, FU_END, FU_START, NalType, STAP_A};

/// RTP payloads for one access unit's NAL units, each at most `max_payload` bytes (at least 16).
///
/// What stands in front of the picture is aggregated where it fits; a unit that fits is passed on as it is,
/// sharing its bytes; a larger one becomes FU-A fragments of one size, only the last being shorter: equal
/// datagrams leave in one system call.
#[must_use]
pub fn packetize(nals: &[Bytes], max_payload: usize) -> Vec<Bytes> {
    let max = max_payload.max(MIN_PAYLOAD);
    let mut payloads = Vec::with_capacity(nals.iter().map(|nal| nal.len() / max + 1).sum());
    let mut rest = nals;
    while let Some(nal) = rest.first() {
        let together = aggregable(rest, max);
        if together > 1 {
            payloads.push(aggregate(&rest[..together]));
            rest = &rest[together..];
            continue;
        }
        if nal.len() > max {
            fragment_into(&mut payloads, nal, max);
        } else if !nal.is_empty() {
            payloads.push(nal.clone());
        }
        rest = &rest[1..];
    }
    payloads
}

/// How many of the first units share one STAP-A: none of them a part of the picture.
fn aggregable(nals: &[Bytes], max: usize) -> usize {
    let mut size = 1;
    nals.iter()
        .take_while(|nal| {
            size += 2 + nal.len();
            !nal.is_empty() && !NalType::of(nal[0]).is_picture() && size <= max
        })
        .count()
}

fn aggregate(nals: &[Bytes]) -> Bytes {
    let mut payload = BytesMut::with_capacity(1 + nals.iter().map(|nal| 2 + nal.len()).sum::<usize>());
    let forbidden = nals.iter().fold(0, |bit, nal| bit | nal[0] & 0x80);
    let importance = nals.iter().map(|nal| nal[0] & 0x60).max().unwrap_or(0);
    payload.put_u8(forbidden | importance | STAP_A);
    for nal in nals {
        payload.put_u16(u16::try_from(nal.len()).expect("an aggregate fits one packet"));
        payload.put_slice(nal);
    }
    payload.freeze()
}

/// All fragments lie in one allocation.
fn fragment_into(payloads: &mut Vec<Bytes>, nal: &Bytes, max: usize) {
    let (header, body) = (nal[0], &nal[1..]);
    let count = body.len().div_ceil(max - 2);
    let size = body.len().div_ceil(count);
    let mut all = BytesMut::with_capacity(body.len() + 2 * count);
    for (n, piece) in body.chunks(size).enumerate() {
        let start = if n == 0 { FU_START } else { 0 };
        let end = if n + 1 == count { FU_END } else { 0 };
        all.put_u8(header & 0xe0 | FU_A);
        all.put_u8(start | end | header & 0x1f);
        all.put_slice(piece);
        payloads.push(all.split().freeze());
    }
}

/// Below this a fragment would be mostly header.
const MIN_PAYLOAD: usize = 16;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn hex(payloads: &[Bytes]) -> Vec<String> {
        payloads.iter().map(hex::encode).collect()
    }

    fn nal(header: u8, len: usize) -> Bytes {
        std::iter::once(header).chain((1..len).map(|n| (n % 251) as u8)).collect()
    }

    #[test]
    fn golden_bytes_of_each_form() {
        let nals = ["6742c01f", "68ce3c80", "658884", "41010203040506070809101112131415161718"]
            .map(|nal| Bytes::from(hex::decode(nal).unwrap()));
        assert_eq!(
            hex(&packetize(&nals, 16)),
            ["7800046742c01f000468ce3c80", "658884", "5c81010203040506070809", "5c41101112131415161718",]
        );
    }

    #[test]
    fn a_unit_that_fits_is_not_copied() {
        let nals = [nal(0x65, 100)];
        assert_eq!(packetize(&nals, 100)[0].as_ptr(), nals[0].as_ptr());
        assert_eq!(packetize(&nals, 99).len(), 2);
    }

    #[test]
    fn a_lone_parameter_set_needs_no_aggregate() {
        assert_eq!(hex(&packetize(&[Bytes::from_static(&[0x67, 1, 2])], 1_200)), ["670102"]);
    }

    #[test]
    fn nothing_makes_nothing() {
        assert!(packetize(&[], 1_200).is_empty());
        assert!(packetize(&[Bytes::new()], 1_200).is_empty());
    }

    proptest! {
        #[test]
        fn fragments_are_of_one_size(len in 17usize..20_000, max in 16usize..1_500) {
            prop_assume!(len > max);
            let payloads = packetize(&[nal(0x65, len)], max);
            let size = payloads[0].len();
            let (last, others) = payloads.split_last().unwrap();
            prop_assert!(size <= max);
            prop_assert!(others.iter().all(|payload| payload.len() == size));
            prop_assert!(last.len() <= size && last.len() > 2);
            prop_assert_eq!(payloads.len(), (len - 1).div_ceil(max - 2));
        }
    }
}
