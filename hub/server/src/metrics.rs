use sluice_telemetry::{Metrics, prometheus_client::metrics::counter::Counter};

/// What a listener counts. Open now: opened less closed.
#[derive(Debug, Clone, Default)]
pub(crate) struct HttpMetrics {
    pub(crate) opened: Counter,
    pub(crate) closed: Counter,
    pub(crate) refused: Counter,
    pub(crate) silent: Counter,
}

impl HttpMetrics {
    pub(crate) fn register(metrics: &Metrics) -> Self {
        let this = Self::default();
        metrics.register("http", |registry| {
            let counters = [
                ("connections_opened", "HTTP connections taken", &this.opened),
                ("connections_closed", "HTTP connections that ended", &this.closed),
                ("connections_refused", "HTTP connections beyond http.most_connections", &this.refused),
                ("connections_silent", "HTTP connections closed because nothing was asked", &this.silent),
            ];
            for (name, help, counter) in counters {
                registry.register(name, help, counter.clone());
            }
        });
        this
    }
}
