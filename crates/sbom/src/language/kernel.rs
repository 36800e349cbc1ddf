//! Linux kernels that no package of the operating system owns, identified by their images, and modules for them.
//!
//! Follows "The Linux/x86 Boot Protocol": after `HdrS`, at 0x20e, is the offset of the version from 0x200. Other
//! images, which are not compressed, contain `Linux version 6.1.0 (…)` somewhere. Modules that were built with a kernel
//! are a part of it, and show that it is installed; others are separate packages that depend on it. [`module`] reads
//! them.

mod module;

use std::collections::BTreeMap;
use std::sync::Arc;

use plimsoll_core::rootfs::{Bound, Fact, FoundFile, Need};

use crate::cataloger::{Cataloger, Coverage, File, Mode, Selection};
use crate::context::Context;
use crate::fact::FactKind;
use crate::inventory::{Component, ComponentIndex, ProblemCode, Relationship, RelationshipKind};
use crate::language::shown::{Package, Shown, component};
use crate::licence::Licence;
use crate::telltales::{self, Kind, Unidentified};
use module::{Info, Module};

/// Bytes that are read: the setup code, which is 16 to 32 KiB, contains the version.
const HEAD: u64 = 64 << 10;

const IMAGE: u16 = 0;
const MODULES: u16 = 1;
const MODULE: u16 = 2;

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
    Selection {
        paths: &["**/*.ko", "**/*.ko.gz", "**/*.ko.xz", "**/*.ko.zst"],
        mode: Mode::Regular,
        min_size: 0,
        need: Need::Whole(Bound::List),
    },
];

/// Images that do not state their version.
const WITHOUT_VERSION: Kind = Kind { ecosystem: "Linux kernel", files: "vmlinuz" };

/// Modules that cannot be read.
const UNREAD_MODULE: Kind = Kind { ecosystem: "Linux kernel", files: "*.ko" };

/// Finds kernels and modules.
pub(crate) struct Kernel;

impl Cataloger for Kernel {
    fn id(&self) -> &'static str {
        "linux-kernel"
    }

    fn version(&self) -> u32 {
        3
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
        const { &[FactKind::for_type::<Shown>(), FactKind::for_type::<Module>()] }
    }

    fn extract(&self, selection: u16, file: &File<'_>) -> Option<Arc<dyn Fact>> {
        if selection == MODULE {
            return Some(Arc::new(module::read(file.content, file.limits)));
        }
        let found = if selection == IMAGE { version(file.content) } else { None };
        let found = found.map(|version| component("generic", "", "linux-kernel", version));
        Some(Shown::fact(file.content, found.transpose().map(|found| found.into_iter().collect())))
    }

    fn finish(&self, context: &mut Context<'_, '_>) {
        let found: Vec<_> = context.distinct::<Shown>(&[IMAGE, MODULES]).collect();
        context.tell_unread([IMAGE, MODULE]);
        let mut known = BTreeMap::new();
        let brought = telltales::brought(context, found.iter().map(|(file, _)| &*file.real_path));
        for (file, shown) in found.into_iter().filter(|(file, _)| !brought.contains(&*file.real_path)) {
            let mut of_path = None;
            if let Some(folder) = file.path.strip_suffix("/modules.builtin") {
                let version = folder.rsplit('/').next().unwrap_or(folder);
                of_path = component("generic", "", "linux-kernel", version).ok();
            }
            let kernel = shown.found.iter().flatten().chain(&of_path).next();
            match kernel {
                // Not the modules of a listed kernel, and no module twice.
                Some(kernel) if !known.contains_key(&kernel.version) => {
                    known.insert(kernel.version.clone(), context.add_shown(kernel, file, None));
                }
                Some(_) => {}
                None => context.found.unidentified.push(Unidentified {
                    kind: WITHOUT_VERSION,
                    file,
                    digests: None,
                }),
            }
        }
        modules(context, known);
    }
}

