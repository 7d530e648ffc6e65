use std::{collections::HashMap, sync::Arc};

use sluice_fault::chain;
use sluice_hub_store::Store;
use sluice_ids::{CameraId, NodeId, SessionId, TenantId, Tier, UnixMillis};
use sluice_runtime::{Clock, TaskScope, random_bytes, uuid_v7};
use sluice_telemetry::Metrics;
use sluice_trust::playback::{Claims, Signer, TOKEN_LIFE};
use sluice_wire::node::{FromNode, ToNode};
use tokio::sync::{broadcast, mpsc, oneshot};

use crate::{
    book::{Ending, Hints, Qoe, Reach, SessionView, Untouchable},
    decide::{Camera, Decision, Path, Protocol},
    error::StreamsError,
    event::{FeedView, StreamEvent},
    metrics::StreamsMetrics,
    mirror::Mirror,
    play::{Explain, Grant, PlayAnswer, PlayRequest, StartKey, Ticket},
    record::record,
    refusal::Refusal,
    task::{Again, Class, Command, Granted, State, Task, picture},
};

/// How sessions are kept.
#[derive(Clone)]
pub struct StreamsConfig {
    /// The media node of this hub.
    pub node_id: NodeId,
    /// More sessions than this are refused.
    pub most_sessions: usize,
    /// Where counters go.
    pub metrics: Metrics,
}

/// The two directions between control and its node.
pub struct NodePort {
    /// Orders.
    pub to: mpsc::Sender<ToNode>,
    /// News.
    pub from: mpsc::Receiver<FromNode>,
}

/// The handle to every session of this hub. Cheap to clone.
#[derive(Clone)]
pub struct Streams {
    commands: mpsc::Sender<Command>,
    events: broadcast::Sender<StreamEvent>,
    store: Store,
    signer: Arc<Signer>,
    clock: Clock,
    metrics: StreamsMetrics,
}

impl Streams {
    /// Starts the owner of sessions. Sessions that a former process left open are ended in the store: their viewers
    /// were at this process's node.
    #[must_use]
    pub fn spawn(
        scope: &TaskScope,
        clock: Clock,
        store: Store,
        signer: Arc<Signer>,
        nodes: NodePort,
        config: StreamsConfig,
    ) -> Self {
        let (commands, inbox) = mpsc::channel(COMMANDS);
        let (marks, unwritten) = mpsc::channel(MARKS);
        let (events, _) = broadcast::channel(EVENTS);
        let metrics = StreamsMetrics::register(&config.metrics);
        let mirror = Mirror {
            store: store.clone(),
            clock,
            inbox: unwritten,
            metrics: metrics.clone(),
            shutdown: scope.shutdown(),
        };
        scope.spawn("session mirror", async move {
            if let Err(error) = mirror.store.end_all_play_sessions("hub-restarted".to_owned()).await {
                tracing::warn!(
                    error = chain(&error),
                    "sessions of the process before are not ended in the store"
                );
            }
            mirror.run().await;
        });
        let keys = ToNode::Keys(vec![(signer.kid().to_owned(), signer.public().to_vec())]);
        let task = Task {
            clock,
            shutdown: scope.shutdown(),
            node: config.node_id,
            most_sessions: config.most_sessions,
            inbox,
            to_node: nodes.to,
            from_node: nodes.from,
            marks,
            events: events.clone(),
            metrics: metrics.clone(),
            state: State::new(keys),
        };
        scope.spawn("streams", task.run());
        Self { commands, events, store, signer, clock, metrics }
    }

    /// Decides, leases, records and signs, for all cameras of the request as one transaction. The node opens the
    /// feeds while the answer is still being written.
    pub async fn play(&self, request: PlayRequest) -> Result<PlayAnswer, StreamsError> {
        let correlation = format!("play_{}", uuid_v7(&self.clock).simple());
        let request = Arc::new(request);
        let command = |reply| Command::Play(Arc::clone(&request), correlation.clone(), reply);
        let items = self.ask(command).await?;
        if let Err(error) = record(&self.store, &request, &items).await {
            let fresh = items.iter().flatten().filter(|granted| granted.fresh).map(|granted| granted.view.id);
            self.end(&Reach::Tenant(request.caller.tenant), fresh.collect(), Ending::NotRecorded).await?;
            return Err(error.into());
        }
        let grant = |granted: Granted| Grant {
            session: granted.view.id,
            ticket: self.ticket(&granted.view, granted.view.protocol, &request.base),
            fallbacks: self.fallbacks(&granted.view, &granted.fallbacks, &request.base),
            decision: granted.decision,
            picture: granted.picture,
        };
        let items = items.into_iter().map(|item| item.map(grant)).collect();
        Ok(PlayAnswer { correlation, items })
    }

