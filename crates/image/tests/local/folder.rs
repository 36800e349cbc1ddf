//! Folders of the `dir:` transport.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use plimsoll_core::Limits;
use plimsoll_image::local::folder::Folder;
use plimsoll_image::{Error, Source as _};
use plimsoll_testkit::Artifact;

use super::{is_layered, layered, read};

fn write(folder: &Path, image: &Artifact) {
    fs::write(folder.join("version"), "Directory Transport Version: 1.1\n").unwrap();
    fs::write(folder.join("manifest.json"), &image.top.bytes).unwrap();
    for part in &image.parts {
        fs::write(folder.join(part.digest().hex()), &part.bytes).unwrap();
    }
}

#[test]
fn a_folder_is_read_as_the_image_that_it_holds() {
    let folder = tempfile::tempdir().unwrap();
    let image = layered();
    write(folder.path(), &image);
    let source = Folder::open(folder.path(), Limits::default()).unwrap();
    assert_eq!(source.resolve().unwrap().digest, image.digest());
    is_layered(&read(&source).unwrap());
    assert!(matches!(source.referrers(&image.digest()), Err(Error::NoReferrers { .. })));
}

#[test]
fn t02_a_blob_is_a_file_of_the_folder_and_no_link() {
    let folder = tempfile::tempdir().unwrap();
    let image = layered();
    write(folder.path(), &image);
    let blob = folder.path().join(image.image().layers[0].digest().hex());
    let elsewhere = tempfile::tempdir().unwrap();
    fs::rename(&blob, elsewhere.path().join("blob")).unwrap();
    symlink(elsewhere.path().join("blob"), &blob).unwrap();
    let source = Folder::open(folder.path(), Limits::default()).unwrap();
    assert!(matches!(read(&source), Err(Error::NotFound { .. })));
}

#[test]
fn a_folder_without_the_mark_is_none() {
    let folder = tempfile::tempdir().unwrap();
    assert!(!Folder::is_one(folder.path()));
    assert!(matches!(Folder::open(folder.path(), Limits::default()), Err(Error::UnknownFormat { .. })));
    fs::write(folder.path().join("version"), "12.4\n").unwrap();
    fs::write(folder.path().join("manifest.json"), "{}").unwrap();
    assert!(!Folder::is_one(folder.path()));
}
