//! What a player and its node say to each other over the data channel `sluice-control`: JSON, one object a message.
//!
//! ```text
//! player ─▶ {"id":7,"ptz":{"continuous":{"pan":0.5,"for_ms":1000}}}
//! node   ─▶ {"id":7,"ok":true}   or   {"id":7,"problem":{"type":"device-offline","title":…,"status":409,"detail":…}}
//! ```
//!
//! A move is the same here and in the API, and so is what is wrong with it: both read it by [`Move::command`].

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::control::PtzCommand;

/// How a camera is to move: exactly one of these.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Move {
    /// Move at this speed until told otherwise.
    pub continuous: Option<Speed>,
    /// Move by this much.
    pub relative: Option<Place>,
    /// Move there.
    pub absolute: Option<Place>,
    /// Stop; `true`.
    pub stop: Option<bool>,
    /// The token of a place that it remembers.
    pub go_to: Option<String>,
}

/// A speed, each part from -1 to 1: right, up and in are positive. What is absent is 0.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Speed {
    /// Right is positive.
    pub pan: f64,
    /// Up is positive.
    pub tilt: f64,
    /// In is positive.
    pub zoom: f64,
    /// Milliseconds after which the camera stops unless it is told to move on, at most 5,000; 1,000 if absent.
    pub for_ms: Option<u32>,
}

/// A way or a place, each part from -1 to 1: right, up and in are positive; a place's zoom from 0. What is absent is 0.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Place {
    /// Right is positive.
    pub pan: f64,
    /// Up is positive.
    pub tilt: f64,
    /// In is positive.
    pub zoom: f64,
}

/// One part of a move that cannot be taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Fault {
    /// Its path in the move, such as `continuous.pan`; empty for the whole.
    pub field: String,
    /// A stable code.
    pub code: &'static str,
    /// What is wrong with it.
    pub text: String,
}

/// What a player asks.
#[derive(Debug, Clone, PartialEq)]
pub struct Asked {
    /// The player's own name for the question.
    pub id: u64,
    /// How its camera is to move.
    pub command: PtzCommand,
}

/// Why something asked is not done, in the form of the API's problems (RFC 9457).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Refusal {
    /// A stable code.
    #[serde(rename = "type")]
    pub code: String,
    /// The status in words.
    pub title: String,
    /// The HTTP status that the same call of the API would have.
    pub status: u16,
    /// What exactly is wrong and what to do about it.
    pub detail: String,
    /// The parts at fault.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<Fault>,
}

/// A message that asks for nothing that can be done: whose question it is, if it says so, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unread {
    /// Its `id`, where it has one.
    pub id: Option<u64>,
    /// Why.
    pub refusal: Refusal,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Message {
    id: u64,
    ptz: Move,
}

#[derive(Deserialize)]
struct OnlyId {
    id: u64,
}

#[derive(Serialize)]
struct Answer<'a> {
    id: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ok: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<&'a Refusal>,
}

/// Reads what a player says.
///
/// # Errors
/// When it is too long, not JSON, has a key that is not known, or asks for a move that there is not.
pub fn read(text: &str) -> Result<Asked, Unread> {
    if text.len() > LONGEST {
        let detail = format!("a message has at most {LONGEST} bytes");
        return Err(Unread { id: None, refusal: Refusal::new(413, "body-too-large", detail) });
    }
    let id = || serde_json::from_str::<OnlyId>(text).ok().map(|message| message.id);
    // Serde would take an array for an object, part by part in their order; within a move that does no harm.
    if !text.trim_start().starts_with('{') {
        let refusal = Refusal::new(400, "json-malformed", "a message is a JSON object".to_owned());
        return Err(Unread { id: None, refusal });
    }
    let message: Message = serde_json::from_str(text).map_err(|error| {
        let refusal = if error.is_data() {
            Refusal::invalid(vec![Fault { field: String::new(), code: "invalid", text: error.to_string() }])
        } else {
            Refusal::new(400, "json-malformed", format!("the message is not JSON: {error}"))
        };
        Unread { id: id(), refusal }
    })?;
    let command = message.ptz.command().map_err(|mut faults| {
        for fault in &mut faults {
            fault.field = if fault.field.is_empty() { "ptz".into() } else { format!("ptz.{}", fault.field) };
        }
        Unread { id: Some(message.id), refusal: Refusal::invalid(faults) }
    })?;
    Ok(Asked { id: message.id, command })
}

/// The answer to a question: it is done, or why it is not.
#[must_use]
pub fn answer(id: Option<u64>, refused: Option<&Refusal>) -> String {
    let answer = Answer { id, ok: refused.is_none().then_some(true), problem: refused };
    serde_json::to_string(&answer).unwrap_or_default()
}

