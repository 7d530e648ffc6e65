//! The engine against WebRTC peers over real loopback sockets.

#![expect(clippy::unwrap_used, reason = "a test ends at what fails")]

mod codecs;
mod control;
mod deliver;
mod hostile;
mod leave;
mod negotiate;
mod sound;
mod stage;
mod switch;
