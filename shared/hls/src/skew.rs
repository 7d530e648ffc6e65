/// The wall clock against a media timeline, in milliseconds: the least difference of the last 5 to 10 s, because
/// what delays a picture on its way only ever adds.
#[derive(Debug, Clone, Default)]
pub(crate) struct Skew {
    began_ms: i64,
    current: Option<i64>,
    before: Option<i64>,
    turned: bool,
}

impl Skew {
    pub(crate) fn seeded(media_ms: i64, offset: i64) -> Self {
        Self { began_ms: media_ms, current: None, before: Some(offset), turned: false }
    }

    pub(crate) fn observe(&mut self, media_ms: i64, wall_ms: i64) {
        let offset = wall_ms.saturating_sub(media_ms);
        if self.current.is_none() && self.before.is_none() {
            self.began_ms = media_ms;
        }
        if (media_ms - self.began_ms).abs() >= BUCKET_MS {
            (self.before, self.current, self.began_ms, self.turned) = (self.current, None, media_ms, true);
        }
        self.current = Some(self.current.map_or(offset, |least| least.min(offset)));
    }

    /// Whether it has seen so much that one late packet is not all it knows.
    pub(crate) fn is_mature(&self) -> bool {
        self.current.is_some() && self.before.is_some() && self.turned
    }

    /// Wall clock minus media time; nothing before the first observation.
    pub(crate) fn offset(&self) -> Option<i64> {
        match (self.current, self.before) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        }
    }
}

/// Longer than any burst of late packets, shorter than a drift that is heard.
const BUCKET_MS: i64 = 5_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lateness_is_ignored_and_a_lasting_change_is_followed() {
        let mut skew = Skew::default();
        assert_eq!(skew.offset(), None);
        for n in 0..200 {
            skew.observe(n * 40, 1_000_000 + n * 40 + if n % 7 == 0 { 0 } else { 80 });
        }
        assert_eq!(skew.offset(), Some(1_000_000));
        for n in 200..700 {
            skew.observe(n * 40, 1_000_120 + n * 40);
        }
        assert_eq!(skew.offset(), Some(1_000_120));
    }
}
