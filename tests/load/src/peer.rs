use std::{
    collections::VecDeque,
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};

use anyhow::{Context as _, Result};
use sluice_runtime::Clock;
use str0m::{
    Event as RtcEvent, Input, Output, Rtc, RtcConfig,
    change::{SdpAnswer, SdpPendingOffer},
    channel::{ChannelConfig, ChannelId},
    ice::StunMessage,
    media::{Direction, KeyframeRequestKind, MediaKind, Mid},
    net::Receive,
    rtp::Ssrc,
};

use crate::transport::{Link, Transport};

/// One WebRTC receiver, as a player is one.
pub struct Peer {
    clock: Clock,
    rtc: Rtc,
    link: Link,
    pending: Option<SdpPendingOffer>,
    channel: Option<ChannelId>,
    control: Option<ChannelId>,
    ssrc: Option<Ssrc>,
    audio: Option<Mid>,
    events: VecDeque<Event>,
    outgoing: VecDeque<(SocketAddr, Vec<u8>)>,
    deadline: Instant,
    lose: u32,
    nominates: bool,
    buffer: Box<[u8]>,
}

/// What a peer asks for.
#[derive(Debug, Clone, Copy)]
pub struct Wish {
    /// H.264.
    pub h264: bool,
    /// H.265.
    pub h265: bool,
    /// Opus and G.711.
    pub audio: bool,
    /// A data channel beside them; standard players have none.
    pub channel: bool,
}

impl Wish {
    /// H.264 and a data channel.
    pub const PICTURES: Self = Self { h264: true, h265: false, audio: false, channel: true };
    /// Everything that a player of ours asks for.
    pub const ALL: Self = Self { h264: true, h265: true, audio: true, channel: true };
}

/// What a peer sees.
#[derive(Debug, Clone)]
pub enum Event {
    /// ICE and DTLS stand.
    Connected,
    /// A packet of pictures, decrypted.
    Packet(Packet),
    /// A packet of sound, decrypted.
    Sound(Packet),
    /// Which RTP time is when, by a sender report.
    Report(SenderReport),
    /// The data channel is open.
    ChannelOpen,
    /// Text on the data channel.
    Text(String),
    /// The channel over which it may ask for something is open.
    ControlOpen,
    /// Text on that channel.
    Control(String),
    /// The other side closed.
    Closed,
}

/// One RTP packet.
#[derive(Debug, Clone)]
pub struct Packet {
    /// Extended sequence number.
    pub sequence: u64,
    /// RTP timestamp.
    pub timestamp: u32,
    /// Last packet of its frame.
    pub marker: bool,
    /// Payload type.
    pub payload_type: u8,
    /// Without the header.
    pub payload: Arc<[u8]>,
    /// When it was received.
    pub at: Instant,
}

/// A sender report (RFC 3550 §6.4.1).
#[derive(Debug, Clone, Copy)]
pub struct SenderReport {
    /// Whether it is of the sound.
    pub audio: bool,
    /// RTP timestamp.
    pub rtp: u32,
    /// When that was, in microseconds since 1970.
    pub unix_micros: i64,
}

impl Peer {
    /// A peer that receives H.264, and its SDP offer.
    ///
    /// # Errors
    /// When no socket is to be had.
    pub async fn offer(clock: Clock, transport: Transport, ip: IpAddr) -> Result<(Self, String)> {
        Self::offer_for(clock, transport, ip, Wish::PICTURES).await
    }

    /// A peer on an address of this machine, and its SDP offer.
    ///
    /// # Errors
    /// When no socket is to be had.
    pub async fn offer_for(
        clock: Clock,
        transport: Transport,
        ip: IpAddr,
        wish: Wish,
    ) -> Result<(Self, String)> {
        let link = Link::open(transport, ip).await?;
        let now = clock.now();
        let config = RtcConfig::new()
            .set_crypto_provider(Arc::new(str0m::crypto::from_feature_flags()))
            .set_rtp_mode(true)
            .clear_codecs()
            .enable_h264(wish.h264)
            .enable_h265(wish.h265)
            .enable_opus(wish.audio, false)
            .enable_pcmu(wish.audio, false)
            .enable_pcma(wish.audio, false);
        let mut rtc = config.build(now);
        rtc.add_local_candidate(link.candidate()?);
        let mut changes = rtc.sdp_api();
        if wish.h264 || wish.h265 {
            changes.add_media(MediaKind::Video, Direction::RecvOnly, None, None, None);
        }
        let audio =
            wish.audio.then(|| changes.add_media(MediaKind::Audio, Direction::RecvOnly, None, None, None));
        if wish.channel {
            changes.add_channel(CHANNEL.to_owned());
        }
        let (offer, pending) = changes.apply().context("an offer has changes")?;
        let peer = Self {
            clock,
            rtc,
            link,
            pending: Some(pending),
            channel: None,
            control: None,
            ssrc: None,
            audio,
            events: VecDeque::new(),
            outgoing: VecDeque::new(),
            deadline: now,
            lose: 0,
            nominates: true,
            buffer: vec![0; 2_048].into_boxed_slice(),
        };
        Ok((peer, offer.to_sdp_string()))
    }

