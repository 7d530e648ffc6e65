//! What could be better about a camera's settings, and setting them so.

use std::time::Duration;

use axum::{
    Json,
    extract::{Path, State},
    http::StatusCode,
};
use serde::{Deserialize, Serialize};
use serde_json::json;
use sluice_hub_fleet::doctor::{self, Advice};
use sluice_hub_store::Camera;
use sluice_hub_streams::Language;
use sluice_ids::{DeviceId, Tier};
use sluice_wire::control::{Action, EncoderChange, EncoderSettings, Outcome};
use utoipa::ToSchema;

use crate::{
    audit::audit,
    auth::{Right, Who},
    body::Body,
    order::{camera_at_device, nonsense, order},
    problem::Problem,
    standing::{EncoderNow, encoder_now},
    state::ApiState,
    validate::Faults,
};

/// What could be better about a camera, what matters most first.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Advices {
    items: Vec<AdviceNow>,
    /// The streams whose encoder was changed from here and can be set back.
    undoable: Vec<&'static str>,
}

/// One thing that could be better.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AdviceNow {
    /// `gop-long`, `gop-dynamic`, `b-frames`, `h265-only`, `sub-missing`, `sub-large`, `g711-only`, `clock-off`,
    /// `clock-unknown` or `vbr-peaks`.
    code: &'static str,
    /// `warning` or `hint`.
    severity: &'static str,
    /// The stream it is about; `null` for the camera as a whole.
    tier: Option<&'static str>,
    /// What is so, why that is bad, and what to do.
    text: String,
    /// What the setting is called in cameras.
    setting: &'static str,
    /// What `apply` would set; `null` where it cannot be set from here.
    change: Option<ChangeNow>,
}

/// What of an encoder's settings changes; what is `null` stays.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ChangeNow {
    codec: Option<String>,
    profile: Option<String>,
    width: Option<u32>,
    height: Option<u32>,
    fps: Option<f64>,
    bitrate_kbps: Option<u32>,
    gop_frames: Option<u32>,
    constant_bitrate: Option<bool>,
}

/// Which advice to follow.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Apply {
    /// `main`, `sub` or `third`.
    tier: String,
    /// Of an advice that has a `change`.
    code: String,
    /// Only say what would be; `true` if absent.
    dry_run: Option<bool>,
}

/// Which stream to set back.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Undo {
    /// `main`, `sub` or `third`.
    tier: String,
}

/// An encoder's settings before and after.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Applied {
    before: EncoderNow,
    /// As they are now, or would be.
    after: EncoderNow,
    /// Whether they are so.
    applied: bool,
}

/// What could be better about a camera: rules over what its device measured and what the camera says of itself. Texts
/// in English or Brazilian Portuguese, by `Accept-Language`.
#[utoipa::path(get, path = "/cameras/{id}/advice", tag = "doctor", params(("id" = String, Path)), responses(
    (status = 200, body = Advices), (status = 403, body = Problem), (status = 404, body = Problem)))]
pub(crate) async fn advice(
    State(state): State<ApiState>,
    who: Who,
    Path(id): Path<String>,
) -> Result<Json<Advices>, Problem> {
    let tenant = who.needs(Right::Read)?;
    let unknown = || Problem::unknown("camera-unknown", "camera");
    let id = id.parse().map_err(|_| unknown())?;
    let camera = state.store.camera(tenant, id).await?.ok_or_else(unknown)?;
    let undoable = state.store.undoable(tenant, camera.id).await?;
    let items = judge(&state, &camera).into_iter().map(|advice| show(advice, who.language));
    Ok(Json(Advices { items: items.collect(), undoable: undoable.into_iter().map(Tier::as_str).collect() }))
}

/// Follows an advice: the camera's encoder is set. A dry run says what would be, and what the camera would make of it.
#[utoipa::path(post, path = "/cameras/{id}/advice/apply", tag = "doctor", params(("id" = String, Path)),
    request_body = Apply, responses((status = 200, body = Applied), (status = 403, body = Problem),
    (status = 404, body = Problem), (status = 409, body = Problem), (status = 422, body = Problem),
    (status = 504, body = Problem)))]
