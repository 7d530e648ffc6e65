use sluice_telemetry::prometheus_client::{
    encoding::{EncodeLabelSet, EncodeLabelValue, LabelValueEncoder},
    metrics::{counter::Counter, family::Family, gauge::Gauge},
    registry::Registry,
};

use crate::status::ReasonCode;

/// Counts over all sources of one process.
#[derive(Debug, Clone, Default)]
pub struct SourceMetrics {
    pub(crate) pulls: Gauge,
    pub(crate) subscribers: Gauge,
    pub(crate) opened: Counter,
    pub(crate) failures: Family<FailureLabels, Counter>,
    pub(crate) units: Counter,
    pub(crate) bytes: Counter,
    pub(crate) malformed: Counter,
    pub(crate) gaps: Counter,
    pub(crate) overflows: Counter,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct FailureLabels {
    pub(crate) reason: ReasonCode,
}

impl EncodeLabelValue for ReasonCode {
    fn encode(&self, encoder: &mut LabelValueEncoder<'_>) -> Result<(), std::fmt::Error> {
        EncodeLabelValue::encode(&self.as_str(), encoder)
    }
}

impl SourceMetrics {
    /// Registers the counts in the section of the room that owns the sources.
    #[must_use]
    pub fn register(registry: &mut Registry) -> Self {
        let metrics = Self::default();
        registry.register("pulls", "RTSP sessions that stand now", metrics.pulls.clone());
        registry.register("source_subscribers", "Subscriptions that stand now", metrics.subscribers.clone());
        registry.register("source_opened", "RTSP sessions that reached PLAY", metrics.opened.clone());
        registry.register("source_failures", "Failed or lost sessions, by reason", metrics.failures.clone());
        registry.register("source_units", "Access units received from cameras", metrics.units.clone());
        registry.register("source_bytes", "RTP bytes received from cameras", metrics.bytes.clone());
        registry.register("source_malformed", "RTP packets that were not RTP", metrics.malformed.clone());
        registry.register("source_gaps", "Holes in what cameras sent", metrics.gaps.clone());
        registry.register(
            "source_overflows",
            "Times a subscriber was too slow and was cut to the next key frame",
            metrics.overflows.clone(),
        );
        metrics
    }
}
