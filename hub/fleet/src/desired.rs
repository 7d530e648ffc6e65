use sluice_hub_store::{Camera, Device, Warm};
use sluice_ids::Tier;
use sluice_wire::{
    control::{self, Desired, DesiredCamera, DesiredNode, DesiredOnvif, DesiredTier},
    node::{Assignment, Puller},
};

/// What the device should do, by the registry.
pub(crate) fn document(device: &Device, cameras: &[Camera], node: &DesiredNode) -> Desired {
    Desired {
        generation: device.desired_generation,
        cameras: cameras.iter().filter(|camera| camera.enabled).map(camera).collect(),
        nodes: vec![node.clone()],
    }
}

/// Who brings the camera to the node; `None` for a camera that is switched off.
pub(crate) fn assignment(camera: &Camera) -> Option<Assignment> {
    let puller = camera.via.device().map_or(Puller::Node, Puller::Device);
    let tiers: Vec<Tier> = camera.tiers.iter().map(|tier| tier.tier).collect();
    camera.enabled.then_some(Assignment { puller, camera: camera.id, tiers, linger: camera.linger })
}

/// What whoever pulls the camera needs to know of it.
pub(crate) fn camera(camera: &Camera) -> DesiredCamera {
    let tier = |tier: &sluice_hub_store::CameraTier| DesiredTier {
        profile: tier.profile.clone(),
        ..DesiredTier::new(tier.tier, tier.url.clone())
    };
    DesiredCamera {
        camera_id: camera.id,
        name: camera.name.clone(),
        tiers: camera.tiers.iter().map(tier).collect(),
        username: camera.username.clone().unwrap_or_default(),
        sealed_password: camera.sealed_password.clone().unwrap_or_default(),
        warm: match camera.warm_now {
            Warm::All => control::Warm::All,
            Warm::Sub => control::Warm::Sub,
            Warm::Main => control::Warm::Main,
            Warm::None => control::Warm::None,
        },
        linger: camera.linger,
        transport: control::Transport::Tcp,
        sealed_as: camera.sealed_as.clone(),
        onvif: camera.onvif.as_ref().map(|onvif| DesiredOnvif {
            key: onvif.key.clone(),
            xaddr: onvif.xaddr.clone(),
            channel: onvif.channel,
        }),
        session_budget: camera.session_budget,
    }
}
