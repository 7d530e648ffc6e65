//! How an encoder is set, and setting it otherwise: everything that is not to change goes back as it came.

mod merge;

use oxvif::{
    H264Configuration, IntRange, OnvifClient, Resolution, VideoEncoderConfiguration,
    VideoEncoderConfigurationOptions, VideoEncoding, soap::XmlNode,
};
use sluice_wire::control::{EncoderChange, EncoderSettings};

use super::{
    Client,
    fault::{short, told},
    soap::{Operation, escape},
};
use crate::onvif::{AskError, Change};
use merge::{Allowed, merge};

const NAMESPACE: &str = "http://www.onvif.org/ver20/media/wsdl";

/// What Media1 tells.
pub(super) fn settings1(told: &VideoEncoderConfiguration) -> EncoderSettings {
    let (gop_frames, profile) = match (&told.h264, &told.h265) {
        (Some(h264), _) if told.encoding == VideoEncoding::H264 => (h264.gov_length, h264.profile.as_str()),
        (_, Some(h265)) => (h265.gov_length, h265.profile.as_str()),
        _ => (0, ""),
    };
    let rate = told.rate_control.as_ref();
    EncoderSettings {
        codec: short(told.encoding.as_str()),
        profile: short(profile),
        width: told.resolution.width,
        height: told.resolution.height,
        fps: rate.map_or(0.0, |rate| f64::from(rate.frame_rate_limit)),
        bitrate_kbps: rate.map_or(0, |rate| rate.bitrate_limit),
        gop_frames,
        constant_bitrate: None,
    }
}

/// What Media2 tells (`tt:VideoEncoder2Configuration`).
fn settings2(told: &XmlNode) -> EncoderSettings {
    let number = |path: &[&str]| told.path(path).and_then(|node| node.text().trim().parse::<f64>().ok());
    let whole = |path: &[&str]| number(path).map_or(0, |number| number as u32);
    let codec = told.child("Encoding").map(|node| node.text().to_ascii_uppercase()).unwrap_or_default();
    EncoderSettings {
        codec: short(if codec == "H.265" { "H265" } else { &codec }),
        profile: short(told.attr("Profile").unwrap_or_default()),
        width: whole(&["Resolution", "Width"]),
        height: whole(&["Resolution", "Height"]),
        fps: number(&["RateControl", "FrameRateLimit"])
            .filter(|fps| fps.is_finite() && *fps >= 0.0)
            .unwrap_or(0.0),
        bitrate_kbps: whole(&["RateControl", "BitrateLimit"]),
        gop_frames: told.attr("GovLength").and_then(|gop| gop.trim().parse().ok()).unwrap_or(0),
        constant_bitrate: told.child("RateControl").and_then(|rate| flag(rate.attr("ConstantBitRate")?)),
    }
}

fn flag(text: &str) -> Option<bool> {
    match text.trim() {
        "true" | "1" => Some(true),
        "false" | "0" => Some(false),
        _ => None,
    }
}

impl Client {
    /// Every encoder's token and settings.
    pub(super) async fn encoders2(&self, url: &str) -> Result<Vec<(String, EncoderSettings)>, AskError> {
        let answer = self.configurations2(url, "").await?;
        let all = answer.children_named("Configurations");
        Ok(all.filter_map(|node| Some((node.attr("token")?.to_owned(), settings2(node)))).collect())
    }

    async fn configurations2(&self, url: &str, token: &str) -> Result<XmlNode, AskError> {
        let wanted = match token {
            "" => String::new(),
            token => format!("<tr2:ConfigurationToken>{}</tr2:ConfigurationToken>", escape(token)),
        };
        let name = "GetVideoEncoderConfigurations";
        let action = format!("{NAMESPACE}/{name}");
        let operation = Operation { url, action: &action, header: "", name };
        self.operate(operation, format!("<tr2:{name}>{wanted}</tr2:{name}>")).await
    }

    pub(super) async fn ask_configure(
        &self,
        profile: &str,
        change: &EncoderChange,
        dry_run: bool,
    ) -> Result<Change, AskError> {
        let (client, services, known) = (self.client().await?, self.services().await?, self.told().await?);
        let found = known.profiles.iter().find(|known| known.token == profile);
        let encoder =
            &found.ok_or_else(|| AskError::Invalid("the camera has no such stream".to_owned()))?.encoder;
        match (&services.media2, &services.media1) {
            (Some(url), _) if known.media2 => self.configure2(&client, url, encoder, change, dry_run).await,
            (_, Some(url)) => configure1(&client, url, encoder, change, dry_run).await,
            _ => Err(AskError::NotSupported),
        }
    }

