use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
};

use serde::Deserialize;
use sluice_edge_camera::Range;
use sluice_telemetry::LogFormat;

/// What `sluice-edge` reads from its TOML file. Relative paths begin at the folder of that file.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Where the ledger of the last desired state lives; made if absent.
    pub state_dir: PathBuf,
    /// The hub that this edge belongs to.
    pub hub: Hub,
    /// Who this edge is, as `sluice-hub admin issue` wrote it.
    #[serde(default)]
    pub identity: IdentityFiles,
    /// Health, metrics and status, for operators only.
    #[serde(default)]
    pub private: Private,
    /// How cameras are pulled.
    #[serde(default)]
    pub cameras: CameraLimits,
    /// What is logged, to standard error.
    #[serde(default)]
    pub log: Log,
}

/// The hub that this edge belongs to.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hub {
    /// Its QUIC address (UDP), such as `192.0.2.7:14433`.
    pub control: SocketAddr,
}

/// Who this edge is.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct IdentityFiles {
    /// The private key, PKCS#8 PEM.
    pub key: PathBuf,
    /// The certificate and its issuer, PEM.
    pub certificate: PathBuf,
    /// The root that the hub's certificate must chain to, PEM.
    pub ca: PathBuf,
    /// The private key that camera passwords are sealed to, hex; made at the first start if absent.
    pub seal_key: PathBuf,
}

/// Health, metrics and status, for operators only.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Private {
    /// `/health`, `/metrics` and `/status` over plain HTTP.
    pub listen: SocketAddr,
}

/// How cameras are pulled.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CameraLimits {
    /// The most one stream's cached group of pictures may take, in bytes.
    pub ring_bytes: usize,
    /// The most that streams which are kept warm may take together, in bytes; beyond, those that nobody watched for
    /// longest are let go.
    pub warm_bytes: usize,
    /// How cameras are found: whether the networks are searched without an order; on which interfaces, by name or IPv4
    /// address, without any on all but loopback; which networks behind routers are asked address by address, such as
    /// `10.1.0.0/24`.
    pub discovery: Discovery,
}

/// How cameras are found.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Discovery {
    /// Whether the networks are searched without an order.
    pub enabled: bool,
    /// Interfaces by name or IPv4 address; without any, all but loopback.
    pub interfaces: Vec<String>,
    /// Networks behind routers that are asked address by address, such as `10.1.0.0/24`.
    pub ranges: Vec<String>,
}

/// What is logged, to standard error.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Log {
    /// `text` for people, `json` for machines.
    pub format: LogFormat,
    /// A filter such as `info` or `info,sluice_source=debug`.
    pub filter: String,
}

impl Default for IdentityFiles {
    fn default() -> Self {
        let file = |name: &str| PathBuf::from(name);
        Self {
            key: file("device.key"),
            certificate: file("device.crt"),
            ca: file("ca.crt"),
            seal_key: file("seal.key"),
        }
    }
}

impl Default for Private {
    fn default() -> Self {
        Self { listen: SocketAddr::from(([127, 0, 0, 1], 9091)) }
    }
}

impl Default for CameraLimits {
    fn default() -> Self {
        Self { ring_bytes: 4 * 1024 * 1024, warm_bytes: 512 * 1024 * 1024, discovery: Discovery::default() }
    }
}

impl Default for Discovery {
    fn default() -> Self {
        Self { enabled: true, interfaces: Vec::new(), ranges: Vec::new() }
    }
}

impl Default for Log {
    fn default() -> Self {
        Self { format: LogFormat::Text, filter: "info".to_owned() }
    }
}

/// Why a configuration is not taken. Nothing was opened.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file is not TOML of the shape above; the source names the key and its line.
    #[error("understand {}", path.display())]
    Parse {
        /// The file.
        path: PathBuf,
        /// Which key, where.
        source: Box<toml::de::Error>,
    },
    /// A value breaks a rule.
    #[error("{key}: {rule}")]
    Rule {
        /// The key at fault.
        key: &'static str,
        /// What it must be.
        rule: &'static str,
    },
}

