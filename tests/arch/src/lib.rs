//! The rules of the house as functions: the tree of files and its manifests in, what breaks a rule out, in words
//! that say what to do. `house.toml` is the one list they read; `tests/house.rs` applies them to the repository.

mod arrows;
mod documents;
mod house;
mod lock;
mod manifest;
mod placement;
mod reference;
mod sizes;
mod tree;
mod words;

pub use arrows::{arrows, rooms};
pub use documents::{Fence, dead_links, documents, fences, unproven, unread_examples};
pub use house::House;
pub use lock::{pure_rooms, registries};
pub use manifest::{Manifest, manifests, one_version};
pub use placement::{placement, programs};
pub use reference::{Metric, config_block, metrics, metrics_table, unknown_metrics};
pub use sizes::{names, sizes};
pub use tree::{File, Tree};
pub use words::{traces, unfinished};
