//! Squashing, compared with a simple model: a tree for each layer, built entry by entry as container engines
//! do in an empty folder, and stacked as the kernel does.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]
#![allow(dead_code, reason = "the shared module has more than this test needs")]

mod memory;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::os::unix::ffi::OsStrExt as _;

use plimsoll_core::rootfs::FoundFile;
use plimsoll_core::rootfs::listing::ListedFile;
use plimsoll_core::{Digest, Limits};
use plimsoll_image::Error;
use plimsoll_testkit::{Compression, EntryKind, Folders, ImageBuilder, Layer, Listing, WholeFiles};
use proptest::prelude::*;

use memory::MemorySource;

#[derive(Debug, Clone)]
enum Op {
    File(String, u8),
    Directory(String),
    Symlink(String, String),
    Hardlink(String, String),
    Whiteout(String),
    Opaque(String),
    Device(String),
}

#[derive(Debug, Clone)]
struct Node {
    kind: Kind,
    /// Whether some runtimes show it but others do not.
    disputed: bool,
}

#[derive(Debug, Clone)]
enum Kind {
    Directory(Directory),
    File(String),
    Symlink(String),
    /// A hard link to something that this layer did not have yet.
    Pending(String),
    Device,
    Whiteout,
}

#[derive(Debug, Clone, Default)]
struct Directory {
    children: Tree,
    opaque: bool,
    /// Whether it replaced another entry of its layer.
    replaced: bool,
    /// Whether it had content before it had an entry of its own.
    implied: bool,
}

/// A layer that no engine unpacks, or that engines unpack differently.
#[derive(Debug)]
struct Refused;

const FIXED: &[&str] = &["a", "a/b", "a/b/c", "b/a", "c/c"];

fn name() -> impl Strategy<Value = String> {
    prop::sample::select(vec!["a", "b", "c"]).prop_map(str::to_owned)
}

fn path() -> impl Strategy<Value = String> {
    prop::collection::vec(name(), 1..4).prop_map(|names| names.join("/"))
}

fn target() -> impl Strategy<Value = String> {
    (prop::sample::select(vec!["", "/", "../", "./"]), path())
        .prop_map(|(start, path)| format!("{start}{path}"))
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        5 => (path(), any::<u8>()).prop_map(|(path, content)| Op::File(path, content)),
        2 => path().prop_map(Op::Directory),
        2 => (path(), target()).prop_map(|(path, target)| Op::Symlink(path, target)),
        1 => (path(), path()).prop_map(|(path, target)| Op::Hardlink(path, target)),
        2 => path().prop_map(Op::Whiteout),
        1 => path().prop_map(Op::Opaque),
        1 => Just(Op::Opaque(String::new())),
        1 => path().prop_map(Op::Device),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_final_file_system_is_the_models(layers in prop::collection::vec(prop::collection::vec(op(), 0..7), 1..4)) {
        let mut image = ImageBuilder::new();
        let (mut model, mut links) = (Tree::new(), BTreeMap::new());
        for ops in &layers {
            image = image.layer(ops.iter().fold(Layer::new().compression(Compression::Plain), write));
        }
        let source = MemorySource::new(&image.build());
        let all = source.read(&WholeFiles { fixed: FIXED, ..WholeFiles::ALL });
        for ops in &layers {
            let Ok(upper) = unpack(ops, &model) else {
                prop_assert!(matches!(all, Err(Error::Tar { .. })), "{:?}", all);
                return Ok(());
            };
            // If layers share a folder, the target of the link is overwritten.
            if writes_through("", &upper.0, &mut links) {
                dispute(&mut model);
            }
            model = lay_over(model, upper);
        }
        let all = all.unwrap();
        let (mut expected, mut disputed) = (BTreeMap::new(), BTreeSet::new());
        list("", &model, &model, &mut |path, content, is_disputed| {
            expected.insert(path.clone(), content);
            disputed.extend(is_disputed.then_some(path));
        });
        for path in FIXED {
            if let Some((content, is_disputed)) = resolve(&model, path) {
                expected.insert((*path).to_owned(), content);
                disputed.extend(is_disputed.then(|| (*path).to_owned()));
            }
        }
        prop_assert_eq!(memory::texts(&all), expected);
        prop_assert_eq!(memory::disputed(&all), disputed);

        // Every file is listed with what is seen at its path, whatever else is wanted.
        let expected: BTreeMap<_, _> = all.iter().filter(|file| file.path == file.real_path).map(seen).collect();
        for rule in [|_: &str| false, |_: &str| true] {
            let read = source.read(&Listing(WholeFiles { rule, fixed: FIXED })).unwrap();
            let list = read.listed.unwrap();
            prop_assert_eq!(list.iter().map(listed).collect::<BTreeMap<_, _>>(), expected.clone());
            prop_assert!(list.iter().zip(list.iter().skip(1)).all(|(one, next)| one.path < next.path));
        }

        // Folders, and links to them, are visible regardless of their content.
        let mut folders = BTreeMap::new();
        list_folders("", &model, &model, &mut folders);
        let found = source.read(&Folders).unwrap();
        let found = Folders::found(&found).into_iter().map(|(path, real)| (path.to_owned(), real.to_owned()));
        prop_assert_eq!(found.collect::<BTreeMap<_, _>>(), folders);

        // Wanting nothing but well-known paths makes their contents come from further passes.
        let few = source.read(&WholeFiles { rule: |_| false, fixed: FIXED }).unwrap();
        for path in FIXED {
            if WholeFiles::unreadable(&few).iter().any(|(at, why)| at == path && why.contains("too many links")) {
                continue;
            }
            let found = few.get(path).map(|file| String::from_utf8_lossy(WholeFiles::content(file)).into_owned());
            prop_assert_eq!(found, resolve(&model, path).map(|(content, _)| content), "{}", path);
        }
    }
}

