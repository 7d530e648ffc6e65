use std::collections::HashSet;

use serde::Deserialize;
use sluice_hub_store::CameraTier;
use sluice_ids::{CameraId, Tier};
use sluice_telemetry::Secret;
use sluice_trust::seal;
use url::Url;
use utoipa::ToSchema;

use super::SourceTier;
use crate::{problem::Problem, routes::discoveries, validate::Faults};

/// Where a camera's pictures come from: RTSP, or ONVIF, where the device finds the streams itself. `http_file`,
/// `http_audio`, `publish_srt`, `publish_rtmp` and `publish_whip` are reserved.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Source {
    /// `rtsp` or `onvif`.
    #[serde(rename = "type")]
    pub(crate) kind: String,
    /// For `rtsp`: one to three streams.
    #[serde(default)]
    pub(crate) tiers: Vec<SourceTier>,
    /// For `onvif`: `host`, `host:port` or the URL of its device service.
    #[serde(default)]
    pub(crate) address: Option<String>,
    /// For `onvif`: which of its video sources, from 0, which is taken if absent.
    #[serde(default)]
    pub(crate) channel: Option<u32>,
    pub(crate) username: Option<String>,
    /// Sealed to the device or the node at once; never shown again.
    #[schema(value_type = Option<String>, format = Password)]
    pub(crate) password: Option<Secret<String>>,
}

/// A source that can be kept, its password still open.
#[derive(Debug, Default)]
pub(crate) struct Checked {
    pub(crate) tiers: Vec<CameraTier>,
    pub(crate) username: Option<String>,
    pub(crate) password: Option<Secret<String>>,
    /// Its ONVIF side, for a source of that type; it has no tiers of its own.
    pub(crate) onvif: Option<OnvifAsked>,
}

/// An ONVIF camera as somebody names it.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct OnvifAsked {
    pub(crate) address: Option<String>,
    pub(crate) channel: Option<u32>,
}

/// Reads a source. Credentials in its URLs are moved out of them; they must agree with each other and with those
/// given apart.
pub(crate) fn check(source: Source, faults: &mut Faults) -> Checked {
    match source.kind.as_str() {
        "rtsp" => {
            if source.address.is_some() || source.channel.is_some() {
                faults.add("source.address", "invalid", "an address and a channel belong to an onvif source");
            }
        }
        "onvif" => return check_onvif(source, faults),
        kind if RESERVED.contains(&kind) => {
            faults.add(
                "source.type",
                "source-type-unsupported",
                format!("{kind} sources are not built yet; use rtsp or onvif"),
            );
            return Checked::default();
        }
        _ => {
            faults.add("source.type", "invalid", "the type of a source is rtsp or onvif");
            return Checked::default();
        }
    }
    if !(1..=Tier::ALL.len()).contains(&source.tiers.len()) {
        faults.add("source.tiers", "out-of-range", "a camera has one to three tiers");
    }
    let mut checked = credentials(source.username, source.password);
    let mut seen = HashSet::new();
    for (at, given) in source.tiers.iter().enumerate() {
        let path = format!("source.tiers[{at}]");
        let tier = given.tier.parse::<Tier>();
        match tier {
            Ok(tier) if seen.insert(tier) => {
                if let Some(url) = address(&given.url, &format!("{path}.url"), &mut checked, faults) {
                    checked.tiers.push(CameraTier { tier, url, profile: String::new() });
                }
            }
            Ok(_) => faults.add(format!("{path}.tier"), "duplicate", "each tier stands once"),
            Err(error) => faults.add(format!("{path}.tier"), "invalid", error.to_string()),
        }
    }
    credentials_fit(&checked, faults);
    checked
}

fn check_onvif(source: Source, faults: &mut Faults) -> Checked {
    if !source.tiers.is_empty() {
        faults.add("source.tiers", "invalid", "the streams of an onvif source are found by its device");
    }
    if let Some(address) = &source.address {
        discoveries::address(address, "source.address", faults);
    }
    let onvif = Some(OnvifAsked { address: source.address, channel: source.channel });
    let checked = Checked { onvif, ..credentials(source.username, source.password) };
    credentials_fit(&checked, faults);
    checked
}

