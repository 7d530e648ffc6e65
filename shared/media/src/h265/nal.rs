use crate::{
    Key, RtpPacket, UnitKind,
    bits::Bits,
    contents::Begins,
    h264::{aggregated, embedded_start},
    packing::{FU_END, FU_START},
};

/// `nal_unit_type` of H.265 table 7-1, as far as anything here depends on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NalType {
    /// A slice of a picture that no other of its sub-layer refers to (`_N`); nothing we know refers to it.
    Unreferenced,
    /// A slice of any other picture that is not intra random access.
    Slice,
    /// A leading picture that refers to something before its random access picture (RASL); the flag says whether
    /// others refer to it.
    Skipped(bool),
    /// A random access picture that nothing after it refers past: IDR, and BLA without skipped leading pictures.
    Idr,
    /// A random access picture whose skipped leading pictures may come behind it: CRA, BLA with leading pictures.
    Cra,
    /// Video parameter set.
    Vps,
    /// Sequence parameter set.
    Sps,
    /// Picture parameter set.
    Pps,
    /// Access unit delimiter.
    Delimiter,
    /// Supplemental enhancement information in front of a picture.
    Sei,
    /// Anything else: what stands behind a picture, filler, reserved.
    Other,
}

impl NalType {
    /// From the first byte of a NAL unit's header.
    #[must_use]
    pub fn of(header: u8) -> Self {
        match number(header) {
            8 => Self::Skipped(false),
            9 => Self::Skipped(true),
            kind @ 0..=15 if kind % 2 == 0 => Self::Unreferenced,
            0..=15 => Self::Slice,
            // BLA_W_RADL, BLA_N_LP, IDR_W_RADL, IDR_N_LP.
            17..=20 => Self::Idr,
            // BLA_W_LP, CRA_NUT.
            16 | 21 => Self::Cra,
            // Reserved for further pictures.
            22..=31 => Self::Slice,
            32 => Self::Vps,
            33 => Self::Sps,
            34 => Self::Pps,
            35 => Self::Delimiter,
            39 => Self::Sei,
            _ => Self::Other,
        }
    }

    /// Whether it carries a part of a picture itself.
    #[must_use]
    pub fn is_picture(self) -> bool {
        matches!(self, Self::Unreferenced | Self::Slice | Self::Skipped(_) | Self::Idr | Self::Cra)
    }
}

/// Whether the unit is a picture that must not be shown when decoding began with the random access picture in
/// front of it: it refers to what was never decoded (RASL, H.265 §3.111).
#[must_use]
pub fn is_skipped_leading(packets: &[RtpPacket]) -> bool {
    seen(packets).skipped
}

/// Whether the unit holds a bidirectionally predicted slice. Low-delay encoders use those without reordering:
/// [`crate::VideoSets::reorder_frames`] tells.
#[must_use]
pub fn has_b_slices(packets: &[RtpPacket]) -> bool {
    seen(packets).bidirectional
}

fn seen(packets: &[RtpPacket]) -> Seen {
    let mut seen = Seen::default();
    for packet in packets {
        seen.payload(packet.payload_slice());
    }
    seen
}

/// What has been seen of an access unit so far.
#[derive(Debug, Clone, Default)]
pub(crate) struct Seen {
    pub(crate) picture: bool,
    pub(crate) fragment_open: bool,
    key: Option<Key>,
    reference: bool,
    bidirectional: bool,
    skipped: bool,
}

impl Seen {
    pub(crate) fn kind(&self) -> UnitKind {
        UnitKind { key: self.key, reference: self.reference }
    }

    /// Takes the next packet's payload; says where in an access unit it can stand.
    pub(crate) fn payload(&mut self, payload: &[u8]) -> Begins {
        let Some((&[first, second], rest)) = payload.split_first_chunk::<2>() else {
            return Begins::Anywhere;
        };
        match number(first) {
            AP => {
                let mut begins = Begins::Anywhere;
                for nal in aggregated(rest) {
                    let this = self.nal(nal);
                    begins = if begins == Begins::Anywhere { this } else { begins };
                }
                begins
            }
            FU => {
                let Some((&fu, body)) = rest.split_first() else { return Begins::Anywhere };
                self.fragment_open = fu & FU_END == 0;
                if fu & FU_START == 0 {
                    return Begins::Nothing;
                }
                self.nal_start([first & 0x81 | (fu & 0x3f) << 1, second], body)
            }
            _ => self.nal(payload),
        }
    }

    fn nal(&mut self, nal: &[u8]) -> Begins {
        match nal.split_first_chunk::<2>() {
            Some((header, body)) => self.nal_start(*header, body),
            None => Begins::Anywhere,
        }
    }

    /// `body` may be the beginning only.
    fn nal_start(&mut self, header: [u8; 2], body: &[u8]) -> Begins {
        let kind = NalType::of(header[0]);
        if kind == NalType::Other || header[0] & 1 != 0 || header[1] & 0xf8 != 0 {
            return Begins::Anywhere;
        }
        if kind.is_picture() {
            return self.slice(kind, header[0], body);
        }
        if let Some(at) = embedded_start(body) {
            self.nal(&body[at..]);
        }
        Begins::Unit
    }

