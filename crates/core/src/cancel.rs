//! Stopping work whose result nobody needs any more: a token that the caller cancels, and a deadline.
//!
//! A [`Cancel`] is handed down to everything that may take long. Loops over foreign bytes call [`Cancel::check`] now
//! and then; code that waits for a network races [`Cancel::cancelled`] and keeps to [`Cancel::deadline`]. Tokens form a
//! tree: what stops a token stops its children, and nothing that happens to a child reaches its parent.
//!
//! Deadlines use the monotonic clock, which does not move when somebody sets the machine's time.

use std::fmt;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use crate::{Classify, Kind};

/// A token that stops work. Clones are the same token.
#[derive(Clone)]
pub struct Cancel(Arc<Token>);

struct Token {
    parent: Option<Cancel>,
    /// The earliest one of this token and those above it.
    deadline: Option<Instant>,
    cancelled: AtomicBool,
    waiting: Mutex<Waiting>,
}

/// Tasks that wait for this token. Each has a number, so that a task that goes away removes only its own
/// entry.
#[derive(Default)]
struct Waiting {
    next: u64,
    wakers: Vec<(u64, Waker)>,
}

/// Why work was stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Stopped {
    /// Nobody needs the result any more.
    #[error("stopped, because nobody waits for it any more")]
    Cancelled,
    /// The deadline passed before the work was done.
    #[error("stopped, because it was not done by its deadline")]
    DeadlinePassed,
}

impl Classify for Stopped {
    fn kind(&self) -> Kind {
        Kind::Transient
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Cancelled => None,
            Self::DeadlinePassed => Some("raise --timeout".to_owned()),
        }
    }
}

impl Default for Cancel {
    fn default() -> Self {
        Self::never()
    }
}

impl Cancel {
    /// A token without a deadline, which stops nothing unless it is cancelled.
    pub fn never() -> Self {
        Self::new(None, None)
    }

    /// A token below this one.
    #[must_use]
    pub fn child(&self) -> Self {
        Self::new(Some(self.clone()), self.0.deadline)
    }

    /// A token below this one with a deadline, unless this one has an earlier one.
    #[must_use]
    pub fn until(&self, deadline: Instant) -> Self {
        let deadline = self.0.deadline.map_or(deadline, |earlier| earlier.min(deadline));
        Self::new(Some(self.clone()), Some(deadline))
    }

    fn new(parent: Option<Self>, deadline: Option<Instant>) -> Self {
        let (cancelled, waiting) = (AtomicBool::new(false), Mutex::default());
        Self(Arc::new(Token { parent, deadline, cancelled, waiting }))
    }

    /// Cancels this token and all tokens below it.
    pub fn cancel(&self) {
        self.0.cancelled.store(true, Ordering::Release);
        let wakers = std::mem::take(&mut self.0.waiting().wakers);
        for (_, waker) in wakers {
            waker.wake();
        }
    }

    /// An error if the work has to stop.
    pub fn check(&self) -> Result<(), Stopped> {
        if self.is_cancelled() {
            return Err(Stopped::Cancelled);
        }
        match self.0.deadline {
            Some(deadline) if Instant::now() >= deadline => Err(Stopped::DeadlinePassed),
            _ => Ok(()),
        }
    }

    /// The deadline of the work, if it has one.
    pub fn deadline(&self) -> Option<Instant> {
        self.0.deadline
    }

    /// Ready when the token, or one above it, is cancelled. It does not watch the deadline: the caller needs
    /// a timer for that.
    pub fn cancelled(&self) -> Cancelled<'_> {
        Cancelled { token: self, places: Vec::new() }
    }

    fn is_cancelled(&self) -> bool {
        self.lineage().any(|token| token.0.cancelled.load(Ordering::Acquire))
    }

    /// This token and those above it.
    fn lineage(&self) -> impl Iterator<Item = &Self> {
        std::iter::successors(Some(self), |token| token.0.parent.as_ref())
    }
}

impl fmt::Debug for Cancel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cancel").field("state", &self.check()).field("deadline", &self.0.deadline).finish()
    }
}

impl Token {
    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// See [`Cancel::cancelled`].
#[derive(Debug)]
pub struct Cancelled<'a> {
    token: &'a Cancel,
    /// The number of this task at each token of the lineage.
    places: Vec<u64>,
}

impl Future for Cancelled<'_> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let token = self.token;
        self.leave();
        let mut places = Vec::new();
        for token in token.lineage() {
            let mut waiting = token.0.waiting();
            places.push(waiting.next);
            let place = (waiting.next, context.waker().clone());
            waiting.wakers.push(place);
            waiting.next += 1;
        }
        self.places = places;
        // Checked after registering, so that a cancellation in between is not missed.
        if token.is_cancelled() { Poll::Ready(()) } else { Poll::Pending }
    }
}

impl Cancelled<'_> {
    fn leave(&mut self) {
        for (token, place) in self.token.lineage().zip(self.places.drain(..)) {
            token.0.waiting().wakers.retain(|(number, _)| *number != place);
        }
    }
}

impl Drop for Cancelled<'_> {
    fn drop(&mut self) {
        self.leave();
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::sync::atomic::AtomicUsize;
    use std::task::Wake;
    use std::time::Duration;

    use super::*;

    #[derive(Default)]
    struct Counter(AtomicUsize);

    impl Wake for Counter {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }

    #[test]
    fn cancelling_a_token_cancels_its_children_and_not_its_parent() {
        let all = Cancel::never();
        let (one, other) = (all.child(), all.child());
        one.cancel();
        assert_eq!(one.check(), Err(Stopped::Cancelled));
        assert_eq!((all.check(), other.check()), (Ok(()), Ok(())));
        all.cancel();
        assert_eq!(other.child().check(), Err(Stopped::Cancelled));
    }

    #[test]
    fn the_earliest_deadline_of_a_lineage_counts() {
        let now = Instant::now();
        let late = now + Duration::from_hours(1);
        let all = Cancel::never().until(late);
        assert_eq!(all.check(), Ok(()));
        assert_eq!(all.until(late + Duration::from_hours(1)).deadline(), Some(late));
        let past = all.until(now);
        assert_eq!(past.check(), Err(Stopped::DeadlinePassed));
        assert_eq!(past.child().check(), Err(Stopped::DeadlinePassed));
        assert_eq!(all.check(), Ok(()));
    }

    #[test]
    fn a_waiter_is_woken_and_leaves_nothing_behind() {
        let all = Cancel::never();
        let one = all.child();
        let counter = Arc::new(Counter::default());
        let waker = Waker::from(Arc::clone(&counter));
        let mut context = Context::from_waker(&waker);
        {
            let mut gone = pin!(one.cancelled());
            assert!(gone.as_mut().poll(&mut context).is_pending());
            assert!(gone.as_mut().poll(&mut context).is_pending());
            assert_eq!(all.0.waiting().wakers.len(), 1);
        }
        assert!(all.0.waiting().wakers.is_empty() && one.0.waiting().wakers.is_empty());
        let mut waiting = pin!(one.cancelled());
        assert!(waiting.as_mut().poll(&mut context).is_pending());
        all.cancel();
        assert_eq!(counter.0.load(Ordering::SeqCst), 1);
        assert!(waiting.as_mut().poll(&mut context).is_ready());
    }
}
