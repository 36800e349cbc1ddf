//! What the package managers of languages leave.

mod by_path;
pub(crate) mod conda;
mod described;
pub(crate) mod dotnet;
pub(crate) mod erlang;
pub(crate) mod go;
pub(crate) mod haskell;
pub(crate) mod homebrew;
pub(crate) mod java;
pub(crate) mod julia;
pub(crate) mod jvm;
pub(crate) mod lua;
pub(crate) mod maven;
pub(crate) mod models;
pub(crate) mod nimble;
pub(crate) mod nix;
pub(crate) mod npm;
pub(crate) mod pear;
pub(crate) mod perl;
pub(crate) mod php;
mod program;
pub(crate) mod python;
pub(crate) mod r;
pub(crate) mod ruby;
pub(crate) mod rust;
pub(crate) mod shown;
pub(crate) mod wordpress;
