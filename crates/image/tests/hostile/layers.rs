//! Layers that lie about names, sizes, links and themselves: rows T01 to T19.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::sync::Arc;

use plimsoll_core::rootfs::{Attributes, Fact, Need, Purpose, Select};
use plimsoll_core::{Classify as _, Digest, Kind, Limits};
use plimsoll_image::error::TarProblem;
use plimsoll_image::{Descriptor, Error, media};
use plimsoll_testkit::{Compression, EntryKind, ImageBuilder, Layer, WholeFiles};

use crate::memory::{ALL, FIXED, MemorySource, disputed, texts};
use crate::tars::{Tar, checksum, record};

pub(super) fn source(layers: impl IntoIterator<Item = Layer>) -> MemorySource {
    MemorySource::new(&layers.into_iter().fold(ImageBuilder::new(), ImageBuilder::layer).build())
}

/// Reads every file of an image with these layers.
fn all(layers: impl IntoIterator<Item = Layer>) -> Result<BTreeMap<String, String>, Error> {
    source(layers).read(&ALL).map(|files| texts(&files))
}

fn tar(tar: Tar) -> Result<BTreeMap<String, String>, Error> {
    all([Layer::from_tar(tar.end())])
}

fn problem(result: Result<BTreeMap<String, String>, Error>) -> TarProblem {
    match result {
        Err(Error::Tar { problem, .. }) => problem,
        other => panic!("{other:?}"),
    }
}

pub(super) fn expected(files: &[(&str, &str)]) -> BTreeMap<String, String> {
    files.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())).collect()
}

/// An image of one layer with these stored bytes, under a media type of the test's choice.
pub(super) fn stored(bytes: &[u8], uncompressed: &[u8], media_type: &str) -> MemorySource {
    let mut source = source([Layer::from_tar(uncompressed)]);
    let manifest = String::from_utf8(source.objects[&source.top.digest].clone()).unwrap();
    let value: serde_json::Value = serde_json::from_str(&manifest).unwrap();
    let layer = &value["layers"][0];
    let descriptor = Descriptor::for_bytes(media_type, bytes);
    let manifest = manifest
        .replace(layer["digest"].as_str().unwrap(), &descriptor.digest.to_string())
        .replace(layer["mediaType"].as_str().unwrap(), media_type)
        .replace(&format!("\"size\":{}", layer["size"]), &format!("\"size\":{}", descriptor.size));
    source.objects.insert(descriptor.digest, bytes.to_vec());
    source.top = Descriptor::for_bytes(media::OCI_MANIFEST, manifest.as_bytes());
    source.objects.insert(source.top.digest, manifest.into_bytes());
    source
}

