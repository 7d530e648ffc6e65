use std::time::Duration;

use anyhow::{Context as _, Result};

/// What a process has used, as the kernel counts it.
#[derive(Debug, Clone, Copy)]
pub struct Usage {
    /// User and system time.
    pub cpu: Duration,
    /// Resident memory in bytes.
    pub resident: u64,
}

impl Usage {
    /// Of a process of this machine.
    ///
    /// # Errors
    /// When there is no such process.
    pub fn of(pid: u32) -> Result<Self> {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).context("no such process")?;
        // The name in parentheses may hold anything, spaces too.
        let fields: Vec<&str> = stat.rsplit_once(')').context("no name")?.1.split_whitespace().collect();
        let ticks = |at: usize| -> Result<u64> { Ok(fields.get(at).context("too short")?.parse()?) };
        let cpu = Duration::from_millis((ticks(11)? + ticks(12)?) * MS_PER_TICK);
        Ok(Self { cpu, resident: ticks(21)? * PAGE })
    }

    /// Processor time of the threads of this process that are named `name`.
    ///
    /// # Errors
    /// When there is none.
    pub fn of_thread(name: &str) -> Result<Duration> {
        let mut nanos = None;
        for task in std::fs::read_dir("/proc/self/task")? {
            let task = task?.path();
            if std::fs::read_to_string(task.join("comm"))?.trim_end() == name {
                let schedule = std::fs::read_to_string(task.join("schedstat"))?;
                let on_cpu: u64 = schedule.split_whitespace().next().context("empty")?.parse()?;
                *nanos.get_or_insert(0) += on_cpu;
            }
        }
        nanos.map(Duration::from_nanos).with_context(|| format!("no thread is named {name}"))
    }
}

/// USER_HZ is 100 on every Linux that we build for.
const MS_PER_TICK: u64 = 10;
const PAGE: u64 = 4_096;
