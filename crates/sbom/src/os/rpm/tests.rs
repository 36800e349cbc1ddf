use plimsoll_core::Limits;
use plimsoll_core::rootfs::FileSet;
use proptest::prelude::*;
use sha2::{Digest as _, Sha256};

use super::header::Tag;
use super::*;
use crate::catalogers::{alone, select};
use crate::context::{Found, System};
use crate::inventory::Location;
use crate::storage::sample;
use crate::storage::sample::Order;
use crate::{Inventory, ProblemCode};

const SQLITE_FILE: &str = "var/lib/rpm/rpmdb.sqlite";
const METADATA: &[u8] = b"Metadata-Version: 2.1\nName: demo\nVersion: 1.0\n";
const METADATA_PATH: &str = "usr/lib/python3.12/site-packages/demo-1.0.dist-info/METADATA";

/// Builds a header.
#[derive(Clone, Default)]
struct HeaderBuilder {
    entries: Vec<[u32; 4]>,
    store: Vec<u8>,
}

impl HeaderBuilder {
    /// A package with the entries that every package has.
    fn package(name: &str, version: &str, release: &str) -> Self {
        let texts = [(Tag::NAME, name), (Tag::VERSION, version), (Tag::RELEASE, release)];
        let made = texts.into_iter().fold(Self::default(), |made, (tag, text)| made.text(tag, text));
        made.text(Tag::ARCH, "x86_64")
            .text(Tag::SOURCE_RPM, &format!("{name}-src-{version}-{release}.src.rpm"))
    }

    fn entry(mut self, tag: Tag, kind: u32, count: usize, bytes: &[u8]) -> Self {
        self.entries.push([tag.0, kind, self.store.len().try_into().unwrap(), count.try_into().unwrap()]);
        self.store.extend(bytes);
        self
    }

    fn text(self, tag: Tag, text: &str) -> Self {
        self.entry(tag, 6, 1, &[text.as_bytes(), b"\0"].concat())
    }

    fn texts(self, tag: Tag, texts: &[&str]) -> Self {
        let bytes: Vec<u8> = texts.iter().flat_map(|text| [text.as_bytes(), b"\0"].concat()).collect();
        self.entry(tag, 8, texts.len(), &bytes)
    }

    fn numbers(self, tag: Tag, numbers: &[u32]) -> Self {
        let bytes: Vec<u8> = numbers.iter().flat_map(|number| number.to_be_bytes()).collect();
        self.entry(tag, 4, numbers.len(), &bytes)
    }

    fn blob(&self) -> Vec<u8> {
        let lengths = [self.entries.len(), self.store.len()].map(|n| u32::try_from(n).unwrap().to_be_bytes());
        let entries: Vec<u8> =
            self.entries.iter().flatten().flat_map(|number| number.to_be_bytes()).collect();
        [lengths.concat(), entries, self.store.clone()].concat()
    }
}

/// What `rpm -i` of a package with a configuration, a ghost and Python metadata leaves.
fn demo() -> HeaderBuilder {
    let digest = hex::encode(Sha256::digest(METADATA));
    HeaderBuilder::package("demo", "1.2~rc1", "3.el9")
        .numbers(Tag::EPOCH, &[2])
        .text(Tag::VENDOR, "Demo Vendor")
        .text(Tag::LICENSE, "MIT")
        .text(Tag::MODULARITY_LABEL, "demo:1:20:ab")
        .texts(Tag::BASE_NAMES, &["METADATA", "demo.conf", "METADATA"])
        .texts(Tag::DIRECTORY_NAMES, &["/usr/lib/python3.12/site-packages/demo-1.0.dist-info/", "/etc/"])
        .numbers(Tag::DIRECTORY_INDEXES, &[0, 1, 1])
        .texts(Tag::FILE_DIGESTS, &[&digest, "", ""])
        .numbers(Tag::FILE_FLAGS, &[0, 1, 1 << 6])
        .numbers(Tag::FILE_DIGEST_ALGORITHM, &[8])
}

