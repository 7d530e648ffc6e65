//! Trying credentials at cameras that were found.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    time::Duration,
};

use axum::{Json, extract::State, http::StatusCode};
use futures_util::future::join_all;
use serde::{Deserialize, Serialize};
use serde_json::json;
use sluice_hub_store::{Device, FindKey, NewCredential, StoreError};
use sluice_ids::{DeviceId, SiteId, TenantId};
use sluice_runtime::uuid_v7;
use sluice_telemetry::Secret;
use sluice_trust::seal;
use sluice_wire::control::{Action, OfferedCredential, Outcome, Tried};
use utoipa::ToSchema;

use super::{Body, Faults, Problem, Right, Who, audit, count, nonsense, order, parse};
use crate::{routes::credentials, state::ApiState};

/// What to try at which cameras.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Try {
    /// 1 to 500 ids of discoveries.
    ids: Vec<String>,
    /// At most 8, tried in this order. Cameras lock out who tries too much.
    #[serde(default)]
    credentials: Vec<TryCredential>,
    /// Whether what the site keeps is tried too, after these.
    #[serde(default)]
    bank: bool,
}

/// A user name and a password.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct TryCredential {
    username: String,
    /// Sealed to the devices at once; never shown again.
    #[schema(value_type = String, format = Password)]
    password: Secret<String>,
    /// What to call it; the user name if absent.
    label: Option<String>,
    /// Whether the site keeps it for cameras to come.
    #[serde(default)]
    keep: bool,
}

/// What came of each discovery, in the request's order.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Attempts {
    items: Vec<Attempt>,
}

/// What came of one discovery.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Attempt {
    id: String,
    opened: bool,
    /// What opened it.
    credential_id: Option<String>,
    username: Option<String>,
    /// Why nothing did.
    text: String,
}

/// Tries credentials at cameras that were found, and waits for what comes of it, up to 60 s. What opens one is named in
/// the discovery from then on, and goes with it when it is accepted.
#[utoipa::path(post, path = "/discoveries/try", tag = "discovery", request_body = Try, responses(
    (status = 200, body = Attempts), (status = 409, body = Problem), (status = 422, body = Problem)))]
pub(crate) async fn attempt(
    State(state): State<ApiState>,
    who: Who,
    Body(asked): Body<Try>,
) -> Result<Json<Attempts>, Problem> {
    let tenant = who.needs(Right::Operate)?;
    check(&asked)?;
    let finds: Vec<Option<FindKey>> = asked.ids.iter().map(|id| parse(id)).collect();
    let devices = devices(&state, tenant, finds.iter().flatten()).await?;
    let mut offers = offers(&state, tenant, &asked, devices.values()).await?;
    if asked.bank {
        for (device, offered) in &mut offers {
            let bank = state.store.bank(tenant, *device).await?.into_iter();
            offered.extend(bank.map(|one| OfferedCredential {
                id: one.id,
                username: one.username,
                sealed_password: one.sealed_password,
            }));
        }
    }
    let mut keys: BTreeMap<DeviceId, BTreeSet<String>> = BTreeMap::new();
    for (device, key, _) in finds.iter().flatten().filter(|(device, ..)| offers.contains_key(device)) {
        keys.entry(*device).or_default().insert(key.clone());
    }
    let tried = join_all(keys.iter().map(|(device, keys)| {
        let offered = offers.get(device).cloned().unwrap_or_default();
        try_at(&state, *device, keys.iter().cloned().collect(), offered)
    }));
    let tried: HashMap<DeviceId, Result<Vec<Tried>, Problem>> =
        keys.keys().copied().zip(tried.await).collect();
    let items: Vec<Attempt> =
        asked.ids.into_iter().zip(finds).map(|(id, find)| item(id, find, &tried, &offers)).collect();
    // A device that did not answer may have opened cameras all the same, and will say with what.
    let answered = offers.iter().filter(|(device, _)| tried.get(*device).is_none_or(|tried| !unsure(tried)));
    drop_unused(&state, tenant, answered.flat_map(|(_, offered)| offered), &items).await?;
    for (device, keys) in &keys {
        let opened = tried.get(device).and_then(|tried| tried.as_ref().ok());
        let opened = opened.map_or(0, |all| all.iter().filter(|one| !one.credential.is_empty()).count());
        let detail = json!({ "cameras": keys.len(), "credentials": offers[device].len(), "opened": opened });
        audit(&state, &who, "discovery.try", device, detail).await?;
    }
    Ok(Json(Attempts { items }))
}

