use sluice_telemetry::{Metrics, prometheus_client::metrics::counter::Counter};

/// What the search counts.
#[derive(Debug, Clone, Default)]
pub(super) struct DiscoveryMetrics {
    pub(super) probes: Counter,
    pub(super) datagrams: Counter,
    pub(super) flooded: Counter,
    pub(super) unread: Counter,
    pub(super) asked: Counter,
    pub(super) tried: Counter,
}

impl DiscoveryMetrics {
    pub(super) fn register(metrics: &Metrics) -> Self {
        let all = Self::default();
        metrics.register("discovery", |registry| {
            registry.register("probes", "Probes sent", all.probes.clone());
            registry.register("datagrams", "Datagrams of WS-Discovery that came", all.datagrams.clone());
            registry.register("flooded", "Datagrams not read, because too many came", all.flooded.clone());
            registry.register("unread", "Datagrams that said nothing of a camera", all.unread.clone());
            registry.register("asked", "Times that a device was asked what it is", all.asked.clone());
            registry.register("tried", "Credentials tried at devices", all.tried.clone());
        });
        all
    }
}
