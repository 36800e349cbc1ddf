//! Squashing layers into what a container would see, and following links through it.

use std::collections::BTreeMap;

use plimsoll_core::Limits;
use plimsoll_core::rootfs::{FileSet, FoundFile};

use super::contents::{Contents, Keys, Node};
use super::{Paths, ancestors};

/// The layers of an image, seen as one.
pub(super) struct Squash<'a> {
    layers: &'a [Contents],
    keys: &'a Keys,
    links: usize,
}

/// Where a path leads.
enum Lead<'a> {
    /// To a wanted file: its real path, its layer, and what the layer has there.
    Found(String, usize, &'a Node),
    /// Through or to something that is there and was not kept.
    NotKept(String),
    /// Nowhere: nothing is there, or links go round in circles.
    Nowhere,
}

impl<'a> Squash<'a> {
    pub(super) fn new(layers: &'a [Contents], keys: &'a Keys, limits: &Limits) -> Self {
        Self { layers, keys, links: limits.links }
    }

    /// Real paths that links lead to and whose content was not kept.
    pub(super) fn missing(&self, fixed: &[&str]) -> Paths {
        self.leads(fixed)
            .into_values()
            .filter_map(|lead| match lead {
                Lead::NotKept(path) => Some(path),
                Lead::Found(..) | Lead::Nowhere => None,
            })
            .collect()
    }

    /// The layers that can have something at one of `paths` or a link on the way there.
    pub(super) fn layers_of(&self, paths: &Paths) -> Vec<usize> {
        let can_have = |layer: &Contents| {
            paths.iter().any(|path| {
                layer.has_file(path, self.keys) || ancestors(path).any(|above| layer.has_file(above, self.keys))
            })
        };
        self.layers.iter().enumerate().filter(|(_, layer)| can_have(layer)).map(|(index, _)| index).collect()
    }

    /// The wanted files, by the path that was asked for.
    pub(super) fn files(&self, fixed: &[&str]) -> FileSet {
        let mut set = FileSet::default();
        for (path, lead) in self.leads(fixed) {
            let path = path.to_owned();
            match lead {
                Lead::Found(real_path, layer, Node::File(content)) => {
                    let found =
                        FoundFile { path: path.clone(), real_path, content: content.clone(), layer: Some(layer) };
                    set.files.insert(path, found);
                }
                Lead::Found(_, _, Node::Oversized(size)) => set.oversized.push((path, *size)),
                Lead::NotKept(real_path) => {
                    set.unreadable.push((path, format!("its content is at {real_path}, which could not be read")));
                }
                Lead::Found(..) | Lead::Nowhere => {}
            }
        }
        set
    }

