use bytes::{BufMut as _, Bytes, BytesMut};

use crate::codec::Syntax;

/// A key frame is sized as this many of the others: what cameras show at a two-second GOP.
const KEY_WEIGHT: f64 = 8.0;
/// One filler unit; below the size of an RTP packet, here and on its way to a browser, so that none is fragmented.
const MAX_FILLER: usize = 1_150;
/// Shorter than this a unit says nothing.
const MIN_FILLER: usize = 4;
/// Pictures' worth that is filled at one time where it is to be done seldom.
const SELDOM: f64 = 1.5;

/// Fills a stream up to its bitrate, key frames and others in their proportion.
/// What the encoder overspent is saved from the filling that follows.
#[derive(Debug)]
pub(crate) struct Padding {
    syntax: Syntax,
    bytes_per_weight: f64,
    owed: f64,
    debt_limit: f64,
    /// Less than this is owed on.
    least: f64,
}

impl Padding {
    /// For `kbps` at `fps` with a key frame every `gop_frames`.
    pub(crate) fn new(syntax: Syntax, kbps: u32, fps: u32, gop_frames: u64) -> Self {
        let bytes_per_second = f64::from(kbps) * 125.0;
        let gop_seconds = gop_frames as f64 / f64::from(fps);
        let weights = gop_frames as f64 - 1.0 + KEY_WEIGHT;
        Self {
            syntax,
            bytes_per_weight: bytes_per_second * gop_seconds / weights,
            owed: 0.0,
            debt_limit: 2.0 * bytes_per_second,
            least: MIN_FILLER as f64,
        }
    }

    /// Fills behind few pictures and leaves the others as the encoder made them, each one unit as a camera's are: what
    /// is behind it costs a node a system call of its own.
    pub(crate) fn seldom(mut self) -> Self {
        self.least = (SELDOM * self.bytes_per_weight).max(MIN_FILLER as f64);
        self
    }

    /// The filler units (H.264 §7.3.2.7, H.265 §7.3.2.8) to send behind a picture of `size` bytes, one as long as the
    /// other to the byte, as the fragments of a real picture are: they leave a node in one system call.
    pub(crate) fn fill(&mut self, key: bool, size: usize) -> Vec<Bytes> {
        self.owed += self.bytes_per_weight * if key { KEY_WEIGHT } else { 1.0 } - size as f64;
        self.owed = self.owed.max(-self.debt_limit);
        if self.owed < self.least {
            return Vec::new();
        }
        let owed = self.owed as usize;
        let units = owed.div_ceil(MAX_FILLER);
        let length = owed / units;
        self.owed -= (units * length) as f64;
        (0..units).map(|_| filler(self.syntax, length)).collect()
    }
}

fn filler(syntax: Syntax, length: usize) -> Bytes {
    let header: &[u8] = match syntax {
        Syntax::H264 => &[12],
        Syntax::H265 => &[38 << 1, 1],
    };
    let mut unit = BytesMut::with_capacity(length);
    unit.put_slice(header);
    unit.put_bytes(0xFF, length - header.len() - 1);
    unit.put_u8(0x80);
    unit.freeze()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(padding: &mut Padding, pictures: impl Iterator<Item = (bool, usize)>) -> usize {
        pictures.map(|(key, size)| size + padding.fill(key, size).iter().map(Bytes::len).sum::<usize>()).sum()
    }

    #[test]
    fn the_bitrate_is_met_whatever_the_encoder_did() {
        for syntax in [Syntax::H264, Syntax::H265] {
            for (key, other) in [(100, 10), (40_000, 3_000), (20_000, 4_000)] {
                let mut padding = Padding::new(syntax, 1_000, 25, 50);
                let bytes = sent(
                    &mut padding,
                    (0..500).map(|index| if index % 50 == 0 { (true, key) } else { (false, other) }),
                );
                let wanted = 20.0 * 125_000.0;
                assert!((bytes as f64 - wanted).abs() < wanted * 0.02, "{bytes} of {wanted}");
            }
        }
    }

    #[test]
    fn key_frames_are_eight_times_the_others() {
        let mut padding = Padding::new(Syntax::H264, 1_000, 25, 50);
        let key = sent(&mut padding, [(true, 500)].into_iter());
        let other = sent(&mut padding, [(false, 50)].into_iter());
        assert!((7.9..8.1).contains(&(key as f64 / other as f64)));
    }

    #[test]
    fn filler_units_fit_a_packet_are_of_one_length_and_end_with_their_stop_bit() {
        for (syntax, header) in [(Syntax::H264, &[12, 0xFF][..]), (Syntax::H265, &[76, 1, 0xFF])] {
            let units = Padding::new(syntax, 8_000, 25, 50).fill(true, 0);
            let longest = units.iter().map(Bytes::len).max().unwrap();
            assert!(longest <= MAX_FILLER && units.len() > 10);
            for unit in units {
                assert!(unit.starts_with(header) && unit.last() == Some(&0x80));
                assert!(longest - unit.len() <= 1, "{} beside {longest}", unit.len());
            }
        }
    }
}
