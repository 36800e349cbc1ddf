//! Manifests that mean different things to different readers: rows R01 to R05 and R18.

use plimsoll_core::{Classify as _, Digest, Kind, Limits};
use plimsoll_image::{Descriptor, Error, Source as _, artifact, media};
use plimsoll_testkit::{ImageBuilder, IndexBuilder, Layer};
use serde_json::{Value, json};

use crate::memory::{ALL, MemorySource};

fn sample() -> MemorySource {
    MemorySource::new(&ImageBuilder::new().layer(Layer::new().file("a", "1")).build())
}

/// The sample with another manifest, under the correct digest.
fn with(media_type: &str, change: impl FnOnce(&mut Value)) -> MemorySource {
    let mut source = sample();
    let mut manifest: Value = serde_json::from_slice(&source.objects[&source.top.digest]).unwrap();
    change(&mut manifest);
    replace(&mut source, media_type, &manifest);
    source
}

fn replace(source: &mut MemorySource, media_type: &str, manifest: &Value) {
    let bytes = manifest.to_string().into_bytes();
    source.top = Descriptor::for_bytes(media_type, &bytes);
    source.objects.insert(source.top.digest, bytes);
}

#[test]
fn r01_a_manifest_that_is_also_an_index_is_refused() {
    let both = with(media::OCI_MANIFEST, |manifest| manifest["manifests"] = json!([]));
    assert!(matches!(both.load(), Err(Error::Ambiguous { .. })));
    let untyped = with(media::OCI_INDEX, |manifest| {
        manifest.as_object_mut().unwrap().remove("mediaType");
        manifest["manifests"] = json!([]);
    });
    assert!(matches!(untyped.load(), Err(Error::Ambiguous { .. })));
    // A descriptor cannot pass off a manifest as an index either.
    let untyped = with(media::OCI_INDEX, |manifest| {
        manifest.as_object_mut().unwrap().remove("mediaType");
    });
    let error = untyped.load().unwrap_err();
    assert!(
        matches!(&error, Error::Malformed { problem, .. } if problem == "an index without manifests"),
        "{error:?}"
    );
}

#[test]
fn r02_body_and_descriptor_have_to_agree_on_the_media_type() {
    let other = with(media::DOCKER_MANIFEST, |_| {});
    let error = other.load().unwrap_err();
    assert!(matches!(&error, Error::MediaTypeMismatch { .. }), "{error}");
    assert!(error.to_string().contains("got") || error.to_string().contains("expected"), "{error}");
}

#[test]
fn r03_every_link_of_the_chain_is_checked() {
    let child = |text: &str| ImageBuilder::new().layer(Layer::new().file("a", text)).build();
    let index = IndexBuilder::new().image(child("1")).image(child("2")).build();
    let good = MemorySource::new(&index);
    assert_eq!(good.load().unwrap().images.len(), 2);
    // A manifest, and then a configuration, that was replaced by another one under the same name.
    for swap in [
        |i: &plimsoll_testkit::ImageParts| i.manifest.digest(),
        |i: &plimsoll_testkit::ImageParts| i.config.digest(),
    ] {
        let mut source = MemorySource::new(&index);
        let (first, second) = (swap(&index.images[0]), swap(&index.images[1]));
        let other = source.objects[&second].clone();
        source.objects.insert(first, other);
        let error = source.load().unwrap_err();
        assert!(matches!(error, Error::DigestMismatch { .. } | Error::SizeMismatch { .. }), "{error}");
        assert_eq!(error.kind(), Kind::Denied);
    }
}

#[test]
fn r04_digests_that_are_paths_do_not_parse() {
    for digest in
        ["sha256:../../../etc/passwd", "SHA256:00", "md5:d41d8cd98f00b204e9800998ecf8427e", "sha256:"]
    {
        let source = with(media::OCI_MANIFEST, |manifest| manifest["config"]["digest"] = json!(digest));
        assert!(matches!(source.load(), Err(Error::Json { .. })), "{digest}");
    }
}

#[test]
fn r05_sizes_are_checked_before_anything_is_allocated() {
    for size in [json!(-1), json!(1.5), json!("7"), json!(1e30)] {
        let source = with(media::OCI_MANIFEST, |manifest| manifest["layers"][0]["size"] = size.clone());
        assert!(matches!(source.load(), Err(Error::Json { .. })), "{size}");
    }
    let source = with(media::OCI_MANIFEST, |manifest| manifest["config"]["size"] = json!(u64::MAX));
    assert!(matches!(source.load(), Err(Error::Limit(limit)) if limit.name == "manifest_bytes"));
    let source = with(media::OCI_MANIFEST, |manifest| manifest["layers"][0]["size"] = json!(u64::MAX));
    assert!(matches!(source.read(&ALL), Err(Error::Limit(limit)) if limit.name == "layer_bytes"));
    let mut source = sample();
    source.top.size = u64::MAX;
    assert!(matches!(source.load(), Err(Error::Limit(_))));
    let source = with(media::OCI_MANIFEST, |manifest| manifest["config"]["size"] = json!(3));
    assert!(matches!(source.load(), Err(Error::SizeMismatch { expected: 3, .. })));
}