fn system() -> System {
    let release = OsRelease {
        id: "rhel".to_owned(),
        version_id: Some("9.4".to_owned()),
        codename: None,
        pretty_name: None,
    };
    System { release, like: Vec::new() }
}

fn files(files: &[(&str, &[u8])]) -> FileSet {
    let mut set = FileSet::default();
    for (path, content) in files {
        set.add(select(), path, Some(1), content);
    }
    set
}

fn catalog(list: &[(&str, &[u8])]) -> Inventory {
    alone("rpm", &files(list), Some(system())).inventory
}

fn in_sqlite(packages: &[HeaderBuilder]) -> Vec<u8> {
    let blobs: Vec<Vec<u8>> = packages.iter().map(HeaderBuilder::blob).collect();
    sample::sqlite(&blobs.iter().map(Vec::as_slice).collect::<Vec<_>>())
}

fn purls(inventory: &Inventory) -> Vec<String> {
    inventory.components.iter().map(|component| component.purl.to_string()).collect()
}

#[test]
fn each_form_of_the_database_gives_the_same_packages() {
    let blobs = [
        demo().blob(),
        HeaderBuilder::package("gpg-pubkey", "1", "2").blob(),
        HeaderBuilder::package("b", "1", "1").blob(),
    ];
    let blobs: Vec<&[u8]> = blobs.iter().map(Vec::as_slice).collect();
    for (path, content) in [
        (SQLITE_FILE, sample::sqlite(&blobs)),
        ("usr/lib/sysimage/rpm/rpmdb.sqlite", sample::sqlite(&blobs)),
        ("usr/share/rpm/rpmdb.sqlite", sample::sqlite(&blobs)),
        ("usr/lib/sysimage/rpm/Packages.db", sample::rpm_ndb(&blobs)),
        ("var/lib/rpm/Packages", sample::berkeley(&blobs, Order::Little)),
        ("var/lib/rpm/Packages", sample::berkeley(&blobs, Order::Big)),
    ] {
        let found = catalog(&[(path, &content)]);
        assert_eq!(found.problems, [], "{path}");
        assert_eq!(
            purls(&found),
            [
                "pkg:rpm/redhat/demo@1.2~rc1-3.el9?arch=x86_64&distro=rhel-9.4&epoch=2&rpmmod=demo:1:20:ab\
                 &upstream=demo-src-1.2~rc1-3.el9.src.rpm",
                "pkg:rpm/redhat/b@1-1?arch=x86_64&distro=rhel-9.4&upstream=b-src-1-1.src.rpm",
            ],
            "{path}"
        );
        let demo = &found.components[0];
        assert_eq!(
            (demo.version.as_str(), demo.supplier.as_deref()),
            ("2:1.2~rc1-3.el9", Some("Demo Vendor"))
        );
        assert_eq!(demo.licenses, ["MIT"]);
        assert_eq!(demo.locations, [Location { path: path.to_owned(), layer: Some(1) }]);
        let source = SourcePackage { name: "demo-src".to_owned(), version: "2:1.2~rc1-3.el9".to_owned() };
        assert_eq!(demo.source, Some(source));
        for component in &found.components {
            let by_purl = Component::from_purl(component.purl.clone());
            assert_eq!((&by_purl.source, &by_purl.version), (&component.source, &component.version));
        }
    }
}

