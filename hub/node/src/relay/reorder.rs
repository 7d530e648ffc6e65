use sluice_media::AccessUnit;

/// Finds B-frames by what they do: a picture is sent behind one that is shown after it. What a camera declares is
/// known to control; this holds also for the first moments of a camera, and for one that was set otherwise since.
#[derive(Debug, Default)]
pub(super) struct Reorder {
    last: Option<i64>,
    pictures: u32,
    back: u32,
    found: bool,
}

impl Reorder {
    /// Looks at the line's next picture. `true` for the one that makes it certain, and never again.
    pub(super) fn look(&mut self, unit: &AccessUnit) -> bool {
        self.look_at(unit.timestamp)
    }

    /// Whether it is certain.
    pub(super) fn found(&self) -> bool {
        self.found
    }

    fn look_at(&mut self, timestamp: i64) -> bool {
        let back = self.last.replace(timestamp).is_some_and(|last| timestamp < last);
        self.pictures += 1;
        self.back += u32::from(back);
        let certain = !self.found && self.back == CERTAIN;
        self.found |= certain;
        if self.pictures == WINDOW {
            (self.pictures, self.back) = (0, 0);
        }
        certain
    }
}

/// A camera's clock may step back once; a picture between two others comes again and again.
const CERTAIN: u32 = 3;
const WINDOW: u32 = 50;

#[cfg(test)]
mod tests {
    use super::*;

    fn found_at(timestamps: impl IntoIterator<Item = i64>) -> Option<usize> {
        let mut reorder = Reorder::default();
        timestamps.into_iter().position(|timestamp| reorder.look_at(timestamp))
    }

    #[test]
    fn pictures_between_others_are_found_within_the_first_dozen() {
        let order = [0, 3, 1, 2, 6, 4, 5, 9, 7, 8].map(|picture| picture * 3_600);
        assert_eq!(found_at(order), Some(8));
    }

    #[test]
    fn a_clock_that_steps_back_now_and_then_is_no_such_stream() {
        let steps = (0..1_000).map(|picture: i64| picture * 3_600 - picture / 40 * 7_200);
        assert_eq!(found_at(steps), None);
    }

    #[test]
    fn it_is_told_once() {
        let mut reorder = Reorder::default();
        let told = (0..200_i64).filter(|picture| reorder.look_at(picture ^ 1)).count();
        assert_eq!((told, reorder.found()), (1, true));
    }
}
