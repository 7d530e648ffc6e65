use std::time::{Duration, Instant};

use serde::Serialize;

/// A move without a limit of its own ends by itself after this long, as on real heads.
pub(super) const MOVE_LIMIT: Duration = Duration::from_secs(10);
/// Presets a head keeps.
pub(super) const MAX_PRESETS: usize = 32;
/// Units of the generic spaces in a second at full speed: from one end to the other in four seconds.
const FULL_SPEED: f64 = 0.5;

/// Where the head looks, and whether it moves. Pan and tilt from -1 to 1, zoom from 0 to 1.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct PtzStatus {
    /// From -1 (left) to 1.
    pub pan: f64,
    /// From -1 (down) to 1.
    pub tilt: f64,
    /// From 0 (wide) to 1.
    pub zoom: f64,
    /// Whether it pans or tilts now.
    pub pan_tilt_moving: bool,
    /// Whether it zooms now.
    pub zoom_moving: bool,
}

/// Axes that a command is about; the others go on as they are.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Vector {
    pub(super) pan: Option<f64>,
    pub(super) tilt: Option<f64>,
    pub(super) zoom: Option<f64>,
}

/// The head of one camera. Pure: it is where its last commands bring it by the time it is asked.
#[derive(Debug, Default)]
pub(crate) struct Head {
    pan: Axis,
    tilt: Axis,
    zoom: Axis,
    presets: Vec<(String, String, PtzStatus)>,
    made: u32,
}

#[derive(Debug, Default, Clone, Copy)]
struct Axis {
    at: f64,
    motion: Option<Motion>,
}

#[derive(Debug, Clone, Copy)]
struct Motion {
    since: Instant,
    until: Instant,
    /// Units a second.
    speed: f64,
}

impl Axis {
    fn place(self, now: Instant, least: f64) -> f64 {
        let way = self.motion.map_or(0.0, |motion| {
            motion.speed * now.min(motion.until).saturating_duration_since(motion.since).as_secs_f64()
        });
        (self.at + way).clamp(least, 1.0)
    }

    fn moving(self, now: Instant) -> bool {
        self.motion.is_some_and(|motion| now < motion.until && motion.speed != 0.0)
    }

    fn stop(&mut self, now: Instant, least: f64) {
        *self = Self { at: self.place(now, least), motion: None };
    }

    fn go(&mut self, now: Instant, least: f64, speed: f64, until: Instant) {
        self.stop(now, least);
        self.motion = Some(Motion { since: now, until, speed });
    }

    fn go_to(&mut self, now: Instant, least: f64, target: f64) {
        self.stop(now, least);
        let way = target.clamp(least, 1.0) - self.at;
        let takes = Duration::from_secs_f64(way.abs() / FULL_SPEED);
        self.motion = Some(Motion { since: now, until: now + takes, speed: FULL_SPEED.copysign(way) });
    }
}

impl Head {
    fn axes(&mut self, vector: Vector) -> [(&mut Axis, Option<f64>, f64); 3] {
        [
            (&mut self.pan, vector.pan, -1.0),
            (&mut self.tilt, vector.tilt, -1.0),
            (&mut self.zoom, vector.zoom, 0.0),
        ]
    }

    /// Moves at this part of full speed until stopped, at the longest for `limit`.
    pub(super) fn go_on(&mut self, now: Instant, velocity: Vector, limit: Option<Duration>) {
        let until = now + limit.unwrap_or(MOVE_LIMIT).min(6 * MOVE_LIMIT);
        for (axis, speed, least) in self.axes(velocity) {
            if let Some(speed) = speed {
                axis.go(now, least, speed.clamp(-1.0, 1.0) * FULL_SPEED, until);
            }
        }
    }

    pub(super) fn go_by(&mut self, now: Instant, way: Vector) {
        for (axis, way, least) in self.axes(way) {
            if let Some(way) = way {
                axis.go_to(now, least, axis.place(now, least) + way);
            }
        }
    }

    pub(super) fn go_to(&mut self, now: Instant, target: Vector) {
        for (axis, target, least) in self.axes(target) {
            if let Some(target) = target {
                axis.go_to(now, least, target);
            }
        }
    }

    pub(super) fn stop(&mut self, now: Instant, pan_tilt: bool, zoom: bool) {
        let mark = |stops: bool| stops.then_some(0.0);
        let axes = Vector { pan: mark(pan_tilt), tilt: mark(pan_tilt), zoom: mark(zoom) };
        for (axis, stops, least) in self.axes(axes) {
            if stops.is_some() {
                axis.stop(now, least);
            }
        }
    }

