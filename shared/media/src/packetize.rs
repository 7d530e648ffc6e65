use bytes::{BufMut, Bytes, BytesMut};

use crate::{
    Codec, h264, h265,
    packing::{FU_END, FU_START, Packing, header},
};

/// RTP payloads for one access unit's NAL units, each at most `max_payload` bytes (at least 16).
///
/// What stands in front of the picture is aggregated where it fits; a unit that fits is passed on as it is,
/// sharing its bytes; a larger one becomes fragments of one size, only the last being shorter: equal datagrams
/// leave in one system call. Sound is passed on as it is.
#[must_use]
pub fn packetize(codec: Codec, nals: &[Bytes], max_payload: usize) -> Vec<Bytes> {
    match codec {
        Codec::H264 => packed::<h264::Rfc6184>(nals, max_payload),
        Codec::H265 => packed::<h265::Rfc7798>(nals, max_payload),
        _ => nals.to_vec(),
    }
}

pub(crate) fn packed<P: Packing>(nals: &[Bytes], max_payload: usize) -> Vec<Bytes> {
    let max = max_payload.max(MIN_PAYLOAD);
    let mut payloads = Vec::with_capacity(nals.iter().map(|nal| nal.len() / max + 1).sum());
    let mut rest = nals;
    while let Some(nal) = rest.first() {
        let together = aggregable::<P>(rest, max);
        if together > 1 {
            payloads.push(aggregate::<P>(&rest[..together]));
            rest = &rest[together..];
            continue;
        }
        if nal.len() > max {
            fragment_into::<P>(&mut payloads, nal, max);
        } else if nal.len() >= P::HEADER {
            payloads.push(nal.clone());
        }
        rest = &rest[1..];
    }
    payloads
}

/// How many of the first units share one aggregate: none of them a part of the picture.
fn aggregable<P: Packing>(nals: &[Bytes], max: usize) -> usize {
    let mut size = P::HEADER;
    nals.iter()
        .take_while(|nal| {
            size += 2 + nal.len();
            nal.len() >= P::HEADER && !P::is_picture(nal) && size <= max
        })
        .count()
}

fn aggregate<P: Packing>(nals: &[Bytes]) -> Bytes {
    let mut payload =
        BytesMut::with_capacity(P::HEADER + nals.iter().map(|nal| 2 + nal.len()).sum::<usize>());
    payload.put_slice(header::<P>(&P::aggregate_header(nals)));
    for nal in nals {
        payload.put_u16(u16::try_from(nal.len()).expect("an aggregate fits one packet"));
        payload.put_slice(nal);
    }
    payload.freeze()
}

/// All fragments lie in one allocation.
fn fragment_into<P: Packing>(payloads: &mut Vec<Bytes>, nal: &Bytes, max: usize) {
    let body = &nal[P::HEADER..];
    let (indicator, kind) = P::fragment_header(nal);
    let count = body.len().div_ceil(max - P::HEADER - 1);
    let size = body.len().div_ceil(count);
    let mut all = BytesMut::with_capacity(body.len() + (P::HEADER + 1) * count);
    for (n, piece) in body.chunks(size).enumerate() {
        let start = if n == 0 { FU_START } else { 0 };
        let end = if (n + 1) * size >= body.len() { FU_END } else { 0 };
        all.put_slice(header::<P>(&indicator));
        all.put_u8(start | end | kind);
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
            hex(&packetize(Codec::H264, &nals, 16)),
            ["7800046742c01f000468ce3c80", "658884", "5c81010203040506070809", "5c41101112131415161718",]
        );
    }

    #[test]
    fn golden_bytes_of_h265() {
        let nals = ["40010c01", "42010101", "2601af84", "02020203040506070809101112131415161718"]
            .map(|nal| Bytes::from(hex::decode(nal).unwrap()));
        assert_eq!(
            hex(&packetize(Codec::H265, &nals, 16)),
            [
                "6001000440010c01000442010101",
                "2601af84",
                "620281020304050607080910",
                "6202411112131415161718"
            ]
        );
        let forbidden = ["c0020c01", "42010101"].map(|nal| Bytes::from(hex::decode(nal).unwrap()));
        assert_eq!(hex(&packetize(Codec::H265, &forbidden, 60)), ["e0010004c0020c01000442010101"]);
    }

    #[test]
    fn sound_is_passed_on_as_it_is() {
        let payloads = [nal(1, 3_000)];
        assert_eq!(packetize(Codec::Opus, &payloads, 100), payloads);
    }

    #[test]
    fn a_unit_that_fits_is_not_copied() {
        let nals = [nal(0x65, 100)];
        assert_eq!(packetize(Codec::H264, &nals, 100)[0].as_ptr(), nals[0].as_ptr());
        assert_eq!(packetize(Codec::H264, &nals, 99).len(), 2);
    }

    #[test]
    fn a_lone_parameter_set_needs_no_aggregate() {
        assert_eq!(hex(&packetize(Codec::H264, &[Bytes::from_static(&[0x67, 1, 2])], 1_200)), ["670102"]);
    }

    #[test]
    fn nothing_makes_nothing() {
        assert!(packetize(Codec::H264, &[], 1_200).is_empty());
        assert!(packetize(Codec::H264, &[Bytes::new()], 1_200).is_empty());
    }

    proptest! {
        #[test]
        fn fragments_are_of_one_size(len in 17usize..20_000, max in 16usize..1_500) {
            prop_assume!(len > max);
            let payloads = packetize(Codec::H264, &[nal(0x65, len)], max);
            let size = payloads[0].len();
            let (last, others) = payloads.split_last().unwrap();
            prop_assert!(size <= max);
            prop_assert!(others.iter().all(|payload| payload.len() == size));
            prop_assert!(last.len() <= size && last.len() > 2);
            prop_assert_eq!(payloads.len(), (len - 1).div_ceil(max - 2));
        }
    }
}
