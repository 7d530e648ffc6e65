//! How the cameras stand, as the hub is told it.

use sluice_ids::{Tier, UnixMillis};
use sluice_source::{Reason, ReasonCode as Code, State, Status};
use sluice_wire::{
    ReasonCode,
    control::{CameraReport, SessionKind, TierReport, TierState},
};

use crate::plan::Refusal;

/// One running stream.
pub(crate) fn tier(tier: Tier, status: &Status) -> TierReport {
    let mut report = TierReport::new(tier, state(status.state), UnixMillis(status.since_ms));
    if let Some(Reason { code, text }) = &status.reason {
        (report.reason_code, report.reason_text) = (Some(reason(*code)), text.clone());
    }
    if let Some(video) = &status.video {
        report.codec = Some(video.codec.clone());
        report.profile = Some(video.profile.clone());
        report.level = Some(video.level.clone());
        (report.width, report.height) = (video.width, video.height);
        report.fps = video.fps;
        report.b_frames = video.b_frames;
    } else if let Some(line) = status.presentation.as_ref().and_then(|offer| offer.video()) {
        report.codec = Some(line.encoding.clone());
    }
    if status.fps > 0.0 {
        report.fps = Some(rounded(f64::from(status.fps)));
    }
    report.gop_s = status.gop.map(|gop| rounded(gop.as_secs_f64()));
    report.bitrate_kbps = status.bitrate_kbps;
    report.warm_bytes = status.ring_bytes as u64;
    report.forwarding = status.state == State::Forwarding;
    let audio = status.presentation.as_ref().and_then(|offer| offer.audio());
    report.audio_codec = audio.map(|line| line.encoding.clone());
    if let Some(sound) = &status.sound {
        (report.audio_rate, report.audio_channels) = (sound.rate, sound.channels);
    }
    report
}

/// One stream that cannot be reached as described.
pub(crate) fn refused(tier: Tier, refusal: Refusal, since: UnixMillis) -> TierReport {
    let (code, text) = match refusal {
        Refusal::Address => (ReasonCode::ProtocolError, "the address is not an rtsp:// URL with a host"),
        Refusal::Password => (
            ReasonCode::WrongPassword,
            "the password was sealed for another device; enter it again to seal it for this one",
        ),
    };
    let mut report = TierReport::new(tier, TierState::Resting, since);
    (report.reason_code, report.reason_text) = (Some(code), text.to_owned());
    report
}

/// Whether the hub must hear of it now: figures that always move wait for their turn.
pub(crate) fn differs(before: &[CameraReport], after: &[CameraReport]) -> bool {
    before.len() != after.len() || before.iter().zip(after).any(|(old, new)| still(old) != still(new))
}

fn still(report: &CameraReport) -> CameraReport {
    let mut still = report.clone();
    // Questions last a moment; and since when something is so is computed anew each time.
    still.sessions.retain(|session| session.kind == SessionKind::Rtsp);
    still.sessions.iter_mut().for_each(|session| session.since = UnixMillis(0));
    for tier in &mut still.tiers {
        (tier.bitrate_kbps, tier.warm_bytes) = (0, 0);
        // Known or not is news; a tenth more or less is not.
        tier.fps = tier.fps.map(|_| 1.0);
        tier.gop_s = tier.gop_s.map(|_| 1.0);
    }
    still
}

fn rounded(value: f64) -> f64 {
    (value * 10.0).round() / 10.0
}

fn state(state: State) -> TierState {
    match state {
        State::Off => TierState::Off,
        State::Opening => TierState::Opening,
        State::Warm => TierState::Warm,
        State::Forwarding => TierState::Forwarding,
        State::Resting => TierState::Resting,
    }
}

fn reason(code: Code) -> ReasonCode {
    match code {
        Code::Unreachable => ReasonCode::Unreachable,
        Code::WrongPassword => ReasonCode::WrongPassword,
        Code::SessionsExhausted => ReasonCode::SessionsExhausted,
        Code::NotFound => ReasonCode::NotFound,
        Code::UnsupportedCodec => ReasonCode::UnsupportedCodec,
        Code::NoKeyFrame => ReasonCode::NoKeyFrame,
        Code::Stalled => ReasonCode::Stalled,
        Code::ProtocolError => ReasonCode::ProtocolError,
    }
}

#[cfg(test)]
mod tests {
    use sluice_ids::CameraId;

    use super::*;

    fn reported(change: impl FnOnce(&mut TierReport)) -> Vec<CameraReport> {
        let mut report = TierReport::new(Tier::Sub, TierState::Warm, UnixMillis(1));
        (report.fps, report.bitrate_kbps) = (Some(25.0), 900);
        change(&mut report);
        vec![CameraReport::new(CameraId::from_uuid(uuid::Uuid::nil()), vec![report])]
    }

    #[test]
    fn moving_figures_are_no_news_but_states_and_reasons_are() {
        let before = reported(|_| {});
        assert!(!differs(&before, &reported(|tier| (tier.fps, tier.bitrate_kbps) = (Some(24.9), 950))));
        assert!(differs(&before, &reported(|tier| tier.state = TierState::Forwarding)));
        assert!(differs(&before, &reported(|tier| tier.fps = None)));
        assert!(differs(&before, &[]));
    }
}
