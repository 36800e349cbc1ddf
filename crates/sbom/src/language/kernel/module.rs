//! Modules of the Linux kernel: the section `.modinfo` of an ELF file contains names and values separated by zero
//! bytes, as `modinfo` shows them. A module may be compressed by gzip, xz or zstd, and distributions append a signature.
//!
//! ```text
//! license=GPL␀ depends=xfrm_algo␀ intree=Y␀ name=af_key␀ vermagic=6.1.0-47-cloud-amd64 SMP preempt mod_unload modversions ␀
//! ```
//!
//! A module that was built with the kernel says so (`intree=Y`), and is a part of it. Others have versions of their own.

use std::io::Read as _;

use plimsoll_core::rootfs::Footprint;
use plimsoll_core::{LimitExceeded, Limits};
use serde::{Deserialize, Serialize};

use crate::magic::Elf;
use crate::ownership::FileDigests;

/// Bytes of the section that are read. The aliases of a driver for hundreds of devices take some 40 KiB.
const MODINFO: usize = 1 << 20;
/// How many times longer than its file a module may inflate: real ones at most four times. An image may contain any
/// number of modules.
const RATIO: u64 = 64;
/// KiB of memory for uncompressing by xz. Linux's build asks for 2 MiB (`--lzma2=dict=2MiB`), `xz -6` for 8 MiB.
const XZ_KIB: u32 = 32 << 10;
/// The longest value that is kept.
const MAX_VALUE: usize = 255;

/// A module, or why it cannot be read.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Module {
    pub(super) found: Result<Info, String>,
    pub(super) digests: FileDigests,
}

/// The fields of a module.
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Info {
    /// If it is missing, the name of the file counts.
    pub(super) name: Option<String>,
    pub(super) version: Option<String>,
    pub(super) licence: Option<String>,
    /// The version of the kernel that it was built for.
    pub(super) kernel: Option<String>,
    /// Whether it was built with the kernel.
    pub(super) is_part_of_kernel: bool,
}

impl Footprint for Module {
    fn footprint(&self) -> usize {
        let text = match &self.found {
            Ok(Info { name, version, licence, kernel, .. }) => {
                [name, version, licence, kernel].into_iter().flatten().map(String::len).sum()
            }
            Err(reason) => reason.len(),
        };
        size_of::<Self>() + text
    }
}