#[test]
fn a_package_owns_the_files_that_it_installed() {
    let owner = |package: HeaderBuilder, content: &[u8]| {
        let database = in_sqlite(&[package]);
        let os = (&b"ID=rhel\nVERSION_ID=9.4\n"[..], "etc/os-release");
        let list = [(os.1, os.0), (SQLITE_FILE, database.as_slice()), (METADATA_PATH, content)];
        let inventory = crate::catalog(&files(&list), &Limits::default());
        assert_eq!(inventory.problems, []);
        let python = inventory.components.iter().position(|it| it.purl.package_type() == "pypi").unwrap();
        let owner = inventory.owner(crate::ComponentIndex(python));
        owner.map(|owner| (owner.package.name.clone(), owner.evidence))
    };
    let by_demo = |evidence| Some(("demo".to_owned(), evidence));
    assert_eq!(owner(demo(), METADATA), by_demo(crate::OwnerEvidence::DigestsMatch));
    let changed = b"Metadata-Version: 2.1\nName: demo\nVersion: 1.0\nKeywords: more\n";
    assert_eq!(owner(demo(), changed), by_demo(crate::OwnerEvidence::DigestMismatch));
    // The SHA-512 of the file is not computed.
    assert_eq!(
        owner(demo().numbers(Tag::FILE_DIGEST_ALGORITHM, &[10]), METADATA),
        by_demo(crate::OwnerEvidence::Claimed)
    );
    assert_eq!(owner(demo().numbers(Tag::FILE_FLAGS, &[1 << 6, 0, 0]), METADATA), None, "a ghost");
    assert_eq!(owner(demo().entry(Tag::FILE_STATES, 1, 3, &[2, 0, 0]), METADATA), None, "it was left out");
}

#[test]
fn an_unreadable_database_breaks_the_inventory_and_hides_nothing_else() {
    let bad = [
        HeaderBuilder::default(),
        HeaderBuilder::package("", "1", "1"),
        HeaderBuilder::package("a b", "1", "1"),
        HeaderBuilder::package("a", "1/2", "1"),
        HeaderBuilder::package("a", "1", "1").text(Tag::EPOCH, "1"),
        HeaderBuilder { entries: vec![[1000, 6, 9999, 1]], ..HeaderBuilder::default() },
    ];
    for package in bad {
        let found = catalog(&[(
            SQLITE_FILE,
            &in_sqlite(&[demo(), package.clone(), HeaderBuilder::package("b", "1", "1")]),
        )]);
        let [problem] = found.problems.as_slice() else { panic!("{:?}", found.problems) };
        assert_eq!(problem.code, ProblemCode::OsInventoryBroken);
        assert_eq!(found.components.len(), 2, "{problem:?}");
    }
    for (path, content) in [
        (SQLITE_FILE, &b"garbage"[..]),
        ("var/lib/rpm/Packages", b""),
        ("var/lib/rpm/Packages.db", b"RpmP"),
        ("var/lib/rpmmanifest/container-manifest-2", b"a\t1\n"),
        ("var/lib/rpmmanifest/container-manifest-1", b"a-1-1.x86_64\n"),
    ] {
        let found = catalog(&[(path, content)]);
        let codes: Vec<_> =
            found.problems.iter().map(|problem| (problem.code, problem.path.as_str())).collect();
        assert_eq!(codes, [(ProblemCode::OsInventoryBroken, path)]);
    }
}

#[test]
fn changes_that_are_not_in_the_database_are_reported() {
    let database = in_sqlite(&[demo()]);
    let mut log = vec![0; 4096];
    log[..4].copy_from_slice(&0x377f_0682_u32.to_be_bytes());
    let with = |log: &[u8]| catalog(&[(SQLITE_FILE, &database), ("var/lib/rpm/rpmdb.sqlite-wal", log)]);
    let found = with(&log);
    assert_eq!(found.components.len(), 1);
    assert_eq!(found.problems[0].path, "var/lib/rpm/rpmdb.sqlite-wal");
    assert!(found.problems[0].detail.contains("not in the database yet"), "{:?}", found.problems);
    assert_eq!(with(b"").problems, [], "rpm leaves an empty log behind");
    assert_eq!(with(&log[..32]).problems, [], "a log without changes");
}

#[test]
fn two_versions_are_two_packages_and_a_copy_of_the_database_adds_none() {
    let kernels = in_sqlite(&[
        HeaderBuilder::package("kernel", "5.14", "1"),
        HeaderBuilder::package("kernel", "5.14", "2"),
    ]);
    let found = catalog(&[(SQLITE_FILE, &kernels), ("usr/share/rpm/rpmdb.sqlite", &kernels)]);
    assert_eq!((found.components.len(), found.problems.len()), (2, 0));
}

