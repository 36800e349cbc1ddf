//! The configuration of an image, as far as rules look at it: the image's claims about itself and its build.
//!
//! Of secrets, only the place and the kind are kept: neither a verdict nor what is kept of the evidence can repeat one.

mod secrets;

use std::collections::BTreeMap;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;

pub use self::secrets::{SecretPlace, SuspectedSecret};

/// The configuration of one platform's image.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ImageConfiguration {
    /// When it was built, by its own claim.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<crate::setting::Instant>")]
    pub created: Option<Timestamp>,
    /// The user that processes start as; missing for root.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// Labels.
    pub labels: BTreeMap<String, String>,
    /// Ports that it exposes: `8080/tcp`.
    pub ports: Vec<String>,
    /// The names of environment variables.
    pub environment: Vec<String>,
    /// What looks like a secret in its environment or its history.
    pub secrets: Vec<SuspectedSecret>,
}

/// The parts of a configuration, as it contains them.
#[derive(Debug, Clone, Copy)]
pub struct ConfigurationParts<'a> {
    /// When it was built.
    pub created: Option<Timestamp>,
    /// The user that processes start as.
    pub user: Option<&'a str>,
    /// Labels.
    pub labels: &'a BTreeMap<String, String>,
    /// Ports that it exposes.
    pub ports: &'a [String],
    /// Environment variables: `NAME=VALUE`.
    pub environment: &'a [String],
    /// The commands of its build steps, in order.
    pub history: &'a [&'a str],
}

impl ImageConfiguration {
    /// Keeps what rules look at. Values of variables and build steps are searched for secrets, and dropped.
    pub fn new(parts: &ConfigurationParts<'_>) -> Self {
        let name = |entry: &String| entry.split_once('=').map_or(entry.as_str(), |it| it.0).to_owned();
        let mut exposed: Vec<String> = parts.ports.iter().map(|port| with_protocol(port)).collect();
        exposed.sort();
        exposed.dedup();
        Self {
            created: parts.created,
            user: parts.user.filter(|user| !user.is_empty()).map(str::to_owned),
            labels: parts.labels.clone(),
            ports: exposed,
            environment: parts.environment.iter().map(name).collect(),
            secrets: secrets::find(parts.environment, parts.history),
        }
    }
}

/// A port without a protocol is one of TCP (OCI image configuration, `ExposedPorts`).
pub(crate) fn with_protocol(port: &str) -> String {
    if port.contains('/') { port.to_ascii_lowercase() } else { format!("{port}/tcp") }
}
