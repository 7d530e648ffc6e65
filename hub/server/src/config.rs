//! What the hub reads from its one file.

use std::{
    net::{IpAddr, SocketAddr},
    path::{Path, PathBuf},
};

use serde::{Deserialize, Deserializer, de::Error as _};
use sluice_telemetry::LogFormat;

/// What `sluice-hub` reads from its TOML file. Every key has a default but `state_dir`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Where the database, the hub's own CA and its keys live; made if absent. Its files are their owner's alone.
    pub state_dir: PathBuf,
    /// The web console and the API.
    #[serde(default)]
    pub http: Http,
    /// Where edges dial.
    #[serde(default)]
    pub link: Link,
    /// Where viewers' WebRTC packets go.
    #[serde(default)]
    pub webrtc: Webrtc,
    /// Health and metrics, for operators only.
    #[serde(default)]
    pub private: Private,
    /// What is logged, to standard error.
    #[serde(default)]
    pub log: Log,
}

/// The web console and the API.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Http {
    /// HTTPS with HTTP/2.
    pub tls_listen: SocketAddr,
    /// Plain HTTP: loopback addresses only, or `off`.
    #[serde(deserialize_with = "address_or_off")]
    pub plain_listen: Option<SocketAddr>,
    /// HTTP connections at once; more are closed at the door. Each takes a file of the process's limit.
    pub most_connections: usize,
    /// PEM file with the certificate chain; without it the hub makes one for `public_host` and signs it itself.
    pub certificate: Option<PathBuf>,
    /// PEM file with the certificate's private key.
    pub private_key: Option<PathBuf>,
    /// The name browsers use for this hub; it stands in the made certificate.
    pub public_host: String,
}

/// Where edges dial.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Link {
    /// UDP.
    pub listen: SocketAddr,
    /// The address edges are told to dial, where it differs from `listen` (a forwarded port, a wildcard).
    pub advertised: Option<SocketAddr>,
}

/// Where viewers' WebRTC packets go.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Webrtc {
    /// UDP and, on the same number, TCP.
    pub listen: SocketAddr,
    /// Addresses offered to viewers as ICE candidates; without any, the address of `listen`.
    pub advertised_addresses: Vec<IpAddr>,
}

/// Health and metrics, for operators only.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Private {
    /// `/health` and `/metrics` over plain HTTP.
    pub listen: SocketAddr,
}

/// What is logged, to standard error.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Log {
    /// `text` for people, `json` for machines.
    pub format: LogFormat,
    /// A filter such as `info` or `info,sluice_hub_node=debug`.
    pub filter: String,
}

impl Default for Http {
    fn default() -> Self {
        Self {
            tls_listen: SocketAddr::from(([0, 0, 0, 0], 8443)),
            plain_listen: Some(SocketAddr::from(([127, 0, 0, 1], 8080))),
            most_connections: 10_000,
            certificate: None,
            private_key: None,
            public_host: "localhost".to_owned(),
        }
    }
}

impl Default for Link {
    fn default() -> Self {
        Self { listen: SocketAddr::from(([0, 0, 0, 0], 14433)), advertised: None }
    }
}

impl Default for Webrtc {
    fn default() -> Self {
        Self { listen: SocketAddr::from(([0, 0, 0, 0], 14189)), advertised_addresses: Vec::new() }
    }
}

impl Default for Private {
    fn default() -> Self {
        Self { listen: SocketAddr::from(([127, 0, 0, 1], 9090)) }
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
    /// The values contradict each other or a rule.
    #[error("{key}: {rule}")]
    Rule {
        /// The key at fault.
        key: &'static str,
        /// What it must be.
        rule: String,
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
        Ok(config)
    }

    /// The database file.
    #[must_use]
    pub fn database(&self) -> PathBuf {
        self.state_dir.join("hub.sqlite")
    }

    /// The address edges dial.
    #[must_use]
    pub fn link_address(&self) -> SocketAddr {
        self.link.advertised.unwrap_or(self.link.listen)
    }

    fn check(&self) -> Result<(), ConfigError> {
        let rule = |key, rule: &str| Err(ConfigError::Rule { key, rule: rule.to_owned() });
        if self.http.plain_listen.is_some_and(|address| !address.ip().is_loopback()) {
            return rule(
                "http.plain_listen",
                "plain HTTP is served on loopback addresses only; use tls_listen",
            );
        }
        if self.http.most_connections < LEAST_CONNECTIONS {
            return rule("http.most_connections", "must be at least 100");
        }
        if self.http.certificate.is_some() != self.http.private_key.is_some() {
            return rule("http.certificate", "certificate and private_key are given together or not at all");
        }
        if self.link.listen.port() == self.webrtc.listen.port() && self.link.listen.port() != 0 {
            return rule("webrtc.listen", "link.listen has the same UDP port; give each its own");
        }
        if self.link.listen.ip().is_unspecified()
            && self.link.advertised.is_some_and(|a| a.ip().is_unspecified())
        {
            return rule("link.advertised", "edges cannot dial an unspecified address; name one they reach");
        }
        Ok(())
    }
}

fn address_or_off<'de, D: Deserializer<'de>>(from: D) -> Result<Option<SocketAddr>, D::Error> {
    let text = String::deserialize(from)?;
    if text == "off" {
        return Ok(None);
    }
    let wrong = |_| D::Error::custom(format!("{text} is no socket address; write one, or \"off\""));
    text.parse().map(Some).map_err(wrong)
}

/// Fewer would not hold one wall beside the console of who looks for the reason.
const LEAST_CONNECTIONS: usize = 100;

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Config, String> {
        let config: Config = toml::from_str(text).map_err(|error| error.to_string())?;
        config.check().map_err(|error| error.to_string()).map(|()| config)
    }

    #[test]
    fn the_shortest_configuration_has_the_documented_ports() {
        let config = parse("state_dir = '/var/lib/sluice'").unwrap();
        let ports = [config.http.tls_listen.port(), config.link.listen.port(), config.webrtc.listen.port()];
        assert_eq!(ports, [8443, 14433, 14189]);
    }

    #[test]
    fn an_unknown_key_is_named() {
        let error = parse("state_dir = '/x'\n[http]\ntls_lisen = '0.0.0.0:1'").unwrap_err();
        assert!(error.contains("tls_lisen"), "{error}");
    }

    #[test]
    fn plain_http_stays_on_loopback() {
        let error = parse("state_dir = '/x'\n[http]\nplain_listen = '0.0.0.0:8080'").unwrap_err();
        assert!(error.contains("http.plain_listen"), "{error}");
    }

    #[test]
    fn plain_http_can_be_switched_off() {
        let off = parse("state_dir = '/x'\n[http]\nplain_listen = 'off'").unwrap();
        assert_eq!(off.http.plain_listen, None);
        assert!(parse("state_dir = '/x'").unwrap().http.plain_listen.is_some());
        let error = parse("state_dir = '/x'\n[http]\nplain_listen = 'of'").unwrap_err();
        assert!(error.contains("plain_listen") && error.contains("off"), "{error}");
        let error = parse("state_dir = '/x'\n[http]\nmost_connections = 1").unwrap_err();
        assert!(error.contains("http.most_connections"), "{error}");
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
        let examples = examples("hub.toml");
        let defaults = format!("{:?}", parse("state_dir = '/var/lib/sluice'").unwrap());
        let taken: Vec<String> = examples.iter().map(|text| format!("{:?}", parse(text).unwrap())).collect();
        assert!(
            taken.contains(&defaults),
            "docs/reference/config.md shows: {taken:#?}\nthe defaults are: {defaults}"
        );
    }
}
