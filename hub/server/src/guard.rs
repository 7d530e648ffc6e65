//! Guards of the HTTP listeners, as acceptors around each other: so many connections at once, and no connection that
//! does not say within a time which HTTP it speaks. From there on hyper keeps its own deadline for a request's head.

use std::{
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, ready},
    time::Duration,
};

use axum_server::accept::Accept;
use sluice_runtime::Clock;
use sluice_telemetry::prometheus_client::metrics::counter::Counter;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    sync::{OwnedSemaphorePermit, Semaphore},
};

use crate::metrics::HttpMetrics;

#[cfg(test)]
mod tests;

/// Takes so many connections at once and closes the others at the door, before they cost a handshake.
#[derive(Clone)]
pub(crate) struct Gate {
    permits: Arc<Semaphore>,
    most: usize,
    /// Whether somebody was refused since the last time there was room: logged once, not for each.
    full: Arc<AtomicBool>,
    metrics: HttpMetrics,
}

impl Gate {
    /// A gate for all listeners that share it.
    pub(crate) fn new(most: usize, metrics: HttpMetrics) -> Self {
        let most = most.min(Semaphore::MAX_PERMITS);
        Self { permits: Arc::new(Semaphore::new(most)), most, full: Arc::default(), metrics }
    }

    fn permit(&self) -> io::Result<OwnedSemaphorePermit> {
        if let Ok(permit) = Arc::clone(&self.permits).try_acquire_owned() {
            self.full.store(false, Ordering::Relaxed);
            return Ok(permit);
        }
        self.metrics.refused.inc();
        if !self.full.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                most = self.most,
                "as many HTTP connections are open as http.most_connections allows; more are closed at once"
            );
        }
        Err(io::Error::new(io::ErrorKind::QuotaExceeded, "too many connections"))
    }
}

impl<S> Accept<TcpStream, S> for Gate {
    type Stream = Counted;
    type Service = S;
    type Future = std::future::Ready<io::Result<(Counted, S)>>;

    fn accept(&self, stream: TcpStream, service: S) -> Self::Future {
        let counted = self.permit().and_then(|permit| {
            // Parts and playlists are whole when they are written: waiting for more only makes them late.
            stream.set_nodelay(true)?;
            self.metrics.opened.inc();
            Ok((Counted { stream, closed: self.metrics.closed.clone(), _permit: permit }, service))
        });
        std::future::ready(counted)
    }
}

/// A connection that counts until it ends.
pub(crate) struct Counted {
    stream: TcpStream,
    closed: Counter,
    _permit: OwnedSemaphorePermit,
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.closed.inc();
    }
}

/// Closes a connection whose caller does not say in time which HTTP it speaks. The server tells versions apart by the
/// first bytes and would wait for them for ever: only then its own deadline for a head begins.
#[derive(Clone)]
pub(crate) struct Patience<A> {
    pub(crate) inner: A,
    pub(crate) clock: Clock,
    pub(crate) within: Duration,
    pub(crate) silent: Counter,
}

impl<A, I, S> Accept<I, S> for Patience<A>
where
    A: Accept<I, S>,
    A::Future: Send + 'static,
    A::Stream: 'static,
    A::Service: 'static,
{
    type Stream = Patient<A::Stream>;
    type Service = A::Service;
    type Future = Pin<Box<dyn Future<Output = io::Result<(Self::Stream, Self::Service)>> + Send>>;

    fn accept(&self, stream: I, service: S) -> Self::Future {
        let accepted = self.inner.accept(stream, service);
        let (clock, within, silent) = (self.clock, self.within, self.silent.clone());
        Box::pin(async move {
            let (stream, service) = accepted.await?;
            let deadline: Deadline = Box::pin(async move { clock.sleep(within).await });
            Ok((Patient { stream, waiting: Some(Waiting { deadline, alike: 0, silent }) }, service))
        })
    }
}

type Deadline = Pin<Box<dyn Future<Output = ()> + Send>>;

/// A connection of which it may not be known yet which HTTP it speaks.
pub(crate) struct Patient<T> {
    stream: T,
    waiting: Option<Waiting>,
}

struct Waiting {
    deadline: Deadline,
    /// How many of the bytes so far begin an HTTP/2 connection.
    alike: usize,
    silent: Counter,
}

impl Waiting {
    /// Whether these bytes say which HTTP it is: other than HTTP/2's first, or all of them.
    fn is_told(&mut self, bytes: &[u8]) -> bool {
        let rest = &PREFACE[self.alike..];
        let common = rest.iter().zip(bytes).take_while(|(expected, byte)| expected == byte).count();
        self.alike += common;
        common < bytes.len() || self.alike == PREFACE.len()
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Patient<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(context, buffer);
        let Some(waiting) = &mut self.waiting else { return read };
        if read.is_ready() {
            let bytes = buffer.filled().get(before..).unwrap_or_default();
            if waiting.is_told(bytes) {
                self.waiting = None;
            }
            return read;
        }
        ready!(waiting.deadline.as_mut().poll(context));
        waiting.silent.inc();
        self.waiting = None;
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Patient<T> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

impl AsyncRead for Counted {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Counted {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }
}

/// RFC 9113 §3.4.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