#[test]
fn r05_diff_ids_and_layers_have_to_line_up() {
    let source = with(media::OCI_MANIFEST, |manifest| manifest["layers"] = json!([]));
    assert!(matches!(source.load(), Err(Error::Malformed { .. })));
}

#[test]
fn r05_indexes_in_indexes_are_bounded() {
    let mut source = sample();
    for _ in 0..5 {
        let top = source.top.clone();
        replace(&mut source, media::OCI_INDEX, &json!({"schemaVersion": 2, "manifests": [top]}));
    }
    assert!(matches!(source.load(), Err(Error::Limit(_))));
}

#[test]
fn r18_urls_of_foreign_layers_are_never_followed() {
    let layer_type = "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip";
    let mut source = with(media::OCI_MANIFEST, |manifest| {
        manifest["layers"][0]["mediaType"] = json!(layer_type);
        manifest["layers"][0]["urls"] = json!(["http://169.254.169.254/latest/meta-data"]);
    });
    // The blob comes from the same place as all others,
    assert_eq!(source.read(&ALL).unwrap().files.len(), 1);
    // and if that place does not have it, the image cannot be read.
    let digest = source.load().unwrap().images[0].layers[0].descriptor.digest;
    source.objects.remove(&digest);
    assert!(matches!(source.read(&ALL), Err(Error::NotFound { .. })));
}

#[test]
fn attestations_are_not_images_and_artifacts_are_named_as_such() {
    let image = ImageBuilder::new().layer(Layer::new().file("a", "1")).build();
    let attestation = json!({"mediaType": media::OCI_MANIFEST, "digest": Digest::sha256(b"x"), "size": 1,
        "platform": {"os": "unknown", "architecture": "unknown"}});
    let index = IndexBuilder::new().image(image).descriptor(attestation.clone()).build();
    let artifact = MemorySource::new(&index).load().unwrap();
    assert_eq!((artifact.images.len(), artifact.attestations.len(), artifact.is_index()), (1, 1, true));
    let wanted = "linux/s390x".parse().unwrap();
    assert!(matches!(artifact.select(Some(&wanted)), Err(Error::NoPlatform { .. })));
    assert_eq!(artifact.select(None).unwrap().len(), 1);

    let empty = IndexBuilder::new().descriptor(attestation).build();
    assert!(matches!(MemorySource::new(&empty).load(), Err(Error::NotAnImage { .. })));
    let chart = with(media::OCI_MANIFEST, |manifest| {
        manifest["config"]["mediaType"] = json!("application/vnd.cncf.helm.config.v1+json");
    });
    let error = chart.load().unwrap_err();
    assert!(error.to_string().contains("helm"), "{error}");
}

#[test]
fn docker_schema_2_is_read_and_schema_1_refused() {
    let image = ImageBuilder::new().layer(Layer::new().file("a", "1")).docker().build();
    let source = MemorySource::new(&IndexBuilder::new().image(image).docker().build());
    assert_eq!(source.read(&ALL).unwrap().files.len(), 1);
    let mut source = sample();
    replace(&mut source, media::DOCKER_SCHEMA1_SIGNED, &json!({"schemaVersion": 1, "fsLayers": []}));
    let error = artifact::load(&source, &source.resolve().unwrap(), &Limits::default()).unwrap_err();
    assert!(matches!(error, Error::Schema1 { .. }) && error.hint().is_some(), "{error}");
}

/// The sample, with an index around its manifest, and another around that.
fn nested() -> (MemorySource, Vec<Digest>) {
    let mut source = sample();
    let mut chain = vec![source.top.digest];
    for _ in 0..2 {
        let (type_, Descriptor { digest, size, .. }) = (source.top.media_type.clone(), source.top.clone());
        let child = json!({"mediaType": type_, "digest": digest, "size": size});
        replace(&mut source, media::OCI_INDEX, &json!({"schemaVersion": 2, "manifests": [child, child]}));
        chain.push(source.top.digest);
    }
    (source, chain)
}

