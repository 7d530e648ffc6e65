use std::{sync::Arc, time::Duration};

use sluice_fault::{Class, Classed as _};
use sluice_runtime::Backoff;
use sluice_wire::control::{CameraFacts, EncoderSettings};
use tokio::sync::{Notify, Semaphore, watch};

use super::{
    Known,
    contact::{Common, Served, Survey},
};
use crate::{
    CameraMetrics,
    found::capabilities,
    onvif::{AskError, Onvif},
};

/// Keeps what is known of a device's cameras.
#[derive(Debug)]
pub(super) struct Watcher {
    pub(super) common: Common,
    pub(super) surveyed: watch::Sender<Option<Arc<Survey>>>,
    pub(super) again: Arc<Notify>,
    pub(super) turns: Arc<Semaphore>,
    pub(super) metrics: CameraMetrics,
}

/// Settings change by hand at the camera; a hundred cameras are a question every nine seconds.
const REFRESH: Duration = Duration::from_secs(900);
const FIRST_RETRY: Duration = Duration::from_secs(5);
const LAST_RETRY: Duration = Duration::from_secs(300);

impl Watcher {
    pub(super) async fn run(mut self) {
        let mut backoff = Backoff::new(FIRST_RETRY, LAST_RETRY);
        let shutdown = self.common.shutdown.clone();
        loop {
            let asked = tokio::select! { biased;
                () = shutdown.requested() => return,
                asked = ask(&self.turns, &*self.common.onvif) => asked,
            };
            let wait = match asked {
                Ok(survey) => {
                    backoff.reset();
                    self.metrics.understood.inc();
                    self.surveyed.send_replace(Some(Arc::new(survey)));
                    self.tell("");
                    // Jittered, so that cameras which came together do not stay together.
                    REFRESH
                        .mul_f64(0.8 + 0.4 * Backoff::new(REFRESH, REFRESH).roll().div_duration_f64(REFRESH))
                }
                Err(error) => {
                    tracing::debug!(error = sluice_fault::chain(&error), "a camera is not understood");
                    self.tell(&error.to_string());
                    match error.class() {
                        // The guardian stops what would lock the account; what remains is a look once in a while.
                        Class::Reject if error.is_refusal() => REFRESH,
                        _ => backoff.roll(),
                    }
                }
            };
            if !self.pause(wait).await {
                return;
            }
        }
    }

    /// Waits, telling what is known to cameras that are new. `false` at the end.
    async fn pause(&mut self, wait: Duration) -> bool {
        let until = self.common.clock.now() + wait;
        let shutdown = self.common.shutdown.clone();
        loop {
            tokio::select! { biased;
                () = shutdown.requested() => return false,
                changed = self.common.served.changed() => {
                    if changed.is_err() {
                        return false;
                    }
                    if self.surveyed.borrow().is_some() {
                        self.tell("");
                    }
                }
                () = self.again.notified() => return true,
                () = self.common.clock.sleep_until(Some(until)) => return true,
            }
        }
    }

    /// Writes down what is known for every camera served, or what stands in the way.
    fn tell(&self, trouble: &str) {
        let Some(cameras) = self.common.cameras.upgrade() else { return };
        let survey = self.surveyed.borrow().clone();
        // A copy: the registry, which is asked below, changes the list while it is locked.
        let served = self.common.served.borrow().clone();
        for served in &served {
            let sync_point = cameras.registry().sync_point(served.camera);
            cameras.learn(served.camera, |known| {
                if let Some(survey) = &survey {
                    *known = told(survey, served);
                }
                known.facts.can.sync_point = sync_point;
                if !trouble.is_empty() {
                    trouble.clone_into(&mut known.facts.trouble);
                }
            });
        }
    }
}

async fn ask(turns: &Semaphore, onvif: &dyn Onvif) -> Result<Survey, AskError> {
    // Never closed; if it were, asking without a turn would be right.
    let _turn = turns.acquire().await;
    let device = onvif.device().await?;
    let channels = onvif.channels().await?;
    let clock_offset_ms = onvif.clock_offset().await.unwrap_or_default();
    Ok(Survey { device, channels, clock_offset_ms })
}

fn told(survey: &Survey, served: &Served) -> Known {
    let channel = survey.channels.iter().find(|channel| channel.channel == served.channel);
    let device = &survey.device;
    // A key that is a hardware address is the device itself.
    let other = is_hardware_address(&served.key)
        && is_hardware_address(&device.hardware_address)
        && served.key != device.hardware_address;
    let trouble = match channel {
        _ if other => "another device answers at the camera's address",
        None => "the device does not have this camera any more",
        Some(_) => "",
    };
    let facts = CameraFacts {
        manufacturer: device.manufacturer.clone(),
        model: device.model.clone(),
        firmware: device.firmware.clone(),
        serial: device.serial.clone(),
        can: channel.map(capabilities).unwrap_or_default(),
        clock_offset_ms: survey.clock_offset_ms,
        trouble: trouble.to_owned(),
    };
    let encoders = channel.into_iter().flat_map(|channel| &channel.tiers).filter_map(|found| {
        // The registry's tier of a profile counts, for somebody may have chosen it.
        let chosen =
            served.profiles.iter().find(|(_, profile)| *profile == found.profile).map(|(tier, _)| *tier);
        let settings = Some(&found.encoder).filter(|settings| **settings != EncoderSettings::default())?;
        Some((chosen.or(found.tier)?, settings.clone()))
    });
    Known { facts, encoders: encoders.collect() }
}

fn is_hardware_address(key: &str) -> bool {
    key.len() == 17 && key.split(':').count() == 6
}
