use std::sync::Arc;

use axum::{
    body::Body,
    extract::{Request, State},
    http::{HeaderMap, HeaderValue, Method, StatusCode, header, request::Parts},
    response::{IntoResponse, Response},
};
use sluice_hls::Flavour;

use super::{
    address::{Address, Wanted},
    answer::{self, Kept},
    hold,
};
use crate::{
    front::{Front, cors, problem::Problem},
    hls::{Found, Item, Laid, Media, Name, Reached, Seat},
};

/// Everything under `/hls/s/{secret}`: what a session's playlists point at, and its end.
pub(in crate::front) async fn serve(State(front): State<Arc<Front>>, request: Request) -> Response {
    let (asked, _) = request.into_parts();
    let preflight = cors::is_preflight(&asked.method, &asked.headers);
    let mut response =
        if preflight { StatusCode::NO_CONTENT.into_response() } else { answer(&front, &asked).await };
    let headers = response.headers_mut();
    headers.entry(header::VARY).or_insert(HeaderValue::from_static("origin"));
    cors::allow(&front, asked.headers.get(header::ORIGIN), headers, preflight);
    if asked.method == Method::HEAD {
        *response.body_mut() = Body::empty();
    }
    response
}

async fn answer(front: &Arc<Front>, asked: &Parts) -> Response {
    front.relay.hls.requests.inc();
    let answer = match asked.method {
        Method::GET | Method::HEAD => read(front, asked).await,
        Method::DELETE => end(front, asked).await,
        _ => Err(Problem::new(
            StatusCode::METHOD_NOT_ALLOWED,
            "method-not-allowed",
            "a session's resources take GET and HEAD, the session itself DELETE",
        )),
    };
    answer.unwrap_or_else(|problem| {
        front.relay.hls.refused.inc();
        problem.into_response()
    })
}

/// `DELETE /hls/s/{secret}`: the viewer leaves. Repeating it is answered the same for a while.
async fn end(front: &Front, asked: &Parts) -> Result<Response, Problem> {
    let address = Address::parse(asked.uri.path()).filter(Address::is_session).ok_or_else(unknown)?;
    if front.relay.close(&address.secret.reveal()).await {
        Ok(StatusCode::NO_CONTENT.into_response())
    } else {
        Err(forbidden())
    }
}

async fn read(front: &Arc<Front>, asked: &Parts) -> Result<Response, Problem> {
    let address = Address::parse(asked.uri.path()).ok_or_else(forbidden)?;
    let seat = seat(front, &address)?;
    let name = Name::parse(address.name).ok_or_else(unknown)?;
    let head = seat.shelf.head();
    if head.run != address.run {
        // Its playlists are of a run whose numbers say nothing any more.
        return Err(Problem::new(
            StatusCode::GONE,
            "run-ended",
            "this stream was begun anew; load its playlist",
        ));
    }
    if !head.has(name.media()) {
        return Err(unknown());
    }
    match name {
        Name::Playlist(media, flavour) => playlist(front, &seat, asked, (media, flavour)).await,
        _ => resource(front, &seat, &asked.headers, name).await,
    }
}

/// The live seat that an address is of, touched; only what was admitted for it is reached through it.
pub(super) fn seat(front: &Front, address: &Address<'_>) -> Result<Arc<Seat>, Problem> {
    let seat = match front.relay.seats.find(address.secret) {
        Found::Live(seat) => seat,
        Found::Ended => return Err(hold::ended()),
        Found::Unknown => return Err(forbidden()),
    };
    if seat.path != address.feed {
        return Err(forbidden());
    }
    seat.touch(front.clock.now());
    Ok(seat)
}

async fn playlist(
    front: &Front,
    seat: &Arc<Seat>,
    asked: &Parts,
    (media, flavour): (Media, Flavour),
) -> Result<Response, Problem> {
    let wanted = Wanted::parse(asked.uri.query()).map_err(|directive| {
        let detail = format!("{directive} must be a decimal number, and _HLS_part needs _HLS_msn");
        Problem::new(StatusCode::BAD_REQUEST, "directive-malformed", detail)
    })?;
    let Some(Wanted { segment, part }) = wanted else {
        let laid = hold::laid(front, seat, media, |laid| laid.page(flavour).is_some()).await?;
        let kept = if flavour == Flavour::LowLatency { Kept::Never } else { Kept::Second };
        return page(asked, &laid, flavour, kept);
    };
    seat.blocks();
    let ahead = seat.shelf.parts_ahead();
    if seat.shelf.laid(media).reached(segment, part, ahead) == Reached::TooFar {
        let detail = "_HLS_msn or _HLS_part is too far ahead of the newest part";
        return Err(Problem::new(StatusCode::BAD_REQUEST, "directive-too-far-ahead", detail));
    }
    let there =
        |laid: &Laid| laid.page(flavour).is_some() && laid.reached(segment, part, ahead) == Reached::Yes;
    let laid = hold::laid(front, seat, media, there).await?;
    page(asked, &laid, flavour, Kept::Always)
}

fn page(asked: &Parts, laid: &Laid, flavour: Flavour, kept: Kept) -> Result<Response, Problem> {
    laid.page(flavour).map(|page| answer::playlist(&asked.headers, page, kept)).ok_or_else(unknown)
}

async fn resource(
    front: &Front,
    seat: &Arc<Seat>,
    asked: &HeaderMap,
    name: Name,
) -> Result<Response, Problem> {
    let media = name.media();
    let mut item = seat.shelf.laid(media).item(&name);
    if matches!(item, Item::Later) {
        // A player that took the preload hint (RFC 8216bis §6.2.6): the part is given the moment it exists.
        let decided = |laid: &Laid| !matches!(laid.item(&name), Item::Later);
        item = hold::laid(front, seat, media, decided).await?.item(&name);
    }
    let (response, size) = match &item {
        Item::One(bytes) => answer::media(asked, media, std::slice::from_ref(bytes)),
        Item::Many(segment) => answer::media(asked, media, segment.parts()),
        Item::Gone => {
            return Err(Problem::new(
                StatusCode::GONE,
                "segment-gone",
                "it has left the window of this stream",
            ));
        }
        Item::Later | Item::Unknown => return Err(unknown()),
    };
    front.relay.hls.media_bytes.inc_by(size);
    fetched(front, seat, &name).await;
    Ok(response)
}

/// What of this name was given to a viewer may be media.
pub(super) async fn fetched(front: &Front, seat: &Seat, name: &Name) {
    if matches!(name, Name::Segment(..) | Name::Part(..)) {
        plays(front, seat).await;
    }
}

/// Tells the relay once that media reaches this viewer.
pub(super) async fn plays(front: &Front, seat: &Seat) {
    if seat.plays() {
        front.relay.plays(seat.key).await;
    }
}

fn forbidden() -> Problem {
    let detail = "this address opens nothing; its session may have ended, or was admitted for something else";
    Problem::new(StatusCode::FORBIDDEN, "session-unknown", detail)
}

fn unknown() -> Problem {
    Problem::new(StatusCode::NOT_FOUND, "resource-unknown", "there is nothing of this name, or not yet")
}
