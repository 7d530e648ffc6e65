//! The task between the roster and the store: the roster never waits, the store is read and written here.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use sluice_hub_store::{Store, StoreError, Via, Warm};
use sluice_ids::{CameraId, DeviceId};
use sluice_runtime::{Backoff, Clock};
use tokio::sync::mpsc;

use crate::roster::Input;

/// What the roster asks of the store.
#[derive(Debug)]
pub(crate) enum Ask {
    All,
    One(DeviceId),
    Hello {
        device: DeviceId,
        version: String,
        seal_public_key: Vec<u8>,
    },
    Seen(Vec<DeviceId>),
    /// Policies that the clock put to work.
    Warm(Vec<(CameraId, Warm)>),
}

/// Asks that wait; what finds no place is found again by the next sweep.
pub(crate) const ASKS: usize = 1024;
/// Readings that wait for the roster; this task waits with them.
pub(crate) const READINGS: usize = 16;

pub(crate) struct Reader {
    pub(crate) store: Store,
    pub(crate) clock: Clock,
    pub(crate) asks: mpsc::Receiver<Ask>,
    pub(crate) readings: mpsc::Sender<Input>,
    /// Where devices find the nodes, as text: a change of it is a change of what every device should do.
    pub(crate) nodes: String,
}

impl Reader {
    pub(crate) async fn run(mut self) {
        let (store, nodes) = (self.store.clone(), self.nodes.clone());
        self.persist("note where the nodes are", || store.note_nodes(nodes.clone())).await;
        let mut batch = Vec::with_capacity(ASKS);
        while self.asks.recv_many(&mut batch, ASKS).await > 0 {
            if self.serve(batch.drain(..)).await.is_err() {
                break;
            }
        }
    }

    /// Writes first, so that what is read after it has it; a device asked for ten times is read once.
    async fn serve(&self, asks: impl Iterator<Item = Ask>) -> Result<(), mpsc::error::SendError<Input>> {
        let (mut whole, mut devices) = (false, BTreeSet::new());
        let (mut seen, mut warm) = (BTreeSet::new(), BTreeMap::new());
        for ask in asks {
            match ask {
                Ask::All => whole = true,
                Ask::One(device) => drop(devices.insert(device)),
                Ask::Seen(ids) => seen.extend(ids),
                Ask::Warm(at_work) => warm.extend(at_work),
                Ask::Hello { device, version, seal_public_key } => {
                    let hello =
                        || self.store.device_said_hello(device, version.clone(), seal_public_key.clone());
                    self.persist("keep a hello", hello).await;
                    devices.insert(device);
                }
            }
        }
        if !seen.is_empty() {
            let ids: Vec<_> = seen.into_iter().collect();
            self.persist("keep who was seen", || self.store.devices_seen(ids.clone())).await;
        }
        for via in self.keep_warm(warm.into_iter().collect()).await {
            match via {
                Via::Device(device) => drop(devices.insert(device)),
                Via::Node => whole = true,
            }
        }
        if whole && let Some(registry) = self.persist("read the registry", || self.store.registry()).await {
            return self.readings.send(Input::RegistryRead(registry)).await;
        }
        for device in devices {
            let read = || self.store.device_with_cameras(device);
            if let Some(row) = self.persist("read a device", read).await {
                self.readings.send(Input::DeviceRead(device, row)).await?;
            }
        }
        Ok(())
    }

    /// Writes which policies are at work; who pulls a camera for which that is news.
    async fn keep_warm(&self, at_work: Vec<(CameraId, Warm)>) -> Vec<Via> {
        if at_work.is_empty() {
            return Vec::new();
        }
        let keep = || self.store.keep_warm_now(at_work.clone());
        self.persist("keep which warm policies are at work", keep).await.unwrap_or_default()
    }

    /// Tries a few times; gives up until the next sweep asks again.
    async fn persist<T, F: Future<Output = Result<T, StoreError>>>(
        &self,
        doing: &'static str,
        mut attempt: impl FnMut() -> F,
    ) -> Option<T> {
        let mut backoff = Backoff::new(Duration::from_millis(200), Duration::from_secs(2));
        for left in (0..ATTEMPTS).rev() {
            match attempt().await {
                Ok(done) => return Some(done),
                Err(error) if left == 0 => {
                    tracing::error!(doing, error = sluice_fault::chain(&error), "the store fails the fleet");
                }
                Err(_) => self.clock.sleep(backoff.roll()).await,
            }
        }
        None
    }
}

const ATTEMPTS: u32 = 4;
