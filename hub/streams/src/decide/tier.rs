//! Which stream of a camera.

use std::cmp::Reverse;

use sluice_ids::Tier;

use super::{Inputs, Offered, Tile};
use crate::{
    refusal::{Refusal, RefusalCode},
    why::Why,
};

/// The streams that may be taken, and the reason if only one may.
pub(super) fn considered<'a>(inputs: &Inputs<'a>) -> Result<(Vec<&'a Offered>, Option<Why>), Refusal> {
    let (camera, wish) = (inputs.camera, inputs.wish);
    let (tier, because) = match (wish.tier, camera.pinned_tier) {
        (Some(asked), Some(pinned)) if asked != pinned => {
            return Err(Refusal::about(RefusalCode::TierPinned, pinned.as_str()));
        }
        (Some(asked), _) => (asked, Why::TierAsked),
        (None, Some(pinned)) => (pinned, Why::TierPinned),
        (None, None) if camera.tiers.is_empty() => return Err(Refusal::new(RefusalCode::TierUnavailable)),
        (None, None) => return Ok((camera.tiers.iter().collect(), None)),
    };
    let offered = camera.tiers.iter().find(|offered| offered.tier == tier);
    let offered = offered.ok_or_else(|| Refusal::about(RefusalCode::TierUnavailable, tier.as_str()))?;
    Ok((vec![offered], Some(because)))
}

/// The one that fits the tile best.
pub(super) fn best<'a>(tiers: &[&'a Offered], tile: Option<Tile>) -> Option<(&'a Offered, Why)> {
    if let [only] = tiers {
        return Some((only, Why::TierOnlyOne));
    }
    let smallest = tiers.iter().copied().min_by_key(|offered| (height(offered), Reverse(offered.tier)))?;
    let Some(tile) = tile else {
        return Some((smallest, Why::TierSmallest));
    };
    // A picture may be stretched a little: the eye does not see it, and the site's uplink does.
    let enough = u64::from(tile.height) * STRETCH_PERCENT / 100;
    let fills = tiers.iter().copied().filter(|offered| u64::from(height(offered)) >= enough);
    match fills.min_by_key(|offered| (height(offered), Reverse(offered.tier))) {
        Some(offered) => Some((offered, Why::TierByTile)),
        None => {
            let largest =
                tiers.iter().copied().max_by_key(|offered| (height(offered), Reverse(offered.tier)))?;
            Some((largest, Why::TierLargest))
        }
    }
}

/// The height in pixels, or what cameras usually send where it is not known yet.
pub(crate) fn height(offered: &Offered) -> u32 {
    match (offered.height, offered.tier) {
        (0, Tier::Main) => 1_080,
        (0, Tier::Sub) => 480,
        (0, Tier::Third) => 240,
        (known, _) => known,
    }
}

/// A picture of this share of the tile's height fills it.
const STRETCH_PERCENT: u64 = 75;
