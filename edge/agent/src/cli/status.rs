use std::{
    io::{ErrorKind, Write as _},
    net::{SocketAddr, TcpStream},
    path::PathBuf,
    process::ExitCode,
    time::Duration,
};

use anyhow::{Context as _, bail};

use crate::{config::Config, config::Private, status::StatusDocument};

/// Arguments of `status`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// For machines.
    #[arg(long)]
    json: bool,
    /// The private listener of the running edge.
    #[arg(long, conflicts_with = "config")]
    address: Option<SocketAddr>,
    /// The configuration file of the running edge, which names the listener.
    #[arg(long)]
    config: Option<PathBuf>,
}

/// The listener is on this machine.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);

pub(super) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let address = match (&args.address, &args.config) {
        (Some(address), _) => *address,
        (None, Some(path)) => Config::load(path)?.private.listen,
        (None, None) => Private::default().listen,
    };
    let body = fetch(address).with_context(|| format!("ask the edge at {address}; is it running?"))?;
    let text = if args.json {
        format!("{}\n", body.trim_end())
    } else {
        let status: StatusDocument = serde_json::from_str(&body).context("understand the answer")?;
        status.to_string()
    };
    match std::io::stdout().lock().write_all(text.as_bytes()) {
        // The reader had enough, as in `sluice-edge status | head`.
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(ExitCode::SUCCESS),
        written => Ok(written.map(|()| ExitCode::SUCCESS)?),
    }
}

/// One GET in HTTP/1.0, which is answered without chunks and ends with the connection.
fn fetch(address: SocketAddr) -> anyhow::Result<String> {
    let mut stream = TcpStream::connect_timeout(&address, ANSWER_WITHIN)?;
    stream.set_read_timeout(Some(ANSWER_WITHIN))?;
    stream.write_all(b"GET /status HTTP/1.0\r\nHost: localhost\r\n\r\n")?;
    let answer = std::io::read_to_string(stream)?;
    let (head, body) = answer.split_once("\r\n\r\n").context("an HTTP answer")?;
    let status = head.split_ascii_whitespace().nth(1).unwrap_or_default();
    if status != "200" {
        bail!("the listener answers {status}");
    }
    Ok(body.to_owned())
}
