//! What the package managers of languages leave.

pub(crate) mod python;
