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
    pub(super) units_refused: Counter,
    pub(super) media_bytes: Counter,
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
                units_refused: Counter::default(),
                media_bytes: Counter::default(),
            };
            registry.register("feeds", "Feeds subscribed at an edge", all.feeds.clone());
            registry.register("feeds_opened", "Subscriptions made", all.feeds_opened.clone());
            registry.register("feeds_closed", "Subscriptions ended", all.feeds_closed.clone());
            registry.register("sessions_opened", "Viewers admitted", all.sessions_opened.clone());
            registry.register("sessions_ended", "Viewers gone", all.sessions_ended.clone());
            registry.register("units_refused", "Access units that are not H.264", all.units_refused.clone());
            registry.register("media_bytes", "RTP bytes that came over links", all.media_bytes.clone());
            all
        })
    }
}
