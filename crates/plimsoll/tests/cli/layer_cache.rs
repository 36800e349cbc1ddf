//! Layers that were read before: what is not read again, and that nothing else changes.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use plimsoll_testkit::{Fault, ImageBuilder, Layer, Registry};

use crate::fixture::{NOW, Place, affected, debian, patched, pushed, run, wheel};

/// How often each layer was asked for since the last time.
fn layer_requests(registry: &Registry) -> [usize; 3] {
    let layers = [debian(), wheel("pymysql", "1.1.0"), wheel("pymysql", "1.1.1")];
    let images = layers.map(|layer| ImageBuilder::new().layer(layer).build());
    let counts = images.map(|image| {
        let digest = image.image().layers[0].digest();
        registry.requests_to(&format!("GET */blobs/{digest}")).len()
    });
    registry.clear_requests();
    counts
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let section = folder.join("layers/v1/layers");
    fs::read_dir(section).into_iter().flatten().map(|entry| entry.unwrap().path()).collect()
}

#[test]
fn the_same_image_again_reads_no_layer_and_a_shared_base_is_read_once() {
    let (place, registry) = (Place::new(), Registry::start());
    let (old, new) = (affected(&registry), patched(&registry));
    let (db, cache) = (place.path("db"), place.path("kept"));
    let commands: [&[&str]; 3] =
        [&["sbom"], &["scan", "--db", &db, "--at", NOW, "-o", "json"], &["check", "--db", &db, "--at", NOW]];
    registry.clear_requests();
    for (number, command) in commands.iter().enumerate() {
        for (image, others) in [(&old, [1, 1, 0]), (&new, [0, 0, 1])] {
            let fresh = place.run(&[command, &["--no-cache", image][..]].concat());
            layer_requests(&registry);
            for expected in [if number == 0 { others } else { [0; 3] }, [0; 3]] {
                let cached = place.run(&[command, &["--cache-dir", &cache, image][..]].concat());
                assert_eq!(layer_requests(&registry), expected, "{command:?} {image}");
                assert_eq!((cached.code, cached.stdout), (fresh.code, fresh.stdout.clone()), "{command:?}");
            }
        }
    }
}

#[test]
fn people_have_a_cache_and_ci_has_none() {
    let (place, registry) = (Place::empty(), Registry::start());
    let image = affected(&registry);
    let folder = place.root().join(".cache/plimsoll");
    place.run(&["sbom", &image]).exits(0);
    place.run_with(&[("CI", ""), ("PLIMSOLL_NO_CACHE", "1")], &["sbom", &image]).exits(0);
    assert_eq!(entries(&folder).len(), 0);
    place.run_with(&[("CI", "")], &["sbom", &image]).exits(0);
    assert_eq!(entries(&folder).len(), 2);
    for path in [folder.join("layers"), folder.join("layers/v1"), folder.join("layers/v1/layers")] {
        assert_eq!(fs::metadata(path).unwrap().permissions().mode() & 0o777, 0o700);
    }
    registry.misbehave("GET */blobs/*", Fault::Status(500));
    place.run(&["sbom", &image]).exits(6);
}

#[test]
fn other_catalogers_and_limits_read_again() {
    let (place, registry) = (Place::empty(), Registry::start());
    let (image, cache) = (affected(&registry), place.path("kept"));
    let mut asked = |extra: &[&str]| {
        registry.clear_requests();
        place.run(&[&["sbom", "--cache-dir", &cache, &image], extra].concat()).exits(0);
        layer_requests(&registry)[..2].to_vec()
    };
    let python = "--catalogers=-all,+python";
    let limit = ["--limit", "metadata_bytes=1MiB"];
    assert_eq!(
        [&[][..], &[python], &[python], &limit, &[]].map(&mut asked),
        [vec![1, 1], vec![1, 1], vec![0, 0], vec![1, 1], vec![0, 0]]
    );
}

