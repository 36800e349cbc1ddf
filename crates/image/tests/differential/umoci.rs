//! Whole images as a runtime unpacks them: umoci writes the layers of a layout into a folder, and the files
//! there must be those that [`plimsoll_image::layers::read`] sees.

use std::collections::{BTreeMap, VecDeque};
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Command;

use plimsoll_core::Limits;
use plimsoll_image::layout::Layout;
use plimsoll_image::{Source as _, artifact, layers};
use plimsoll_testkit::{Compression, ImageBuilder, Layer, WholeFiles};
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;

/// How many random images are made.
const BY_CHANCE: usize = 200;

/// Every path that leads to a file, with its content.
type Files = BTreeMap<String, String>;

fn ours(layout: &Path) -> Files {
    let limits = Limits::default();
    let source = Layout::open(layout, None, limits.clone()).unwrap();
    let artifact = artifact::load(&source, &source.resolve().unwrap(), &limits).unwrap();
    let found = layers::read(&source, &artifact.images[0], &WholeFiles::ALL, &limits, &()).unwrap();
    found
        .iter()
        .map(|file| (file.path.clone(), String::from_utf8_lossy(WholeFiles::content(file)).into_owned()))
        .collect()
}

/// The files that umoci writes into a folder, or why it fails.
fn umocis(layout: &Path, bundle: &Path) -> Result<Files, String> {
    let image = format!("{}:test", layout.display());
    let output =
        Command::new("umoci").args(["unpack", "--rootless", "--image", &image]).arg(bundle).output().unwrap();
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned());
    }
    let (root, mut files) = (bundle.join("rootfs"), Files::new());
    list(&root, "", &mut files);
    Ok(files)
}

fn list(root: &Path, folder: &str, files: &mut Files) {
    for entry in fs::read_dir(root.join(folder)).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        let path = if folder.is_empty() { name } else { format!("{folder}/{name}") };
        if entry.file_type().unwrap().is_dir() {
            list(root, &path, files);
        } else if let Some(content) = read(root, &path) {
            files.insert(path, content);
        }
    }
}

/// The file at `path`, as a process in `root` reads it.
fn read(root: &Path, path: &str) -> Option<String> {
    let mut left: VecDeque<String> = path.split('/').map(str::to_owned).collect();
    let (mut real, mut links) = (Vec::new(), 0);
    while let Some(name) = left.pop_front() {
        match name.as_str() {
            "" | "." => continue,
            ".." => {
                real.pop();
                continue;
            }
            _ => real.push(name),
        }
        let here = root.join(real.join("/"));
        if let Ok(target) = fs::read_link(&here) {
            links += 1;
            if links > 40 {
                return None;
            }
            let target = target.into_os_string().into_string().unwrap();
            if target.starts_with('/') {
                real.clear();
            } else {
                real.pop();
            }
            target.split('/').rev().for_each(|name| left.push_front(name.to_owned()));
        }
    }
    fs::read_to_string(root.join(real.join("/"))).ok()
}

/// Both views of an image with these layers.
fn views(layers: Vec<Layer>) -> (Files, Result<Files, String>) {
    let folder = tempfile::tempdir().unwrap();
    let (layout, bundle) = (folder.path().join("layout"), folder.path().join("bundle"));
    let image = layers.into_iter().fold(ImageBuilder::new(), ImageBuilder::layer).build();
    image.write_layout(&layout, Some("test"));
    (ours(&layout), umocis(&layout, &bundle))
}

fn is_missing() -> bool {
    let missing =
        !Command::new("umoci").arg("--version").output().is_ok_and(|output| output.status.success());
    if missing {
        eprintln!("skipped: no umoci");
    }
    missing
}

#[test]
fn t17_umoci_unpacks_the_files_that_are_seen_in_an_image() {
    if is_missing() {
        return;
    }
    let long = format!("{}/{}", "d".repeat(90), "f".repeat(90));
    let base = Layer::new()
        .directory("etc")
        .file("etc/os-release", "ID=debian\n")
        .file("etc/passwd", "root")
        .directory("usr")
        .directory("usr/lib")
        .file("usr/lib/library", "one")
        .hardlink("usr/lib/same", "usr/lib/library")
        .symlink("lib", "usr/lib")
        .symlink("usr/lib/absolute", "/etc/passwd")
        .symlink("usr/lib/upward", "../../etc/os-release")
        .symlink("usr/lib/dangling", "nowhere")
        .directory("opt")
        .directory("opt/app")
        .file("opt/app/old", "old")
        .directory("opt/app/cache")
        .file("opt/app/cache/entry", "entry")
        .file("replaced-by-folder", "file")
        .directory("replaced-by-file")
        .file("replaced-by-file/inside", "inside")
        .file(&long, "long name");
    let middle = Layer::new()
        .whiteout("etc/passwd")
        .directory("opt")
        .directory("opt/app")
        .opaque("opt/app")
        .file("opt/app/new", "new")
        .file("usr/lib/library", "two")
        .directory("replaced-by-folder")
        .file("replaced-by-folder/inside", "folder")
        .file("replaced-by-file", "file now")
        .whiteout("never-was");
    let top = Layer::new()
        .compression(Compression::Plain)
        .hardlink("usr/lib/linked-later", "usr/lib/library")
        .file("etc/passwd", "again")
        .whiteout("usr/lib/dangling")
        .symlink("usr/lib/dangling", "library")
        .file("usr/lib/.wh-is-no-whiteout", "kept");
    let (ours, theirs) = views(vec![base, middle, top]);
    assert_eq!(ours, theirs.unwrap());
    let expected = [
        ("etc/os-release", "ID=debian\n"),
        ("etc/passwd", "again"),
        ("opt/app/new", "new"),
        ("replaced-by-file", "file now"),
        ("replaced-by-folder/inside", "folder"),
        ("usr/lib/.wh-is-no-whiteout", "kept"),
        ("usr/lib/absolute", "again"),
        ("usr/lib/dangling", "two"),
        ("usr/lib/library", "two"),
        ("usr/lib/linked-later", "two"),
        ("usr/lib/same", "one"),
        ("usr/lib/upward", "ID=debian\n"),
        (&long, "long name"),
    ];
    let expected: Files = expected.map(|(path, content)| (path.to_owned(), content.to_owned())).into();
    assert_eq!(ours, expected);
}

