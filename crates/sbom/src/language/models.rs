//! Machine learning models: the heads of GGUF and safetensors files. The weights are numbers, and contain no packages.
//!
//! GGUF ([specification]), all numbers in little endian:
//!
//! ```text
//! "GGUF" │ version u32 │ tensors u64 │ entries u64 │ entries: key (u64 length, text) │ type u32 │ value
//! general.name = "Llama 3.2 1B Instruct"  general.version = "3.2"  general.license = "llama3.2"
//! ```
//!
//! safetensors: the length of a JSON object in 64 bits, then the object: tensors by name, and `__metadata__` with texts
//! that are not specified. Neither format names a registry, so models belong to no ecosystem.
//!
//! [specification]: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md

use std::sync::Arc;

use plimsoll_core::rootfs::{Fact, Need};

use super::shown::{Package, Shown};
use crate::cataloger::{Cataloger, Coverage, File, Mode, Selection};
use crate::context::Context;
use crate::fact::FactKind;
use crate::inventory::{Component, ProblemCode};
use crate::licence::Licence;

/// Bytes that are read. The vocabulary, which is long, comes after the needed entries.
const HEAD: u64 = 64 << 10;

const GGUF: u16 = 0;
const SAFETENSORS: u16 = 1;

const SELECTIONS: &[Selection] = &[
    Selection { paths: &["**/*.gguf"], mode: Mode::Any, min_size: 0, need: Need::Head { bytes: HEAD } },
    Selection {
        paths: &["**/*.safetensors"],
        mode: Mode::Any,
        min_size: 0,
        need: Need::Head { bytes: HEAD },
    },
];

/// Finds models.
pub(crate) struct Models;

impl Cataloger for Models {
    fn id(&self) -> &'static str {
        "models"
    }

    fn version(&self) -> u32 {
        1
    }

    fn coverage(&self) -> Coverage {
        Coverage::Language
    }

    fn purl_types(&self) -> &'static [&'static str] {
        &["generic"]
    }

    fn selections(&self) -> &'static [Selection] {
        SELECTIONS
    }

    fn facts(&self) -> &'static [FactKind] {
        const { &[FactKind::for_type::<Shown>()] }
    }

    fn extract(&self, selection: u16, file: &File<'_>) -> Option<Arc<dyn Fact>> {
        let found = match selection {
            GGUF => gguf(file.content).map(|found| found.into_iter().collect()),
            _ => safetensors(file.content).map(|()| Vec::new()),
        };
        Some(Shown::fact(file.content, found))
    }

    fn finish(&self, context: &mut Context<'_, '_>) {
        context.tell_unread([GGUF, SAFETENSORS]);
        for (file, shown) in context.distinct::<Shown>(&[GGUF, SAFETENSORS]) {
            let stem =
                file.path.rsplit('/').next().and_then(|name| name.rsplit_once('.')).map(|(stem, _)| stem);
            match &shown.found {
                // Reading only the head gives no digest of the file.
                Ok(found) if !found.is_empty() => {
                    for component in found {
                        context.add_shown(component, file, None);
                    }
                }
                Ok(_) => {
                    if let Some(component) = stem.and_then(|stem| model(stem, None).ok()) {
                        context.add_shown(&component, file, None);
                    }
                }
                Err(detail) => {
                    context.problem_of_names(ProblemCode::UnparsableMetadata, &file.path, detail.clone());
                }
            }
        }
    }
}

fn model(name: &str, version: Option<&str>) -> Result<Component, String> {
    let name = name.split_whitespace().collect::<Vec<_>>().join("-");
    let (namespace, subpath) = ("", "");
    Package { purl_type: "generic", namespace, name: &name, version, qualifiers: &[], subpath }.component()
}

/// The model that the head of a GGUF file names. `None` if it names none; then the file name is used.
fn gguf(head: &[u8]) -> Result<Option<Component>, String> {
    let mut rest = Reader(head.strip_prefix(b"GGUF").ok_or("is not a GGUF file")?);
    let version = rest.word().ok_or("is not a GGUF file")?;
    if !(2..=3).contains(&version) {
        return Err(format!("is a GGUF file of version {version}, expected 2 or 3"));
    }
    let entries = rest.long().and_then(|_tensors| rest.long()).ok_or("is not a GGUF file")?;
    let (mut name, mut version, mut size, mut licence) = (None, None, None, None);
    for _ in 0..entries {
        // The head may end within an entry.
        let Some((key, value)) = rest.entry() else { break };
        match key {
            "general.name" => name = value,
            "general.version" => version = value,
            "general.size_label" => size = value,
            "general.license" => licence = value,
            _ => {}
        }
    }
    let Some(name) = name.filter(|name| !name.trim().is_empty()) else { return Ok(None) };
    let version = version.or(size).filter(|version| !version.contains(char::is_whitespace));
    let mut found = model(name, version)?;
    found.licenses = licence.and_then(Licence::stated).into_iter().collect();
    Ok(Some(found))
}

/// Whether the head is that of a safetensors file.
fn safetensors(head: &[u8]) -> Result<(), String> {
    let is_one = head.split_at_checked(8).is_some_and(|(_, json)| json.first() == Some(&b'{'));
    if is_one { Ok(()) } else { Err("is not a safetensors file".to_owned()) }
}

