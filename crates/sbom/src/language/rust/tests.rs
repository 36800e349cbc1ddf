//! Programs that `cargo auditable` 0.7 made, reduced to the section and the headers that lead to it.

use plimsoll_core::rootfs::{Extraction, FileSet, FoundFile};
use proptest::prelude::*;

use super::*;
use crate::catalogers::select;
use crate::inventory::Inventory;

/// The section for `app` 0.3.1, which depends on itoa and semver, and on version_check for its build.
const SECTION: &str = "789c858f5b0ac2301045f732df319816c1762b22324e460d6d332149fd29ddbb5144ea03fc3ddc73e04e10903a3c73827637\
    81c781a105c21586000aae1c93135fd05ad7da1492648c74dff442d8176039b0b7ecc93d1a4655aade2b882219da1c479ed5\
    abebb2e05bd5e8b536cd324b113327ed04165ee2a1385f66b5fd6b3e85035d98ba8f438ddefcf61574cedb828ea3eb2dcce5\
    ce49e280e590996f23b06146";

fn section() -> Vec<u8> {
    hex::decode(SECTION).unwrap()
}

/// An ELF file whose first `loaded` bytes are loaded, followed by the rest.
fn elf(loaded: usize, data: &[u8]) -> Vec<u8> {
    let mut file = b"\x7fELF\x02\x01\x01".to_vec();
    file.resize(16, 0);
    file.extend([2, 0]);
    file.resize(loaded.max(200), 0);
    file[32..40].copy_from_slice(&64_u64.to_le_bytes());
    file[54..58].copy_from_slice(&[56, 0, 1, 0]);
    file[64..72].copy_from_slice(&[1, 0, 0, 0, 5, 0, 0, 0]);
    file[96..104].copy_from_slice(&(loaded as u64).to_le_bytes());
    file.extend(data);
    file
}

fn read(file: &[u8], chunk: usize) -> Option<Result<Vec<u8>, section::Error>> {
    let mut search = Search::new(1 << 10);
    for piece in file.chunks(chunk) {
        if !search.take(piece) {
            break;
        }
    }
    search.finish()
}

/// The inventory of an image with these programs.
fn catalog(programs: &[(&str, &[u8])]) -> Inventory {
    let mut set = FileSet::default();
    let limits = Limits::default();
    let files: [(&str, &[u8]); 3] = [
        ("etc/os-release", b"ID=debian\nVERSION_ID=12\n"),
        (
            "var/lib/dpkg/status",
            b"Package: app\nStatus: install ok installed\nArchitecture: amd64\nVersion: 1\n",
        ),
        ("var/lib/dpkg/info/app.md5sums", b"00000000000000000000000000000000  usr/bin/app\n"),
    ];
    for (path, content) in files {
        set.add(select(), path, None, content);
    }
    for (path, content) in programs {
        let attributes = Attributes { size: content.len() as u64, mode: 0o755 };
        let purposes = select().want(path, Some(attributes));
        let mut buffer = Vec::new();
        let mut extraction = Extraction::new(select(), &purposes, attributes, &limits, &mut buffer);
        extraction.take(content);
        let path = (*path).to_owned();
        set.insert(FoundFile {
            real_path: path.clone(),
            path,
            facts: extraction.finish(),
            layer: None,
            earlier: Vec::new(),
        });
    }
    crate::catalog(&set, &limits)
}

#[test]
fn crates_are_listed_with_their_dependencies_and_the_package_that_claims_them() {
    let program = elf(20_000, &[b"GCC: x\0x\x9cx\xda", section().as_slice(), b"symbols x"].concat());
    let inventory = catalog(&[("usr/bin/app", &program), ("srv/plain", &elf(300, b"no list"))]);
    let crates: Vec<String> = inventory
        .components
        .iter()
        .filter(|it| it.purl.package_type() == "cargo")
        .map(|it| format!("{} {}", it.purl, it.locations[0].path))
        .collect();
    assert_eq!(
        crates,
        [
            "pkg:cargo/ca-app@0.3.1 usr/bin/app",
            "pkg:cargo/itoa@1.0.19 usr/bin/app",
            "pkg:cargo/semver@1.0.28 usr/bin/app"
        ]
    );
    let name = |index: ComponentIndex| inventory.components[index.0].purl.name().to_owned();
    let related: Vec<(String, RelationshipKind, String)> =
        inventory.relationships.iter().map(|it| (name(it.from), it.kind, name(it.to))).collect();
    let claimed = RelationshipKind::OwnedBy(crate::inventory::OwnerEvidence::Claimed);
    let expected = [
        ("ca-app", RelationshipKind::DependsOn, "itoa"),
        ("ca-app", RelationshipKind::DependsOn, "semver"),
        ("ca-app", claimed, "app"),
        ("itoa", claimed, "app"),
        ("semver", claimed, "app"),
    ];
    assert_eq!(related, expected.map(|(from, kind, to)| (from.to_owned(), kind, to.to_owned())));
    let problems: Vec<String> =
        inventory.problems.iter().map(|it| format!("{} {}: {}", it.code, it.path, it.words())).collect();
    assert_eq!(problems, ["not-read srv/plain: executables (1 file): not read yet"]);
}

#[test]
fn a_list_in_loaded_data_is_ignored() {
    let (section, size) = (section(), section().len());
    let mut file = elf(20_000, b"");
    file[10_000..10_000 + size].copy_from_slice(&section);
    assert_eq!(read(&file, 4096), None);
    // In the other formats it may be anywhere.
    for magic in [b"MZ\0\0", b"\xcf\xfa\xed\xfe"] {
        file[..4].copy_from_slice(magic);
        assert!(matches!(read(&file, 4096), Some(Ok(json)) if json.starts_with(b"{\"packages\":[")));
    }
}

#[test]
fn a_list_that_is_truncated_damaged_or_too_long_is_reported() {
    let section = section();
    assert_eq!(read(&elf(300, &section[..100]), 64), Some(Err(section::Error::Damaged)));
    let mut damaged = section.clone();
    damaged[130..].fill(0xff);
    assert_eq!(read(&elf(300, &damaged), 64), Some(Err(section::Error::Damaged)));
    let mut search = Search::new(100);
    search.take(&elf(300, &section));
    assert_eq!(search.finish(), Some(Err(section::Error::TooLong(100))));
    let inventory = catalog(&[("srv/app", &elf(300, &section[..100]))]);
    let told = |it: &crate::Problem| it.path == "srv/app" && it.detail.contains("cut short");
    assert!(inventory.problems.iter().any(told), "{:?}", inventory.problems);
}

proptest! {
    #[test]
    fn pieces_of_any_size_give_the_same_result(
        before in proptest::collection::vec(any::<u8>(), 0..2000),
        loaded in 200_usize..12_000,
        chunk in 1_usize..5000,
        cut in 0_usize..162,
    ) {
        let section = section();
        let file = elf(loaded, &[&before, &section[..cut], b"x"].concat());
        prop_assert_eq!(read(&file, chunk), read(&file, usize::MAX));
        let file = elf(loaded, &[&before, section.as_slice(), b"x"].concat());
        prop_assert!(matches!(read(&file, chunk), Some(Ok(_))));
    }
}