    pub(crate) fn status(&self, now: Instant) -> PtzStatus {
        PtzStatus {
            pan: self.pan.place(now, -1.0),
            tilt: self.tilt.place(now, -1.0),
            zoom: self.zoom.place(now, 0.0),
            pan_tilt_moving: self.pan.moving(now) || self.tilt.moving(now),
            zoom_moving: self.zoom.moving(now),
        }
    }

    pub(super) fn presets(&self) -> impl Iterator<Item = (&str, &str, &PtzStatus)> {
        self.presets.iter().map(|(token, name, at)| (token.as_str(), name.as_str(), at))
    }

    /// Keeps where it looks, as this preset or a new one; its token. `None` when there is no room.
    pub(super) fn keep(&mut self, now: Instant, token: Option<&str>, name: Option<&str>) -> Option<String> {
        let at = PtzStatus { pan_tilt_moving: false, zoom_moving: false, ..self.status(now) };
        if let Some(kept) = self.presets.iter_mut().find(|(known, ..)| Some(known.as_str()) == token) {
            kept.1 = name.unwrap_or(&kept.1).to_owned();
            kept.2 = at;
            return Some(kept.0.clone());
        }
        if self.presets.len() >= MAX_PRESETS {
            return None;
        }
        self.made += 1;
        let token = token.map_or_else(|| format!("preset_{}", self.made), str::to_owned);
        let name = name.map_or_else(|| format!("Preset {}", self.made), str::to_owned);
        self.presets.push((token.clone(), name, at));
        Some(token)
    }

    /// Whether there is such a preset.
    pub(super) fn go_to_preset(&mut self, now: Instant, token: &str) -> bool {
        let Some((.., at)) = self.presets.iter().find(|(known, ..)| known == token) else { return false };
        let target = Vector { pan: Some(at.pan), tilt: Some(at.tilt), zoom: Some(at.zoom) };
        self.go_to(now, target);
        true
    }

    /// Whether there was such a preset.
    pub(super) fn forget(&mut self, token: &str) -> bool {
        let before = self.presets.len();
        self.presets.retain(|(known, ..)| known != token);
        self.presets.len() < before
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[expect(clippy::disallowed_methods, reason = "any beginning will do")]
    fn start() -> Instant {
        Instant::now()
    }

    const fn pan(way: f64) -> Vector {
        Vector { pan: Some(way), tilt: None, zoom: None }
    }

    #[test]
    fn a_move_lasts_until_stopped_or_its_limit() {
        let (now, mut head) = (start(), Head::default());
        head.go_on(now, pan(-0.5), None);
        let second = now + Duration::from_secs(1);
        assert!(head.status(second).pan_tilt_moving && !head.status(second).zoom_moving);
        head.stop(second, true, true);
        let later = head.status(now + Duration::from_secs(9));
        assert!((later.pan + 0.25).abs() < 1e-9 && !later.pan_tilt_moving, "{later:?}");
        head.go_on(second, pan(0.1), Some(Duration::from_secs(2)));
        let ended = head.status(now + Duration::from_secs(60));
        assert!((ended.pan + 0.15).abs() < 1e-9 && !ended.pan_tilt_moving, "{ended:?}");
    }

    #[test]
    fn presets_bring_it_back() {
        let (now, mut head) = (start(), Head::default());
        head.go_to(now, Vector { pan: Some(0.5), tilt: Some(-0.5), zoom: Some(1.0) });
        let there = now + Duration::from_secs(5);
        let token = head.keep(there, None, Some("Gate")).unwrap();
        head.go_by(there, pan(-1.0));
        assert!((head.status(there + Duration::from_secs(5)).pan + 0.5).abs() < 1e-9);
        let back = there + Duration::from_secs(5);
        assert!(head.go_to_preset(back, &token) && !head.go_to_preset(back, "none"));
        let status = head.status(back + Duration::from_secs(5));
        assert!((status.pan - 0.5).abs() < 1e-9 && (status.zoom - 1.0).abs() < 1e-9, "{status:?}");
        assert!(head.forget(&token) && !head.forget(&token));
    }

    proptest! {
        #[test]
        fn whatever_is_asked_it_stays_in_its_range(moves in prop::collection::vec((0..4, -9.0..9.0_f64, 0..4_000_u64), 0..30)) {
            let (mut now, mut head) = (start(), Head::default());
            for (kind, way, millis) in moves {
                let vector = Vector { pan: Some(way), tilt: None, zoom: Some(-way) };
                match kind {
                    0 => head.go_on(now, vector, None),
                    1 => head.go_by(now, vector),
                    2 => head.go_to(now, vector),
                    _ => head.stop(now, true, false),
                }
                now += Duration::from_millis(millis);
                let at = head.status(now);
                prop_assert!((-1.0..=1.0).contains(&at.pan) && at.tilt == 0.0 && (0.0..=1.0).contains(&at.zoom));
            }
        }
    }
}
