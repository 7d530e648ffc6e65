//! What is wrong with how a camera is set, in words, with the setting's name, and what would set it right. Pure: rules
//! over what the device measured and what the camera says of itself.

use sluice_ids::{Tier, UnixMillis};
use sluice_wire::control::{CameraFacts, EncoderChange, EncoderSettings, FoundCamera, TierReport, TierState};

use crate::CameraState;

/// One thing about a camera that could be better.
#[derive(Debug, Clone, PartialEq)]
pub struct Advice {
    /// Which rule speaks.
    pub code: Code,
    /// The stream it is about; `None` for the camera as a whole.
    pub tier: Option<Tier>,
    /// What is so, why that is bad, and what to do.
    pub text: Words,
    /// What to set it right with, where the camera's encoder can be set from here.
    pub change: Option<EncoderChange>,
}

/// Text in the languages that are spoken here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Words {
    /// English.
    pub en: String,
    /// Brazilian Portuguese.
    pub pt_br: String,
}

/// How much it matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Somebody will not see or hear what he could.
    Warning,
    /// It could be better.
    Hint,
}

impl Severity {
    /// The word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Warning => "warning",
            Self::Hint => "hint",
        }
    }
}

macro_rules! rules {
    ($($(#[$doc:meta])* $variant:ident = $code:literal, $severity:ident, $en:literal, $pt:literal;)*) => {
        /// The rules, each with its code, its severity, and the name of the camera's setting in both languages.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Code { $($(#[$doc])* $variant,)* }

        impl Code {
            /// Every rule.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The stable code.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $code,)* }
            }

            /// How much it matters.
            #[must_use]
            pub const fn severity(self) -> Severity {
                match self { $(Self::$variant => Severity::$severity,)* }
            }

            /// What the setting is called, in English and in Brazilian Portuguese.
            #[must_use]
            pub const fn setting(self) -> (&'static str, &'static str) {
                match self { $(Self::$variant => ($en, $pt),)* }
            }
        }
    };
}

rules! {
    /// Key frames come too seldom.
    GopLong = "gop-long", Warning,
        "I-frame interval (GOP length)", "intervalo de quadros I (tamanho do GOP)";
    /// Key frames come more seldom than the camera is set to send them.
    GopDynamic = "gop-dynamic", Warning,
        "smart codec (H.264+, H.265+, Zipstream, dynamic GOP)", "codec inteligente (H.264+, H.265+, Zipstream, GOP dinâmico)";
    /// Pictures come in another order than they are shown.
    BFrames = "b-frames", Warning, "profile, or B-frames", "perfil, ou quadros B";
    /// No stream is in H.264.
    H265Only = "h265-only", Warning, "video codec", "codec de vídeo";
    /// There is no small stream.
    SubMissing = "sub-missing", Warning, "second stream (sub stream)", "segundo stream (sub stream)";
    /// The small stream is not small.
    SubLarge = "sub-large", Warning, "resolution and bit rate of the sub stream", "resolução e taxa de bits do sub stream";
    /// Its sound is in G.711 alone.
    G711Only = "g711-only", Hint, "audio codec", "codec de áudio";
    /// Its clock is wrong.
    ClockOff = "clock-off", Warning, "date and time (NTP)", "data e hora (NTP)";
    /// Its clock cannot be read.
    ClockUnknown = "clock-unknown", Hint, "date and time (NTP)", "data e hora (NTP)";
    /// It sends more than it is set to.
    VbrPeaks = "vbr-peaks", Warning, "bit rate control (CBR)", "controle de taxa de bits (CBR)";
}

/// Everything that could be better about a camera, as it stands now; what is not known gives no advice.
#[must_use]
pub fn advise(camera: &CameraState) -> Vec<Advice> {
    judge(&camera.tiers, camera.facts.as_ref())
}

/// What could be better about a camera that is not in the registry yet, by what it says of itself.
#[must_use]
pub fn advise_found(camera: &FoundCamera) -> Vec<Advice> {
    let tiers = camera.tiers.iter().filter_map(|found| {
        let mut report = TierReport::new(found.tier?, TierState::Off, UnixMillis(0));
        report.encoder = Some(found.encoder.clone());
        report.audio_codec = Some(camera.audio_codec.clone()).filter(|codec| !codec.is_empty());
        Some(report)
    });
    let facts =
        CameraFacts { can: camera.can, clock_offset_ms: camera.clock_offset_ms, ..CameraFacts::default() };
    judge(&tiers.collect::<Vec<_>>(), Some(&facts))
}

fn judge(tiers: &[TierReport], facts: Option<&CameraFacts>) -> Vec<Advice> {
    let mut all: Vec<_> = tiers
        .iter()
        .flat_map(|report| [gop(report), b_frames(report), sub_large(report), vbr_peaks(report)])
        .chain([h265_only(tiers), sub_missing(tiers), g711_only(tiers), facts.and_then(clock)])
        .flatten()
        .collect();
    let can_set = facts.is_some_and(|facts| facts.can.encoder);
    for advice in &mut all {
        // Without the settings as they are there is nothing to compare with and nothing to go back to.
        let known = advice.tier.is_some_and(|tier| encoder(tiers, tier).is_some());
        advice.change = advice.change.take().filter(|_| can_set && known);
    }
    all.sort_by_key(|advice| (advice.code.severity(), advice.tier));
    all
}

/// What must be set to come back from `after` to `before`.
#[must_use]
pub fn back(before: &EncoderSettings, after: &EncoderSettings) -> EncoderChange {
    fn word(before: &str, after: &str) -> Option<String> {
        (before != after && !before.is_empty()).then(|| before.to_owned())
    }
    fn figure(before: u32, after: u32) -> Option<u32> {
        (before != after && before > 0).then_some(before)
    }
    let resized = (before.width, before.height) != (after.width, after.height) && before.width > 0;
    EncoderChange {
        codec: word(&before.codec, &after.codec),
        profile: word(&before.profile, &after.profile),
        width: resized.then_some(before.width),
        height: resized.then_some(before.height),
        fps: ((before.fps - after.fps).abs() > 0.01 && before.fps > 0.0).then_some(before.fps),
        bitrate_kbps: figure(before.bitrate_kbps, after.bitrate_kbps),
        gop_frames: figure(before.gop_frames, after.gop_frames),
        constant_bitrate: before
            .constant_bitrate
            .filter(|_| before.constant_bitrate != after.constant_bitrate),
    }
}

fn gop(report: &TierReport) -> Option<Advice> {
    let encoder = report.encoder.as_ref();
    let set = encoder.filter(|set| set.fps > 0.0 && set.gop_frames > 0);
    let set_s = set.map(|set| f64::from(set.gop_frames) / set.fps);
    let gop_s = report.gop_s.or(set_s).filter(|gop_s| *gop_s > LONGEST_GOP_S)?;
    let tier = report.tier;
    if set_s.is_some_and(|set_s| set_s <= LONGEST_GOP_S) {
        let text = words(
            format!(
                "{tier}: {gop_s:.1} s from one key frame to the next, though the camera is set to less. A smart codec stretches them: viewers without a warm picture wait that long. Switch it off."
            ),
            format!(
                "{tier}: {gop_s:.1} s de um quadro-chave ao próximo, embora a câmera esteja configurada para menos. Um codec inteligente os espaça: quem assiste sem imagem pronta espera esse tempo. Desligue-o."
            ),
        );
        return Some(Advice { code: Code::GopDynamic, tier: Some(tier), text, change: None });
    }
    let fps = set.map(|set| set.fps).or(report.fps).filter(|fps| *fps > 0.0);
    let frames = fps.map(|fps| (fps * GOP_S).round().clamp(1.0, 600.0) as u32);
    let text = words(
        format!(
            "{tier}: {gop_s:.1} s from one key frame to the next. Viewers without a warm picture wait up to that long, and a lost packet shows as long. Set it to {GOP_S:.0} s or less."
        ),
        format!(
            "{tier}: {gop_s:.1} s de um quadro-chave ao próximo. Quem assiste sem imagem pronta espera até esse tempo, e um pacote perdido aparece pelo mesmo tempo. Configure {GOP_S:.0} s ou menos."
        ),
    );
    let change = frames.map(|frames| EncoderChange { gop_frames: Some(frames), ..EncoderChange::default() });
    Some(Advice { code: Code::GopLong, tier: Some(tier), text, change })
}

fn b_frames(report: &TierReport) -> Option<Advice> {
    let tier = report.tier;
    report.b_frames.then(|| {
        let text = words(
            format!("{tier}: the camera sends B-frames. WebRTC does not carry them, so this stream plays by LL-HLS, about half a second later. Choose the profile Baseline, or switch B-frames off."),
            format!("{tier}: a câmera envia quadros B. O WebRTC não os transporta, então este stream toca por LL-HLS, cerca de meio segundo depois. Escolha o perfil Baseline ou desligue os quadros B."),
        );
        let h264 = codec(report) == Some(Coded::H264);
        let change = EncoderChange { profile: Some("Baseline".into()), ..EncoderChange::default() };
        Advice { code: Code::BFrames, tier: Some(tier), text, change: h264.then_some(change) }
    })
}

fn h265_only(tiers: &[TierReport]) -> Option<Advice> {
    if tiers.is_empty() || !tiers.iter().all(|report| codec(report) == Some(Coded::H265)) {
        return None;
    }
    let tier = tiers
        .iter()
        .map(|report| report.tier)
        .find(|tier| *tier == Tier::Sub)
        .or(tiers.first().map(|report| report.tier))?;
    let text = words(
        "every stream is in H.265. Many browsers do not play it, and WebRTC hardly anywhere. Set at least the sub stream to H.264.".into(),
        "todos os streams estão em H.265. Muitos navegadores não o reproduzem, e por WebRTC quase nenhum. Configure ao menos o sub stream para H.264.".into(),
    );
    let change = EncoderChange { codec: Some("H264".into()), ..EncoderChange::default() };
    Some(Advice { code: Code::H265Only, tier: Some(tier), text, change: Some(change) })
}

fn sub_missing(tiers: &[TierReport]) -> Option<Advice> {
    let [only] = tiers else { return None };
    let (width, height) = size(only).filter(|(width, height)| width * height > SUB_PIXELS)?;
    let text = words(
        format!(
            "there is one stream alone, of {width}x{height}. A wall of many tiles takes it whole for each. Switch the camera's second stream on, at 640x360 or near, and add it as tier sub."
        ),
        format!(
            "há um único stream, de {width}x{height}. Um mural de muitos quadros o recebe inteiro para cada um. Ative o segundo stream da câmera, em 640x360 ou perto disso, e adicione-o como sub."
        ),
    );
    Some(Advice { code: Code::SubMissing, tier: None, text, change: None })
}

fn sub_large(report: &TierReport) -> Option<Advice> {
    let sized = size(report).filter(|_| report.tier == Tier::Sub);
    let large = sized.filter(|(width, height)| width * height > SUB_PIXELS);
    let set = report.encoder.as_ref().map_or(0, |set| set.bitrate_kbps);
    let kbps = report.bitrate_kbps.max(set);
    let heavy = report.tier == Tier::Sub && kbps > SUB_KBPS;
    if large.is_none() && !heavy {
        return None;
    }
    let shape = sized.map_or_else(String::new, |(width, height)| format!("{width}x{height}, "));
    let text = words(
        format!(
            "sub: {shape}{kbps} kbit/s is too much for a wall of 50 tiles. Set the sub stream to about 640x360 and {SUB_SET_KBPS} kbit/s."
        ),
        format!(
            "sub: {shape}{kbps} kbit/s é demais para um mural de 50 quadros. Configure o sub stream para cerca de 640x360 e {SUB_SET_KBPS} kbit/s."
        ),
    );
    let smaller =
        large.map(|(width, height)| (SUB_WIDTH, (SUB_WIDTH * height / width.max(1)).div_ceil(8) * 8));
    let change = EncoderChange {
        width: smaller.map(|(width, _)| width),
        height: smaller.map(|(_, height)| height),
        bitrate_kbps: (kbps > SUB_SET_KBPS).then_some(SUB_SET_KBPS),
        ..EncoderChange::default()
    };
    Some(Advice { code: Code::SubLarge, tier: Some(Tier::Sub), text, change: Some(change) })
}

fn g711_only(tiers: &[TierReport]) -> Option<Advice> {
    let mut sounds = tiers.iter().filter_map(|report| report.audio_codec.as_deref()).peekable();
    sounds.peek()?;
    sounds.all(|sound| matches!(sound, "PCMU" | "PCMA")).then(|| {
        let text = words(
            "its sound is in G.711 alone: telephone quality, and by HLS it takes 400 kbit/s as FLAC. AAC sounds better and is smaller where the camera offers it.".into(),
            "o som é somente G.711: qualidade de telefone e, por HLS, ocupa 400 kbit/s como FLAC. AAC soa melhor e é menor, se a câmera oferecer.".into(),
        );
        Advice { code: Code::G711Only, tier: None, text, change: None }
    })
}

fn clock(facts: &CameraFacts) -> Option<Advice> {
    let Some(offset_ms) = facts.clock_offset_ms else {
        let text = words(
            "its clock cannot be read over ONVIF. If it is wrong, the camera refuses right passwords and its recordings carry wrong times. Give it the address of a time server.".into(),
            "não é possível ler o relógio por ONVIF. Se estiver errado, a câmera recusa senhas certas e suas gravações têm horários errados. Configure um servidor de hora.".into(),
        );
        return Some(Advice { code: Code::ClockUnknown, tier: None, text, change: None });
    };
    let off = offset_ms.unsigned_abs();
    (off > CLOCK_OFF_MS).then(|| {
        let span = span(off / 1_000);
        let (en, pt) = if offset_ms > 0 { ("ahead", "adiantado") } else { ("behind", "atrasado") };
        let text = words(
            format!("its clock is {span} {en}. The time in its pictures and events is wrong, and other programs may be refused. Give it the address of a time server."),
            format!("o relógio está {pt} {span}. A hora nas imagens e nos eventos está errada, e outros programas podem ser recusados. Configure um servidor de hora."),
        );
        Advice { code: Code::ClockOff, tier: None, text, change: None }
    })
}

fn vbr_peaks(report: &TierReport) -> Option<Advice> {
    let set = report.encoder.as_ref().filter(|set| set.constant_bitrate == Some(false))?;
    let (most, sent, tier) = (set.bitrate_kbps, report.bitrate_kbps, report.tier);
    // A quarter more than it is set to is no peak but what rate control of cameras does in a second.
    (most > 0 && u64::from(sent) * 4 > u64::from(most) * 5).then(|| {
        let text = words(
            format!("{tier}: set to {most} kbit/s with a variable bit rate, it sends {sent}. Peaks like this overrun the uplink of a site when something moves. Set a constant bit rate."),
            format!("{tier}: configurado para {most} kbit/s com taxa variável, envia {sent}. Picos assim estouram o uplink do local quando algo se move. Configure taxa de bits constante."),
        );
        let change = EncoderChange { constant_bitrate: Some(true), ..EncoderChange::default() };
        Advice { code: Code::VbrPeaks, tier: Some(tier), text, change: Some(change) }
    })
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Coded {
    H264,
    H265,
    Other,
}

/// What the stream itself says, else what the camera is set to; `None` if neither is known.
fn codec(report: &TierReport) -> Option<Coded> {
    let sent = report.codec.as_deref().map(|codec| codec.split('.').next().unwrap_or(codec));
    let set = report.encoder.as_ref().map(|set| set.codec.as_str()).filter(|codec| !codec.is_empty());
    Some(match sent.or(set)? {
        "avc1" | "avc3" | "H264" => Coded::H264,
        "hvc1" | "hev1" | "H265" => Coded::H265,
        _ => Coded::Other,
    })
}

fn size(report: &TierReport) -> Option<(u32, u32)> {
    let set = report.encoder.as_ref().map_or((0, 0), |set| (set.width, set.height));
    let sent = (report.width, report.height);
    let (width, height) = if sent.0 > 0 { sent } else { set };
    // What no camera has would overflow a product.
    (width > 0 && height > 0).then_some((width.min(16_384), height.min(16_384)))
}

fn encoder(tiers: &[TierReport], tier: Tier) -> Option<&EncoderSettings> {
    tiers.iter().find(|report| report.tier == tier)?.encoder.as_ref()
}

fn words(en: String, pt_br: String) -> Words {
    Words { en, pt_br }
}

/// A time as people say it, the same in both languages.
fn span(seconds: u64) -> String {
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7_200 => format!("{} min", seconds / 60),
        7_200..172_800 => format!("{} h", seconds / 3_600),
        _ => format!("{} d", seconds / 86_400),
    }
}

/// Two seconds, and what measuring adds.
const LONGEST_GOP_S: f64 = 2.2;
/// What is advised.
const GOP_S: f64 = 2.0;
/// D1, the largest picture that cameras call a sub stream with reason.
const SUB_PIXELS: u32 = 720 * 576;
/// 50 tiles of it fill half of a 100 Mbit/s link.
const SUB_KBPS: u32 = 1_024;
const SUB_SET_KBPS: u32 = 512;
const SUB_WIDTH: u32 = 640;
/// WS-Security takes 5 s in most cameras.
const CLOCK_OFF_MS: u64 = 5_000;

#[cfg(test)]
mod tests;
