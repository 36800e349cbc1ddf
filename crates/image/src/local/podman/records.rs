//! The two lists of a containers-storage root: `DRIVER-images/images.json` and `DRIVER-layers/layers.json`.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use plimsoll_core::{Digest, LimitExceeded, Limits, json};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::STORE;
use crate::Error;
use crate::descriptor::null_is_default;
use crate::local::{is_there, whole};

/// Bytes of one list. A thousand images have about 2 MiB.
const LIST: u64 = 64 * 1024 * 1024;

/// One root: a folder and the driver that unpacked into it.
#[derive(Debug, Clone)]
pub(super) struct Root {
    pub(super) directory: PathBuf,
    pub(super) driver: &'static str,
}

/// An entry of `images.json`.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct ImageRecord {
    /// The hex digits of the configuration's digest.
    pub(super) id: String,
    pub(super) digest: Option<Digest>,
    #[serde(default, deserialize_with = "null_is_default")]
    pub(super) names: Vec<String>,
    pub(super) layer: Option<String>,
    #[serde(default, rename = "big-data-digests", deserialize_with = "null_is_default")]
    pub(super) big_data: BTreeMap<String, Digest>,
}

/// An entry of `layers.json`.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct LayerRecord {
    pub(super) id: String,
    pub(super) parent: Option<String>,
    #[serde(rename = "diff-digest")]
    pub(super) diff_id: Option<Digest>,
    #[serde(default, rename = "diff-size")]
    pub(super) diff_size: i64,
}

/// Drivers whose unpacked layers are plain folders. Others use volumes.
const DRIVERS: [&str; 2] = ["overlay", "vfs"];
const OTHER_DRIVERS: [&str; 4] = ["btrfs", "zfs", "aufs", "devicemapper"];

impl Root {
    /// The roots in `directory`: one for each driver that was used there.
    pub(super) fn all(directory: &Path) -> Result<Vec<Self>, Error> {
        let mut roots = Vec::new();
        for driver in DRIVERS {
            let root = Self { directory: directory.to_owned(), driver };
            if is_there(&root.list("images"), STORE)? {
                roots.push(root);
            }
        }
        if roots.is_empty() {
            for driver in OTHER_DRIVERS {
                if is_there(&directory.join(format!("{driver}-images")), STORE)? {
                    let problem = format!("its storage driver is {driver}, expected overlay or vfs");
                    return Err(Error::UnknownFormat { place: directory.display().to_string(), problem });
                }
            }
        }
        Ok(roots)
    }

    fn list(&self, of: &str) -> PathBuf {
        self.directory.join(format!("{}-{of}", self.driver)).join(format!("{of}.json"))
    }

    pub(super) fn images(&self, limits: &Limits) -> Result<Vec<ImageRecord>, Error> {
        let path = self.list("images");
        let images: Vec<ImageRecord> = list(&path)?;
        if images.len() as u64 > limits.entries {
            return Err(LimitExceeded::new("entries", limits.entries, path.display().to_string()).into());
        }
        Ok(images)
    }

    pub(super) fn layers(&self) -> Result<HashMap<String, LayerRecord>, Error> {
        let layers: Vec<LayerRecord> = list(&self.list("layers"))?;
        Ok(layers.into_iter().map(|layer| (layer.id.clone(), layer)).collect())
    }

    /// A document that is kept beside an image.
    pub(super) fn big_data(
        &self,
        image: &ImageRecord,
        name: &str,
        limits: &Limits,
    ) -> Result<Vec<u8>, Error> {
        let folder = self.directory.join(format!("{}-images", self.driver)).join(identifier(&image.id)?);
        whole(&folder.join(file_name(name)), STORE, limits.manifest_bytes, "manifest_bytes")
    }

    /// The folder with the unpacked files of a layer, and the file that tar-split wrote for it.
    pub(super) fn layer(&self, id: &str) -> Result<(PathBuf, PathBuf), Error> {
        let id = identifier(id)?;
        let files = match self.driver {
            "vfs" => self.directory.join("vfs/dir").join(id),
            driver => self.directory.join(driver).join(id).join("diff"),
        };
        let split = self.directory.join(format!("{}-layers", self.driver)).join(format!("{id}.tar-split.gz"));
        Ok((files, split))
    }
}

fn list<T: DeserializeOwned>(path: &Path) -> Result<Vec<T>, Error> {
    let bytes = whole(path, STORE, LIST, "bytes of a list")?;
    json::from_slice(&bytes, LIST).map_err(|source| Error::Json { what: path.display().to_string(), source })
}

/// Identifiers become parts of paths, so only hex digits are allowed.
fn identifier(id: &str) -> Result<&str, Error> {
    if !id.is_empty() && id.len() <= 128 && id.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')) {
        return Ok(id);
    }
    let got = plimsoll_core::text::shown(id);
    Err(Error::malformed(STORE, format!("got the identifier `{got}`, expected hex digits")))
}

/// The file name of a document: the name itself if it consists of a-z, 0-9 and dots, otherwise `=` and its
/// base64.
fn file_name(name: &str) -> String {
    let plain = |byte: u8| matches!(byte, b'.' | b'0'..=b'9' | b'a'..=b'z');
    if name.bytes().all(plain) && !name.starts_with('.') {
        name.to_owned()
    } else {
        format!("={}", STANDARD.encode(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_are_found_under_the_names_that_the_store_gives_their_files() {
        assert_eq!(file_name("manifest"), "manifest");
        assert_eq!(file_name("sha256:ab"), "=c2hhMjU2OmFi");
        assert_eq!(file_name("../x"), "=Li4veA==");
    }

    #[test]
    fn an_identifier_never_leaves_its_folder() {
        for id in ["", "../../etc", "a/b", "A0", "..", "."] {
            let error = identifier(id).unwrap_err();
            assert!(error.to_string().contains("expected hex digits"), "{id}: {error}");
        }
        assert_eq!(identifier("0a").unwrap(), "0a");
    }
}
