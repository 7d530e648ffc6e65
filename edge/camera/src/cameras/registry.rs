//! Which camera is served by which unit.

use std::{collections::BTreeMap, sync::Arc};

use sluice_guardian::Fingerprint;
use sluice_ids::{CameraId, Tier};
use sluice_wire::control::DesiredCamera;
use url::Url;

use super::{
    Known, Shared,
    key_frames::Wishes,
    unit::{Served, Unit},
};

/// A device and who asks it.
type Place = (String, Option<Fingerprint>);

#[derive(Debug, Default)]
pub(super) struct Registry {
    seats: BTreeMap<CameraId, Seat>,
    units: BTreeMap<Place, Arc<Unit>>,
    /// Where devices answer now, by key.
    moved: BTreeMap<String, Url>,
}

#[derive(Debug)]
struct Seat {
    camera: DesiredCamera,
    unit: Option<Arc<Unit>>,
    wishes: BTreeMap<Tier, Wishes>,
}

/// As many as the inventory keeps.
const MAX_MOVED: usize = 2_000;

impl Registry {
    /// Notes where a device answers. Whether a camera of the registry is meant and that is news.
    pub(super) fn moves(&mut self, key: &str, xaddr: &Url) -> bool {
        if key.is_empty() || self.moved.get(key) == Some(xaddr) {
            return false;
        }
        if !self.moved.contains_key(key) && self.moved.len() >= MAX_MOVED {
            return false;
        }
        self.moved.insert(key.to_owned(), xaddr.clone());
        self.seats.values().any(|seat| seat.camera.onvif.as_ref().is_some_and(|onvif| onvif.key == key))
    }

    pub(super) fn cameras(&self) -> Vec<DesiredCamera> {
        self.seats.values().map(|seat| seat.camera.clone()).collect()
    }

    pub(super) fn camera(&self, camera: CameraId) -> Option<&DesiredCamera> {
        self.seats.get(&camera).map(|seat| &seat.camera)
    }

    /// Who serves a camera; `None` for one without an ONVIF side.
    pub(super) fn unit(&self, camera: CameraId) -> Option<Arc<Unit>> {
        self.seats.get(&camera)?.unit.clone()
    }

    pub(super) fn wishes(&mut self, camera: CameraId, tier: Tier) -> Option<&mut Wishes> {
        Some(self.seats.get_mut(&camera)?.wishes.entry(tier).or_default())
    }

    /// Whether a camera sends key frames when asked: one stream that does is enough.
    pub(super) fn sync_point(&self, camera: CameraId) -> Option<bool> {
        let helps = self.seats.get(&camera)?.wishes.values().filter_map(Wishes::helps);
        helps.reduce(|one, other| one || other)
    }

    /// Where a camera's device is: where it was seen last, or where the registry has it.
    pub(super) fn xaddr(&self, camera: &DesiredCamera) -> Option<Url> {
        let onvif = camera.onvif.as_ref()?;
        let moved = self.moved.get(&onvif.key).cloned();
        moved.or_else(|| Url::parse(&onvif.xaddr).ok()).filter(Url::has_host)
    }

    /// A URL at the host where the camera's device is now, if it named the host where the registry has the device.
    pub(super) fn rewrite(&self, camera: CameraId, url: &str) -> String {
        let here = || {
            let camera = self.camera(camera)?;
            let onvif = camera.onvif.as_ref()?;
            let (was, is) = (Url::parse(&onvif.xaddr).ok()?, self.moved.get(&onvif.key)?);
            let mut url = Url::parse(url).ok()?;
            if was.host_str() == is.host_str() || url.host_str() != was.host_str() {
                return None;
            }
            url.set_host(is.host_str()).ok()?;
            Some(url.into())
        };
        here().unwrap_or_else(|| url.to_owned())
    }
}

impl Shared {
    pub(super) fn apply(self: &Arc<Self>, cameras: &[DesiredCamera]) {
        let ended = {
            let mut registry = self.registry();
            let (mut seats, mut units) = (BTreeMap::new(), BTreeMap::<Place, Arc<Unit>>::new());
            let mut served: BTreeMap<Place, Vec<Served>> = BTreeMap::new();
            for camera in cameras {
                let unit = self.seat(&registry, camera, &mut units, &mut served);
                let wishes =
                    registry.seats.remove(&camera.camera_id).map(|seat| seat.wishes).unwrap_or_default();
                seats.insert(camera.camera_id, Seat { camera: camera.clone(), unit, wishes });
            }
            registry.seats = seats;
            self.note(&registry);
            for (place, unit) in &units {
                unit.serve(served.remove(place).unwrap_or_default());
            }
            std::mem::replace(&mut registry.units, units)
        };
        let registry = self.registry();
        for (place, unit) in ended {
            if !registry.units.contains_key(&place) {
                unit.end();
            }
        }
    }

    /// The unit of a camera: one that runs already wherever possible.
    fn seat(
        self: &Arc<Self>,
        registry: &Registry,
        camera: &DesiredCamera,
        units: &mut BTreeMap<Place, Arc<Unit>>,
        served: &mut BTreeMap<Place, Vec<Served>>,
    ) -> Option<Arc<Unit>> {
        let xaddr = registry.xaddr(camera)?;
        let credentials = (self.open)(camera);
        let place = (xaddr.to_string(), self.connector.fingerprint(credentials.as_ref()));
        let unit = match (units.get(&place), registry.units.get(&place)) {
            (Some(unit), _) | (None, Some(unit)) => Arc::clone(unit),
            (None, None) => Unit::spawn(self, &xaddr, credentials),
        };
        units.insert(place.clone(), Arc::clone(&unit));
        served.entry(place).or_default().push(Served::of(camera));
        Some(unit)
    }

    /// Forgets cameras that are gone and makes room for new ones.
    fn note(&self, registry: &Registry) {
        self.known.send_if_modified(|all| {
            let before = all.len();
            all.retain(|camera, _| registry.unit(*camera).is_some());
            let mut changed = all.len() != before;
            for (camera, _) in registry.seats.iter().filter(|(_, seat)| seat.unit.is_some()) {
                all.entry(*camera).or_insert_with(|| {
                    changed = true;
                    Known::default()
                });
            }
            changed
        });
    }
}