    fn slice(&mut self, kind: NalType, header: u8, body: &[u8]) -> Begins {
        self.picture = true;
        self.reference |= !matches!(kind, NalType::Unreferenced | NalType::Skipped(false));
        self.skipped |= matches!(kind, NalType::Skipped(_));
        match kind {
            NalType::Idr => self.key = Some(Key::Idr),
            NalType::Cra => self.key = Some(Key::RecoveryPoint),
            _ => {}
        }
        let mut bits = Bits::new(body);
        let first = bits.flag() == Some(true);
        if !first {
            return Begins::Slice;
        }
        if (16..=23).contains(&number(header)) {
            // no_output_of_prior_pics_flag
            let _ = bits.skip(1);
        }
        // slice_pic_parameter_set_id, then slice_type (B 0) if the parameter set announces no bits between them.
        self.bidirectional |= bits.ue().is_some() && bits.ue() == Some(0);
        Begins::Unit
    }
}

/// `nal_unit_type` from the first byte of a header.
pub(super) fn number(header: u8) -> u8 {
    header >> 1 & 0x3f
}

pub(super) const AP: u8 = 48;
pub(super) const FU: u8 = 49;
pub(super) const PACI: u8 = 50;

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(payloads: &[&str]) -> Seen {
        let mut seen = Seen::default();
        for payload in payloads {
            seen.payload(&hex::decode(payload.replace(' ', "")).unwrap());
        }
        seen
    }

    #[test]
    fn random_access_pictures_are_keys() {
        // BLA_W_LP, BLA_W_RADL, BLA_N_LP, IDR_W_RADL, IDR_N_LP, CRA.
        for (kind, key) in [
            (16, Key::RecoveryPoint),
            (17, Key::Idr),
            (18, Key::Idr),
            (19, Key::Idr),
            (20, Key::Idr),
            (21, Key::RecoveryPoint),
        ] {
            let kind = seen(&[&format!("{:02x}01af", kind << 1)]).kind();
            assert_eq!(kind, UnitKind { key: Some(key), reference: true });
        }
        for kind in (0..16).chain(22..64) {
            assert_eq!(seen(&[&format!("{:02x}01af", kind << 1)]).kind().key, None, "{kind}");
        }
    }

    #[test]
    fn pictures_that_none_of_their_sub_layer_refers_to_are_no_reference() {
        for kind in 0..16 {
            assert_eq!(seen(&[&format!("{:02x}01af", kind << 1)]).kind().reference, kind % 2 == 1, "{kind}");
        }
    }

    #[test]
    fn skipped_leading_pictures_are_known_in_every_form() {
        assert!(seen(&["1001 af"]).skipped && seen(&["1201 af"]).skipped);
        assert!(seen(&["6001 0003 1001af"]).skipped);
        assert!(seen(&["6201 88 af", "6201 48 af"]).skipped);
        assert!(!seen(&["0c01 af"]).skipped && !seen(&["0e01 af"]).skipped, "decodable leading pictures");
    }

    #[test]
    fn where_a_packet_can_stand() {
        let begins = |hex: &str| Seen::default().payload(&hex::decode(hex.replace(' ', "")).unwrap());
        for unit in [
            "4601 50",
            "4001 0c",
            "4201 01",
            "4401 c1",
            "4e01 05",
            "2601 af",
            "6201 93 af",
            "6001 0003 4201aa",
        ] {
            assert_eq!(begins(unit), Begins::Unit, "{unit}");
        }
        assert_eq!(begins("0201 50"), Begins::Slice);
        assert_eq!(begins("6201 13 af"), Begins::Nothing);
        // Nothing, a suffix, a higher layer, half a header.
        for anywhere in ["", "5001 05", "2609 af", "2701 af", "26", "6201"] {
            assert_eq!(begins(anywhere), Begins::Anywhere, "{anywhere}");
        }
    }

    #[test]
    fn a_key_of_a_higher_layer_is_none() {
        assert_eq!(seen(&["2609 af", "0201 d0"]).kind(), UnitKind { key: None, reference: true });
    }

    #[test]
    fn b_slices_are_told_by_the_first_slice() {
        // first_slice_segment_in_pic_flag 1, slice_pic_parameter_set_id 0, slice_type 0 (B) or 1 (P).
        assert!(seen(&["0201 e0"]).bidirectional);
        assert!(!seen(&["0201 d0"]).bidirectional);
        // A random access picture has no_output_of_prior_pics_flag in between, and slice_type 2 (I).
        assert!(!seen(&["2601 ac"]).bidirectional);
    }

    #[test]
    fn start_codes_left_inside_are_looked_through() {
        assert_eq!(seen(&["4201 0101 00000001 4401 c1 00000001 2601 af"]).kind().key, Some(Key::Idr));
    }
}
