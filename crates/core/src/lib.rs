//! The vocabulary of Plimsoll: digests, references, platforms, package URLs, ecosystems and distributions, limits,
//! time, strict JSON and YAML, and what kinds of failure there are.
//!
//! Nothing here performs I/O or knows a protocol. Every other crate may depend on this one; it depends on none of them.

pub mod cancel;
pub mod clock;
pub mod digest;
pub mod distribution;
pub mod ecosystem;
pub mod fault;
pub mod json;
pub mod limits;
pub mod nearest;
pub mod platform;
pub mod purl;
pub mod quantity;
pub mod read;
pub mod reference;
pub mod rootfs;
pub mod swap;
pub mod text;
pub mod xml;
pub mod yaml;

pub use cancel::{Cancel, Stopped};
pub use clock::Timestamp;
pub use digest::{Algorithm, Digest, Hasher};
pub use distribution::Distribution;
pub use ecosystem::{AdvisoryNames, Ecosystem};
pub use fault::{Classify, Kind};
pub use limits::{Limit, LimitExceeded, LimitFault, Limits};
pub use nearest::{nearest, slip_of};
pub use platform::Platform;
pub use purl::Purl;
pub use reference::Reference;
pub use swap::Swap;
