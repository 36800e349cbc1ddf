//! containers-storage.

use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use plimsoll_core::{Classify as _, Kind, Limits};
use plimsoll_image::local::podman::Podman;
use plimsoll_image::{Error, Source as _};
use plimsoll_testkit::{ImageBuilder, Layer, containers_storage};
use rustix::io::Errno;

use super::{is_layered, layered, read};

const NAME: &str = "docker.io/library/app:1";

fn open(root: &Path, wanted: &str) -> Result<Podman, Error> {
    Podman::open(&[root.to_owned()], wanted, Limits::default())
}

/// Where the base layer's files are.
fn base(root: &Path, driver: &str) -> PathBuf {
    let folder = if driver == "vfs" { root.join("vfs/dir") } else { root.join(driver) };
    let layers = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let diff = |path: PathBuf| if driver == "vfs" { path } else { path.join("diff") };
    layers.map(diff).find(|path| path.join("big").exists()).unwrap()
}

#[test]
fn an_image_is_read_with_its_own_digest_and_its_layers_by_diff_id() {
    for driver in ["overlay", "vfs"] {
        let root = tempfile::tempdir().unwrap();
        let image = layered();
        containers_storage(root.path(), driver, NAME, &image);
        for wanted in ["app:1", NAME, &image.digest().to_string(), &image.image().config.digest().hex()[..12]]
        {
            let source = open(root.path(), wanted).unwrap();
            assert_eq!(source.resolve().unwrap().digest, image.digest(), "{driver} {wanted}");
            is_layered(&read(&source).unwrap());
        }
    }
}

#[test]
fn a_store_that_skopeo_wrote_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let image = layered();
    image.write_layout(&at("layout"), Some("1"));
    let store = format!("containers-storage:[vfs@{}+{}]{NAME}", at("root").display(), at("run").display());
    let source = format!("oci:{}:1", at("layout").display());
    let made = Command::new("skopeo").args(["--insecure-policy", "copy", "-q", &source, &store]).output();
    match made {
        Err(_) => {
            eprintln!("skipped: no skopeo");
            return;
        }
        // Unpacking with owners needs root.
        Ok(made) if !made.status.success() && !rustix::process::geteuid().is_root() => {
            eprintln!("skipped: skopeo cannot unpack layers as this user");
            return;
        }
        Ok(made) => assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr)),
    }
    let source = open(&at("root"), "app:1").unwrap();
    assert_eq!(source.resolve().unwrap().digest, image.digest());
    is_layered(&read(&source).unwrap());
}

#[test]
fn t02_a_link_in_place_of_a_file_is_not_followed() {
    let root = tempfile::tempdir().unwrap();
    containers_storage(root.path(), "overlay", NAME, &layered());
    let secret = root.path().join("secret");
    fs::write(&secret, "lower").unwrap();
    let diff = base(root.path(), "overlay");
    fs::remove_file(diff.join("etc/a")).unwrap();
    symlink(&secret, diff.join("etc/a")).unwrap();
    // The content would even be right, but that way to it must not be used.
    let error = read(&open(root.path(), "app:1").unwrap()).unwrap_err();
    assert!(
        matches!(&error, Error::Io { source, .. } if Errno::from_io_error(source) == Some(Errno::LOOP)),
        "{error:?}"
    );

    fs::remove_file(diff.join("etc/a")).unwrap();
    fs::rename(diff.join("etc"), root.path().join("elsewhere")).unwrap();
    fs::write(root.path().join("elsewhere/a"), "lower").unwrap();
    symlink(root.path().join("elsewhere"), diff.join("etc")).unwrap();
    let error = read(&open(root.path(), "app:1").unwrap()).unwrap_err();
    assert!(
        matches!(&error, Error::Io { source, .. } if source.kind() == ErrorKind::NotADirectory),
        "{error:?}"
    );
}

#[test]
fn r20_a_changed_file_does_not_pass_for_the_layer() {
    let root = tempfile::tempdir().unwrap();
    containers_storage(root.path(), "overlay", NAME, &layered());
    let file = base(root.path(), "overlay").join("etc/a");
    fs::write(&file, "LOWER").unwrap();
    let error = read(&open(root.path(), "app:1").unwrap()).unwrap_err();
    assert!(matches!(error, Error::DigestMismatch { .. }), "{error:?}");
    assert_eq!(error.kind(), Kind::Denied);
    fs::write(&file, "longer than it was").unwrap();
    let error = read(&open(root.path(), "app:1").unwrap()).unwrap_err();
    assert!(matches!(&error, Error::SizeMismatch { what, .. } if what.contains("etc/a")), "{error:?}");
    fs::remove_file(&file).unwrap();
    let error = read(&open(root.path(), "app:1").unwrap()).unwrap_err();
    assert!(matches!(&error, Error::Io { what, .. } if what.contains("etc/a")), "{error:?}");
}

