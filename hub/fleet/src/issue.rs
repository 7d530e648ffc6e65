use sluice_hub_store::{NewDevice, Store, StoreError};
use sluice_ids::{DeviceId, SiteId, TenantId, UnixMillis};
use sluice_runtime::{Clock, uuid_v7};
use sluice_trust::{Authority, AuthorityError, Identity, seal::Keypair};

/// A device whose keys were made at the hub: what must be carried to the appliance.
pub struct IssuedDevice {
    /// Its id.
    pub device: DeviceId,
    /// Its key, certificate and root.
    pub identity: Identity,
    /// The private key that camera passwords are sealed to, as the appliance keeps it.
    pub seal_key: String,
}

impl std::fmt::Debug for IssuedDevice {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("IssuedDevice").field("device", &self.device).finish_non_exhaustive()
    }
}

/// Why no device was made.
#[derive(Debug, thiserror::Error)]
pub enum IssueError {
    /// The authority did not sign.
    #[error("sign the device's certificate")]
    Sign(#[from] AuthorityError),
    /// The registry did not take it.
    #[error("register the device")]
    Register(#[from] StoreError),
}

/// Makes a device of a tenant's site: its keys, its certificate and its row in the registry. For demos and tests,
/// and for appliances that an operator prepares; a box that makes its own keys is enrolled, not issued.
pub async fn issue_device(
    store: &Store,
    authority: &Authority,
    clock: Clock,
    (tenant, site): (TenantId, SiteId),
    name: String,
) -> Result<IssuedDevice, IssueError> {
    let device = DeviceId::from_uuid(uuid_v7(&clock));
    let identity = authority.issue_device_identity(device, UnixMillis(clock.unix_millis()))?;
    let seal = Keypair::generate();
    let seal_public_key = Some(seal.public().to_vec());
    store.create_device(tenant, NewDevice { id: device, site, name, seal_public_key }).await?;
    Ok(IssuedDevice { device, identity, seal_key: seal.to_text() })
}
