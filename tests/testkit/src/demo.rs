use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context as _, Result, bail};
use reqwest::Method;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sluice_runtime::random_bytes;
use tokio::process::Command;

use crate::{Child, HubClient, OnvifConfig, OnvifSite, Ports, eventually_within};

/// What a demo is made of.
#[derive(Debug, Clone)]
pub struct DemoConfig {
    /// Its databases, identities, logs and `demo.json`; emptied at the start.
    pub dir: PathBuf,
    /// Where the programs lie.
    pub binaries: PathBuf,
    /// Its ports.
    pub ports: Ports,
    /// How many virtual cameras are started and added.
    pub cameras: usize,
    /// Further arguments of `sluice-camsim`.
    pub camsim: Vec<String>,
    /// Virtual ONVIF cameras that are found, not added.
    pub onvif: Option<OnvifConfig>,
    /// Log filter of hub and edge.
    pub log: String,
}

/// `demo.json`: where everything of a running demo is.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[allow(missing_docs, reason = "the fields are documented in docs/guides/demo.md")]
pub struct DemoFile {
    pub hub_url: String,
    pub hub_url_tls: String,
    pub user: String,
    pub password: String,
    pub api_token: String,
    pub cameras: Vec<String>,
    pub device_id: String,
    pub site_id: String,
    pub link: String,
    pub metrics: Addresses,
    pub rtsp: String,
    pub camera_faults: String,
    pub pids: Pids,
}

/// Private listeners.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[allow(missing_docs, reason = "the names say which program")]
pub struct Addresses {
    pub hub: String,
    pub edge: String,
}

/// Process ids.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[allow(missing_docs, reason = "the names say which program")]
pub struct Pids {
    pub hub: u32,
    pub edge: u32,
    pub camsim: u32,
}

/// A running Sluice: hub, edge and virtual cameras.
#[derive(Debug)]
pub struct Demo {
    /// Where everything is.
    pub file: DemoFile,
    /// A client with the API token.
    pub client: HubClient,
    /// The hub.
    pub hub: Child,
    /// The edge.
    pub edge: Child,
    /// The cameras.
    pub camsim: Child,
    /// The cameras that nobody added.
    pub onvif: Option<OnvifSite>,
}

struct Issued {
    device: String,
    site: String,
}

impl DemoConfig {
    /// A demo on free ports under `dir`, with four cameras.
    ///
    /// # Errors
    /// When no ports are free.
    pub fn on_free_ports(dir: &Path, binaries: &Path) -> Result<Self> {
        Ok(Self {
            dir: dir.to_owned(),
            binaries: binaries.to_owned(),
            ports: Ports::free()?,
            cameras: 4,
            camsim: Vec::new(),
            onvif: None,
            log: "info".to_owned(),
        })
    }

    fn binary(&self, name: &str) -> PathBuf {
        self.binaries.join(name)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }

    fn base(&self) -> String {
        format!("http://{}", Ports::local(self.ports.http))
    }
}

impl Demo {
    /// Starts everything and waits until every camera is ready; `say` is told each step in words.
    ///
    /// # Errors
    /// When a port is taken or a program ends; the error has the end of its log.
    pub async fn start(config: &DemoConfig, say: &mut dyn FnMut(&str)) -> Result<Self> {
        if let Some((what, address)) = config.ports.taken() {
            bail!("{address}, which {what} needs, is in use by another program (`ss -lntup` names it)");
        }
        fs::create_dir_all(&config.dir)?;
        let password = hex_of(&random_bytes::<8>());
        write_hub_config(config)?;
        say("making a login and an identity for the edge");
        add_user(config, USER, &password).await?;
        let issued = issue_device(config).await?;
        write_edge_discovery(config)?;

        say("starting the virtual cameras, the hub and the edge");
        let camera_password = hex_of(&random_bytes::<8>());
        let camsim = start_camsim(config, &camera_password)?;
        let onvif = start_onvif(config, &camera_password)?;
        let mut hub = start_hub(config)?;
        let anonymous = HubClient::new(&config.base());
        wait_for(&mut hub, &anonymous, &format!("{}/api/v1/time", config.base())).await?;
        let api_token = anonymous.token_by_login(USER, &password).await?;
        let client = anonymous.with_token(&api_token);
        let mut edge = start_edge(config)?;
        let health = format!("http://{}/health", Ports::local(config.ports.edge_private));
        wait_for(&mut edge, &anonymous, &health).await?;

        say("adding the cameras");
        let cameras = add_cameras(config, &client, &issued, &camera_password).await?;
        let file = describe(config, &issued, (&password, api_token), cameras, [&hub, &edge, &camsim]);
        let text = serde_json::to_string_pretty(&file)?;
        fs::write(config.path("demo.json"), text)?;
        Ok(Self { file, client, hub, edge, camsim, onvif })
    }