fn credentials(username: Option<String>, password: Option<Secret<String>>) -> Checked {
    Checked {
        username: username.filter(|name| !name.is_empty()),
        password: password.filter(|password| !password.expose().is_empty()),
        ..Checked::default()
    }
}

fn credentials_fit(checked: &Checked, faults: &mut Faults) {
    if checked.username.as_ref().is_some_and(|name| name.len() > MOST_CREDENTIAL) {
        faults.add("source.username", "too-long", "a user name has at most 255 bytes");
    }
    if checked.password.as_ref().is_some_and(|password| password.expose().len() > MOST_CREDENTIAL) {
        faults.add("source.password", "too-long", "a password has at most 255 bytes");
    }
    if checked.password.is_some() && checked.username.is_none() {
        faults.add("source.username", "missing", "a password needs a user name");
    }
}

/// The address without credentials, which go where they belong.
fn address(text: &str, field: &str, checked: &mut Checked, faults: &mut Faults) -> Option<String> {
    let mut url = match Url::parse(text.trim()) {
        Ok(url) => url,
        Err(error) => {
            faults.add(field, "invalid", format!("not a URL: {error}"));
            return None;
        }
    };
    if url.scheme() != "rtsp" {
        faults.add(field, "invalid", "an address begins with rtsp://");
        return None;
    }
    if url.host_str().is_none_or(str::is_empty) {
        faults.add(field, "invalid", "an address names its host");
        return None;
    }
    if text.len() > 2_000 {
        faults.add(field, "too-long", "an address has at most 2000 bytes");
        return None;
    }
    let (username, password) = (decoded(url.username()), url.password().and_then(decoded));
    if !url.username().is_empty() || url.password().is_some() {
        let name_fits = adopt(&mut checked.username, username.filter(|name| !name.is_empty()));
        let secret = password.filter(|password| !password.is_empty());
        let mut kept = checked.password.take().map(Secret::into_exposed);
        let password_fits = adopt(&mut kept, secret);
        checked.password = kept.map(Secret::new);
        if !name_fits || !password_fits {
            let text = "the credentials in this address differ from the others; give them once, in username and password";
            faults.add(field, "credentials-differ", text);
            return None;
        }
        // Neither fails for a URL with a host.
        let _ = (url.set_username(""), url.set_password(None));
    }
    url.set_fragment(None);
    Some(url.to_string())
}

/// Takes what was found where nothing was given; whether they agree.
fn adopt(kept: &mut Option<String>, found: Option<String>) -> bool {
    match (kept.as_ref(), found) {
        (Some(kept), Some(found)) => *kept == found,
        (None, Some(found)) => {
            *kept = Some(found);
            true
        }
        (_, None) => true,
    }
}

fn decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        let escaped = (byte == b'%').then(|| after.get(..2).and_then(|hex| hex::decode(hex).ok())).flatten();
        rest = match escaped {
            Some(value) => {
                bytes.extend(value);
                &after[2..]
            }
            None => {
                bytes.push(byte);
                after
            }
        };
    }
    String::from_utf8(bytes).ok()
}

/// Seals a password to who will use it, bound to the camera it is for.
pub(crate) fn sealed(
    key: Option<&[u8]>,
    camera: CameraId,
    password: &Secret<String>,
) -> Result<Vec<u8>, Problem> {
    let key = key.ok_or_else(|| {
        let detail =
            "this device has not been online yet, so a password cannot be sealed to it; start it first";
        Problem::new(axum::http::StatusCode::CONFLICT, "device-without-key", detail)
    })?;
    let sealed = seal::seal(key, camera.to_string().as_bytes(), password.expose().as_bytes());
    sealed.map_err(|error| Problem::internal(&error))
}

/// Kinds of sources that have a name and are not built.
const RESERVED: [&str; 5] = ["http_file", "http_audio", "publish_srt", "publish_rtmp", "publish_whip"];
const MOST_CREDENTIAL: usize = 255;

#[cfg(test)]
mod tests {
    use super::*;

