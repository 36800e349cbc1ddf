//! The body of a response, unchanged: piece by piece, or whole up to a limit.
//!
//! A body that ends before its announced length or its last chunk is an error, and so is one that stalls. The peer's pace
//! is only counted while we wait for it: a slow reader on our side is not the peer's fault.

use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt as _;
use hyper::body::{Body as _, Incoming};
use plimsoll_core::{Cancel, Stopped};
use tokio::time::{Instant, timeout_at};

use crate::error::{Call, Error, Phase, causes};
use crate::origin::Origin;
use crate::pending::Pending;
use crate::pool::{Connection, Pool, REST};
use crate::stop::unless_stopped;

/// The limits of one call.
#[derive(Debug, Clone)]
pub(crate) struct CallLimits {
    pub(crate) deadline: Instant,
    /// The whole call's limit, for the message.
    pub(crate) timeout: Duration,
    pub(crate) idle: Duration,
    pub(crate) least_rate: u64,
    /// Stops the call and every read of its body.
    pub(crate) cancel: Cancel,
}

impl CallLimits {
    /// The error for a limit that was reached: the caller's error if it was the caller's deadline, otherwise
    /// this client's.
    pub(crate) fn late(&self, call: Call, phase: Phase) -> Error {
        match self.cancel.check() {
            Err(reason) => Error::Stopped { call, reason },
            // The timer is a little ahead of the clock.
            Ok(()) if self.is_of_asker() => Error::Stopped { call, reason: Stopped::DeadlinePassed },
            Ok(()) => {
                let after = if phase == Phase::Call { self.timeout } else { self.idle };
                Error::Timeout { call, phase, after }
            }
        }
    }

    fn is_of_asker(&self) -> bool {
        self.cancel.deadline().is_some_and(|stop| Instant::from_std(stop) <= Instant::now())
    }
}

/// A body that has not been read yet.
pub struct Body {
    call: Call,
    state: State,
    limits: CallLimits,
    expected: Option<u64>,
    received: u64,
    /// Time spent waiting for the peer since the last check of the rate, and the bytes that came in that time.
    waited: Duration,
    came: u64,
}

enum State {
    Open(Incoming, Lease),
    Ended,
    Broken,
}

/// The connection that the body is read from, and the pool that gets it back.
pub(crate) struct Lease {
    pub(crate) connection: Connection,
    pub(crate) origin: Origin,
    pub(crate) pool: Arc<Pool>,
}

impl Lease {
    fn give_back(self, rest: Option<Incoming>) {
        self.pool.put(&self.origin, self.connection, rest);
    }
}

impl Body {
    pub(crate) fn new(call: Call, incoming: Incoming, lease: Lease, limits: CallLimits) -> Self {
        let expected = incoming.size_hint().exact();
        let state = if incoming.is_end_stream() {
            lease.give_back(None);
            State::Ended
        } else {
            State::Open(incoming, lease)
        };
        Self { call, state, limits, expected, received: 0, waited: Duration::ZERO, came: 0 }
    }

    /// The length that the server announced for this body; `None` for chunked ones. It is 0 for the answer to a HEAD
    /// request, whose `Content-Length` is among the headers.
    pub fn announced(&self) -> Option<u64> {
        self.expected
    }

    /// The next piece, which is never empty; `None` at the proper end.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, Error> {
        loop {
            let incoming = match &mut self.state {
                State::Open(incoming, _) => incoming,
                State::Ended => return Ok(None),
                State::Broken => return Err(self.truncated("it was given up before".to_owned())),
            };
            let began = Instant::now();
            let idle_until = began.checked_add(self.limits.idle).unwrap_or(self.limits.deadline);
            let until = idle_until.min(self.limits.deadline);
            let call = &self.call;
            let frame = async { Ok(timeout_at(until, incoming.frame()).await) };
            let frame = match unless_stopped(&self.limits.cancel, || call.clone(), frame).await {
                Ok(frame) => frame,
                Err(stopped) => {
                    self.state = State::Broken;
                    return Err(stopped);
                }
            };
            let Ok(frame) = frame else {
                self.state = State::Broken;
                return Err(self.late(if until == self.limits.deadline { Phase::Call } else { Phase::Body }));
            };
            match frame {
                None => {
                    if let State::Open(_, lease) = std::mem::replace(&mut self.state, State::Ended) {
                        lease.give_back(None);
                    }
                    return Ok(None);
                }
                Some(Err(error)) => {
                    self.state = State::Broken;
                    return Err(self.truncated(causes(&error)));
                }
                Some(Ok(frame)) => {
                    // Trailers contain nothing that we need.
                    let data = frame.into_data().unwrap_or_default();
                    self.count(data.len(), began.elapsed())?;
                    if !data.is_empty() {
                        return Ok(Some(data));
                    }
                }
            }
        }
    }

    /// The whole body, if it is not larger than `limit` bytes.
    pub fn bytes(&mut self, limit: u64) -> Pending<'_, Bytes> {
        Box::pin(async move {
            let too_large = |body: &mut Self| {
                body.state = State::Broken;
                Error::TooLarge { call: body.call.clone(), limit }
            };
            if self.expected.is_some_and(|n| n > limit) {
                return Err(too_large(self));
            }
            let mut whole = BytesMut::new();
            while let Some(piece) = self.chunk().await? {
                if self.received > limit {
                    return Err(too_large(self));
                }
                whole.extend_from_slice(&piece);
            }
            Ok(whole.freeze())
        })
    }

    /// The first bytes of a body that explains a failure, as far as they can be read.
    pub(crate) async fn start(&mut self, limit: usize) -> Bytes {
        let mut start = BytesMut::new();
        while start.len() < limit
            && let Ok(Some(piece)) = self.chunk().await
        {
            start.extend_from_slice(&piece);
        }
        start.truncate(limit);
        start.freeze()
    }

    fn count(&mut self, len: usize, waited: Duration) -> Result<(), Error> {
        let len = u64::try_from(len).unwrap_or(u64::MAX);
        self.received = self.received.saturating_add(len);
        self.came = self.came.saturating_add(len);
        self.waited += waited;
        if Instant::now() >= self.limits.deadline {
            self.state = State::Broken;
            return Err(self.late(Phase::Call));
        }
        if self.waited >= self.limits.idle {
            let least = u128::from(self.limits.least_rate) * self.waited.as_millis() / 1000;
            if u128::from(self.came) < least {
                self.state = State::Broken;
                return Err(self.late(Phase::Body));
            }
            self.waited = Duration::ZERO;
            self.came = 0;
        }
        Ok(())
    }

    fn late(&self, phase: Phase) -> Error {
        self.limits.late(self.call.clone(), phase)
    }

    fn truncated(&self, reason: String) -> Error {
        Error::Truncated { call: self.call.clone(), received: self.received, expected: self.expected, reason }
    }
}

impl Drop for Body {
    fn drop(&mut self) {
        if let State::Open(incoming, lease) = std::mem::replace(&mut self.state, State::Ended) {
            // A body of unknown length counts as short if it was short so far; the pool stops reading at the same
            // limit.
            let rest = self.expected.map_or(self.received, |n| n.saturating_sub(self.received));
            if rest <= REST {
                lease.give_back(Some(incoming));
            }
        }
    }
}

impl std::fmt::Debug for Body {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Body")
            .field("expected", &self.expected)
            .field("received", &self.received)
            .finish_non_exhaustive()
    }
}
