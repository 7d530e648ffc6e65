mod sending;

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use sluice_media::Codec;
use str0m::{
    Event, Input, Rtc,
    channel::ChannelId,
    media::Pt,
    net::{Protocol, Receive},
};

use self::sending::Resends;
use crate::{
    control::{self, Control, Heard},
    egress::Egress,
    engine::EndReason,
    feed::Gop,
    formats::Lines,
    frame::{AudioKind, AudioPacket, FeedId, FeedMedia},
    lineup::Lineup,
    negotiate::Negotiated,
    nomination::Nomination,
    sound::{self, Sound},
    stun::Kind,
    timeline::Stamp,
};

/// One viewer: its WebRTC session, and what it is sent.
pub(crate) struct Viewer {
    rtc: Rtc,
    session: Names,
    /// Until it is connected.
    nomination: Option<Nomination>,
    nominated: bool,
    lines: Lines,
    /// The number of the feed's pictures, where the viewer takes them.
    video: Option<Pt>,
    pub(crate) feed: FeedId,
    /// Where it is to move.
    pub(crate) approach: Option<Approach>,
    pub(crate) lineup: Lineup,
    sound: Sound,
    /// Sound was handed to the session and has not left.
    sounding: bool,
    /// Where its packets come from, for the owner's index.
    pub(crate) routes: Vec<Route>,
    /// When the owner's timer for it is set, if it is.
    pub(crate) armed: Option<Instant>,
    times: Times,
    channel: Option<ChannelId>,
    /// What it was told last of the age of its pictures, and when.
    told: Option<(Stamp, Instant)>,
    control: Control,
    next_sequence: u64,
    /// Packets handed to the session since its last step.
    held: usize,
    resends: Resends,
}

/// A viewer's way to another feed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Approach {
    pub(crate) feed: FeedId,
    pub(crate) give_up: Instant,
    /// Whether any picture of it came.
    pub(crate) pictured: bool,
}

/// One end of a path to a viewer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Route {
    pub(crate) tcp: bool,
    pub(crate) remote: SocketAddr,
}

/// Now, by both clocks.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Moment {
    pub(crate) now: Instant,
    pub(crate) unix_millis: i64,
}

struct Names {
    ufrag: String,
    remote_ufrag: String,
}

struct Times {
    opened: Instant,
    heard: Option<Instant>,
    connected: Option<Instant>,
    pictured: bool,
    tell: Option<Instant>,
    /// When it last got a picture or was told of one's age.
    spoken: Instant,
    /// When the session has something to do, and by when it is woken for it at the latest.
    rtc: Instant,
    rtc_by: Instant,
}

impl Times {
    /// The session wants its turn at `at`, or a little later: what is far away may wait for the next picture, which
    /// wakes the viewer anyway.
    fn wants(&mut self, now: Instant, at: Instant) {
        if at != self.rtc {
            self.rtc = at;
            self.rtc_by = at + (at.saturating_duration_since(now) / 4).min(MOST_LATE);
        }
    }
}

/// What a viewer's session says, for the owner to act on.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Notice {
    /// DTLS stands; how long that took.
    Connected(Duration),
    /// The first packet of a picture left; how long after DTLS.
    Pictured(Duration),
    PictureLost,
    /// It wants to hear the feed from now on, or not any more.
    Sound(bool),
    Message(String),
    /// It asks for something.
    Asked(String),
    /// What it asked was too much.
    Unasked,
    Ended(EndReason),
}

impl Viewer {
    pub(crate) fn new(now: Instant, feed: FeedId, negotiated: Negotiated) -> Self {
        let Negotiated { rtc, ufrag, remote_ufrag, nomination, lines, talks, .. } = negotiated;
        // A browser holds its pictures back for sound, so a player asks for it; others cannot.
        let sound = Sound::new(!talks && lines.audio.is_some());
        Self {
            rtc,
            session: Names { ufrag, remote_ufrag },
            nomination,
            nominated: false,
            video: lines.video_type(Codec::H264),
            lines,
            feed,
            approach: None,
            lineup: Lineup::new(fastrand::u32(..)),
            sound,
            sounding: false,
            routes: Vec::new(),
            armed: None,
            times: Times {
                opened: now,
                heard: None,
                connected: None,
                pictured: false,
                tell: None,
                spoken: now,
                rtc: now,
                rtc_by: now,
            },
            channel: None,
            told: None,
            control: Control::default(),
            // The upper bits are SRTP's rollover counter, which a viewer takes for zero.
            next_sequence: fastrand::u64(1..32_768),
            held: 0,
            resends: Resends::Usual,
        }
    }

    /// The feed is this. `false` if the viewer did not offer to take it.
    pub(crate) fn tune(&mut self, media: FeedMedia) -> bool {
        self.video = media.video.and_then(|codec| self.lines.video_type(codec));
        self.lines.take(media)
    }

    /// Whether it offered to take this; a feed that is not described yet may be anything.
    pub(crate) fn takes(&self, media: Option<FeedMedia>) -> bool {
        media.is_none_or(|media| self.lines.take(media))
    }

