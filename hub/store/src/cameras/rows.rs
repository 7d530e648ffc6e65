//! Cameras as rows.

use std::{collections::HashMap, time::Duration};

use rusqlite::{Connection, Row, params};
use sluice_ids::{CameraId, SiteId, Tier, UnixMillis};

use super::{Camera, CameraChange, CameraTier, OnvifSource, Pins, Via, Warm};
use crate::{
    StoreError, WarmSchedule, devices,
    page::{all, one, run},
    row, sites,
};

pub(super) fn apply(
    connection: &Connection,
    before: &Camera,
    change: CameraChange,
    now: UnixMillis,
) -> Result<Camera, StoreError> {
    let via = change.via.unwrap_or(before.via);
    if via != before.via && before.sealed_password.is_some() && change.sealed_password.is_none() {
        return Err(StoreError::SealedElsewhere);
    }
    let site = change.site.unwrap_or(before.site);
    let kept = kept_warm(connection, before, &change, site)?;
    // A password that is given anew is bound to the camera.
    let sealed_as = if change.sealed_password.is_some() { String::new() } else { before.sealed_as.clone() };
    Ok(Camera {
        id: before.id,
        tenant: before.tenant,
        site,
        via,
        name: change.name.unwrap_or_else(|| before.name.clone()),
        tiers: change.tiers.map_or_else(|| before.tiers.clone(), sorted),
        username: change.username.unwrap_or_else(|| before.username.clone()),
        sealed_password: change.sealed_password.unwrap_or_else(|| before.sealed_password.clone()),
        sealed_as,
        onvif: change.onvif.unwrap_or_else(|| before.onvif.clone()),
        session_budget: change.session_budget.unwrap_or(before.session_budget),
        warm: kept.warm,
        warm_of_site: kept.of_site,
        warm_schedule: kept.schedule,
        time_zone: kept.time_zone,
        warm_now: kept.now,
        linger: change.linger.unwrap_or(before.linger),
        created_at: before.created_at,
        updated_at: now,
        enabled: change.enabled.unwrap_or(before.enabled),
        pins: change.pins.unwrap_or_else(|| before.pins.clone()),
    })
}

struct KeptWarm {
    warm: Warm,
    of_site: bool,
    schedule: WarmSchedule,
    time_zone: String,
    now: Warm,
}

/// What is kept warm of a camera after a change, and when.
fn kept_warm(
    connection: &Connection,
    before: &Camera,
    change: &CameraChange,
    site: SiteId,
) -> Result<KeptWarm, StoreError> {
    let (of_site, of_sites_clock, time_zone) = sites::rule(connection, before.tenant, site)?;
    let own = change.warm.unwrap_or((!before.warm_of_site).then_some(before.warm));
    let own_schedule = match &change.warm_schedule {
        Some(schedule) => schedule.clone(),
        None if before.warm_of_site => WarmSchedule::default(),
        None => before.warm_schedule.clone(),
    };
    let warm = own.unwrap_or(of_site);
    let schedule = if own.is_some() { own_schedule } else { of_sites_clock };
    // With a schedule the clock decides, and that is not read here.
    let now = if schedule.is_empty() { warm } else { before.warm_now };
    Ok(KeptWarm { warm, of_site: own.is_none(), schedule, time_zone, now })
}

pub(super) fn put(connection: &Connection, statement: &str, camera: &Camera) -> Result<(), StoreError> {
    let own_schedule = if camera.warm_of_site { None } else { Some(&camera.warm_schedule) };
    let params = params![
        camera.id.to_string(),
        camera.tenant.to_string(),
        camera.site.to_string(),
        camera.via.device().map(|id| id.to_string()),
        camera.name,
        camera.username,
        camera.sealed_password,
        camera.warm.as_str(),
        i64::try_from(camera.linger.as_millis()).unwrap_or(i64::MAX),
        camera.created_at.0,
        camera.updated_at.0,
        camera.enabled,
        camera.pins.protocol,
        camera.pins.tier.map(Tier::as_str),
        camera.sealed_as,
        camera.session_budget,
        camera.onvif.as_ref().map(|onvif| &onvif.key),
        camera.onvif.as_ref().map(|onvif| &onvif.xaddr),
        camera.onvif.as_ref().map(|onvif| onvif.channel),
        camera.warm_of_site,
        own_schedule.map_or_else(|| "[]".to_owned(), WarmSchedule::to_string),
        camera.warm_now.as_str(),
    ];
    run(connection, statement, params)?;
    Ok(())
}

pub(super) fn put_tiers(connection: &Connection, camera: &Camera) -> Result<(), StoreError> {
    let statement = "INSERT INTO camera_tiers (tenant_id, camera_id, tier, url, profile)
                     VALUES (?1, ?2, ?3, ?4, ?5)";
    for CameraTier { tier, url, profile } in &camera.tiers {
        let (tenant, id) = (camera.tenant.to_string(), camera.id.to_string());
        run(connection, statement, params![tenant, id, tier.as_str(), url, profile])?;
    }
    Ok(())
}

pub(super) fn bump(connection: &Connection, via: Via) -> Result<(), StoreError> {
    via.device().map_or(Ok(()), |device| devices::bump(connection, device))
}

