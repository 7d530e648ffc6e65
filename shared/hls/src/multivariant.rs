use std::fmt::Write;

use crate::{Flavour, audio::Audio, video::Video};

/// The multivariant playlist of one feed; nothing until codec and resolution are known.
pub(crate) fn multivariant(video: Option<&Video>, audio: Option<&Audio>, flavour: Flavour) -> Option<String> {
    let (pictures, sound) = match flavour {
        Flavour::LowLatency => ("video.m3u8", "audio.m3u8"),
        Flavour::Standard => ("video-hls.m3u8", "audio-hls.m3u8"),
    };
    let version = if flavour == Flavour::LowLatency { 9 } else { 7 };
    let mut out = format!("#EXTM3U\n#EXT-X-VERSION:{version}\n#EXT-X-INDEPENDENT-SEGMENTS\n");
    let heard = audio.map(|audio| (audio.shelf.rates().unwrap_or((AUDIO_RATE, AUDIO_RATE)), audio.name()));
    let Some(video) = video else {
        let ((most, mean), name) = heard?;
        let rates = format!("BANDWIDTH={most},AVERAGE-BANDWIDTH={mean}");
        // Writing into a String cannot fail.
        let _ = write!(out, "#EXT-X-STREAM-INF:{rates},CODECS=\"{name}\"\n{sound}\n");
        return Some(out);
    };
    let description = video.description()?;
    let (mut most, mut mean) = video.shelf.rates().unwrap_or((VIDEO_RATE, VIDEO_RATE));
    let mut codecs = description.codec.clone();
    let mut group = "";
    if let (Some(((loudest, usual), name)), Some(audio)) = (heard, audio) {
        most += loudest;
        mean += usual;
        codecs = format!("{codecs},{name}");
        group = ",AUDIO=\"sound\"";
        let channels = audio.channels();
        let _ = writeln!(
            out,
            "#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"sound\",NAME=\"camera\",DEFAULT=YES,AUTOSELECT=YES,\
             CHANNELS=\"{channels}\",URI=\"{sound}\""
        );
    }
    let (width, height, fps) = (description.width, description.height, video.fps());
    let _ = write!(
        out,
        "#EXT-X-STREAM-INF:BANDWIDTH={most},AVERAGE-BANDWIDTH={mean},CODECS=\"{codecs}\",\
         RESOLUTION={width}x{height},FRAME-RATE={fps:.3}{group}\n{pictures}\n"
    );
    Some(out)
}

/// Bits per second said before anything was measured.
const VIDEO_RATE: u64 = 4_000_000;
const AUDIO_RATE: u64 = 128_000;