/// Path, layer, size and digest.
type SeenFile = (String, (Option<usize>, u64, Vec<u8>));

fn seen(file: &FoundFile) -> SeenFile {
    let content = WholeFiles::content(file);
    let digest = Digest::sha256(content).as_bytes().to_vec();
    (file.path.clone(), (file.layer, content.len() as u64, digest))
}

fn listed(file: ListedFile<'_>) -> SeenFile {
    let path = String::from_utf8(file.path.to_vec()).unwrap();
    (path, (file.layer, file.content.size, file.content.sha256.to_vec()))
}

fn write(layer: Layer, op: &Op) -> Layer {
    match op {
        Op::File(path, content) => layer.file(path, content.to_string()),
        Op::Directory(path) => layer.directory(path),
        Op::Symlink(path, target) => layer.symlink(path, target),
        Op::Hardlink(path, target) => layer.hardlink(path, target),
        Op::Whiteout(path) => layer.whiteout(path),
        Op::Opaque(path) => layer.opaque(path),
        Op::Device(path) => layer.special(EntryKind::CharacterDevice, path),
    }
}

type Tree = BTreeMap<String, Node>;

/// What a layer unpacks to in an empty folder, and whether its root has an opaque marker.
fn unpack(ops: &[Op], lower: &Tree) -> Result<(Tree, bool), Refused> {
    let (mut tree, mut opaque_root) = (Tree::new(), false);
    for op in ops {
        match op {
            Op::Whiteout(path) => {
                let Some(path) = real(&mut tree, path, Missing::IsMadeUnlessGone)? else { continue };
                match at(&tree, &path).map(|node| &node.kind) {
                    None => put(&mut tree, &path, Kind::Whiteout),
                    Some(Kind::Whiteout) => {}
                    Some(_) => return Err(Refused),
                }
            }
            Op::Opaque(path) => {
                let marker = real(&mut tree, &format!("{path}/marker"), Missing::IsMadeUnlessGone)?;
                let Some(marker) = marker else { continue };
                match marker.rsplit_once('/') {
                    None => opaque_root = true,
                    Some((path, _)) => {
                        if let Some(Kind::Directory(directory)) = at_mut(&mut tree, path) {
                            directory.opaque = true;
                        }
                    }
                }
            }
            Op::File(path, content) => place(&mut tree, path, Kind::File(content.to_string()))?,
            Op::Symlink(path, target) => place(&mut tree, path, Kind::Symlink(target.clone()))?,
            Op::Directory(path) => {
                let Some(path) = real(&mut tree, path, Missing::IsMade)? else { continue };
                let there = at(&tree, &path).map(|node| &node.kind);
                if !matches!(there, Some(Kind::Directory(_))) {
                    let replaced = there.is_some();
                    put(&mut tree, &path, Kind::Directory(Directory { replaced, ..Directory::default() }));
                }
            }
            Op::Device(path) => {
                if real(&mut tree, path, Missing::Fails)?.is_none() {
                    return Err(Refused);
                }
                let Some(path) = real(&mut tree, path, Missing::IsMade)? else { continue };
                match at(&tree, &path).map(|node| &node.kind) {
                    None | Some(Kind::Device | Kind::Whiteout) => put(&mut tree, &path, Kind::Device),
                    Some(_) => return Err(Refused),
                }
            }
            Op::Hardlink(path, target) => {
                let Some(path) = real(&mut tree, path, Missing::IsMade)? else { continue };
                let found = real(&mut tree, target, Missing::Fails)?;
                let found = found.and_then(|target| at(&tree, &target).map(|node| node.kind.clone()));
                let kind = match found {
                    Some(Kind::Directory(_)) | None => Kind::Pending(target.clone()),
                    Some(kind) => kind,
                };
                put(&mut tree, &path, kind);
            }
        }
    }
    let own = tree.clone();
    settle(&mut tree, &own, lower);
    Ok((tree, opaque_root))
}