/// Tries credentials at the cameras of one device.
pub(crate) async fn try_at(
    state: &ApiState,
    device: DeviceId,
    keys: Vec<String>,
    credentials: Vec<OfferedCredential>,
) -> Result<Vec<Tried>, Problem> {
    if credentials.is_empty() {
        let detail = "the site keeps no credentials for this appliance; give some";
        return Err(Problem::new(StatusCode::CONFLICT, "nothing-to-try", detail));
    }
    match order(state, device, Action::Try { keys, credentials }, TRY_WITHIN).await? {
        Outcome::Tried(tried) => Ok(tried),
        _ => Err(nonsense()),
    }
}

/// Keeps a credential sealed to devices of its site; what each of them can try.
pub(crate) async fn keep(
    state: &ApiState,
    tenant: TenantId,
    credential: Plain<'_>,
    devices: &[&Device],
) -> Result<(String, Vec<(DeviceId, OfferedCredential)>), Problem> {
    let id = format!("crd_{}", uuid_v7(&state.clock).simple());
    let mut seals = Vec::new();
    for device in devices {
        let Some(key) = &device.seal_public_key else { continue };
        let sealed = seal::seal(key, id.as_bytes(), credential.password.expose().as_bytes());
        seals.push((device.id, sealed.map_err(|error| Problem::internal(&error))?));
    }
    if seals.is_empty() {
        let detail = "no appliance of this site has been online yet, so a password cannot be sealed to one; start it first";
        return Err(Problem::new(StatusCode::CONFLICT, "device-without-key", detail));
    }
    let Plain { site, label, username, kept, .. } = credential;
    let new = NewCredential {
        id: id.clone(),
        site,
        label: label.to_owned(),
        username: username.to_owned(),
        kept,
        seals: seals.clone(),
    };
    state.store.create_credential(tenant, new).await.map_err(|error| match error {
        StoreError::InUse => {
            let detail = "the site keeps as many credentials as it may; remove one first";
            Problem::new(StatusCode::CONFLICT, "credentials-full", detail)
        }
        other => other.into(),
    })?;
    let offer = |sealed_password: Vec<u8>| OfferedCredential {
        id: id.clone(),
        username: username.to_owned(),
        sealed_password,
    };
    Ok((id.clone(), seals.into_iter().map(|(device, sealed)| (device, offer(sealed))).collect()))
}

/// A credential as it came in.
#[derive(Clone, Copy)]
pub(crate) struct Plain<'a> {
    pub(crate) site: SiteId,
    pub(crate) label: &'a str,
    pub(crate) username: &'a str,
    pub(crate) password: &'a Secret<String>,
    /// Whether the site keeps it.
    pub(crate) kept: bool,
}

fn check(asked: &Try) -> Result<(), Problem> {
    let mut faults = Faults::default();
    count(asked.ids.len(), "ids", &mut faults);
    if asked.credentials.is_empty() && !asked.bank {
        faults.add("credentials", "missing", "give credentials, or let the site's own be tried with bank");
    }
    if asked.credentials.len() > MOST_CREDENTIALS {
        faults.add("credentials", "out-of-range", format!("at most {MOST_CREDENTIALS} at once"));
    }
    for (at, one) in asked.credentials.iter().enumerate() {
        let path = format!("credentials[{at}]");
        let label = one.label.as_deref();
        credentials::check(&path, label, (&one.username, &one.password), &mut faults);
    }
    faults.finish()
}

