//! Keeps the desired state: in force, and on flash.

use std::{sync::Arc, time::Duration};

use sluice_edge_camera::ledger::Ledger;
use sluice_edge_uplink::Uplink;
use sluice_runtime::Shutdown;
use sluice_wire::control::{CameraReport, Desired, Reported};
use tokio::{select, sync::watch, task::spawn_blocking};

use crate::{site::Site, view::View};

/// The ledger's name in the state folder.
pub(crate) const LEDGER: &str = "desired";

/// Owns the ledger.
pub(crate) struct Keeper {
    site: Site,
    ledger: Option<Ledger>,
    kept: watch::Sender<Kept>,
}

/// What is in force.
#[derive(Debug, Clone, Default)]
pub(crate) struct Kept {
    pub(crate) desired: Option<Arc<Desired>>,
    /// The last document could not be written.
    pub(crate) failed: bool,
}

/// Health has no event of its own; nothing in it is urgent.
const HEALTH_EVERY: Duration = Duration::from_secs(30);

impl Keeper {
    /// Puts the document of last time in force.
    pub(crate) fn begin(site: Site, ledger: Ledger, document: Option<&[u8]>) -> Self {
        let desired = document.and_then(|bytes| match serde_json::from_slice::<Desired>(bytes) {
            Ok(desired) => Some(Arc::new(desired)),
            Err(error) => {
                tracing::warn!(%error, "the kept desired state is of another version and waits for the hub's");
                None
            }
        });
        if let Some(desired) = &desired {
            site.apply(&desired.cameras);
        }
        let (kept, _) = watch::channel(Kept { desired, failed: false });
        Self { site, ledger: Some(ledger), kept }
    }

    pub(crate) fn desired(&self) -> Option<Desired> {
        self.kept.borrow().desired.as_deref().cloned()
    }

    pub(crate) fn kept(&self) -> watch::Receiver<Kept> {
        self.kept.subscribe()
    }

    pub(crate) async fn run(mut self, mut desired: watch::Receiver<Option<Desired>>, shutdown: Shutdown) {
        loop {
            let document = desired.borrow_and_update().clone();
            if let Some(document) = document {
                self.take(Arc::new(document)).await;
            }
            select! { biased;
                () = shutdown.requested() => return,
                changed = desired.changed() => if changed.is_err() { return },
            }
        }
    }

    async fn take(&mut self, desired: Arc<Desired>) {
        let failed = self.kept.borrow().failed;
        if !failed && self.kept.borrow().desired.as_ref() == Some(&desired) {
            return;
        }
        self.site.apply(&desired.cameras);
        let failed = !self.store(Arc::clone(&desired)).await;
        tracing::info!(
            generation = desired.generation,
            cameras = desired.cameras.len(),
            "a desired state is in force"
        );
        self.kept.send_replace(Kept { desired: Some(desired), failed });
    }

    /// Whether it is on flash.
    async fn store(&mut self, desired: Arc<Desired>) -> bool {
        let Some(mut ledger) = self.ledger.take() else { return false };
        let written = spawn_blocking(move || {
            let result = match serde_json::to_vec(&*desired) {
                Ok(document) => ledger.store(&document).map_err(|error| sluice_fault::chain(&error)),
                Err(error) => Err(error.to_string()),
            };
            (ledger, result)
        });
        let Ok((ledger, result)) = written.await else { return false };
        self.ledger = Some(ledger);
        result.inspect_err(|error| tracing::error!(%error, "the desired state is not on flash")).is_ok()
    }
}

/// Tells the hub how this edge stands, when that changed.
pub(crate) async fn report(view: Arc<View>, uplink: Uplink, shutdown: Shutdown) {
    let (mut cameras, mut kept) = (view.site.pulls.report(), view.kept.clone());
    let mut facts = view.site.cameras.facts();
    let mut told: Option<Reported> = None;
    loop {
        let generation = kept.borrow_and_update().desired.as_ref().map_or(0, |desired| desired.generation);
        facts.mark_unchanged();
        let reports = with_facts(&view.site, Vec::clone(&cameras.borrow_and_update()));
        let reported = Reported { generation, cameras: reports, health: view.health() };
        if told.as_ref() != Some(&reported) {
            uplink.report(reported.clone());
            told = Some(reported);
        }
        select! { biased;
            () = shutdown.requested() => return,
            changed = cameras.changed() => if changed.is_err() { return },
            changed = facts.changed() => if changed.is_err() { return },
            changed = kept.changed() => if changed.is_err() { return },
            () = view.clock.sleep(HEALTH_EVERY) => {}
        }
    }
}

/// The reports of streams, with what the cameras say of themselves.
pub(crate) fn with_facts(site: &Site, mut reports: Vec<CameraReport>) -> Vec<CameraReport> {
    let facts = site.cameras.facts();
    let facts = facts.borrow();
    for report in &mut reports {
        let Some(known) = facts.get(&report.camera_id) else { continue };
        report.facts = Some(known.facts.clone());
        for tier in &mut report.tiers {
            tier.encoder = known.encoders.get(&tier.tier).cloned();
        }
    }
    reports
}
