//! Connections kept for the next request, by scheme, host and port.
//!
//! HTTP/1.1 carries one request at a time, so a connection is either lent to a response or kept here. The connection of
//! a response that was dropped with a short rest of its body (the explanation of a 401) is kept too, and the rest is
//! read when the connection is needed again: a new TLS hand-shake costs more than a few KiB.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use hyper::client::conn::http1::SendRequest;
use tokio::time::{Instant, timeout};

use crate::address::AddressRule;
use crate::origin::Origin;
use crate::outgoing::Outgoing;

/// Connections kept per host: as many as layers are read side by side.
const PER_HOST: usize = 8;
/// Connections kept in total.
const IN_ALL: usize = 32;
/// Registries close idle connections after a minute or more; we close ours earlier.
const LONGEST: Duration = Duration::from_secs(50);
/// The longest rest of a body that is worth reading.
pub(crate) const REST: u64 = 64 * 1024;
/// The longest time that reading the rest may take.
const REST_WAIT: Duration = Duration::from_millis(250);

/// One connection.
pub(crate) struct Connection {
    pub(crate) sender: SendRequest<Outgoing>,
    /// See [`crate::stream::CountingStream`].
    pub(crate) written: Arc<AtomicU64>,
    /// The host's address; unknown through a proxy.
    pub(crate) peer: Option<IpAddr>,
}

struct Idle {
    since: Instant,
    connection: Connection,
    rest: Option<Incoming>,
}

/// The kept connections of a client.
#[derive(Default)]
pub(crate) struct Pool {
    idle: Mutex<HashMap<Origin, Vec<Idle>>>,
}

impl Pool {
    /// A connection that can take a request now, to an address that the rule permits.
    pub(crate) async fn take(&self, origin: &Origin, rule: &AddressRule) -> Option<Connection> {
        while let Some(idle) = self.pop(origin, rule) {
            if let Ok(Some(connection)) = timeout(REST_WAIT, ready(idle)).await {
                return Some(connection);
            }
        }
        None
    }

    /// Keeps a connection, with the rest of the last body if it was not read to its end.
    pub(crate) fn put(&self, origin: &Origin, connection: Connection, rest: Option<Incoming>) {
        if connection.sender.is_closed() {
            return;
        }
        let now = Instant::now();
        let mut idle = self.lock();
        idle.retain(|_, kept| {
            kept.retain(|k| now.duration_since(k.since) < LONGEST);
            !kept.is_empty()
        });
        if idle.values().map(Vec::len).sum::<usize>() >= IN_ALL {
            return;
        }
        let kept = idle.entry(origin.clone()).or_default();
        if kept.len() < PER_HOST {
            kept.push(Idle { since: now, connection, rest });
        }
    }

    /// The connection used last, because it is the least likely to have been closed.
    fn pop(&self, origin: &Origin, rule: &AddressRule) -> Option<Idle> {
        let now = Instant::now();
        let mut idle = self.lock();
        let kept = idle.get_mut(origin)?;
        kept.retain(|k| now.duration_since(k.since) < LONGEST && !k.connection.sender.is_closed());
        let fit = kept.iter().rposition(|k| k.connection.peer.is_none_or(|peer| rule.permits(peer)))?;
        Some(kept.remove(fit))
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Origin, Vec<Idle>>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn ready(idle: Idle) -> Option<Connection> {
    let Idle { mut connection, rest, .. } = idle;
    if let Some(mut rest) = rest {
        let mut left = REST;
        while let Some(frame) = rest.frame().await {
            let data = frame.ok()?.into_data().unwrap_or_default();
            left = left.checked_sub(u64::try_from(data.len()).ok()?)?;
        }
    }
    connection.sender.ready().await.ok()?;
    Some(connection)
}
