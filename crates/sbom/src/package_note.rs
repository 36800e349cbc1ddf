//! Programs in which a distribution recorded their package ([Package Metadata for ELF files]).
//!
//! ```text
//! 4 │ size │ 0xcafe1a7e │ "FDO\0" │ {"type":"rpm","name":"curl","version":"8.2.1-1.fc39","architecture":"x86_64",…}
//! ```
//!
//! Only programs that no package of this image owns count: they were copied from elsewhere, and only the note
//! identifies them. It is the program's own claim.
//!
//! [Package Metadata for ELF files]: https://systemd.io/ELF_PACKAGE_METADATA/

use std::sync::Arc;

use plimsoll_core::json;
use plimsoll_core::rootfs::{Fact, Need};
use serde::Deserialize;

use crate::cataloger::{Cataloger, Coverage, File, Mode, Selection};
use crate::context::Context;
use crate::fact::FactKind;
use crate::inventory::{Component, ProblemCode};
use crate::language::shown::{Package, Shown};
use crate::magic::Elf;
use crate::telltales;

/// Bytes that are searched. The note is loaded, and comes directly after the program headers.
const HEAD: u64 = 8 << 10;

const SELECTIONS: &[Selection] =
    // A hard link does not state its size: if small files were ignored, a layer would be read again for it.
    &[Selection { paths: &[], mode: Mode::Executable, min_size: 0, need: Need::Head { bytes: HEAD } }];

/// Finds the packages that programs state.
pub(crate) struct PackageNote;

impl Cataloger for PackageNote {
    fn id(&self) -> &'static str {
        "package-note"
    }

    fn version(&self) -> u32 {
        1
    }

    fn coverage(&self) -> Coverage {
        Coverage::Language
    }

    fn purl_types(&self) -> &'static [&'static str] {
        &["apk", "deb", "rpm", "alpm"]
    }

    fn selections(&self) -> &'static [Selection] {
        SELECTIONS
    }

    fn facts(&self) -> &'static [FactKind] {
        const { &[FactKind::for_type::<Shown>()] }
    }

    fn extract(&self, _: u16, file: &File<'_>) -> Option<Arc<dyn Fact>> {
        let note = note(file.content)?;
        Some(Shown::fact(note, package(note).map(|found| vec![found])))
    }

    fn finish(&self, context: &mut Context<'_, '_>) {
        let mut noted: Vec<_> = context.distinct::<Shown>(&[0]).collect();
        noted.retain(|(file, _)| !context.found.read.contains(&*file.real_path));
        let brought = telltales::brought(context, noted.iter().map(|(file, _)| &*file.real_path));
        for (file, shown) in noted {
            if brought.contains(&*file.real_path) {
                continue;
            }
            match &shown.found {
                Ok(found) => {
                    context.found.read.insert(&file.real_path);
                    for component in found {
                        context.add_shown(component, file, None::<&crate::ownership::FileDigests>);
                    }
                }
                Err(detail) => context.problem(ProblemCode::UnparsableMetadata, &file.path, detail.clone()),
            }
        }
    }
}

/// The text of the note in the head of an ELF file.
fn note(head: &[u8]) -> Option<&[u8]> {
    let big_endian = Elf::parse(head)?.big_endian;
    let start: &[u8] = if big_endian { b"\xca\xfe\x1a\x7eFDO\0" } else { b"\x7e\x1a\xfe\xcaFDO\0" };
    let at = memchr::memmem::find(head, start)?;
    let size: [u8; 4] = *head.get(at.checked_sub(4)?..at)?.first_chunk()?;
    let size = if big_endian { u32::from_be_bytes(size) } else { u32::from_le_bytes(size) };
    let text = head.get(at + start.len()..)?.get(..usize::try_from(size).ok()?)?;
    // It ends with a zero byte, and is padded with others.
    text.split(|byte| *byte == 0).next()
}

#[derive(Deserialize)]
struct Note {
    r#type: String,
    name: String,
    version: String,
    architecture: Option<String>,
    os: Option<String>,
    #[serde(rename = "osCpe")]
    os_cpe: Option<String>,
}

fn package(note: &[u8]) -> Result<Component, String> {
    let Note { r#type, name, version, architecture, os, os_cpe } = json::from_slice(note, u64::MAX)
        .map_err(|error| format!("has an invalid note about a package: {error}"))?;
    // `cpe:/o:fedoraproject:fedora:39`
    let of_cpe = || os_cpe.as_deref().and_then(|cpe| cpe.split(':').nth(3)).map(str::to_owned);
    let namespace = os.or_else(of_cpe).unwrap_or_default();
    let qualifiers = [("arch", architecture.unwrap_or_default())];
    let (purl_type, version) = (r#type.as_str(), Some(version.as_str()));
    if !PackageNote.purl_types().contains(&purl_type) {
        return Err(format!(
            "has a note about a package of an unknown type: {}",
            plimsoll_core::text::shortened(purl_type)
        ));
    }
    Package { purl_type, namespace: &namespace, name: &name, version, qualifiers: &qualifiers, subpath: "" }
        .component()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn elf(note: &str) -> Vec<u8> {
        let mut file = b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x03\0".to_vec();
        file.resize(200, 0);
        file.extend([4, 0, 0, 0]);
        file.extend(u32::try_from(note.len() + 1).unwrap().to_le_bytes());
        file.extend(b"\x7e\x1a\xfe\xcaFDO\0");
        file.extend(note.as_bytes());
        file.extend([0; 9]);
        file
    }

    #[test]
    fn a_note_names_the_package_and_its_distribution() {
        let shown = |text: &str| note(&elf(text)).map(|note| package(note).map(|it| it.purl.to_string()));
        let fedora = r#"{"type":"rpm","name":"curl","version":"8.2.1-1.fc39","architecture":"x86_64","osCpe":"cpe:/o:fedoraproject:fedora:39"}"#;
        assert_eq!(shown(fedora).unwrap().unwrap(), "pkg:rpm/fedora/curl@8.2.1-1.fc39?arch=x86_64");
        let debian = r#"{"type":"deb","os":"debian","name":"a","version":"1:2-3","architecture":"amd64","debugInfoUrl":"x"}"#;
        assert_eq!(shown(debian).unwrap().unwrap(), "pkg:deb/debian/a@1:2-3?arch=amd64");
        assert!(shown("{}").unwrap().unwrap_err().starts_with("has an invalid note about a package: "));
        let other = r#"{"type":"npm","name":"a","version":"1"}"#;
        assert_eq!(shown(other).unwrap().unwrap_err(), "has a note about a package of an unknown type: npm");
    }

    #[test]
    fn lengths_beyond_the_file_give_no_note() {
        let mut file = elf("{}");
        assert_eq!(note(&file), Some(b"{}".as_slice()));
        file[204..208].copy_from_slice(&u32::MAX.to_le_bytes());
        assert_eq!(note(&file), None);
        assert_eq!(note(b"\x7e\x1a\xfe\xcaFDO\0"), None);
        assert_eq!(note(b""), None);
    }
}
