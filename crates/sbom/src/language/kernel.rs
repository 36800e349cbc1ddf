//! Kernels of Linux that no package of the operating system brought, by what their images say.
//!
//! Follows "The Linux/x86 Boot Protocol": behind `HdrS`, at 0x20e, is the distance of the version from 0x200; in other images,
//! uncompressed ones, `Linux version 6.1.0 (…)` stands somewhere. Modules beside a kernel are built with it.

use std::collections::BTreeSet;
use std::sync::Arc;

use plimsoll_core::rootfs::{Fact, Need};

use crate::cataloger::{Cataloger, File, Mode, Room, Selection};
use crate::context::Context;
use crate::fact::FactKind;
use crate::language::shown::{Shown, component};
use crate::telltales::{self, Kind, Unidentified};

/// Bytes that are read: the setup code, which is 16 to 32 KiB, has the version in it.
const HEAD: u64 = 64 << 10;

const IMAGE: u16 = 0;
const MODULES: u16 = 1;

const SELECTIONS: &[Selection] = &[
    Selection {
        paths: &["boot/vmlinuz*", "**/vmlinuz", "**/bzImage"],
        mode: Mode::Any,
        min_size: 0,
        need: Need::Head { bytes: HEAD },
    },
    Selection {
        paths: &["**/lib/modules/*/modules.builtin"],
        mode: Mode::Any,
        min_size: 0,
        need: Need::Name,
    },
];

/// Images that do not say their version.
const WITHOUT_VERSION: Kind = Kind { ecosystem: "Linux kernel", files: "vmlinuz" };

/// Finds kernels.
pub(crate) struct Kernel;

impl Cataloger for Kernel {
    fn id(&self) -> &'static str {
        "linux-kernel"
    }

    fn version(&self) -> u32 {
        1
    }

    fn room(&self) -> Room {
        Room::Language
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
        let found = if selection == IMAGE { version(file.content) } else { None };
        let found = found.map(|version| component("generic", "", "linux-kernel", version));
        Some(Shown::fact(file.content, found.transpose().map(|found| found.into_iter().collect())))
    }

    fn finish(&self, context: &mut Context<'_, '_>) {
        let found: Vec<_> = context.distinct::<Shown>(&[IMAGE, MODULES]).collect();
        if found.is_empty() {
            return;
        }
        context.tell_unread([IMAGE]);
        let mut known = BTreeSet::new();
        let brought = telltales::brought(context, found.iter().map(|(file, _)| &*file.real_path));
        for (file, shown) in found.into_iter().filter(|(file, _)| !brought.contains(&*file.real_path)) {
            let mut of_path = None;
            if let Some(folder) = file.path.strip_suffix("/modules.builtin") {
                let version = folder.rsplit('/').next().unwrap_or(folder);
                of_path = component("generic", "", "linux-kernel", version).ok();
            }
            let kernel = shown.found.iter().flatten().chain(&of_path).next();
            match kernel {
                // Not the modules of a kernel that is there, nor once more the same.
                Some(kernel) if known.insert(kernel.version.clone()) => {
                    context.add_shown(kernel, file, None);
                }
                Some(_) => {}
                None => context.found.unidentified.push(Unidentified {
                    kind: WITHOUT_VERSION,
                    file,
                    digests: None,
                }),
            }
        }
    }
}

/// The version in the head of an image: `6.1.0-57-cloud-amd64`.
fn version(head: &[u8]) -> Option<&str> {
    const LINUX: &[u8] = b"Linux version ";
    let text = if head.get(0x202..0x206) == Some(b"HdrS") {
        let distance = u16::from_le_bytes(*head.get(0x20e..0x210)?.first_chunk()?);
        head.get(0x200 + usize::from(distance)..)?
    } else {
        head.get(memchr::memmem::find(head, LINUX)? + LINUX.len()..)?
    };
    let end = text.iter().take(256).position(|byte| matches!(byte, b' ' | b'\0' | b'\n'))?;
    let version = str::from_utf8(text.get(..end)?).ok()?;
    version.starts_with(|c: char| c.is_ascii_digit()).then_some(version)
}

#[cfg(test)]
mod tests {
    use plimsoll_core::Limits;
    use plimsoll_core::rootfs::FileSet;
    use proptest::prelude::*;

    use super::*;
    use crate::catalogers::select;

    fn image() -> Vec<u8> {
        let mut head = vec![0; 0x4000];
        head[0x202..0x206].copy_from_slice(b"HdrS");
        head[0x20e..0x210].copy_from_slice(&0x3000_u16.to_le_bytes());
        let text = b"6.1.0-57-cloud-amd64 (debian-kernel@lists.debian.org) #1 SMP\0";
        head[0x3200..0x3200 + text.len()].copy_from_slice(text);
        head
    }

    #[test]
    fn a_kernel_counts_once_where_no_package_brought_it() {
        let status = b"Package: k\nStatus: install ok installed\nVersion: 1\nArchitecture: all\n\n";
        let sums = b"d41d8cd98f00b204e9800998ecf8427e  boot/vmlinuz-of-debian\n";
        let mut set = FileSet::default();
        for (path, content) in [
            ("var/lib/dpkg/status", &status[..]),
            ("var/lib/dpkg/info/k.md5sums", sums),
            ("boot/vmlinuz-of-debian", &image()),
            ("boot/vmlinuz-6.1.0-57-cloud-amd64", &image()),
            ("lib/modules/6.1.0-57-cloud-amd64/modules.builtin", b""),
            ("lib/modules/6.6.1/modules.builtin", b""),
            ("boot/vmlinuz-other", b"MZ"),
        ] {
            set.add(select(), path, None, content);
        }
        let found = crate::catalog(&set, &Limits::default());
        let kernels = found.components.iter().filter(|it| it.name == "linux-kernel");
        let kernels: Vec<&str> = kernels.map(|it| it.version.as_str()).collect();
        assert_eq!(kernels, ["6.1.0-57-cloud-amd64", "6.6.1"]);
        assert!(found.problems.iter().any(|it| it.path == "boot/vmlinuz-other" && it.hides_components()));
    }

    proptest! {
        #[test]
        fn never_panics(distance in any::<u16>(), cut in 0_usize..0x4000) {
            let mut head = image();
            head[0x20e..0x210].copy_from_slice(&distance.to_le_bytes());
            head.truncate(cut);
            version(&head);
        }
    }
}
