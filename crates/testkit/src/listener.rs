//! Accepting connections on loopback, for every server here.

use std::collections::BTreeMap;
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

/// A free port of 127.0.0.1 that nobody listens to yet.
pub(crate) struct Port {
    listener: TcpListener,
    addr: SocketAddr,
}

/// Serves each connection on a thread of its own. Stops on [`Self::stop`] or when dropped: open connections
/// are cut, new ones refused.
pub(crate) struct Listener {
    addr: SocketAddr,
    open: Arc<Mutex<Open>>,
    acceptor: Mutex<Option<JoinHandle<()>>>,
}

#[derive(Default)]
struct Open {
    /// A second handle on each open connection, so that it can be cut.
    connections: BTreeMap<u64, TcpStream>,
    accepted: u64,
    stopped: bool,
}

impl Port {
    pub(crate) fn free() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let addr = listener.local_addr().unwrap();
        Self { listener, addr }
    }

    pub(crate) fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Passes every connection to `serve`, which returns when it has finished. The result is ignored, because
    /// a client may end a connection in any way.
    pub(crate) fn listen<T>(self, serve: impl Fn(TcpStream) -> T + Send + Sync + 'static) -> Listener {
        let open = Arc::new(Mutex::new(Open::default()));
        let (accepting, serve) = (Arc::clone(&open), Arc::new(serve));
        let acceptor = std::thread::spawn(move || {
            for stream in self.listener.incoming() {
                let Ok(stream) = stream else { continue };
                let _ = stream.set_nodelay(true);
                let Ok(control) = stream.try_clone() else { continue };
                let id = {
                    let mut open = lock(&accepting);
                    if open.stopped {
                        return;
                    }
                    open.accepted += 1;
                    let id = open.accepted;
                    open.connections.insert(id, control);
                    id
                };
                let (open, serve) = (Arc::clone(&accepting), Arc::clone(&serve));
                std::thread::spawn(move || {
                    serve(stream);
                    let control = lock(&open).connections.remove(&id);
                    let _ = control.map(|stream| stream.shutdown(Shutdown::Both));
                });
            }
        });
        Listener { addr: self.addr, open, acceptor: Mutex::new(Some(acceptor)) }
    }
}

impl Listener {
    pub(crate) fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Stops. Does nothing if it has already stopped.
    pub(crate) fn stop(&self) {
        let Some(acceptor) = lock(&self.acceptor).take() else { return };
        let connections = {
            let mut open = lock(&self.open);
            open.stopped = true;
            std::mem::take(&mut open.connections)
        };
        for connection in connections.into_values() {
            let _ = connection.shutdown(Shutdown::Both);
        }
        // The acceptor waits in accept(2); one more connection wakes it.
        let _ = TcpStream::connect(self.addr);
        let _ = acceptor.join();
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.stop();
    }
}

/// A test that panicked with the lock held has already failed, but its other threads may still read.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
