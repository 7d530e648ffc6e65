//! Cameras that devices found on their networks, on their way into the registry.

use std::{collections::HashMap, time::Duration};

use axum::{Json, extract::State, http::StatusCode};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};
use serde_json::json;
use sluice_hub_fleet::{DeviceFound, doctor};
use sluice_hub_store::{FindKey, Finds, SiteCredential};
use sluice_hub_streams::Language;
use sluice_ids::{CameraId, DeviceId, SiteId};
use sluice_wire::control::{Action, Capabilities, FoundCamera, FoundState, FoundTier, Outcome};
use utoipa::{IntoParams, ToSchema};

use crate::{
    audit::audit,
    auth::{Right, Who},
    body::Body,
    order::{nonsense, order},
    page::Asked,
    problem::Problem,
    state::ApiState,
    validate::Faults,
};

pub(crate) mod accept;
pub(crate) mod attempt;

/// Cameras that devices found, and whether more may come.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Discoveries {
    items: Vec<Discovery>,
    /// Whether a device is searching.
    searching: bool,
    /// Always `null`: the list is whole.
    next: Option<String>,
}

/// A camera on a device's networks: one for each video source, a recorder with 16 channels is 16. What is not known is
/// `null` or empty.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Discovery {
    /// Names it in the other calls; opaque.
    id: String,
    device_id: String,
    site_id: Option<String>,
    /// Names the physical camera whatever its address.
    key: String,
    /// Which of its video sources, from 0.
    channel: u32,
    name: String,
    manufacturer: String,
    model: String,
    firmware: String,
    serial: String,
    hardware_address: String,
    /// `host[:port]`; `null` for who may not change cameras.
    address: Option<String>,
    /// `probe`, `hello`, `scan` or `manual`.
    how: &'static str,
    /// Milliseconds since 1970, in the device's clock.
    first_seen: i64,
    last_seen: i64,
    /// `asking`, `needs-credentials`, `refused`, `understood`, `silent`, `not-usable` or `changed`.
    state: &'static str,
    /// What stands in the way, in words.
    text: String,
    /// What opened it; `null` if nothing did, or if it asks for nothing.
    credential: Option<OpenedBy>,
    /// Largest picture first.
    tiers: Vec<TierFound>,
    /// As in RTP, such as `PCMU`.
    audio_codec: Option<String>,
    can: Can,
    /// Its clock less its device's.
    clock_offset_ms: Option<i64>,
    /// What could be better about it.
    warnings: Vec<Warning>,
    /// The camera of the registry that it is.
    camera_id: Option<String>,
    /// Whether nobody wants to hear of it.
    ignored: bool,
}

/// The credential that opened a camera. Its password is never shown.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct OpenedBy {
    id: String,
    label: String,
    username: String,
}

/// A stream that a camera offers.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TierFound {
    tier: Option<&'static str>,
    codec: Option<String>,
    width: Option<u32>,
    height: Option<u32>,
    fps: Option<f64>,
    bitrate_kbps: Option<u32>,
    /// Seconds between key frames.
    gop_s: Option<f64>,
}

/// What a camera can do beside sending pictures.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Can {
    /// Be turned or zoomed.
    ptz: bool,
    /// Tell what it notices.
    events: bool,
    /// Give single pictures as JPEG.
    snapshot: bool,
    /// Have its encoder set.
    encoder: bool,
    /// Send a key frame when asked; `null` until it was tried.
    sync_point: Option<bool>,
}

/// Something about a camera that could be better.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Warning {
    code: &'static str,
    text: String,
}

/// Which discoveries are asked for.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct DiscoveriesQuery {
    /// Of one site alone.
    site_id: Option<String>,
    /// Of one device alone.
    device_id: Option<String>,
    /// In one state alone.
    state: Option<String>,
}

/// Where to search.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Search {
    device_id: String,
    /// Ranges of IPv4 addresses to ask one by one, such as `10.1.0.0/24`, beside the networks the device is on. At most
    /// 16, each of at most 8,192 addresses.
    #[serde(default)]
    ranges: Vec<String>,
    /// Cameras that are known by address: `host`, `host:port` or the URL of an ONVIF device service. At most 64.
    #[serde(default)]
    addresses: Vec<String>,
}

/// Which discoveries are to be hidden or shown.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Ignore {
    /// 1 to 500 ids of discoveries.
    ids: Vec<String>,
    ignored: bool,
}

/// Cameras that this tenant's devices found, those of the registry among them.
#[utoipa::path(get, path = "/discoveries", tag = "discovery", params(DiscoveriesQuery), responses(
    (status = 200, body = Discoveries), (status = 403, body = Problem), (status = 422, body = Problem)))]
