//! Time is a parameter: libraries are handed a [`Timestamp`], so that `--at TIME` and tests decide what "now" is. Only
//! the binary asks for [`now`].

use jiff::SignedDuration;
pub use jiff::Timestamp;

/// How far the clocks of two machines may differ. Clocks that are not synchronised drift by minutes. If they
/// differ by more, one of them is wrong, and ages mean nothing. The caller cannot raise it, because something
/// signed for minutes would then count for longer.
pub const SKEW: SignedDuration = SignedDuration::from_mins(5);

/// The current instant by the machine's clock, UTC.
pub fn now() -> Timestamp {
    Timestamp::now()
}