/// Fields in their order.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, bytes: u64) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(usize::try_from(bytes).ok()?)?;
        self.0 = rest;
        Some(taken)
    }

    fn word(&mut self) -> Option<u32> {
        Some(u32::from_le_bytes(*self.take(4)?.first_chunk()?))
    }

    fn long(&mut self) -> Option<u64> {
        Some(u64::from_le_bytes(*self.take(8)?.first_chunk()?))
    }

    fn text(&mut self) -> Option<&'a [u8]> {
        let length = self.long()?;
        self.take(length)
    }

    /// A key, and its value if that is a text.
    fn entry(&mut self) -> Option<(&'a str, Option<&'a str>)> {
        const TEXT: u32 = 8;
        const LIST: u32 = 9;
        let key = str::from_utf8(self.text()?).ok()?;
        let kind = self.word()?;
        let value = match kind {
            TEXT => str::from_utf8(self.text()?).ok(),
            LIST => {
                let (kind, count) = (self.word()?, self.long()?);
                if kind == TEXT {
                    for _ in 0..count {
                        self.text()?;
                    }
                } else {
                    self.take(size(kind)?.checked_mul(count)?)?;
                }
                None
            }
            kind => {
                self.take(size(kind)?)?;
                None
            }
        };
        Some((key, value))
    }
}

/// The bytes of a number of this type.
fn size(kind: u32) -> Option<u64> {
    Some(match kind {
        0 | 1 | 7 => 1,
        2 | 3 => 2,
        4..=6 => 4,
        10..=12 => 8,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use plimsoll_core::Limits;
    use plimsoll_core::rootfs::FileSet;
    use proptest::prelude::*;

    use super::*;
    use crate::catalogers::select;

    fn text(text: &str) -> Vec<u8> {
        [&(text.len() as u64).to_le_bytes(), text.as_bytes()].concat()
    }

    fn file(entries: &[(&str, u32, Vec<u8>)]) -> Vec<u8> {
        let mut file = b"GGUF\x03\0\0\0".to_vec();
        file.extend(7_u64.to_le_bytes());
        file.extend((entries.len() as u64).to_le_bytes());
        for (key, kind, value) in entries {
            file.extend(text(key));
            file.extend(kind.to_le_bytes());
            file.extend(value);
        }
        file
    }

    fn llama() -> Vec<u8> {
        let list = [&8_u32.to_le_bytes()[..], &2_u64.to_le_bytes(), &text("a"), &text("b")].concat();
        let numbers = [&4_u32.to_le_bytes()[..], &1_u64.to_le_bytes(), &[0; 4]].concat();
        file(&[
            ("general.architecture", 8, text("llama")),
            ("general.tags", 9, list),
            ("x", 9, numbers),
            ("general.file_type", 4, vec![7, 0, 0, 0]),
            ("general.name", 8, text("Llama 3.2")),
            ("general.size_label", 8, text("1B")),
            ("general.license", 8, text("apache-2.0")),
        ])
    }

    #[test]
    fn a_model_has_its_stated_name_or_that_of_its_file() {
        let mut set = FileSet::default();
        for (path, content) in [
            ("srv/m.gguf", &llama()[..]),
            ("srv/nameless.gguf", &file(&[])),
            ("srv/model.safetensors", b"\x02\0\0\0\0\0\0\0{}"),
            ("srv/broken.safetensors", b"{}"),
            ("srv/broken.gguf", b"GGUF\x01\0\0\0"),
        ] {
            set.add(select(), path, None, content);
        }
        let found = crate::catalog(&set, &Limits::default());
        let purls: Vec<String> = found.components.iter().map(|it| it.purl.to_string()).collect();
        assert_eq!(purls, ["pkg:generic/Llama-3.2@1B", "pkg:generic/model", "pkg:generic/nameless"]);
        assert_eq!(found.components[0].licenses, [Licence::parse("apache-2.0")]);
        let told: Vec<&str> = found.problems.iter().map(|it| it.path.as_str()).collect();
        assert_eq!(told, ["srv/broken.gguf", "srv/broken.safetensors"]);
    }

    #[test]
    fn false_lengths_and_counts_end_the_reading() {
        for (kind, value) in [
            (8, u64::MAX.to_le_bytes().to_vec()),
            (9, [&8_u32.to_le_bytes()[..], &u64::MAX.to_le_bytes()].concat()),
            (9, [&12_u32.to_le_bytes()[..], &u64::MAX.to_le_bytes()].concat()),
            (99, Vec::new()),
        ] {
            assert_eq!(gguf(&file(&[("a", kind, value)])), Ok(None));
        }
        let mut many = file(&[]);
        many[16..24].fill(0xff);
        assert_eq!(gguf(&many), Ok(None));
    }

    proptest! {
        #[test]
        fn never_panics(at in 0_usize..200, byte in any::<u8>(), cut in 0_usize..300) {
            let mut content = llama();
            if let Some(there) = content.get_mut(at) {
                *there = byte;
            }
            content.truncate(cut);
            let _ = gguf(&content);
        }
    }
}
