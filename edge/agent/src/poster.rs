//! One picture of a camera, without decoding any: the key frame that is in memory, as a film of one picture; or the
//! JPEG that the camera itself makes.

use std::time::Duration;

use sluice_hls::{Packager, Rendition, Resource, Settings, Track};
use sluice_ids::{CameraId, Tier, UnixMillis};
use sluice_media::Codec;
use sluice_source::{Event, KeyPicture, Source, Start};
use sluice_wire::control::{Action, Failure, FailureCode, MAX_POSTER, Outcome, Poster};

use crate::site::Site;

/// Of a camera that is not pulled, with a group of pictures of several seconds.
const OPENED_WITHIN: Duration = Duration::from_secs(12);

/// The picture of a tier, or of the smallest that has one.
pub(crate) async fn poster(site: &Site, camera: CameraId, tier: Option<Tier>) -> Outcome {
    let sources = sources(site, camera, tier);
    for source in &sources {
        if let Some(poster) = source.picture().await.as_ref().and_then(film) {
            return Outcome::Poster(poster);
        }
    }
    let told = site.cameras.act(&Action::Poster { camera, tier }).await;
    match (told, sources.first()) {
        (Outcome::Failed(_), Some(source)) => match opened(source).await {
            Some(poster) => Outcome::Poster(poster),
            None => failed(FailureCode::NoPicture, "the camera sends no picture"),
        },
        (Outcome::Failed(failure), None) if failure.code == FailureCode::UnknownCamera => {
            failed(FailureCode::UnknownCamera, "this appliance does not know the camera")
        }
        (told, _) => told,
    }
}

/// Those that may give it, the wanted one first.
fn sources(site: &Site, camera: CameraId, tier: Option<Tier>) -> Vec<Source> {
    let wanted = tier.into_iter().chain([Tier::Sub, Tier::Third, Tier::Main]);
    let mut tiers: Vec<Tier> = Vec::new();
    for tier in wanted {
        if !tiers.contains(&tier) {
            tiers.push(tier);
        }
    }
    tiers.into_iter().filter_map(|tier| site.pulls.source(camera, tier)).collect()
}

/// Opens the stream for one picture.
async fn opened(source: &Source) -> Option<Poster> {
    let first = async {
        let mut subscription = source.subscribe(Start::Cached).await;
        let mut playing = None;
        loop {
            match subscription.next().await? {
                Event::Started { presentation } => playing = Some(presentation),
                Event::Unit { line, unit, .. } if unit.key.is_some() => {
                    let presentation = playing.clone()?;
                    return film(&KeyPicture { presentation, line, unit });
                }
                _ => {}
            }
        }
    };
    tokio::time::timeout(OPENED_WITHIN, first).await.ok().flatten()
}

/// A film of one picture (ISO/IEC 14496-12): what browsers show of it is that picture.
fn film(picture: &KeyPicture) -> Option<Poster> {
    let line = picture.presentation.received().find(|line| line.index == picture.line)?;
    let codec = Codec::named(&line.encoding).filter(|codec| codec.is_video())?;
    let track = Track { line: line.index, codec, clock_rate: line.clock_rate, fmtp: line.fmtp.clone() };
    let mut packager = Packager::new(Settings::default(), &[track]).ok()?;
    packager.push(picture.line, &picture.unit).ok()?;
    packager.end();
    // Every name of the first run: the segment before the first picture is empty, and has no bytes.
    let newest = packager.next(Rendition::Video).msn;
    let segment = (1..=newest).find_map(|number| found(&packager, &format!("v{number}.m4s")))?;
    let mut data = found(&packager, "v-init-1.mp4")?;
    data.extend_from_slice(&segment);
    (data.len() <= MAX_POSTER).then(|| Poster {
        content_type: "video/mp4".to_owned(),
        captured_at: UnixMillis(picture.unit.captured_at_ms),
        data,
    })
}

fn found(packager: &Packager, name: &str) -> Option<Vec<u8>> {
    match packager.resource(name) {
        Resource::Found { body, .. } => Some(body.concat()),
        _ => None,
    }
}

fn failed(code: FailureCode, text: &str) -> Outcome {
    Outcome::Failed(Failure { code, text: text.to_owned() })
}