    fn source(urls: &[(&str, &str)], username: Option<&str>, password: Option<&str>) -> Source {
        let tiers = urls.iter().map(|(tier, url)| SourceTier { tier: (*tier).into(), url: (*url).into() });
        Source {
            kind: "rtsp".into(),
            tiers: tiers.collect(),
            username: username.map(str::to_owned),
            password: password.map(|text| Secret::new(text.to_owned())),
            address: None,
            channel: None,
        }
    }

    fn checked(source: Source) -> Result<Checked, Vec<(String, &'static str)>> {
        let mut faults = Faults::default();
        let checked = check(source, &mut faults);
        let told =
            |problem: Problem| problem.errors.into_iter().map(|fault| (fault.field, fault.code)).collect();
        faults.finish().map(|()| checked).map_err(told)
    }

    #[test]
    fn credentials_in_an_address_are_moved_out_of_it() {
        let both =
            [("main", "rtsp://admin:p%40ss@10.0.0.2/1#x"), ("sub", "rtsp://admin:p%40ss@10.0.0.2:554/2?a=b")];
        let checked = checked(source(&both, None, None)).unwrap();
        assert_eq!(checked.username.as_deref(), Some("admin"));
        assert_eq!(checked.password.unwrap().expose(), "p@ss");
        let urls: Vec<_> = checked.tiers.iter().map(|tier| tier.url.as_str()).collect();
        assert_eq!(urls, ["rtsp://10.0.0.2/1", "rtsp://10.0.0.2:554/2?a=b"]);
    }

    #[test]
    fn credentials_that_differ_are_refused_without_naming_them() {
        let one = [("main", "rtsp://admin:other@10.0.0.2/1")];
        let faults = checked(source(&one, Some("admin"), Some("secret"))).unwrap_err();
        assert_eq!(faults, [("source.tiers[0].url".to_owned(), "credentials-differ")]);
    }

    #[test]
    fn every_fault_is_named_by_its_field() {
        let bad = [
            ("main", "http://10.0.0.2/"),
            ("main", "rtsp://10.0.0.2/"),
            ("huge", "rtsp://a/"),
            ("sub", "nonsense"),
        ];
        let faults = checked(source(&bad, None, Some("secret"))).unwrap_err();
        let expected = [
            ("source.tiers".to_owned(), "out-of-range"),
            ("source.tiers[0].url".to_owned(), "invalid"),
            ("source.tiers[1].tier".to_owned(), "duplicate"),
            ("source.tiers[2].tier".to_owned(), "invalid"),
            ("source.tiers[3].url".to_owned(), "invalid"),
            ("source.username".to_owned(), "missing"),
        ];
        assert_eq!(faults, expected);
    }

    #[test]
    fn a_reserved_kind_says_that_it_is_not_built() {
        let file = Source { kind: "http_file".into(), ..source(&[], None, None) };
        assert_eq!(checked(file).unwrap_err(), [("source.type".to_owned(), "source-type-unsupported")]);
    }

    #[test]
    fn an_onvif_source_names_a_machine_and_no_streams() {
        let onvif = |address: &str, urls: &[(&str, &str)]| Source {
            kind: "onvif".into(),
            address: Some(address.into()),
            ..source(urls, Some("admin"), Some("secret"))
        };
        let good = checked(onvif("10.0.0.2:8080", &[])).unwrap();
        assert_eq!(good.onvif.unwrap().address.as_deref(), Some("10.0.0.2:8080"));
        assert_eq!((good.username.as_deref(), good.tiers.len()), (Some("admin"), 0));
        let faults = checked(onvif("rtsp://10.0.0.2/", &[("main", "rtsp://10.0.0.2/")])).unwrap_err();
        let expected = [("source.tiers".to_owned(), "invalid"), ("source.address".to_owned(), "invalid")];
        assert_eq!(faults, expected);
        let mut mixed = source(&[("main", "rtsp://10.0.0.2/")], None, None);
        mixed.channel = Some(1);
        assert_eq!(checked(mixed).unwrap_err(), [("source.address".to_owned(), "invalid")]);
    }
}
