use std::{net::SocketAddr, time::Duration};

use futures_util::{FutureExt as _, StreamExt as _, future::BoxFuture, stream::FuturesUnordered};
use sluice_ids::{NodeId, UnixMillis};
use sluice_runtime::TaskScope;
use tokio::sync::mpsc;

use crate::{
    connection::{self, Greeted},
    control::millis,
    error::DialError,
    redial::{self, Redial},
    uplink::Common,
};

mod flow_clock;
mod pump;
mod session;
mod translate;

use session::Starting;

/// Keeps one media link to one node; while it stalls, a second is dialled beside it and takes its place.
pub(crate) struct NodeTask {
    common: Common,
    node: NodeId,
    address: SocketAddr,
    redial: Redial,
    dials: FuturesUnordered<BoxFuture<'static, Result<Greeted, DialError>>>,
    current: Option<Current>,
    links: u64,
    rtt: Duration,
    told: String,
}

struct Current {
    number: u64,
    scope: TaskScope,
}

/// What a session tells of itself.
#[derive(Debug)]
pub(crate) struct News {
    pub(crate) link: u64,
    pub(crate) what: What,
}

#[derive(Debug)]
pub(crate) enum What {
    Stalled,
    Recovered,
    Subscriptions(usize),
    Ended { feeds: bool, trouble: String },
}

enum Event {
    Dialled(Result<Greeted, DialError>),
    News(News),
    Woke,
}

impl NodeTask {
    pub(crate) fn new(common: Common, node: NodeId, address: SocketAddr) -> Self {
        let redial = Redial::new(common.clock.now());
        Self {
            common,
            node,
            address,
            redial,
            dials: FuturesUnordered::new(),
            current: None,
            links: 0,
            rtt: Duration::ZERO,
            told: String::new(),
        }
    }

    pub(crate) async fn run(mut self) {
        let shutdown = self.common.scope.shutdown();
        let (news_in, mut news) = mpsc::channel(NEWS);
        loop {
            let now = self.common.clock.now();
            while self.redial.poll(now, dice()) {
                self.dial();
            }
            let event = tokio::select! { biased;
                () = shutdown.requested() => break,
                Some(news) = news.recv() => Event::News(news),
                Some(dialled) = self.dials.next(), if !self.dials.is_empty() => Event::Dialled(dialled),
                () = self.common.clock.sleep_until(self.redial.deadline()) => Event::Woke,
            };
            match event {
                Event::Dialled(Ok(link)) => self.greeted(link, &news_in),
                Event::Dialled(Err(error)) => self.failed(&error),
                Event::News(news) => self.heard(news),
                Event::Woke => {}
            }
        }
        if self.current.is_some() {
            self.common.metrics.links.dec();
        }
    }

    fn dial(&mut self) {
        self.common.metrics.dials.inc();
        let (dialer, address, node) = (self.common.dialer.clone(), self.address, self.node);
        let hello = self.common.hello.clone();
        // Beside a stalled link a fresh packet is worth more than the patience of an old dial.
        let patience =
            if self.current.is_some() || !self.rtt.is_zero() { FRESH.max(self.rtt * 4) } else { DIAL };
        let dial = async move { connection::dial_node(&dialer, address, node, hello, patience).await };
        self.dials.push(dial.boxed());
    }

    /// The first hello wins; the link it replaces and other dials are given up.
    fn greeted(&mut self, link: Greeted, news: &mpsc::Sender<News>) {
        self.dials.clear();
        self.input(redial::Input::Greeted);
        self.links += 1;
        let (number, scope) = (self.links, self.common.scope.child());
        self.rtt = link.connection.rtt();
        let (now, rtt) = (UnixMillis(self.common.clock.unix_millis()), millis(self.rtt));
        self.common.board.node(self.node, |status| {
            status.link.rise(now, &link.hello.version, rtt);
            status.subscriptions = 0;
        });
        tracing::info!(node.id = %self.node, hub = link.hello.version, "a media link is up");
        self.told.clear();
        let common = Common { scope: scope.clone(), ..self.common.clone() };
        scope.spawn("media-session", Starting::new(common, link, number).run(news.clone()));
        match self.current.replace(Current { number, scope }) {
            Some(replaced) => replaced.scope.cancel(),
            None => {
                self.common.metrics.links.inc();
            }
        }
    }

    fn failed(&mut self, error: &DialError) {
        self.common.metrics.dials_failed.inc();
        self.input(redial::Input::DialFailed);
        if self.current.is_none() {
            self.fall(sluice_fault::chain(error));
        }
    }

    fn heard(&mut self, news: News) {
        if self.current.as_ref().is_none_or(|current| current.number != news.link) {
            return;
        }
        match news.what {
            What::Stalled => {
                self.common.metrics.stalls.inc();
                tracing::info!(node.id = %self.node, "a media link fell silent");
                let trouble = Some("the node is silent; dialled anew".to_owned());
                self.common.board.node(self.node, |status| status.link.trouble = trouble);
                self.input(redial::Input::Stalled);
            }
            What::Recovered => {
                self.common.board.node(self.node, |status| status.link.trouble = None);
                self.input(redial::Input::Recovered);
            }
            What::Subscriptions(count) => {
                self.common.board.node(self.node, |status| status.subscriptions = count);
            }
            What::Ended { feeds, trouble } => {
                self.current = None;
                self.common.metrics.links.dec();
                self.input(redial::Input::Ended { feeds });
                self.fall(trouble);
            }
        }
    }

    fn fall(&mut self, trouble: String) {
        // The same failure is told once, however often it repeats.
        if self.told != trouble {
            tracing::warn!(node.id = %self.node, trouble, "a media link is down");
            self.told.clone_from(&trouble);
        }
        let now = UnixMillis(self.common.clock.unix_millis());
        self.common.board.node(self.node, |status| {
            status.link.fall(now, trouble);
            status.subscriptions = 0;
        });
    }

    fn input(&mut self, input: redial::Input) {
        self.redial.handle(self.common.clock.now(), dice(), input);
    }
}

/// Uniform in `0.0..1.0`, for jitter.
fn dice() -> f64 {
    let [byte] = sluice_runtime::random_bytes::<1>();
    f64::from(byte) / 256.0
}

/// A handshake over a satellite with one packet lost takes 3 s.
const DIAL: Duration = Duration::from_secs(8);
/// A fresh dial every 500 ms, two at once: each has a second, or two handshakes' worth.
const FRESH: Duration = Duration::from_secs(1);
/// News of sessions that wait for their node's task.
const NEWS: usize = 64;
