//! The phase and the tier of a policy, from which the presets of its other fields follow.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How mature an environment is; each phase presets stricter rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Phase {
    /// CRITICAL blocks; signatures and SBOM are reported.
    Pilot,
    /// HIGH blocks too; signatures and SBOM are required.
    Beta,
    /// Like beta; MEDIUM also blocks on core images.
    Ga,
}

/// The importance of an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Tier {
    /// Any image.
    Standard,
    /// An image that other images are built on, or that the platform itself runs.
    Core,
}

/// The fields that presets depend on.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Presets {
    pub(crate) phase: Phase,
    pub(crate) tier: Tier,
}

impl Presets {
    /// Whether evidence is required, not only reported.
    pub(crate) fn strict(self) -> bool {
        self.phase >= Phase::Beta
    }
}
