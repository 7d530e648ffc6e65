use sluice_telemetry::{Metrics, prometheus_client::metrics::counter::Counter};

/// What the fleet counts. Devices online are `links_up - links_down`.
#[derive(Debug, Clone, Default)]
pub(crate) struct FleetMetrics {
    pub(crate) links_up: Counter,
    pub(crate) links_down: Counter,
    pub(crate) reports: Counter,
    pub(crate) documents: Counter,
    pub(crate) events: Counter,
    pub(crate) overflows: Counter,
    pub(crate) orders: Counter,
    pub(crate) orders_unanswered: Counter,
    pub(crate) posters: Counter,
    pub(crate) poster_bytes: Counter,
}

impl FleetMetrics {
    pub(crate) fn register(metrics: &Metrics) -> Self {
        let made = Self::default();
        metrics.register("fleet", |registry| {
            registry.register("links_up", "Control links taken", made.links_up.clone());
            registry.register("links_down", "Control links that ended", made.links_down.clone());
            registry.register("reports", "Reports of devices", made.reports.clone());
            registry.register("documents", "Desired documents sent", made.documents.clone());
            registry.register("events", "Changes of state told to listeners", made.events.clone());
            registry.register("overflows", "Messages that found a full queue", made.overflows.clone());
            registry.register("orders", "Orders given to devices", made.orders.clone());
            registry.register(
                "orders_unanswered",
                "Orders that no device answered",
                made.orders_unanswered.clone(),
            );
            registry.register("posters", "Single pictures that came from devices", made.posters.clone());
            registry.register("poster_bytes", "Bytes of those pictures", made.poster_bytes.clone());
        });
        made
    }
}
