use bytes::Bytes;

/// How a codec's NAL units lie in RTP payloads. H.264 and H.265 differ in headers and numbers only.
pub(crate) trait Packing {
    /// Bytes of a NAL unit's header, one or two. A payload's header has as many.
    const HEADER: usize;

    /// What a payload is.
    fn form(payload: &[u8]) -> Form;

    /// Whether a NAL unit, at least a header long, carries a part of the picture itself.
    fn is_picture(nal: &[u8]) -> bool;

    /// The header of the NAL unit that a fragment's payload belongs to.
    fn joined(payload: &[u8]) -> [u8; 2];

    /// The header of a fragment's payload, and the type of what it carries, for a NAL unit.
    fn fragment_header(nal: &[u8]) -> ([u8; 2], u8);

    /// The header of the payload that carries `nals` together.
    fn aggregate_header(nals: &[Bytes]) -> [u8; 2];
}

/// What a payload is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// No byte.
    Empty,
    /// One NAL unit as it is.
    Single,
    /// Several, each with two bytes of length in front.
    Aggregate,
    /// A piece of one.
    Fragment {
        /// [`FU_START`], [`FU_END`].
        bits: u8,
        /// Type of the NAL unit it is a piece of.
        kind: u8,
    },
    /// Shorter than its own headers.
    Truncated,
    /// Of a type that is not read.
    Unsupported(u8),
}

/// As much of `bytes` as is a header.
pub(crate) fn header<P: Packing>(bytes: &[u8; 2]) -> &[u8] {
    &bytes[..P::HEADER]
}

/// A fragment's header says that it is the first.
pub(crate) const FU_START: u8 = 0x80;
/// A fragment's header says that it is the last.
pub(crate) const FU_END: u8 = 0x40;
