//! Log format, redaction and metric exposition. It knows no domain.

mod log;
mod metrics;
mod redact;

pub use log::{LogFormat, init};
pub use metrics::Metrics;
pub use prometheus_client;
pub use redact::{Pii, Secret};
