use crate::{Codec, Key, RtpPacket, h264, h265};

/// What a decoder can do with a unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct UnitKind {
    /// Whether it can begin here.
    pub key: Option<Key>,
    /// Whether another picture may refer to this one.
    pub reference: bool,
}

/// What the packets of one access unit say. Each unit of sound is one to begin with.
#[must_use]
pub fn inspect(codec: Codec, packets: &[RtpPacket]) -> UnitKind {
    let mut seen = Seen::new(codec);
    for packet in packets {
        seen.payload(packet.payload_slice());
    }
    seen.kind()
}

/// Whether the unit holds a bidirectionally predicted slice. Streams with such slices may send pictures in
/// another order than shown; H.265 encoders also use them without.
#[must_use]
pub fn has_b_slices(codec: Codec, packets: &[RtpPacket]) -> bool {
    match codec {
        Codec::H264 => h264::has_b_slices(packets),
        Codec::H265 => h265::has_b_slices(packets),
        _ => false,
    }
}

/// Where in an access unit a packet can stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Begins {
    /// At its beginning.
    Unit,
    /// At a later slice's beginning.
    Slice,
    /// In the middle of a NAL unit.
    Nothing,
    /// Anywhere: an empty payload, filler, anything of no consequence.
    Anywhere,
}

/// What has been seen of an access unit so far.
#[derive(Debug, Clone)]
pub(crate) enum Seen {
    H264(h264::Seen),
    H265(h265::Seen),
    /// Every packet of sound may begin a unit; its frames are told apart where they are read.
    Sound,
}

impl Seen {
    pub(crate) fn new(codec: Codec) -> Self {
        match codec {
            Codec::H264 => Self::H264(h264::Seen::default()),
            Codec::H265 => Self::H265(h265::Seen::default()),
            _ => Self::Sound,
        }
    }

    /// Takes the next packet's payload; says where in an access unit it can stand.
    pub(crate) fn payload(&mut self, payload: &[u8]) -> Begins {
        match self {
            Self::H264(seen) => seen.payload(payload),
            Self::H265(seen) => seen.payload(payload),
            Self::Sound => Begins::Unit,
        }
    }

    pub(crate) fn kind(&self) -> UnitKind {
        match self {
            Self::H264(seen) => seen.kind(),
            Self::H265(seen) => seen.kind(),
            Self::Sound => UnitKind { key: Some(Key::Idr), reference: true },
        }
    }

    /// A part of the picture itself came.
    pub(crate) fn picture(&self) -> bool {
        match self {
            Self::H264(seen) => seen.picture,
            Self::H265(seen) => seen.picture,
            Self::Sound => true,
        }
    }

    /// A fragmented NAL unit has begun and not ended.
    pub(crate) fn fragment_open(&self) -> bool {
        match self {
            Self::H264(seen) => seen.fragment_open,
            Self::H265(seen) => seen.fragment_open,
            Self::Sound => false,
        }
    }
}