#[test]
fn a_run_that_is_killed_harms_no_later_one() {
    let (place, registry) = (Place::empty(), Registry::start());
    let layer = |number: usize| {
        let name = format!("usr/lib/python3/dist-packages/p{number}-1.0.dist-info/METADATA");
        let filler: Vec<u8> =
            (0..200_000_u32).flat_map(|n| (n.wrapping_mul(2_654_435_761)).to_le_bytes()).collect();
        Layer::new().file(&name, format!("Name: p{number}\nVersion: 1.0\n")).file("filler", filler)
    };
    let image = (0..12).map(layer).fold(ImageBuilder::new().layer(debian()), ImageBuilder::layer).build();
    let image = pushed(&registry, &image, "many");
    let fresh = place.run(&["sbom", "--no-cache", &image]).exits(0).stdout;
    let cache = place.path("kept");
    for wait in (0..25).map(|number| number * 17) {
        let mut child = place.command(&["sbom", "--cache-dir", &cache, &image]);
        let mut child = child.stdout(std::process::Stdio::null()).spawn().unwrap();
        thread::sleep(Duration::from_millis(wait));
        let _ = child.kill();
        child.wait().unwrap();
    }
    let cached = place.run(&["sbom", "--cache-dir", &cache, &image]).exits(0).keeps_quiet_about("cache");
    assert_eq!(cached.stdout, fresh);
}

#[test]
fn several_runs_at_once_give_the_same() {
    let (place, registry) = (Place::empty(), Registry::start());
    let (old, new) = (affected(&registry), patched(&registry));
    let cache = place.path("kept");
    let fresh = [&old, &new].map(|image| place.run(&["sbom", "--no-cache", image]).exits(0).stdout);
    thread::scope(|scope| {
        for (image, fresh) in [&old, &new].into_iter().zip(&fresh).cycle().take(8) {
            let (place, cache) = (&place, &cache);
            scope.spawn(move || {
                for _ in 0..3 {
                    let cached = run(place.command(&["sbom", "--cache-dir", cache, image])).exits(0);
                    assert_eq!((&cached.stdout, cached.stderr.contains("cache")), (fresh, false));
                }
            });
        }
    });
    assert_eq!(entries(cache.as_ref()).len(), 3);
}

#[test]
fn a_useless_folder_is_told_once() {
    let (place, registry) = (Place::empty(), Registry::start());
    let image = affected(&registry);
    let file = place.write("file", "");
    let told = place.run(&["sbom", "--cache-dir", &file, &image]).exits(0).says("layers are not cached");
    assert_eq!(told.stderr.matches("layers are not cached").count(), 1);
    let shared = place.root().join("shared/layers");
    fs::create_dir_all(&shared).unwrap();
    fs::set_permissions(&shared, fs::Permissions::from_mode(0o777)).unwrap();
    let told = place.run(&["sbom", "--cache-dir", &place.path("shared"), &image]).exits(0);
    told.says("can be written by others").says("chmod go-w");
    // A home folder without a place for it is nobody's fault.
    place
        .run_with(&[("CI", ""), ("XDG_CACHE_HOME", &file)], &["sbom", &image])
        .exits(0)
        .keeps_quiet_about("cache");
}

#[test]
fn damage_is_told_and_mended() {
    let (place, registry) = (Place::empty(), Registry::start());
    let (image, cache) = (affected(&registry), place.path("kept"));
    let sbom = || place.run(&["sbom", "--cache-dir", &cache, &image]).exits(0);
    let fresh = sbom().stdout;
    for entry in entries(cache.as_ref()) {
        fs::write(entry, "damaged").unwrap();
    }
    assert_eq!(sbom().says("is damaged, and is read again").stdout, fresh);
    assert_eq!(sbom().keeps_quiet_about("damaged").stdout, fresh);
}

#[test]
fn caches_can_be_seen_and_emptied() {
    let (place, registry) = (Place::empty(), Registry::start());
    let (image, cache) = (affected(&registry), place.path("kept"));
    let status = || place.run(&["cache", "status", "-o", "json", "--cache-dir", &cache]).exits(0).json();
    assert_eq!(status()["caches"][1]["files"], 0);
    assert!(!Path::new(&cache).exists(), "to look makes nothing");
    place.run(&["cache", "clear", "--cache-dir", &cache]).exits(0).says("layers: removed 0 bytes in 0 files");
    place.run(&["sbom", "--cache-dir", &cache, &image]).exits(0);
    assert_eq!(
        (&status()["caches"][1]["files"], &status()["caches"][1]["limit"]),
        (&2.into(), &(1_u64 << 30).into())
    );
    place.run(&["cache", "status", "--cache-dir", &cache]).exits(0).says("kept/layers");
    place.run(&["doctor", "--cache-dir", &cache]).says("layer cache");
    place.run(&["cache", "clear", "--cache-dir", &cache]).exits(0).says("in 2 files");
    assert_eq!(status()["caches"][1]["bytes"], 0);
    place.run(&["sbom", "--cache-dir", &cache, &image]).exits(0);
}
