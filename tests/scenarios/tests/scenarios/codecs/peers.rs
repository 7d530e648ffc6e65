use std::{path::Path, process::Stdio};

use anyhow::{Context as _, Result};
use serde_json::Value;
use tokio::{
    io::{AsyncBufReadExt as _, BufReader},
    process::{Child, Command},
};

use super::super::support::{Stage, binaries};

/// One kind of camera.
#[derive(Debug, Clone, Copy)]
pub(super) struct Peer {
    maker: Maker,
    video: &'static str,
    audio: &'static str,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Maker {
    Gstreamer,
    Camsim,
}

/// A camera that sends; it ends with the value.
#[derive(Debug)]
pub(super) struct Sender {
    pub(super) peer: Peer,
    pub(super) url: String,
    _process: Child,
}

const SOUNDS: [&str; 6] = ["none", "pcmu", "pcma", "aac", "latm", "opus"];

/// Every kind, in the order of the table.
pub(super) fn all() -> Vec<Peer> {
    let mut peers = Vec::new();
    let mut add = |maker, video, audio| peers.push(Peer { maker, video, audio });
    for audio in SOUNDS {
        add(Maker::Gstreamer, "h264", audio);
    }
    add(Maker::Gstreamer, "h265", "none");
    add(Maker::Gstreamer, "h265", "aac");
    add(Maker::Gstreamer, "h265", "opus");
    add(Maker::Gstreamer, "jpeg", "none");
    for audio in SOUNDS {
        add(Maker::Camsim, "h264", audio);
    }
    for video in ["h264-bframes", "h265", "h265-bframes"] {
        add(Maker::Camsim, video, "none");
        add(Maker::Camsim, video, "aac");
    }
    peers
}

impl Peer {
    pub(super) fn maker(self) -> &'static str {
        match self.maker {
            Maker::Gstreamer => "GStreamer",
            Maker::Camsim => "virtual",
        }
    }

    pub(super) fn has_sound(self) -> bool {
        self.audio != "none"
    }

    pub(super) fn b_frames(self) -> bool {
        self.video.ends_with("bframes")
    }

    /// In words.
    pub(super) fn sends(self) -> String {
        let video = match self.video {
            "h264" => "H.264",
            "h265" => "H.265",
            "h264-bframes" => "H.264 with B-frames",
            "h265-bframes" => "H.265 with B-frames",
            _ => "Motion JPEG",
        };
        match self.audio {
            "none" => video.to_owned(),
            "pcmu" => format!("{video}, G.711 µ-law"),
            "pcma" => format!("{video}, G.711 A-law"),
            "aac" => format!("{video}, AAC (mpeg4-generic)"),
            "latm" => format!("{video}, AAC (LATM)"),
            _ => format!("{video}, Opus"),
        }
    }

    pub(super) async fn start(self, _stage: &Stage) -> Result<Sender> {
        let mut command = match self.maker {
            Maker::Gstreamer => {
                let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/gst_camera.py");
                let mut command = Command::new("/usr/bin/python3");
                command.arg(script).args([
                    "--size",
                    "320x180",
                    "--fps",
                    "15",
                    "--gop",
                    "15",
                    "--bitrate",
                    "300",
                ]);
                command
            }
            Maker::Camsim => {
                let mut command = Command::new(binaries()?.join("sluice-camsim"));
                command.args([
                    "--cameras",
                    "1",
                    "--listen",
                    "127.0.0.1:0",
                    "--sub",
                    "none",
                    "--main",
                    "640x360",
                ]);
                command.args(["--gop", "1", "--log", "warn", "--json"]);
                command
            }
        };
        command
            .args(["--codec", self.video, "--audio", self.audio])
            .kill_on_drop(true)
            .stdout(Stdio::piped());
        let mut process = command.spawn().with_context(|| format!("start {self:?}"))?;
        let output = process.stdout.take().context("its standard output")?;
        let line = BufReader::new(output).lines().next_line().await?;
        let line = line.with_context(|| format!("{self:?} ended without a word"))?;
        let said: Value = serde_json::from_str(&line).with_context(|| line.clone())?;
        let url = match self.maker {
            Maker::Gstreamer => &said["url"],
            Maker::Camsim => &said["cameras"][0]["main"],
        };
        let url = url.as_str().with_context(|| line.clone())?.to_owned();
        Ok(Sender { peer: self, url, _process: process })
    }
}
