//! Images inside a tar file: what `docker save` writes, and OCI layouts in a tar.
//!
//! Follows the OCI image specification, "OCI Image Layout", for archives with `oci-layout` and `index.json`; those with
//! only a `manifest.json` are Docker's. An archive that has both is read as OCI, because there the digests are the image's own;
//! Docker reads the other, so both have to say the same (`agreement`). The tar is gone through once for the places of its
//! members; afterwards bytes are read where they lie. There are no temporary files: an archive that is compressed as a whole
//! is uncompressed again for each pass (`packed`).
//!
//! ```json
//! [{"Config": "4a7…e2.json", "RepoTags": ["app:1.0"], "Layers": ["9c1…/layer.tar", "…"]}]
//! ```

mod agreement;
mod docker;
mod members;
mod packed;
mod reread;
mod span;

use std::io::Read;
use std::path::Path;

use plimsoll_core::{Cancel, Digest, Limits};

use crate::index::Chooser;
use crate::layout::check_version;
use crate::objects::Objects;
use crate::source::{Referrers, Surroundings};
use crate::{Descriptor, Error, Source};
use docker::Saved;
use members::Members;
pub(crate) use reread::ArchiveStream;

/// An archive and the selected image in it.
#[derive(Debug)]
pub struct Archive {
    members: Members,
    form: Form,
}

#[derive(Debug)]
enum Form {
    Oci(Box<Chooser>),
    Docker(Box<Saved>),
}

impl Archive {
    /// Opens `file`. `selector` is a reference name, an image name (`app:1.0`) or a manifest digest; without it the
    /// archive must hold exactly one image.
    pub fn open(file: &Path, selector: Option<&str>, limits: Limits) -> Result<Self, Error> {
        Self::open_until(file, selector, limits, &Cancel::never())
    }

    /// The same, until `cancel` stops it: a large compressed archive takes long to go through.
    pub fn open_until(
        file: &Path,
        selector: Option<&str>,
        limits: Limits,
        cancel: &Cancel,
    ) -> Result<Self, Error> {
        Self::from_members(Members::open(file, limits, cancel)?, selector)
    }

    /// Reads an archive that comes as a stream. `place` describes it in messages.
    pub(crate) fn streamed(
        stream: Box<dyn ArchiveStream>,
        place: String,
        selector: Option<&str>,
        limits: Limits,
        cancel: &Cancel,
    ) -> Result<Self, Error> {
        Self::from_members(Members::streamed(stream, place, limits, cancel)?, selector)
    }

    fn from_members(members: Members, selector: Option<&str>) -> Result<Self, Error> {
        let place = members.describe();
        if members.has("index.json") && members.has("manifest.json") {
            agreement::check(&members)?;
        }
        let form = if members.has("oci-layout") && members.has("index.json") {
            check_version(&members.small("oci-layout")?, &place, members.limits())?;
            Form::Oci(Box::new(Chooser::new(
                &members.small("index.json")?,
                selector,
                place,
                members.limits(),
            )?))
        } else if members.has("manifest.json") {
            Form::Docker(Box::new(Saved::open(&members, selector)?))
        } else if members.has("repositories") {
            let problem =
                "it has the format that docker wrote before version 1.10; save the image again".to_owned();
            return Err(Error::UnknownFormat { place, problem });
        } else {
            let problem = "it has neither `index.json` with `oci-layout` nor `manifest.json`".to_owned();
            return Err(Error::UnknownFormat { place, problem });
        };
        Ok(Self { members, form })
    }

    /// Whether the manifest was synthesised for an archive without one. Its digest only identifies the image: no
    /// registry has it, and no signature covers it.
    pub fn is_synthesised(&self) -> bool {
        matches!(self.form, Form::Docker(_))
    }
}

impl Archive {
    fn span(&self, digest: &Digest) -> Option<u64> {
        match &self.form {
            Form::Oci(_) => {
                let name = format!("blobs/{}/{}", digest.algorithm().name(), digest.hex());
                self.members.position(self.members.span(&name).ok()?)
            }
            Form::Docker(saved) => saved.position(digest, &self.members),
        }
    }

    /// Whether it has the blob.
    pub(crate) fn has(&self, digest: &Digest) -> bool {
        self.members.has(&format!("blobs/{}/{}", digest.algorithm().name(), digest.hex()))
    }
}

impl Source for Archive {
    fn describe(&self) -> String {
        self.members.describe()
    }

    fn resolve(&self) -> Result<Descriptor, Error> {
        match &self.form {
            Form::Oci(chooser) => chooser.resolve(&self.members),
            Form::Docker(saved) => Ok(saved.top()),
        }
    }

    fn surroundings(&self) -> Result<Surroundings, Error> {
        match &self.form {
            Form::Oci(chooser) => {
                let indexes = chooser.indexes_around(&self.resolve()?.digest, &self.members)?;
                Ok(Surroundings { indexes, ..Surroundings::default() })
            }
            Form::Docker(_) => Ok(Surroundings::default()),
        }
    }

    fn manifest(&self, descriptor: &Descriptor) -> Result<Vec<u8>, Error> {
        match &self.form {
            Form::Oci(_) => self.members.document(descriptor),
            Form::Docker(saved) => saved.manifest(descriptor, &self.members),
        }
    }

    fn blob(&self, descriptor: &Descriptor) -> Result<Box<dyn Read + Send>, Error> {
        match &self.form {
            Form::Oci(_) => self.members.open(descriptor),
            Form::Docker(saved) => saved.blob(descriptor, &self.members),
        }
    }

    fn lacks(&self, blob: &Descriptor) -> Result<bool, Error> {
        Ok(matches!(self.form, Form::Oci(_)) && !self.has(&blob.digest))
    }

    fn position(&self, descriptor: &Descriptor) -> Option<u64> {
        self.span(&descriptor.digest)
    }

    fn referrers(&self, subject: &Digest) -> Result<Referrers, Error> {
        match &self.form {
            Form::Oci(chooser) => chooser.referrers(subject, &[], &self.members),
            // The format has no place for them.
            Form::Docker(_) => Ok(Referrers::default()),
        }
    }
}

#[cfg(test)]
mod tests;