    async fn configure2(
        &self,
        client: &OnvifClient,
        url: &str,
        token: &str,
        change: &EncoderChange,
        dry_run: bool,
    ) -> Result<Change, AskError> {
        let node = self.configuration2(url, token).await?;
        let before = settings2(&node);
        let options =
            client.get_video_encoder_configuration_options_media2(url, token).await.map_err(told)?;
        let allowed: Vec<Allowed> = options
            .options
            .into_iter()
            .map(|one| Allowed {
                codec: one.encoding.as_str().to_owned(),
                sizes: one.resolutions.iter().map(size).collect(),
                rates: one.frame_rates.iter().map(|rate| f64::from(*rate)).collect(),
                rate_range: None,
                bitrate: range(one.bitrate_range),
                gop: range(one.gov_length_range),
                profiles: one.profiles,
            })
            .collect();
        let after = merge(&before, change, &allowed)?;
        if dry_run || after == before {
            return Ok(Change { before, after });
        }
        let name = "SetVideoEncoderConfiguration";
        let body = format!("<tr2:{name}>{}</tr2:{name}>", written2(&node, &before, &after)?);
        let action = format!("{NAMESPACE}/{name}");
        self.operate(Operation { url, action: &action, header: "", name }, body).await?;
        let after = settings2(&self.configuration2(url, token).await?);
        Ok(Change { before, after })
    }

    async fn configuration2(&self, url: &str, token: &str) -> Result<XmlNode, AskError> {
        let answer = self.configurations2(url, token).await?;
        let found = answer.children_named("Configurations").find(|node| node.attr("token") == Some(token));
        found.cloned().ok_or_else(|| AskError::Strange("the encoder is not among its encoders".to_owned()))
    }
}

async fn configure1(
    client: &OnvifClient,
    url: &str,
    token: &str,
    change: &EncoderChange,
    dry_run: bool,
) -> Result<Change, AskError> {
    let mut encoder = client.get_video_encoder_configuration(url, token).await.map_err(told)?;
    let before = settings1(&encoder);
    // Media1 knows neither H.265 nor a constant bit rate.
    if change.constant_bitrate.is_some() || change.codec.as_deref().is_some_and(|codec| codec != "H264") {
        return Err(AskError::NotSupported);
    }
    let options = client.get_video_encoder_configuration_options(url, token).await.map_err(told)?;
    let after = merge(&before, change, &allowed1(options))?;
    if dry_run || after == before {
        return Ok(Change { before, after });
    }
    encoder.resolution = Resolution { width: after.width, height: after.height };
    if let Some(rate) = &mut encoder.rate_control {
        rate.frame_rate_limit = after.fps as u32;
        rate.bitrate_limit = after.bitrate_kbps;
    } else if after.fps != before.fps || after.bitrate_kbps != before.bitrate_kbps {
        return Err(AskError::NotSupported);
    }
    encoder.encoding = VideoEncoding::H264;
    encoder.h265 = None;
    encoder.h264 = Some(H264Configuration { gov_length: after.gop_frames, profile: after.profile.clone() });
    client.set_video_encoder_configuration(url, &encoder).await.map_err(told)?;
    let after = settings1(&client.get_video_encoder_configuration(url, token).await.map_err(told)?);
    Ok(Change { before, after })
}

fn allowed1(options: VideoEncoderConfigurationOptions) -> Vec<Allowed> {
    let h264 = options.h264.map(|h264| Allowed {
        codec: "H264".to_owned(),
        sizes: h264.resolutions.iter().map(size).collect(),
        rates: Vec::new(),
        rate_range: range(h264.frame_rate_range),
        bitrate: range(h264.bitrate_range),
        gop: range(h264.gov_length_range),
        profiles: h264.profiles,
    });
    h264.into_iter().collect()
}

const fn size(resolution: &Resolution) -> (u32, u32) {
    (resolution.width, resolution.height)
}

/// A range that says something.
fn range(told: Option<IntRange>) -> Option<(u32, u32)> {
    let told = told.filter(|range| range.max > 0 && range.min <= range.max)?;
    Some((u32::try_from(told.min).unwrap_or(0), u32::try_from(told.max).unwrap_or(u32::MAX)))
}