/// Adds the modules that no package of the operating system owns and that are not parts of a kernel. Parts of a kernel
/// show the kernel.
fn modules(context: &mut Context<'_, '_>, mut kernels: BTreeMap<String, ComponentIndex>) {
    let found: Vec<_> = context.distinct::<Module>(&[MODULE]).collect();
    let brought = telltales::brought(context, found.iter().map(|(file, _)| &*file.real_path));
    for (file, module) in found {
        let is_brought = brought.contains(&*file.real_path);
        let info = match &module.found {
            Ok(info) => info,
            Err(_) if is_brought => continue,
            Err(_) => {
                context.found.unidentified.push(Unidentified { kind: UNREAD_MODULE, file, digests: None });
                continue;
            }
        };
        let of_version = |version: &String| component("generic", "", "linux-kernel", version).ok();
        let kernel = info.kernel.as_ref().and_then(of_version);
        if info.is_part_of_kernel {
            // The package that owns it names the kernel.
            if let Some(kernel) = kernel.filter(|it| !is_brought && !kernels.contains_key(&it.version)) {
                kernels.insert(kernel.version.clone(), context.add_shown(&kernel, file, None));
            }
            continue;
        }
        match of_module(info, file) {
            Ok(found) => {
                let from = context.add_shown(&found, file, &module.digests);
                if let Some(to) = kernel.and_then(|kernel| kernels.get(&kernel.version)) {
                    let needs = Relationship { from, kind: RelationshipKind::DependsOn, to: *to };
                    context.found.inventory.relationships.insert(needs);
                }
            }
            Err(detail) => context.problem(ProblemCode::UnparsableMetadata, &file.path, detail),
        }
    }
}

/// A module with its own version.
fn of_module(info: &Info, file: &FoundFile) -> Result<Component, String> {
    let name = file.path.rsplit('/').next().unwrap_or(&file.path);
    let name = info.name.as_deref().unwrap_or_else(|| name.split(".ko").next().unwrap_or(name));
    let qualifiers = [("kernel", info.kernel.clone().unwrap_or_default())];
    let version = info.version.as_deref();
    let package = Package {
        purl_type: "generic",
        namespace: "linux-kernel-module",
        name,
        version,
        qualifiers: &qualifiers,
        subpath: "",
    };
    let mut found = package.component()?;
    found.licenses = info.licence.as_deref().and_then(Licence::stated).into_iter().collect();
    Ok(found)
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
    fn a_kernel_is_listed_once_if_no_package_owns_it() {
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

    #[test]
    fn third_party_modules_are_packages_and_those_of_the_kernel_show_it() {
        let vermagic = "vermagic=6.1.0-47 SMP mod_unload ";
        let own = module::tests::module(&["license=GPL", "intree=Y", "name=af_key", vermagic]);
        let zfs = module::tests::module(&["license=CDDL", "version=2.1.11-1", "name=zfs", vermagic]);
        let status = b"Package: k\nStatus: install ok installed\nVersion: 1\nArchitecture: all\n\n";
        let sums = b"d41d8cd98f00b204e9800998ecf8427e  lib/modules/5.1/kernel/a.ko\n\
                     d41d8cd98f00b204e9800998ecf8427e  lib/modules/5.1/kernel/b.ko.xz\n";
        let of_debian = module::tests::module(&["intree=Y", "name=a", "vermagic=5.1 SMP"]);
        let without = module::tests::module(&["license=Proprietary", "vermagic=6.1.0-47 SMP"]);
        let zstd = zstd::encode_all(&*zfs, 0).unwrap();
        let mut set = FileSet::default();
        for (path, content) in [
            ("var/lib/dpkg/status", &status[..]),
            ("var/lib/dpkg/info/k.md5sums", sums),
            ("lib/modules/5.1/kernel/a.ko", &of_debian),
            ("lib/modules/5.1/kernel/b.ko.xz", b"\xfd7zXZ\0"),
            ("lib/modules/6.1.0-47/kernel/net/key/af_key.ko", &own),
            ("lib/modules/6.1.0-47/updates/dkms/zfs.ko.zst", &zstd),
            ("opt/vendor/driver.ko", &without),
            ("opt/vendor/packed.ko.xz", b"\xfd7zXZ\0"),
        ] {
            set.add(select(), path, None, content);
        }
        let found = crate::catalog(&set, &Limits::default());
        let shown = found.components.iter().filter(|it| it.purl.package_type() == "generic");
        let shown: Vec<String> = shown.map(|it| it.purl.to_string()).collect();
        assert_eq!(
            shown,
            [
                "pkg:generic/linux-kernel@6.1.0-47",
                "pkg:generic/linux-kernel-module/driver?kernel=6.1.0-47",
                "pkg:generic/linux-kernel-module/zfs@2.1.11-1?kernel=6.1.0-47"
            ]
        );
        let needs = found.relationships.iter().filter(|it| it.kind == RelationshipKind::DependsOn);
        assert_eq!(needs.count(), 2);
        let hides = |path: &str| found.problems.iter().any(|it| it.path == path && it.hides_components());
        assert!(
            hides("opt/vendor/packed.ko.xz") && !hides("lib/modules/5.1/kernel/b.ko.xz"),
            "{:?}",
            found.problems
        );
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