    /// Takes the answer and begins to connect.
    ///
    /// # Errors
    /// When the answer does not fit the offer, or ICE-TCP is wanted and not offered.
    pub async fn accept(&mut self, answer: &str) -> Result<()> {
        self.link.connect(answer).await?;
        let pending = self.pending.take().context("one answer for one offer")?;
        let answer = SdpAnswer::from_sdp_string(answer).context("parse the answer")?;
        self.rtc.sdp_api().accept_answer(pending, answer).context("take the answer")?;
        self.deadline = self.clock.now();
        Ok(())
    }

    /// The next event, or `None` when `until` comes first.
    ///
    /// # Errors
    /// When the session or its socket breaks.
    pub async fn next(&mut self, until: Instant) -> Result<Option<Event>> {
        loop {
            self.drain().await?;
            if let Some(event) = self.events.pop_front() {
                return Ok(Some(event));
            }
            let now = self.clock.now();
            if now >= until {
                return Ok(None);
            }
            let wake = self.deadline.min(until);
            tokio::select! {
                received = self.link.receive(&mut self.buffer) => {
                    let (length, source) = received?;
                    self.take(length, source)?;
                    self.take_waiting()?;
                }
                () = self.clock.sleep_until(Some(wake)) => {
                    self.rtc.handle_input(Input::Timeout(self.clock.now()))?;
                }
            }
        }
    }

    /// Events until one is `wanted`, at most for `limit`.
    ///
    /// # Errors
    /// When the session breaks or the limit passes.
    pub async fn until<T>(
        &mut self,
        limit: Duration,
        mut wanted: impl FnMut(&Event) -> Option<T>,
    ) -> Result<T> {
        let until = self.clock.now() + limit;
        loop {
            let event = self.next(until).await?.context("it did not come in time")?;
            if let Some(found) = wanted(&event) {
                return Ok(found);
            }
        }
    }

    /// The next `count` media packets are lost on their way.
    pub fn lose(&mut self, count: u32) {
        self.lose = count;
    }

    /// It tries paths and names none as the one to use, as browsers do for their first 50 ms.
    pub fn nominate_none(&mut self) {
        self.nominates = false;
    }

    /// Asks the sender for a key frame (PLI).
    pub fn request_key_frame(&mut self) {
        if let Some(ssrc) = self.ssrc
            && let Some(stream) = self.rtc.direct_api().stream_rx(&ssrc)
        {
            stream.request_keyframe(KeyframeRequestKind::Pli);
            self.deadline = self.clock.now();
        }
    }

    /// Sends text over the data channel; `false` if it is not open.
    pub fn say(&mut self, text: &str) -> bool {
        self.deadline = self.clock.now();
        let channel = self.channel.and_then(|id| self.rtc.channel(id));
        channel.is_some_and(|mut channel| channel.write(false, text.as_bytes()).unwrap_or(false))
    }

    /// Opens the channel over which a player asks for something, as a page does that has been playing for a while.
    pub fn open_control(&mut self) {
        let config = ChannelConfig { label: CONTROL.to_owned(), ..ChannelConfig::default() };
        self.rtc.direct_api().create_data_channel(config);
        self.deadline = self.clock.now();
    }

    /// Sends text over that channel; `false` if it is not open.
    pub fn ask(&mut self, text: &str) -> bool {
        self.deadline = self.clock.now();
        let channel = self.control.and_then(|id| self.rtc.channel(id));
        channel.is_some_and(|mut channel| channel.write(false, text.as_bytes()).unwrap_or(false))
    }

