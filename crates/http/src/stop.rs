//! Work that ends when it is cancelled.

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;

use plimsoll_core::{Cancel, Stopped};

use crate::error::{Call, Error};

/// The result of `work`, or [`Error::Stopped`] as soon as `cancel` is cancelled. `work` has timers for the deadline.
pub(crate) async fn unless_stopped<T>(
    cancel: &Cancel,
    call: impl Fn() -> Call,
    work: impl Future<Output = Result<T, Error>>,
) -> Result<T, Error> {
    if let Err(reason) = cancel.check() {
        return Err(Error::Stopped { call: call(), reason });
    }
    let (mut work, mut cancelled) = (pin!(work), pin!(cancel.cancelled()));
    poll_fn(|context| {
        if cancelled.as_mut().poll(context).is_ready() {
            return Poll::Ready(Err(Error::Stopped { call: call(), reason: Stopped::Cancelled }));
        }
        work.as_mut().poll(context)
    })
    .await
}
