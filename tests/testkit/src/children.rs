use std::{
    fs::File,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use anyhow::{Context as _, Result, bail};
use tokio::process::{Child as Process, Command};

/// One program of Sluice, running as a child with its log in a file. Dropping it kills it.
#[derive(Debug)]
pub struct Child {
    name: &'static str,
    log: PathBuf,
    command: Vec<String>,
    binary: PathBuf,
    process: Process,
}

impl Child {
    /// Starts `binary` with `arguments`; both its outputs go to `log`, appended.
    ///
    /// # Errors
    /// When the binary or the log cannot be opened.
    pub fn start(name: &'static str, binary: &Path, arguments: &[&str], log: &Path) -> Result<Self> {
        let command: Vec<String> = arguments.iter().map(|&argument| argument.to_owned()).collect();
        let process = spawn(binary, &command, log).with_context(|| format!("start {}", binary.display()))?;
        Ok(Self { name, log: log.to_owned(), command, binary: binary.to_owned(), process })
    }

    /// The process id, while it runs.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        self.process.id()
    }

    /// An error with the end of its log, if it has ended by itself.
    ///
    /// # Errors
    /// When the child is not running any more.
    pub fn check(&mut self) -> Result<()> {
        if let Some(status) = self.process.try_wait()? {
            bail!(
                "{} ended with {status}; the end of {}:\n{}",
                self.name,
                self.log.display(),
                self.log_tail()
            );
        }
        Ok(())
    }

    /// Asks it to end, and kills it if it has not within ten seconds. Whether it ended by itself.
    pub async fn stop(&mut self) -> bool {
        let Some(pid) = self.process.id() else { return true };
        // std has no signals; the shell's builtin needs no further crate.
        let _ = Command::new("sh").args(["-c", &format!("kill -INT {pid}")]).status().await;
        let ended = tokio::time::timeout(Duration::from_secs(10), self.process.wait()).await.is_ok();
        if !ended {
            self.kill().await;
        }
        ended
    }

    /// Kills it at once, as a power cut does.
    pub async fn kill(&mut self) {
        let _ = self.process.kill().await;
    }

    /// Starts it again with the same arguments; it must not be running.
    ///
    /// # Errors
    /// When the binary cannot be started.
    pub fn start_again(&mut self) -> Result<()> {
        self.process = spawn(&self.binary, &self.command, &self.log)?;
        Ok(())
    }

    fn log_tail(&self) -> String {
        let text = std::fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = text.lines().rev().take(15).collect();
        lines.into_iter().rev().collect::<Vec<_>>().join("\n")
    }
}

fn spawn(binary: &Path, arguments: &[String], log: &Path) -> Result<Process> {
    let out = File::options().create(true).append(true).open(log)?;
    Ok(Command::new(binary)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(out.try_clone()?)
        .stderr(out)
        // Ctrl-C in a terminal reaches the whole foreground group; the order of ending is ours.
        .process_group(0)
        .kill_on_drop(true)
        .spawn()?)
}
