use crate::{
    Key, RtpPacket, UnitKind,
    bits::Bits,
    contents::Begins,
    packing::{FU_END, FU_START},
};

/// `nal_unit_type` of H.264 table 7-1, as far as anything here depends on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NalType {
    /// A slice of a picture that is not IDR, whole or its first partition.
    Slice,
    /// A slice's further partitions.
    Partition,
    /// A slice of an IDR picture.
    IdrSlice,
    /// Supplemental enhancement information.
    Sei,
    /// Sequence parameter set.
    Sps,
    /// Picture parameter set.
    Pps,
    /// Access unit delimiter.
    Delimiter,
    /// Anything else.
    Other,
}

/// What the NAL units of one access unit say.
///
/// A recovery point counts as key only when the very picture that carries it is intra coded and complete at once
/// (`recovery_frame_cnt` 0): a gradual refresh shows pictures whose references are missing.
#[must_use]
pub fn classify<N: AsRef<[u8]>>(nals: &[N]) -> UnitKind {
    let mut seen = Seen::default();
    for nal in nals {
        seen.nal(nal.as_ref());
    }
    seen.kind()
}

/// The same for packets, without putting NAL units together.
#[must_use]
pub fn inspect(packets: &[RtpPacket]) -> UnitKind {
    let mut seen = Seen::default();
    for packet in packets {
        seen.payload(packet.payload_slice());
    }
    seen.kind()
}

/// Whether the unit holds a bidirectionally predicted slice: such streams send pictures out of order.
#[must_use]
pub fn has_b_slices(packets: &[RtpPacket]) -> bool {
    let mut seen = Seen::default();
    for packet in packets {
        seen.payload(packet.payload_slice());
    }
    seen.bidirectional
}

impl NalType {
    /// From a NAL unit's header byte.
    #[must_use]
    pub fn of(header: u8) -> Self {
        match header & 0x1f {
            1 | 2 => Self::Slice,
            3 | 4 => Self::Partition,
            5 => Self::IdrSlice,
            6 => Self::Sei,
            7 => Self::Sps,
            8 => Self::Pps,
            9 => Self::Delimiter,
            _ => Self::Other,
        }
    }

    /// Whether it carries a part of the picture itself.
    #[must_use]
    pub fn is_picture(self) -> bool {
        matches!(self, Self::Slice | Self::Partition | Self::IdrSlice)
    }
}

/// What has been seen of an access unit so far.
#[derive(Debug, Clone, Default)]
pub(crate) struct Seen {
    /// A part of the picture itself came.
    pub(crate) picture: bool,
    /// A fragmented NAL unit has begun and not ended.
    pub(crate) fragment_open: bool,
    idr: bool,
    recovery: bool,
    predicted: bool,
    bidirectional: bool,
    reference: bool,
}

impl Seen {
    pub(crate) fn kind(&self) -> UnitKind {
        let key = if self.idr {
            Some(Key::Idr)
        } else if self.recovery && self.picture && !self.predicted {
            Some(Key::RecoveryPoint)
        } else {
            None
        };
        UnitKind { key, reference: self.reference }
    }

    /// Takes the next packet's payload; says where in an access unit it can stand.
    pub(crate) fn payload(&mut self, payload: &[u8]) -> Begins {
        let Some(&indicator) = payload.first() else { return Begins::Anywhere };
        match indicator & 0x1f {
            STAP_A => {
                let mut begins = Begins::Anywhere;
                for nal in aggregated(&payload[1..]) {
                    let this = self.nal(nal);
                    begins = if begins == Begins::Anywhere { this } else { begins };
                }
                begins
            }
            FU_A => {
                let Some(&fu) = payload.get(1) else { return Begins::Anywhere };
                self.fragment_open = fu & FU_END == 0;
                if fu & FU_START == 0 {
                    return Begins::Nothing;
                }
                self.nal_start(indicator & 0xe0 | fu & 0x1f, &payload[2..])
            }
            _ => self.nal(payload),
        }
    }

    fn nal(&mut self, nal: &[u8]) -> Begins {
        match nal.split_first() {
            Some((&header, body)) => self.nal_start(header, body),
            None => Begins::Anywhere,
        }
    }

    /// `body` may be the beginning only.
    fn nal_start(&mut self, header: u8, body: &[u8]) -> Begins {
        let kind = NalType::of(header);
        if kind.is_picture() {
            return self.slice(kind, header, body);
        }
        if kind == NalType::Sei && recovers_at_once(body) {
            self.recovery = true;
        }
        if kind == NalType::Other {
            return Begins::Anywhere;
        }
        if let Some(at) = embedded_start(body) {
            self.nal(&body[at..]);
        }
        Begins::Unit
    }

