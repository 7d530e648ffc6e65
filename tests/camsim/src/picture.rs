use time::OffsetDateTime;

use crate::{clock, font};

/// One plane of a picture, rows without gaps.
#[derive(Debug, Clone)]
pub(crate) struct Plane {
    pub(crate) pixels: Vec<u8>,
    pub(crate) width: usize,
    pub(crate) height: usize,
}

impl Plane {
    fn new(width: usize, height: usize, level: u8) -> Self {
        Self { pixels: vec![level; width * height], width, height }
    }

    /// Fills a rectangle; what lies outside is cut.
    pub(crate) fn fill(&mut self, x: usize, y: usize, (width, height): (usize, usize), level: u8) {
        let right = (x + width).min(self.width);
        if x >= right {
            return;
        }
        for row in y..(y + height).min(self.height) {
            self.pixels[row * self.width + x..row * self.width + right].fill(level);
        }
    }

    fn disc(&mut self, (x, y): (i64, i64), radius: i64, level: u8) {
        for dy in -radius..=radius {
            let half = (radius * radius - dy * dy).isqrt();
            if let (Ok(left), Ok(row), Ok(width)) =
                (usize::try_from(x - half), usize::try_from(y + dy), usize::try_from(2 * half))
            {
                self.fill(left, row, (width, 1), level);
            }
        }
    }
}

/// A picture in I420.
#[derive(Debug, Clone)]
pub(crate) struct Canvas {
    pub(crate) luma: Plane,
    pub(crate) blue: Plane,
    pub(crate) red: Plane,
}

/// What a camera looks at: a still, tinted ground with its name, the wall clock, and things that move.
/// The ground is still on purpose: still blocks cost the encoder next to nothing.
#[derive(Debug)]
pub(crate) struct Scene {
    canvas: Canvas,
    ground: Canvas,
    accent: (u8, u8),
}

impl Scene {
    /// The scene of camera number `index`, which sets its tint. `width` and `height` are even.
    pub(crate) fn new((width, height): (usize, usize), name: &str, index: usize) -> Self {
        let tint = |swing: f64| {
            // The golden angle sets neighbours far apart on the colour wheel.
            let angle = (index as f64 * 137.5).to_radians();
            ((128.0 + swing * angle.cos()) as u8, (128.0 + swing * angle.sin()) as u8)
        };
        let (blue, red) = tint(18.0);
        let mut ground = Canvas {
            luma: Plane::new(width, height, 0),
            blue: Plane::new(width / 2, height / 2, blue),
            red: Plane::new(width / 2, height / 2, red),
        };
        let step = (width / 16).max(2);
        for (y, row) in ground.luma.pixels.chunks_mut(width).enumerate() {
            for (x, pixel) in row.iter_mut().enumerate() {
                let line = if x % step == 0 || y % step == 0 { 14 } else { 0 };
                *pixel = (44 + 48 * y / height + 16 * x / width) as u8 + line;
            }
        }
        let scale = (width / 213).max(1);
        font::write(&mut ground.luma, name, (2 * scale, 5 * width / 80), scale, 226);
        Self { canvas: ground.clone(), ground, accent: tint(-80.0) }
    }

    /// Paints the picture of this moment, with the time burnt in.
    pub(crate) fn paint(&mut self, unix_millis: i64) -> &Canvas {
        self.paint_moving(unix_millis);
        let width = self.canvas.luma.width;
        let scale = (width / 213).max(1);
        let below = self.canvas.luma.height.saturating_sub((font::HEIGHT + 3) * scale);
        font::write(&mut self.canvas.luma, &wall_clock(unix_millis), (2 * scale, below), scale, 226);
        clock::draw(&mut self.canvas.luma.pixels, width, width, u64::try_from(unix_millis).unwrap_or(0));
        &self.canvas
    }