#[test]
fn every_index_on_the_way_is_kept_and_an_image_is_one_however_often_it_is_listed() {
    let (source, chain) = nested();
    let artifact = source.load().unwrap();
    let [image] = artifact.images.as_slice() else { panic!("{:?}", artifact.images) };
    let mut indexes = image.indexes.clone();
    indexes.sort_unstable();
    let mut expected = chain[1..].to_vec();
    expected.sort_unstable();
    assert_eq!(indexes, expected);
    // It also has their digests by the other algorithm.
    let other = |digest: &Digest| digest.alias(&source.objects[digest]);
    for digest in chain.iter().chain([&image.config.digest]) {
        assert!(image.aliases.contains(&other(digest)), "{digest}");
    }
}

#[test]
fn content_that_an_image_names_by_sha512_is_known_by_sha256_too() {
    let tar = crate::tars::Tar::default().file("a", "1").end();
    let layer = || Layer::from_tar(tar.clone());
    let mut source = MemorySource::new(&ImageBuilder::new().layer(layer()).build());
    let image = source.load().unwrap().images.remove(0);
    let stored = source.objects[&image.layers[0].descriptor.digest].clone();
    let long = |bytes: &[u8]| Digest::compute(plimsoll_core::Algorithm::Sha512, bytes);
    let config = String::from_utf8(source.objects[&image.config.digest].clone()).unwrap();
    let config = config.replace(&image.layers[0].diff_id.to_string(), &long(&tar).to_string()).into_bytes();
    let mut manifest: Value = serde_json::from_slice(&image.raw_manifest).unwrap();
    manifest["config"]["digest"] = json!(long(&config));
    manifest["config"]["size"] = json!(config.len());
    manifest["layers"][0]["digest"] = json!(long(&stored));
    source.objects.extend([(long(&config), config.clone()), (long(&stored), stored.clone())]);
    replace(&mut source, media::OCI_MANIFEST, &manifest);

    let image = source.load().unwrap().images.remove(0);
    assert!(image.aliases.contains(&Digest::sha256(&config)));
    let shared = plimsoll_image::layers::Shared::new(&ALL, Limits::default());
    let (files, aliases) = shared.read_with_aliases(&source, &image, &()).unwrap();
    assert_eq!((files.files.len(), aliases), (1, vec![Digest::sha256(&stored), Digest::sha256(&tar)]));
}

#[test]
fn one_manifest_listed_for_two_hundred_platforms_costs_a_bounded_amount() {
    let mut source = MemorySource::new(&ImageBuilder::new().label("large", &"x".repeat(1 << 20)).build());
    let Descriptor { digest, size, media_type, .. } = source.top.clone();
    let child = |n: usize| {
        let platform = json!({"os": "linux", "architecture": format!("a{n}")});
        json!({"mediaType": media_type, "digest": digest, "size": size, "platform": platform})
    };
    let index = |children: Vec<Value>| json!({"schemaVersion": 2, "manifests": children});
    replace(&mut source, media::OCI_INDEX, &index((0..200).map(child).collect()));
    let error = source.load().unwrap_err();
    assert!(matches!(&error, Error::Limit(limit) if limit.name == "documents_bytes"), "{error}");
    replace(&mut source, media::OCI_INDEX, &index((0..200).map(|_| child(0)).collect()));
    assert_eq!(source.load().unwrap().images.len(), 1);
}

#[test]
fn an_image_that_does_not_say_what_it_is_for_is_of_unknown_platform() {
    let silent = |os: &str, architecture: &str| {
        let mut source = sample();
        let image = source.load().unwrap().images.remove(0);
        let mut config: Value = serde_json::from_slice(&source.objects[&image.config.digest]).unwrap();
        (config["os"], config["architecture"]) = (json!(os), json!(architecture));
        let config = config.to_string().into_bytes();
        let mut manifest: Value = serde_json::from_slice(&image.raw_manifest).unwrap();
        manifest["config"]["digest"] = json!(Digest::sha256(&config));
        manifest["config"]["size"] = json!(config.len());
        source.objects.insert(Digest::sha256(&config), config);
        replace(&mut source, media::OCI_MANIFEST, &manifest);
        let artifact = source.load().unwrap();
        // Engines run it, regardless of the requested platform.
        let selected = artifact.select(Some(&"linux/amd64".parse().unwrap())).map(|found| found.len());
        (artifact.images[0].platform.to_string(), selected.unwrap_or_default())
    };
    assert_eq!(silent("", ""), ("unknown/unknown".to_owned(), 1));
    assert_eq!(silent("linux", ""), ("unknown/unknown".to_owned(), 1));
    assert_eq!(silent("", "amd64"), ("linux/amd64".to_owned(), 1));
    assert_eq!(silent("", "arm64"), ("linux/arm64".to_owned(), 0));
}

