use bytes::{Bytes, BytesMut};

use crate::{
    Codec, RtpPacket,
    h264::{self, embedded_start},
    h265,
    packing::{FU_END, FU_START, Form, Packing, header},
};

/// Why payloads are not the NAL units of one access unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DepacketizeError {
    /// STAP-B, MTAP or FU-B (RFC 6184, packetization mode 2), PACI (RFC 7798), or a type left undefined.
    #[error("packet {index} is of type {kind}, which nothing here reads")]
    Unsupported {
        /// Index of the packet.
        index: usize,
        /// Its payload's type.
        kind: u8,
    },
    /// A size within an aggregate, or a fragment's header, lies beyond the payload.
    #[error("packet {index} ends within a unit")]
    Truncated {
        /// Index of the packet.
        index: usize,
    },
    /// A fragment without its beginning, or of another unit than the one begun.
    #[error("packet {index} continues no fragmented unit")]
    LooseFragment {
        /// Index of the packet.
        index: usize,
    },
    /// The last fragment did not come.
    #[error("a fragmented unit has no end")]
    Unfinished,
    /// Sound has no NAL units.
    #[error("{0} has no NAL units")]
    NoVideo(Codec),
}

/// The NAL units of one access unit, from its packets in order.
///
/// Single units and aggregates share the packets' bytes; a fragmented unit is put together once.
///
/// # Errors
/// When a payload is not as RFC 6184 or RFC 7798 (without DONL) lays it out, or a fragment is missing.
pub fn nal_units(codec: Codec, packets: &[RtpPacket]) -> Result<Vec<Bytes>, DepacketizeError> {
    match codec {
        Codec::H264 => unpacked::<h264::Rfc6184>(packets),
        Codec::H265 => unpacked::<h265::Rfc7798>(packets),
        _ => Err(DepacketizeError::NoVideo(codec)),
    }
}

pub(crate) fn unpacked<P: Packing>(packets: &[RtpPacket]) -> Result<Vec<Bytes>, DepacketizeError> {
    let mut nals = Vec::with_capacity(packets.len().min(16));
    let mut index = 0;
    while let Some(packet) = packets.get(index) {
        let mut taken = 1;
        match P::form(packet.payload_slice()) {
            // Padding alone keeps a sequence going and carries nothing.
            Form::Empty => {}
            Form::Single => split_into::<P>(&mut nals, packet.payload()),
            Form::Aggregate => aggregate_into::<P>(&mut nals, &packet.payload(), index)?,
            Form::Fragment { .. } => {
                taken = fragments::<P>(&packets[index..], index)?;
                split_into::<P>(&mut nals, join::<P>(&packets[index..index + taken]));
            }
            Form::Truncated => return Err(DepacketizeError::Truncated { index }),
            Form::Unsupported(kind) => return Err(DepacketizeError::Unsupported { index, kind }),
        }
        index += taken;
    }
    Ok(nals)
}

fn aggregate_into<P: Packing>(
    nals: &mut Vec<Bytes>,
    payload: &Bytes,
    index: usize,
) -> Result<(), DepacketizeError> {
    let mut at = P::HEADER;
    while at < payload.len() {
        let size = payload.get(at..at + 2).ok_or(DepacketizeError::Truncated { index })?;
        let size = usize::from(u16::from_be_bytes([size[0], size[1]]));
        at += 2;
        if payload.len() - at < size {
            return Err(DepacketizeError::Truncated { index });
        }
        split_into::<P>(nals, payload.slice(at..at + size));
        at += size;
    }
    Ok(())
}

/// How many packets from the first carry one fragmented unit; `index` is the first one's, for the error.
fn fragments<P: Packing>(packets: &[RtpPacket], index: usize) -> Result<usize, DepacketizeError> {
    let mut begun = None;
    for (n, packet) in packets.iter().enumerate() {
        let index = index + n;
        let (bits, kind) = match P::form(packet.payload_slice()) {
            Form::Empty => continue,
            Form::Fragment { bits, kind } => (bits, kind),
            Form::Truncated => return Err(DepacketizeError::Truncated { index }),
            _ => return Err(DepacketizeError::Unfinished),
        };
        // Some senders vary the importance bits between fragments: only the type has to agree.
        if *begun.get_or_insert(kind) != kind || (bits & FU_START != 0) != (n == 0) {
            return Err(DepacketizeError::LooseFragment { index });
        }
        if bits & FU_END != 0 {
            return Ok(n + 1);
        }
    }
    Err(DepacketizeError::Unfinished)
}

/// Puts checked fragments together, in one allocation of the final size.
fn join<P: Packing>(packets: &[RtpPacket]) -> Bytes {
    let bodies =
        || packets.iter().map(|packet| packet.payload_slice().get(P::HEADER + 1..).unwrap_or_default());
    let mut nal = BytesMut::with_capacity(P::HEADER + bodies().map(<[u8]>::len).sum::<usize>());
    nal.extend_from_slice(header::<P>(&P::joined(packets[0].payload_slice())));
    bodies().for_each(|body| nal.extend_from_slice(body));
    nal.freeze()
}

