//! Which directories below a root are other file systems, and whether their files belong to the root.
//!
//! Reads Linux's `/proc/self/mountinfo` (proc(5)): `36 35 98:0 /mnt1 /mnt/parent rw,noatime master:1 - ext3 /dev/root
//! rw`. Without it, only the usual names of pseudo file systems are skipped.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Made by the kernel: they contain no packages.
const PSEUDO: &[&str] = &[
    "binfmt_misc",
    "bpf",
    "cgroup",
    "cgroup2",
    "configfs",
    "debugfs",
    "devpts",
    "devtmpfs",
    "efivarfs",
    "fusectl",
    "hugetlbfs",
    "mqueue",
    "nsfs",
    "proc",
    "pstore",
    "rpc_pipefs",
    "securityfs",
    "selinuxfs",
    "sysfs",
    "tracefs",
];

/// In memory. Live systems have everything there.
const IN_MEMORY: &[&str] = &["ramfs", "tmpfs"];

/// Where every system has a file system in memory, for what only lives while it runs.
const VOLATILE: &[&str] = &["dev", "proc", "run", "sys", "tmp"];

/// Files of other machines and of containers. They do not belong to this root, and reading them may never end.
const FOREIGN: &[&str] =
    &["9p", "afs", "autofs", "ceph", "cifs", "nfs", "nfs4", "overlay", "smb3", "squashfs", "virtiofs"];

/// What is mounted at a directory.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum MountKind {
    /// A part of the root, or nothing.
    Own,
    /// A file system that the kernel generates, or one in memory where every running system has one.
    Pseudo,
    /// A file system that may contain packages, but does not belong to this root; with its type.
    Foreign(String),
}

#[derive(Debug, Default)]
pub(super) struct Mounts(HashMap<PathBuf, String>);

impl Mounts {
    /// The mounts below `root`, which is canonical.
    pub(super) fn below(root: &Path) -> Self {
        fs::read_to_string("/proc/self/mountinfo").map(|text| Self::parse(&text, root)).unwrap_or_default()
    }

    fn parse(text: &str, root: &Path) -> Self {
        let mut mounts = HashMap::new();
        for line in text.lines() {
            let Some((place, kind)) = line.split_once(" - ") else { continue };
            let (Some(point), Some(kind)) = (place.split(' ').nth(4), kind.split(' ').next()) else {
                continue;
            };
            if let Ok(point) = PathBuf::from(unescaped(point)).strip_prefix(root) {
                // If a point has several mounts, the last one is visible.
                mounts.insert(point.to_owned(), kind.to_owned());
            }
        }
        Self(mounts)
    }

    /// What is mounted at `directory`, relative to the root.
    pub(super) fn kind(&self, directory: &Path) -> MountKind {
        if ["proc", "sys", "dev"].iter().any(|name| directory == Path::new(name)) {
            return MountKind::Pseudo;
        }
        match self.0.get(directory).map(String::as_str) {
            Some(kind) if PSEUDO.contains(&kind) => MountKind::Pseudo,
            Some(kind)
                if IN_MEMORY.contains(&kind) && VOLATILE.iter().any(|name| directory.starts_with(name)) =>
            {
                MountKind::Pseudo
            }
            Some(kind) if FOREIGN.contains(&kind) || kind.starts_with("fuse") => {
                MountKind::Foreign(kind.to_owned())
            }
            None | Some(_) => MountKind::Own,
        }
    }
}

/// The kernel writes blanks, tabs, line breaks and backslashes as `\040` and the like.
fn unescaped(point: &str) -> String {
    let mut plain = String::with_capacity(point.len());
    let mut rest = point;
    while let Some((before, after)) = rest.split_once('\\') {
        plain.push_str(before);
        let code = after.get(..3).and_then(|digits| u8::from_str_radix(digits, 8).ok());
        if let (Some(code), Some(tail)) = (code, after.get(3..)) {
            plain.push(char::from(code));
            rest = tail;
        } else {
            plain.push('\\');
            rest = after;
        }
    }
    plain.push_str(rest);
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn made_up_and_foreign_file_systems_are_not_entered() {
        let text = "\
            22 1 259:1 / /srv/root rw - ext4 /dev/vda rw\n\
            23 22 0:21 / /srv/root/run rw,nosuid shared:2 - tmpfs tmpfs rw\n\
            24 22 0:22 / /srv/root/mnt/my\\040share rw - nfs4 host:/x rw\n\
            25 22 0:23 / /srv/root/var rw - xfs /dev/vdb rw\n\
            26 1 0:24 / /elsewhere rw - tmpfs tmpfs rw\n\
            27 22 0:25 / /srv/root/opt/app rw - tmpfs tmpfs rw\n\
            28 22 0:26 / /srv/root/net rw - autofs systemd-1 rw\n";
        let mounts = Mounts::parse(text, Path::new("/srv/root"));
        let kind = |path: &str| mounts.kind(Path::new(path));
        assert_eq!(kind("var"), MountKind::Own);
        assert_eq!(kind("usr"), MountKind::Own);
        assert_eq!(kind("run"), MountKind::Pseudo);
        assert_eq!(kind("proc"), MountKind::Pseudo);
        // What runs from memory counts like anything else.
        assert_eq!(kind("opt/app"), MountKind::Own);
        assert_eq!(kind("net"), MountKind::Foreign("autofs".to_owned()));
        assert_eq!(kind("home/dev"), MountKind::Own);
        assert_eq!(kind("mnt/my share"), MountKind::Foreign("nfs4".to_owned()));
    }
}