#[test]
fn a_changed_manifest_or_configuration_is_refused() {
    let root = tempfile::tempdir().unwrap();
    let image = layered();
    containers_storage(root.path(), "vfs", NAME, &image);
    let beside = root.path().join("vfs-images").join(image.image().config.digest().hex());
    let other = ImageBuilder::new().layer(Layer::new().file("b", "b")).build();
    fs::write(beside.join("manifest"), &other.top.bytes).unwrap();
    let refused = || {
        let error = open(root.path(), "app:1").and_then(|source| read(&source)).unwrap_err();
        assert!(matches!(error, Error::DigestMismatch { .. }), "{error:?}");
    };
    // The list has the digest of each file.
    refused();
    // An older list has only that of the image.
    let path = root.path().join("vfs-images/images.json");
    let text = fs::read_to_string(&path).unwrap();
    let mut images: serde_json::Value = serde_json::from_str(&text).unwrap();
    images[0].as_object_mut().unwrap().remove("big-data-digests");
    fs::write(&path, images.to_string()).unwrap();
    refused();

    fs::write(&path, text).unwrap();
    fs::write(beside.join("manifest"), &image.top.bytes).unwrap();
    let config = beside.join(format!("={}", STANDARD.encode(image.image().config.digest().to_string())));
    fs::write(config, &other.image().config.bytes).unwrap();
    let error = open(root.path(), "app:1").and_then(|source| read(&source)).unwrap_err();
    assert!(matches!(error, Error::SizeMismatch { .. } | Error::DigestMismatch { .. }), "{error:?}");
}

#[test]
fn lists_that_lead_in_circles_or_out_of_the_store_are_refused() {
    let root = tempfile::tempdir().unwrap();
    containers_storage(root.path(), "overlay", NAME, &layered());
    let path = root.path().join("overlay-layers/layers.json");
    let text = fs::read_to_string(&path).unwrap();
    let mut layers: serde_json::Value = serde_json::from_str(&text).unwrap();
    let top = layers[1]["id"].clone();
    layers[0]["parent"] = top;
    fs::write(&path, layers.to_string()).unwrap();
    assert!(matches!(open(root.path(), "app:1"), Err(Error::Limit(_))));

    let (own, outside) = (layers[1]["id"].as_str().unwrap(), "../../etc");
    let images = root.path().join("overlay-images/images.json");
    let named = fs::read_to_string(&images).unwrap();
    fs::write(&path, text.replace(own, outside)).unwrap();
    fs::write(&images, named.replace(own, outside)).unwrap();
    let error = open(root.path(), "app:1").unwrap_err();
    assert!(error.to_string().contains("the identifier `../../etc`, expected hex digits"), "{error}");
    fs::write(&path, "[{\"id\": \"a\", \"id\": \"b\"}]").unwrap();
    assert!(matches!(open(root.path(), "app:1"), Err(Error::Json { .. })));
}

#[test]
fn a_missing_image_is_reported_with_the_existing_ones() {
    let root = tempfile::tempdir().unwrap();
    assert!(matches!(open(root.path(), "app:1"), Err(Error::NoStore { .. })));
    containers_storage(root.path(), "overlay", NAME, &layered());
    let error = open(root.path(), "app:2").unwrap_err();
    assert_eq!(error.kind(), Kind::NotFound);
    assert!(error.to_string().contains(NAME), "{error}");
    let source = open(root.path(), "app:1").unwrap();
    let top = source.resolve().unwrap();
    assert!(matches!(source.referrers(&top.digest), Err(Error::NoReferrers { .. })));
    for entry in fs::read_dir(root.path().join("overlay-layers")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "gz") {
            fs::remove_file(path).unwrap();
        }
    }
    let error = read(&source).unwrap_err();
    assert!(error.to_string().contains("tar-split"), "{error}");
}

#[test]
fn a_store_that_may_not_be_read_says_what_to_do() {
    use std::os::unix::fs::PermissionsExt as _;
    let root = tempfile::tempdir().unwrap();
    containers_storage(root.path(), "overlay", NAME, &layered());
    let images = root.path().join("overlay-images");
    fs::set_permissions(&images, fs::Permissions::from_mode(0o000)).unwrap();
    let opened = open(root.path(), "app:1");
    fs::set_permissions(&images, fs::Permissions::from_mode(0o700)).unwrap();
    if rustix::process::geteuid().is_root() {
        eprintln!("skipped: permissions do not bind this user");
        return;
    }
    let error = opened.unwrap_err();
    assert!(matches!(error, Error::StoreDenied { .. }), "{error:?}");
    assert!(error.hint().unwrap().contains("podman unshare"));
}
