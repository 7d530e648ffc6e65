use std::{
    net::SocketAddr,
    ops::Range,
    time::{Duration, Instant},
};

use sluice_media::Codec;
use str0m::{
    Event, Input, Output, Rtc,
    channel::ChannelId,
    media::Pt,
    net::{Protocol, Receive},
    rtp::RtpWrite,
};

use crate::{
    egress::Egress,
    engine::EndReason,
    feed::Gop,
    formats::{self, Lines},
    frame::{AudioKind, AudioPacket, FeedId, FeedMedia},
    lineup::{Lineup, Slice},
    negotiate::Negotiated,
    sound::{self, Sound},
    stun::Kind,
};

/// One viewer: its WebRTC session, and what it is sent.
pub(crate) struct Viewer {
    rtc: Rtc,
    session: Names,
    lines: Lines,
    /// The number of the feed's pictures, where the viewer takes them.
    video: Option<Pt>,
    pub(crate) feed: FeedId,
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
    next_sequence: u64,
    /// Packets handed to the session since its last step.
    held: usize,
    resends: Resends,
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

/// How large the session's cache of packets to send again has grown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Resends {
    Usual,
    /// A burst went through it, until then.
    Swollen(Instant),
}

struct Times {
    opened: Instant,
    heard: Option<Instant>,
    connected: Option<Instant>,
    pictured: bool,
    tell: Option<Instant>,
    rtc: Instant,
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
    Ended(EndReason),
}