pub(crate) async fn list(
    State(state): State<ApiState>,
    who: Who,
    Asked(query): Asked<DiscoveriesQuery>,
) -> Result<Json<Discoveries>, Problem> {
    let tenant = who.needs(Right::Read)?;
    let mut faults = Faults::default();
    let wanted: Option<FoundState> = query.state.as_deref().and_then(|word| {
        let wanted = word.parse().ok();
        if wanted.is_none() {
            faults.add("state", "invalid", "no such state of a discovery");
        }
        wanted
    });
    let site: Option<SiteId> = query.site_id.as_deref().and_then(|text| faults.id("site_id", text));
    let device: Option<DeviceId> = query.device_id.as_deref().and_then(|text| faults.id("device_id", text));
    faults.finish()?;
    let credentials = state.store.all_credentials(tenant).await?;
    let registry = state.store.finds(tenant).await?;
    let view = View {
        plain: plain(&registry),
        registry,
        credentials: credentials.iter().map(|one| (one.id.as_str(), one)).collect(),
        operates: who.may(Right::Operate),
        language: who.language,
    };
    let (mut items, mut searching) = (Vec::new(), false);
    for found in state.fleet.found(tenant) {
        let place = state.fleet.device_state(found.device).map(|device| device.site);
        if device.is_some_and(|device| device != found.device) || (site.is_some() && site != place) {
            continue;
        }
        searching |= found.searching;
        let cameras = found.cameras.iter().filter(|camera| wanted.is_none_or(|state| state == camera.state));
        items.extend(cameras.map(|camera| view.show(&found, place, camera)));
    }
    items.sort_by(|a, b| {
        (a.first_seen, &a.device_id, &a.key, a.channel).cmp(&(b.first_seen, &b.device_id, &b.key, b.channel))
    });
    Ok(Json(Discoveries { items, searching, next: None }))
}

/// Lets a device search its networks now. What it finds comes as `discoveries.changed`.
#[utoipa::path(post, path = "/discoveries/search", tag = "discovery", request_body = Search, responses(
    (status = 202), (status = 404, body = Problem), (status = 409, description = "offline", body = Problem),
    (status = 422, body = Problem), (status = 504, body = Problem)))]
pub(crate) async fn search(
    State(state): State<ApiState>,
    who: Who,
    Body(asked): Body<Search>,
) -> Result<StatusCode, Problem> {
    let tenant = who.needs(Right::Operate)?;
    let unknown = || Problem::unknown("device-unknown", "device");
    let device: DeviceId = asked.device_id.parse().map_err(|_| unknown())?;
    state.store.device(tenant, device).await?.ok_or_else(unknown)?;
    let mut faults = Faults::default();
    ranges(&asked.ranges, &mut faults);
    addresses(&asked.addresses, &mut faults);
    faults.finish()?;
    let detail = json!({ "ranges": asked.ranges, "addresses": asked.addresses.len() });
    audit(&state, &who, "discovery.search", device, detail).await?;
    let action = Action::Search { ranges: asked.ranges, addresses: asked.addresses };
    match order(&state, device, action, SEARCH_WITHIN).await? {
        Outcome::Done => Ok(StatusCode::ACCEPTED),
        _ => Err(nonsense()),
    }
}

/// Hides discoveries that nobody wants, or shows them again. They stay in the list, with `ignored`.
#[utoipa::path(post, path = "/discoveries/ignore", tag = "discovery", request_body = Ignore, responses(
    (status = 204), (status = 404, body = Problem), (status = 422, body = Problem)))]
pub(crate) async fn ignore(
    State(state): State<ApiState>,
    who: Who,
    Body(asked): Body<Ignore>,
) -> Result<StatusCode, Problem> {
    let tenant = who.needs(Right::Operate)?;
    let mut faults = Faults::default();
    count(asked.ids.len(), "ids", &mut faults);
    faults.finish()?;
    let unknown = || Problem::unknown("discovery-unknown", "discovery");
    let finds: Option<Vec<FindKey>> = asked.ids.iter().map(|id| parse(id)).collect();
    let finds = finds.ok_or_else(unknown)?;
    let mut devices: Vec<DeviceId> = finds.iter().map(|(device, ..)| *device).collect();
    devices.sort_unstable();
    devices.dedup();
    for device in &devices {
        state.store.device(tenant, *device).await?.ok_or_else(unknown)?;
    }
    let count = finds.len();
    state.store.ignore_finds(tenant, finds, asked.ignored).await?;
    for device in devices {
        let detail = json!({ "ignored": asked.ignored, "cameras": count });
        audit(&state, &who, "discovery.ignore", device, detail).await?;
        state.events.discoveries_changed(tenant, device);
    }
    Ok(StatusCode::NO_CONTENT)
}

/// How discoveries are shown to one caller.
struct View<'a> {
    registry: Finds,
    plain: Streams,
    credentials: HashMap<&'a str, &'a SiteCredential>,
    operates: bool,
    language: Language,
}