    /// Paints a picture without any time, full of grain: real detail for the encoder. `at_millis` places what moves.
    pub(crate) fn paint_grain(&mut self, at_millis: i64, grain: &mut Grain) -> &Canvas {
        self.paint_moving(at_millis);
        for pixel in &mut self.canvas.luma.pixels {
            *pixel = pixel.saturating_add(grain.next());
        }
        &self.canvas
    }

    /// The picture as it was painted last.
    pub(crate) fn still(&self) -> &Canvas {
        &self.canvas
    }

    fn paint_moving(&mut self, millis: i64) {
        self.canvas.luma.pixels.copy_from_slice(&self.ground.luma.pixels);
        self.canvas.blue.pixels.copy_from_slice(&self.ground.blue.pixels);
        self.canvas.red.pixels.copy_from_slice(&self.ground.red.pixels);
        let (width, height) = (self.canvas.luma.width as f64, self.canvas.luma.height as f64);
        let turn = |period: i64| millis.rem_euclid(period) as f64 / period as f64;
        let swing = |period: i64| (turn(period) * std::f64::consts::TAU).sin();
        let x = (width * (0.5 + 0.38 * swing(7_000))) as i64;
        let y = (height * (0.55 + 0.22 * swing(4_300))) as i64;
        let radius = (height / 11.0) as i64;
        self.canvas.luma.disc((x, y), radius, 190);
        self.canvas.blue.disc((x / 2, y / 2), radius / 2, self.accent.0);
        self.canvas.red.disc((x / 2, y / 2), radius / 2, self.accent.1);
        // One sweep a second along the lower edge: a stutter shows at once.
        let bar = (width / 40.0) as usize;
        let place = (turn(1_000) * width) as usize / 2 * 2;
        let bottom = self.canvas.luma.height;
        self.canvas.luma.fill(place, bottom - bottom / 60 - 1, (bar, bottom / 60 + 1), 210);
    }
}

/// Grain of a picture sensor: xorshift, so that a loop is the same on every machine.
#[derive(Debug)]
pub(crate) struct Grain {
    state: u64,
    strength: u8,
}

impl Grain {
    /// Grain in `0..strength` luma levels.
    pub(crate) fn new(strength: u8) -> Self {
        Self { state: 0x9E37_79B9_7F4A_7C15, strength: strength.max(1) }
    }

    fn next(&mut self) -> u8 {
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        (self.state >> 40) as u8 % self.strength
    }
}

fn wall_clock(unix_millis: i64) -> String {
    let at = OffsetDateTime::from_unix_timestamp_nanos(i128::from(unix_millis) * 1_000_000)
        .unwrap_or(OffsetDateTime::UNIX_EPOCH);
    let (year, month, day) = at.to_calendar_date();
    let (hour, minute, second, millis) = at.to_hms_milli();
    let month = u8::from(month);
    format!("{year}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}.{millis:03} UTC")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_in_a_picture_is_the_time_it_was_painted() {
        for size in [(640, 360), (1280, 720), (320, 180)] {
            let mut scene = Scene::new(size, "Gate", 3);
            let canvas = scene.paint(1_795_262_400_123);
            let read = clock::read(&canvas.luma.pixels, size.0, size.0, size.1);
            assert_eq!(read, Some(1_795_262_400_123));
        }
    }

    #[test]
    fn the_wall_clock_is_utc_to_the_millisecond() {
        assert_eq!(wall_clock(1_795_262_400_123), "2026-11-21 12:00:00.123 UTC");
        assert_eq!(wall_clock(0), "1970-01-01 00:00:00.000 UTC");
    }

    #[test]
    fn two_moments_differ_and_a_still_does_not() {
        let mut scene = Scene::new((640, 360), "Gate", 0);
        let first = scene.paint(1_000).clone();
        assert_eq!(scene.still().luma.pixels, first.luma.pixels);
        assert_ne!(scene.paint(1_067).luma.pixels, first.luma.pixels);
    }
}
