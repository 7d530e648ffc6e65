//! Virtual cameras: N cameras in one process, each with its tiers on RTSP paths of their own
//! (`rtsp://host:port/cam/1/main`, `/cam/1/sub`), and every way in which a camera can misbehave, on command.
//!
//! They share no media code with Sluice, so that an error of ours cannot cancel itself out.
//!
//! ```text
//! live    picture ─▶ encoder ─▶ packets ─▶ every session        one encoder per (camera, tier), only while watched
//! replay  one encoded loop per tier, made once ─▶ each session  no encoder runs; no clock in the picture
//! loops   H.265 and B-frames of tests/fixtures ─▶ each session  the same
//! sound   a beep at every full second ─▶ each session           computed or of tests/fixtures
//! ```
//!
//! `onvif` makes each of them a device that can be discovered, asked, set and moved; `quirk` is what real ones do wrong.
//! A connection is `rtsp::connection` (the shell) around `rtsp::conversation` (pure).
//! The time burnt into live pictures is read back by [`clock::read`].

mod auth;
mod camera;
mod camsim;
pub mod clock;
mod codec;
mod config;
mod control;
mod counters;
mod encoder;
mod fault;
mod font;
mod live;
mod onvif;
mod packets;
mod padding;
mod payload;
mod picture;
mod quirk;
mod reel;
mod replay;
mod rtsp;
mod sample;
mod session_budget;
mod sound;

pub use camera::CameraStatus;
pub use camsim::{Camera, Camsim, StartError};
pub use codec::{AudioCodec, UnknownCodec, VideoCodec};
pub use config::{
    Auth, CamsimConfig, ConfigError, Delivery, Discovery, OnvifAuth, OnvifConfig, ParameterSets, Start,
    TierConfig, Transport,
};
pub use counters::Counts;
pub use fault::{Fault, UnknownFault};
pub use onvif::{CameraEvent, PtzStatus};
pub use quirk::{Namespaces, Oddities, Quirk, QuirkError};
pub use sluice_ids::Tier;
