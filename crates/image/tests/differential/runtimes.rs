//! Whole images as container engines unpack them and the kernel stacks them: every file that a process in a
//! container could read is found, and no file that engines show differently is called certain.
//!
//! The peer `unpackers` gives the views; see `bench/peers/unpackers`.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::process::Command;

use plimsoll_image::Error;
use plimsoll_testkit::{Compression, ImageBuilder, Layer, peer_program};
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;
use serde::Deserialize;

use crate::memory::{self, ALL, MemorySource};
use crate::tars::{Tar, record};

/// How many random images are made, unless `PLIMSOLL_IMAGES` sets another number.
const BY_CHANCE: usize = 2_000;

/// How many are made and unpacked at a time.
const BATCH: usize = 500;

/// The view of the image from a process in a container, or why there is none.
#[derive(Deserialize)]
struct View {
    case: String,
    #[serde(rename = "view")]
    by: String,
    error: Option<String>,
    #[serde(default)]
    files: BTreeMap<String, String>,
}

#[derive(Debug, Clone)]
enum Step {
    File(String, u32),
    Directory(String),
    Symlink(String, String),
    Hardlink(String, String),
    Whiteout(String),
    Opaque(String),
    /// A FIFO would be like a file, but Docker waits forever for a writer.
    Device(String),
    /// A global extended header of this name.
    Global(String),
    /// A name in the folders that AUFS reserved for itself.
    Aufs(&'static str, String),
}

fn path() -> impl Strategy<Value = String> {
    let name = || prop::sample::select(&["a", "b", "c"][..]);
    prop::collection::vec(name(), 1..4).prop_map(|names| names.join("/"))
}

fn step() -> impl Strategy<Value = Step> {
    let target = (prop::sample::select(&["", "/", "../", "./"][..]), path())
        .prop_map(|(start, path)| format!("{start}{path}"));
    let aufs = prop::sample::select(&[".wh..wh.plnk", ".wh..wh.aufs", "a/.wh..wh.orph", ".wh..wh..opq"][..]);
    prop_oneof![
        10 => (path(), any::<u32>()).prop_map(|(path, content)| Step::File(path, content)),
        6 => path().prop_map(Step::Directory),
        3 => (path(), target).prop_map(|(path, target)| Step::Symlink(path, target)),
        2 => (path(), path()).prop_map(|(path, target)| Step::Hardlink(path, target)),
        4 => path().prop_map(Step::Whiteout),
        2 => path().prop_map(Step::Opaque),
        1 => Just(Step::Opaque(String::new())),
        1 => path().prop_map(Step::Device),
        1 => path().prop_map(Step::Global),
        1 => (aufs, prop_oneof![Just(String::new()), path()]).prop_map(|(folder, path)| Step::Aufs(folder, path)),
    ]
}

fn write(tar: Tar, step: &Step) -> Tar {
    let marker = |path: &str| match path.rsplit_once('/') {
        Some((directory, name)) => format!("{directory}/.wh.{name}"),
        None => format!(".wh.{path}"),
    };
    match step {
        Step::File(path, content) => tar.file(path, &content.to_string()),
        Step::Directory(path) => tar.with(b'5', &format!("{path}/"), b"", |_| {}),
        Step::Symlink(path, target) => tar.link(b'2', path, target),
        Step::Hardlink(path, target) => tar.link(b'1', path, target),
        Step::Whiteout(path) => tar.file(&marker(path), ""),
        Step::Opaque(path) if path.is_empty() => tar.file(".wh..wh..opq", ""),
        Step::Opaque(path) => tar.file(&format!("{path}/.wh..wh..opq"), ""),
        // Not 0:0, which the kernel treats as a whiteout.
        Step::Device(path) => {
            tar.with(b'3', path, b"", |header| header[329..336].copy_from_slice(b"0000001"))
        }
        Step::Global(path) => tar.with(b'g', path, record("comment", "x").as_bytes(), |_| {}),
        Step::Aufs(folder, path) if path.is_empty() => tar.file(folder, "aufs"),
        Step::Aufs(folder, path) => tar.file(&format!("{folder}/{path}"), "aufs"),
    }
}

/// What the engines show of images with these layers, by case.
fn theirs(images: &[Vec<Vec<u8>>]) -> Option<Vec<Vec<View>>> {
    let peer = peer_program("unpackers", "$PLIMSOLL_PEERS")?;
    let folder = tempfile::tempdir().unwrap();
    for (number, layers) in images.iter().enumerate() {
        let case = folder.path().join(number.to_string());
        fs::create_dir(&case).unwrap();
        for (index, layer) in layers.iter().enumerate() {
            fs::write(case.join(format!("{index}.tar")), layer).unwrap();
        }
    }
    let output = Command::new(peer).arg(folder.path()).output().unwrap();
    if !output.status.success() {
        eprintln!("{}\nskipped: this user may not mount", String::from_utf8_lossy(&output.stderr));
        return None;
    }
    let mut views: Vec<Vec<View>> = images.iter().map(|_| Vec::new()).collect();
    for line in output.stdout.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        let view: View = serde_json::from_slice(line).unwrap();
        views[view.case.parse::<usize>().unwrap()].push(view);
    }
    Some(views)
}

