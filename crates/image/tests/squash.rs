//! Squashing against a simple model: a tree for each layer, built entry by entry, laid over what is below.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]
#![allow(dead_code, reason = "the shared module has more than this test needs")]

mod memory;

use std::collections::{BTreeMap, VecDeque};

use plimsoll_testkit::{Compression, ImageBuilder, Layer, WholeFiles};
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
}

#[derive(Debug, Clone)]
enum Node {
    Directory(BTreeMap<String, Node>),
    File(String),
    Symlink(String),
    /// A hard link to what this layer did not have when it came.
    Pending(String),
}

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
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_final_file_system_is_the_models(layers in prop::collection::vec(prop::collection::vec(op(), 0..7), 1..4)) {
        let mut image = ImageBuilder::new();
        let mut model = BTreeMap::new();
        for ops in &layers {
            image = image.layer(ops.iter().fold(Layer::new().compression(Compression::Plain), write));
            model = lay_over(model, ops);
        }
        let source = MemorySource::new(&image.build());

        let all = source.read(&WholeFiles { fixed: FIXED, ..WholeFiles::ALL }).unwrap();
        let mut expected = BTreeMap::new();
        list("", &model, &model, &mut expected);
        for path in FIXED {
            if let Some(content) = resolve(&model, path) {
                expected.insert((*path).to_owned(), content);
            }
        }
        prop_assert_eq!(memory::texts(&all), expected);

        // Wanting nothing but well-known paths makes their contents come from further passes.
        let few = source.read(&WholeFiles { rule: |_| false, fixed: FIXED }).unwrap();
        for path in FIXED {
            if WholeFiles::unreadable(&few).iter().any(|(at, why)| at == path && why.contains("too many links")) {
                continue;
            }
            let found = few.get(path).map(|file| String::from_utf8_lossy(WholeFiles::content(file)).into_owned());
            prop_assert_eq!(found, resolve(&model, path), "{}", path);
        }
    }
}

fn write(layer: Layer, op: &Op) -> Layer {
    match op {
        Op::File(path, content) => layer.file(path, content.to_string()),
        Op::Directory(path) => layer.directory(path),
        Op::Symlink(path, target) => layer.symlink(path, target),
        Op::Hardlink(path, target) => layer.hardlink(path, target),
        Op::Whiteout(path) => layer.whiteout(path),
        Op::Opaque(path) => layer.opaque(path),
    }
}

type Tree = BTreeMap<String, Node>;

fn lay_over(mut lower: Tree, ops: &[Op]) -> Tree {
    let mut upper = Tree::new();
    let (mut whiteouts, mut opaques) = (Vec::new(), Vec::new());
    for op in ops {
        match op {
            Op::Whiteout(path) => whiteouts.extend(real(&mut upper, path, true)),
            Op::Opaque(path) => {
                let marker = real(&mut upper, &format!("{path}/marker"), true);
                opaques
                    .extend(marker.map(|marker| marker.rsplit_once('/').map_or("", |(d, _)| d).to_owned()));
            }
            Op::File(path, content) => place(&mut upper, path, Node::File(content.to_string())),
            Op::Symlink(path, target) => place(&mut upper, path, Node::Symlink(target.clone())),
            Op::Directory(path) => {
                if let Some(path) = real(&mut upper, path, true)
                    && !matches!(at(&upper, &path), Some(Node::Directory(_)))
                {
                    put(&mut upper, &path, Node::Directory(Tree::new()));
                }
            }
            Op::Hardlink(path, target) => {
                let Some(path) = real(&mut upper, path, true) else { continue };
                let found = real(&mut upper, target, false).and_then(|target| at(&upper, &target).cloned());
                let node = match found {
                    Some(Node::Directory(_)) | None => Node::Pending(target.clone()),
                    Some(node) => node,
                };
                put(&mut upper, &path, node);
            }
        }
    }
    let view = lower.clone();
    for path in whiteouts {
        remove(&mut lower, &path);
    }
    for path in opaques {
        if path.is_empty() {
            lower.clear();
        } else if let Some(Node::Directory(children)) = at_mut(&mut lower, &path) {
            children.clear();
        }
    }
    let own = upper.clone();
    settle(&mut upper, &own, &view);
    merge(lower, upper)
}

