//! Profiles, streams, key frames and snapshots: by Media2 where a camera has it, or by Media1.

use std::{collections::BTreeSet, sync::Arc};

use oxvif::OnvifClient;
use sluice_wire::control::{FoundTier, MAX_POSTER};
use url::Url;

use super::{Client, encoder, fault::told, services::Services};
use crate::{
    onvif::{AskError, Channel},
    understand::{Plan, ToldProfile, audio_codec, plan, service_here, stream_here},
};

/// What a device told of its profiles, and by which service.
#[derive(Debug)]
pub(super) struct Told {
    pub(super) profiles: Vec<ToldProfile>,
    pub(super) media2: bool,
}

/// A device names its own things; longer names are none.
const MAX_TOKEN: usize = 128;
/// Where RTSP is, most often.
const USUAL_PORTS: [u16; 2] = [554, 8554];

impl Client {
    pub(super) async fn told(&self) -> Result<Arc<Told>, AskError> {
        if let Some(known) = self.memory().told.clone() {
            return Ok(known);
        }
        let (client, services) = (self.client().await?, self.services().await?);
        let told = Arc::new(self.profiles(&client, &services).await?);
        self.memory().told = Some(Arc::clone(&told));
        Ok(told)
    }

    async fn profiles(&self, client: &OnvifClient, services: &Services) -> Result<Told, AskError> {
        if let Some(url) = &services.media2 {
            match self.profiles2(client, url).await {
                // Some list Media2 profiles without saying what is in them.
                Ok(profiles) if profiles.iter().any(|profile| !profile.encoder.is_empty()) => {
                    return Ok(Told { profiles, media2: true });
                }
                Err(error) if !error.is_unknown() => return Err(error),
                _ => {}
            }
        }
        let url = services.media1.as_ref().ok_or(AskError::NotSupported)?;
        Ok(Told { profiles: profiles1(client, url).await?, media2: false })
    }

    async fn profiles2(&self, client: &OnvifClient, url: &str) -> Result<Vec<ToldProfile>, AskError> {
        let profiles = client.get_profiles_media2(url).await.map_err(told)?;
        // What is missing here makes a profile less known, not useless.
        let encoders = self.encoders2(url).await.unwrap_or_default();
        let sounds = client.get_audio_encoder_configurations_media2(url).await.unwrap_or_default();
        let profiles = profiles.into_iter().map(|profile| {
            let encoder = profile.video_encoder_token.unwrap_or_default();
            let settings =
                encoders.iter().find(|(token, _)| *token == encoder).map(|(_, known)| known.clone());
            let sound =
                sounds.iter().find(|sound| Some(&sound.token) == profile.audio_encoder_token.as_ref());
            ToldProfile {
                token: profile.token,
                source: profile.video_source_token.unwrap_or_default(),
                source_configuration: profile.video_source_config_token.unwrap_or_default(),
                encoder,
                settings: settings.unwrap_or_default(),
                audio_codec: sound.map(|sound| audio_codec(sound.encoding.as_str())).unwrap_or_default(),
                ptz: profile.ptz_config_token.is_some(),
            }
        });
        Ok(profiles.filter(|profile| profile.token.len() <= MAX_TOKEN).collect())
    }

    pub(super) async fn ask_channels(&self) -> Result<Vec<Channel>, AskError> {
        let (client, services, told) = (self.client().await?, self.services().await?, self.told().await?);
        let plans = plan(&told.profiles);
        let smallest = plans.first().and_then(|plan| plan.tiers.last()).map(|(_, place)| *place);
        let snapshot = match smallest {
            Some(place) => self.snapshot_url(&told.profiles[place].token).await.is_ok(),
            None => false,
        };
        let mut channels = Vec::new();
        for (number, plan) in plans.iter().enumerate() {
            let tiers = self.tiers(&client, &services, &told, plan).await?;
            if tiers.is_empty() {
                continue;
            }
            let of_plan = || plan.tiers.iter().map(|(_, place)| &told.profiles[*place]);
            channels.push(Channel {
                channel: u32::try_from(number).unwrap_or(u32::MAX),
                source: plan.source.to_owned(),
                configurations: configurations(&told.profiles, plan.source),
                tiers,
                audio_codec: of_plan().find_map(sound_of).unwrap_or_default(),
                ptz: services.ptz.is_some() && of_plan().any(|profile| profile.ptz),
                events: services.events.is_some(),
                snapshot,
                encoder: of_plan().any(|profile| !profile.settings.codec.is_empty()),
            });
        }
        Ok(channels)
    }

    async fn tiers(
        &self,
        client: &OnvifClient,
        services: &Services,
        told: &Told,
        plan: &Plan<'_>,
    ) -> Result<Vec<FoundTier>, AskError> {
        let mut tiers = Vec::new();
        for (tier, place) in &plan.tiers {
            let profile = &told.profiles[*place];
            let url = match stream_url(client, services, told.media2, &profile.token).await {
                Ok(url) => url,
                // A profile that the device lists and does not serve.
                Err(error) if error.is_unknown() => continue,
                Err(error) => return Err(error),
            };
            let Some((url, moved)) = stream_here(&url, &self.xaddr) else { continue };
            let url = if moved { self.reachable(url).await } else { url };
            let (profile, encoder) = (profile.token.clone(), profile.settings.clone());
            tiers.push(FoundTier { tier: Some(*tier), url: url.into(), profile, encoder });
        }
        Ok(tiers)
    }