    fn slice(&mut self, kind: NalType, header: u8, body: &[u8]) -> Begins {
        self.picture = true;
        self.reference |= header & 0x60 != 0;
        self.idr |= kind == NalType::IdrSlice;
        if kind == NalType::Partition {
            return Begins::Slice;
        }
        let mut bits = Bits::new(body);
        let first_macroblock = bits.ue();
        // slice_type: P 0, B 1, I 2, SP 3, SI 4, and the same plus 5 when all slices of the picture agree.
        let slice_type = bits.ue().map(|slice_type| slice_type % 5);
        self.bidirectional |= slice_type == Some(1);
        self.predicted |= !matches!(slice_type, Some(2 | 4));
        if first_macroblock == Some(0) { Begins::Unit } else { Begins::Slice }
    }
}

/// The NAL units of a STAP-A after its indicator; ends at the first that does not fit.
pub(crate) fn aggregated(mut rest: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        let (size, after) = rest.split_first_chunk::<2>()?;
        let (nal, after) = after.split_at_checked(usize::from(u16::from_be_bytes(*size)))?;
        rest = after;
        Some(nal)
    })
}

/// Where the next NAL unit begins inside `body`, if a camera left start codes in: three bytes that no NAL unit
/// contains (H.264 §7.4.1). Looked for in short units only, which is where such cameras put them.
pub(crate) fn embedded_start(body: &[u8]) -> Option<usize> {
    let window = &body[..body.len().min(EMBEDDED_WITHIN)];
    window.windows(3).position(|three| three == [0, 0, 1]).map(|at| at + 3)
}

/// Looks for a recovery point (H.264 §D.1.8) that needs no further picture.
fn recovers_at_once(body: &[u8]) -> bool {
    let mut bytes = Bits::new(&body[..body.len().min(SEI_WITHIN)]);
    loop {
        let Some(kind) = sei_number(&mut bytes) else { return false };
        let Some(size) = sei_number(&mut bytes) else { return false };
        if kind == SEI_RECOVERY_POINT {
            return size > 0 && bytes.ue() == Some(0);
        }
        for _ in 0..size {
            if bytes.byte().is_none() {
                return false;
            }
        }
    }
}

/// A payload type or size: bytes of 255 add up with the first that is less.
fn sei_number(bytes: &mut Bits<'_>) -> Option<usize> {
    let mut sum = 0;
    loop {
        let byte = bytes.byte()?;
        sum += usize::from(byte);
        if byte != 0xff {
            return Some(sum);
        }
    }
}

pub(super) const STAP_A: u8 = 24;
pub(super) const FU_A: u8 = 28;
const SEI_RECOVERY_POINT: usize = 6;
/// Encoders put their settings in front, as text of some hundred bytes.
const SEI_WITHIN: usize = 4096;
const EMBEDDED_WITHIN: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(hex: &[&str]) -> UnitKind {
        classify(&hex.iter().map(|nal| hex::decode(nal.replace(' ', "")).unwrap()).collect::<Vec<_>>())
    }

    #[test]
    fn an_idr_slice_is_a_key() {
        assert_eq!(
            kind(&["67 42c01f", "68 ce", "65 88 84"]),
            UnitKind { key: Some(Key::Idr), reference: true }
        );
    }

    #[test]
    fn a_predicted_slice_is_none() {
        assert_eq!(kind(&["41 9a 00"]), UnitKind { key: None, reference: true });
        assert_eq!(kind(&["01 9e 00"]), UnitKind { key: None, reference: false });
    }

    #[test]
    fn a_recovery_point_is_a_key_only_when_intra_and_complete_at_once() {
        // SEI 6, one byte: recovery_frame_cnt 0; slice header: first_mb 0, slice_type 7 (I).
        assert_eq!(kind(&["06 06 01 c4 80", "41 88 80"]).key, Some(Key::RecoveryPoint));
        // After another message of two bytes.
        assert_eq!(kind(&["06 05 02 aabb 06 01 c4 80", "41 88 80"]).key, Some(Key::RecoveryPoint));
        // recovery_frame_cnt 1.
        assert_eq!(kind(&["06 06 01 50 80", "41 88 80"]).key, None);
        // A predicted slice: slice_type 5 (P).
        assert_eq!(kind(&["06 06 01 c4 80", "41 9a 00"]).key, None);
        // Without a picture.
        assert_eq!(kind(&["06 06 01 c4 80"]).key, None);
    }

    #[test]
    fn start_codes_left_inside_are_looked_through() {
        assert_eq!(kind(&["67 42c01f 00000001 68ce 00000001 65 8884"]).key, Some(Key::Idr));
    }

    #[test]
    fn where_a_packet_can_stand() {
        let begins = |hex: &str| Seen::default().payload(&hex::decode(hex.replace(' ', "")).unwrap());
        assert_eq!(begins("09 f0"), Begins::Unit);
        assert_eq!(begins("65 88"), Begins::Unit);
        assert_eq!(begins("65 0a"), Begins::Slice);
        assert_eq!(begins("7c 85 88"), Begins::Unit);
        assert_eq!(begins("7c 05 88"), Begins::Nothing);
        assert_eq!(begins("78 0002 67aa 0002 68bb"), Begins::Unit);
        assert_eq!(begins(""), Begins::Anywhere);
        assert_eq!(begins("0c ff"), Begins::Anywhere);
    }
}
