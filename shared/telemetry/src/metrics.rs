use std::sync::{Arc, Mutex, PoisonError};

use prometheus_client::{encoding::text::encode, registry::Registry};

/// The metric registry of one process. Rooms register once, at assembly; scrapes read.
#[derive(Clone)]
pub struct Metrics(Arc<Mutex<Registry>>);

impl Default for Metrics {
    fn default() -> Self {
        Self(Arc::new(Mutex::new(Registry::with_prefix("sluice"))))
    }
}

impl Metrics {
    /// Lets a room register its metrics under `sluice_<room>_…`.
    pub fn register<T>(&self, room: &'static str, build: impl FnOnce(&mut Registry) -> T) -> T {
        let mut registry = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        build(registry.sub_registry_with_prefix(room))
    }

    /// Everything registered, in OpenMetrics text.
    #[must_use]
    pub fn exposition(&self) -> String {
        let registry = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut text = String::new();
        // Writing to a String cannot fail.
        let _ = encode(&mut text, &registry);
        text
    }
}