impl Config {
    /// Reads and checks a configuration file.
    ///
    /// # Errors
    /// When it cannot be read, has an unknown key or breaks a rule; the error names which.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| ConfigError::Read { path: path.to_owned(), source })?;
        let config: Self = toml::from_str(&text)
            .map_err(|source| ConfigError::Parse { path: path.to_owned(), source: Box::new(source) })?;
        config.check()?;
        Ok(config.in_folder(path.parent().unwrap_or(Path::new("."))))
    }

    /// The same configuration with relative paths taken from `folder`.
    fn in_folder(mut self, folder: &Path) -> Self {
        let identity = &mut self.identity;
        let paths = [
            &mut self.state_dir,
            &mut identity.key,
            &mut identity.certificate,
            &mut identity.ca,
            &mut identity.seal_key,
        ];
        for path in paths {
            *path = folder.join(&*path);
        }
        self
    }

    fn check(&self) -> Result<(), ConfigError> {
        let rule = |key, rule| Err(ConfigError::Rule { key, rule });
        if self.hub.control.port() == 0 || self.hub.control.ip().is_unspecified() {
            return rule("hub.control", "an edge cannot dial an unspecified address or port 0");
        }
        if !(RING_AT_LEAST..=RING_AT_MOST).contains(&self.cameras.ring_bytes) {
            return rule("cameras.ring_bytes", "must be between 65536 and 67108864");
        }
        if self.cameras.warm_bytes < self.cameras.ring_bytes {
            return rule("cameras.warm_bytes", "must not be below cameras.ring_bytes");
        }
        let ranges: Result<Vec<Range>, _> =
            self.cameras.discovery.ranges.iter().map(|range| range.parse::<Range>()).collect();
        // Longer ones take hours at a pace that disturbs nobody.
        if !ranges.is_ok_and(|ranges| ranges.iter().all(|range| (19..=32).contains(&range.prefix()))) {
            return rule(
                "cameras.discovery.ranges",
                "must be IPv4 networks of /19 to /32, such as 10.1.0.0/24",
            );
        }
        Ok(())
    }
}

/// One key frame of a small picture.
const RING_AT_LEAST: usize = 64 * 1024;
/// Ten seconds of 50 Mbit/s.
const RING_AT_MOST: usize = 64 * 1024 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    const SHORTEST: &str = "state_dir = 'state'\n[hub]\ncontrol = '192.0.2.7:14433'\n";

    fn parse(text: &str) -> Result<Config, String> {
        let config: Config = toml::from_str(text).map_err(|error| error.to_string())?;
        config.check().map_err(|error| error.to_string()).map(|()| config)
    }

    #[test]
    fn the_shortest_configuration_listens_on_loopback_only() {
        let config = parse(SHORTEST).unwrap();
        assert_eq!(config.private.listen.to_string(), "127.0.0.1:9091");
        let config = config.in_folder(Path::new("/etc/sluice"));
        assert_eq!(config.identity.key, Path::new("/etc/sluice/device.key"));
    }

    #[test]
    fn an_unknown_key_is_named() {
        for key in ["stat_dir = 'x'\n", "[hub]\n", "[identity]\nkee = 'x'\n", "[private]\nlisen = 'x'\n"] {
            let text = if key == "[hub]\n" {
                format!("{SHORTEST}contrl = 'x'\n")
            } else {
                format!("{SHORTEST}{key}")
            };
            let error = parse(&text).unwrap_err();
            assert!(error.contains("unknown field"), "{error}");
        }
    }

    #[test]
    fn ranges_that_nobody_searches_are_refused() {
        for range in ["10.0.0.0/8", "camera", "fd00::/8"] {
            let text = format!("{SHORTEST}[cameras.discovery]\nranges = ['{range}']\n");
            assert!(parse(&text).unwrap_err().contains("cameras.discovery.ranges"), "{range}");
        }
        let text = format!("{SHORTEST}[cameras.discovery]\ninterfaces = ['lo']\nranges = ['10.1.0.0/24']\n");
        assert_eq!(parse(&text).unwrap().cameras.discovery.ranges, ["10.1.0.0/24"]);
    }

    #[test]
    fn an_address_nobody_can_dial_is_refused() {
        let error = parse("state_dir = 'x'\n[hub]\ncontrol = '0.0.0.0:14433'\n").unwrap_err();
        assert!(error.contains("hub.control"), "{error}");
    }

    /// The blocks of the repository's documents that begin with `# {name}`.
    fn examples(name: &str) -> Vec<String> {
        let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs")];
        let mut texts = vec![include_str!("../../../README.md").to_owned()];
        while let Some(folder) = folders.pop() {
            for path in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
                match path.extension() {
                    Some(end) if end == "md" => texts.push(std::fs::read_to_string(path).unwrap()),
                    _ if path.is_dir() => folders.push(path),
                    _ => {}
                }
            }
        }
        let blocks = texts.iter().flat_map(|text| text.split("```").skip(1).step_by(2));
        let named = blocks.filter_map(|block| block.strip_prefix("toml\n"));
        named.filter(|block| block.starts_with(&format!("# {name}"))).map(str::to_owned).collect()
    }

    #[test]
    fn every_example_of_the_documents_is_taken_and_the_reference_shows_the_defaults() {
        let examples = examples("edge.toml");
        let defaults = format!("{:?}", parse(SHORTEST).unwrap());
        let taken: Vec<String> = examples.iter().map(|text| format!("{:?}", parse(text).unwrap())).collect();
        assert!(
            taken.contains(&defaults),
            "docs/reference/config.md shows: {taken:#?}\nthe defaults are: {defaults}"
        );
    }
}
