use bytes::{BufMut as _, Bytes, BytesMut};

use crate::sample::{CLOCK_RATE, Sample};

/// RTP payload type of the video line.
pub(crate) const PAYLOAD_TYPE: u8 = 96;
/// Largest RTP payload, as of a camera on Ethernet.
const MAX_PAYLOAD: usize = 1_400;
/// 1900 to 1970 in seconds: NTP's epoch before Unix's.
const NTP_OFFSET_S: u64 = 2_208_988_800;

/// Cuts NAL units into RTP payloads: each alone where it fits, FU-A where not (RFC 6184 §5.6, §5.8).
pub(crate) fn packetize(nals: &[Bytes]) -> Vec<Bytes> {
    let mut payloads = Vec::new();
    for nal in nals.iter().filter(|nal| !nal.is_empty()) {
        if nal.len() <= MAX_PAYLOAD {
            payloads.push(nal.clone());
        } else {
            fragment(nal, &mut payloads);
        }
    }
    payloads
}

fn fragment(nal: &Bytes, payloads: &mut Vec<Bytes>) {
    let (indicator, kind) = (nal[0] & 0xE0 | 28, nal[0] & 0x1F);
    let pieces = (nal.len() - 1).div_ceil(MAX_PAYLOAD - 2);
    for (index, piece) in nal[1..].chunks(MAX_PAYLOAD - 2).enumerate() {
        let start = u8::from(index == 0) << 7;
        let end = u8::from(index + 1 == pieces) << 6;
        let mut payload = BytesMut::with_capacity(piece.len() + 2);
        payload.put_u8(indicator);
        payload.put_u8(start | end | kind);
        payload.extend_from_slice(piece);
        payloads.push(payload.freeze());
    }
}

/// One session's RTP stream: its own SSRC, sequence and timestamp base.
#[derive(Debug)]
pub(crate) struct RtpStream {
    ssrc: u32,
    sequence: u16,
    first_timestamp: u32,
    /// Ticks of the first sample, once it is known: it gets `first_timestamp`.
    first_ticks: Option<u64>,
    /// Interleaved channel of RTP; RTCP has the next one.
    channel: u8,
    packets: u32,
    octets: u32,
}

impl RtpStream {
    /// A stream whose first packet carries `sequence` and `first_timestamp`, as PLAY promised.
    pub(crate) const fn new(channel: u8, ssrc: u32, sequence: u16, first_timestamp: u32) -> Self {
        Self { ssrc, sequence, first_timestamp, first_ticks: None, channel, packets: 0, octets: 0 }
    }

    /// Appends the packets of `sample`, interleaved (RFC 2326 §10.12); the last one has the marker bit.
    pub(crate) fn write(&mut self, sample: &Sample, out: &mut BytesMut) {
        let timestamp = self.timestamp(sample.ticks);
        let last = sample.picture.payloads.len().saturating_sub(1);
        for (index, payload) in sample.picture.payloads.iter().enumerate() {
            self.interleave(0, 12 + payload.len(), out);
            out.put_u8(0x80);
            out.put_u8(u8::from(index == last) << 7 | PAYLOAD_TYPE);
            out.put_u16(self.sequence);
            out.put_u32(timestamp);
            out.put_u32(self.ssrc);
            out.extend_from_slice(payload);
            self.sequence = self.sequence.wrapping_add(1);
            self.packets = self.packets.wrapping_add(1);
            self.octets = self.octets.wrapping_add(payload.len() as u32);
        }
    }

    /// Appends a sender report and its CNAME (RFC 3550 §6.4.1, §6.5) that ties `sample`'s ticks to the wall clock.
    pub(crate) fn write_report(&mut self, sample: &Sample, out: &mut BytesMut) {
        // Seven bytes of item and one zero that ends the list: a whole number of words.
        const CNAME: &[u8; 5] = b"video";
        let timestamp = self.timestamp(sample.ticks);
        let millis = u64::try_from(sample.captured_at_ms).unwrap_or(0);
        self.interleave(1, 28 + 16, out);
        out.put_slice(&[0x80, 200]);
        out.put_u16(6);
        out.put_u32(self.ssrc);
        out.put_u32((millis / 1_000 + NTP_OFFSET_S) as u32);
        out.put_u32(((millis % 1_000) * (1 << 32) / 1_000) as u32);
        out.put_u32(timestamp);
        out.put_u32(self.packets);
        out.put_u32(self.octets);
        out.put_slice(&[0x81, 202]);
        out.put_u16(3);
        out.put_u32(self.ssrc);
        out.put_slice(&[1, CNAME.len() as u8]);
        out.put_slice(CNAME);
        out.put_u8(0);
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

    use proptest::prelude::*;

    use super::*;
    use crate::sample::Picture;

    proptest! {
        #[test]
        fn every_unit_comes_back_whole(length in 1..20_000_usize, kind in 1..24_u8) {
            let mut nal = vec![0x60 | kind];
            nal.extend((1..length).map(|index| index as u8));
            let payloads = packetize(&[Bytes::from(nal.clone())]);
            prop_assert!(payloads.iter().all(|payload| payload.len() <= MAX_PAYLOAD));
            let whole = if payloads.len() == 1 {
                payloads[0].to_vec()
            } else {
                let mut whole = vec![payloads[0][0] & 0xE0 | payloads[0][1] & 0x1F];
                whole.extend(payloads.iter().flat_map(|payload| payload[2..].to_vec()));
                prop_assert!(payloads[0][1] & 0x80 != 0 && payloads.last().unwrap()[1] & 0x40 != 0);
                whole
            };
            prop_assert_eq!(whole, nal);
        }
    }

    fn sample(ticks: u64, sizes: &[usize]) -> Sample {
        let payloads = sizes.iter().map(|&size| Bytes::from(vec![0x41; size])).collect();
        Sample { picture: Arc::new(Picture { key: false, payloads }), ticks, captured_at_ms: 1_500 }
    }

    #[test]
    fn sequence_and_timestamp_go_on_across_their_wrap() {
        let mut stream = RtpStream::new(0, 7, 0xFFFF, u32::MAX);
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
        let mut stream = RtpStream::new(2, 7, 0, 100);
        let mut out = BytesMut::new();
        stream.write_report(&sample(0, &[]), &mut out);
        assert_eq!(out[..6], [b'$', 3, 0, 44, 0x80, 200]);
        assert_eq!(out[12..16], (2_208_988_801_u32).to_be_bytes());
        assert_eq!(out[16..20], (1_u32 << 31).to_be_bytes());
        assert_eq!(out[20..24], 100_u32.to_be_bytes());
        assert_eq!(out.len(), 4 + 44);
    }
}