impl View<'_> {
    fn show(&self, found: &DeviceFound, site: Option<SiteId>, camera: &FoundCamera) -> Discovery {
        let find = (found.device, camera.key.clone(), camera.channel);
        let opened = self.credentials.get(camera.credential.as_str()).filter(|_| self.operates);
        Discovery {
            id: id_of(&find),
            device_id: found.device.to_string(),
            site_id: site.map(|site| site.to_string()),
            channel: camera.channel,
            name: camera.name.clone(),
            manufacturer: camera.manufacturer.clone(),
            model: camera.model.clone(),
            firmware: camera.firmware.clone(),
            serial: camera.serial.clone(),
            hardware_address: camera.hardware_address.clone(),
            address: self.operates.then(|| address_of(&camera.xaddr)).flatten(),
            how: camera.how.as_str(),
            first_seen: camera.first_seen.0,
            last_seen: camera.last_seen.0,
            state: camera.state.as_str(),
            text: camera.text.clone(),
            credential: opened.map(|one| OpenedBy {
                id: one.id.clone(),
                label: one.label.clone(),
                username: one.username.clone(),
            }),
            tiers: camera.tiers.iter().map(tier).collect(),
            audio_codec: Some(camera.audio_codec.clone()).filter(|codec| !codec.is_empty()),
            can: can(camera.can),
            clock_offset_ms: camera.clock_offset_ms,
            warnings: self.warnings(camera),
            camera_id: self.camera_of(&find, camera).map(|id| id.to_string()),
            ignored: self.registry.ignored.contains(&find),
            key: find.1,
        }
    }

    fn camera_of(&self, find: &FindKey, camera: &FoundCamera) -> Option<CameraId> {
        self.registry.accepted.get(find).copied().or_else(|| added_by_hand(&self.plain, find.0, camera))
    }

    fn warnings(&self, camera: &FoundCamera) -> Vec<Warning> {
        if camera.state != FoundState::Understood {
            return Vec::new();
        }
        let advice = doctor::advise_found(camera).into_iter();
        let told = advice.map(|advice| Warning {
            code: advice.code.as_str(),
            text: match self.language {
                Language::En => advice.text.en,
                Language::PtBr => advice.text.pt_br,
            },
        });
        told.collect()
    }
}

/// The streams of cameras that were added as plain RTSP.
type Streams = HashMap<(DeviceId, String), CameraId>;

fn plain(registry: &Finds) -> Streams {
    let streams = registry.plain.iter();
    streams.filter_map(|(device, url, camera)| Some(((*device, stream(url)?), *camera))).collect()
}

/// The camera of the registry that somebody added by one of these streams: pulling it twice would cost it sessions.
fn added_by_hand(plain: &Streams, device: DeviceId, camera: &FoundCamera) -> Option<CameraId> {
    let streams = camera.tiers.iter().filter_map(|tier| stream(&tier.url));
    streams.filter_map(|stream| plain.get(&(device, stream)).copied()).next()
}

/// A stream's address without credentials, and without the port that it has anyway.
fn stream(url: &str) -> Option<String> {
    let mut url = url::Url::parse(&accept::plain_rtsp(url)?).ok()?;
    if url.port() == Some(554) {
        // It does not fail for a URL with a host.
        let _ = url.set_port(None);
    }
    Some(url.to_string())
}

fn tier(found: &FoundTier) -> TierFound {
    let set = &found.encoder;
    let known = |figure: u32| (figure > 0).then_some(figure);
    let fps = (set.fps > 0.0).then_some(set.fps);
    TierFound {
        tier: found.tier.map(sluice_ids::Tier::as_str),
        codec: Some(set.codec.clone()).filter(|codec| !codec.is_empty()),
        width: known(set.width),
        height: known(set.height),
        fps,
        bitrate_kbps: known(set.bitrate_kbps),
        gop_s: fps.and_then(|fps| Some(f64::from(known(set.gop_frames)?) / fps)),
    }
}

/// What a camera can do, as it is told.
pub(crate) fn can(can: Capabilities) -> Can {
    let Capabilities { ptz, events, snapshot, encoder, sync_point } = can;
    Can { ptz, events, snapshot, encoder, sync_point }
}

/// The name of a discovery.
fn id_of((device, key, channel): &FindKey) -> String {
    format!("fnd_{}", URL_SAFE_NO_PAD.encode(format!("{device}:{channel}:{key}")))
}

/// What a discovery's name says; `None` for a text that is none.
fn parse(id: &str) -> Option<FindKey> {
    let text = URL_SAFE_NO_PAD.decode(id.strip_prefix("fnd_")?).ok()?;
    let text = String::from_utf8(text).ok()?;
    let mut parts = text.splitn(3, ':');
    let (device, channel) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
    Some((device, parts.next()?.to_owned(), channel))
}

