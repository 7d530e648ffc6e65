//! Events by pull point: ONVIF core specification, §9.

use std::{
    collections::{BTreeMap, VecDeque},
    str::FromStr,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use tokio::sync::watch;

use super::{
    device::iso,
    ptz::parse_duration,
    server::Call,
    soap::{Answer, Fault},
};
use crate::camera::token;

/// Pull points of one camera; more are refused.
const MAX_SUBSCRIPTIONS: usize = 8;
/// Messages a pull point keeps; the oldest goes first.
const QUEUE: usize = 64;
/// A pull point that names no time ends after this long without a renewal.
const LIFETIME: Duration = Duration::from_secs(60);
const MAX_LIFETIME: Duration = Duration::from_secs(3_600);
/// The longest that a pull waits.
const MAX_PULL: Duration = Duration::from_secs(60);

/// Something a camera notices.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CameraEvent {
    /// Something moves, or no longer.
    Motion(bool),
    /// Somebody covers or turns the camera, or no longer.
    Tamper(bool),
    /// Its digital input is closed, or open again.
    Input(bool),
}

impl FromStr for CameraEvent {
    type Err = UnknownEvent;

    /// The words of the control port: `motion-on`, `motion-off`, and the same of `tamper` and `input`.
    fn from_str(word: &str) -> Result<Self, UnknownEvent> {
        let (what, state) = word.rsplit_once('-').ok_or(UnknownEvent)?;
        let state = match state {
            "on" => true,
            "off" => false,
            _ => return Err(UnknownEvent),
        };
        match what {
            "motion" => Ok(Self::Motion(state)),
            "tamper" => Ok(Self::Tamper(state)),
            "input" => Ok(Self::Input(state)),
            _ => Err(UnknownEvent),
        }
    }
}

/// The word names no event.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("an event is motion, tamper or input, with -on or -off behind it")]
pub struct UnknownEvent;

