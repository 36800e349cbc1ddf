//! Every setting and limit, and the files that they may come from.

use std::fmt;
use std::path::PathBuf;

use serde::Serialize;

/// The version of the JSON result.
const CONFIG_V1: &str = "plimsoll.dev/config/v1";

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Report<'a> {
    schema_version: &'static str,
    files: Vec<ConfigFile>,
    pub(crate) settings: Vec<SettingRow>,
    pub(crate) limits: &'a [LimitRow],
}

/// A place where a file was searched for.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ConfigFile {
    pub(crate) path: String,
    pub(crate) rank: Rank,
    pub(crate) read: bool,
}

impl<'a> Report<'a> {
    pub(crate) fn new(files: Vec<ConfigFile>, settings: Vec<SettingRow>, limits: &'a [LimitRow]) -> Self {
        Self { schema_version: CONFIG_V1, files, settings, limits }
    }
}

/// The origin of a value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase", tag = "kind", content = "name")]
pub(crate) enum Origin {
    /// Typed on the command line.
    Flag,
    /// An environment variable.
    Environment(String),
    /// A configuration file.
    File(PathBuf),
    /// It is the default.
    Default,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag => f.write_str("flag"),
            Self::Environment(name) => write!(f, "environment {name}"),
            Self::File(path) => write!(f, "file {}", path.display()),
            Self::Default => f.write_str("default"),
        }
    }
}

/// A value as it is shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub(crate) enum Value {
    /// Nothing is set.
    Unset(()),
    /// One value.
    One(String),
    /// A list.
    Several(Vec<String>),
}

/// One setting with one value. There are several rows if commands differ.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SettingRow {
    /// The key in a configuration file, and the long flag without dashes.
    pub(crate) name: String,
    /// Its value.
    pub(crate) value: Value,
    /// Its origin.
    pub(crate) origin: Origin,
    /// The commands to which this applies; empty means all of them.
    pub(crate) commands: Vec<String>,
}

/// One limit.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct LimitRow {
    /// As in `--limit NAME=VALUE`.
    pub(crate) name: &'static str,
    /// Its value.
    pub(crate) value: u64,
    /// The value as people write it.
    #[serde(skip)]
    pub(crate) shown: String,
    /// Its origin.
    pub(crate) origin: Origin,
    /// What it bounds.
    pub(crate) meaning: &'static str,
}

/// The owner of the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Rank {
    /// Named by `--config` or `PLIMSOLL_CONFIG`; then it is the only one, and must exist.
    Named,
    /// The user's.
    User,
    /// The machine's.
    System,
}