pub(super) fn gzip(bytes: &[u8]) -> Vec<u8> {
    use std::io::Write as _;
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn t01_names_that_climb_are_errors_and_absolute_ones_lie_inside() {
    for name in ["../evil", "a/../../evil", "..", "a/..", "/../evil"] {
        assert!(matches!(problem(all([Layer::new().file(name, "x")])), TarProblem::Escapes(_)), "{name}");
    }
    assert_eq!(
        all([Layer::new().file("/etc/passwd", "inside")]).unwrap(),
        expected(&[("etc/passwd", "inside")])
    );
    assert_eq!(
        problem(tar(Tar::default().pax(&[("path", "../evil")]).file("good", "x"))),
        TarProblem::Escapes("../evil".to_owned())
    );
}

#[test]
fn t02_a_file_through_a_link_of_its_own_layer_lands_where_the_link_points_inside_the_root() {
    let layer = Layer::new().symlink("a", "../../../etc").file("a/os-release", "through the link");
    assert_eq!(all([layer]).unwrap(), expected(&[("etc/os-release", "through the link")]));
    let layer = Layer::new().symlink("a", "/b").symlink("b", "/a").file("a/file", "x").file("good", "y");
    assert!(matches!(problem(all([layer])), TarProblem::TooManyLinks { .. }));
    // More links than the kernel follows; engines still follow them while they unpack.
    let chain =
        (0..50).fold(Layer::new(), |layer, n| layer.symlink(&format!("l{n}"), &format!("l{}", n + 1)));
    let hidden = chain.file("l0/package", "found");
    assert_eq!(all([hidden]).unwrap(), expected(&[("l50/package", "found")]));
}

#[test]
fn t02_a_hard_link_may_lead_through_the_symbolic_link_that_it_replaces() {
    let layer = || Layer::new().file("real/a", "x").symlink("b", "real").hardlink("b", "b/a");
    assert_eq!(all([layer()]).unwrap(), expected(&[("b", "x"), ("real/a", "x")]));
    // Not the file of a lower layer at the literal path.
    let below = Layer::new().file("b/a", "below");
    assert_eq!(all([below, layer()]).unwrap(), expected(&[("b", "x"), ("real/a", "x")]));
    let circle = Layer::new().symlink("b", "b").hardlink("b", "b/a");
    assert!(matches!(problem(all([circle])), TarProblem::TooManyLinks { .. }));
}

#[test]
fn t02_links_never_leave_the_root() {
    for target in ["/etc/passwd", "../../../../../../etc/passwd", "/proc/self/root/etc/passwd"] {
        let image = source([Layer::new().symlink("etc/os-release", target)]);
        assert_eq!(texts(&image.read(&FIXED).unwrap()), expected(&[]), "{target}");
    }
}

#[test]
fn t03_hard_links_to_outside_and_to_later_entries_are_contained() {
    let files = source([Layer::new().hardlink("out", "../../../../etc/passwd").file("good", "x")])
        .read(&ALL)
        .unwrap();
    assert_eq!(texts(&files), expected(&[("good", "x")]));
    assert_eq!(files.unreadable[0].path, "out");
    let later = all([Layer::new().hardlink("first", "later").file("later", "content")]).unwrap();
    assert_eq!(later, expected(&[("first", "content"), ("later", "content")]));
    let circle = source([Layer::new().hardlink("a", "b").hardlink("b", "a")]).read(&ALL).unwrap();
    assert_eq!((circle.files.len(), circle.unreadable.len()), (0, 2));
}

#[test]
fn t03_a_hard_link_keeps_the_content_that_its_target_had() {
    let layer = Layer::new().file("a", "old").hardlink("b", "a").file("a", "new");
    assert_eq!(all([layer]).unwrap(), expected(&[("a", "new"), ("b", "old")]));
    // Content that was not wanted when it passed comes from a second pass, and from the layer that contains
    // it.
    let only_b = WholeFiles { rule: |path| path == "b", ..WholeFiles::ALL };
    let layers =
        [Layer::new().file("a", "old"), Layer::new().hardlink("b", "a"), Layer::new().file("a", "new")];
    let files = source(layers).read(&only_b).unwrap();
    assert_eq!((texts(&files), files.get("b").unwrap().layer), (expected(&[("b", "old")]), Some(1)));
    let replaced = Layer::new().file("a", "old").hardlink("b", "a").file("a", "new");
    assert_eq!(texts(&source([replaced]).read(&only_b).unwrap()), expected(&[("b", "old")]));
}

#[test]
fn t05_the_extended_size_wins_so_nothing_is_smuggled() {
    // The inner tar's header is where a reader that believes the ustar size of 0 would look for the next
    // header.
    let inner = Tar::default().file("smuggled", "x").0;
    let size = inner.len().to_string();
    let outer = Tar::default()
        .pax(&[("size", &size)])
        .with(b'0', "carrier", &inner, |header| header[124..136].copy_from_slice(b"00000000000\0"))
        .file("after", "y");
    let files = all([Layer::from_tar(outer.end())]).unwrap();
    assert_eq!(files.keys().collect::<Vec<_>>(), ["after", "carrier"]);
}

#[test]
fn t06_malformed_extended_headers_are_errors() {
    let with =
        |content: &str| tar(Tar::default().with(b'x', "pax", content.as_bytes(), |_| {}).file("name", "x"));
    for content in
        ["path=x\n", "99 path=x\n", "10 path=xx", "7 path\n", "11 size=-1\n", "0 \n", "9 size=1e\n"]
    {
        assert!(matches!(problem(with(content)), TarProblem::Pax(_)), "{content:?}");
    }
    assert_eq!(with(&record("path", "renamed")).unwrap(), expected(&[("renamed", "x")]));
}

#[test]
fn t06_headers_that_readers_treat_differently_are_errors() {
    let twice = Tar::default().pax(&[("path", "a")]).pax(&[("path", "b")]).file("c", "x");
    assert!(matches!(problem(tar(twice)), TarProblem::Pax(_)));
    let both = Tar::default().pax(&[("path", "a")]).with(b'L', "long", b"b\0", |_| {}).file("c", "x");
    assert_eq!(problem(tar(both)), TarProblem::TwoNames);
    let global = |key: &str| {
        let records = record(key, "7");
        Tar::default().with(b'g', "global", records.as_bytes(), |_| {}).file("name", "x")
    };
    assert_eq!(problem(tar(global("size"))), TarProblem::Global("size".to_owned()));
    assert_eq!(tar(global("comment")).unwrap(), expected(&[("name", "x")]));
    // A header that announces an entry which never comes.
    assert_eq!(problem(tar(Tar::default().pax(&[("path", "a")]))), TarProblem::Truncated);
}

#[test]
fn t07_whiteouts_hide_lower_layers_only() {
    let below = || Layer::new().file("d/old", "old").file("d/e/old", "old").file("other", "stays");
    let over = |upper: Layer| all([below(), upper]).unwrap();
    let stays = ("other", "stays");
    assert_eq!(over(Layer::new().file("d/new", "new").opaque("d")), expected(&[("d/new", "new"), stays]));
    assert_eq!(over(Layer::new().opaque("d").file("d/new", "new")), expected(&[("d/new", "new"), stays]));
    for name in [".wh.", ".wh..", ".wh...", "d/.wh...", "d/.wh."] {
        assert!(matches!(problem(all([Layer::new().file(name, "")])), TarProblem::Whiteout(_)), "{name}");
    }
    // AUFS's own metadata is not a whiteout.
    assert_eq!(
        all([Layer::new().file("a", "1"), Layer::new().file(".wh..wh.plnk", "")]).unwrap(),
        expected(&[("a", "1")])
    );
}

/// The files of an image, and those among them that some runtimes show and others do not.
fn seen(layers: impl IntoIterator<Item = Layer>) -> (BTreeMap<String, String>, BTreeSet<String>) {
    let files = source(layers).read(&ALL).unwrap();
    (texts(&files), disputed(&files))
}

fn paths(paths: &[&str]) -> BTreeSet<String> {
    paths.iter().map(|path| (*path).to_owned()).collect()
}

#[test]
fn t07_what_a_container_shows_again_is_seen_and_called_disputed() {
    let below = || Layer::new().file("d/old", "old").file("other", "stays");
    let all = expected(&[("d/new", "new"), ("d/old", "old"), ("other", "stays")]);
    // A directory that replaces its own whiteout, or a file or link of its layer, is not opaque.
    let folder = || Layer::new().directory("d").file("d/new", "new");
    for first in [Layer::new().whiteout("d"), Layer::new().file("d", ""), Layer::new().symlink("d", "x")] {
        let upper = first.directory("d").file("d/new", "new");
        assert_eq!(seen([below(), upper]), (all.clone(), paths(&["d/old"])));
    }
    // The marker's directory was removed before the directory came back.
    let forgotten = Layer::new().opaque("d").file("d", "").directory("d").file("d/new", "new");
    assert_eq!(seen([below(), forgotten]), (all.clone(), paths(&["d/old"])));
    // Engines ignore the marker of a root.
    let root = folder().file(".wh..wh..opq", "");
    assert_eq!(seen([below(), root]), (all.clone(), paths(&["d/old", "other"])));
    // Nothing is below, so there is no difference.
    assert_eq!(seen([folder().file(".wh..wh..opq", ""), below()]), (all, paths(&[])));
}

#[test]
fn t07_a_device_hides_what_lies_below_it_only_where_it_can_be_made() {
    let below = || Layer::new().file("d/old", "old").file("f", "file");
    let upper = Layer::new().special(EntryKind::CharacterDevice, "d").special(EntryKind::BlockDevice, "f");
    let all = expected(&[("d/old", "old"), ("f", "file")]);
    assert_eq!(seen([below(), upper]), (all, paths(&["d/old", "f"])));
    let fifo = Layer::new().special(EntryKind::Fifo, "d");
    assert_eq!(seen([below(), fifo]), (expected(&[("f", "file")]), paths(&[])));
    let device = |layer: Layer| layer.special(EntryKind::CharacterDevice, "d/null");
    let over = device(Layer::new().file("d/null", "x"));
    assert_eq!(problem(all_of(over)), TarProblem::DeviceOver("d/null".to_owned()));
    let apart = device(Layer::new());
    assert_eq!(problem(all_of(apart)), TarProblem::DeviceWithoutFolder("d/null".to_owned()));
}

fn all_of(layer: Layer) -> Result<BTreeMap<String, String>, Error> {
    all([layer])
}

#[test]
fn t07_layers_that_no_engine_unpacks_are_refused() {
    let own = |path: &str| TarProblem::WhiteoutOfOwn(path.to_owned());
    let in_the_way = |path: &str| TarProblem::InTheWay(path.to_owned());
    assert_eq!(problem(all_of(Layer::new().file("f", "x").whiteout("f"))), own("f"));
    assert_eq!(problem(all_of(Layer::new().file("d/f", "x").whiteout("d"))), own("d"));
    assert_eq!(problem(all_of(Layer::new().symlink("l", "d").file("d/f", "x").whiteout("l/f"))), own("d/f"));
    assert_eq!(problem(all_of(Layer::new().file(".wh.d/f", "x").whiteout("d"))), own(".wh.d"));
    assert_eq!(problem(all_of(Layer::new().whiteout("d").file("d/f", "x"))), in_the_way("d"));
    assert_eq!(problem(all_of(Layer::new().file("d", "x").file("d/f", "x"))), in_the_way("d"));
    // Some builders write a whiteout of a directory, and then of everything in it.
    let gone = Layer::new().whiteout("d").whiteout("d/f").whiteout("d");
    assert_eq!(all([Layer::new().file("d/f", "x"), gone]).unwrap(), expected(&[]));
    // A hard link to a whiteout is also a whiteout.
    let linked = Layer::new().whiteout("a").hardlink("b", "a");
    assert_eq!(all([Layer::new().file("a", "1").file("b", "2"), linked]).unwrap(), expected(&[]));
    // A whiteout through a link of its layer applies where the link points.
    let through = Layer::new().symlink("l", "d").whiteout("l/f");
    assert_eq!(
        all([Layer::new().file("d/f", "x").file("d/g", "y"), through]).unwrap(),
        expected(&[("d/g", "y")])
    );
}

#[test]
fn t07_attributes_and_global_headers_that_only_some_engines_act_upon() {
    let attribute = |name: &str| {
        let key = format!("SCHILY.xattr.{name}");
        tar(Tar::default().pax(&[(&key, "y")]).with(b'5', "d/", b"", |_| {}).file("d/f", "x"))
    };
    for name in [
        "trusted.overlay.opaque",
        "trusted.overlay.redirect",
        "user.overlay.opaque",
        "user.fuseoverlayfs.opaque",
    ] {
        assert_eq!(problem(attribute(name)), TarProblem::OverlayAttribute(name.to_owned()));
    }
    assert_eq!(attribute("security.capability").unwrap(), expected(&[("d/f", "x")]));

    let global = |name: &str| {
        let header = Tar::default().with(b'g', name, record("comment", "x").as_bytes(), |_| {});
        Layer::from_tar(Tar::default().file("f", "x").raw(&header.0).end())
    };
    for name in ["f", ".wh.f", ".wh..wh..opq", "d/pax_global_header"] {
        assert!(matches!(problem(all_of(global(name))), TarProblem::GlobalName(_)), "{name}");
    }
    assert_eq!(all_of(global("pax_global_header")).unwrap(), expected(&[("f", "x")]));
    let below = Layer::new().file("g/old", "old");
    assert_eq!(seen([below, global("g")]), (expected(&[("f", "x"), ("g/old", "old")]), paths(&["g/old"])));
}

#[test]
fn t08_a_directory_that_becomes_a_link_hides_what_was_in_it() {
    let layers = [
        Layer::new().file("etc/os-release", "old").file("x/os-release", "elsewhere"),
        Layer::new().symlink("etc", "/x"),
    ];
    let files = source(layers).read(&FIXED).unwrap();
    let found = files.get("etc/os-release").unwrap();
    assert_eq!((found.real_path.as_str(), WholeFiles::content(found)), ("x/os-release", &b"elsewhere"[..]));
    let gone = all([Layer::new().file("d/f", "old"), Layer::new().file("d", "a file now")]).unwrap();
    assert_eq!(gone, expected(&[("d", "a file now")]));
    // Names that differ in case are different names.
    let both = all([Layer::new().file("A", "1"), Layer::new().file("a", "2")]).unwrap();
    assert_eq!(both, expected(&[("A", "1"), ("a", "2")]));
}

/// Kernels compare names byte by byte: two normal forms of one name are two files, and a whiteout of one hides nothing of the
/// other.
#[test]
fn t08_names_in_another_normal_form_are_other_names() {
    let (composed, decomposed, compatible) = ("caf\u{e9}", "cafe\u{301}", "\u{212b}");
    let (first, second) = (format!("{composed}/METADATA"), format!("{decomposed}/METADATA"));
    let both = Layer::new().file(&first, "composed").file(&second, "decomposed").file(compatible, "sign");
    let files = expected(&[(&first, "composed"), (&second, "decomposed"), (compatible, "sign")]);
    assert_eq!(all([both]).unwrap(), files);
    let lower = || Layer::new().file(&first, "composed").file(compatible, "sign");
    for upper in [
        Layer::new().whiteout(decomposed).whiteout("\u{c5}").whiteout("A\u{30a}"),
        Layer::new().opaque(decomposed).whiteout("CAF\u{c9}"),
    ] {
        assert_eq!(all([lower(), upper]).unwrap(), expected(&[(&first, "composed"), (compatible, "sign")]));
    }
    let upper = Layer::new().whiteout(composed);
    assert_eq!(all([lower(), upper]).unwrap(), expected(&[(compatible, "sign")]));
    // Nor does a link of one form lead through a folder of the other.
    let link = Layer::new().symlink("etc", composed).file(&format!("{decomposed}/os-release"), "x");
    assert_eq!(source([link]).read(&FIXED).unwrap().files.len(), 0);
}

#[test]
fn t08_chains_of_links_over_several_layers_are_resolved_by_further_passes() {
    let layers = [
        Layer::new().file("three/os-release", "at last").symlink("two", "/three"),
        Layer::new().symlink("one", "two/../two"),
        Layer::new().symlink("etc", "./one"),
    ];
    assert_eq!(texts(&source(layers).read(&FIXED).unwrap()), expected(&[("etc/os-release", "at last")]));
    let circle = source([Layer::new().symlink("etc", "/b").symlink("b", "etc")]).read(&FIXED).unwrap();
    assert_eq!((circle.files.len(), circle.unreadable.len()), (0, 1));
}

#[test]
fn t11_a_sparse_file_counts_with_its_logical_size_and_allocates_nothing() {
    let sparse = |size: &str| {
        let records = [("GNU.sparse.major", "1"), ("GNU.sparse.minor", "0"), ("GNU.sparse.realsize", size)];
        let mut map = b"1\n0\n5\n".to_vec();
        map.resize(512, 0);
        map.extend_from_slice(b"start");
        Tar::default().pax(&records).with(b'0', "sparse", &map, |_| {})
    };
    let error = tar(sparse("8000000000000000000")).unwrap_err();
    assert!(matches!(&error, Error::Limit(limit) if limit.name == "unpacked_bytes"), "{error}");
    // Within the budget, but larger than what is kept.
    let files = source([Layer::from_tar(sparse("70000000000").end())]).read(&ALL).unwrap();
    assert_eq!(WholeFiles::oversized(&files), [("sparse", 70_000_000_000)]);
    assert_eq!(tar(sparse("8")).unwrap(), expected(&[("sparse", "start\0\0\0")]));
    assert!(matches!(problem(tar(sparse("4"))), TarProblem::Sparse(_)));
}

#[test]
fn t11_gnus_old_sparse_map_is_read_and_checked() {
    let old = |offset: &str, real: &str| {
        Tar::default().with(b'S', "sparse", b"end", |header| {
            header[257..265].copy_from_slice(b"ustar  \0");
            header[386..398].copy_from_slice(format!("{offset:0>11}\0").as_bytes());
            header[398..410].copy_from_slice(b"00000000003\0");
            header[483..495].copy_from_slice(format!("{real:0>11}\0").as_bytes());
        })
    };
    assert_eq!(tar(old("4", "7")).unwrap(), expected(&[("sparse", "\0\0\0\0end")]));
    assert!(matches!(problem(tar(old("5", "7"))), TarProblem::Sparse(_)));
}

#[test]
fn t12_entries_and_names_are_bounded() {
    let mut limits = Limits::default();
    limits.entries = 1000;
    let many = (0..1001).fold(Layer::new(), |layer, n| layer.file(&format!("f{n}"), ""));
    let error = source([many]).read_within(&ALL, &limits).unwrap_err();
    assert!(matches!(&error, Error::Limit(limit) if limit.name == "entries"), "{error}");
    let deep = "d/".repeat(2047) + "f";
    assert_eq!(all([Layer::new().file(&deep, "x")]).unwrap().len(), 1);
    let long = "n".repeat(1 << 20);
    for layer in [
        Layer::new().file(&long, "x"),
        Layer::from_tar(Tar::default().pax(&[("path", &long[..5000])]).file("x", "").end()),
    ] {
        let error = all([layer]).unwrap_err();
        assert!(matches!(&error, Error::Limit(limit) if limit.name == "path_bytes"), "{error}");
    }
}

#[test]
fn t12_a_hundred_thousand_files_that_nobody_wants_are_read_and_counted() {
    let mut bytes = Vec::with_capacity(512 << 17);
    for n in 0..1 << 17 {
        bytes.extend_from_slice(&Tar::default().file(&format!("d{}/f{n}", n / 1000), "").0);
    }
    let source = source([Layer::from_tar(bytes)]);
    assert_eq!(source.read(&FIXED).unwrap().files.len(), 0);
    let mut limits = Limits::default();
    limits.entries = (1 << 17) - 1;
    let error = source.read_within(&FIXED, &limits).unwrap_err();
    assert!(matches!(&error, Error::Limit(limit) if limit.name == "entries"), "{error}");
}

#[test]
fn t13_devices_fifos_and_odd_owners_are_passed_over() {
    let layer = Layer::new()
        .special(EntryKind::Fifo, "etc/os-release")
        .directory("dev")
        .special(EntryKind::CharacterDevice, "dev/null")
        .special(EntryKind::BlockDevice, "dev/sda")
        .file("good", "x");
    assert_eq!(all([layer]).unwrap(), expected(&[("good", "x")]));
    let odd = Tar::default().with(b'0', "odd", b"x", |header| {
        header[108..116].copy_from_slice(&[0xff; 8]); // owner -1
        header[136..148].copy_from_slice(&[0xff; 12]); // time -1
        header[100..108].copy_from_slice(b"0006777\0");
    });
    assert_eq!(tar(odd).unwrap(), expected(&[("odd", "x")]));
    for (at, size) in [(124, [0xff; 12]), (124, *b"-0000000001\0"), (124, *b"99999999999\0")] {
        let bad = Tar::default().with(b'0', "bad", b"", |header| header[at..at + 12].copy_from_slice(&size));
        assert_eq!(problem(tar(bad)), TarProblem::Number { field: "size" });
    }
}

/// What no account or clock can be: an owner beyond 32 bits becomes root in some programs (containerd CVE-2024-40635), and times
/// before 1970 or without end have ended others.
#[test]
fn t13_owners_and_times_beyond_all_measure_change_nothing() {
    let owner = [0x80, 0, 0, 1, 0, 0, 0, 0];
    let time = [0x80, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff];
    let odd = Tar::default().with(b'0', "binary", b"x", |header| {
        header[108..116].copy_from_slice(&owner);
        header[116..124].copy_from_slice(&owner);
        header[136..148].copy_from_slice(&time);
    });
    assert_eq!(tar(odd).unwrap(), expected(&[("binary", "x")]));
    for value in ["4294967296", "-1", "99999999999999999999999999", "-1.5", "1e400", "root", ""] {
        let records = [("uid", value), ("gid", value), ("mtime", value), ("atime", value), ("uname", value)];
        let files = tar(Tar::default().pax(&records).file("pax", "x").file("next", "y")).unwrap();
        assert_eq!(files, expected(&[("pax", "x"), ("next", "y")]), "{value}");
    }
    // The permission bits alone decide whether a file is executable.
    for (mode, executable) in [(*b"0006755\0", true), (*b"0007644\0", false), (*b"1000111\0", true)] {
        let file =
            Tar::default().with(b'0', "program", b"x", |header| header[100..108].copy_from_slice(&mode));
        let files = source([Layer::from_tar(file.end())]).read(&Executables).unwrap();
        assert_eq!(files.get("program").is_some(), executable, "{mode:?}");
    }
    // The user of the configuration is a text and is kept as it was written; cut off to 32 bits, this one would be root.
    let image = ImageBuilder::new().user("4294967296:4294967296").layer(Layer::new().file("a", "1")).build();
    let loaded = MemorySource::new(&image).load().unwrap();
    assert_eq!(loaded.images[0].user.as_deref(), Some("4294967296:4294967296"));
}

/// Wants what may be run.
struct Executables;

impl Select for Executables {
    fn want(&self, _: &str, attributes: Option<Attributes>) -> Vec<Purpose> {
        let runs = attributes.is_some_and(|attributes| attributes.mode & 0o111 != 0);
        runs.then_some(Purpose(0)).into_iter().collect()
    }

    fn need(&self, _: Purpose) -> Need {
        Need::Name
    }

    fn extract(&self, _: Purpose, _: Attributes, _: &[u8], _: &Limits) -> Option<Arc<dyn Fact>> {
        None
    }

    fn fixed_paths(&self) -> &[&'static str] {
        &[]
    }
}

#[test]
fn t14_a_tar_that_is_cut_off_is_an_error_and_what_follows_its_end_is_only_hashed() {
    let whole = Tar::default().file("a", &"x".repeat(600)).file("b", "y").end();
    for cut in [100, 512, 600, 1536, 2040, 2048] {
        let result = all([Layer::from_tar(&whole[..cut])]);
        match cut {
            // Without the end marker but whole to the last entry: runtimes unpack it, so it is read.
            1536 => assert_eq!(result.unwrap().len(), 1),
            _ => assert_eq!(problem(result), TarProblem::Truncated, "{cut}"),
        }
    }
    let trailing = [&whole[..], &[7; 3000]].concat();
    assert_eq!(all([Layer::from_tar(trailing)]).unwrap().len(), 2);
    let mut lone = Tar::default().file("a", "x").0;
    lone.resize(lone.len() + 512, 0);
    let lone = [lone, Tar::default().file("b", "y").end()].concat();
    assert_eq!(problem(all([Layer::from_tar(lone)])), TarProblem::LoneZeroBlock);
    let mut flipped = Tar::default().file("a", "x").end();
    flipped[0] ^= 1;
    assert!(matches!(problem(all([Layer::from_tar(flipped)])), TarProblem::Checksum { .. }));
}

#[test]
fn t14_compressed_layers_end_where_their_last_member_ends() {
    let tar = Tar::default().file("a", "1").end();
    let whole = gzip(&tar);
    for broken in [whole[..whole.len() - 4].to_vec(), [&whole[..], b"hidden"].concat()] {
        let error = stored(&broken, &tar, media::OCI_LAYER_GZIP).read(&ALL).unwrap_err();
        assert!(matches!(error, Error::Inflate { .. }), "{error}");
    }
    let error = stored(&whole, &tar, media::OCI_LAYER_ZSTD).read(&ALL).unwrap_err();
    assert!(matches!(error, Error::CompressionMismatch { got: "gzip", expected: "zstd", .. }), "{error}");
}

#[test]
fn t15_size_digest_and_diff_id_decide_before_anything_else_is_believed() {
    let damaged = |change: &dyn Fn(&mut Vec<u8>)| {
        let image = ImageBuilder::new()
            .layer(Layer::new().file("a", "1"))
            .layer(Layer::new().file("b", vec![7; 90_000]))
            .build();
        let mut source = MemorySource::new(&image);
        change(source.objects.get_mut(&image.image().layers[1].digest()).unwrap());
        source.read(&ALL).unwrap_err()
    };
    let last = damaged(&|bytes| *bytes.last_mut().unwrap() ^= 1);
    assert!(matches!(last, Error::DigestMismatch { .. }), "{last}");
    // Damage that already breaks the compressed stream is still reported as a digest mismatch.
    let middle = damaged(&|bytes| bytes[20] ^= 0xff);
    assert!(matches!(middle, Error::DigestMismatch { .. }), "{middle}");
    let longer = damaged(&|bytes| bytes.push(0));
    assert!(matches!(longer, Error::SizeMismatch { .. }), "{longer}");
    let shorter = damaged(&|bytes| bytes.truncate(50));
    assert!(matches!(shorter, Error::SizeMismatch { got: 50, .. }), "{shorter}");
    assert_eq!((last.kind(), shorter.kind()), (Kind::Denied, Kind::Denied));

    let other = Digest::sha256(b"other");
    for compression in [Compression::Gzip, Compression::Plain] {
        let layer = Layer::new().file("a", "1").compression(compression);
        let image = ImageBuilder::new().layer(layer).forged_diff_id(0, other).build();
        let error = MemorySource::new(&image).read(&ALL).unwrap_err();
        assert!(matches!(error, Error::DiffIdMismatch { expected, .. } if expected == other), "{error}");
        assert_eq!(error.kind(), Kind::Denied);
    }
}

#[test]
fn t17_headers_are_read_as_runtimes_read_them() {
    // Old writers put the file's size into the header of a hard link; no content follows.
    let sized = Tar::default()
        .file("a", "1")
        .with(b'1', "b", b"", |header| {
            header[157] = b'a';
            header[124..136].copy_from_slice(b"00000001000\0");
        })
        .file("c", "2");
    assert_eq!(tar(sized).unwrap(), expected(&[("a", "1"), ("b", "1"), ("c", "2")]));
    // An old-style directory is a file whose name ends in a slash.
    let old = Tar::default().with(0, "d/", b"", |_| {}).file("d/f", "x");
    assert_eq!(tar(old).unwrap(), expected(&[("d/f", "x")]));
    // Prefix and name; a sum of signed bytes.
    let mut prefixed =
        Tar::default().with(b'0', "name", b"x", |header| header[345..348].copy_from_slice(b"dir"));
    assert_eq!(all([Layer::from_tar(prefixed.0.clone())]).unwrap(), expected(&[("dir/name", "x")]));
    let mut header: [u8; 512] = prefixed.0[..512].try_into().unwrap();
    header[345] = 0xe9;
    checksum(&mut header);
    let sum: i64 = header.iter().map(|byte| i64::from(byte.cast_signed())).sum();
    let field: i64 = header[148..156].iter().map(|byte| i64::from(byte.cast_signed())).sum();
    header[148..156].copy_from_slice(format!("{:06o}\0 ", sum - field + 8 * 32).as_bytes());
    prefixed.0[..512].copy_from_slice(&header);
    assert_eq!(source([Layer::from_tar(prefixed.0)]).read(&ALL).unwrap().unreadable.len(), 1);
}

#[test]
fn t18_wanted_files_are_kept_up_to_their_limit_only() {
    let mut limits = Limits::default();
    limits.metadata_bytes = 10;
    let two = [Layer::new().file("a", "12345678901").file("b", "1234567890")];
    let files = source(two).read_within(&ALL, &limits).unwrap();
    assert_eq!(
        (texts(&files), WholeFiles::oversized(&files)),
        (expected(&[("b", "1234567890")]), vec![("a", 11)])
    );
    let mut limits = Limits::default();
    // In addition to its content, each file takes about a kilobyte.
    limits.kept_total_bytes = 2050;
    let two = [Layer::new().file("a", "12345678"), Layer::new().file("b", "12345678")];
    let error = source(two).read_within(&ALL, &limits).unwrap_err();
    assert!(matches!(&error, Error::Limit(limit) if limit.name == "kept_total_bytes"), "{error}");
    // A thousand names of one content become a thousand contents when they are handed over.
    let links = (0..5).fold(Layer::new().file("a", "1234"), |layer, n| layer.hardlink(&format!("l{n}"), "a"));
    assert!(matches!(source([links]).read_within(&ALL, &limits), Err(Error::Limit(_))));
    // Empty files and links, and long names, count too.
    limits.kept_total_bytes = 1 << 20;
    let files = (0..1200).fold(Layer::new(), |layer, n| layer.file(&n.to_string(), ""));
    let links = (0..1200).fold(Layer::new(), |layer, n| layer.symlink(&n.to_string(), "x"));
    for many in [files, links] {
        let error = source([many]).read_within(&ALL, &limits).unwrap_err();
        assert!(matches!(&error, Error::Limit(limit) if limit.name == "kept_total_bytes"), "{error}");
    }
    let long = (0..300).fold(Layer::new(), |layer, n| layer.file(&format!("{}/{n}", "d".repeat(1000)), ""));
    assert!(matches!(source([long]).read_within(&ALL, &limits), Err(Error::Limit(_))));
}

#[test]
fn the_same_image_gives_the_same_files_every_time() {
    let mut listing = String::new();
    let image = (0..12).fold(ImageBuilder::new(), |image, n| {
        let files = (0..40)
            .fold(Layer::new(), |layer, f| layer.file(&format!("d{}/f{f}", (n * f) % 7), format!("{n}")));
        image.layer(files.whiteout(&format!("d{}/gone{n}", n % 7)))
    });
    let source = MemorySource::new(&image.build());
    for round in 0..5 {
        let files = source.read(&ALL).unwrap();
        let mut now = String::new();
        for file in files.iter() {
            writeln!(now, "{} {:?} {:?}", file.path, file.layer, WholeFiles::content(file)).unwrap();
        }
        assert!(round == 0 || now == listing);
        listing = now;
    }
}

#[test]
fn chains_of_links_run_into_a_limit_and_not_into_hours() {
    // Each link leads back and forth through two thousand names; a layer of a few kilobytes once compressed.
    let long = |last: &str| "d/../".repeat(800) + last;
    let chain = (0..39).fold(Layer::new().directory("d"), |layer, n| {
        layer.symlink(&format!("l{n}"), &long(&format!("l{}", n + 1)))
    });
    let end = chain.file("l39", "x");
    // One wanted link takes some 30,000 look-ups, and the layer has as many of them as fit.
    let wanted = (0..5_000).fold(end, |layer, n| layer.symlink(&format!("w{n}"), "l0"));
    let mut limits = Limits::default();
    limits.lookup_bytes = 16 << 20;
    let error = source([wanted]).read_within(&ALL, &limits).unwrap_err();
    assert!(matches!(&error, Error::Limit(limit) if limit.name == "lookup_bytes"), "{error}");

    // The same for entries that are placed through links of their own layer.
    let chain = (0..200).fold(Layer::new().directory("d"), |layer, n| {
        layer.symlink(&format!("l{n}"), &long(&format!("l{}", n + 1)))
    });
    let through = (0..5_000).fold(chain, |layer, n| layer.file(&format!("l0/f{n}"), ""));
    let error = source([through]).read_within(&FIXED, &limits).unwrap_err();
    assert!(matches!(&error, Error::Limit(limit) if limit.name == "lookup_bytes"), "{error}");
}

#[test]
fn t12_directories_without_an_entry_and_the_paths_of_all_layers_count_too() {
    let mut limits = Limits::default();
    limits.entries = 5_000;
    let deep = |n: usize| format!("r{n}/{}f", "d/".repeat(1_000));
    let one = (0..6).fold(Layer::new(), |layer, n| layer.file(&deep(n), ""));
    let several = (0..6).map(|n| Layer::new().file(&deep(n), ""));
    for error in [source([one]).read_within(&FIXED, &limits), source(several).read_within(&FIXED, &limits)] {
        let error = error.unwrap_err();
        assert!(matches!(&error, Error::Limit(limit) if limit.name == "entries"), "{error}");
    }
    let mut limits = Limits::default();
    limits.name_bytes = 10_000;
    let empty = (0..200).fold(Layer::new(), |layer, n| layer.file(&format!("f{n}"), ""));
    let error = source([empty]).read_within(&ALL, &limits).unwrap_err();
    assert!(matches!(&error, Error::Limit(limit) if limit.name == "name_bytes"), "{error}");
}