/// `host[:port]` of a device service's URL.
pub(crate) fn address_of(xaddr: &str) -> Option<String> {
    let (host, port) = place_of(xaddr).filter(|_| xaddr.contains("://"))?;
    Some(port.map_or_else(|| host.clone(), |port| format!("{host}:{port}")))
}

fn count(given: usize, field: &str, faults: &mut Faults) {
    if !(1..=MOST_AT_ONCE).contains(&given) {
        faults.add(field, "out-of-range", format!("one call takes 1 to {MOST_AT_ONCE} discoveries"));
    }
}

fn ranges(given: &[String], faults: &mut Faults) {
    if given.len() > MOST_RANGES {
        faults.add("ranges", "out-of-range", format!("at most {MOST_RANGES} ranges"));
    }
    for (at, range) in given.iter().enumerate() {
        let parts = range.split_once('/');
        let parsed = parts.and_then(|(base, bits)| {
            Some((base.parse::<std::net::Ipv4Addr>().ok()?, bits.parse::<u8>().ok()?))
        });
        if !parsed.is_some_and(|(_, bits)| (WIDEST_RANGE..=32).contains(&bits)) {
            let text = format!("such as 10.1.0.0/24, from /{WIDEST_RANGE} to /32");
            faults.add(format!("ranges[{at}]"), "invalid", text);
        }
    }
}

fn addresses(given: &[String], faults: &mut Faults) {
    if given.len() > MOST_ADDRESSES {
        faults.add("addresses", "out-of-range", format!("at most {MOST_ADDRESSES} addresses"));
    }
    for (at, given) in given.iter().enumerate() {
        address(given, &format!("addresses[{at}]"), faults);
    }
}

/// Checks that a text names a machine; whether it may be asked is its device's to say.
pub(crate) fn address(given: &str, field: &str, faults: &mut Faults) {
    if given.len() > LONGEST_ADDRESS || place_of(given).is_none() {
        let text = "a host, host:port, or the http address of an ONVIF service, without credentials";
        faults.add(field, "invalid", text);
    }
}

/// The host that a text names, and its port if it names one.
pub(crate) fn place_of(text: &str) -> Option<(String, Option<u16>)> {
    let whole = if text.contains("://") { text.to_owned() } else { format!("http://{text}") };
    let url = url::Url::parse(&whole).ok()?;
    let plain = url.username().is_empty() && url.password().is_none();
    let host = url.host_str().filter(|host| !host.is_empty())?;
    (plain && ["http", "https"].contains(&url.scheme())).then(|| (host.to_owned(), url.port()))
}

/// A search only has to begin.
pub(crate) const SEARCH_WITHIN: Duration = Duration::from_secs(10);
/// A recorder hall, and one call of `accept` takes seconds.
const MOST_AT_ONCE: usize = 500;
const MOST_RANGES: usize = 16;
/// 8,192 addresses take a device several minutes.
const WIDEST_RANGE: u8 = 19;
const MOST_ADDRESSES: usize = 64;
const LONGEST_ADDRESS: usize = 500;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_says_which_camera_of_which_device() {
        let device: DeviceId = "dev_0198c0de00007000800000000000002a".parse().unwrap();
        for key in ["urn:uuid:1-2-3", "aa:bb:cc:dd:ee:ff", "é"] {
            let find = (device, key.to_owned(), 3);
            assert_eq!(parse(&id_of(&find)), Some(find));
        }
        for bad in ["", "fnd_", "fnd_%%", "cam_1", "fnd_ZGV2XzA"] {
            assert_eq!(parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn ranges_and_addresses_that_name_nothing_are_faults() {
        let mut faults = Faults::default();
        let all = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
        ranges(&all(&["10.0.0.0/24", "10.0.0.0/8", "10.0.0.0", "::/64"]), &mut faults);
        let given = [
            "10.0.0.2",
            "cam.lan:8080",
            "http://10.0.0.2/onvif/device_service",
            "rtsp://x/",
            "http://a:b@c/",
            "",
        ];
        addresses(&all(&given), &mut faults);
        let fields: Vec<_> =
            faults.finish().unwrap_err().errors.into_iter().map(|fault| fault.field).collect();
        let expected =
            ["ranges[1]", "ranges[2]", "ranges[3]", "addresses[3]", "addresses[4]", "addresses[5]"];
        assert_eq!(fields, expected);
    }

    #[test]
    fn an_address_is_shown_as_people_type_it() {
        assert_eq!(address_of("http://10.0.0.2/onvif/device_service").as_deref(), Some("10.0.0.2"));
        assert_eq!(address_of("http://10.0.0.2:8080/x").as_deref(), Some("10.0.0.2:8080"));
        assert_eq!(address_of("nonsense"), None);
    }
}
