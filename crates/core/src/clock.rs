//! Time is a parameter: libraries are handed a [`Timestamp`], so that `--at TIME` and tests decide what "now" is. Only
//! the binary asks for [`now`].

pub use jiff::Timestamp;

/// The current instant by the machine's clock, UTC.
pub fn now() -> Timestamp {
    Timestamp::now()
}