    /// Waits until the edge says of every camera that it is ready.
    ///
    /// # Errors
    /// When one is not within 30 s; the error has its state in words.
    pub async fn cameras_ready(&self) -> Result<()> {
        eventually_within(Duration::from_secs(30), || async {
            let list = self.client.expect(Method::GET, "/cameras", None).await?;
            let items = list["items"].as_array().context("a list of cameras")?;
            match items.iter().find(|camera| camera["state"]["code"] != "ready") {
                Some(camera) => bail!("{} is {}", camera["name"], camera["state"]),
                None => Ok(()),
            }
        })
        .await
    }

    /// An error if one of the programs has ended.
    ///
    /// # Errors
    /// Which one, with the end of its log.
    pub fn check(&mut self) -> Result<()> {
        self.hub.check()?;
        self.edge.check()?;
        if let Some(onvif) = &mut self.onvif {
            onvif.camsim.check()?;
        }
        self.camsim.check()
    }

    /// Ends the programs in order. Whether all ended by themselves.
    pub async fn stop(mut self) -> bool {
        let edge = self.edge.stop().await;
        let hub = self.hub.stop().await;
        let found = match &mut self.onvif {
            Some(onvif) => onvif.camsim.stop().await,
            None => true,
        };
        self.camsim.stop().await && found && edge && hub
    }
}

fn write_hub_config(config: &DemoConfig) -> Result<()> {
    let ports = &config.ports;
    let text = format!(
        "state_dir = {state:?}\n[http]\ntls_listen = \"{https}\"\nplain_listen = \"{http}\"\n\
         [link]\nlisten = \"{link}\"\n[webrtc]\nlisten = \"{webrtc}\"\n[private]\nlisten = \"{private}\"\n\
         [log]\nfilter = {log:?}\n",
        state = config.path("hub").display().to_string(),
        https = Ports::local(ports.https),
        http = Ports::local(ports.http),
        link = Ports::local(ports.link),
        webrtc = Ports::local(ports.webrtc),
        private = Ports::local(ports.hub_private),
        log = config.log,
    );
    Ok(fs::write(config.path("hub.toml"), text)?)
}