fn lay_over(mut lower: Tree, (upper, opaque_root): (Tree, bool)) -> Tree {
    if opaque_root {
        dispute(&mut lower);
    }
    merge(lower, upper)
}

/// Whether a layer puts something into a directory that it has no entry for and that is a link in the next
/// layer below. For each path, `links` says whether the last layer with it has a link there.
fn writes_through(prefix: &str, tree: &Tree, links: &mut BTreeMap<String, bool>) -> bool {
    let mut through = false;
    for (name, node) in tree {
        let path = format!("{prefix}{name}");
        let is_link = matches!(node.kind, Kind::Symlink(_));
        let was_link = match node.kind {
            Kind::Device => continue,
            _ => links.insert(path.clone(), is_link).unwrap_or(false),
        };
        if let Kind::Directory(directory) = &node.kind {
            through |= directory.implied && was_link;
            through |= writes_through(&format!("{path}/"), &directory.children, links);
        }
    }
    through
}

fn dispute(tree: &mut Tree) {
    for node in tree.values_mut() {
        node.disputed = true;
        if let Kind::Directory(directory) = &mut node.kind {
            dispute(&mut directory.children);
        }
    }
}

/// Gives hard links to other layers their content; links to nothing stay. If the same layer puts a file there
/// after the link, it is another file, unless there was none before.
fn settle(tree: &mut Tree, own: &Tree, lower: &Tree) {
    for node in tree.values_mut() {
        match &mut node.kind {
            Kind::Directory(directory) => settle(&mut directory.children, own, lower),
            Kind::Pending(target) => match pending(target, own, lower, 40) {
                Some((content, disputed)) => *node = Node { kind: Kind::File(content), disputed },
                // Present, but not readable.
                None => target.clear(),
            },
            _ => {}
        }
    }
}

fn pending(target: &str, own: &Tree, lower: &Tree, hops: usize) -> Option<(String, bool)> {
    if hops == 0 {
        return None;
    }
    match (at(lower, target), at(own, target).map(|node| &node.kind)) {
        (Some(Node { kind: Kind::File(content), disputed }), _) => Some((content.clone(), *disputed)),
        (_, Some(Kind::File(content))) => Some((content.clone(), false)),
        (_, Some(Kind::Pending(next))) => pending(next, own, lower, hops - 1),
        _ => None,
    }
}