/// One step of a layer.
#[derive(Debug, Clone)]
enum Step {
    File(String, u8),
    Directory(String),
    Symlink(String, String),
    Hardlink(String, String),
    Whiteout(String),
    Opaque(String),
}

fn path() -> impl Strategy<Value = String> {
    let name = || prop::sample::select(&["a", "b", "c"][..]);
    prop::collection::vec(name(), 1..4).prop_map(|names| names.join("/"))
}

fn step() -> impl Strategy<Value = Step> {
    let target = (prop::sample::select(&["", "/", "../", "./"][..]), path())
        .prop_map(|(start, path)| format!("{start}{path}"));
    prop_oneof![
        5 => (path(), any::<u8>()).prop_map(|(path, content)| Step::File(path, content)),
        2 => path().prop_map(Step::Directory),
        2 => (path(), target).prop_map(|(path, target)| Step::Symlink(path, target)),
        1 => (path(), path()).prop_map(|(path, target)| Step::Hardlink(path, target)),
        2 => path().prop_map(Step::Whiteout),
        1 => path().prop_map(Step::Opaque),
    ]
}

/// The steps as builders write them: the folders on the way to an entry come before it, and no layer has two
/// entries for one path. If a layer has no entries for its folders, runtimes differ: overlay file systems
/// (and Plimsoll) replace a link of a lower layer by a new folder, but umoci writes through the link.
fn as_built(steps: Vec<Step>) -> Vec<Step> {
    let mut said: BTreeMap<String, bool> = BTreeMap::new();
    let mut built = Vec::new();
    for step in steps {
        let (path, is_folder) = match &step {
            Step::Directory(path) => (path.clone(), true),
            Step::Opaque(path) => (format!("{path}/.wh..wh..opq"), false),
            Step::File(path, _) | Step::Symlink(path, _) | Step::Hardlink(path, _) | Step::Whiteout(path) => {
                (path.clone(), false)
            }
        };
        let above: Vec<String> = path.match_indices('/').map(|(end, _)| path[..end].to_owned()).collect();
        if said.contains_key(&path) || above.iter().any(|folder| said.get(folder) == Some(&false)) {
            continue;
        }
        for folder in above {
            if said.insert(folder.clone(), true).is_none() {
                built.push(Step::Directory(folder));
            }
        }
        said.insert(path, is_folder);
        built.push(step);
    }
    built
}

fn write(layer: Layer, step: &Step) -> Layer {
    match step {
        Step::File(path, content) => layer.file(path, content.to_string()),
        Step::Directory(path) => layer.directory(path),
        Step::Symlink(path, target) => layer.symlink(path, target),
        Step::Hardlink(path, target) => layer.hardlink(path, target),
        Step::Whiteout(path) => layer.whiteout(path),
        Step::Opaque(path) => layer.opaque(path),
    }
}

#[test]
fn t17_umoci_unpacks_the_files_that_are_seen_in_images_by_chance() {
    if is_missing() {
        return;
    }
    let mut runner = TestRunner::deterministic();
    let strategy = prop::collection::vec(prop::collection::vec(step(), 0..6), 1..4);
    let (mut found, mut refused) = (String::new(), 0);
    for _ in 0..BY_CHANCE {
        let steps = strategy.new_tree(&mut runner).unwrap().current();
        let steps: Vec<Vec<Step>> = steps.into_iter().map(as_built).collect();
        let layers = steps.iter().map(|steps| steps.iter().fold(Layer::new(), write)).collect();
        match views(layers) {
            (_, Err(_)) => refused += 1,
            (ours, Ok(theirs)) if ours != theirs => {
                writeln!(found, "{steps:#?}\nours:   {ours:?}\numoci's: {theirs:?}\n").unwrap();
            }
            _ => {}
        }
    }
    // These are mostly hard links to nothing.
    assert!(refused < BY_CHANCE * 4 / 10, "umoci refused {refused} of {BY_CHANCE}, which shows too little");
    crate::nothing(&found);
}