    /// Where every path leads that may be a wanted file: those kept in some layer, and the well-known ones.
    fn leads<'s>(&'s self, fixed: &'s [&str]) -> BTreeMap<&'s str, Lead<'a>> {
        let kept = self.layers.iter().flat_map(|layer| layer.nodes.keys());
        let mut leads: BTreeMap<&str, Lead<'a>> = kept.map(|path| (path.as_str(), self.direct(path))).collect();
        // Only well-known paths are looked for through links above them. What else is wanted is found where it lies.
        leads.extend(fixed.iter().map(|path| (*path, self.follow(path))));
        leads
    }

    fn direct(&self, path: &str) -> Lead<'a> {
        match self.visible(path) {
            Visible::Node(layer, node) => match self.node(path, layer, node) {
                Step::To(next) => self.follow(&next),
                Step::End(lead) => lead,
            },
            Visible::NotKept(_) | Visible::Nothing => Lead::Nowhere,
        }
    }

    fn follow(&self, path: &str) -> Lead<'a> {
        let mut path = path.to_owned();
        for _ in 0..=self.links {
            match self.step(&path) {
                Step::To(next) => path = next,
                Step::End(lead) => return lead,
            }
        }
        Lead::Nowhere
    }

    /// Takes the first link on the way to `path`, or says what is there.
    fn step(&self, path: &str) -> Step<'a> {
        let mut above: Vec<&str> = ancestors(path).collect();
        above.reverse();
        let here = self.visible(path);
        for prefix in above {
            let (at, link) = match self.visible(prefix) {
                Visible::Nothing => continue,
                Visible::Node(at, node) => (at, Some(node)),
                Visible::NotKept(at) => (at, None),
            };
            // Written in a later layer through the link: runtimes follow it when they unpack, so it is there.
            if matches!(here, Visible::Node(layer, _) | Visible::NotKept(layer) if layer > at) {
                break;
            }
            return match link {
                Some(Node::Symlink(target)) => {
                    let rest = path.get(prefix.len()..).unwrap_or_default();
                    Step::To(join(prefix, &format!("{target}{rest}")))
                }
                // A file in the middle of a path: nothing is beneath it.
                Some(_) => Step::End(Lead::Nowhere),
                // It may be a link.
                None => Step::End(Lead::NotKept(path.to_owned())),
            };
        }
        match here {
            Visible::Node(layer, node) => self.node(path, layer, node),
            Visible::NotKept(_) => Step::End(Lead::NotKept(path.to_owned())),
            Visible::Nothing => Step::End(Lead::Nowhere),
        }
    }

    fn node(&self, path: &str, layer: usize, node: &'a Node) -> Step<'a> {
        match node {
            Node::Symlink(target) => Step::To(join(path, target)),
            Node::Hardlink(target) => self.hardlink(path, layer, target),
            Node::File(_) | Node::Oversized(_) => Step::End(Lead::Found(path.to_owned(), layer, node)),
        }
    }

    /// A hard link shares the content that its target had when the layer was applied: in this layer, or below it.
    fn hardlink(&self, path: &str, layer: usize, target: &str) -> Step<'a> {
        match self.visible_in(target, layer + 1) {
            Visible::Node(at, node @ (Node::File(_) | Node::Oversized(_))) => {
                Step::End(Lead::Found(path.to_owned(), at.max(layer), node))
            }
            Visible::Node(_, Node::Symlink(next)) => Step::To(join(target, next)),
            // Tar writers name the first path of a file as the target, never another link.
            Visible::Node(..) => Step::End(Lead::Nowhere),
            Visible::NotKept(_) => Step::End(Lead::NotKept(target.to_owned())),
            Visible::Nothing => Step::End(Lead::Nowhere),
        }
    }

    fn visible(&self, path: &str) -> Visible<'a> {
        self.visible_in(path, self.layers.len())
    }

    /// What is seen at `path` with the lowest `count` layers.
    fn visible_in(&self, path: &str, count: usize) -> Visible<'a> {
        for (index, layer) in self.layers.iter().enumerate().take(count).rev() {
            if let Some(node) = layer.node(path) {
                return Visible::Node(index, node);
            }
            if layer.has_file(path, self.keys) {
                return Visible::NotKept(index);
            }
            // A directory here merges with one below, and replaces anything else.
            if layer.hides(path, self.keys) {
                return Visible::Nothing;
            }
        }
        Visible::Nothing
    }
}

enum Step<'a> {
    To(String),
    End(Lead<'a>),
}

#[derive(Clone, Copy)]
enum Visible<'a> {
    Node(usize, &'a Node),
    /// Something other than a directory in this layer, of which only the hash is known.
    NotKept(usize),
    /// A directory, or nothing.
    Nothing,
}

/// Where a link at `link` with `target` leads; never above the root.
fn join(link: &str, target: &str) -> String {
    let mut components: Vec<&str> = Vec::new();
    if !target.starts_with('/') {
        components.extend(link.split('/'));
        components.pop();
    }
    for component in target.split('/') {
        match component {
            "" | "." => {}
            ".." => {
                components.pop();
            }
            name => components.push(name),
        }
    }
    components.join("/")
}
