use sluice_telemetry::{
    Metrics,
    prometheus_client::metrics::{counter::Counter, gauge::Gauge},
};

/// What the uplink counts.
#[derive(Debug, Clone, Default)]
pub(crate) struct UplinkMetrics {
    pub(crate) forwards: Gauge,
    pub(crate) links: Gauge,
    pub(crate) dials: Counter,
    pub(crate) dials_failed: Counter,
    pub(crate) stalls: Counter,
    pub(crate) units: Counter,
    pub(crate) media_bytes: Counter,
    pub(crate) cut: Counter,
    pub(crate) reports: Counter,
    pub(crate) events: Counter,
}

impl UplinkMetrics {
    pub(crate) fn register(metrics: &Metrics) -> Self {
        let all = Self::default();
        metrics.register("edge", |registry| {
            registry.register("forwards", "Streams being sent to a node", all.forwards.clone());
        });
        metrics.register("uplink", |registry| {
            registry.register("media_links", "Media links that are up", all.links.clone());
            registry.register("dials", "Links dialled", all.dials.clone());
            registry.register("dials_failed", "Links that did not come up", all.dials_failed.clone());
            registry.register("stalls", "Links that fell silent while something flowed", all.stalls.clone());
            registry.register("units", "Access units handed to QUIC", all.units.clone());
            registry.register("media_bytes", "Bytes of access units handed to QUIC", all.media_bytes.clone());
            registry.register("cut", "Access units given up because they were late", all.cut.clone());
            registry.register("events", "Events of cameras told to control", all.events.clone());
            registry.register("reports", "Reports sent to control", all.reports.clone());
        });
        all
    }
}
