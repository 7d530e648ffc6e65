use crate::bits::Bits;

/// Passes over the short-term reference picture sets of a sequence parameter set (H.265 §7.3.7). What they hold
/// has to be followed all the same: a set may be told as the difference to the one before it.
pub(super) fn skip(bits: &mut Bits<'_>) -> Option<()> {
    let count = bits.ue_up_to(64)?;
    let mut set = Set::default();
    for n in 0..count {
        set = if n > 0 && bits.flag()? { predicted(bits, &set)? } else { told(bits)? };
    }
    Some(())
}

/// Distances in picture order to what stands before and after, nearest first.
#[derive(Debug, Default)]
struct Set {
    before: Vec<i64>,
    after: Vec<i64>,
}

fn told(bits: &mut Bits<'_>) -> Option<Set> {
    let (before, after) = (bits.ue_up_to(MAX_PICTURES)?, bits.ue_up_to(MAX_PICTURES)?);
    let mut side = |count: u32, sign: i64| {
        let mut distance = 0;
        let mut pictures = Vec::with_capacity(count as usize);
        for _ in 0..count {
            distance += sign * (i64::from(bits.ue_up_to(0x7fff)?) + 1);
            bits.skip(1)?;
            pictures.push(distance);
        }
        Some(pictures)
    };
    Some(Set { before: side(before, -1)?, after: side(after, 1)? })
}

/// §7.4.8, equations 7-61 and 7-62.
fn predicted(bits: &mut Bits<'_>, from: &Set) -> Option<Set> {
    let negative = bits.flag()?;
    let shift = i64::from(bits.ue_up_to(0x7fff)?) + 1;
    let shift = if negative { -shift } else { shift };
    let mut kept = Vec::with_capacity(from.before.len() + from.after.len() + 1);
    for _ in 0..=from.before.len() + from.after.len() {
        // used_by_curr_pic_flag, or else use_delta_flag.
        kept.push(bits.flag()? || bits.flag()?);
    }
    let (before, rest) = kept.split_at(from.before.len());
    let (after, own) = rest.split_at(from.after.len());
    let moved = |pictures: &[i64], kept: &[bool]| -> Vec<i64> {
        pictures.iter().zip(kept).filter(|(_, kept)| **kept).map(|(at, _)| at + shift).collect()
    };
    let (before, after) = (moved(&from.before, before), moved(&from.after, after));
    let own: Vec<i64> = own.iter().filter(|kept| **kept).map(|_| shift).collect();
    let side = |first: &[i64], last: &[i64], sign: i64| -> Vec<i64> {
        let all = first.iter().rev().chain(&own).chain(last);
        all.copied().filter(|at| at * sign > 0).take(MAX_PICTURES as usize).collect()
    };
    Some(Set { before: side(&after, &before, -1), after: side(&before, &after, 1) })
}

/// `sps_max_dec_pic_buffering_minus1` is at most 15.
const MAX_PICTURES: u32 = 16;

#[cfg(test)]
mod tests {
    use super::*;

    fn set(before: &[i64], after: &[i64]) -> Set {
        Set { before: before.to_vec(), after: after.to_vec() }
    }

    #[test]
    fn a_told_set_adds_up_its_steps() {
        // before 2, after 1; steps 1, 2 and 1, each with its flag.
        let bytes = [0b0110_1011, 0b0101_1100];
        let mut bits = Bits::plain(&bytes);
        let got = told(&mut bits).unwrap();
        assert_eq!((got.before, got.after), (vec![-1, -3], vec![1]));
    }

    #[test]
    fn a_predicted_set_is_the_one_before_shifted() {
        // Shift -1; all four kept.
        let got = predicted(&mut Bits::plain(&[0b1111_1100]), &set(&[-1, -3], &[1])).unwrap();
        assert_eq!((got.before, got.after), (vec![-1, -2, -4], vec![]), "the one at distance 0 is left out");
    }

    #[test]
    fn more_pictures_than_the_standard_allows_end_it() {
        assert!(told(&mut Bits::plain(&[0, 0, 0, 1, 0, 0, 0])).is_none());
    }
}