    /// What would be decided now. Starts nothing.
    pub async fn explain(&self, asked: Explain) -> Result<Result<Decision, Refusal>, StreamsError> {
        self.ask(|reply| Command::Explain(Box::new(asked), reply)).await
    }

    /// The live session that was started with this key.
    pub async fn started_as(&self, key: StartKey) -> Result<Option<SessionId>, StreamsError> {
        self.ask(|reply| Command::Find(key, reply)).await
    }

    /// Fresh tokens for live sessions, without a new decision, in the order of `ids`; for another protocol that the
    /// session was granted with, where one is named.
    pub async fn renew(
        &self,
        reach: &Reach,
        ids: Vec<(SessionId, Option<Protocol>)>,
        base: &str,
    ) -> Result<Vec<Result<Grant, StreamsError>>, StreamsError> {
        let asked = ids.clone();
        let renewed = self.ask(|reply| Command::Renew(reach.clone(), ids, reply)).await?;
        let mut grants = Vec::with_capacity(renewed.len());
        for (item, (id, _)) in renewed.into_iter().zip(asked) {
            grants.push(match item {
                Ok(again) => Ok(self.regrant(&again, base)),
                Err(untouchable) => Err(self.told(reach, id, untouchable).await?),
            });
        }
        Ok(grants)
    }

    /// Takes what players tell of their tiles, in the order given, with what is known of their cameras now: the tiers
    /// of those that play may follow.
    pub async fn hint(
        &self,
        reach: &Reach,
        hints: Vec<(SessionId, Hints)>,
        cameras: Vec<Camera>,
    ) -> Result<Vec<Result<(), StreamsError>>, StreamsError> {
        let ids: Vec<_> = hints.iter().map(|(id, _)| *id).collect();
        let noted = self.ask(|reply| Command::Hint(reach.clone(), hints, cameras, reply)).await?;
        self.all_told(reach, ids, noted).await
    }

    /// Takes what a player measured.
    pub async fn measured(&self, reach: &Reach, id: SessionId, qoe: Qoe) -> Result<(), StreamsError> {
        if let Some(startup) = qoe.startup_time_ms {
            self.metrics.startup_seconds.0.observe(f64::from(startup) / 1_000.0);
        }
        let noted = self.ask(|reply| Command::Measured(reach.clone(), id, qoe, reply)).await?;
        match noted {
            Ok(()) => Ok(()),
            Err(untouchable) => Err(self.told(reach, id, untouchable).await?),
        }
    }

    /// Counts a stall that a player reports.
    pub fn stalled(&self) {
        self.metrics.stalls.inc();
    }

    /// Ends sessions: the node hears of it at once. Ending one that ended before is no error.
    pub async fn end(
        &self,
        reach: &Reach,
        ids: Vec<SessionId>,
        why: Ending,
    ) -> Result<Vec<Result<(), StreamsError>>, StreamsError> {
        let asked = ids.clone();
        let ended = self.ask(|reply| Command::End(reach.clone(), ids, why, reply)).await?;
        let mut told = self.all_told(reach, asked, ended).await?;
        for item in &mut told {
            if matches!(item, Err(StreamsError::Ended)) {
                *item = Ok(());
            }
        }
        Ok(told)
    }

    /// Ends every session of a camera that was disabled or removed.
    pub async fn camera_gone(&self, camera: CameraId) {
        let _ = self.commands.send(Command::EndAll(Class::Camera(camera), Ending::CameraGone)).await;
    }

    /// Ends every session that a revoked credential asked for.
    pub async fn credential_gone(&self, tenant: TenantId, credential: String) {
        let class = Class::Credential(tenant, credential);
        let _ = self.commands.send(Command::EndAll(class, Ending::CredentialGone)).await;
    }

    /// Ends every session of a tenant.
    pub async fn tenant_gone(&self, tenant: TenantId) {
        let _ = self.commands.send(Command::EndAll(Class::Tenant(tenant), Ending::Revoked)).await;
    }

    /// The live sessions in reach, oldest first.
    pub async fn list(&self, reach: &Reach) -> Result<Vec<SessionView>, StreamsError> {
        self.ask(|reply| Command::List(reach.clone(), reply)).await
    }

    /// A session, of whomever, that lives or ended within the last two minutes.
    pub async fn session(&self, id: SessionId) -> Result<Option<SessionView>, StreamsError> {
        self.ask(|reply| Command::View(id, reply)).await
    }

