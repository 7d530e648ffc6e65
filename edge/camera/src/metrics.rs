use sluice_telemetry::{Metrics, prometheus_client::metrics::counter::Counter};

/// What asking cameras counts.
#[derive(Debug, Clone, Default)]
pub struct CameraMetrics {
    pub(crate) requests: Counter,
    pub(crate) refused: Counter,
    pub(crate) hostile: Counter,
    pub(crate) forbidden: Counter,
    pub(crate) understood: Counter,
    pub(crate) key_frames_asked: Counter,
    pub(crate) key_frames_late: Counter,
    pub(crate) moves: Counter,
    pub(crate) moves_stopped: Counter,
    pub(crate) events: Counter,
    pub(crate) events_left_out: Counter,
}

impl CameraMetrics {
    /// Registers them under `camera`.
    #[must_use]
    pub fn register(metrics: &Metrics) -> Self {
        let all = Self::default();
        metrics.register("camera", |registry| {
            let mut add = |name: &str, help: &str, counter: &Counter| {
                registry.register(name, help, counter.clone());
            };
            add("requests", "Questions to cameras over HTTP", &all.requests);
            add("refused", "Questions that a camera refused for their credentials", &all.refused);
            add("hostile", "Answers of cameras that were not read, for what they would do", &all.hostile);
            add("forbidden", "Addresses outside the site's networks that were not asked", &all.forbidden);
            add("understood", "Times that a camera was understood", &all.understood);
            add("key_frames_asked", "Key frames asked of cameras", &all.key_frames_asked);
            add("key_frames_late", "Key frames that came no sooner for being asked", &all.key_frames_late);
            add("moves", "Orders to move a camera that were carried out", &all.moves);
            add("moves_stopped", "Moves that were stopped here because nobody did", &all.moves_stopped);
            add("events", "Events of cameras told", &all.events);
            add(
                "events_left_out",
                "Events of cameras not told, because they came too fast",
                &all.events_left_out,
            );
        });
        all
    }
}
