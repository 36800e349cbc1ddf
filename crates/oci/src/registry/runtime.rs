//! The one thread that drives the network for all registries of this process.
//!
//! One for the process and not one for each registry, because a client's kept connections belong to the runtime that
//! opened them. It is started by the first call and lives as long as the process.

use std::io;
use std::sync::{OnceLock, mpsc};

use tokio::runtime::{Builder, Handle};

use crate::Error;

/// Runs `work` on the network thread and waits for its result.
pub(super) fn block_on<T: Send + 'static>(
    work: impl Future<Output = Result<T, Error>> + Send + 'static,
) -> Result<T, Error> {
    let (done, result) = mpsc::sync_channel(1);
    handle()?.spawn(async move {
        let _ = done.send(work.await);
    });
    // The sender is only dropped without sending when the task panicked.
    result.recv().unwrap_or_else(|_| Err(failed(io::Error::other("it stopped unexpectedly"))))
}

fn handle() -> Result<&'static Handle, Error> {
    static HANDLE: OnceLock<Result<Handle, io::ErrorKind>> = OnceLock::new();
    HANDLE.get_or_init(|| start().map_err(|e| e.kind())).as_ref().map_err(|kind| failed((*kind).into()))
}

fn start() -> io::Result<Handle> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let handle = runtime.handle().clone();
    std::thread::Builder::new()
        .name("plimsoll-network".to_owned())
        .spawn(move || runtime.block_on(std::future::pending::<()>()))?;
    Ok(handle)
}

fn failed(source: io::Error) -> Error {
    Error::Io { what: "network thread".to_owned(), source }
}
