use bytes::{BufMut as _, BytesMut};

use crate::sample::{CLOCK_RATE, Sample};

/// 1900 to 1970 in seconds: NTP's epoch before Unix's.
const NTP_OFFSET_S: i64 = 2_208_988_800;

/// How a line looks on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Format {
    /// RTP payload type.
    pub(crate) payload_type: u8,
    /// Ticks in a second.
    pub(crate) clock_rate: u32,
    /// Whether the last packet of a sample has the marker bit; of G.711 and Opus it would begin a talk spurt.
    pub(crate) marks: bool,
}

/// Every line of pictures.
pub(crate) const VIDEO: Format = Format { payload_type: 96, clock_rate: CLOCK_RATE as u32, marks: true };

/// What an RTP stream begins with: rolled, then promised by PLAY.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Beginning {
    pub(crate) ssrc: u32,
    pub(crate) sequence: u16,
    pub(crate) timestamp: u32,
}

/// One line's RTP stream of one session.
#[derive(Debug)]
pub(crate) struct RtpStream {
    format: Format,
    ssrc: u32,
    sequence: u16,
    first_timestamp: u32,
    /// Ticks that get `first_timestamp`, once they are known.
    first_ticks: Option<u64>,
    /// Interleaved channel of RTP; RTCP has the next one.
    channel: u8,
    packets: u32,
    octets: u32,
}

impl RtpStream {
    /// A stream as it was promised.
    pub(crate) const fn new(format: Format, channel: u8, beginning: Beginning) -> Self {
        let Beginning { ssrc, sequence, timestamp } = beginning;
        Self {
            format,
            ssrc,
            sequence,
            first_timestamp: timestamp,
            first_ticks: None,
            channel,
            packets: 0,
            octets: 0,
        }
    }

    /// Before the first sample: the promised timestamp is that of `origin_ms`, common to all lines of a session.
    pub(crate) fn anchor(&mut self, sample: &Sample, origin_ms: i64) {
        let since = (sample.captured_at_ms - origin_ms) * i64::from(self.format.clock_rate) / 1_000;
        self.first_ticks.get_or_insert(sample.ticks.wrapping_sub_signed(since));
    }

    /// Timestamps leap by `seconds` from the next sample on.
    pub(crate) fn leap(&mut self, seconds: i64) {
        let ticks = seconds.wrapping_mul(i64::from(self.format.clock_rate));
        self.first_timestamp = self.first_timestamp.wrapping_add(ticks as u32);
    }

    /// From the next packet on another source with another beginning; the timeline of ticks stays.
    pub(crate) fn replace(&mut self, beginning: Beginning) {
        let first_ticks = self.first_ticks;
        *self = Self { first_ticks, ..Self::new(self.format, self.channel, beginning) };
    }

    /// Appends the packets of `sample`, interleaved (RFC 2326 §10.12).
    pub(crate) fn write(&mut self, sample: &Sample, out: &mut BytesMut) {
        let timestamp = self.timestamp(sample.ticks);
        let last = sample.picture.payloads.len().saturating_sub(1);
        for (index, payload) in sample.picture.payloads.iter().enumerate() {
            self.interleave(0, 12 + payload.len(), out);
            out.put_u8(0x80);
            out.put_u8(u8::from(self.format.marks && index == last) << 7 | self.format.payload_type);
            out.put_u16(self.sequence);
            out.put_u32(timestamp);
            out.put_u32(self.ssrc);
            out.extend_from_slice(payload);
            self.sequence = self.sequence.wrapping_add(1);
            self.packets = self.packets.wrapping_add(1);
            self.octets = self.octets.wrapping_add(payload.len() as u32);
        }
    }

    /// Appends a sender report and its CNAME (RFC 3550 §6.4.1, §6.5) that ties `sample`'s ticks to the wall clock,
    /// which is `clock_off_ms` off. The name is the same on all lines: they belong together.
    pub(crate) fn write_report(&mut self, sample: &Sample, clock_off_ms: i64, out: &mut BytesMut) {
        // Eight bytes of item and four zeros that end the list: a whole number of words.
        const CNAME: &[u8; 6] = b"camera";
        let timestamp = self.timestamp(sample.ticks);
        let millis = sample.captured_at_ms + clock_off_ms;
        self.interleave(1, 28 + 20, out);
        out.put_slice(&[0x80, 200]);
        out.put_u16(6);
        out.put_u32(self.ssrc);
        out.put_u32((millis.div_euclid(1_000) + NTP_OFFSET_S) as u32);
        // Rounded up: who cuts it back to milliseconds finds the same.
        out.put_u32((millis.rem_euclid(1_000) as u64 * (1 << 32)).div_ceil(1_000) as u32);
        out.put_u32(timestamp);
        out.put_u32(self.packets);
        out.put_u32(self.octets);
        out.put_slice(&[0x81, 202]);
        out.put_u16(4);
        out.put_u32(self.ssrc);
        out.put_slice(&[1, CNAME.len() as u8]);
        out.put_slice(CNAME);
        out.put_bytes(0, 4);
    }

