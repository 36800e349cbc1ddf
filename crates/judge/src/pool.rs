//! The asynchronous interface of [`Judge`], with a bounded number of threads and of requests that wait for
//! one.
//!
//! Judging is synchronous: it hashes, inflates, and waits for networks. A server submits its requests here
//! and awaits the answer. Dropping the future cancels the judgement's token.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::{io, thread};

use plimsoll_core::Cancel;
use tokio::sync::oneshot;

use crate::{Error, Judge, Judgement, Request};

/// How many judgements run and wait at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PoolSize {
    /// Judgements that run at once; each also has its own threads to read layers.
    pub threads: usize,
    /// Judgements that wait for a thread. Further requests fail with [`Error::Busy`] at once.
    pub waiting: usize,
}

/// Threads that judge.
pub struct Pool {
    jobs: Option<SyncSender<Job>>,
    waiting: Arc<AtomicUsize>,
    threads: Vec<JoinHandle<()>>,
}

struct Job {
    request: Request,
    answer: oneshot::Sender<Result<Judgement, Error>>,
}

/// Cancels the token of a judgement when its answer is no longer awaited.
struct CancelOnDrop(Cancel);

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        self.0.cancel();
    }
}

impl Pool {
    /// Starts the threads. They end when the pool is dropped, each after its current judgement.
    pub fn start(judge: &Arc<Judge>, size: PoolSize) -> io::Result<Self> {
        let (jobs, receiver) = sync_channel(size.waiting);
        let receiver = Arc::new(Mutex::new(receiver));
        let waiting = Arc::new(AtomicUsize::new(0));
        let threads = (0..size.threads.max(1)).map(|number| {
            let (judge, receiver) = (Arc::clone(judge), Arc::clone(&receiver));
            let waiting = Arc::clone(&waiting);
            thread::Builder::new()
                .name(format!("plimsoll-judge-{number}"))
                .spawn(move || work(&judge, &receiver, &waiting))
        });
        let threads = threads.collect::<io::Result<_>>()?;
        Ok(Self { jobs: Some(jobs), waiting, threads })
    }

    /// Judges one subject. Dropping the future stops the work.
    pub async fn judge(&self, request: Request) -> Result<Judgement, Error> {
        let subject = request.subject.clone();
        let lost = || Error::Lost { subject: subject.clone() };
        let cancel = request.cancel.child();
        let _awaited = CancelOnDrop(cancel.clone());
        let (answer, awaited) = oneshot::channel();
        let jobs = self.jobs.as_ref().ok_or_else(lost)?;
        self.waiting.fetch_add(1, Ordering::Relaxed);
        let sent = jobs.try_send(Job { request: Request { cancel, ..request }, answer });
        if let Err(refused) = sent {
            let waiting = self.waiting.fetch_sub(1, Ordering::Relaxed).saturating_sub(1);
            return Err(match refused {
                TrySendError::Full(_) => Error::Busy { waiting },
                TrySendError::Disconnected(_) => lost(),
            });
        }
        awaited.await.unwrap_or_else(|_| Err(lost()))
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        // The threads end when the last sender is gone.
        self.jobs = None;
        for thread in self.threads.drain(..) {
            // A thread that panicked has already reported it; it has no result.
            drop(thread.join());
        }
    }
}

fn work(judge: &Judge, jobs: &Mutex<Receiver<Job>>, waiting: &AtomicUsize) {
    loop {
        let job = jobs.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(Job { request, answer }) = job else { return };
        waiting.fetch_sub(1, Ordering::Relaxed);
        // A defect in one judgement must not cost the others a thread.
        let result = catch_unwind(AssertUnwindSafe(|| judge.judge(&request, &())))
            .unwrap_or_else(|_| Err(Error::Lost { subject: request.subject.clone() }));
        // The caller may be gone.
        drop(answer.send(result));
    }
}