#[test]
fn a_list_without_a_database_is_read() {
    let list = "vim\t9.0-1.cm2\t1\t1\tMicrosoft\t2\t4\tx86_64\t2\tvim-9.0-1.cm2.src.rpm\n\
                filesystem\t1.1-9.cm2\t1\t1\t(none)\t(none)\t7\tx86_64\t0\t(none)\n\n";
    let found = catalog(&[(manifest::PATH, list.as_bytes()), (manifest::SHORT, b"vim-9.0-1.cm2.x86_64\n")]);
    assert_eq!(found.problems, []);
    let versions: Vec<_> =
        found.components.iter().map(|it| (it.version.as_str(), it.source.is_some())).collect();
    assert_eq!(versions, [("2:9.0-1.cm2", true), ("1.1-9.cm2", false)]);
}

#[test]
fn the_inventory_of_bottlerocket_is_read() {
    let entry = |epoch: &str| {
        format!(
            "{{\"Name\":\"runc\",\"Version\":\"1.3.5\",\"Release\":\"1.br1\",\"Epoch\":\"{epoch}\",\"Architecture\":\"x86_64\"}}"
        )
    };
    let found = |list: &str| catalog(&[(bottlerocket::PATH, list.as_bytes())]);
    let good = found(&format!("{{\"Content\":[{},{}]}}", entry("1"), entry("0")));
    assert_eq!(good.problems, []);
    let versions: Vec<_> = good.components.iter().map(|it| it.version.as_str()).collect();
    assert_eq!(versions, ["1:1.3.5-1.br1", "1.3.5-1.br1"]);
    for bad in [String::new(), "{}".to_owned(), format!("{{\"Content\":[{}]}}", entry("x"))] {
        assert_eq!(found(&bad).problems.len(), 1, "{bad}");
    }
}

#[test]
fn a_long_directory_with_many_files_costs_no_more_than_its_header() {
    let directory = format!("/{}/x.dist-info/", "d".repeat(4000));
    let names = vec!["METADATA"; 100_000];
    let package = HeaderBuilder::package("bomb", "1", "1")
        .texts(Tag::BASE_NAMES, &names)
        .numbers(Tag::DIRECTORY_INDEXES, &vec![0; names.len()])
        .texts(Tag::DIRECTORY_NAMES, &[&directory]);
    let database = in_sqlite(&[package]);
    let set = files(&[(SQLITE_FILE, &database)]);
    let Found { inventory, claims, .. } = alone("rpm", &set, Some(system()));
    assert_eq!(inventory.components.len(), 1);
    assert!(claims.len() <= 1, "each record is the same one: {}", claims.len());
}

#[test]
fn an_empty_database_is_there_and_one_that_is_too_large_is_broken() {
    let set = files(&[(SQLITE_FILE, b"")]);
    let found = alone("rpm", &set, Some(system()));
    let database = found.databases[0];
    assert!(database.expected && database.present && !database.has_problems, "{database:?}");
    let mut set = FileSet::default();
    let mut limits = Limits::default();
    limits.database_bytes = 100;
    set.add_within(&limits, select(), SQLITE_FILE, None, &[0; 101]);
    let found = alone("rpm", &set, Some(system()));
    assert!(found.databases[0].has_problems);
}

proptest! {
    #[test]
    fn never_panics(blob in proptest::collection::vec(any::<u8>(), 0..300), tags in proptest::collection::vec((0_usize..8, 0_u32..10, any::<u16>(), any::<u16>()), 0..8)) {
        const TAGS: [Tag; 8] = [Tag::NAME, Tag::VERSION, Tag::EPOCH, Tag::BASE_NAMES, Tag::DIRECTORY_NAMES,
            Tag::DIRECTORY_INDEXES, Tag::FILE_STATES, Tag::FILE_DIGESTS];
        let entries = tags.into_iter().map(|(tag, kind, offset, count)| [TAGS[tag].0, kind, (offset % 310).into(), count.into()]);
        let mut package = demo();
        package.entries.extend(entries);
        package.store.extend(blob);
        catalog(&[(SQLITE_FILE, &in_sqlite(&[package]))]);
    }
}