impl Viewer {
    pub(crate) fn new(now: Instant, feed: FeedId, negotiated: Negotiated) -> Self {
        let Negotiated { rtc, ufrag, remote_ufrag, lines, talks, .. } = negotiated;
        // A browser holds its pictures back for sound, so a player asks for it; others cannot.
        let sound = Sound::new(!talks && lines.audio.is_some());
        Self {
            rtc,
            session: Names { ufrag, remote_ufrag },
            video: lines.video_type(Codec::H264),
            lines,
            feed,
            lineup: Lineup::new(fastrand::u32(..)),
            sound,
            sounding: false,
            routes: Vec::new(),
            armed: None,
            times: Times { opened: now, heard: None, connected: None, pictured: false, tell: None, rtc: now },
            channel: None,
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
        let taken = self.rtc.handle_input(Input::Receive(now, packet)).is_ok();
        if taken && matches!(kind, Kind::Stun | Kind::Rtcp) {
            self.times.heard = Some(now);
        }
        taken
    }

    /// Sends what is due, answers what was received, and notes what happened. How many packets were sent again.
    pub(crate) fn run(&mut self, at: Moment, egress: &mut Egress, notices: &mut Vec<Notice>) -> u64 {
        let mut wrote = std::mem::take(&mut self.sounding);
        let mut media = 0;
        while let Some(slice) = self.lineup.poll(at.now) {
            wrote = true;
            for from in slice.packets.clone().step_by(TOGETHER) {
                self.write(at, &slice, from..slice.packets.end.min(from + TOGETHER));
                // What waits inside the session costs it memory for good, so a burst goes through in pieces.
                if self.held >= TOGETHER {
                    if !self.step(at.now, notices) {
                        return 0;
                    }
                    media += self.drain(at.now, egress, notices);
                }
            }
        }
        if (wrote || self.times.rtc <= at.now) && !self.step(at.now, notices) {
            return 0;
        }
        media += self.drain(at.now, egress, notices);
        if egress.flush() > 0 {
            self.lineup.cut();
        }
        if wrote {
            self.pictured(at.now, notices);
        }
        if wrote { 0 } else { media }
    }

    /// Tells the viewer how old its picture is, once a second.
    pub(crate) fn tell_freshness(&mut self, at: Moment) {
        let Moment { now, unix_millis } = at;
        let (Some(channel), Some(due)) = (self.channel, self.times.tell) else { return };
        if due > now {
            return;
        }
        self.times.tell = Some(now + FRESHNESS_INTERVAL);
        let Some(newest) = self.lineup.newest() else { return };
        let message = format!(
            r#"{{"rtp":{},"captured_at_ms":{},"node_now_ms":{unix_millis}}}"#,
            newest.rtp, newest.captured_at_ms
        );
        if let Some(mut channel) = self.rtc.channel(channel)
            && channel.buffered_amount() < MOST_UNTOLD
        {
            // Refused where the viewer closed the channel meanwhile.
            let _ = channel.write(false, message.as_bytes());
        }
        self.times.rtc = now;
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
        let others = [self.lineup.deadline(), self.times.tell];
        others.into_iter().flatten().fold(self.times.rtc.min(self.patience().0), Instant::min)
    }

    /// Says farewell, so that the browser need not find out by silence.
    pub(crate) fn close(&mut self, now: Instant, egress: &mut Egress) {
        if self.rtc.close().is_ok() && self.rtc.handle_input(Input::Timeout(now)).is_ok() {
            self.drain(now, egress, &mut Vec::new());
            egress.flush();
        }
        self.rtc.disconnect();
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

    /// Lets what was handed to the session leave it, all of a frame at once. `false` if the session broke.
    fn step(&mut self, now: Instant, notices: &mut Vec<Notice>) -> bool {
        self.held = 0;
        let well = self.rtc.handle_input(Input::Timeout(now)).is_ok();
        if !well {
            notices.push(Notice::Ended(EndReason::Broken));
        }
        well
    }

    fn pictured(&mut self, now: Instant, notices: &mut Vec<Notice>) {
        if !self.times.pictured && self.lineup.newest().is_some() {
            self.times.pictured = true;
            let since = self.times.connected.map_or(Duration::ZERO, |at| now.saturating_duration_since(at));
            notices.push(Notice::Pictured(since));
        }
    }

    /// Hands packets of a slice to the session.
    fn write(&mut self, at: Moment, slice: &Slice, packets: Range<usize>) {
        let captured_at = at.instant_of(slice.stamp.captured_at_ms);
        let mut api = self.rtc.direct_api();
        let Some(pt) = self.video else { return };
        let Some(stream) = self.lines.video.as_mut().and_then(|line| line.stream(&mut api)) else { return };
        let begins_key = slice.frame.key && packets.start == 0;
        match self.resends {
            _ if slice.paced => self.resends = Resends::Swollen(at.now + BURST_REPAIRED),
            Resends::Swollen(until) if begins_key && until <= at.now => {
                self.resends = Resends::Usual;
                formats::forget_resends(stream);
            }
            _ => {}
        }
        let last = slice.frame.payloads.len() - 1;
        for index in packets {
            let payload = slice.frame.payloads[index].clone();
            let packet = RtpWrite::new(pt, self.next_sequence.into(), slice.stamp.rtp, captured_at, payload);
            stream.write_rtp(packet.marker(index == last).nackable(true));
            self.next_sequence += 1;
            self.held += 1;
        }
    }

    /// Takes everything out of the session. How many media packets left.
    fn drain(&mut self, now: Instant, egress: &mut Egress, notices: &mut Vec<Notice>) -> u64 {
        let mut media = 0;
        loop {
            match self.rtc.poll_output() {
                Ok(Output::Timeout(at)) => {
                    self.times.rtc = at;
                    return media;
                }
                Ok(Output::Transmit(transmit)) => {
                    media += u64::from(Kind::of(&transmit.contents) == Kind::Other);
                    egress.stage(&transmit);
                }
                Ok(Output::Event(event)) => self.event(now, event, notices),
                Err(_) => {
                    let reason = if self.times.connected.is_some() {
                        EndReason::Broken
                    } else {
                        EndReason::DtlsFailed
                    };
                    notices.push(Notice::Ended(reason));
                    return media;
                }
            }
        }
    }

    fn said(&mut self, text: String) -> Notice {
        let Some(on) = sound::wish(&text) else { return Notice::Message(text) };
        let on = on && self.lines.audio.is_some();
        self.sound.want(on);
        Notice::Sound(on)
    }

    fn event(&mut self, now: Instant, event: Event, notices: &mut Vec<Notice>) {
        match event {
            Event::Connected if self.times.connected.is_none() => {
                self.times.connected = Some(now);
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
/// Packets handed to a session at one time: one frame of most, a part of a key frame.
const TOGETHER: usize = 16;
/// So long after a burst what was lost of it has been asked for again.
const BURST_REPAIRED: Duration = Duration::from_secs(1);
/// The data channel a player opens.
const CHANNEL: &str = "sluice";
const FRESHNESS_INTERVAL: Duration = Duration::from_secs(1);
/// A viewer that does not take its freshness messages is told no more of them.
const MOST_UNTOLD: usize = 4_096;
/// Longer texts are nothing a player sends.
const LONGEST_MESSAGE: usize = 4_096;
/// A browser checks every 2.5 s and reports every second; a killed one says nothing any more.
const SILENCE: Duration = Duration::from_secs(5);
/// From the answer to DTLS, over the worst of networks.
const ARRIVAL: Duration = Duration::from_secs(15);
