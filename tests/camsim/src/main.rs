//! `sluice-camsim`: virtual cameras until Ctrl-C.

use std::{
    io::Write as _,
    net::{Ipv4Addr, SocketAddr},
    process::ExitCode,
    time::Duration,
};

use anyhow::{Context as _, Result, bail};
use clap::{Parser, ValueEnum};
use sluice_camsim::{
    AudioCodec, Auth, Camsim, CamsimConfig, Delivery, Discovery, OnvifConfig, ParameterSets, Quirk, Start,
    Tier, TierConfig, Transport, VideoCodec,
};
use sluice_telemetry::LogFormat;
use tokio::signal::unix::{SignalKind, signal};

/// Virtual RTSP cameras: rtsp://LISTEN/cam/1/main, /cam/1/sub, /cam/2/main, ...
///
/// Faults on command, when --control is given:
///   curl -X POST http://CONTROL/cameras/1/faults/WORD   (or /cameras/all/...)
///   WORD: stall, freeze, drop, refuse-401, refuse-453, refuse-503, offline, wrong-password, withhold-key-frames, resize,
///   stutter, ssrc-change, clock-jump[:SECONDS], timestamp-jump[:SECONDS], timestamp-back[:SECONDS], restore
///   curl -X PUT http://CONTROL/cameras/1/password -d NEW
///   curl -X POST http://CONTROL/cameras/1/key-frame
///   curl -X POST http://CONTROL/cameras/1/events/motion-on      (motion, tamper, input; -on, -off)
///   curl http://CONTROL/cameras
#[derive(Debug, Parser)]
#[command(version, verbatim_doc_comment)]
struct Args {
    /// How many cameras.
    #[arg(long, default_value_t = 4)]
    cameras: usize,
    /// Where RTSP is served.
    #[arg(long, default_value = "127.0.0.1:8554")]
    listen: SocketAddr,
    /// Where faults are commanded over HTTP; loopback only.
    #[arg(long)]
    control: Option<SocketAddr>,
    /// The first words of a camera's name; its number follows.
    #[arg(long, default_value = "Camera")]
    name: String,
    /// Pictures a second.
    #[arg(long, default_value_t = 15)]
    fps: u32,
    /// Seconds from one key frame to the next.
    #[arg(long, default_value_t = 2.0)]
    gop: f64,
    /// Size of the big picture, or `none`.
    #[arg(long, default_value = "1280x720")]
    main: String,
    /// Size of the small picture, or `none`.
    #[arg(long, default_value = "640x360")]
    sub: String,
    /// Bitrate of every tier, met by padding; what the pictures need, when not given (1,000 with --replay).
    #[arg(long)]
    bitrate_kbps: Option<u32>,
    /// Another bitrate for the big picture.
    #[arg(long)]
    main_bitrate_kbps: Option<u32>,
    /// Codec of both pictures: h264, h265, h264-bframes, h265-bframes; all but the first are loops without a clock.
    #[arg(long, default_value = "h264")]
    codec: VideoCodec,
    /// Another codec for the big picture.
    #[arg(long)]
    main_codec: Option<VideoCodec>,
    /// A beep every second in pcmu, pcma, aac, latm or opus; none when not given.
    #[arg(long, value_parser = sound)]
    audio: Option<Sound>,
    /// How packets may travel.
    #[arg(long, value_enum, default_value_t = TransportArg::Any)]
    transport: TransportArg,
    /// Send one encoded loop to everybody: cheap, without a clock in the picture.
    #[arg(long)]
    replay: bool,
    /// What a session gets first.
    #[arg(long, value_enum, default_value_t = StartArg::KeyFrame)]
    start: StartArg,
    /// Where SPS and PPS are told.
    #[arg(long, value_enum, default_value_t = SetsArg::Both)]
    parameter_sets: SetsArg,
    /// How a client proves who it is.
    #[arg(long, value_enum, default_value_t = AuthArg::None)]
    auth: AuthArg,
    /// The account's name.
    #[arg(long, default_value = "admin")]
    user: String,
    /// The account's password.
    #[arg(long, default_value = "camera")]
    password: String,
    /// Seconds without a sign of the client until its session ends.
    #[arg(long, default_value_t = 60)]
    session_timeout: u64,
    /// Sessions a camera serves at once; beyond it answers 453.
    #[arg(long)]
    max_sessions: Option<usize>,
    /// Where the ONVIF side is served.
    #[arg(long)]
    onvif: Option<SocketAddr>,
    /// Make every N cameras the channels of one recorder: one device, with a video source for each.
    #[arg(long, value_name = "N", requires = "onvif", default_value_t = 1)]
    recorder: usize,
    /// Give each device an address of its own behind that of --onvif, for RTSP too.
    #[arg(long, requires = "onvif")]
    own_addresses: bool,
    /// Answer WS-Discovery probes on this interface.
    #[arg(long, requires = "onvif")]
    discovery: Option<Ipv4Addr>,
    /// Give every camera this quirk of tests/fixtures/quirks, or camera N with N=QUIRK; may come again.
    #[arg(long = "quirk")]
    quirks: Vec<String>,
    /// Print one line of JSON on standard output when ready.
    #[arg(long)]
    json: bool,
    /// What is logged, on standard error.
    #[arg(long, default_value = "info")]
    log: String,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum StartArg {
    KeyFrame,
    MidGop,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum SetsArg {
    Both,
    InBand,
    Sdp,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum TransportArg {
    Any,
    Tcp,
    Udp,
}

/// A codec, or the word `none`.
#[derive(Debug, Clone, Copy)]
struct Sound(Option<AudioCodec>);

fn sound(word: &str) -> Result<Sound, sluice_camsim::UnknownCodec> {
    if word == "none" { Ok(Sound(None)) } else { word.parse().map(|codec| Sound(Some(codec))) }
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum AuthArg {
    None,
    Basic,
    Digest,
}

#[tokio::main]
async fn main() -> ExitCode {
    let args = Args::parse();
    sluice_telemetry::init(LogFormat::Text, &args.log);
    match run(args).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(error = %format!("{error:#}"), "virtual cameras cannot run");
            ExitCode::FAILURE
        }
    }
}

async fn run(args: Args) -> Result<()> {
    let json = args.json;
    let mut terminated = signal(SignalKind::terminate()).context("cannot watch for SIGTERM")?;
    let camsim = Camsim::start(config(args)?).await?;
    for camera in camsim.cameras() {
        tracing::debug!(name = camera.name(), main = %camera.url(Tier::Main), sub = %camera.url(Tier::Sub), "a camera");
    }
    if json {
        let cameras: Vec<_> = camsim
            .cameras()
            .map(|camera| serde_json::json!({"name": camera.name(), "main": camera.url(Tier::Main), "sub": camera.url(Tier::Sub), "onvif": camera.onvif_url()}))
            .collect();
        let ready =
            serde_json::json!({"rtsp": camsim.addr(), "control": camsim.control_addr(), "cameras": cameras});
        writeln!(std::io::stdout(), "{ready}").context("cannot write to standard output")?;
    }
    tokio::select! {
        interrupted = tokio::signal::ctrl_c() => interrupted.context("cannot watch for Ctrl-C")?,
        _ = terminated.recv() => {}
    }
    tracing::info!("virtual cameras are going");
    if !camsim.stop().await {
        bail!("some tasks did not end in time");
    }
    Ok(())
}

fn config(args: Args) -> Result<CamsimConfig> {
    let gop = Duration::try_from_secs_f64(args.gop).context("--gop is no time")?;
    let onvif = args.onvif.map(|listen| OnvifConfig {
        listen,
        own_addresses: args.own_addresses,
        discovery: args.discovery.map(|interface| Discovery { interface, ..Discovery::default() }),
    });
    let config = CamsimConfig {
        listen: args.listen,
        control: args.control,
        cameras: args.cameras,
        name: args.name,
        main: tier(&args.main, args.main_bitrate_kbps.or(args.bitrate_kbps))
            .context("--main")?
            .map(|tier| tier.coded(args.main_codec.unwrap_or(args.codec))),
        sub: tier(&args.sub, args.bitrate_kbps).context("--sub")?.map(|tier| tier.coded(args.codec)),
        fps: args.fps,
        gop,
        audio: args.audio.and_then(|sound| sound.0),
        transport: match args.transport {
            TransportArg::Any => Transport::Any,
            TransportArg::Tcp => Transport::Tcp,
            TransportArg::Udp => Transport::Udp,
        },
        delivery: if args.replay { Delivery::Replay } else { Delivery::Live },
        start: match args.start {
            StartArg::KeyFrame => Start::KeyFrame,
            StartArg::MidGop => Start::MidGop,
        },
        parameter_sets: match args.parameter_sets {
            SetsArg::Both => ParameterSets::Both,
            SetsArg::InBand => ParameterSets::InBand,
            SetsArg::Sdp => ParameterSets::Sdp,
        },
        auth: match args.auth {
            AuthArg::None => Auth::None,
            AuthArg::Basic => Auth::Basic,
            AuthArg::Digest => Auth::Digest,
        },
        user: args.user,
        password: args.password,
        session_timeout: Duration::from_secs(args.session_timeout.max(1)),
        max_sessions: args.max_sessions,
        onvif,
        channels: args.recorder,
        ..CamsimConfig::default()
    };
    args.quirks.iter().try_fold(config, |config, quirk| with_quirk(config, quirk))
}

/// One quirk for all, or for one: what is told of one comes on top of what was told of all before.
fn with_quirk(mut config: CamsimConfig, told: &str) -> Result<CamsimConfig> {
    let (number, name) = match told.split_once('=') {
        Some((number, name)) => (Some(number.parse().context("--quirk is NAME or NUMBER=NAME")?), name),
        None => (None, told),
    };
    let unknown =
        || format!("there is no quirk {name}; there are: {}", Quirk::names().collect::<Vec<_>>().join(", "));
    let quirk = Quirk::known(name).with_context(unknown)??;
    let Some(number) = number else { return Ok(quirk.apply(config)?) };
    let plain = CamsimConfig { variants: Default::default(), ..config.clone() };
    let own: CamsimConfig = config.variants.remove(&number).unwrap_or(plain);
    config.variants.insert(number, quirk.apply(own)?);
    Ok(config)
}

fn tier(size: &str, bitrate_kbps: Option<u32>) -> Result<Option<TierConfig>> {
    if size == "none" {
        return Ok(None);
    }
    let (width, height) = size.split_once('x').context("a size is WIDTHxHEIGHT or none")?;
    let pixels = |text: &str| text.parse().with_context(|| format!("{text} is no number of pixels"));
    Ok(Some(TierConfig { bitrate_kbps, ..TierConfig::sized(pixels(width)?, pixels(height)?) }))
}