impl Move {
    /// What a camera is told.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn command(self) -> Result<PtzCommand, Vec<Fault>> {
        let mut faults = Vec::new();
        let Self { continuous, relative, absolute, stop, go_to } = self;
        let given =
            [continuous.is_some(), relative.is_some(), absolute.is_some(), stop.is_some(), go_to.is_some()];
        if given.into_iter().filter(|given| *given).count() != 1 {
            let text = "give exactly one of continuous, relative, absolute, stop, go_to";
            return Err(vec![fault("", "invalid", text)]);
        }
        let command = if let Some(Speed { pan, tilt, zoom, for_ms }) = continuous {
            within("continuous", [pan, tilt, zoom], &mut faults);
            let for_ms = for_ms.unwrap_or(USUAL_MS);
            if !(1..=MOST_MS).contains(&for_ms) {
                let text = format!("1 to {MOST_MS} milliseconds");
                faults.push(fault("continuous.for_ms", "out-of-range", text));
            }
            PtzCommand::Continuous { pan, tilt, zoom, for_ms }
        } else if let Some(Place { pan, tilt, zoom }) = relative {
            within("relative", [pan, tilt, zoom], &mut faults);
            PtzCommand::Relative { pan, tilt, zoom }
        } else if let Some(Place { pan, tilt, zoom }) = absolute {
            within("absolute", [pan, tilt, zoom], &mut faults);
            if zoom < 0.0 {
                faults.push(fault("absolute.zoom", "out-of-range", "a place's zoom is 0 to 1"));
            }
            PtzCommand::Absolute { pan, tilt, zoom }
        } else if let Some(preset) = go_to {
            if !is_preset(&preset) {
                faults.push(fault("go_to", "invalid", "the token of a place, as the camera lists it"));
            }
            PtzCommand::GoTo { preset }
        } else {
            if stop == Some(false) {
                faults.push(fault("stop", "invalid", "to move on, say how"));
            }
            PtzCommand::Stop
        };
        if faults.is_empty() { Ok(command) } else { Err(faults) }
    }
}

impl Refusal {
    /// A refusal with what exactly is wrong; `status` is one of those named here, or the words are general.
    #[must_use]
    pub fn new(status: u16, code: &str, detail: String) -> Self {
        let title = match status {
            400 => "Bad Request",
            403 => "Forbidden",
            409 => "Conflict",
            413 => "Payload Too Large",
            422 => "Unprocessable Entity",
            503 => "Service Unavailable",
            504 => "Gateway Timeout",
            _ => "Error",
        };
        Self { code: code.to_owned(), title: title.to_owned(), status, detail, errors: Vec::new() }
    }

    fn invalid(errors: Vec<Fault>) -> Self {
        let detail = match errors.as_slice() {
            [one] if one.field.is_empty() => one.text.clone(),
            [one] => format!("{}: {}", one.field, one.text),
            many => format!("{} fields cannot be taken as they are", many.len()),
        };
        Self { errors, ..Self::new(422, "validation-failed", detail) }
    }
}

/// Whether this may be a camera's token of a place that it remembers.
#[must_use]
pub fn is_preset(token: &str) -> bool {
    (1..=LONGEST_PRESET).contains(&token.len()) && !token.chars().any(char::is_control)
}

/// How long a camera goes on by itself once it was told this.
#[must_use]
pub fn goes_on_for(command: &PtzCommand) -> Option<Duration> {
    match command {
        PtzCommand::Continuous { for_ms, .. } => Some(Duration::from_millis((*for_ms).into())),
        _ => None,
    }
}

fn within(field: &str, parts: [f64; 3], faults: &mut Vec<Fault>) {
    for (name, part) in ["pan", "tilt", "zoom"].into_iter().zip(parts) {
        if !(-1.0..=1.0).contains(&part) {
            faults.push(fault(&format!("{field}.{name}"), "out-of-range", "-1 to 1"));
        }
    }
}

fn fault(field: &str, code: &'static str, text: impl Into<String>) -> Fault {
    Fault { field: field.to_owned(), code, text: text.into() }
}

/// Most bytes of one message of a player: several times the longest move.
pub const LONGEST: usize = 1_024;
/// Longer moves belong to a key that is held, and said again.
const MOST_MS: u32 = 5_000;
/// How long a camera moves that was not told for how long, ms.
const USUAL_MS: u32 = 1_000;
/// ONVIF's reference tokens have 64 characters; cameras have been seen with more.
const LONGEST_PRESET: usize = 256;

#[cfg(test)]
mod tests;
