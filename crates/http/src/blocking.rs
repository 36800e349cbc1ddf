//! The network for all code in this process that is not asynchronous.
//!
//! There is one runtime for the process and not one for each caller, because a client's kept connections
//! belong to the runtime that opened them. A thread that waits drives the runtime, including the work of
//! others. So a small command needs no further thread, and no switch between threads for each request. Work
//! that must continue while nobody waits, such as receiving a layer while it is inflated, [asks for a
//! thread](keep_going).

use std::io;
use std::sync::OnceLock;

use tokio::runtime::{Builder, Runtime};

/// Runs `work` and waits for its result. Fails only if the network cannot be set up, or if `work` panicked. May be called
/// from several threads at once.
///
/// Not to be called from asynchronous work.
pub fn block_on<T: Send + 'static>(work: impl Future<Output = T> + Send + 'static) -> io::Result<T> {
    // In a separate task, so that a panic ends only this task.
    let result = wait(async { tokio::spawn(work).await })?;
    result.map_err(|_| io::Error::other("it stopped unexpectedly"))
}

/// Waits for a result of other network work, and drives that work meanwhile.
///
/// Not to be called from asynchronous work.
pub fn wait<T>(result: impl Future<Output = T>) -> io::Result<T> {
    Ok(runtime()?.block_on(async {
        // Handles events from the time when nobody was waiting: a request that cannot be repeated must not go
        // to a server that has closed its kept connection.
        tokio::task::yield_now().await;
        result.await
    }))
}

/// From now on, work continues while nobody waits for it, on a thread that lives as long as the process.
pub fn keep_going() -> io::Result<()> {
    static STARTED: OnceLock<Result<(), io::ErrorKind>> = OnceLock::new();
    let runtime = runtime()?;
    let started = STARTED.get_or_init(|| {
        std::thread::Builder::new()
            .name("plimsoll-network".to_owned())
            .spawn(move || runtime.block_on(std::future::pending::<()>()))
            .map(|_| ())
            .map_err(|e| e.kind())
    });
    (*started).map_err(Into::into)
}

fn runtime() -> io::Result<&'static Runtime> {
    static RUNTIME: OnceLock<Result<Runtime, io::ErrorKind>> = OnceLock::new();
    let runtime =
        RUNTIME.get_or_init(|| Builder::new_current_thread().enable_all().build().map_err(|e| e.kind()));
    runtime.as_ref().map_err(|kind| (*kind).into())
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

    #[test]
    fn a_waiting_caller_drives_the_work_of_others() {
        let (sender, mut receiver) = tokio::sync::mpsc::channel(1);
        block_on(async move {
            tokio::spawn(async move {
                for number in 0..100_u32 {
                    tokio::task::yield_now().await;
                    sender.send(number).await.unwrap();
                }
            });
        })
        .unwrap();
        // Nothing runs in between, and nobody else waits. Later there is a thread, which makes no difference.
        for number in 0..100 {
            if number == 50 {
                keep_going().unwrap();
            }
            assert_eq!(wait(receiver.recv()).unwrap(), Some(number));
        }
        let threads: Vec<_> =
            (0..8_u32).map(|n| std::thread::spawn(move || block_on(async move { n }).unwrap())).collect();
        let sum: u32 = threads.into_iter().map(|thread| thread.join().unwrap()).sum();
        assert_eq!(sum, 28);
    }
}
