use sluice_telemetry::{
    Metrics,
    prometheus_client::metrics::{counter::Counter, gauge::Gauge},
};

/// What a node counts of its feeds and sessions.
#[derive(Debug, Clone)]
pub(super) struct RelayMetrics {
    pub(super) feeds: Gauge,
    pub(super) feeds_opened: Counter,
    pub(super) feeds_closed: Counter,
    pub(super) sessions_opened: Counter,
    pub(super) sessions_ended: Counter,
    pub(super) tier_switches: Counter,
    pub(super) tier_switches_failed: Counter,
    pub(super) double_feed_ms: Counter,
    pub(super) pauses: Counter,
    pub(super) moves_asked: Counter,
    pub(super) moves_refused: Counter,
    pub(super) units_refused: Counter,
    pub(super) media_bytes: Counter,
    pub(super) packaging: PackagingMetrics,
}

/// What a node counts of its packaging.
#[derive(Debug, Clone, Default)]
pub(super) struct PackagingMetrics {
    pub(super) begun: Counter,
    pub(super) ended: Counter,
    pub(super) units_refused: Counter,
    pub(super) bytes: Gauge,
}

impl RelayMetrics {
    pub(super) fn register(metrics: &Metrics) -> Self {
        metrics.register("node", |registry| {
            let all = Self {
                feeds: Gauge::default(),
                feeds_opened: Counter::default(),
                feeds_closed: Counter::default(),
                sessions_opened: Counter::default(),
                sessions_ended: Counter::default(),
                tier_switches: Counter::default(),
                tier_switches_failed: Counter::default(),
                double_feed_ms: Counter::default(),
                pauses: Counter::default(),
                moves_asked: Counter::default(),
                moves_refused: Counter::default(),
                units_refused: Counter::default(),
                media_bytes: Counter::default(),
                packaging: PackagingMetrics::default(),
            };
            registry.register("feeds", "Feeds subscribed at an edge", all.feeds.clone());
            registry.register("feeds_opened", "Subscriptions made", all.feeds_opened.clone());
            registry.register("feeds_closed", "Subscriptions ended", all.feeds_closed.clone());
            registry.register("sessions_opened", "Viewers admitted", all.sessions_opened.clone());
            registry.register("sessions_ended", "Viewers gone", all.sessions_ended.clone());
            let text = "Viewers who were moved to another tier of their camera";
            registry.register("tier_switches", text, all.tier_switches.clone());
            let text = "Viewers who were to be moved and stayed";
            registry.register("tier_switches_failed", text, all.tier_switches_failed.clone());
            let text = "Time in which two feeds were held for one viewer on the move";
            registry.register("double_feed_milliseconds", text, all.double_feed_ms.clone());
            let text = "Sessions that gave up their feed while nobody saw their picture";
            registry.register("sessions_paused", text, all.pauses.clone());
            let text = "Moves of a camera that viewers asked for over their connection";
            registry.register("moves_asked", text, all.moves_asked.clone());
            let text = "Those, and messages that are no moves, that were refused";
            registry.register("moves_refused", text, all.moves_refused.clone());
            let text = "Access units that are not what their line says";
            registry.register("units_refused", text, all.units_refused.clone());
            registry.register("media_bytes", "RTP bytes that came over links", all.media_bytes.clone());
            let packaging = &all.packaging;
            registry.register("packagings_begun", "Feeds that began to be packaged", packaging.begun.clone());
            registry.register("packagings_ended", "Feeds whose packaging ended", packaging.ended.clone());
            let text = "Access units that could not be packaged";
            registry.register("packaging_units_refused", text, packaging.units_refused.clone());
            let text = "Bytes of parts and playlists held for HLS viewers";
            registry.register("packaging_bytes", text, packaging.bytes.clone());
            all
        })
    }
}
