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
