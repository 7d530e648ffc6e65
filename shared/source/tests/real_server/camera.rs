//! Starts `camera.py`.

use std::{
    io::{BufRead as _, BufReader},
    process::{Child, Command, Stdio},
    time::Duration,
};

use sluice_runtime::{Clock, TaskScope};
use sluice_source::{Credentials, Event, Settings, Source, SourceMetrics, Status, Subscription};
use sluice_telemetry::Secret;

pub(crate) struct Camera {
    process: Child,
    pub(crate) port: u16,
}

impl Camera {
    pub(crate) fn start(arguments: &[&str]) -> Self {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/real_server/camera.py");
        // Debian's own interpreter: its gi is the one that the package list installs.
        let mut process = Command::new("/usr/bin/python3")
            .arg(script)
            .args(arguments)
            .stdout(Stdio::piped())
            .spawn()
            .expect("python3 is in the list of Debian packages");
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let port = line.trim().parse().expect("gir1.2-gst-rtsp-server-1.0 is in the list of Debian packages");
        Self { process, port }
    }

    pub(crate) fn settings(&self, path: &str) -> Settings {
        Settings::new(format!("test{path}"), format!("rtsp://127.0.0.1:{}{path}", self.port).parse().unwrap())
    }
}

impl Drop for Camera {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

pub(crate) fn login(password: &str) -> Option<Credentials> {
    Some(Credentials { username: "operator".into(), password: Secret::new(password.into()) })
}

/// One source and the scope it lives in.
pub(crate) struct Rig {
    pub(crate) scope: TaskScope,
    pub(crate) source: Source,
}

impl Rig {
    pub(crate) fn new(settings: Settings) -> Self {
        let scope = TaskScope::new();
        let source = Source::spawn(&scope, Clock::system(), settings, SourceMetrics::default());
        Self { scope, source }
    }

    /// The first status that fits.
    pub(crate) async fn until(&self, what: &str, fits: impl FnMut(&Status) -> bool) -> Status {
        let mut status = self.source.status();
        let waited = tokio::time::timeout(PATIENCE, status.wait_for(fits)).await;
        let last = self.source.status().borrow().clone();
        waited.unwrap_or_else(|_| panic!("waited for {what}, but the source says {last:?}")).unwrap().clone()
    }
}

/// A loaded machine starts an encoder slowly.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) async fn next(subscription: &mut Subscription) -> Event {
    tokio::time::timeout(PATIENCE, subscription.next())
        .await
        .expect("an event in time")
        .expect("an open source")
}
