//! `--newer-base`: scans the base image that an image could be built on, once for each platform.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};

use plimsoll_core::text::shown;
use plimsoll_core::{Digest, Platform};
use plimsoll_gather::{OpenedSubject, Subject, inventory, open};
use plimsoll_image::layers::LayerDigests;
use plimsoll_sbom::{Completeness, Inventory};
use plimsoll_vuln::Scan;

use super::Scanner;
use crate::failure::Failure;
use crate::progress::Bar;
use crate::report::baseline::package;
use crate::report::newer_base::{self, NewerBase};
use crate::report::scan::Scanned;

/// The newer base, as far as it was scanned.
pub(super) struct Newer<'a> {
    subject: &'a str,
    bases: Mutex<HashMap<Option<String>, Arc<Base>>>,
}

/// The newer base for one platform.
struct Base {
    manifest: Option<Digest>,
    scan: Scan,
    packages: HashSet<String>,
    is_whole: bool,
}

impl<'a> Newer<'a> {
    pub(super) fn new(subject: &'a str) -> Self {
        Self { subject, bases: Mutex::default() }
    }

    /// What the newer base would change in a result for this platform.
    pub(super) fn compare(
        &self,
        scanner: &Scanner<'_>,
        result: &Scanned,
        platform: Option<&Platform>,
    ) -> Result<NewerBase, Failure> {
        let newer = self.scan(scanner, platform);
        let newer =
            newer.map_err(|failure| failure.of_part(format_args!("newer base {}", shown(self.subject))))?;
        let Base { manifest, scan, packages, is_whole } = &*newer;
        let newer = newer_base::Newer {
            subject: self.subject,
            manifest: *manifest,
            scan,
            packages,
            is_whole: *is_whole,
        };
        Ok(NewerBase::new(&result.scan.findings, result.base.as_ref(), &newer))
    }

    fn scan(&self, scanner: &Scanner<'_>, platform: Option<&Platform>) -> Result<Arc<Base>, Failure> {
        let mut known = self.bases.lock().unwrap_or_else(PoisonError::into_inner);
        let key = platform.map(Platform::to_string);
        if let Some(base) = known.get(&key) {
            return Ok(Arc::clone(base));
        }
        let access = scanner.settings.access.for_one_subject();
        let opened = open(&Subject::parse(self.subject)?, &access)?;
        let image = opened.one_image(platform)?;
        let bar = Bar::new(scanner.console);
        let inventory = inventory(&opened, image, &scanner.layers, &bar, &access.cancel)?;
        let inventory: Cow<'_, Inventory> = match scanner.settings.digests {
            LayerDigests::Computed => inventory,
            LayerDigests::Optional => Cow::Owned(inventory.into_owned().accepting_unhashed_layers()),
        };
        let found = Arc::new(Base {
            manifest: image.map(|image| image.manifest.digest),
            scan: scanner.advisories.scan(&inventory, &scanner.rules, &access.cancel)?,
            packages: inventory.components.iter().map(|component| package(&component.purl)).collect(),
            is_whole: match &opened {
                OpenedSubject::Sbom { document, .. } => document.completeness == Completeness::Complete,
                _ => true,
            },
        });
        known.insert(key, Arc::clone(&found));
        Ok(found)
    }
}