/// The configuration as it came, with what changes put in. Elements that the schema does not have are left out: their
/// namespaces are not known any more, and strict devices refuse them.
fn written2(told: &XmlNode, before: &EncoderSettings, after: &EncoderSettings) -> Result<String, AskError> {
    const KNOWN: [&str; 7] =
        ["Name", "UseCount", "Encoding", "Resolution", "RateControl", "Multicast", "Quality"];
    let mut node = told.clone();
    node.children.retain(|child| KNOWN.contains(&child.local_name.as_str()));
    put(&mut node, &["Encoding"], &after.codec)?;
    if (after.width, after.height) != (before.width, before.height) {
        put(&mut node, &["Resolution", "Width"], &after.width.to_string())?;
        put(&mut node, &["Resolution", "Height"], &after.height.to_string())?;
    }
    if after.fps != before.fps {
        put(&mut node, &["RateControl", "FrameRateLimit"], &after.fps.to_string())?;
    }
    if after.bitrate_kbps != before.bitrate_kbps {
        put(&mut node, &["RateControl", "BitrateLimit"], &after.bitrate_kbps.to_string())?;
    }
    if after.constant_bitrate != before.constant_bitrate
        && let Some(constant) = after.constant_bitrate
    {
        let rate = node.children.iter_mut().find(|child| child.local_name == "RateControl");
        let rate = rate.ok_or(AskError::NotSupported)?;
        rate.attrs.insert("ConstantBitRate".to_owned(), constant.to_string());
    }
    if after.gop_frames != before.gop_frames {
        node.attrs.insert("GovLength".to_owned(), after.gop_frames.to_string());
    }
    if after.profile != before.profile {
        node.attrs.insert("Profile".to_owned(), after.profile.clone());
    }
    let children: String = node.children.iter().map(element).collect();
    Ok(format!("<tr2:Configuration{}>{children}</tr2:Configuration>", attributes(&node)))
}

/// Sets the text of what stands at `path`; what is not there cannot be set.
fn put(node: &mut XmlNode, path: &[&str], text: &str) -> Result<(), AskError> {
    let Some((name, rest)) = path.split_first() else {
        node.text = Some(text.to_owned());
        return Ok(());
    };
    let child = node.children.iter_mut().find(|child| child.local_name == *name);
    put(child.ok_or(AskError::NotSupported)?, rest, text)
}

/// An element of ONVIF's schema. Depth is bounded by what was let in.
fn element(node: &XmlNode) -> String {
    let inside: String = match node.children.as_slice() {
        [] => escape(node.text()),
        children => children.iter().map(element).collect(),
    };
    let name = &node.local_name;
    format!("<tt:{name}{}>{inside}</tt:{name}>", attributes(node))
}

fn attributes(node: &XmlNode) -> String {
    // `xsi:type` would need the prefix it had.
    let mut all: Vec<_> = node.attrs.iter().filter(|(name, _)| name.as_str() != "type").collect();
    all.sort();
    all.iter().map(|(name, value)| format!(" {name}=\"{}\"", escape(value))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOLD: &str = "<tr2:Configurations token=\"e&quot;1\" GovLength=\"50\" Profile=\"Main\"><tt:Name>a &amp; b</tt:Name>\
        <tt:UseCount>2</tt:UseCount><tt:Encoding>H264</tt:Encoding><tt:Resolution><tt:Width>1920</tt:Width>\
        <tt:Height>1080</tt:Height></tt:Resolution><tt:RateControl ConstantBitRate=\"false\"><tt:FrameRateLimit>12.5\
        </tt:FrameRateLimit><tt:BitrateLimit>4096</tt:BitrateLimit></tt:RateControl><tt:Multicast><tt:Port>0</tt:Port>\
        </tt:Multicast><tt:Quality>5</tt:Quality><v:Vendor>x</v:Vendor></tr2:Configurations>";

    #[test]
    fn what_does_not_change_goes_back_as_it_came() {
        let node = XmlNode::parse(TOLD).unwrap();
        let before = settings2(&node);
        assert_eq!((before.fps, before.gop_frames, before.constant_bitrate), (12.5, 50, Some(false)));
        let after = EncoderSettings { gop_frames: 25, constant_bitrate: Some(true), ..before.clone() };
        let written = written2(&node, &before, &after).unwrap();
        assert!(!written.contains("Vendor"));
        assert!(written.contains("<tt:Multicast><tt:Port>0</tt:Port></tt:Multicast>"), "{written}");
        assert!(written.contains("<tt:Name>a &amp; b</tt:Name>") && written.contains("token=\"e&quot;1\""));
        let read = XmlNode::parse(&written).unwrap();
        assert_eq!(settings2(&read), after);
        assert_eq!(settings2(&XmlNode::parse(&written2(&node, &before, &before).unwrap()).unwrap()), before);
    }

    #[test]
    fn what_a_camera_does_not_have_is_not_set() {
        let bare = XmlNode::parse("<C token=\"e\"><Encoding>H264</Encoding></C>").unwrap();
        let before = settings2(&bare);
        let faster = EncoderSettings { fps: 5.0, ..before.clone() };
        assert_eq!(written2(&bare, &before, &faster), Err(AskError::NotSupported));
    }
}
