//! SPDX as JSON.

pub(crate) mod read;
pub(crate) mod write;
