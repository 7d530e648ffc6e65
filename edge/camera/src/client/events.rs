//! Events by pull point: ONVIF core specification §9.

use oxvif::soap::XmlNode;
use sluice_wire::control::CameraEventKind;

use super::{
    Client,
    fault::short,
    references::references,
    soap::{Operation, escape, response},
};
use crate::{
    onvif::{AskError, Notice, Subscription},
    transport::PULL_S,
    understand::service_here,
};

const EVENTS: &str = "http://www.onvif.org/ver10/events/wsdl";
const MANAGER: &str = "http://docs.oasis-open.org/wsn/bw-2/SubscriptionManager";
/// Messages of one pull.
const MAX_MESSAGES: usize = 64;
/// Of a source's name.
const MAX_SOURCE: usize = 64;
/// A pull point lives so long after the last pull, should nobody come to end it.
const LIFETIME: &str = "PT120S";

/// A message of a pull point.
#[derive(Debug, Default)]
struct Message {
    topic: String,
    /// `Initialized`, `Changed` or `Deleted`.
    operation: String,
    source: Vec<(String, String)>,
    data: Vec<(String, String)>,
}

impl Client {
    pub(super) async fn ask_subscribe(&self) -> Result<Subscription, AskError> {
        let services = self.services().await?;
        let url = services.events.as_ref().ok_or(AskError::NotSupported)?;
        let name = "CreatePullPointSubscription";
        let create = |time: &str| format!("<tev:{name}>{time}</tev:{name}>");
        let timed = create(&format!("<tev:InitialTerminationTime>{LIFETIME}</tev:InitialTerminationTime>"));
        let action = format!("{EVENTS}/EventPortType/{name}Request");
        let header = acts(&action);
        let operation = Operation { url, action: &action, header: &header, name };
        let mut answer = self.exchange(operation, timed).await?;
        let mut made = response(&answer, name);
        if matches!(made, Err(AskError::Fault(_))) {
            // Some cameras take an absolute time only; their own is as good.
            answer = self.exchange(operation, create("")).await?;
            made = response(&answer, name);
        }
        let told = made?.path(&["SubscriptionReference", "Address"]).map(|node| node.text().to_owned());
        let url = told.and_then(|told| service_here(&told, &self.xaddr));
        let url = url.ok_or_else(|| AskError::Strange("a pull point without an address".to_owned()))?;
        Ok(Subscription { url: url.into(), names: references(&answer) })
    }

    pub(super) async fn ask_pull(&self, subscription: &Subscription) -> Result<Vec<Notice>, AskError> {
        let name = "PullMessages";
        let body = format!(
            "<tev:{name}><tev:Timeout>PT{PULL_S}S</tev:Timeout><tev:MessageLimit>{MAX_MESSAGES}</tev:MessageLimit></tev:{name}>"
        );
        let action = format!("{EVENTS}/PullPointSubscription/{name}Request");
        let pulled = self.at(subscription, &action, name, body).await?;
        // Most cameras take a pull for a renewal; those that do not say so end the pull point, and it is made again.
        let renew =
            format!("<wsnt:Renew><wsnt:TerminationTime>{LIFETIME}</wsnt:TerminationTime></wsnt:Renew>");
        let _ = self.at(subscription, &format!("{MANAGER}/RenewRequest"), "Renew", renew).await;
        let messages = pulled.children_named("NotificationMessage").take(MAX_MESSAGES);
        Ok(messages.filter_map(|node| notice(&Message::read(node))).collect())
    }

    pub(super) async fn ask_unsubscribe(&self, subscription: &Subscription) -> Result<(), AskError> {
        let (name, action) = ("Unsubscribe", format!("{MANAGER}/UnsubscribeRequest"));
        self.at(subscription, &action, name, "<wsnt:Unsubscribe/>".to_owned()).await.map(drop)
    }

    async fn at(
        &self,
        subscription: &Subscription,
        action: &str,
        name: &str,
        body: String,
    ) -> Result<XmlNode, AskError> {
        let header = acts(action) + &subscription.names;
        self.operate(Operation { url: &subscription.url, action, header: &header, name }, body).await
    }
}

/// WS-Addressing asks for the action in the header too, and pull points are addressed by it (core specification §9.1).
fn acts(action: &str) -> String {
    format!("<wsa:Action>{}</wsa:Action>", escape(action))
}

impl Message {
    fn read(node: &XmlNode) -> Self {
        let inner = node.path(&["Message", "Message"]).or_else(|| node.child("Message"));
        let items = |name: &str| -> Vec<(String, String)> {
            let items = inner.and_then(|inner| inner.child(name)).into_iter().flat_map(|node| &node.children);
            let items = items.filter(|item| item.local_name == "SimpleItem");
            let pair = |item: &XmlNode| {
                Some((item.attr("Name")?.to_owned(), item.attr("Value").unwrap_or_default().to_owned()))
            };
            items.filter_map(pair).collect()
        };
        Self {
            topic: node.child("Topic").map(|topic| topic.text().trim().to_owned()).unwrap_or_default(),
            operation: inner.and_then(|inner| inner.attr("PropertyOperation")).unwrap_or_default().to_owned(),
            source: items("Source"),
            data: items("Data"),
        }
    }
}

/// What a message says, of all topics that cameras have for it.
fn notice(message: &Message) -> Option<Notice> {
    if message.operation == "Deleted" || message.topic.is_empty() {
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
    let source: Vec<&str> = message.source.iter().map(|(_, value)| value.as_str()).collect();
    let mut source = short(&source.join(" "));
    if kind == CameraEventKind::Other {
        // Without its topic nobody knows what it is about.
        let topic = message.topic.rsplit(':').next().unwrap_or_default();
        source = short(format!("{topic} {source}").trim());
    }
    source = source.chars().take(MAX_SOURCE).collect();
    Some(Notice { kind, active: active(message), source, initial: message.operation == "Initialized" })
}

/// The only flag of a message, or the one whose name says that it is the state.
fn active(message: &Message) -> Option<bool> {
    const STATES: [&str; 6] = ["State", "IsMotion", "LogicalState", "IsTamper", "Motion", "active"];
    let flag = |text: &str| match text.to_ascii_lowercase().as_str() {
        "true" | "1" | "on" | "active" => Some(true),
        "false" | "0" | "off" | "inactive" => Some(false),
        _ => None,
    };
    let named =
        |name: &str| message.data.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str());
    if let Some(told) = STATES.iter().find_map(|name| flag(named(name)?)) {
        return Some(told);
    }
    let mut flags = message.data.iter().filter_map(|(_, value)| flag(value));
    match (flags.next(), flags.next()) {
        (Some(only), None) => Some(only),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(topic: &str, source: &[(&str, &str)], data: &[(&str, &str)]) -> Message {
        let items = |kind: &str, items: &[(&str, &str)]| -> String {
            let item = |(name, value): &(&str, &str)| {
                format!("<tt:SimpleItem Name=\"{}\" Value=\"{}\"/>", escape(name), escape(value))
            };
            format!("<tt:{kind}>{}</tt:{kind}>", items.iter().map(item).collect::<String>())
        };
        let (source, data) = (items("Source", source), items("Data", data));
        let text = format!(
            "<wsnt:NotificationMessage><wsnt:Topic>{topic}</wsnt:Topic><wsnt:Message>\
             <tt:Message PropertyOperation=\"Changed\">{source}{data}</tt:Message></wsnt:Message></wsnt:NotificationMessage>"
        );
        Message::read(&XmlNode::parse(&text).unwrap())
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
        gone.operation = "Deleted".to_owned();
        assert_eq!(notice(&gone), None);
    }
}