/// Reads a file.
pub(super) fn read(content: &[u8], limits: &Limits) -> Module {
    let found = match content {
        [0x28, 0xb5, 0x2f, 0xfd, ..] => zstd(content, limits).and_then(|elf| info(&elf)),
        [0x1f, 0x8b, ..] => {
            inflated(content, flate2::read::MultiGzDecoder::new(content), limits).and_then(|elf| info(&elf))
        }
        [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => {
            let decoder = lzma_rust2::XzReader::new_mem_limit(content, true, XZ_KIB);
            inflated(content, decoder, limits).and_then(|elf| info(&elf))
        }
        elf => info(elf),
    };
    Module { found, digests: FileDigests::of_content(content) }
}

fn zstd(content: &[u8], limits: &Limits) -> Result<Vec<u8>, String> {
    let unreadable = |error: std::io::Error| format!("is not a zstd file: {error}");
    let mut decoder = zstd::Decoder::with_buffer(content).map_err(unreadable)?;
    decoder.window_log_max(limits.zstd_window_bytes.max(1).ilog2()).map_err(unreadable)?;
    inflated(content, decoder, limits)
}

fn inflated(content: &[u8], from: impl std::io::Read, limits: &Limits) -> Result<Vec<u8>, String> {
    let of_ratio = RATIO.saturating_mul(content.len() as u64);
    let limit = limits.kept_file_bytes.min(of_ratio);
    let mut elf = Vec::new();
    from.take(limit.saturating_add(1))
        .read_to_end(&mut elf)
        .map_err(|error| format!("cannot be uncompressed: {error}"))?;
    if elf.len() as u64 > limit && limit == of_ratio {
        return Err(format!("inflates to more than {RATIO} times its size"));
    }
    if elf.len() as u64 > limit {
        return Err(LimitExceeded::new("kept_file_bytes", limit, "the module").to_string());
    }
    Ok(elf)
}

fn info(elf: &[u8]) -> Result<Info, String> {
    let section = section(elf).ok_or("is not a module of Linux: it has no section .modinfo")?;
    let mut info = Info::default();
    for field in section.split(|byte| *byte == 0) {
        let Some((name, value)) = str::from_utf8(field).ok().and_then(|field| field.split_once('=')) else {
            continue;
        };
        let value = value.trim();
        let text = || (1..=MAX_VALUE).contains(&value.len()).then(|| value.to_owned());
        // Other fields may occur several times, but these only once.
        match name {
            "name" => info.name = info.name.or_else(text),
            "version" => info.version = info.version.or_else(text),
            "license" => info.licence = info.licence.or_else(text),
            "vermagic" => {
                let kernel = value.split(' ').next().filter(|it| (1..=MAX_VALUE).contains(&it.len()));
                info.kernel = info.kernel.or_else(|| kernel.map(str::to_owned));
            }
            "intree" => info.is_part_of_kernel = value == "Y",
            _ => {}
        }
    }
    Ok(info)
}

/// The section `.modinfo`.
fn section(elf: &[u8]) -> Option<&[u8]> {
    let Elf { class: class @ (1 | 2), big_endian, .. } = Elf::parse(elf)? else { return None };
    let number = |at: usize, size: usize| -> Option<usize> {
        let bytes = elf.get(at..at.checked_add(size)?)?;
        let add = |number: u64, byte: &u8| number << 8 | u64::from(*byte);
        let number = if big_endian { bytes.iter().fold(0, add) } else { bytes.iter().rev().fold(0, add) };
        usize::try_from(number).ok()
    };
    // Start of the table, size and number of its entries, the section with the names. Then offset and size in an entry.
    let (word, [start, size, count, names], [offset, length]) = match class {
        1 => (4, [32, 46, 48, 50], [16, 20]),
        _ => (8, [40, 58, 60, 62], [24, 32]),
    };
    let (start, entry) = (number(start, word)?, number(size, 2)?);
    let (count, names) = (number(count, 2)?, number(names, 2)?);
    let header = |index: usize| start.checked_add(index.checked_mul(entry)?);
    let content = |header: usize| {
        let from = number(header.checked_add(offset)?, word)?;
        elf.get(from..from.checked_add(number(header.checked_add(length)?, word)?)?)
    };
    let names = content(header(names)?)?;
    let is_modinfo = |header: usize| {
        let name = number(header, 4).and_then(|at| names.get(at..));
        name.is_some_and(|name| name.starts_with(b".modinfo\0"))
    };
    let found = (0..count).filter_map(header).find(|header| is_modinfo(*header))?;
    content(found).filter(|section| section.len() <= MODINFO)
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A module with these fields, as the kernel's build writes them, without code.
    pub(in super::super) fn module(fields: &[&str]) -> Vec<u8> {
        let mut elf = b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x01\0\x3e\0\x01\0\0\0".to_vec();
        elf.resize(64, 0);
        let modinfo: Vec<u8> = fields.iter().flat_map(|field| field.bytes().chain([0])).collect();
        let names = b"\0.modinfo\0.shstrtab\0";
        let parts =
            [(0_u32, 0_usize, 0_usize), (1, 64, modinfo.len()), (10, 64 + modinfo.len(), names.len())];
        elf.extend(&modinfo);
        elf.extend(names);
        let table = elf.len();
        for (name, from, length) in parts {
            let mut header = [0; 64];
            header[..4].copy_from_slice(&name.to_le_bytes());
            header[24..32].copy_from_slice(&(from as u64).to_le_bytes());
            header[32..40].copy_from_slice(&(length as u64).to_le_bytes());
            elf.extend(header);
        }
        elf[40..48].copy_from_slice(&(table as u64).to_le_bytes());
        elf[58..64].copy_from_slice(&[64, 0, 3, 0, 2, 0]);
        elf.extend(b"~Module signature appended~\n");
        elf
    }

    fn found(content: &[u8]) -> Result<Info, String> {
        read(content, &Limits::default()).found
    }

    #[test]
    fn name_version_and_kernel_of_a_module_are_read_in_every_compression() {
        let elf = module(&[
            "license=CDDL",
            "version=2.1.11-1",
            "parm=version:text",
            "name=zfs",
            "vermagic=6.1.0-47-cloud-amd64 SMP preempt mod_unload modversions ",
        ]);
        let expected = Info {
            name: Some("zfs".to_owned()),
            version: Some("2.1.11-1".to_owned()),
            licence: Some("CDDL".to_owned()),
            kernel: Some("6.1.0-47-cloud-amd64".to_owned()),
            is_part_of_kernel: false,
        };
        assert_eq!(found(&elf).as_ref(), Ok(&expected));
        assert_eq!(found(&zstd::encode_all(&*elf, 0).unwrap()).as_ref(), Ok(&expected));
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        std::io::Write::write_all(&mut gzip, &elf).unwrap();
        assert_eq!(found(&gzip.finish().unwrap()).as_ref(), Ok(&expected));
        assert_eq!(found(&xz(&elf, 6)), Ok(expected));
        assert!(found(&module(&["intree=Y"])).unwrap().is_part_of_kernel);
    }

    fn xz(content: &[u8], preset: u32) -> Vec<u8> {
        let options = lzma_rust2::XzOptions::with_preset(preset);
        let mut writer = lzma_rust2::XzWriter::new(Vec::new(), options).unwrap();
        std::io::Write::write_all(&mut writer, content).unwrap();
        writer.finish().unwrap()
    }

    #[test]
    fn an_invalid_module_is_reported() {
        for bad in
            [&b""[..], b"text", b"\x7fELF\x02\x01", b"\xfd7zXZ\0", b"\x28\xb5\x2f\xfd", b"\x1f\x8b\x08"]
        {
            assert!(found(bad).is_err(), "{bad:?}");
        }
        let long = "x".repeat(MAX_VALUE + 1);
        assert_eq!(found(&module(&[&format!("version={long}"), "name="])), Ok(Info::default()));
    }

    #[test]
    fn modules_inflate_within_their_limits() {
        let bomb = zstd::encode_all(&*vec![0; 2 << 20], 0).unwrap();
        assert!(found(&bomb).unwrap_err().contains("more than 64 times"));
        assert!(found(&xz(&vec![0; 2 << 20], 6)).unwrap_err().contains("more than 64 times"));
        // A dictionary of 64 MiB would be allocated before its first byte is read.
        assert!(found(&xz(&module(&["name=a"]), 9)).unwrap_err().contains("memory"));
        let mut limits = Limits::default();
        limits.kept_file_bytes = 1 << 10;
        let numbers = (0_u32..8000).flat_map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes());
        let alias = hex::encode(numbers.collect::<Vec<u8>>());
        let large = zstd::encode_all(&*module(&[&format!("alias={alias}")]), 0).unwrap();
        assert!(read(&large, &limits).found.unwrap_err().contains("kept_file_bytes"));
    }

    proptest! {
        #[test]
        fn never_panics(changes in proptest::collection::vec((any::<u16>(), any::<u8>()), 0..8)) {
            let mut elf = module(&["name=a", "version=1"]);
            for (at, byte) in changes {
                let at = usize::from(at) % elf.len();
                elf[at] = byte;
            }
            let _ = found(&elf);
        }
    }
}