fn merge(mut lower: Tree, upper: Tree) -> Tree {
    for (name, node) in upper {
        let mut below = lower.remove(&name);
        let merged = match node.kind {
            Kind::Whiteout => continue,
            Kind::Device => {
                let Some(mut below) = below else { continue };
                below.disputed = true;
                if let Kind::Directory(directory) = &mut below.kind {
                    dispute(&mut directory.children);
                }
                below
            }
            Kind::Directory(above) => {
                let mut children = Tree::new();
                if let Some(Node { kind: Kind::Directory(directory), .. }) = &mut below
                    && !above.opaque
                {
                    if above.replaced {
                        dispute(&mut directory.children);
                    }
                    children = std::mem::take(&mut directory.children);
                }
                let children = merge(children, above.children);
                let kind = Kind::Directory(Directory { children, ..Directory::default() });
                Node { kind, disputed: false }
            }
            _ => node,
        };
        lower.insert(name, merged);
    }
    lower
}

fn place(tree: &mut Tree, path: &str, kind: Kind) -> Result<(), Refused> {
    if let Some(path) = real(tree, path, Missing::IsMade)? {
        put(tree, &path, kind);
    }
    Ok(())
}

#[derive(Clone, Copy, PartialEq)]
enum Missing {
    IsMade,
    IsMadeUnlessGone,
    Fails,
}

/// Follows the links on the way to `path`.
fn real(tree: &mut Tree, path: &str, missing: Missing) -> Result<Option<String>, Refused> {
    let (directory, base) = path.rsplit_once('/').unwrap_or(("", path));
    let mut left: VecDeque<String> = directory.split('/').map(str::to_owned).collect();
    let mut real: Vec<String> = Vec::new();
    let mut links = 0;
    while let Some(name) = left.pop_front() {
        if name.is_empty() || name == "." {
            continue;
        }
        if name == ".." {
            real.pop();
            continue;
        }
        real.push(name);
        let here = real.join("/");
        match at(tree, &here).map(|node| node.kind.clone()) {
            Some(Kind::Directory(_)) => {}
            Some(Kind::Symlink(target)) => {
                links += 1;
                if links > 255 {
                    return Err(Refused);
                }
                real.pop();
                if target.starts_with('/') {
                    real.clear();
                }
                target.split('/').rev().for_each(|name| left.push_front(name.to_owned()));
            }
            _ if missing == Missing::Fails => return Ok(None),
            None => put(tree, &here, Kind::Directory(Directory { implied: true, ..Directory::default() })),
            Some(Kind::Whiteout) if missing == Missing::IsMadeUnlessGone => return Ok(None),
            Some(_) => return Err(Refused),
        }
    }
    real.push(base.to_owned());
    Ok(Some(real.join("/")))
}

fn at<'a>(tree: &'a Tree, path: &str) -> Option<&'a Node> {
    match path.split_once('/') {
        None => tree.get(path),
        Some((first, rest)) => match tree.get(first).map(|node| &node.kind) {
            Some(Kind::Directory(directory)) => at(&directory.children, rest),
            _ => None,
        },
    }
}

fn at_mut<'a>(tree: &'a mut Tree, path: &str) -> Option<&'a mut Kind> {
    match path.split_once('/') {
        None => tree.get_mut(path).map(|node| &mut node.kind),
        Some((first, rest)) => match tree.get_mut(first).map(|node| &mut node.kind) {
            Some(Kind::Directory(directory)) => at_mut(&mut directory.children, rest),
            _ => None,
        },
    }
}

fn put(tree: &mut Tree, path: &str, kind: Kind) {
    let (children, base) = match path.rsplit_once('/') {
        None => (tree, path),
        Some((directory, base)) => match at_mut(tree, directory) {
            Some(Kind::Directory(directory)) => (&mut directory.children, base),
            _ => return,
        },
    };
    children.insert(base.to_owned(), Node { kind, disputed: false });
}

