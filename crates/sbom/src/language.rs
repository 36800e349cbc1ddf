//! What the package managers of languages leave.

pub(crate) mod go;
pub(crate) mod java;
pub(crate) mod npm;
pub(crate) mod python;