pub(super) fn by_id(connection: &Connection, id: CameraId) -> Result<Option<Camera>, StoreError> {
    let query = format!("{CAMERAS} WHERE camera_id = ?1");
    let Some(mut camera) = one(connection, &query, [id.to_string()], read)? else { return Ok(None) };
    let query = "SELECT tier, url, profile FROM camera_tiers WHERE tenant_id = ?1 AND camera_id = ?2";
    let params = params![camera.tenant.to_string(), id.to_string()];
    camera.tiers = sorted(all(connection, query, params, read_tier)?);
    Ok(Some(camera))
}

/// Gives cameras their tiers, with one query for up to a handful and one scan for many.
pub(super) fn with_tiers(
    connection: &Connection,
    mut cameras: Vec<Camera>,
) -> Result<Vec<Camera>, StoreError> {
    let (Some(first), Some(last)) = (cameras.first(), cameras.last()) else { return Ok(cameras) };
    let query = "SELECT camera_id, tier, url, profile FROM camera_tiers WHERE camera_id BETWEEN ?1 AND ?2";
    let rows = all(connection, query, params![first.id.to_string(), last.id.to_string()], |row| {
        Ok((row::text::<CameraId>(row, "camera_id")?, read_tier(row)?))
    })?;
    let mut tiers: HashMap<CameraId, Vec<CameraTier>> = HashMap::new();
    for (id, tier) in rows {
        tiers.entry(id).or_default().push(tier);
    }
    for camera in &mut cameras {
        camera.tiers = sorted(tiers.remove(&camera.id).unwrap_or_default());
    }
    Ok(cameras)
}

pub(super) fn sorted(mut tiers: Vec<CameraTier>) -> Vec<CameraTier> {
    tiers.sort_by_key(|tier| tier.tier);
    tiers
}

fn read_tier(row: &Row<'_>) -> rusqlite::Result<CameraTier> {
    Ok(CameraTier { tier: row::text(row, "tier")?, url: row.get("url")?, profile: row.get("profile")? })
}

pub(super) fn read(row: &Row<'_>) -> rusqlite::Result<Camera> {
    let warm_of_site = row.get("warm_of_site")?;
    Ok(Camera {
        id: row::text(row, "camera_id")?,
        tenant: row::text(row, "tenant_id")?,
        site: row::text(row, "site_id")?,
        via: row::optional_text(row, "device_id")?.map_or(Via::Node, Via::Device),
        name: row.get("name")?,
        tiers: Vec::new(),
        username: row.get("username")?,
        sealed_password: row.get("sealed_password")?,
        sealed_as: row.get("sealed_as")?,
        onvif: onvif(row)?,
        session_budget: row.get("session_budget")?,
        warm: row::text(row, "warm")?,
        warm_of_site,
        warm_schedule: row::text(row, if warm_of_site { "site_schedule" } else { "warm_schedule" })?,
        time_zone: row.get("time_zone")?,
        warm_now: row::text(row, "warm_now")?,
        linger: Duration::from_millis(row.get::<_, i64>("linger_ms")?.unsigned_abs()),
        created_at: row::time(row, "created_at")?,
        updated_at: row::time(row, "updated_at")?,
        enabled: row.get("enabled")?,
        pins: Pins { protocol: row.get("pinned_protocol")?, tier: row::optional_text(row, "pinned_tier")? },
    })
}

fn onvif(row: &Row<'_>) -> rusqlite::Result<Option<OnvifSource>> {
    let Some(xaddr) = row.get::<_, Option<String>>("onvif_xaddr")? else { return Ok(None) };
    let key = row.get::<_, Option<String>>("onvif_key")?.unwrap_or_default();
    let channel = row.get::<_, Option<u32>>("onvif_channel")?.unwrap_or_default();
    Ok(Some(OnvifSource { key, xaddr, channel }))
}

/// Cameras with what their site says of them; a condition may follow.
pub(super) const CAMERAS: &str =
    "SELECT cameras.*, sites.time_zone AS time_zone, sites.warm_schedule AS site_schedule
    FROM cameras JOIN sites USING (tenant_id, site_id)";
pub(super) const INSERT: &str =
    "INSERT INTO cameras (camera_id, tenant_id, site_id, device_id, name, username,
    sealed_password, warm, linger_ms, created_at, updated_at, enabled, pinned_protocol, pinned_tier,
    sealed_as, session_budget, onvif_key, onvif_xaddr, onvif_channel, warm_of_site,
    warm_schedule, warm_now)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21, ?22)";
pub(super) const UPDATE: &str = "UPDATE cameras SET site_id = ?3, device_id = ?4, name = ?5, username = ?6,
    sealed_password = ?7, warm = ?8, linger_ms = ?9, created_at = ?10, updated_at = ?11,
    enabled = ?12, pinned_protocol = ?13, pinned_tier = ?14, sealed_as = ?15, session_budget = ?16,
    onvif_key = ?17, onvif_xaddr = ?18, onvif_channel = ?19, warm_of_site = ?20,
    warm_schedule = ?21, warm_now = ?22
    WHERE camera_id = ?1 AND tenant_id = ?2";
