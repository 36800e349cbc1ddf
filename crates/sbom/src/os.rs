//! Catalogers of operating systems: their release, and their package databases.

pub(crate) mod apk;
pub(crate) mod chisel;
mod database;
pub(crate) mod deb822;
pub(crate) mod dpkg;
mod files;
pub(crate) mod opkg;
pub(crate) mod pacman;
pub(crate) mod portage;
pub(crate) mod release;
pub(crate) mod rpm;
pub(crate) mod traces;