pub(crate) async fn apply(
    State(state): State<ApiState>,
    who: Who,
    Path(id): Path<String>,
    Body(asked): Body<Apply>,
) -> Result<Json<Applied>, Problem> {
    let tenant = who.needs(Right::Operate)?;
    let (camera, device) = camera_at_device(&state, tenant, &id).await?;
    let tier = tier(&asked.tier)?;
    let given = judge(&state, &camera)
        .into_iter()
        .find(|advice| advice.code.as_str() == asked.code && advice.tier == Some(tier));
    let change = given.and_then(|advice| advice.change).ok_or_else(|| {
        let detail = "there is no such advice for this stream any more, or it cannot be followed from here";
        Problem::new(StatusCode::CONFLICT, "advice-gone", detail)
    })?;
    let dry_run = asked.dry_run.unwrap_or(true);
    let target = Target { camera: &camera, device, tier };
    let (before, after) = configure(&state, &target, change, dry_run).await?;
    if !dry_run && before != after {
        let text = |settings: &EncoderSettings| {
            serde_json::to_string(settings).map_err(|error| Problem::internal(&error))
        };
        let kept = (text(&before)?, text(&after)?);
        state.store.note_encoder_change(tenant, (camera.id, tier), kept).await?;
        let detail = json!({ "tier": tier, "code": asked.code, "before": before, "after": after });
        audit(&state, &who, "camera.configure", camera.id, detail).await?;
    }
    Ok(Json(applied(&before, &after, !dry_run)))
}

/// Sets a camera's encoder back to how it was before the last change from here that was not undone.
#[utoipa::path(post, path = "/cameras/{id}/advice/undo", tag = "doctor", params(("id" = String, Path)),
    request_body = Undo, responses((status = 200, body = Applied), (status = 403, body = Problem),
    (status = 404, body = Problem), (status = 409, body = Problem), (status = 422, body = Problem),
    (status = 504, body = Problem)))]
pub(crate) async fn undo(
    State(state): State<ApiState>,
    who: Who,
    Path(id): Path<String>,
    Body(asked): Body<Undo>,
) -> Result<Json<Applied>, Problem> {
    let tenant = who.needs(Right::Operate)?;
    let (camera, device) = camera_at_device(&state, tenant, &id).await?;
    let tier = tier(&asked.tier)?;
    let last = state.store.last_encoder_change(tenant, camera.id, tier).await?.ok_or_else(|| {
        let detail = "nothing was changed from here that is not undone";
        Problem::new(StatusCode::CONFLICT, "nothing-to-undo", detail)
    })?;
    let read =
        |text: &str| serde_json::from_str::<EncoderSettings>(text).map_err(|error| Problem::internal(&error));
    let change = doctor::back(&read(&last.before)?, &read(&last.after)?);
    let target = Target { camera: &camera, device, tier };
    let (before, after) = configure(&state, &target, change, false).await?;
    state.store.encoder_change_undone(tenant, (camera.id, tier), last.number).await?;
    let detail = json!({ "tier": tier, "before": before, "after": after });
    audit(&state, &who, "camera.configure.undo", camera.id, detail).await?;
    Ok(Json(applied(&before, &after, true)))
}

struct Target<'a> {
    camera: &'a Camera,
    device: DeviceId,
    tier: Tier,
}

async fn configure(
    state: &ApiState,
    target: &Target<'_>,
    change: EncoderChange,
    dry_run: bool,
) -> Result<(EncoderSettings, EncoderSettings), Problem> {
    let action = Action::Configure { camera: target.camera.id, tier: target.tier, change, dry_run };
    match order(state, target.device, action, CONFIGURE_WITHIN).await? {
        Outcome::Configured { before, after } => Ok((before, after)),
        _ => Err(nonsense()),
    }
}

fn judge(state: &ApiState, camera: &Camera) -> Vec<Advice> {
    state.fleet.camera_state(camera.id).map(|stands| doctor::advise(&stands)).unwrap_or_default()
}

fn tier(text: &str) -> Result<Tier, Problem> {
    let mut faults = Faults::default();
    let tier = faults.id("tier", text);
    faults.finish()?;
    tier.ok_or_else(nonsense)
}

fn applied(before: &EncoderSettings, after: &EncoderSettings, applied: bool) -> Applied {
    Applied { before: encoder_now(before), after: encoder_now(after), applied }
}

fn show(advice: Advice, language: Language) -> AdviceNow {
    let (en, pt) = advice.code.setting();
    let (text, setting) = match language {
        Language::En => (advice.text.en, en),
        Language::PtBr => (advice.text.pt_br, pt),
    };
    AdviceNow {
        code: advice.code.as_str(),
        severity: advice.code.severity().as_str(),
        tier: advice.tier.map(Tier::as_str),
        text,
        setting,
        change: advice.change.map(|change| ChangeNow {
            codec: change.codec,
            profile: change.profile,
            width: change.width,
            height: change.height,
            fps: change.fps,
            bitrate_kbps: change.bitrate_kbps,
            gop_frames: change.gop_frames,
            constant_bitrate: change.constant_bitrate,
        }),
    }
}

/// Cameras restart their encoder, and some answer after that.
const CONFIGURE_WITHIN: Duration = Duration::from_secs(20);
