//! The inventory of files in CycloneDX: each file is a component of type `file`, inside the first package that owns it (the operating
//! system's before a language's), or next to the packages if none does. Files are written without being collected, because a million of them would take as much memory as
//! the document.
//!
//! ```json
//! {"type":"file","bom-ref":"File-…","name":"usr/bin/env","hashes":[{"alg":"SHA-1",…},{"alg":"SHA-256",…}],
//!  "properties":[{"name":"plimsoll:file:layer","value":"0"}]}
//! ```

use std::borrow::Cow;

use plimsoll_core::rootfs::listing::ListedFile;
use serde::Serialize;

use super::conventions::FILE_LAYER;
use super::item::{Hash, Property, property};
use crate::documents::file_name;
use crate::inventory::{Component, ComponentIndex, Files};

/// The files by owner.
pub(super) struct ByOwner<'a> {
    files: &'a Files,
    first: Vec<Option<u32>>,
}

impl<'a> ByOwner<'a> {
    pub(super) fn new(files: &'a Files, components: &[Component]) -> Self {
        Self { files, first: files.first_owners(components) }
    }

    /// The files of a component, or those without an owner. `None` if there are no such files.
    pub(super) fn owned_by(&'a self, owner: Option<usize>) -> Option<OwnFiles<'a>> {
        let own = OwnFiles { of: self, owner };
        own.parts().next().is_some().then_some(own)
    }
}

/// The files of one owner.
#[derive(Clone, Copy)]
pub(super) struct OwnFiles<'a> {
    of: &'a ByOwner<'a>,
    owner: Option<usize>,
}

impl<'a> OwnFiles<'a> {
    pub(super) fn parts(self) -> impl Iterator<Item = FilePart<'a>> {
        let Self { of, owner } = self;
        let first = |number: usize| of.first.get(number).copied().flatten();
        let own = owner.into_iter().flat_map(move |owner| {
            let own = of.files.owned_by(ComponentIndex(owner));
            own.filter(move |(number, _)| first(*number).is_some_and(|it| it as usize == owner))
        });
        let others = if owner.is_none() { of.files.list().len() } else { 0 };
        let others = (0..others).filter(move |number| first(*number).is_none());
        let others = others.filter_map(move |number| Some((number, of.files.list().get(number)?)));
        own.chain(others).map(|(_, file)| FilePart::new(&file))
    }
}

impl Serialize for OwnFiles<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.parts())
    }
}

/// One file.
#[derive(Serialize)]
pub(super) struct FilePart<'a> {
    pub(super) r#type: &'static str,
    #[serde(rename = "bom-ref")]
    pub(super) reference: String,
    pub(super) name: Cow<'a, str>,
    pub(super) hashes: [Hash; 2],
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) properties: Vec<Property<'static>>,
}

impl<'a> FilePart<'a> {
    fn new(file: &ListedFile<'a>) -> Self {
        Self {
            r#type: "file",
            reference: file_name::identifier(file.path),
            name: file_name::shown(file.path),
            hashes: [
                Hash { alg: "SHA-1", content: hex::encode(file.content.sha1) },
                Hash { alg: "SHA-256", content: hex::encode(file.content.sha256) },
            ],
            properties: file.layer.map(|layer| property(FILE_LAYER, layer.to_string())).into_iter().collect(),
        }
    }
}