fn list(prefix: &str, tree: &Tree, root: &Tree, each: &mut impl FnMut(String, String, bool)) {
    for (name, node) in tree {
        let path = format!("{prefix}{name}");
        match &node.kind {
            Kind::Directory(directory) => list(&format!("{path}/"), &directory.children, root, each),
            Kind::File(content) => each(path, content.clone(), node.disputed),
            Kind::Symlink(_) => {
                if let Some((content, disputed)) = resolve(root, &path) {
                    each(path, content, disputed);
                }
            }
            Kind::Pending(_) | Kind::Device | Kind::Whiteout => {}
        }
    }
}

/// The folders by path, and where they really are.
fn list_folders(prefix: &str, tree: &Tree, root: &Tree, found: &mut BTreeMap<String, String>) {
    for (name, node) in tree {
        let path = format!("{prefix}{name}");
        match &node.kind {
            Kind::Directory(directory) => {
                list_folders(&format!("{path}/"), &directory.children, root, found);
                found.insert(path.clone(), path);
            }
            Kind::Symlink(_) => {
                if let Some(End::Folder(real)) = follow(root, &path) {
                    found.insert(path, real);
                }
            }
            _ => {}
        }
    }
}

/// What a path leads to.
enum End {
    File(String, bool),
    Folder(String),
}

fn resolve(tree: &Tree, path: &str) -> Option<(String, bool)> {
    match follow(tree, path)? {
        End::File(content, disputed) => Some((content, disputed)),
        End::Folder(_) => None,
    }
}

fn follow(tree: &Tree, path: &str) -> Option<End> {
    let mut left: VecDeque<String> = path.split('/').map(str::to_owned).collect();
    let mut real: Vec<String> = Vec::new();
    let (mut links, mut disputed) = (0, false);
    while let Some(name) = left.pop_front() {
        if name.is_empty() || name == "." {
            continue;
        }
        if name == ".." {
            real.pop();
            continue;
        }
        real.push(name);
        let node = at(tree, &real.join("/"))?;
        disputed |= node.disputed;
        match &node.kind {
            Kind::Directory(_) => {}
            Kind::Symlink(target) => {
                links += 1;
                if links > 40 {
                    return None;
                }
                real.pop();
                if target.starts_with('/') {
                    real.clear();
                }
                target.split('/').rev().for_each(|name| left.push_front(name.to_owned()));
            }
            Kind::File(content) if left.iter().all(|name| name.is_empty() || name == ".") => {
                return Some(End::File(content.clone(), disputed));
            }
            _ => return None,
        }
    }
    Some(End::Folder(real.join("/")))
}

#[test]
fn the_list_of_files_is_bounded_over_all_layers() {
    let layer = |name: &str| (0..100).fold(Layer::new(), |layer, n| layer.file(&format!("{name}/{n}"), "x"));
    let source = MemorySource::new(&ImageBuilder::new().layer(layer("a")).layer(layer("b")).build());
    let nothing = || Listing(WholeFiles { rule: |_| false, fixed: &[] });
    let mut limits = Limits::default();
    assert_eq!(source.read_within(&nothing(), &limits).unwrap().listed.unwrap().len(), 200);
    limits.file_list_bytes = 15_000;
    let error = source.read_within(&nothing(), &limits).unwrap_err();
    assert!(
        matches!(&error, Error::Limit(limit) if limit.to_string().contains("file_list_bytes")),
        "{error}"
    );
}

#[test]
fn a_name_that_is_not_text_is_listed() {
    let mut tar = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_ustar();
    header.set_size(1);
    header.set_mode(0o644);
    tar.append_data(&mut header, std::path::Path::new(std::ffi::OsStr::from_bytes(b"srv/\xff")), &b"x"[..])
        .unwrap();
    let layer = Layer::from_tar(tar.into_inner().unwrap());
    let source = MemorySource::new(&ImageBuilder::new().layer(layer).build());
    let read = source.read(&Listing(WholeFiles { rule: |_| false, fixed: &[] })).unwrap();
    assert_eq!(read.listed.unwrap().iter().map(|file| file.path.to_vec()).collect::<Vec<_>>(), [b"srv/\xff"]);
}