async fn admin(config: &DemoConfig, arguments: &[&str]) -> Result<String> {
    let hub_toml = config.path("hub.toml");
    let output = Command::new(config.binary("sluice-hub"))
        .arg("admin")
        .args(arguments)
        .arg("--config")
        .arg(&hub_toml)
        .output()
        .await
        .context("run sluice-hub admin")?;
    if !output.status.success() {
        bail!("sluice-hub admin {}: {}", arguments[0], String::from_utf8_lossy(&output.stderr));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

async fn add_user(config: &DemoConfig, user: &str, password: &str) -> Result<()> {
    let file = config.path("password");
    fs::write(&file, password)?;
    let path = file.display().to_string();
    admin(config, &["user", "--name", user, "--role", "admin", "--password-file", &path]).await?;
    Ok(fs::remove_file(file)?)
}

async fn issue_device(config: &DemoConfig) -> Result<Issued> {
    let hub = Ports::local(config.ports.link).to_string();
    let out = config.path("edge").display().to_string();
    let private = Ports::local(config.ports.edge_private).to_string();
    let arguments = [
        "issue",
        "--site",
        "Demo site",
        "--name",
        "Demo edge",
        "--hub",
        &hub,
        "--out",
        &out,
        "--private-listen",
        &private,
        "--log",
        &config.log,
        "--json",
    ];
    let issued: Value = serde_json::from_str(&admin(config, &arguments).await?)?;
    let text = |key: &str| {
        issued[key].as_str().map(str::to_owned).with_context(|| format!("{key} of the issued device"))
    };
    Ok(Issued { device: text("device_id")?, site: text("site_id")? })
}

fn start_camsim(config: &DemoConfig, password: &str) -> Result<Child> {
    let (listen, faults) =
        (Ports::local(config.ports.rtsp).to_string(), Ports::local(config.ports.faults).to_string());
    let count = config.cameras.to_string();
    let mut arguments = vec!["--cameras", &count, "--listen", &listen, "--control", &faults];
    arguments.extend(["--auth", "digest", "--user", CAMERA_USER, "--password", password]);
    arguments.extend(config.camsim.iter().map(String::as_str));
    Child::start("sluice-camsim", &config.binary("sluice-camsim"), &arguments, &config.path("camsim.log"))
}

fn start_onvif(config: &DemoConfig, password: &str) -> Result<Option<OnvifSite>> {
    let Some(onvif) = &config.onvif else { return Ok(None) };
    let log = config.path("camsim-onvif.log");
    OnvifSite::start(onvif, &config.binary("sluice-camsim"), &log, password).map(Some)
}

/// Cameras are searched for on loopback, and only if there are any to find: the machine's networks are not ours to ask.
fn write_edge_discovery(config: &DemoConfig) -> Result<()> {
    let path = config.path("edge").join("edge.toml");
    let issued = fs::read_to_string(&path)?;
    let enabled = config.onvif.is_some();
    let table = format!("\n[cameras.discovery]\nenabled = {enabled}\ninterfaces = [\"127.0.0.1\"]\n");
    Ok(fs::write(&path, issued + &table)?)
}

fn start_hub(config: &DemoConfig) -> Result<Child> {
    let toml = config.path("hub.toml").display().to_string();
    Child::start(
        "sluice-hub",
        &config.binary("sluice-hub"),
        &["serve", "--config", &toml],
        &config.path("hub.log"),
    )
}

fn start_edge(config: &DemoConfig) -> Result<Child> {
    let toml = config.path("edge").join("edge.toml").display().to_string();
    Child::start(
        "sluice-edge",
        &config.binary("sluice-edge"),
        &["run", "--config", &toml],
        &config.path("edge.log"),
    )
}

async fn wait_for(child: &mut Child, client: &HubClient, url: &str) -> Result<()> {
    let answered = eventually_within(Duration::from_secs(30), || client.answers(url)).await;
    child.check()?;
    answered.with_context(|| format!("{url} does not answer"))
}

async fn add_cameras(
    config: &DemoConfig,
    client: &HubClient,
    issued: &Issued,
    password: &str,
) -> Result<Vec<String>> {
    let mut cameras = Vec::with_capacity(config.cameras);
    for number in 1..=config.cameras {
        let url = |tier: &str| format!("rtsp://{}/cam/{number}/{tier}", Ports::local(config.ports.rtsp));
        let body = json!({
            "name": format!("Camera {number}"), "site_id": issued.site, "via": issued.device,
            "source": { "type": "rtsp", "username": CAMERA_USER, "password": password,
                        "tiers": [{ "tier": "main", "url": url("main") }, { "tier": "sub", "url": url("sub") }] },
        });
        let added = client.expect(Method::POST, "/cameras", Some(&body)).await?;
        cameras.push(added["id"].as_str().context("the id of the added camera")?.to_owned());
    }
    Ok(cameras)
}

fn describe(
    config: &DemoConfig,
    issued: &Issued,
    (password, api_token): (&str, String),
    cameras: Vec<String>,
    [hub, edge, camsim]: [&Child; 3],
) -> DemoFile {
    let ports = &config.ports;
    let pid = |child: &Child| child.pid().unwrap_or_default();
    DemoFile {
        hub_url: format!("http://localhost:{}", ports.http),
        hub_url_tls: format!("https://localhost:{}", ports.https),
        user: USER.to_owned(),
        password: password.to_owned(),
        api_token,
        cameras,
        device_id: issued.device.clone(),
        site_id: issued.site.clone(),
        link: Ports::local(ports.link).to_string(),
        metrics: Addresses {
            hub: format!("http://{}/metrics", Ports::local(ports.hub_private)),
            edge: format!("http://{}/metrics", Ports::local(ports.edge_private)),
        },
        rtsp: Ports::local(ports.rtsp).to_string(),
        camera_faults: format!("http://{}", Ports::local(ports.faults)),
        pids: Pids { hub: pid(hub), edge: pid(edge), camsim: pid(camsim) },
    }
}

fn hex_of(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Who logs in to a demo.
const USER: &str = "operator";
/// Who the edge is to the virtual cameras.
const CAMERA_USER: &str = "edge";