/// The files of an image with these layers, and those among them that some runtimes do not show.
fn ours(layers: &[Vec<u8>]) -> Result<(BTreeMap<String, String>, BTreeSet<String>), Error> {
    let layer = |tar: &Vec<u8>| Layer::from_tar(tar.clone()).compression(Compression::Plain);
    let image = layers.iter().map(layer).fold(ImageBuilder::new(), ImageBuilder::layer).build();
    let files = MemorySource::new(&image).read(&ALL)?;
    Ok((memory::texts(&files), memory::disputed(&files)))
}

/// Where `view` contradicts what is seen here; `None` if they agree.
fn contradiction(
    view: &View,
    files: &BTreeMap<String, String>,
    disputed: &BTreeSet<String>,
) -> Option<String> {
    if view.error.is_some() {
        return None;
    }
    let has = |files: &BTreeMap<String, String>, path: &String, content: &String| match view.by.as_str() {
        // In place of a link of a lower layer, an overlay shows a new folder, but the others write through
        // the link.
        "sequential" => files.values().any(|other| other == content),
        _ => files.get(path) == Some(content),
    };
    let unseen = view.files.iter().filter(|(path, content)| !has(files, path, content));
    let certain = files.iter().filter(|(path, _)| !disputed.contains(*path));
    let wrong: BTreeSet<&String> = certain
        .filter(|(path, content)| !has(&view.files, path, content))
        .chain(unseen)
        .map(|(path, _)| path)
        .collect();
    (!wrong.is_empty()).then(|| format!("{} shows {:?}, wrong at {wrong:?}", view.by, view.files))
}

/// If containerd unpacks one layer after the other, the result is as specified, except for folders without an
/// entry of their own: if an opaque marker comes after their content, they are removed too.
fn markers_come_first(layers: &[Vec<Step>]) -> bool {
    let is_marker = |step: &Step| matches!(step, Step::Opaque(_) | Step::Aufs(".wh..wh..opq", _));
    layers.iter().all(|steps| !steps.iter().skip_while(|step| is_marker(step)).any(is_marker))
}

/// If a layer has no entries for its folders, unpacking into one folder follows the links of lower layers,
/// but an overlay has new folders in their place.
fn goes_through_lower_links(layers: &[Vec<Step>]) -> bool {
    let mut links: BTreeSet<&str> = BTreeSet::new();
    for steps in layers {
        let mut above = steps.iter().map(Step::path).flat_map(|path| {
            let folders = path.match_indices('/').filter_map(move |(end, _)| path.get(..end));
            folders.chain(matches_opaque(steps, path).then_some(path))
        });
        if above.any(|folder| links.contains(folder)) {
            return true;
        }
        links.extend(steps.iter().filter_map(|step| match step {
            Step::Symlink(path, _) => Some(path.as_str()),
            _ => None,
        }));
    }
    false
}

fn matches_opaque(steps: &[Step], path: &str) -> bool {
    steps.iter().any(|step| matches!(step, Step::Opaque(opaque) if opaque == path))
}

impl Step {
    fn path(&self) -> &str {
        match self {
            Self::File(path, _)
            | Self::Symlink(path, _)
            | Self::Hardlink(path, _)
            | Self::Directory(path)
            | Self::Whiteout(path)
            | Self::Opaque(path)
            | Self::Device(path)
            | Self::Global(path) => path,
            Self::Aufs(folder, _) => folder,
        }
    }
}

#[test]
fn t17_every_file_that_engines_show_is_seen_and_nothing_is_certain_that_they_dispute() {
    let images = std::env::var("PLIMSOLL_IMAGES").ok().map_or(BY_CHANCE, |count| count.parse().unwrap());
    let mut runner = TestRunner::deterministic();
    let strategy = prop::collection::vec(prop::collection::vec(step(), 0..7), 2..4);
    let (mut found, mut read, mut run) = (String::new(), 0, 0);
    for _ in 0..images.div_ceil(BATCH) {
        let steps: Vec<_> = (0..BATCH).map(|_| strategy.new_tree(&mut runner).unwrap().current()).collect();
        let tar = |steps: &Vec<Step>| steps.iter().fold(Tar::default(), write).end();
        let images: Vec<Vec<Vec<u8>>> = steps.iter().map(|layers| layers.iter().map(tar).collect()).collect();
        let Some(views) = theirs(&images) else { return };
        for ((steps, layers), views) in steps.iter().zip(&images).zip(views) {
            run += usize::from(views.iter().any(|view| view.error.is_none()));
            let (files, disputed) = match ours(layers) {
                Ok(seen) => seen,
                Err(Error::Tar { .. }) => continue,
                Err(other) => panic!("{other}"),
            };
            read += 1;
            let is_plain = markers_come_first(steps) && !goes_through_lower_links(steps);
            let views = views.iter().filter(|view| view.by != "sequential" || is_plain);
            for wrong in views.filter_map(|view| contradiction(view, &files, &disputed)) {
                writeln!(found, "{steps:?}\nours: {files:?}, disputed {disputed:?}\n{wrong}\n").unwrap();
            }
        }
    }
    eprintln!("of {images} images, an engine unpacks {run}, and {read} are read");
    assert!(
        read * 2 > run,
        "of {run} images that engines unpack only {read} are read, which shows too little"
    );
    crate::nothing(&found);
}