    /// Is sent another feed from here on, which is this.
    pub(crate) fn arrive(&mut self, feed: FeedId, media: Option<FeedMedia>) {
        (self.feed, self.approach) = (feed, None);
        self.lineup.stay();
        self.tune(media.unwrap_or(FeedMedia { video: Some(Codec::H264), audio: None, reordered: false }));
        self.sound.renew();
    }

    /// Whether it is to be sent pictures now.
    pub(crate) fn watches(&self) -> bool {
        self.video.is_some() && self.times.connected.is_some()
    }

    pub(crate) fn listens(&self) -> bool {
        self.sound.wanted()
    }

    /// The feed's next sound; it leaves with the next turn.
    pub(crate) fn hear(&mut self, at: Moment, kind: AudioKind, packet: &AudioPacket) {
        if self.times.connected.is_some() {
            self.sounding |= self.sound.write(at, (&mut self.rtc, &mut self.lines), kind, packet);
        }
    }

    pub(crate) fn ufrag(&self) -> &str {
        &self.session.ufrag
    }

    pub(crate) fn remote_ufrag(&self) -> &str {
        &self.session.remote_ufrag
    }

    /// Whether this STUN message, from an address not known yet, was made by the viewer.
    pub(crate) fn accepts(&self, now: Instant, packet: Receive<'_>) -> bool {
        self.rtc.accepts(&Input::Receive(now, packet))
    }

    /// A packet of the viewer. `false` if its session could make nothing of it.
    pub(crate) fn receive(&mut self, now: Instant, kind: Kind, packet: Receive<'_>) -> bool {
        if kind == Kind::Dtls && !self.nominated {
            self.nominated = true;
            self.nominate(now, &packet);
        }
        let taken = self.rtc.handle_input(Input::Receive(now, packet)).is_ok();
        if taken && matches!(kind, Kind::Stun | Kind::Rtcp) {
            self.times.heard = Some(now);
        }
        taken
    }

    /// The path this packet came on is the viewer's choice until it says otherwise.
    fn nominate(&mut self, now: Instant, packet: &Receive<'_>) {
        let Some(nomination) = &self.nomination else { return };
        let check = Receive::new(packet.proto, packet.source, packet.destination, nomination.request());
        if let Ok(check) = check {
            // Where it is not taken, the viewer's own nomination follows.
            let _ = self.rtc.handle_input(Input::Receive(now, check));
        }
    }

    /// Tells the viewer how old its picture is, where that is due.
    pub(crate) fn tell_freshness(&mut self, at: Moment) {
        let Moment { now, unix_millis } = at;
        let (Some(channel), Some(due)) = (self.channel, self.telling()) else { return };
        if due > now {
            return;
        }
        self.times.tell = Some(now + FRESHNESS_INTERVAL);
        self.times.spoken = now;
        let Some(newest) = self.lineup.newest() else { return };
        let message = format!(
            r#"{{"rtp":{},"captured_at_ms":{},"node_now_ms":{unix_millis}}}"#,
            newest.rtp, newest.captured_at_ms
        );
        if let Some(mut channel) = self.rtc.channel(channel)
            && channel.buffered_amount() < MOST_UNTOLD
        {
            // Refused where the viewer closed the channel meanwhile.
            let taken = channel.write(false, message.as_bytes()).unwrap_or(false);
            self.told = taken.then_some((newest, now)).or(self.told);
        }
        self.times.wants(now, now);
    }

    /// When the viewer is to be told of its pictures' age, if it listens. While none leave, that is its only sign that
    /// the node is there.
    fn telling(&self) -> Option<Instant> {
        self.times.tell.map(|due| due.min(self.times.spoken + FRESHNESS_PAUSE))
    }

    /// What the viewer was told of its pictures' age may not be true any more.
    fn tell_anew(&mut self, now: Instant) {
        let (Some(due), Some(newest)) = (self.times.tell, self.lineup.newest()) else { return };
        let again = match self.told {
            None => now,
            Some((told, at)) if told.strays_from(newest) => at + FRESHNESS_PAUSE,
            Some(_) => return,
        };
        self.times.tell = Some(due.min(again));
    }

    /// Answers what the viewer asked. `false` if it does not take the answer.
    pub(crate) fn answer(&mut self, now: Instant, text: &str) -> bool {
        let Some(mut channel) = self.control.channel.and_then(|id| self.rtc.channel(id)) else {
            return false;
        };
        self.times.wants(now, now);
        channel.buffered_amount() < MOST_UNTOLD && channel.write(false, text.as_bytes()).unwrap_or(false)
    }

    /// Why the session is over at `now`, if it is.
    pub(crate) fn over(&self, now: Instant) -> Option<EndReason> {
        let (deadline, reason) = self.patience();
        if !self.rtc.is_alive() {
            return Some(EndReason::Closed);
        }
        (deadline <= now).then_some(reason)
    }