    /// The same URL at a port that somebody listens at. Where a device named another host, its port is a router's too.
    async fn reachable(&self, url: Url) -> Url {
        let told = url.port().unwrap_or(USUAL_PORTS[0]);
        let Some(host) = url.host_str() else { return url };
        for port in std::iter::once(told).chain(USUAL_PORTS) {
            if self.caller.http().listens(host, port).await {
                let mut here = url.clone();
                // Fails for URLs without a host only.
                let _ = here.set_port(Some(port));
                return here;
            }
        }
        url
    }

    pub(super) async fn ask_key_frame(&self, profile: &str) -> Result<(), AskError> {
        let (client, services) = (self.client().await?, self.services().await?);
        if let Some(url) = &services.media2 {
            match client.set_synchronization_point_media2(url, profile).await.map_err(told) {
                Err(error) if error.is_unknown() => {}
                answer => return answer,
            }
        }
        let url = services.media1.as_ref().ok_or(AskError::NotSupported)?;
        client.media_set_synchronization_point(url, profile).await.map_err(told)
    }

    async fn snapshot_url(&self, profile: &str) -> Result<Url, AskError> {
        let (client, services) = (self.client().await?, self.services().await?);
        let mut url = None;
        if let Some(media2) = &services.media2 {
            match client.get_snapshot_uri_media2(media2, profile).await.map_err(told) {
                Ok(told) => url = Some(told),
                Err(error) if error.is_unknown() => {}
                Err(error) => return Err(error),
            }
        }
        let url = match (url, &services.media1) {
            (Some(url), _) => url,
            (None, Some(media1)) => client.get_snapshot_uri(media1, profile).await.map_err(told)?.uri,
            (None, None) => return Err(AskError::NotSupported),
        };
        service_here(&url, &self.xaddr).ok_or(AskError::NoPicture)
    }

    pub(super) async fn ask_snapshot(&self, profile: &str) -> Result<Vec<u8>, AskError> {
        let url = self.snapshot_url(profile).await?;
        let picture = match self.caller.get(&url, MAX_POSTER).await {
            Ok(picture) => picture,
            Err(crate::transport::Trouble::Unauthorized) => return Err(AskError::Refused { locked: false }),
            Err(trouble) => return Err(AskError::Transport(trouble)),
        };
        // ITU-T T.81, B.2.1: a picture begins with SOI. Cameras send their log-in page with 200.
        if picture.starts_with(&[0xFF, 0xD8, 0xFF]) { Ok(picture) } else { Err(AskError::NoPicture) }
    }
}

/// Under which tokens the profiles of a device use one of its sources.
fn configurations(profiles: &[ToldProfile], source: &str) -> Vec<String> {
    let of_source = profiles.iter().filter(|profile| profile.source == source);
    let tokens: BTreeSet<&str> = of_source.map(|profile| profile.source_configuration.as_str()).collect();
    tokens.into_iter().filter(|token| !token.is_empty()).map(str::to_owned).collect()
}

async fn profiles1(client: &OnvifClient, url: &str) -> Result<Vec<ToldProfile>, AskError> {
    let profiles = client.get_profiles(url).await.map_err(told)?;
    let encoders = client.get_video_encoder_configurations(url).await.unwrap_or_default();
    let sounds = client.get_audio_encoder_configurations(url).await.unwrap_or_default();
    let profiles = profiles.into_iter().map(|profile| {
        let encoder = profile.video_encoder_token.unwrap_or_default();
        let settings = encoders.iter().find(|known| known.token == encoder).map(encoder::settings1);
        let sound = sounds.iter().find(|sound| Some(&sound.token) == profile.audio_encoder_token.as_ref());
        ToldProfile {
            token: profile.token,
            source: profile.video_source_token.unwrap_or_default(),
            source_configuration: profile.video_source_config_token.unwrap_or_default(),
            encoder,
            settings: settings.unwrap_or_default(),
            audio_codec: sound.map(|sound| audio_codec(sound.encoding.as_str())).unwrap_or_default(),
            ptz: profile.ptz_config_token.is_some(),
        }
    });
    Ok(profiles.filter(|profile| profile.token.len() <= MAX_TOKEN).collect())
}

async fn stream_url(
    client: &OnvifClient,
    services: &Services,
    by_media2: bool,
    profile: &str,
) -> Result<String, AskError> {
    if let (true, Some(url)) = (by_media2, &services.media2) {
        match client.get_stream_uri_media2(url, profile).await.map_err(told) {
            Err(error) if error.is_unknown() && services.media1.is_some() => {}
            answer => return answer,
        }
    }
    let url = services.media1.as_ref().ok_or(AskError::NotSupported)?;
    Ok(client.get_stream_uri(url, profile).await.map_err(told)?.uri)
}

fn sound_of(profile: &ToldProfile) -> Option<String> {
    Some(profile.audio_codec.clone()).filter(|codec| !codec.is_empty())
}
