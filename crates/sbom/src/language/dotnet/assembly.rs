//! Assemblies of .NET: name and version from the version resource of a PE file that has a CLR header.
//!
//! Follows Microsoft's "PE Format" and `VS_VERSIONINFO`. The compiler writes the resource from the project:
//! `OriginalFilename` is the name of the assembly, and `ProductVersion` the version of its package on NuGet, with the
//! commit after a plus sign. `FileVersion` often includes a build number.
//!
//! The resource is in a section after the code. Only the head of a file and the start of that section are kept.

use std::sync::Arc;

use plimsoll_core::rootfs::{Fact, Stream};

use super::super::program::unsigned;
use super::super::shown::{Shown, component};
use crate::inventory::Component;

/// Bytes that contain the headers. Linkers put them before the first section, which starts at 512 or 1,024.
const HEAD: usize = 4 << 10;
/// Bytes of resources that are searched. Assemblies have few other resources.
const RESOURCES: usize = 256 << 10;
/// The most sections that the specification allows.
const MAX_SECTIONS: usize = 96;

/// An assembly while it is read.
#[derive(Default)]
pub(super) struct Assembly {
    head: Vec<u8>,
    /// The place of the resources, once the head was read.
    resources: Option<(u64, usize)>,
    kept: Vec<u8>,
    /// Bytes that were read.
    passed: u64,
}

impl Assembly {
    /// Keeps the part of `piece`, which starts at `start` in the file, that belongs to the resources. Returns whether
    /// more are needed.
    fn keep(&mut self, start: u64, piece: &[u8]) -> bool {
        let Some((offset, size)) = self.resources else { return true };
        let from = usize::try_from(offset.saturating_sub(start)).unwrap_or(usize::MAX);
        let room = size.saturating_sub(self.kept.len());
        if let Some(rest) = piece.get(from..) {
            self.kept.extend_from_slice(rest.get(..room).unwrap_or(rest));
        }
        self.kept.len() < size
    }

    /// Reads the place of the resources from the head. Returns whether the file is an assembly with resources.
    fn open(&mut self) -> bool {
        self.resources = resources(&self.head);
        let head = std::mem::take(&mut self.head);
        self.resources.is_some() && self.keep(0, &head)
    }
}

impl Stream for Assembly {
    fn take(&mut self, piece: &[u8]) -> bool {
        let start = self.passed;
        self.passed = self.passed.saturating_add(piece.len() as u64);
        if self.resources.is_some() {
            return self.keep(start, piece);
        }
        let missing = HEAD.saturating_sub(self.head.len());
        let (head, rest) = piece.split_at_checked(missing).unwrap_or((piece, &[]));
        self.head.extend_from_slice(head);
        if self.head.len() < HEAD {
            return true;
        }
        self.open() && self.keep(start.saturating_add(head.len() as u64), rest)
    }

    fn finish(mut self: Box<Self>) -> Option<Arc<dyn Fact>> {
        if self.resources.is_none() {
            self.open();
        }
        let found = described(&self.kept)?;
        Some(Shown::fact(&self.kept, Ok(vec![found])))
    }
}

/// The offset of the resources in the file, and how many bytes of them are searched. `None` if it is not an assembly.
fn resources(head: &[u8]) -> Option<(u64, usize)> {
    const RESOURCE: usize = 2;
    const CLR_HEADER: usize = 14;
    let number = |at: usize, size: usize| unsigned(head, at, size, false);
    let place = |at: usize, size: usize| usize::try_from(number(at, size)?).ok();
    if !head.starts_with(b"MZ") {
        return None;
    }
    let start = place(0x3c, 4)?;
    if head.get(start..start.checked_add(4)?)? != b"PE\0\0" {
        return None;
    }
    let optional = start + 24;
    let directories = match number(optional, 2)? {
        0x10b => optional + 96,
        0x20b => optional + 112,
        _ => return None,
    };
    let count = place(directories - 4, 4)?;
    let directory = |index: usize| number(directories + index * 8, 4).filter(|_| index < count);
    directory(CLR_HEADER).filter(|address| *address != 0)?;
    let address = directory(RESOURCE).filter(|address| *address != 0)?;
    let sections = optional + place(start + 20, 2)?;
    for index in 0..place(start + 6, 2)?.min(MAX_SECTIONS) {
        let section = sections + index * 40;
        let (begins, size, offset) =
            (number(section + 12, 4)?, number(section + 16, 4)?, number(section + 20, 4)?);
        if let Some(inside) = address.checked_sub(begins).filter(|inside| *inside < size) {
            let size = usize::try_from(size - inside).unwrap_or(usize::MAX).min(RESOURCES);
            return Some((offset + inside, size));
        }
    }
    None
}

