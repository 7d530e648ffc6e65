//! Events by pull point: ONVIF core specification §9.

use oxvif::NotificationMessage;
use sluice_wire::control::CameraEventKind;

use super::{
    Client,
    fault::{short, told},
};
use crate::{
    onvif::{AskError, Notice, Subscription},
    transport::PULL_S,
    understand::service_here,
};

/// Messages of one pull.
const MAX_MESSAGES: u32 = 64;
/// Of a source's name.
const MAX_SOURCE: usize = 64;
/// A pull point lives so long after the last pull, should nobody come to end it.
const LIFETIME: &str = "PT120S";

impl Client {
    pub(super) async fn ask_subscribe(&self) -> Result<Subscription, AskError> {
        let (client, services) = (self.client().await?, self.services().await?);
        let url = services.events.as_ref().ok_or(AskError::NotSupported)?;
        let made = match client.create_pull_point_subscription(url, None, Some(LIFETIME)).await.map_err(told)
        {
            // Some cameras take an absolute time only; their own is as good.
            Err(AskError::Fault(_)) => {
                client.create_pull_point_subscription(url, None, None).await.map_err(told)
            }
            answer => answer,
        }?;
        let url = service_here(&made.reference_url, &self.xaddr);
        let url = url.ok_or_else(|| AskError::Strange("a pull point without an address".to_owned()))?;
        Ok(Subscription { url: url.into() })
    }

    pub(super) async fn ask_pull(&self, subscription: &Subscription) -> Result<Vec<Notice>, AskError> {
        let client = self.client().await?;
        let messages = client.pull_messages(&subscription.url, &format!("PT{PULL_S}S"), MAX_MESSAGES).await;
        let messages = messages.map_err(told)?;
        // Most cameras take a pull for a renewal; those that do not say so end the pull point, and it is made again.
        let _ = client.renew_subscription(&subscription.url, LIFETIME).await;
        Ok(messages.iter().take(MAX_MESSAGES as usize).filter_map(notice).collect())
    }

    pub(super) async fn ask_unsubscribe(&self, subscription: &Subscription) -> Result<(), AskError> {
        self.client().await?.unsubscribe(&subscription.url).await.map_err(told)
    }
}

/// What a message says, of all topics that cameras have for it.
fn notice(message: &NotificationMessage) -> Option<Notice> {
    if message.property_operation == "Deleted" || message.topic.is_empty() {
        return None;
    }
    let topic = message.topic.to_ascii_lowercase();
    let has = |words: &[&str]| words.iter().any(|word| topic.contains(word));
    let kind = if has(&["motion"]) {
        CameraEventKind::Motion
    } else if has(&["globalscenechange", "tamper", "imagetoo", "signalloss", "videoloss"]) {
        CameraEventKind::Tamper
    } else if has(&["digitalinput", "logicalstate"]) {
        CameraEventKind::Input
    } else {
        CameraEventKind::Other
    };
    let mut source: Vec<&str> = message.source.values().map(String::as_str).collect();
    source.sort_unstable();
    let mut source = short(&source.join(" "));
    if kind == CameraEventKind::Other {
        // Without its topic nobody knows what it is about.
        let topic = message.topic.rsplit(':').next().unwrap_or_default();
        source = short(format!("{topic} {source}").trim());
    }
    source = source.chars().take(MAX_SOURCE).collect();
    let initial = message.property_operation == "Initialized";
    Some(Notice { kind, active: active(message), source, initial })
}

/// The only flag of a message, or the one whose name says that it is the state.
fn active(message: &NotificationMessage) -> Option<bool> {
    const STATES: [&str; 6] = ["State", "IsMotion", "LogicalState", "IsTamper", "Motion", "active"];
    let flag = |text: &String| match text.to_ascii_lowercase().as_str() {
        "true" | "1" | "on" | "active" => Some(true),
        "false" | "0" | "off" | "inactive" => Some(false),
        _ => None,
    };
    if let Some(told) = STATES.iter().find_map(|name| flag(message.data.get(*name)?)) {
        return Some(told);
    }
    let mut flags = message.data.values().filter_map(flag);
    match (flags.next(), flags.next()) {
        (Some(only), None) => Some(only),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    fn message(topic: &str, source: &[(&str, &str)], data: &[(&str, &str)]) -> NotificationMessage {
        let items = |items: &[(&str, &str)]| -> HashMap<String, String> {
            items.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
        };
        NotificationMessage {
            topic: topic.to_owned(),
            utc_time: String::new(),
            property_operation: "Changed".to_owned(),
            source: items(source),
            data: items(data),
        }
    }

    #[test]
    fn topics_of_many_makers_mean_the_same() {
        for (topic, name, value, kind, active) in [
            ("tns1:VideoSource/MotionAlarm", "State", "true", CameraEventKind::Motion, Some(true)),
            (
                "tns1:RuleEngine/CellMotionDetector/Motion",
                "IsMotion",
                "0",
                CameraEventKind::Motion,
                Some(false),
            ),
            (
                "tns1:VideoSource/GlobalSceneChange/ImagingService",
                "State",
                "1",
                CameraEventKind::Tamper,
                Some(true),
            ),
            (
                "tns1:RuleEngine/TamperDetector/Tamper",
                "IsTamper",
                "false",
                CameraEventKind::Tamper,
                Some(false),
            ),
            ("tns1:Device/Trigger/DigitalInput", "LogicalState", "true", CameraEventKind::Input, Some(true)),
            ("tns1:RuleEngine/LineDetector/Crossed", "ObjectId", "17", CameraEventKind::Other, None),
        ] {
            let told = notice(&message(topic, &[("Source", "v1")], &[(name, value)])).unwrap();
            assert_eq!((told.kind, told.active), (kind, active), "{topic}");
        }
        let other =
            notice(&message("tns1:RuleEngine/LineDetector/Crossed", &[("Rule", "fence")], &[])).unwrap();
        assert_eq!(other.source, "RuleEngine/LineDetector/Crossed fence");
    }

    #[test]
    fn hostile_messages_are_short_and_ended_properties_are_none() {
        let long = "x".repeat(10_000);
        let told = notice(&message("tns1:A/B", &[("a", &long), ("b", "c\nd")], &[("e", &long)])).unwrap();
        assert!(told.source.len() <= MAX_SOURCE && !told.source.contains('\n'));
        let mut gone = message("tns1:VideoSource/MotionAlarm", &[], &[]);
        gone.property_operation = "Deleted".to_owned();
        assert_eq!(notice(&gone), None);
    }
}
