//! Every setting and limit, and the files that they may come from.

use serde::Serialize;

use crate::config::{Config, LimitRow, Rank, SettingRow};

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
    rank: Rank,
    pub(crate) read: bool,
}

impl<'a> Report<'a> {
    pub(crate) fn new(config: &'a Config) -> Self {
        Self {
            schema_version: CONFIG_V1,
            files: ConfigFile::all(config),
            settings: config.settings(),
            limits: config.limits(),
        }
    }
}

impl ConfigFile {
    /// Every place, the one that counts most first.
    pub(crate) fn all(config: &Config) -> Vec<Self> {
        let files = config.places.iter().map(|place| Self {
            path: place.path.display().to_string(),
            rank: place.rank,
            read: place.path.exists(),
        });
        files.collect()
    }
}
