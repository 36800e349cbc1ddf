//! Time is a parameter: libraries are handed a [`Timestamp`], so that `--at TIME` and tests decide what "now" is. Only
//! the binary asks for [`now`].

use jiff::SignedDuration;
pub use jiff::Timestamp;

/// How far the clocks of different machines may be apart: minutes, where nobody keeps them. Who is further in the future than
/// this is wrong, or we are, and ages mean nothing. No limit for the caller to raise: what is signed for minutes would count
/// for longer.
pub const SKEW: SignedDuration = SignedDuration::from_mins(5);

/// The current instant by the machine's clock, UTC.
pub fn now() -> Timestamp {
    Timestamp::now()
}
