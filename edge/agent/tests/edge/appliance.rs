//! A folder with an identity and a configuration, and the program run from it.

use std::{
    fs,
    io::{BufRead as _, BufReader, Read as _},
    net::{SocketAddr, TcpListener, UdpSocket},
    path::{Path, PathBuf},
    process::{Child, ChildStderr, Command, Output, Stdio},
};

use sluice_ids::{DeviceId, UnixMillis};
use sluice_runtime::{Clock, uuid_v7};
use sluice_trust::Authority;
use tempfile::TempDir;

pub(crate) struct Appliance {
    folder: TempDir,
    pub(crate) private: SocketAddr,
    /// Somebody who never answers.
    _hub: UdpSocket,
}

impl Appliance {
    /// `more` is appended to the configuration.
    pub(crate) fn new(more: &str) -> Self {
        let (folder, clock) = (tempfile::tempdir().unwrap(), Clock::system());
        let now = UnixMillis(clock.unix_millis());
        let device = DeviceId::from_uuid(uuid_v7(&clock));
        let identity = Authority::create(now).unwrap().issue_device_identity(device, now).unwrap();
        let hub = UdpSocket::bind("127.0.0.1:0").unwrap();
        let private = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let config = format!(
            "state_dir = \"state\"\n[hub]\ncontrol = \"{}\"\n[private]\nlisten = \"{private}\"\n\
             [cameras.discovery]\nenabled = false\n{more}",
            hub.local_addr().unwrap()
        );
        for (name, text) in [
            ("device.key", identity.key_pem()),
            ("device.crt", identity.certificate_pem()),
            ("ca.crt", identity.ca_pem()),
            ("edge.toml", &config),
        ] {
            fs::write(folder.path().join(name), text).unwrap();
        }
        Self { folder, private, _hub: hub }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Starts the program and waits until it says that it runs.
    pub(crate) fn start(&self) -> Running {
        let mut process = edge(&["run", "--config", self.path("edge.toml").to_str().unwrap()])
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut log = BufReader::new(process.stderr.take().unwrap());
        let mut said = String::new();
        while !said.contains("the edge is running") {
            assert!(log.read_line(&mut said).unwrap() > 0, "it ended: {said}");
        }
        Running { process, log, said }
    }

    /// Runs it to its end, which is expected soon.
    pub(crate) fn run(&self) -> Output {
        edge(&["run", "--config", self.path("edge.toml").to_str().unwrap()]).output().unwrap()
    }

    pub(crate) fn status(&self, arguments: &[&str]) -> Output {
        edge(&["status", "--address", &self.private.to_string()]).args(arguments).output().unwrap()
    }
}

pub(crate) struct Running {
    process: Child,
    log: BufReader<ChildStderr>,
    said: String,
}

impl Running {
    /// SIGTERM; the exit code and the whole log.
    pub(crate) fn stop(mut self) -> (Option<i32>, String) {
        let killed = Command::new("kill").arg(self.process.id().to_string()).status().unwrap();
        assert!(killed.success());
        self.log.read_to_string(&mut self.said).unwrap();
        (self.process.wait().unwrap().code(), std::mem::take(&mut self.said))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn edge(arguments: &[&str]) -> Command {
    let mut command = Command::new(Path::new(env!("CARGO_BIN_EXE_sluice-edge")));
    command.args(arguments);
    command
}

pub(crate) fn errors(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}