    /// When [`Viewer::run`] or [`Viewer::over`] has something to do again.
    pub(crate) fn deadline(&self) -> Instant {
        let others = [self.lineup.deadline(), self.telling(), self.approach.map(|approach| approach.give_up)];
        let others = others.into_iter().chain([self.control.deadline()]);
        others.flatten().fold(self.times.rtc_by.min(self.patience().0), Instant::min)
    }

    /// Says farewell, so that the browser need not find out by silence.
    pub(crate) fn close(&mut self, now: Instant, egress: &mut Egress) {
        if self.rtc.close().is_ok() && self.rtc.handle_input(Input::Timeout(now)).is_ok() {
            self.drain(now, egress, &mut Vec::new());
            egress.flush();
        }
        self.rtc.disconnect();
    }

    /// RTP time tells capture time in another way: the viewer is to know at once.
    pub(crate) fn leapt(&mut self, now: Instant) {
        self.times.tell = self.times.tell.map(|at| at.min(now));
    }

    /// The picture the viewer has is lost for it; `gop` may mend that.
    pub(crate) fn picture_lost(&mut self, now: Instant, gop: &Gop) {
        self.lineup.picture_lost(now, gop);
    }

    fn patience(&self) -> (Instant, EndReason) {
        match (self.times.connected, self.times.heard) {
            (Some(connected), heard) => {
                (heard.map_or(connected, |heard| heard.max(connected)) + SILENCE, EndReason::Silence)
            }
            (None, None) => (self.times.opened + ARRIVAL, EndReason::Silence),
            (None, Some(_)) => (self.times.opened + ARRIVAL, EndReason::DtlsFailed),
        }
    }

    fn said(&mut self, text: String) -> Notice {
        let Some(on) = sound::wish(&text) else { return Notice::Message(text) };
        let on = on && self.lines.audio.is_some();
        self.sound.want(on);
        self.lineup.keep_time(on);
        Notice::Sound(on)
    }

    fn event(&mut self, now: Instant, event: Event, notices: &mut Vec<Notice>) {
        match event {
            Event::Connected if self.times.connected.is_none() => {
                self.times.connected = Some(now);
                self.nomination = None;
                notices.push(Notice::Connected(now.saturating_duration_since(self.times.opened)));
            }
            Event::KeyframeRequest(_) => notices.push(Notice::PictureLost),
            Event::ChannelOpen(id, label) if label == CHANNEL => {
                self.channel = Some(id);
                self.times.tell = Some(now);
            }
            Event::ChannelClose(id) if self.channel == Some(id) => {
                self.channel = None;
                self.times.tell = None;
            }
            Event::ChannelData(message) if self.channel == Some(message.id) && !message.binary => {
                if message.data.len() <= LONGEST_MESSAGE
                    && let Ok(text) = String::from_utf8(message.data)
                {
                    notices.push(self.said(text));
                }
            }
            Event::ChannelOpen(id, label) if label == control::CHANNEL && self.control.channel.is_none() => {
                self.control.channel = Some(id);
            }
            Event::ChannelClose(id) if self.control.channel == Some(id) => self.control.close(),
            Event::ChannelData(message) if self.control.channel == Some(message.id) => {
                let heard = self.control.hear(now, message.data);
                match heard {
                    Heard::Now(text) => notices.push(Notice::Asked(text)),
                    Heard::Later => {}
                    Heard::Refused => notices.push(Notice::Unasked),
                }
            }
            Event::Closed => notices.push(Notice::Ended(EndReason::Closed)),
            _ => {}
        }
    }
}

impl Route {
    pub(crate) fn protocol(self) -> Protocol {
        if self.tcp { Protocol::Tcp } else { Protocol::Udp }
    }
}

impl Moment {
    /// When something of this wall clock time happened: sender reports tell it (RFC 3550 §6.4.1).
    pub(crate) fn instant_of(self, unix_millis: i64) -> Instant {
        let age = u64::try_from(self.unix_millis.saturating_sub(unix_millis)).unwrap_or(0);
        self.now.checked_sub(Duration::from_millis(age).min(OLDEST)).unwrap_or(self.now)
    }
}

/// Older pictures than this are a wrong clock.
const OLDEST: Duration = Duration::from_secs(60);
/// The data channel a player opens.
const CHANNEL: &str = "sluice";
/// A message costs as much as ten packets of pictures, with its acknowledgement, and what it says holds.
const FRESHNESS_INTERVAL: Duration = Duration::from_secs(4);
/// What it says and does not hold is said anew after this, and so it is while no picture leaves.
const FRESHNESS_PAUSE: Duration = Duration::from_secs(1);
/// Reports, keep-alives and repetitions of a session may be late by this: a picture of 25 a second, and a bit.
const MOST_LATE: Duration = Duration::from_millis(45);
/// A viewer that does not take its freshness messages is told no more of them.
const MOST_UNTOLD: usize = 4_096;
/// Longer texts are nothing a player sends.
const LONGEST_MESSAGE: usize = 4_096;
/// A browser checks every 2.5 s and reports every second; a killed one says nothing any more.
const SILENCE: Duration = Duration::from_secs(5);
/// From the answer to DTLS, over the worst of networks.
const ARRIVAL: Duration = Duration::from_secs(15);