/// The component that a version resource describes. `None` if it has no name and version.
fn described(resources: &[u8]) -> Option<Component> {
    let file = text(resources, "OriginalFilename").or_else(|| text(resources, "InternalName"))?;
    let name = strip_extension(&file);
    // Translations of another assembly.
    if name.to_ascii_lowercase().ends_with(".resources") {
        return None;
    }
    let product = text(resources, "ProductVersion");
    let product =
        product.as_deref().and_then(|it| it.split(['+', ' ', ',']).next()).filter(|it| is_version(it));
    let file_version = text(resources, "FileVersion");
    let file_version =
        file_version.as_deref().and_then(|it| it.split(' ').next()).filter(|it| is_version(it));
    component("nuget", "", name, product.or(file_version)?).ok()
}

fn strip_extension(file: &str) -> &str {
    match file.rsplit_once('.') {
        Some((name, end)) if end.eq_ignore_ascii_case("dll") || end.eq_ignore_ascii_case("exe") => name,
        _ => file,
    }
}

/// Whether the version is meaningful: a project that does not set one has `0.0.0.0`.
fn is_version(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_digit()) && text.bytes().any(|byte| matches!(byte, b'1'..=b'9'))
}

/// A string of the version resource: lengths and type, the key, zeros up to a multiple of four, the value.
fn text(resources: &[u8], key: &str) -> Option<String> {
    const MAX: usize = 256;
    let wide: Vec<u8> = key.encode_utf16().chain([0]).flat_map(u16::to_le_bytes).collect();
    let at = memchr::memmem::find(resources, &wide)?;
    // In characters, with the zero at the end.
    let length = usize::try_from(unsigned(resources, at.checked_sub(4)?, 2, false)?).ok()?;
    let rest = resources.get(at + wide.len()..)?;
    let units = rest.as_chunks::<2>().0.iter().map(|unit| u16::from_le_bytes(*unit));
    // Leading zeros are padding; a value does not start with one.
    let value = units.skip_while(|unit| *unit == 0).take(length.min(MAX)).take_while(|unit| *unit != 0);
    let value: String = char::decode_utf16(value).collect::<Result<_, _>>().ok()?;
    let value = value.trim();
    (length > 0 && !value.is_empty()).then(|| value.to_owned())
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::prelude::*;

    use super::*;

    /// An assembly with these strings, whose resources are at `offset`.
    pub(in super::super) fn assembly(offset: usize, strings: &[(&str, &str)]) -> Vec<u8> {
        let mut file = vec![0; offset];
        let mut put = |at: usize, bytes: &[u8]| file[at..at + bytes.len()].copy_from_slice(bytes);
        put(0, b"MZ");
        put(0x3c, &0x80_u32.to_le_bytes());
        put(0x80, b"PE\0\0");
        put(0x86, &1_u16.to_le_bytes());
        put(0x94, &224_u16.to_le_bytes());
        put(0x98, &0x10b_u16.to_le_bytes());
        put(0x98 + 92, &16_u32.to_le_bytes());
        put(0x98 + 96 + 2 * 8, &0x4000_u32.to_le_bytes());
        put(0x98 + 96 + 14 * 8, &0x2008_u32.to_le_bytes());
        let section = 0x98 + 224;
        put(section, b".rsrc\0\0\0");
        put(section + 12, &0x4000_u32.to_le_bytes());
        let wide =
            |text: &str| text.encode_utf16().chain([0]).flat_map(u16::to_le_bytes).collect::<Vec<u8>>();
        let mut resources = wide("VS_VERSION_INFO");
        for (key, value) in strings {
            resources.resize(resources.len().next_multiple_of(4), 0);
            resources.extend([0, 0]);
            resources.extend(u16::try_from(value.encode_utf16().count() + 1).unwrap().to_le_bytes());
            resources.extend([1, 0]);
            resources.extend(wide(key));
            resources.resize(resources.len().next_multiple_of(4), 0);
            resources.extend(wide(value));
        }
        let mut put = |at: usize, number: usize| {
            file[at..at + 4].copy_from_slice(&u32::try_from(number).unwrap().to_le_bytes());
        };
        put(section + 16, resources.len());
        put(section + 20, offset);
        file.extend(resources);
        file
    }

    fn read(content: &[u8], piece: usize) -> Option<String> {
        let mut stream = Box::new(Assembly::default());
        for piece in content.chunks(piece) {
            if !stream.take(piece) {
                break;
            }
        }
        let fact = stream.finish()?;
        let fact: &dyn std::any::Any = &*fact;
        let Shown { found, .. } = fact.downcast_ref::<Shown>().unwrap();
        Some(found.as_ref().unwrap()[0].purl.to_string())
    }

    const NEWTONSOFT: &[(&str, &str)] = &[
        ("CompanyName", "Newtonsoft"),
        ("FileVersion", "13.0.3.27908"),
        ("InternalName", "Newtonsoft.Json.dll"),
        ("OriginalFilename", "Newtonsoft.Json.dll"),
        ("ProductVersion", "13.0.3+0a2e291c0d9c0c7675d445703e51750363a549ef"),
    ];

    #[test]
    fn the_version_is_found_wherever_the_resources_are_and_in_pieces_of_any_size() {
        for offset in [0x400, HEAD - 10, HEAD, 1 << 16] {
            let content = assembly(offset, NEWTONSOFT);
            for piece in [1, 7, HEAD, usize::MAX] {
                let expected = Some("pkg:nuget/Newtonsoft.Json@13.0.3".to_owned());
                assert_eq!(read(&content, piece), expected, "{offset} {piece}");
            }
        }
    }

    #[test]
    fn an_assembly_without_name_and_version_is_not_listed() {
        let of = |strings: &[(&str, &str)]| read(&assembly(0x400, strings), usize::MAX);
        let file = |name| [("OriginalFilename", name), ("FileVersion", "1.2.3.4"), ("ProductVersion", "")];
        assert_eq!(of(&file("a.exe")).as_deref(), Some("pkg:nuget/a@1.2.3.4"));
        assert_eq!(of(&file("a.resources.dll")), None);
        assert_eq!(of(&[("OriginalFilename", "a.dll"), ("FileVersion", "0.0.0.0")]), None);
        assert_eq!(of(&[("FileVersion", "1.0")]), None);
        let mut native = assembly(0x400, NEWTONSOFT);
        native[0x98 + 96 + 14 * 8..][..4].fill(0);
        assert_eq!(read(&native, 512), None);
        assert_eq!(read(b"MZ", 1), None);
        assert_eq!(read(b"\x7fELF", 1), None);
    }

    proptest! {
        #[test]
        fn never_panics(at in 0_usize..0x300, bytes in proptest::collection::vec(any::<u8>(), 1..8), cut in 0_usize..0x900) {
            let mut content = assembly(0x400, NEWTONSOFT);
            content[at..at + bytes.len()].copy_from_slice(&bytes);
            content.truncate(cut);
            read(&content, 100);
        }
    }
}
