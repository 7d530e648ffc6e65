//! Which camera is served by which contact.

use std::{collections::BTreeMap, sync::Arc};

use sluice_guardian::Fingerprint;
use sluice_ids::{CameraId, Tier};
use sluice_wire::control::DesiredCamera;
use url::Url;

use super::{
    Known, Shared,
    contact::{Contact, Served},
    key_frames::Wishes,
};
use crate::{Credentials, discovery::Registered};

/// A device and who asks it.
type Place = (String, Option<Fingerprint>);

#[derive(Debug, Default)]
pub(super) struct Registry {
    seats: BTreeMap<CameraId, Seat>,
    contacts: BTreeMap<Place, Arc<Contact>>,
    /// Where devices answer now, by key.
    moved: BTreeMap<String, Url>,
}

#[derive(Debug)]
struct Seat {
    camera: DesiredCamera,
    /// Opened once: a seal costs a tenth of a millisecond, and a site has a thousand.
    credentials: Option<Credentials>,
    contact: Option<Arc<Contact>>,
    wishes: BTreeMap<Tier, Wishes>,
    /// How often its password was entered since this process began.
    entered: u64,
}

/// As many as the inventory keeps.
const MAX_MOVED: usize = 2_000;

impl Registry {
    /// Notes where a device answers. Whether a camera of the registry is meant and that is news.
    pub(super) fn moves(&mut self, key: &str, xaddr: &Url) -> bool {
        let full = !self.moved.contains_key(key) && self.moved.len() >= MAX_MOVED;
        if key.is_empty() || full || self.moved.get(key) == Some(xaddr) {
            return false;
        }
        let meant = |seat: &&Seat| seat.camera.onvif.as_ref().is_some_and(|onvif| onvif.key == key);
        let seats = self.seats.values().filter(meant);
        let news = seats.map(|seat| self.xaddr(&seat.camera)).any(|known| known.as_ref() != Some(xaddr));
        self.moved.insert(key.to_owned(), xaddr.clone());
        news
    }

    fn cameras(&self) -> Vec<DesiredCamera> {
        self.seats.values().map(|seat| seat.camera.clone()).collect()
    }

    pub(super) fn camera(&self, camera: CameraId) -> Option<&DesiredCamera> {
        self.seats.get(&camera).map(|seat| &seat.camera)
    }

    /// Who serves a camera; `None` for one without an ONVIF side.
    pub(super) fn contact(&self, camera: CameraId) -> Option<Arc<Contact>> {
        self.seats.get(&camera)?.contact.clone()
    }

    /// Every camera that is opened with credentials, where its device is.
    pub(super) fn registered(&self) -> Vec<Registered> {
        let registered = |seat: &Seat| {
            let (camera, credentials) = (&seat.camera, seat.credentials.clone()?);
            let own = camera.camera_id.to_string();
            Some(Registered {
                key: camera.onvif.as_ref()?.key.clone(),
                xaddr: self.xaddr(camera)?,
                credential: if camera.sealed_as.is_empty() { own } else { camera.sealed_as.clone() },
                credentials,
                entered: seat.entered,
            })
        };
        self.seats.values().filter_map(registered).collect()
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
    /// What should be, or what was applied last, at addresses that may have changed.
    pub(super) fn apply(self: &Arc<Self>, cameras: Option<&[DesiredCamera]>) {
        let ended = {
            let mut registry = self.registry();
            let cameras = cameras.map_or_else(|| registry.cameras(), <[_]>::to_vec);
            let (mut seats, mut contacts) = (BTreeMap::new(), BTreeMap::<Place, Arc<Contact>>::new());
            let mut served: BTreeMap<Place, Vec<Served>> = BTreeMap::new();
            for camera in &cameras {
                let before = registry.seats.remove(&camera.camera_id);
                let (credentials, entered) = match &before {
                    Some(seat) if is_sealed_alike(&seat.camera, camera) => {
                        (seat.credentials.clone(), seat.entered)
                    }
                    Some(seat) => ((self.open)(camera), seat.entered + 1),
                    None => ((self.open)(camera), 0),
                };
                let again =
                    credentials.is_some() && before.as_ref().is_some_and(|seat| seat.entered != entered);
                let contact = registry.xaddr(camera).map(|xaddr| {
                    let place = (xaddr.to_string(), self.connector.fingerprint(credentials.as_ref()));
                    let running = contacts.get(&place).or_else(|| registry.contacts.get(&place)).cloned();
                    let contact =
                        running.unwrap_or_else(|| Contact::spawn(self, &xaddr, credentials.clone()));
                    if again {
                        // Who enters the password again means the device that is there now.
                        self.connector.trust_anew(&xaddr);
                        contact.look_again();
                    }
                    served.entry(place.clone()).or_default().push(Served::of(camera));
                    contacts.insert(place, Arc::clone(&contact));
                    contact
                });
                let wishes = before.map(|seat| seat.wishes).unwrap_or_default();
                let seat = Seat { camera: camera.clone(), credentials, contact, wishes, entered };
                seats.insert(camera.camera_id, seat);
            }
            registry.seats = seats;
            self.note(&registry);
            for (place, contact) in &contacts {
                contact.serve(served.remove(place).unwrap_or_default());
            }
            std::mem::replace(&mut registry.contacts, contacts)
        };
        let registry = self.registry();
        for (place, contact) in ended {
            if !registry.contacts.contains_key(&place) {
                contact.end();
            }
        }
    }

    /// Forgets cameras that are gone and makes room for new ones.
    fn note(&self, registry: &Registry) {
        self.known.send_if_modified(|all| {
            let before = all.len();
            all.retain(|camera, _| registry.contact(*camera).is_some());
            let mut changed = all.len() != before;
            for (camera, _) in registry.seats.iter().filter(|(_, seat)| seat.contact.is_some()) {
                all.entry(*camera).or_insert_with(|| {
                    changed = true;
                    Known::default()
                });
            }
            changed
        });
    }
}

fn is_sealed_alike(one: &DesiredCamera, other: &DesiredCamera) -> bool {
    (&one.username, &one.sealed_password, &one.sealed_as)
        == (&other.username, &other.sealed_password, &other.sealed_as)
}