    fn timestamp(&mut self, ticks: u64) -> u32 {
        let first = *self.first_ticks.get_or_insert(ticks);
        self.first_timestamp.wrapping_add(ticks.wrapping_sub(first) as u32)
    }

    fn interleave(&self, offset: u8, length: usize, out: &mut BytesMut) {
        out.put_u8(b'$');
        out.put_u8(self.channel + offset);
        out.put_u16(u16::try_from(length).unwrap_or(u16::MAX));
    }
}

/// Ticks of frame number `number`.
pub(crate) fn ticks(number: u64, fps: u32) -> u64 {
    number * CLOCK_RATE / u64::from(fps)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use bytes::Bytes;

    use super::*;
    use crate::sample::Picture;

    fn sample(ticks: u64, sizes: &[usize]) -> Sample {
        let payloads = sizes.iter().map(|&size| Bytes::from(vec![0x41; size])).collect();
        Sample { picture: Arc::new(Picture { key: false, payloads }), ticks, captured_at_ms: 1_500 }
    }

    const fn beginning(sequence: u16, timestamp: u32) -> Beginning {
        Beginning { ssrc: 7, sequence, timestamp }
    }

    #[test]
    fn sequence_and_timestamp_go_on_across_their_wrap() {
        let mut stream = RtpStream::new(VIDEO, 0, beginning(0xFFFF, u32::MAX));
        let mut out = BytesMut::new();
        stream.write(&sample(900_000, &[10, 20]), &mut out);
        stream.write(&sample(906_000, &[30]), &mut out);
        assert_eq!(out.len(), 3 * 16 + 60);
        assert_eq!(out[..8], [b'$', 0, 0, 22, 0x80, 96, 0xFF, 0xFF]);
        assert_eq!(out[8..12], u32::MAX.to_be_bytes());
        assert_eq!(
            out[26 + 4..26 + 8],
            [0x80, 0x80 | 96, 0, 0],
            "the last packet of a picture has the marker"
        );
        let third = 26 + 36;
        assert_eq!(out[third + 8..third + 12], 5_999_u32.to_be_bytes());
    }

    #[test]
    fn a_sender_report_ties_ticks_to_ntp() {
        let mut stream = RtpStream::new(VIDEO, 2, beginning(0, 100));
        let mut out = BytesMut::new();
        stream.write_report(&sample(0, &[]), 3_000, &mut out);
        assert_eq!(out[..6], [b'$', 3, 0, 48, 0x80, 200]);
        assert_eq!(out[12..16], (2_208_988_804_u32).to_be_bytes());
        assert_eq!(out[16..20], (1_u32 << 31).to_be_bytes());
        assert_eq!(out[20..24], 100_u32.to_be_bytes());
        assert_eq!(out.len(), 4 + 48);
    }

    #[test]
    fn lines_of_one_session_have_one_origin_and_leap_together() {
        let sound = Format { payload_type: 0, clock_rate: 8_000, marks: false };
        let mut stream = RtpStream::new(sound, 2, beginning(0, 1_000));
        let mut out = BytesMut::new();
        stream.anchor(&sample(77, &[]), 1_490);
        stream.write(&sample(77, &[10]), &mut out);
        assert_eq!((out[5], &out[8..12]), (0, &1_080_u32.to_be_bytes()[..]), "10 ms behind the origin");
        stream.leap(-3);
        out.clear();
        stream.write(&sample(77 + 160, &[10]), &mut out);
        assert_eq!(out[8..12], (1_240_u32.wrapping_sub(24_000)).to_be_bytes());
        stream.replace(Beginning { ssrc: 8, sequence: 5, timestamp: 0 });
        out.clear();
        stream.write(&sample(77 + 320, &[10]), &mut out);
        assert_eq!((out[15], &out[6..8]), (8, &[0, 5][..]));
    }
}
