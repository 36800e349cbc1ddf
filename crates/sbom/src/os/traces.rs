//! Files of operating systems other than their release and package database.
//!
//! An image from which both were deleted still contains the rest of the system, and its packages are missing from the
//! inventory. An image that was made from `scratch` for a single program contains nothing of a system, nor does a
//! folder of sources. The files here distinguish the two. The files that the other catalogers of operating systems
//! search for count as well.
//!
//! A program that names a loader (`PT_INTERP`, System V ABI, chapter 5) needs at least a C library, whatever its files
//! are called.

use std::sync::Arc;

use plimsoll_core::rootfs::{Fact, Footprint, Need};
use serde::{Deserialize, Serialize};

use crate::cataloger::{Cataloger, Coverage, File, Mode, Selection};
use crate::context::Context;
use crate::fact::FactKind;
use crate::loader::names_loader;

const PROGRAM: u16 = 1;

const SELECTIONS: &[Selection] = &[
    Selection {
        paths: &[
            // Of package managers, other than their databases.
            "etc/apk/*",
            "etc/apt/*",
            "etc/apt/sources.list.d/*",
            "etc/dnf/*",
            "etc/dpkg/*",
            "etc/opkg.conf",
            "etc/pacman.conf",
            "etc/portage/*",
            "etc/rpm/*",
            "etc/yum.conf",
            "etc/yum.repos.d/*",
            "etc/zypp/*",
            "lib/apk/db/lock",
            "lib/apk/db/scripts.tar*",
            "lib/apk/db/triggers",
            "usr/lib/apk/db/scripts.tar*",
            "usr/lib/apk/db/triggers",
            "usr/lib/rpm/macros",
            "usr/lib/rpm/rpmrc",
            "var/lib/apt/lists/*",
            "var/lib/dpkg/available",
            "var/lib/dpkg/diversions",
            "var/lib/dpkg/lock",
            "var/lib/dpkg/info/format",
            "var/lib/rpm/.rpm.lock",
            // C libraries and loaders, wherever they are.
            "**/ld-linux.so.2",
            "**/ld-linux-*.so.1",
            "**/ld-linux-*.so.2",
            "**/ld-linux-*.so.3",
            "**/ld-musl-*.so.1",
            "**/ld64.so.1",
            "**/ld64.so.2",
            "**/libc.musl-*.so.1",
            "**/libc.so.6",
            "**/libc.so.6.1",
            "**/libc.so.7",
            "etc/ld-musl-*.path",
            "etc/ld.so.cache",
            "etc/ld.so.conf",
            // Of a base system.
            "bin/freebsd-version",
            "etc/inittab",
            "etc/issue",
            "etc/login.defs",
            "usr/share/base-files/*",
            "usr/share/doc/base-files/copyright",
            "usr/share/doc/libc6/copyright",
            // Of systems that are not Linux.
            "Files/Windows/System32/ntdll.dll",
            "Hives/*",
            "System/Library/CoreServices/SystemVersion.plist",
            "Windows/System32/ntdll.dll",
            "system/build.prop",
        ],
        mode: Mode::Any,
        min_size: 0,
        need: Need::Name,
    },
    // Linkers write the program headers directly after the file's own header.
    Selection { paths: &[], mode: Mode::Executable, min_size: 0, need: Need::Head { bytes: 1 << 10 } },
];

/// Finds files that show that there is an operating system.
pub(crate) struct Traces;

/// A file belongs to an operating system, or does not run without one.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Trace;

impl Footprint for Trace {
    fn footprint(&self) -> usize {
        0
    }
}

impl Cataloger for Traces {
    fn id(&self) -> &'static str {
        "os-traces"
    }

    fn version(&self) -> u32 {
        1
    }

    fn coverage(&self) -> Coverage {
        Coverage::OperatingSystem
    }

    fn purl_types(&self) -> &'static [&'static str] {
        &[]
    }

    fn selections(&self) -> &'static [Selection] {
        SELECTIONS
    }

    fn facts(&self) -> &'static [FactKind] {
        const { &[FactKind::for_type::<Trace>()] }
    }

    fn extract(&self, selection: u16, file: &File<'_>) -> Option<Arc<dyn Fact>> {
        (selection != PROGRAM || names_loader(file.content)).then(|| Arc::new(Trace) as _)
    }

    /// The effect of a trace depends on what all catalogers found.
    fn finish(&self, _: &mut Context<'_, '_>) {}
}
