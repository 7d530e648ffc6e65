use sluice_telemetry::{Metrics, prometheus_client::metrics::counter::Counter};

/// What the endpoint counts.
#[derive(Debug, Clone, Default)]
pub(crate) struct LinkMetrics {
    pub(crate) opened: Counter,
    pub(crate) closed: Counter,
    pub(crate) refused: Counter,
    pub(crate) broken: Counter,
    pub(crate) media_streams: Counter,
    pub(crate) media_bytes: Counter,
    pub(crate) media_cancelled: Counter,
    pub(crate) udp_rx_bytes: Counter,
    pub(crate) udp_tx_bytes: Counter,
}

impl LinkMetrics {
    pub(crate) fn register(metrics: &Metrics) -> Self {
        let all = Self::default();
        metrics.register("link", |registry| {
            registry.register("opened", "Links greeted", all.opened.clone());
            registry.register("closed", "Links gone", all.closed.clone());
            registry.register("refused", "Peers turned away", all.refused.clone());
            registry.register(
                "broken",
                "Links closed because the peer broke the protocol",
                all.broken.clone(),
            );
            registry.register("media_streams", "Access units that came whole", all.media_streams.clone());
            registry.register(
                "media_bytes",
                "Bytes of access units that came whole",
                all.media_bytes.clone(),
            );
            registry.register(
                "media_cancelled",
                "Access units given up by their sender",
                all.media_cancelled.clone(),
            );
            registry.register(
                "udp_received_bytes",
                "UDP payload of all links, received",
                all.udp_rx_bytes.clone(),
            );
            registry.register("udp_sent_bytes", "UDP payload of all links, sent", all.udp_tx_bytes.clone());
        });
        all
    }
}
