use std::{sync::Arc, time::Duration};

use axum::{
    extract::{
        Path, Query, State,
        rejection::{PathRejection, QueryRejection},
    },
    http::{HeaderMap, StatusCode},
    response::Response,
};
use serde::Deserialize;
use sluice_hls::Flavour;

use super::{
    answer,
    bundle::{self, Bundle},
    children, hold,
};
use crate::{
    front::{
        Front,
        problem::Problem,
        token::{self, feed, verify},
    },
    hls::{Head, Refusal, Seat},
    relay::Admission,
};

/// How a session is opened.
#[derive(Debug, Deserialize)]
pub(in crate::front) struct Wish {
    token: Option<String>,
    audio: Option<String>,
}

/// `GET /hls/{camera}/{tier}/index.m3u8?token=…&audio=off`: opens the session and answers its multivariant playlist.
/// A feed that was not open, or not packaged, is waited for. Who accepts a [`Bundle`] gets the start of its media with it.
pub(in crate::front) async fn open(
    State(front): State<Arc<Front>>,
    path: Result<Path<(String, String)>, PathRejection>,
    wish: Result<Query<Wish>, QueryRejection>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let (Path((camera, tier)), Query(wish)) = (path?, wish?);
    let feed = feed(&camera, &tier)?;
    let claims = verify(&front, &headers, wish.token, feed, &["ll-hls", "hls"])?;
    let flavour = if claims.protocol == "hls" { Flavour::Standard } else { Flavour::LowLatency };
    let with_audio = wish.audio.as_deref() != Some("off");
    let admission = Admission { session: claims.session, feed, token_id: claims.jti, ptz: false };
    let seat = front.relay.seat(admission).await.map_err(token::refused)?;
    seat.touch(front.clock.now());
    let head = first_picture(&front, &seat, with_audio, flavour).await?;
    match (head.master(with_audio, flavour), &head.refusal, &head.trouble) {
        (Some(text), ..) => {
            let root = format!("/hls/s/{}/{}/{}/", seat.secret.reveal(), seat.path, head.run);
            let index = rooted(text, &root);
            if flavour == Flavour::Standard || !bundle::is_wanted(&headers) {
                return Ok(answer::multivariant(index));
            }
            let mut bundle = Bundle::new(index);
            bundle.begin(&seat, &head, with_audio, &root);
            if bundle.media > 0 {
                front.relay.hls.media_bytes.inc_by(bundle.media);
                children::plays(&front, &seat).await;
            }
            Ok(bundle.answer())
        }
        (None, Some(Refusal { code, text }), _) => {
            Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, code.clone(), text))
        }
        (None, None, Some(Refusal { code, text })) => {
            Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, code.clone(), text).retry_after(2))
        }
        (None, None, None) => Err(not_yet()),
    }
}

async fn first_picture(
    front: &Front,
    seat: &Arc<Seat>,
    with_audio: bool,
    flavour: Flavour,
) -> Result<Arc<Head>, Problem> {
    let known = |head: &Head| {
        head.master(with_audio, flavour).is_some() || head.trouble.is_some() || head.refusal.is_some()
    };
    let head = seat.shelf.head();
    if known(&head) {
        return Ok(head);
    }
    let heads = seat.shelf.heads();
    hold::until(front, seat, heads, COLD, |head| known(head)).await.unwrap_or_else(|| Err(not_yet()))
}

fn not_yet() -> Problem {
    let detail = "the camera has not sent a picture yet; ask again with the same token";
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, "no-picture", detail).retry_after(1)
}

/// A multivariant playlist whose relative URIs, in lines and in attributes, stand under `root`.
fn rooted(text: &str, root: &str) -> String {
    let mut rooted = String::with_capacity(text.len() + 4 * root.len());
    for line in text.lines() {
        if line.starts_with('#') {
            rooted.push_str(&line.replace("URI=\"", &format!("URI=\"{root}")));
        } else if !line.is_empty() {
            rooted.push_str(root);
            rooted.push_str(line);
        }
        rooted.push('\n');
    }
    rooted
}

/// A cold feed has its first picture within 8 s, or its camera is in trouble and says so; players wait for ten.
const COLD: Duration = Duration::from_millis(9_500);

#[cfg(test)]
mod tests {
    use super::rooted;

    #[test]
    fn relative_addresses_come_under_the_root_wherever_they_stand() {
        let text = "#EXTM3U\n#EXT-X-MEDIA:TYPE=AUDIO,URI=\"audio.m3u8\"\n#EXT-X-STREAM-INF:BANDWIDTH=1\nvideo.m3u8\n";
        let expected = "#EXTM3U\n#EXT-X-MEDIA:TYPE=AUDIO,URI=\"/r/audio.m3u8\"\n#EXT-X-STREAM-INF:BANDWIDTH=1\n/r/video.m3u8\n";
        assert_eq!(rooted(text, "/r/"), expected);
    }
}
