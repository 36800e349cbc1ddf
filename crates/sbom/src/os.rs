//! What operating systems leave: their release, their package databases.

pub(crate) mod apk;
mod database;
pub(crate) mod deb822;
pub(crate) mod dpkg;
pub(crate) mod release;
pub(crate) mod traces;
