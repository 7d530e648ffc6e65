//! One file per noun. A handler reads in this order: contract, right, limits, effect, answer.

pub(crate) mod advice;
pub(crate) mod audit_log;
pub(crate) mod cameras;
pub(crate) mod credentials;
pub(crate) mod devices;
pub(crate) mod discoveries;
pub(crate) mod events;
pub(crate) mod login;
pub(crate) mod nodes;
pub(crate) mod one_camera;
pub(crate) mod origins;
pub(crate) mod play;
pub(crate) mod policy;
pub(crate) mod poster;
pub(crate) mod ptz;
pub(crate) mod sessions;
pub(crate) mod sites;
pub(crate) mod time;
pub(crate) mod tokens;
pub(crate) mod users;
