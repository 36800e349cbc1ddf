//! Which images of a subject are chosen, and where the evidence about them is.

use plimsoll_core::{Kind, Platform, Reference, text};
use plimsoll_gather::Subject;

use super::Context;
use crate::args::shared::{self, Reading};
use crate::failure::Failure;

/// Which images of an index are examined. Both may be set, by variables; that is a mistake only for a subject that has
/// images.
pub(crate) struct Platforms {
    /// The one that was named.
    pub(crate) named: Option<Platform>,
    /// Every one, instead of this machine's.
    pub(crate) all: bool,
}

impl Platforms {
    pub(crate) fn resolve(reading: &Reading) -> Self {
        Self { named: reading.platform.platform.clone(), all: reading.all_platforms }
    }
}

/// The repository that keeps the evidence when the image's own does not: what a flag names, else `COSIGN_REPOSITORY`, which
/// is about images in registries.
#[derive(Default)]
pub(crate) struct EvidenceRepository {
    named: Option<String>,
    of_registries: Option<String>,
}

impl EvidenceRepository {
    pub(crate) fn resolve(flags: &shared::EvidenceRepository, context: &Context<'_>) -> Self {
        let of_registries = context.text("COSIGN_REPOSITORY").filter(|name| !name.is_empty());
        Self { named: flags.named().map(str::to_owned), of_registries }
    }

    /// The repository for evidence about `subject`; `None` means the subject's own.
    pub(crate) fn reference(&self, subject: &Subject) -> Result<Option<Reference>, Failure> {
        let of_registries = self.of_registries.as_ref().filter(|_| matches!(subject, Subject::Registry(_)));
        let (name, setting) = match (&self.named, of_registries) {
            (Some(name), _) => (name, "--evidence-repository"),
            (None, Some(name)) => (name, "COSIGN_REPOSITORY"),
            (None, None) => return Ok(None),
        };
        name.parse().map(Some).map_err(|error| {
            Failure::new(Kind::Usage, format!("evidence repository `{}`: {error}", text::terminal(name)))
                .with_hint(format!("set {setting} to a repository, such as registry.example/team/evidence"))
        })
    }
}
