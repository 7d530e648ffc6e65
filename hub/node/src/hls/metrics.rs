use sluice_telemetry::{
    Metrics,
    prometheus_client::metrics::{counter::Counter, gauge::Gauge},
};

/// What a node counts of its HLS viewers' requests.
#[derive(Debug, Clone, Default)]
pub(crate) struct HlsMetrics {
    pub(crate) requests: Counter,
    pub(crate) refused: Counter,
    pub(crate) media_bytes: Counter,
    pub(crate) waiting: Gauge,
    pub(crate) waits_expired: Counter,
}

impl HlsMetrics {
    pub(crate) fn register(metrics: &Metrics) -> Self {
        metrics.register("node", |registry| {
            let all = Self::default();
            registry.register("hls_requests", "Requests of HLS viewers", all.requests.clone());
            let text = "Requests of HLS viewers that were answered with a problem";
            registry.register("hls_requests_refused", text, all.refused.clone());
            let text = "Bytes of parts and segments given to viewers";
            registry.register("hls_media_bytes", text, all.media_bytes.clone());
            let text = "Requests that wait for a part to come";
            registry.register("hls_requests_waiting", text, all.waiting.clone());
            let text = "Requests that waited for a part that did not come";
            registry.register("hls_waits_expired", text, all.waits_expired.clone());
            all
        })
    }
}