    /// How the feeds of these cameras stand; idle ones are absent.
    pub async fn feeds(
        &self,
        cameras: Vec<CameraId>,
    ) -> Result<HashMap<(CameraId, Tier), FeedView>, StreamsError> {
        self.ask(|reply| Command::Feeds(cameras, reply)).await
    }

    /// What becomes of sessions and feeds, from now on. A receiver that falls behind is told how much it missed.
    #[must_use]
    pub fn events(&self) -> broadcast::Receiver<StreamEvent> {
        self.events.subscribe()
    }

    fn regrant(&self, again: &Again, base: &str) -> Grant {
        let Again { view, fallbacks, feed } = again;
        let decision = Decision {
            protocol: view.protocol,
            tier: view.tier,
            node: view.node,
            path: Path::Wan,
            why: Vec::new(),
            fallbacks: fallbacks.clone(),
        };
        Grant {
            session: view.id,
            decision,
            ticket: self.ticket(view, view.protocol, base),
            fallbacks: self.fallbacks(view, fallbacks, base),
            picture: picture(true, false, None, feed.as_ref()),
        }
    }

    fn fallbacks(&self, view: &SessionView, protocols: &[Protocol], base: &str) -> Vec<(Protocol, Ticket)> {
        protocols.iter().map(|protocol| (*protocol, self.ticket(view, *protocol, base))).collect()
    }

    /// A token of its own for each way into a session: each opens it once.
    fn ticket(&self, view: &SessionView, protocol: Protocol, base: &str) -> Ticket {
        let now = UnixMillis(self.clock.unix_millis());
        let (iat, expires_at) = (now.0.div_euclid(1_000), now.plus(TOKEN_LIFE));
        let claims = Claims {
            session: view.id,
            camera: view.camera,
            tier: view.tier,
            tenant: view.tenant,
            node: view.node,
            protocol: protocol.as_str().to_owned(),
            ptz: view.ptz,
            iat,
            exp: expires_at.0.div_euclid(1_000),
            jti: hex::encode(random_bytes::<16>()),
        };
        let (camera, tier, token) = (view.camera, view.tier, self.signer.sign(&claims));
        let url = match protocol {
            Protocol::Webrtc => format!("{base}/whep/{camera}/{tier}"),
            // Players fetch a playlist by its address alone.
            Protocol::LlHls | Protocol::Hls => format!("{base}/hls/{camera}/{tier}/index.m3u8?token={token}"),
        };
        Ticket { url, token, expires_at }
    }

    async fn all_told(
        &self,
        reach: &Reach,
        ids: Vec<SessionId>,
        items: Vec<Result<(), Untouchable>>,
    ) -> Result<Vec<Result<(), StreamsError>>, StreamsError> {
        let mut told = Vec::with_capacity(items.len());
        for (item, id) in items.into_iter().zip(ids) {
            told.push(match item {
                Ok(()) => Ok(()),
                Err(untouchable) => Err(self.told(reach, id, untouchable).await?),
            });
        }
        Ok(told)
    }

    /// A session that is forgotten here may be known to the store: then it has ended, and a player may ask anew.
    async fn told(
        &self,
        reach: &Reach,
        id: SessionId,
        untouchable: Untouchable,
    ) -> Result<StreamsError, StreamsError> {
        match untouchable {
            Untouchable::Ended => return Ok(StreamsError::Ended),
            Untouchable::NotGranted(protocol) => return Ok(StreamsError::NotGranted(protocol)),
            Untouchable::Unknown => {}
        }
        let (tenant, credential, correlation) = match reach {
            Reach::Tenant(tenant) => (*tenant, None, None),
            Reach::Credential(tenant, credential) => (*tenant, Some(credential), None),
            Reach::Play(tenant, correlation) => (*tenant, None, Some(correlation)),
        };
        let row = self.store.play_session(tenant, id).await?;
        let known = row.is_some_and(|row| {
            credential.is_none_or(|credential| row.given.principal == *credential)
                && correlation.is_none_or(|correlation| row.given.correlation_id == *correlation)
        });
        Ok(if known { StreamsError::Ended } else { StreamsError::Unknown })
    }

    async fn ask<T>(&self, command: impl FnOnce(oneshot::Sender<T>) -> Command) -> Result<T, StreamsError> {
        let (reply, answer) = oneshot::channel();
        self.commands.send(command(reply)).await.map_err(|_| StreamsError::Down)?;
        answer.await.map_err(|_| StreamsError::Down)
    }
}

/// How many calls may wait for the owner; more wait in their own connection.
const COMMANDS: usize = 1_024;
/// How many changes may wait for the store; more wait with the owner.
const MARKS: usize = 1_024;
/// How many events a slow listener may be behind before it is told to look again.
const EVENTS: usize = 1_024;
