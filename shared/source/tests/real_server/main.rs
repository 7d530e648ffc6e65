//! The pull against RTSP servers on loopback: GStreamer's, and scripted ones that misbehave.
#![expect(clippy::unwrap_used, reason = "a test")]

mod camera;
mod faults;
mod lines;
mod pictures;
mod scripted;
