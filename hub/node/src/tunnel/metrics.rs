use sluice_telemetry::{
    Metrics,
    prometheus_client::metrics::{counter::Counter, gauge::Gauge},
};

/// What the tunnels count.
#[derive(Debug, Clone, Default)]
pub(crate) struct TunnelMetrics {
    pub(crate) links: Gauge,
    pub(crate) subscriptions: Gauge,
    pub(crate) subscribes: Counter,
    pub(crate) units: Counter,
    pub(crate) holes: Counter,
    pub(crate) late: Counter,
    pub(crate) refused: Counter,
    pub(crate) dropped: Counter,
    pub(crate) strangers: Counter,
    pub(crate) lost: Counter,
}

impl TunnelMetrics {
    pub(crate) fn register(metrics: &Metrics) -> Self {
        let all = Self::default();
        metrics.register("tunnel", |registry| {
            registry.register("links", "Devices with a media link", all.links.clone());
            registry.register(
                "subscriptions",
                "Subscriptions standing at devices",
                all.subscriptions.clone(),
            );
            registry.register("subscribes", "Subscriptions made", all.subscribes.clone());
            registry.register("units", "Access units released in order", all.units.clone());
            registry.register("holes", "Holes that nobody explained in time", all.holes.clone());
            registry.register(
                "late",
                "Access units that came after their place was given up",
                all.late.clone(),
            );
            registry.register("refused", "Access units that are none", all.refused.clone());
            registry.register(
                "dropped",
                "Access units that the feed's owner took too late",
                all.dropped.clone(),
            );
            registry.register(
                "strangers",
                "Cameras announced by a device that has not got them",
                all.strangers.clone(),
            );
            registry.register("lost", "Links that fell silent while something flowed", all.lost.clone());
        });
        all
    }
}