/// The tenant's devices among those that found something, if they can be told secrets.
async fn devices(
    state: &ApiState,
    tenant: TenantId,
    finds: impl Iterator<Item = &FindKey>,
) -> Result<BTreeMap<DeviceId, Device>, Problem> {
    let asked: BTreeSet<DeviceId> = finds.map(|(device, ..)| *device).collect();
    let mut devices = BTreeMap::new();
    for id in asked {
        let device = state.store.device(tenant, id).await?;
        devices.extend(device.filter(|device| device.revoked_at.is_none()).map(|device| (id, device)));
    }
    Ok(devices)
}

/// Keeps what is to be tried, site by site; what each device is offered, in the request's order.
async fn offers(
    state: &ApiState,
    tenant: TenantId,
    asked: &Try,
    devices: impl Iterator<Item = &Device>,
) -> Result<BTreeMap<DeviceId, Vec<OfferedCredential>>, Problem> {
    let mut sites: BTreeMap<SiteId, Vec<&Device>> = BTreeMap::new();
    for device in devices {
        sites.entry(device.site).or_default().push(device);
    }
    let mut offers: BTreeMap<DeviceId, Vec<OfferedCredential>> =
        sites.values().flatten().map(|device| (device.id, Vec::new())).collect();
    for (site, concerned) in sites {
        let all = state.store.devices_of_site(tenant, site).await?;
        for one in &asked.credentials {
            let label = one.label.as_deref().unwrap_or(&one.username);
            let plain =
                Plain { site, label, username: &one.username, password: &one.password, kept: one.keep };
            let holders: Vec<&Device> = if one.keep { all.iter().collect() } else { concerned.clone() };
            for (device, offer) in keep(state, tenant, plain, &holders).await?.1 {
                if let Some(offered) = offers.get_mut(&device) {
                    offered.push(offer);
                }
            }
        }
    }
    Ok(offers)
}

fn item(
    id: String,
    find: Option<FindKey>,
    tried: &HashMap<DeviceId, Result<Vec<Tried>, Problem>>,
    offers: &BTreeMap<DeviceId, Vec<OfferedCredential>>,
) -> Attempt {
    let closed = |id, text: String| Attempt { id, opened: false, credential_id: None, username: None, text };
    let Some((device, key, _)) = find else { return closed(id, "no such discovery".into()) };
    let tried = match tried.get(&device) {
        None => return closed(id, "no such discovery".into()),
        Some(Err(problem)) => return closed(id, problem.detail.clone()),
        Some(Ok(tried)) => tried,
    };
    let Some(tried) = tried.iter().find(|tried| tried.key == key) else {
        return closed(id, "the appliance does not see this camera any more".into());
    };
    // A device names only what it was offered.
    let offered = offers.get(&device).into_iter().flatten();
    match offered.into_iter().find(|offer| offer.id == tried.credential) {
        Some(offer) => Attempt {
            id,
            opened: true,
            credential_id: Some(offer.id.clone()),
            username: Some(offer.username.clone()),
            text: String::new(),
        },
        None => closed(id, tried.text.chars().take(MOST_WORDS).collect()),
    }
}

/// Whether it is not known what a device did.
fn unsure(tried: &Result<Vec<Tried>, Problem>) -> bool {
    tried.as_ref().is_err_and(|problem| problem.code != "device-offline" && problem.code != "nothing-to-try")
}

/// What nobody keeps and opened nothing is worth nothing.
async fn drop_unused(
    state: &ApiState,
    tenant: TenantId,
    offered: impl Iterator<Item = &OfferedCredential>,
    items: &[Attempt],
) -> Result<(), Problem> {
    let used: HashSet<&str> = items.iter().filter_map(|item| item.credential_id.as_deref()).collect();
    let unused: BTreeSet<&str> =
        offered.map(|offer| offer.id.as_str()).filter(|id| !used.contains(id)).collect();
    Ok(state.store.drop_credentials(tenant, unused.into_iter().map(str::to_owned).collect()).await?)
}

/// Each camera is asked with patience, and many at once.
const TRY_WITHIN: Duration = Duration::from_secs(60);
const MOST_CREDENTIALS: usize = 8;
/// A device's words are shown to people.
const MOST_WORDS: usize = 300;
