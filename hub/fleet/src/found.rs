use std::sync::Arc;

use sluice_hub_store::Device;
use sluice_ids::{DeviceId, TenantId, UnixMillis};
use sluice_wire::control::{CameraEvent, Found, FoundCamera};

/// What a device found on its networks, as it last said. Gone when the device goes from the registry.
#[derive(Debug, Clone, PartialEq)]
pub struct DeviceFound {
    /// Which device.
    pub device: DeviceId,
    /// Whose.
    pub tenant: TenantId,
    /// Whether it is searching.
    pub searching: bool,
    /// At most [`MOST_FOUND`], each with a key.
    pub cameras: Vec<FoundCamera>,
    /// How many more there are than are known here.
    pub left_out: u32,
}

/// Something a camera noticed, and whose camera it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CameraHappened {
    /// Whose.
    pub tenant: TenantId,
    /// What.
    pub event: CameraEvent,
}

impl DeviceFound {
    /// What a device of the registry says, cut to what is kept: a broken device does not fill the hub.
    pub(crate) fn of(row: &Device, mut found: Found) -> Arc<Self> {
        let told = found.cameras.len();
        found.cameras.retain(|camera| (1..=LONGEST_KEY).contains(&camera.key.len()));
        found.cameras.truncate(MOST_FOUND);
        let gone = u32::try_from(told - found.cameras.len()).unwrap_or(u32::MAX);
        found.cameras.iter_mut().for_each(shorten);
        Arc::new(Self {
            device: row.id,
            tenant: row.tenant,
            searching: found.searching,
            cameras: found.cameras,
            left_out: found.left_out.saturating_add(gone),
        })
    }

    /// One of its cameras.
    #[must_use]
    pub fn camera(&self, key: &str, channel: u32) -> Option<&FoundCamera> {
        self.cameras.iter().find(|camera| camera.key == key && camera.channel == channel)
    }

    /// Whether the difference is worth an event: anything but that a camera answered once more.
    pub(crate) fn is_news_after(&self, before: &Self) -> bool {
        let still = |camera: &FoundCamera| FoundCamera {
            last_seen: UnixMillis(0),
            clock_offset_ms: None,
            ..camera.clone()
        };
        self.searching != before.searching
            || self.left_out != before.left_out
            || self.cameras.len() != before.cameras.len()
            || self.cameras.iter().zip(&before.cameras).any(|(now, then)| still(now) != still(then))
    }
}

fn shorten(camera: &mut FoundCamera) {
    camera.tiers.truncate(MOST_TIERS);
    let urls = camera.tiers.iter_mut().flat_map(|tier| [&mut tier.url, &mut tier.profile]);
    urls.chain([&mut camera.xaddr]).for_each(|text| cut(text, LONGEST_URL));
    let FoundCamera { name, manufacturer, model, firmware, serial, hardware_address, text, .. } = camera;
    for told in [name, manufacturer, model, firmware, serial, hardware_address, text] {
        cut(told, LONGEST_TEXT);
    }
    for tier in &mut camera.tiers {
        cut(&mut tier.encoder.codec, LONGEST_TEXT);
        cut(&mut tier.encoder.profile, LONGEST_TEXT);
    }
    cut(&mut camera.audio_codec, LONGEST_TEXT);
    cut(&mut camera.credential, LONGEST_TEXT);
}

/// Keeps the first `most` characters.
pub(crate) fn cut(text: &mut String, most: usize) {
    if let Some((end, _)) = text.char_indices().nth(most) {
        text.truncate(end);
    }
}

/// Cameras kept of one device: about 2 MB of words. The device keeps as many itself.
pub const MOST_FOUND: usize = 2_000;
/// A stream for each tier, and some that are none.
const MOST_TIERS: usize = 8;
/// Endpoint references are UUIDs, hardware addresses shorter; a cut key would name another camera.
const LONGEST_KEY: usize = 255;
const LONGEST_URL: usize = 2_000;
/// A device's words are shown to people.
const LONGEST_TEXT: usize = 300;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::roster::fixtures;

    fn found(cameras: Vec<FoundCamera>) -> Arc<DeviceFound> {
        DeviceFound::of(&fixtures::device(1, 1), Found { searching: false, cameras, left_out: 1 })
    }

    #[test]
    fn what_a_broken_device_says_is_cut_to_what_is_kept() {
        let camera = |n: usize| FoundCamera {
            key: n.to_string(),
            name: "é".repeat(1_000),
            xaddr: "x".repeat(10_000),
            ..FoundCamera::default()
        };
        let mut many: Vec<_> = (0..MOST_FOUND + 10).map(camera).collect();
        many[0].key.clear();
        many[1].key = "k".repeat(LONGEST_KEY + 1);
        let kept = found(many);
        assert_eq!((kept.cameras.len(), kept.left_out), (MOST_FOUND, 11));
        assert_eq!(kept.cameras[0].key, "2");
        assert_eq!((kept.cameras[0].name.chars().count(), kept.cameras[0].xaddr.len()), (300, 2_000));
    }

    #[test]
    fn a_camera_that_answers_again_is_no_news() {
        let camera = FoundCamera { key: "a".into(), ..FoundCamera::default() };
        let before = found(vec![camera.clone()]);
        let again = FoundCamera { last_seen: UnixMillis(9), clock_offset_ms: Some(3), ..camera.clone() };
        assert!(!found(vec![again]).is_news_after(&before));
        let named = FoundCamera { name: "gate".into(), ..camera };
        assert!(found(vec![named]).is_news_after(&before));
        assert!(found(vec![]).is_news_after(&before));
    }
}
