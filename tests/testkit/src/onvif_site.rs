use std::{net::Ipv4Addr, path::Path, time::Duration};

use anyhow::{Context as _, Result, bail, ensure};
use reqwest::Method;
use serde_json::{Value, json};
use sluice_runtime::random_bytes;

use crate::{Child, HubClient, Ports, eventually_within};

/// Virtual ONVIF cameras that nobody added yet: each has an address of its own, answers probes on loopback and asks
/// for a password.
#[derive(Debug, Clone)]
pub struct OnvifConfig {
    /// How many.
    pub cameras: usize,
    /// The first words of their names.
    pub name: String,
    /// Camera n has the n-th address behind this one. Sites that run side by side have networks of their own.
    pub network: Ipv4Addr,
    /// Where each serves ONVIF, where all serve RTSP, and where their faults are commanded.
    pub ports: [u16; 3],
    /// Further arguments of `sluice-camsim`.
    pub camsim: Vec<String>,
}

impl OnvifConfig {
    /// Cameras on a network and ports that nobody had a moment ago. A virtual camera is who it is by its name, so sites
    /// that run side by side have names of their own.
    ///
    /// # Errors
    /// When there are no free ports.
    pub fn on_free_ports(cameras: usize) -> Result<Self> {
        let ports = Ports::free()?;
        let [second, third] = random_bytes::<2>();
        Ok(Self {
            cameras,
            name: format!("Yard {second:02x}{third:02x}"),
            // 127.64.0.0/10: the machine's own, and apart from what tests address by hand.
            network: Ipv4Addr::new(127, 64 | second, third, 0),
            ports: [ports.http, ports.rtsp, ports.faults],
            camsim: Vec::new(),
        })
    }
}

/// Running virtual ONVIF cameras.
#[derive(Debug)]
pub struct OnvifSite {
    /// The program.
    pub camsim: Child,
    /// Where their faults are commanded.
    pub faults: String,
    network: String,
    count: usize,
    password: String,
}

impl OnvifSite {
    /// Starts them; they ask for [`OnvifSite::USER`] and a password made up now.
    pub(crate) fn start(config: &OnvifConfig, binary: &Path, log: &Path, password: &str) -> Result<Self> {
        let [onvif, rtsp, faults] = config.ports;
        let count = config.cameras.to_string();
        let (listen, faults) = (format!("127.0.0.1:{rtsp}"), format!("127.0.0.1:{faults}"));
        let onvif = format!("{}:{onvif}", config.network);
        let mut arguments = vec!["--cameras", &count, "--name", &config.name, "--listen", &listen];
        arguments.extend(["--control", &faults, "--onvif", &onvif, "--own-addresses"]);
        arguments.extend(["--discovery", "127.0.0.1", "--auth", "digest"]);
        arguments.extend(["--user", Self::USER, "--password", password]);
        arguments.extend(config.camsim.iter().map(String::as_str));
        Ok(Self {
            camsim: Child::start("sluice-camsim", binary, &arguments, log)?,
            faults: format!("http://{faults}"),
            network: config.network.to_string(),
            count: config.cameras,
            password: password.to_owned(),
        })
    }

    /// Who an installer is to these cameras.
    pub const USER: &str = "installer";

    /// The cameras' password.
    #[must_use]
    pub fn password(&self) -> &str {
        &self.password
    }

    /// What the hub's inbox says of these cameras, once all of them are in it and `fits` each.
    ///
    /// # Errors
    /// When that is not so within `patience`; the error says what is missing.
    pub async fn found(
        &self,
        client: &HubClient,
        patience: Duration,
        fits: impl Fn(&Value) -> bool,
    ) -> Result<Vec<Value>> {
        self.lines(client, (patience, self.count), fits).await
    }

    /// The same where they stand in the inbox with another number of lines: a recorder that nobody opened has one.
    ///
    /// # Errors
    /// When that is not so within `patience`; the error says what is missing.
    pub async fn lines(
        &self,
        client: &HubClient,
        (patience, count): (Duration, usize),
        fits: impl Fn(&Value) -> bool,
    ) -> Result<Vec<Value>> {
        eventually_within(patience, || async {
            let list = client.expect(Method::GET, "/discoveries", None).await?;
            let items = list["items"].as_array().context("a list of finds")?;
            let ours: Vec<Value> = items.iter().filter(|find| self.has(find)).cloned().collect();
            ensure!(ours.len() == count, "{} of {count} cameras are found", ours.len());
            match ours.iter().find(|find| !fits(find)) {
                Some(find) => bail!("not so yet: {find}"),
                None => Ok(ours),
            }
        })
        .await
    }

    /// Opens all of them with their password and takes them into the registry; their ids there.
    ///
    /// # Errors
    /// When one is not found, opened or taken.
    pub async fn accept_all(&self, client: &HubClient) -> Result<Vec<String>> {
        let finds = self.found(client, FOUND_WITHIN, |_| true).await?;
        let ids: Vec<&Value> = finds.iter().map(|find| &find["id"]).collect();
        let credentials = json!([{ "username": Self::USER, "password": self.password }]);
        let body = json!({ "ids": ids, "credentials": credentials });
        let tried = client.expect(Method::POST, "/discoveries/try", Some(&body)).await?;
        let items = tried["items"].as_array().context("what became of each")?;
        if let Some(refused) = items.iter().find(|item| item["opened"] != true) {
            bail!("the password did not open a camera: {refused}");
        }
        self.found(client, FOUND_WITHIN, |find| find["state"] == "understood").await?;
        let wanted: Vec<Value> = ids.iter().map(|id| json!({ "id": id })).collect();
        let body = json!({ "items": wanted });
        let accepted = client.expect(Method::POST, "/discoveries/accept", Some(&body)).await?;
        let items = accepted["items"].as_array().context("what became of each")?;
        let id = |item: &Value| {
            item["camera_id"].as_str().map(str::to_owned).with_context(|| format!("not taken: {item}"))
        };
        items.iter().map(id).collect()
    }

    /// What the cameras have done so far, as `sluice-camsim` counts it.
    ///
    /// # Errors
    /// When the program does not answer.
    pub async fn cameras(&self) -> Result<Vec<Value>> {
        let url = format!("{}/cameras", self.faults);
        Ok(reqwest::get(url).await?.error_for_status()?.json().await?)
    }

    /// A fault of every camera, or its end (`restore`).
    ///
    /// # Errors
    /// When the program does not know the word.
    pub async fn fault(&self, word: &str) -> Result<()> {
        let url = format!("{}/cameras/all/faults/{word}", self.faults);
        reqwest::Client::new().post(url).send().await?.error_for_status()?;
        Ok(())
    }

    fn has(&self, find: &Value) -> bool {
        let prefix = self.network.rsplit_once('.').map_or("", |(prefix, _)| prefix);
        find["address"].as_str().is_some_and(|address| address.starts_with(&format!("{prefix}.")))
    }
}

/// A hundred cameras are to be found and understood within this.
const FOUND_WITHIN: Duration = Duration::from_secs(60);