/// Adds a NAL unit, or the several that a camera left with start codes between them. What is no longer than its
/// header is none.
fn split_into<P: Packing>(nals: &mut Vec<Bytes>, mut nal: Bytes) {
    while nal.len() >= P::HEADER && !P::is_picture(&nal) {
        let Some(next) = embedded_start(&nal[P::HEADER..]).map(|at| at + P::HEADER) else { break };
        let mut before = nal.split_to(next);
        // The start code, and the zeros in front of it that belong to no unit.
        let end = before[..next - 3].iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
        before.truncate(end);
        if before.len() >= P::HEADER {
            nals.push(before);
        }
    }
    if nal.len() >= P::HEADER {
        nals.push(nal);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{AccessUnit, Codec, UnitError, packetize};

    fn packets(payloads: &[&str]) -> Vec<RtpPacket> {
        payloads.iter().map(|hex| packet(&hex::decode(hex.replace(' ', "")).unwrap())).collect()
    }

    fn packet(payload: &[u8]) -> RtpPacket {
        let mut bytes = vec![0x80, 96, 0, 1, 0, 0, 0, 1, 0, 0, 0, 2];
        bytes.extend_from_slice(payload);
        RtpPacket::parse(bytes.into()).unwrap()
    }

    fn units(payloads: &[&str]) -> Result<Vec<String>, DepacketizeError> {
        nal_units(Codec::H264, &packets(payloads)).map(|nals| nals.iter().map(hex::encode).collect())
    }

    #[test]
    fn the_three_forms_are_read() {
        assert_eq!(units(&["65 8884"]).unwrap(), ["658884"]);
        assert_eq!(units(&["78 0003 67aabb 0002 68cc"]).unwrap(), ["67aabb", "68cc"]);
        assert_eq!(units(&["7c 85 0102", "7c 05 0304", "7c 45 05"]).unwrap(), ["650102030405"]);
        assert_eq!(units(&["67aa", "78 0002 68bb", "7c 85 01", "7c 45 02", "65ff"]).unwrap().len(), 4);
    }

    #[test]
    fn padding_alone_is_passed_over() {
        assert_eq!(units(&["7c 85 01", "", "7c 45 02", ""]).unwrap(), ["650102"]);
    }

    #[test]
    fn start_codes_left_inside_are_split() {
        assert_eq!(
            units(&["67 42c01f 00000001 68ce 000001 65 8884"]).unwrap(),
            ["6742c01f", "68ce", "658884"]
        );
        assert_eq!(units(&["67 42c01f 00000001"]).unwrap(), ["6742c01f"]);
    }

    #[test]
    fn each_wrong_payload_is_refused_with_its_place() {
        use DepacketizeError::{LooseFragment, Truncated, Unfinished, Unsupported};
        assert_eq!(units(&["65", "79 00"]).unwrap_err(), Unsupported { index: 1, kind: 25 });
        assert_eq!(units(&["00"]).unwrap_err(), Unsupported { index: 0, kind: 0 });
        assert_eq!(units(&["78 0003 67aa"]).unwrap_err(), Truncated { index: 0 });
        assert_eq!(units(&["78 00"]).unwrap_err(), Truncated { index: 0 });
        assert_eq!(units(&["7c"]).unwrap_err(), Truncated { index: 0 });
        assert_eq!(units(&["7c 05 01"]).unwrap_err(), LooseFragment { index: 0 });
        assert_eq!(units(&["7c 85 01", "7c 41 01"]).unwrap_err(), LooseFragment { index: 1 });
        assert_eq!(units(&["7c 85 01", "7c 85 01"]).unwrap_err(), LooseFragment { index: 1 });
        assert_eq!(units(&["7c 85 01", "65"]).unwrap_err(), Unfinished);
        assert_eq!(units(&["7c 85 01"]).unwrap_err(), Unfinished);
    }

    #[test]
    fn a_single_unit_shares_the_packets_bytes() {
        let packets = packets(&["65 8884"]);
        let nals = nal_units(Codec::H264, &packets).unwrap();
        assert_eq!(nals[0].as_ptr(), packets[0].payload_slice().as_ptr());
    }

    fn hevc(payloads: &[&str]) -> Result<Vec<String>, DepacketizeError> {
        nal_units(Codec::H265, &packets(payloads)).map(|nals| nals.iter().map(hex::encode).collect())
    }

    #[test]
    fn the_three_forms_of_h265_are_read() {
        assert_eq!(hevc(&["2601 af84"]).unwrap(), ["2601af84"]);
        assert_eq!(hevc(&["6001 0004 4001aabb 0003 4201cc"]).unwrap(), ["4001aabb", "4201cc"]);
        assert_eq!(hevc(&["6201 93 0102", "", "6201 13 0304", "6201 53 05"]).unwrap(), ["26010102030405"]);
        assert_eq!(hevc(&["6202 81 01", "6202 41 02"]).unwrap(), ["02020102"], "the temporal id stays");
        assert_eq!(
            hevc(&["4201 01aa 00000001 4401 c1 000001 2601 af"]).unwrap(),
            ["420101aa", "4401c1", "2601af"]
        );
    }

    #[test]
    fn units_of_no_byte_are_none() {
        assert_eq!(hevc(&["6001 0000 0001 26 0003 4201cc"]).unwrap(), ["4201cc"]);
        assert_eq!(units(&["78 0000 0002 68cc"]).unwrap(), ["68cc"]);
        assert!(nal_units(Codec::H264, &[]).unwrap().is_empty());
        assert_eq!(nal_units(Codec::Opus, &[]).unwrap_err(), DepacketizeError::NoVideo(Codec::Opus));
    }

    #[test]
    fn each_wrong_payload_of_h265_is_refused_with_its_place() {
        use DepacketizeError::{LooseFragment, Truncated, Unfinished, Unsupported};
        assert_eq!(hevc(&["2601", "6401 00"]).unwrap_err(), Unsupported { index: 1, kind: 50 });
        assert_eq!(hevc(&["7e01 00"]).unwrap_err(), Unsupported { index: 0, kind: 63 });
        assert_eq!(hevc(&["26"]).unwrap_err(), Truncated { index: 0 });
        assert_eq!(hevc(&["6201"]).unwrap_err(), Truncated { index: 0 });
        assert_eq!(hevc(&["6001 0003 42"]).unwrap_err(), Truncated { index: 0 });
        assert_eq!(hevc(&["6001 00"]).unwrap_err(), Truncated { index: 0 });
        assert_eq!(hevc(&["6201 13 01"]).unwrap_err(), LooseFragment { index: 0 });
        assert_eq!(hevc(&["6201 93 01", "6201 41 01"]).unwrap_err(), LooseFragment { index: 1 });
        assert_eq!(hevc(&["6201 93 01", "6201 93 01"]).unwrap_err(), LooseFragment { index: 1 });
        assert_eq!(hevc(&["6201 93 01", "2601"]).unwrap_err(), Unfinished);
        assert_eq!(hevc(&["6201 93 01"]).unwrap_err(), Unfinished);
    }

    #[test]
    fn whichever_fragment_is_lost_the_unit_is_refused() {
        let avc = ["7c 85 01", "7c 05 02", "7c 05 03", "7c 45 04"];
        let hevc = ["6201 93 01", "6201 13 02", "6201 13 03", "6201 53 04"];
        for (codec, whole) in [(Codec::H264, avc), (Codec::H265, hevc)] {
            for lost in [0, 3] {
                let mut rest = whole.to_vec();
                rest.remove(lost);
                assert!(nal_units(codec, &packets(&rest)).is_err(), "{codec} without {lost}");
            }
            // One from the middle leaves no trace here: the numbers of the packets tell.
            let numbered = |n: usize| packets(&whole)[n].clone();
            let hole = AccessUnit::from_packets(codec, vec![numbered(0), numbered(3)], 1, 0, 0);
            assert!(matches!(hole, Err(UnitError::Broken { index: 1 })), "{codec}");
        }
    }

    proptest! {
        #[test]
        fn what_was_packetized_comes_back_at_every_size(
            shapes in proptest::collection::vec((prop::sample::select(vec![0x67u8, 0x68, 0x06, 0x65, 0x41, 0x09]), 2usize..900), 1..6),
            max in 16usize..300,
        ) {
            for codec in [Codec::H264, Codec::H265] {
            // No zero bytes, hence nothing that looks like a start code. Headers of H.265 that mean the like.
            let header = |avc: u8| match (codec, avc) {
                (Codec::H264, avc) => avc,
                (_, 0x67) => 0x42,
                (_, 0x68) => 0x44,
                (_, 0x06) => 0x4e,
                (_, 0x65) => 0x26,
                (_, 0x41) => 0x02,
                _ => 0x46,
            };
            let nals: Vec<Bytes> = shapes.iter().enumerate().map(|(n, (first, len))| {
                let mut nal = vec![header(*first), 1];
                nal.extend((0..*len).map(|i| ((i * 7 + n) % 255 + 1) as u8));
                Bytes::from(nal)
            }).collect();
            let payloads = packetize(codec, &nals, max);
            prop_assert!(payloads.iter().all(|payload| !payload.is_empty() && payload.len() <= max));
            let packets: Vec<_> = payloads.iter().map(|payload| packet(payload)).collect();
            prop_assert_eq!(nal_units(codec, &packets).unwrap(), nals);
            }
        }

        #[test]
        fn any_payloads_are_units_or_an_error(payloads in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..40), 0..8)) {
            let packets: Vec<_> = payloads.iter().map(|payload| packet(payload)).collect();
            for (codec, header) in [(Codec::H264, 1), (Codec::H265, 2)] {
                if let Ok(nals) = nal_units(codec, &packets) {
                    prop_assert!(nals.iter().all(|nal| nal.len() >= header));
                }
            }
        }
    }
}
