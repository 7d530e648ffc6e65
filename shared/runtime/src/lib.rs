//! Clock, randomness, task scope and backoff: the only room that reads time and spawns tasks.
//! It knows no domain.

mod backoff;
mod clock;
mod random;
mod scope;

pub use backoff::Backoff;
pub use clock::Clock;
pub use random::{random_bytes, uuid_v7};
pub use scope::{Shutdown, TaskScope};
