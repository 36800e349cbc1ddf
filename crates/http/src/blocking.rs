//! The one thread that drives the network for everything in this process that is not asynchronous itself.
//!
//! One for the process and not one for each caller, because a client's kept connections belong to the runtime that
//! opened them. It is started by the first call and lives as long as the process.

use std::io;
use std::sync::{OnceLock, mpsc};

use tokio::runtime::{Builder, Handle};

/// Runs `work` on the network thread and waits for its result. Fails only if that thread cannot be started, or if `work`
/// panicked.
///
/// Not to be called from `work` itself: the thread would wait for itself.
pub fn block_on<T: Send + 'static>(work: impl Future<Output = T> + Send + 'static) -> io::Result<T> {
    let (done, result) = mpsc::sync_channel(1);
    handle()?.spawn(async move {
        let _ = done.send(work.await);
    });
    // The sender is only dropped without sending when the task panicked.
    result.recv().map_err(|_| io::Error::other("it stopped unexpectedly"))
}

fn handle() -> io::Result<&'static Handle> {
    static HANDLE: OnceLock<Result<Handle, io::ErrorKind>> = OnceLock::new();
    HANDLE.get_or_init(|| start().map_err(|e| e.kind())).as_ref().map_err(|kind| (*kind).into())
}

fn start() -> io::Result<Handle> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let handle = runtime.handle().clone();
    std::thread::Builder::new()
        .name("plimsoll-network".to_owned())
        .spawn(move || runtime.block_on(std::future::pending::<()>()))?;
    Ok(handle)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_is_done_and_a_panic_is_an_error() {
        assert_eq!(block_on(async { 7 }).unwrap(), 7);
        let error = block_on(async { assert!(std::env::args().count() > 1000, "on purpose") }).unwrap_err();
        assert_eq!(error.to_string(), "it stopped unexpectedly");
        assert_eq!(block_on(async { 8 }).unwrap(), 8);
    }
}