#[test]
fn no_spelling_keeps_an_image_from_being_judged_for_its_platform() {
    let child = |text: &str| ImageBuilder::new().layer(Layer::new().file("a", text)).build();
    let index =
        IndexBuilder::new().image(child("1")).image(child("2")).image(child("3")).image(child("4")).build();
    let mut source = MemorySource::new(&index);
    let mut document: Value = serde_json::from_slice(&source.objects[&source.top.digest]).unwrap();
    let spellings = [("linux", "amd64"), ("Linux", "AMD64"), ("", "x86_64"), ("linux", "arm64")];
    for (at, (os, architecture)) in spellings.into_iter().enumerate() {
        document["manifests"][at]["platform"] = json!({"os": os, "architecture": architecture});
    }
    let media_type = source.top.media_type.clone();
    replace(&mut source, &media_type, &document);
    let artifact = source.load().unwrap();
    for (wanted, count) in
        [("linux/amd64", 3), ("Linux/x86_64", 3), ("linux/amd64/v1", 3), ("linux/arm64/v8", 1)]
    {
        assert_eq!(artifact.select(Some(&wanted.parse().unwrap())).unwrap().len(), count, "{wanted}");
    }
}

#[test]
fn only_images_that_the_index_lists_and_the_place_lacks_are_absent() {
    let child = |text: &str, platform: &str| {
        ImageBuilder::new().layer(Layer::new().file("a", text)).platform(platform).build()
    };
    let index =
        IndexBuilder::new().image(child("1", "linux/amd64")).image(child("2", "linux/arm64/v8")).build();
    let arm = &index.images[1];
    // The same applies to any missing part, even a single layer.
    for part in [&arm.manifest, &arm.config, &arm.layers[0]] {
        let mut source = MemorySource::new(&index);
        source.objects.remove(&part.digest());
        let loaded = source.load().unwrap();
        assert_eq!(loaded.images.len(), 1);
        let [absent] = loaded.absent.as_slice() else { panic!("{:?}", loaded.absent) };
        assert_eq!(absent.manifest.digest, arm.manifest.digest());
        assert!(absent.missing.contains(&part.digest().to_string()), "{}", absent.missing);
        // A request for it alone is an error that names the existing image. The other one can be requested.
        for asked in ["linux/arm64", "linux/arm64/v8", "Linux/aarch64"] {
            let error = loaded.select(Some(&asked.parse().unwrap())).unwrap_err();
            assert!(
                matches!(&error, Error::AbsentPlatform { available, .. } if available == &["linux/amd64"])
            );
            assert_eq!(error.kind(), Kind::NotFound);
        }
        assert_eq!(loaded.select(Some(&"linux/amd64".parse().unwrap())).unwrap().len(), 1);
        assert!(loaded.absent(Some(&"linux/amd64".parse().unwrap())).is_empty());
        assert!(matches!(loaded.complete(), Err(Error::AbsentPlatform { .. })));
        // If it is the only image, not one of several, it cannot be read at all.
        source.top = Descriptor::for_bytes(media::OCI_MANIFEST, &arm.manifest.bytes);
        // Its layers are not needed before they are read.
        match source.load() {
            Ok(_) => assert_eq!(part.digest(), arm.layers[0].digest()),
            Err(error) => assert!(
                matches!(&error, Error::NotFound { what, .. } if what.contains(&part.digest().to_string())),
                "{error:?}"
            ),
        }
    }
    // Bytes that exist but are wrong do not count as missing.
    let mut source = MemorySource::new(&index);
    source.objects.insert(arm.manifest.digest(), b"{}".to_vec());
    let error = source.load().unwrap_err();
    assert!(matches!(error, Error::SizeMismatch { got: 2, .. }), "{error:?}");
    // All images are missing.
    let mut source = MemorySource::new(&index);
    source.objects.retain(|digest, _| *digest == index.digest());
    assert!(matches!(source.load(), Err(Error::AbsentPlatform { available, .. }) if available.is_empty()));
}

#[test]
fn an_index_inside_an_index_that_is_not_there_may_be_for_any_platform() {
    let amd = ImageBuilder::new().layer(Layer::new().file("a", "1")).platform("linux/amd64").build();
    let inner = IndexBuilder::new().image(amd.clone()).build();
    let outer = IndexBuilder::new().image(amd).descriptor(inner.top.descriptor()).build();
    let loaded = MemorySource::new(&outer).load().unwrap();
    assert_eq!((loaded.images.len(), loaded.absent.len()), (1, 1));
    for platform in ["linux/amd64", "windows/arm64"] {
        assert_eq!(loaded.absent(Some(&platform.parse().unwrap())).len(), 1, "{platform}");
    }
}