/// The events of one device, and who waits for them.
#[derive(Debug, Default)]
pub(crate) struct Events {
    board: Mutex<Board>,
    /// Moves when there is something new.
    changed: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct Board {
    states: States,
    subscriptions: BTreeMap<u64, Subscription>,
    made: u64,
}

/// Motion, tamper and input of each channel that ever noticed something, by its number; `None` is a device's only camera.
type States = BTreeMap<Option<usize>, [bool; 3]>;

#[derive(Debug)]
struct Subscription {
    queue: VecDeque<String>,
    until: Instant,
}

impl Events {
    /// Every pull point hears of it; `unix_s` is on the camera's own clock.
    pub(crate) fn tell(&self, channel: Option<usize>, event: CameraEvent, unix_s: i64) {
        let message = message(channel, event, "Changed", unix_s);
        {
            let mut board = self.lock();
            let (place, state) = place(event);
            board.states.entry(channel).or_default()[place] = state;
            for subscription in board.subscriptions.values_mut() {
                subscription.push(message.clone());
            }
        }
        self.changed.send_modify(|changes| *changes += 1);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Board> {
        self.board.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A new pull point with the present states in it; its number. `None` when there are too many.
    fn subscribe(&self, now: Instant, lifetime: Duration, unix_s: i64) -> Option<u64> {
        let mut board = self.lock();
        board.subscriptions.retain(|_, subscription| now < subscription.until);
        if board.subscriptions.len() >= MAX_SUBSCRIPTIONS {
            return None;
        }
        board.made += 1;
        let number = board.made;
        let mut subscription = Subscription { queue: VecDeque::new(), until: now + lifetime };
        subscription.greet(&board.states, unix_s);
        board.subscriptions.insert(number, subscription);
        Some(number)
    }

    /// Does something with a pull point that has not ended.
    fn with<T>(
        &self,
        number: u64,
        now: Instant,
        act: impl FnOnce(&mut Subscription, &States) -> T,
    ) -> Result<T, Fault> {
        let mut board = self.lock();
        let Board { states, subscriptions, .. } = &mut *board;
        let found = subscriptions.get_mut(&number).filter(|subscription| now < subscription.until);
        found.map(|subscription| act(subscription, states)).ok_or_else(gone)
    }
}

impl Subscription {
    fn push(&mut self, message: String) {
        if self.queue.len() >= QUEUE {
            self.queue.pop_front();
        }
        self.queue.push_back(message);
    }

    fn greet(&mut self, states: &States, unix_s: i64) {
        let quiet = States::from([(None, [false; 3])]);
        for (channel, [motion, tamper, input]) in if states.is_empty() { &quiet } else { states } {
            for event in
                [CameraEvent::Motion(*motion), CameraEvent::Tamper(*tamper), CameraEvent::Input(*input)]
            {
                self.push(message(*channel, event, "Initialized", unix_s));
            }
        }
    }
}

const fn place(event: CameraEvent) -> (usize, bool) {
    match event {
        CameraEvent::Motion(state) => (0, state),
        CameraEvent::Tamper(state) => (1, state),
        CameraEvent::Input(state) => (2, state),
    }
}

/// Motion is told of the video source, tampering of its configuration: cameras do either.
fn message(channel: Option<usize>, event: CameraEvent, operation: &str, unix_s: i64) -> String {
    let (topic, source, name, state) = match event {
        CameraEvent::Motion(state) => ("VideoSource/MotionAlarm", ("Source", "sensor"), "State", state),
        CameraEvent::Tamper(state) => {
            ("VideoSource/GlobalSceneChange/ImagingService", ("Source", "video_source"), "State", state)
        }
        CameraEvent::Input(state) => {
            ("Device/Trigger/DigitalInput", ("InputToken", "input"), "LogicalState", state)
        }
    };
    let token = token(channel, source.1);
    format!(
        "<wsnt:NotificationMessage><wsnt:Topic Dialect=\"http://www.onvif.org/ver10/tev/topicExpression/ConcreteSet\">\
         tns1:{topic}</wsnt:Topic><wsnt:Message><tt:Message UtcTime=\"{}\" PropertyOperation=\"{operation}\"><tt:Source>\
         <tt:SimpleItem Name=\"{}\" Value=\"{}\"/></tt:Source><tt:Data><tt:SimpleItem Name=\"{name}\" Value=\"{state}\"/>\
         </tt:Data></tt:Message></wsnt:Message></wsnt:NotificationMessage>",
        iso(unix_s),
        source.0,
        token
    )
}

fn gone() -> Fault {
    Fault::sender(&["InvalidArgVal", "ResourceUnknown"], "there is no such subscription, or no longer")
}

/// Answers an operation of the event service.
pub(super) async fn answer(call: &Call<'_>) -> Answer {
    let operation = &call.request.operation;
    match operation.name.as_str() {
        "GetServiceCapabilities" => Ok("<tev:GetServiceCapabilitiesResponse><tev:Capabilities \
             WSSubscriptionPolicySupport=\"true\" MaxPullPoints=\"8\"/></tev:GetServiceCapabilitiesResponse>"
            .to_owned()),
        "GetEventProperties" => Ok(properties()),
        "CreatePullPointSubscription" => {
            let (now, unix_s) = (call.server.clock.now(), call.camera.clock_s(call.server.clock));
            let lifetime = lifetime(operation.text_of("InitialTerminationTime"));
            let full =
                || Fault::sender(&["InvalidArgVal", "MaxSubscriptions"], "no room for another subscription");
            let number = call.camera.device.events.subscribe(now, lifetime, unix_s).ok_or_else(full)?;
            Ok(format!(
                "<tev:CreatePullPointSubscriptionResponse><tev:SubscriptionReference><wsa:Address>{}/subscription/{number}\
                 </wsa:Address></tev:SubscriptionReference>{}</tev:CreatePullPointSubscriptionResponse>",
                call.base(),
                times("wsnt", unix_s, lifetime)
            ))
        }
        name => Err(Fault::not_supported(name)),
    }
}

/// Answers an operation of one pull point.
pub(super) async fn answer_subscriber(call: &Call<'_>, number: u64) -> Answer {
    let (operation, events, clock) = (&call.request.operation, &call.camera.device.events, call.server.clock);
    let (now, unix_s) = (clock.now(), call.camera.clock_s(clock));
    match operation.name.as_str() {
        "PullMessages" => pull(call, number).await,
        "Renew" => {
            let lifetime = lifetime(operation.text_of("TerminationTime"));
            events.with(number, now, |subscription, _| subscription.until = now + lifetime)?;
            let times = times("wsnt", unix_s, lifetime);
            Ok(format!("<wsnt:RenewResponse>{times}</wsnt:RenewResponse>"))
        }
        "Unsubscribe" => {
            events.with(number, now, |subscription, _| subscription.until = now)?;
            events.changed.send_modify(|changes| *changes += 1);
            Ok("<wsnt:UnsubscribeResponse/>".to_owned())
        }
        "SetSynchronizationPoint" => {
            events.with(number, now, |subscription, states| subscription.greet(states, unix_s))?;
            events.changed.send_modify(|changes| *changes += 1);
            Ok("<tev:SetSynchronizationPointResponse/>".to_owned())
        }
        name => Err(Fault::not_supported(name)),
    }
}

async fn pull(call: &Call<'_>, number: u64) -> Answer {
    let (operation, events, clock) = (&call.request.operation, &call.camera.device.events, call.server.clock);
    let limit = operation
        .text_of("MessageLimit")
        .and_then(|limit| limit.parse().ok())
        .unwrap_or(QUEUE)
        .clamp(1, QUEUE);
    let wait = operation.text_of("Timeout").and_then(parse_duration).unwrap_or(Duration::ZERO).min(MAX_PULL);
    let give_up = clock.now() + wait;
    let mut changed = events.changed.subscribe();
    loop {
        changed.mark_unchanged();
        let now = clock.now();
        let (messages, until) = events.with(number, now, |subscription, _| {
            let length = subscription.queue.len().min(limit);
            (subscription.queue.drain(..length).collect::<String>(), subscription.until)
        })?;
        if !messages.is_empty() || now >= give_up {
            let left = until.saturating_duration_since(now);
            let times = times("tev", call.camera.clock_s(clock), left);
            return Ok(format!("<tev:PullMessagesResponse>{times}{messages}</tev:PullMessagesResponse>"));
        }
        tokio::select! { biased;
            _ = changed.changed() => {}
            () = clock.sleep_until(Some(give_up)) => {}
        }
    }
}

fn lifetime(asked: Option<&str>) -> Duration {
    asked.and_then(parse_duration).unwrap_or(LIFETIME).min(MAX_LIFETIME)
}

fn times(prefix: &str, unix_s: i64, lifetime: Duration) -> String {
    let ends = unix_s + i64::try_from(lifetime.as_secs()).unwrap_or(0);
    format!(
        "<{prefix}:CurrentTime>{}</{prefix}:CurrentTime><{prefix}:TerminationTime>{}</{prefix}:TerminationTime>",
        iso(unix_s),
        iso(ends)
    )
}

fn properties() -> String {
    let description = |source: &str, name: &str| {
        format!(
            "<tt:MessageDescription IsProperty=\"true\"><tt:Source><tt:SimpleItemDescription Name=\"{source}\" \
             Type=\"tt:ReferenceToken\"/></tt:Source><tt:Data><tt:SimpleItemDescription Name=\"{name}\" Type=\"xs:boolean\"/>\
             </tt:Data></tt:MessageDescription>"
        )
    };
    let state = description("Source", "State");
    format!(
        "<tev:GetEventPropertiesResponse><wsnt:FixedTopicSet>true</wsnt:FixedTopicSet><wstop:TopicSet><tns1:VideoSource>\
         <MotionAlarm wstop:topic=\"true\">{state}</MotionAlarm><GlobalSceneChange><ImagingService wstop:topic=\"true\">{state}\
         </ImagingService></GlobalSceneChange></tns1:VideoSource><tns1:Device><Trigger><DigitalInput wstop:topic=\"true\">{}\
         </DigitalInput></Trigger></tns1:Device></wstop:TopicSet></tev:GetEventPropertiesResponse>",
        description("InputToken", "LogicalState")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[expect(clippy::disallowed_methods, reason = "any beginning will do")]
    fn start() -> Instant {
        Instant::now()
    }

    fn taken(events: &Events, number: u64, now: Instant) -> Vec<String> {
        events.with(number, now, |subscription, _| subscription.queue.drain(..).collect()).unwrap()
    }

    #[test]
    fn a_pull_point_begins_with_the_states_and_hears_every_change() {
        let (now, events) = (start(), Events::default());
        events.tell(None, "motion-on".parse().unwrap(), 0);
        let number = events.subscribe(now, LIFETIME, 0).unwrap();
        let first = taken(&events, number, now);
        assert_eq!(first.len(), 3);
        assert!(
            first[0].contains("MotionAlarm")
                && first[0].contains("\"true\"")
                && first[0].contains("Initialized")
        );
        events.tell(None, CameraEvent::Motion(false), 0);
        assert!(taken(&events, number, now)[0].contains("PropertyOperation=\"Changed\""));
    }

    #[test]
    fn pull_points_are_few_short_and_end() {
        let (now, events) = (start(), Events::default());
        let numbers: Vec<u64> =
            (0..MAX_SUBSCRIPTIONS).map(|_| events.subscribe(now, LIFETIME, 0).unwrap()).collect();
        assert_eq!(events.subscribe(now, LIFETIME, 0), None);
        for _ in 0..200 {
            events.tell(None, CameraEvent::Input(true), 0);
        }
        assert_eq!(taken(&events, numbers[0], now).len(), QUEUE);
        let later = now + LIFETIME;
        assert!(events.with(numbers[0], later, |_, _| ()).is_err());
        assert!(events.subscribe(later, LIFETIME, 0).is_some(), "the ended ones made room");
    }

    #[test]
    fn words_name_events() {
        assert_eq!("tamper-off".parse(), Ok(CameraEvent::Tamper(false)));
        for word in ["motion", "motion-maybe", "rain-on"] {
            assert_eq!(word.parse::<CameraEvent>(), Err(UnknownEvent));
        }
    }
}
