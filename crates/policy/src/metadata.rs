//! The fields that every document of this crate starts with.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::setting::{Name, Setting};

/// The version of every document of this crate.
#[derive(Debug, Clone, Copy, Deserialize, Serialize, JsonSchema)]
pub(crate) enum ApiVersion {
    #[serde(rename = "plimsoll.dev/v1")]
    V1,
}

/// The name and description of a document.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Metadata {
    /// Repeated in every verdict.
    pub(crate) name: Name,
    /// For people.
    #[serde(default, skip_serializing_if = "Setting::is_unset")]
    pub(crate) description: Setting<String>,
}
