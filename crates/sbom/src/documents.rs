//! Documents in and out: what is shared, and a folder for each format.

pub(crate) mod collector;
pub(crate) mod cyclonedx;
pub(crate) mod spdx;

#[cfg(test)]
mod tests;
