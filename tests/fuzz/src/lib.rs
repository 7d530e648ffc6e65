//! Hostile bytes for everything that reads them: plain functions that must not panic, hang or hold too much.
//!
//! `cargo test -p sluice-fuzz` runs each target over its seeds, the kept findings in `corpus/<target>/` and
//! mutations of both from a fixed seed. With a nightly at hand cargo-fuzz calls the same functions:
//! `fuzz_target!(|bytes: &[u8]| sluice_fuzz::target("assembler").run(bytes));`
//!
//! What breaks a target becomes a file in its corpus, together with the repair.

mod camera;
mod hls;
mod media;
mod mutate;
mod sound;
mod trust;
mod wire;

pub use mutate::mutate;

/// One reader of foreign bytes.
#[derive(Debug, Clone, Copy)]
pub struct Target {
    /// Names it, and its directory in `corpus/`.
    pub name: &'static str,
    run: fn(&[u8]),
    seeds: fn() -> Vec<Vec<u8>>,
}

impl Target {
    /// Feeds `bytes`; panics only when an invariant is broken.
    pub fn run(&self, bytes: &[u8]) {
        (self.run)(bytes);
    }

    /// Well-formed inputs to begin with.
    #[must_use]
    pub fn seeds(&self) -> Vec<Vec<u8>> {
        (self.seeds)()
    }
}

/// All of them.
pub const TARGETS: &[Target] = &[
    Target { name: "rtp_packet", run: media::rtp_packet, seeds: media::packets },
    Target { name: "assembler", run: media::assembler, seeds: media::streams },
    Target { name: "payloads", run: media::payloads, seeds: media::payload_lists },
    Target { name: "parameter_set", run: media::parameter_set, seeds: media::parameter_sets },
    Target { name: "sprop", run: media::sprop, seeds: media::sprops },
    Target { name: "video_fmtp", run: media::video_fmtp, seeds: media::fmtps },
    Target { name: "sound_fmtp", run: sound::sound_fmtp, seeds: sound::fmtps },
    Target { name: "sound_unit", run: sound::sound_unit, seeds: sound::units },
    Target { name: "rtcp", run: sound::rtcp, seeds: sound::reports },
    Target { name: "clocks", run: sound::clocks, seeds: sound::times },
    Target { name: "hls", run: hls::packager, seeds: hls::lives },
    Target { name: "frames", run: wire::frames, seeds: wire::framed },
    Target { name: "roq", run: wire::roq, seeds: wire::roq_streams },
    Target { name: "control_to_hub", run: wire::control_to_hub, seeds: wire::to_hub },
    Target { name: "control_to_edge", run: wire::control_to_edge, seeds: wire::to_edge },
    Target { name: "media_from_edge", run: wire::media_from_edge, seeds: wire::from_edge },
    Target { name: "media_from_node", run: wire::media_from_node, seeds: wire::from_node },
    Target { name: "player_text", run: wire::player_text, seeds: wire::player_texts },
    Target { name: "playback_token", run: trust::playback_token, seeds: trust::tokens },
    Target { name: "sealed_secret", run: trust::sealed_secret, seeds: trust::sealed },
    Target { name: "onvif_answer", run: camera::onvif_answer, seeds: camera::answers },
    Target { name: "http_challenge", run: camera::http_challenge, seeds: camera::challenges },
    Target { name: "certificate", run: trust::certificate, seeds: trust::certificates },
];

/// The target of that name.
///
/// # Panics
/// When there is none.
#[must_use]
pub fn target(name: &str) -> &'static Target {
    TARGETS.iter().find(|target| target.name == name).expect("a target of this name stands in TARGETS")
}
