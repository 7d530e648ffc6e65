/// What a stream's parameter sets say about its pictures.
#[derive(Debug, Clone, PartialEq)]
pub struct VideoDescription {
    /// As RFC 6381 and browsers write it: `avc1.42c01f`, `hvc1.1.6.L93.B0`.
    pub codec: String,
    /// In words: `Constrained Baseline`, `Main`, `High`.
    pub profile: String,
    /// As the standard numbers it: `3.1`, `1b`.
    pub level: String,
    /// Pixels shown, after cropping.
    pub width: u32,
    /// Pixels shown, after cropping.
    pub height: u32,
    /// Pictures per second that the stream declares; many declare none, and some a wrong one.
    pub fps: Option<f64>,
    /// Pictures may be sent in another order than shown. WebRTC cannot carry such a stream as it is. Where the
    /// parameter sets leave it open this is `true`; [`crate::has_b_slices`] looks at the pictures.
    pub b_frames: bool,
}

/// Why a stream cannot be described.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DescribeError {
    /// None has come yet.
    #[error("no sequence parameter set has come")]
    Missing,
    /// It came and makes no sense.
    #[error("sequence parameter set is malformed: {0}")]
    Malformed(String),
}
