//! What can be wrong with the device itself: a declared list, reported to the hub, shown by the command line.

use std::time::Duration;

use sluice_ids::UnixMillis;
use sluice_wire::control::HealthItem;

/// One thing that can be wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Declared {
    pub(crate) code: &'static str,
    pub(crate) severity: Severity,
    pub(crate) title: &'static str,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Severity {
    Warning,
    Error,
}

pub(crate) const HUB_UNREACHABLE: Declared =
    Declared { code: "hub-unreachable", severity: Severity::Warning, title: "the hub cannot be reached" };
pub(crate) const CERTIFICATE_ENDS: Declared = Declared {
    code: "certificate-ends",
    severity: Severity::Warning,
    title: "the device's certificate ends within ten days",
};
pub(crate) const CERTIFICATE_ENDED: Declared = Declared {
    code: "certificate-ended",
    severity: Severity::Error,
    title: "the device's certificate has ended",
};
pub(crate) const LEDGER_FAILED: Declared = Declared {
    code: "ledger-failed",
    severity: Severity::Error,
    title: "the desired state cannot be written and would be lost with the power",
};
pub(crate) const TASK_PANICKED: Declared = Declared {
    code: "task-panicked",
    severity: Severity::Error,
    title: "a task of this program ended by a bug",
};

/// What the judgement depends on.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Facts {
    pub(crate) now: UnixMillis,
    pub(crate) hub_connected: bool,
    pub(crate) uptime: Duration,
    pub(crate) certificate_ends: UnixMillis,
    pub(crate) ledger_failed: bool,
    pub(crate) panics: u64,
}

/// A third of a certificate's life is left when it is renewed; later than that something is wrong.
const ENDS_SOON: Duration = Duration::from_secs(10 * 24 * 3600);
/// A link needs a moment after the start.
const GRACE: Duration = Duration::from_secs(15);

/// What is wrong now, worst first.
pub(crate) fn judge(facts: &Facts) -> Vec<HealthItem> {
    let ended = facts.now >= facts.certificate_ends;
    let found = [
        (facts.panics > 0, TASK_PANICKED),
        (facts.ledger_failed, LEDGER_FAILED),
        (ended, CERTIFICATE_ENDED),
        (!ended && facts.now.plus(ENDS_SOON) >= facts.certificate_ends, CERTIFICATE_ENDS),
        (!facts.hub_connected && facts.uptime >= GRACE, HUB_UNREACHABLE),
    ];
    found.into_iter().filter(|(wrong, _)| *wrong).map(|(_, declared)| declared.item()).collect()
}

impl Declared {
    fn item(self) -> HealthItem {
        HealthItem {
            code: self.code.to_owned(),
            severity: self.severity.as_str().to_owned(),
            text: self.title.to_owned(),
        }
    }
}

impl Severity {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: Duration = Duration::from_secs(24 * 3600);

    fn well() -> Facts {
        let now = UnixMillis(1_000_000_000);
        Facts {
            now,
            hub_connected: true,
            uptime: DAY,
            certificate_ends: now.plus(DAY * 20),
            ledger_failed: false,
            panics: 0,
        }
    }

    fn codes(facts: &Facts) -> Vec<String> {
        judge(facts).into_iter().map(|item| item.code).collect()
    }

    #[test]
    fn a_device_that_is_well_has_nothing_to_say() {
        assert!(codes(&well()).is_empty());
        assert!(codes(&Facts { hub_connected: false, uptime: Duration::from_secs(3), ..well() }).is_empty());
    }

    #[test]
    fn a_certificate_is_told_before_it_ends_and_once_it_has() {
        let now = well().now;
        assert_eq!(codes(&Facts { certificate_ends: now.plus(DAY * 9), ..well() }), ["certificate-ends"]);
        assert_eq!(codes(&Facts { certificate_ends: now, ..well() }), ["certificate-ended"]);
    }

    #[test]
    fn the_worst_comes_first() {
        let facts = Facts { hub_connected: false, ledger_failed: true, ..well() };
        assert_eq!(codes(&facts), ["ledger-failed", "hub-unreachable"]);
    }
}
