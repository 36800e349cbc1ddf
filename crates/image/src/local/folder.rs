//! An image in a folder, as `skopeo copy … dir:PATH` writes it: no index of names, one image or one list of images.
//!
//! Follows the `dir:` transport of containers/image: `manifest.json`, each blob under the hex digits of its digest, and
//! the manifests of a list as `HEX.manifest.json`. Blobs are files of the folder itself; links are not followed.
//!
//! ```text
//! version            Directory Transport Version: 1.1
//! manifest.json      3b1c…  (a blob)  9f2e…  (a blob)  77ab….manifest.json
//! ```

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use plimsoll_core::{Digest, Limits};

use super::{media_type, whole};
use crate::source::Referrers;
use crate::{Descriptor, Error, Source};

/// The beginning of the file `version`.
const VERSION: &str = "Directory Transport Version: 1.";

/// The folder, and its one image.
#[derive(Debug)]
pub struct Folder {
    directory: PathBuf,
    top: Descriptor,
    manifest: Vec<u8>,
    limits: Limits,
}

impl Folder {
    /// Whether `directory` is marked as such a folder.
    pub fn is_one(directory: &Path) -> bool {
        let is_file =
            |name: &str| fs::symlink_metadata(directory.join(name)).is_ok_and(|found| found.is_file());
        is_file("version")
            && is_file("manifest.json")
            && whole(&directory.join("version"), "", 256, "size")
                .is_ok_and(|text| text.starts_with(VERSION.as_bytes()))
    }

    /// Opens the folder.
    pub fn open(directory: &Path, limits: Limits) -> Result<Self, Error> {
        let place = format!("dir:{}", directory.display());
        if !Self::is_one(directory) {
            let problem =
                format!("it has no `manifest.json`, or its file `version` does not begin with `{VERSION}`");
            return Err(Error::UnknownFormat { place, problem });
        }
        let path = directory.join("manifest.json");
        let manifest = whole(&path, "", limits.manifest_bytes, "manifest_bytes")?;
        let top =
            Descriptor::for_bytes(media_type(&manifest, &path.display().to_string(), &limits)?, &manifest);
        Ok(Self { directory: directory.to_owned(), top, manifest, limits })
    }

    fn file(&self, name: &str, descriptor: &Descriptor) -> Result<fs::File, Error> {
        let path = self.directory.join(name);
        let what = path.display().to_string();
        let missing =
            || Error::NotFound { what: format!("blob {}", descriptor.digest), place: self.describe() };
        let metadata = match fs::symlink_metadata(&path) {
            Ok(metadata) if metadata.is_file() => metadata,
            Ok(_) => return Err(missing()),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Err(missing()),
            Err(source) => return Err(Error::io(what, source)),
        };
        if metadata.len() != descriptor.size {
            return Err(Error::SizeMismatch { what, got: metadata.len(), expected: descriptor.size });
        }
        fs::File::open(&path).map_err(|source| Error::io(what, source))
    }
}

impl Source for Folder {
    fn describe(&self) -> String {
        format!("dir:{}", self.directory.display())
    }

    fn resolve(&self) -> Result<Descriptor, Error> {
        Ok(self.top.clone())
    }

    fn manifest(&self, descriptor: &Descriptor) -> Result<Vec<u8>, Error> {
        if descriptor.digest == self.top.digest {
            return Ok(self.manifest.clone());
        }
        let name = format!("{}.manifest.json", descriptor.digest.hex());
        self.file(&name, descriptor)?;
        let bytes = whole(&self.directory.join(name), "", self.limits.manifest_bytes, "manifest_bytes")?;
        descriptor.check(&bytes, &format!("manifest {}", descriptor.digest))?;
        Ok(bytes)
    }

    fn blob(&self, descriptor: &Descriptor) -> Result<Box<dyn Read + Send>, Error> {
        Ok(Box::new(self.file(&descriptor.digest.hex(), descriptor)?))
    }

    fn referrers(&self, _subject: &Digest) -> Result<Referrers, Error> {
        Err(Error::NoReferrers { place: self.describe() })
    }
}