    /// The address its packets come from.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.link.local()
    }

    /// Says farewell by DTLS, as a page does that closes its connection.
    ///
    /// # Errors
    /// When the socket breaks.
    pub async fn close(&mut self) -> Result<()> {
        self.rtc.close()?;
        self.rtc.handle_input(Input::Timeout(self.clock.now()))?;
        self.drain().await
    }

    fn take_waiting(&mut self) -> Result<()> {
        for _ in 0..AT_ONCE {
            let Some((length, source)) = self.link.try_receive(&mut self.buffer) else { break };
            self.take(length, source)?;
        }
        Ok(())
    }

    fn take(&mut self, length: usize, source: SocketAddr) -> Result<()> {
        let packet = &self.buffer[..length];
        if self.lose > 0 && is_media(packet) {
            self.lose -= 1;
            return Ok(());
        }
        let Ok(receive) = Receive::new(self.link.protocol(), source, self.link.local(), packet) else {
            return Ok(());
        };
        self.rtc.handle_input(Input::Receive(self.clock.now(), receive))?;
        // Each input is drained before the next, as str0m asks.
        self.poll()
    }

    fn poll(&mut self) -> Result<()> {
        loop {
            match self.rtc.poll_output()? {
                Output::Timeout(at) => {
                    self.deadline = at;
                    return Ok(());
                }
                Output::Transmit(transmit) if !self.nominates && is_nomination(&transmit.contents) => {}
                Output::Transmit(transmit) => {
                    self.outgoing.push_back((transmit.destination, transmit.contents.into()));
                }
                Output::Event(event) => self.event(event),
            }
        }
    }

    fn event(&mut self, event: RtcEvent) {
        let event = match event {
            RtcEvent::Connected => Event::Connected,
            RtcEvent::RtpPacket(packet) => {
                let audio = self.is_audio(packet.header.ssrc);
                if !audio {
                    self.ssrc = Some(packet.header.ssrc);
                }
                let seen = Packet {
                    sequence: *packet.seq_no,
                    timestamp: packet.header.timestamp,
                    marker: packet.header.marker,
                    payload_type: *packet.header.payload_type,
                    payload: packet.payload,
                    at: packet.timestamp,
                };
                if audio { Event::Sound(seen) } else { Event::Packet(seen) }
            }
            RtcEvent::SenderFeedback(report) => Event::Report(SenderReport {
                audio: Some(report.mid) == self.audio,
                rtp: low(report.sender_info.rtp_time.numer()),
                unix_micros: unix_micros(report.sender_info.ntp_time),
            }),
            RtcEvent::ChannelOpen(id, label) if label == CONTROL => {
                self.control = Some(id);
                Event::ControlOpen
            }
            RtcEvent::ChannelOpen(id, _) => {
                self.channel = Some(id);
                Event::ChannelOpen
            }
            RtcEvent::ChannelData(message) => {
                let text = String::from_utf8_lossy(&message.data).into_owned();
                if self.control == Some(message.id) { Event::Control(text) } else { Event::Text(text) }
            }
            RtcEvent::Closed => Event::Closed,
            _ => return,
        };
        self.events.push_back(event);
    }

    fn is_audio(&mut self, ssrc: Ssrc) -> bool {
        let mut api = self.rtc.direct_api();
        self.audio.is_some() && api.stream_rx(&ssrc).map(|stream| stream.mid()) == self.audio
    }

    async fn drain(&mut self) -> Result<()> {
        self.poll()?;
        while let Some((destination, packet)) = self.outgoing.pop_front() {
            self.link.send(destination, &packet).await?;
        }
        Ok(())
    }
}

/// A connectivity check that names its path as the one to use (RFC 8445 §7.1.2).
fn is_nomination(packet: &[u8]) -> bool {
    StunMessage::parse(packet).is_ok_and(|message| message.use_candidate())
}

/// Media packets by RFC 7983 and RFC 5761: neither STUN, DTLS nor RTCP.
fn is_media(packet: &[u8]) -> bool {
    matches!(packet, [128..=191, second, ..] if !(64..96).contains(&(second & 0x7f)))
}

#[expect(clippy::cast_possible_truncation, reason = "an RTP timestamp is the low 32 bits")]
fn low(rtp: u64) -> u32 {
    rtp as u32
}

fn unix_micros(time: SystemTime) -> i64 {
    let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
}

const CHANNEL: &str = "sluice";
const CONTROL: &str = "sluice-control";
/// Packets taken before answers leave.
const AT_ONCE: usize = 64;