/// Gives hard links to other layers their content; those to nothing go. What the same layer puts there after the link is
/// another file, unless there was none before.
fn settle(tree: &mut Tree, own: &Tree, lower: &Tree) {
    tree.retain(|_, node| match node {
        Node::Directory(children) => {
            settle(children, own, lower);
            true
        }
        Node::Pending(target) => {
            if let Some(content) = pending(target, own, lower, 40) {
                *node = Node::File(content);
                true
            } else {
                // Present, but nothing that could be read.
                *node = Node::Pending(String::new());
                true
            }
        }
        _ => true,
    });
}

fn pending(target: &str, own: &Tree, lower: &Tree, hops: usize) -> Option<String> {
    if hops == 0 {
        return None;
    }
    match (at(lower, target), at(own, target)) {
        (Some(Node::File(content)), _) | (_, Some(Node::File(content))) => Some(content.clone()),
        (_, Some(Node::Pending(next))) => pending(next, own, lower, hops - 1),
        _ => None,
    }
}

fn merge(mut lower: Tree, upper: Tree) -> Tree {
    for (name, node) in upper {
        let merged = match (lower.remove(&name), node) {
            (Some(Node::Directory(below)), Node::Directory(above)) => Node::Directory(merge(below, above)),
            (_, node) => node,
        };
        lower.insert(name, merged);
    }
    lower
}

fn place(tree: &mut Tree, path: &str, node: Node) {
    if let Some(path) = real(tree, path, true) {
        put(tree, &path, node);
    }
}

/// Follows the links on the way to `path` and makes the directories that are missing.
fn real(tree: &mut Tree, path: &str, make: bool) -> Option<String> {
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
        match at(tree, &here).cloned() {
            Some(Node::Directory(_)) => {}
            Some(Node::Symlink(target)) => {
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
            _ if make => put(tree, &here, Node::Directory(Tree::new())),
            _ => return None,
        }
    }
    real.push(base.to_owned());
    Some(real.join("/"))
}

fn at<'a>(tree: &'a Tree, path: &str) -> Option<&'a Node> {
    match path.split_once('/') {
        None => tree.get(path),
        Some((first, rest)) => match tree.get(first) {
            Some(Node::Directory(children)) => at(children, rest),
            _ => None,
        },
    }
}

fn at_mut<'a>(tree: &'a mut Tree, path: &str) -> Option<&'a mut Node> {
    match path.split_once('/') {
        None => tree.get_mut(path),
        Some((first, rest)) => match tree.get_mut(first) {
            Some(Node::Directory(children)) => at_mut(children, rest),
            _ => None,
        },
    }
}

fn children<'a>(tree: &'a mut Tree, path: &str) -> Option<(&'a mut Tree, String)> {
    match path.rsplit_once('/') {
        None => Some((tree, path.to_owned())),
        Some((directory, base)) => match at_mut(tree, directory) {
            Some(Node::Directory(children)) => Some((children, base.to_owned())),
            _ => None,
        },
    }
}

fn put(tree: &mut Tree, path: &str, node: Node) {
    if let Some((children, base)) = children(tree, path) {
        children.insert(base, node);
    }
}

fn remove(tree: &mut Tree, path: &str) {
    if let Some((children, base)) = children(tree, path) {
        children.remove(&base);
    }
}

fn list(prefix: &str, tree: &Tree, root: &Tree, out: &mut BTreeMap<String, String>) {
    for (name, node) in tree {
        let path = format!("{prefix}{name}");
        match node {
            Node::Directory(children) => list(&format!("{path}/"), children, root, out),
            Node::File(content) => {
                out.insert(path, content.clone());
            }
            Node::Symlink(_) => {
                if let Some(content) = resolve(root, &path) {
                    out.insert(path, content);
                }
            }
            Node::Pending(_) => {}
        }
    }
}

fn resolve(tree: &Tree, path: &str) -> Option<String> {
    let mut left: VecDeque<String> = path.split('/').map(str::to_owned).collect();
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
        match at(tree, &real.join("/")) {
            Some(Node::Directory(_)) => {}
            Some(Node::Symlink(target)) => {
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
            Some(Node::File(content)) if left.iter().all(|name| name.is_empty() || name == ".") => {
                return Some(content.clone());
            }
            _ => return None,
        }
    }
    None
}
