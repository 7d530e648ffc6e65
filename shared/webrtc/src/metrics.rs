use sluice_telemetry::{
    Metrics,
    prometheus_client::{
        encoding::{EncodeLabelSet, EncodeLabelValue},
        metrics::{counter::Counter, family::Family, histogram::Histogram},
    },
};

/// What an engine counts over all its viewers.
#[derive(Debug, Clone)]
pub struct EngineMetrics {
    pub(crate) viewers_opened: Counter,
    pub(crate) viewers_connected: Counter,
    pub(crate) viewers_ended: Family<EndedBy, Counter>,
    pub(crate) offers_refused: Counter,
    pub(crate) frames: Counter,
    pub(crate) frames_dropped: Counter,
    pub(crate) audio_packets: Counter,
    pub(crate) audio_dropped: Counter,
    pub(crate) packets_sent: Counter,
    pub(crate) bytes_sent: Counter,
    pub(crate) sends: Counter,
    pub(crate) packets_resent: Counter,
    pub(crate) packets_unsent: Counter,
    pub(crate) datagrams_received: Counter,
    pub(crate) datagrams_refused: Counter,
    pub(crate) bursts: Counter,
    pub(crate) rebursts: Counter,
    pub(crate) waits: Counter,
    pub(crate) cuts: Counter,
    pub(crate) leaps: Counter,
    pub(crate) switches: Counter,
    pub(crate) switches_failed: Counter,
    pub(crate) picture_losses: Counter,
    pub(crate) key_frames_wanted: Counter,
    pub(crate) messages_dropped: Counter,
    pub(crate) asks_refused: Counter,
    pub(crate) answers_dropped: Counter,
    pub(crate) tcp_opened: Counter,
    pub(crate) tcp_refused: Counter,
    pub(crate) sessions_broken: Counter,
    pub(crate) connect_seconds: Histogram,
    pub(crate) first_packet_seconds: Histogram,
}

/// Label: how a session ended.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct EndedBy {
    pub(crate) reason: EndLabel,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelValue)]
pub(crate) enum EndLabel {
    Requested,
    Closed,
    Silence,
    DtlsFailed,
    CodecUnsupported,
    Broken,
    Stopped,
}

/// From a tenth of a frame to a viewer's patience.
const SECONDS: [f64; 10] = [0.01, 0.025, 0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4];

impl EngineMetrics {
    /// Registers the counts as `sluice_webrtc_…`.
    #[must_use]
    pub fn register(metrics: &Metrics) -> Self {
        let all = Self::new();
        metrics.register("webrtc", |registry| {
            registry.register("viewers_opened", "Offers answered", all.viewers_opened.clone());
            registry.register("viewers_connected", "Viewers whose DTLS stood", all.viewers_connected.clone());
            registry.register("viewers_ended", "Viewers gone, by reason", all.viewers_ended.clone());
            registry.register("connect_seconds", "From answer to DTLS", all.connect_seconds.clone());
            registry.register(
                "first_packet_seconds",
                "From DTLS to picture",
                all.first_packet_seconds.clone(),
            );
            let counters: [(&str, &str, &Counter); 27] = [
                ("offers_refused", "Offers that could not be answered", &all.offers_refused),
                ("frames", "Frames handed in", &all.frames),
                ("frames_dropped", "Frames dropped because the engine was behind", &all.frames_dropped),
                ("audio_packets", "Packets of sound handed in", &all.audio_packets),
                (
                    "audio_dropped",
                    "Packets of sound dropped because the engine was behind, or unfit",
                    &all.audio_dropped,
                ),
                ("packets_sent", "Packets sent to viewers", &all.packets_sent),
                ("bytes_sent", "Bytes sent to viewers, UDP payload", &all.bytes_sent),
                ("sends", "System calls that sent packets", &all.sends),
                ("packets_resent", "Packets sent again after a NACK", &all.packets_resent),
                ("packets_unsent", "Packets the system would not take", &all.packets_unsent),
                ("datagrams_received", "Datagrams of viewers", &all.datagrams_received),
                ("datagrams_refused", "Datagrams of nobody, or malformed", &all.datagrams_refused),
                ("bursts", "Joins served from the cache", &all.bursts),
                ("rebursts", "Lost pictures served from the cache", &all.rebursts),
                ("waits", "Joins that waited for a key frame", &all.waits),
                ("cuts", "Viewers cut to the next key frame: too slow", &all.cuts),
                ("leaps", "Clocks begun anew for viewers that hear sound", &all.leaps),
                ("switches", "Viewers moved to another feed", &all.switches),
                ("switches_failed", "Viewers who stayed with their feed instead", &all.switches_failed),
                ("picture_losses", "PLI and FIR of viewers", &all.picture_losses),
                ("key_frames_wanted", "Key frames asked of the source", &all.key_frames_wanted),
                ("messages_dropped", "Data channel texts nobody took", &all.messages_dropped),
                ("asks_refused", "Messages of control channels, too long or too fast", &all.asks_refused),
                (
                    "answers_dropped",
                    "Answers on control channels that viewers did not take",
                    &all.answers_dropped,
                ),
                ("tcp_opened", "ICE-TCP connections accepted", &all.tcp_opened),
                ("tcp_refused", "ICE-TCP connections refused or closed as hostile", &all.tcp_refused),
                ("sessions_broken", "Sessions ended because their state machine broke", &all.sessions_broken),
            ];
            for (name, help, counter) in counters {
                registry.register(name, help, counter.clone());
            }
        });
        all
    }

    fn new() -> Self {
        Self {
            viewers_opened: Counter::default(),
            viewers_connected: Counter::default(),
            viewers_ended: Family::default(),
            offers_refused: Counter::default(),
            frames: Counter::default(),
            frames_dropped: Counter::default(),
            audio_packets: Counter::default(),
            audio_dropped: Counter::default(),
            packets_sent: Counter::default(),
            bytes_sent: Counter::default(),
            sends: Counter::default(),
            packets_resent: Counter::default(),
            packets_unsent: Counter::default(),
            datagrams_received: Counter::default(),
            datagrams_refused: Counter::default(),
            bursts: Counter::default(),
            rebursts: Counter::default(),
            waits: Counter::default(),
            cuts: Counter::default(),
            leaps: Counter::default(),
            switches: Counter::default(),
            switches_failed: Counter::default(),
            picture_losses: Counter::default(),
            key_frames_wanted: Counter::default(),
            messages_dropped: Counter::default(),
            asks_refused: Counter::default(),
            answers_dropped: Counter::default(),
            tcp_opened: Counter::default(),
            tcp_refused: Counter::default(),
            sessions_broken: Counter::default(),
            connect_seconds: Histogram::new(SECONDS),
            first_packet_seconds: Histogram::new(SECONDS),
        }
    }
}
