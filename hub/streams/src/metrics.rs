use sluice_telemetry::{
    Metrics,
    prometheus_client::metrics::{counter::Counter, histogram::Histogram},
};

/// What the sessions of this hub come to.
#[derive(Clone, Default)]
pub(crate) struct StreamsMetrics {
    pub(crate) grants: Counter,
    pub(crate) refusals: Counter,
    pub(crate) renewals: Counter,
    pub(crate) switches: Counter,
    pub(crate) tiers_switched: Counter,
    pub(crate) tiers_kept: Counter,
    pub(crate) connected: Counter,
    pub(crate) ended: Counter,
    pub(crate) stalls: Counter,
    pub(crate) unrecorded: Counter,
    pub(crate) startup_seconds: Startup,
}

#[derive(Clone)]
pub(crate) struct Startup(pub(crate) Histogram);

impl Default for Startup {
    fn default() -> Self {
        Self(Histogram::new([0.05, 0.1, 0.15, 0.2, 0.3, 0.5, 0.8, 1.2, 2.0, 4.0, 8.0]))
    }
}

impl StreamsMetrics {
    pub(crate) fn register(metrics: &Metrics) -> Self {
        let this = Self::default();
        metrics.register("streams", |registry| {
            let counters = [
                ("sessions_granted", "Sessions granted", &this.grants),
                ("sessions_refused", "Cameras refused to play", &this.refusals),
                ("sessions_renewed", "Tokens given anew for a running session", &this.renewals),
                ("sessions_switched", "Sessions that went on by another protocol", &this.switches),
                ("tiers_switched", "Sessions that went on in another tier", &this.tiers_switched),
                ("tiers_kept", "Sessions that were to go on in another tier and did not", &this.tiers_kept),
                ("sessions_connected", "Sessions that media could flow to", &this.connected),
                ("sessions_ended", "Sessions that ended", &this.ended),
                ("stalls_reported", "Stalls reported by players", &this.stalls),
                ("marks_lost", "Changes of sessions that the store did not take", &this.unrecorded),
            ];
            for (name, help, counter) in counters {
                registry.register(name, help, counter.clone());
            }
            let help = "From the click to the first picture, as players measured";
            registry.register("startup_seconds", help, this.startup_seconds.0.clone());
        });
        this
    }
}
