//! What an inventory tells, what it is worth, and who is strict about it.

use std::path::Path;
use std::process::Command;

use plimsoll_core::Digest;
use plimsoll_testkit::{ImageBuilder, Layer, Registry, clock_variables};
use serde_json::{Value, json};

use crate::fixture::{NOW, Place, affected, debian, pushed, shop, wheel};

/// A policy that blocks nothing but what is missing.
fn policy(place: &Place, exclude: &str) -> String {
    let spec =
        format!("phase: pilot\n  digest: {{ pinned: false }}\n  sbom: {{ required: true }}\n{exclude}");
    let text =
        format!("apiVersion: plimsoll.dev/v1\nkind: Policy\nmetadata: {{ name: paths }}\nspec:\n  {spec}");
    place.write("paths.yaml", text)
}

#[test]
fn a_folder_of_sources_is_complete_without_an_operating_system() {
    let place = Place::empty();
    for (path, content) in [
        (
            "src/Cargo.lock",
            "version = 4\n\n[[package]]\nname = \"serde\"\nversion = \"1.0.0\"\nsource = \"registry+https://registry.example/index\"\n",
        ),
        ("src/main.rs", "fn main() {}\n"),
        ("src/tests/data/broken-1.dist-info/METADATA", "nonsense"),
    ] {
        std::fs::create_dir_all(place.root().join(path).parent().unwrap()).unwrap();
        place.write(path, content);
    }
    let folder = format!("dir:{}", place.path("src"));
    let run = place.run(&["sbom", "--strict", &folder]).exits(0);
    let run = run.says("noted: unparsable-metadata: tests/data/broken-1.dist-info/METADATA");
    assert!(
        run.json()["comment"].as_str().unwrap().starts_with("Complete:"),
        "nothing is missing: {}",
        run.stdout
    );
    place.run(&["sbom", &folder, "-o", "table"]).exits(0).says("serde").keeps_quiet_about("unknown-os");
    // The same file where packages are installed hides one.
    std::fs::create_dir_all(place.root().join("src/lib/site-packages/x-1.dist-info")).unwrap();
    place.write("src/lib/site-packages/x-1.dist-info/METADATA", "nonsense");
    place
        .run(&["sbom", &folder])
        .exits(0)
        .says("warning: unparsable-metadata: lib/site-packages/x-1.dist-info");
    let run = place.run(&["sbom", "--strict", &folder]).exits(11);
    assert!(run.json()["comment"].as_str().unwrap().starts_with("Incomplete"), "{}", run.stdout);
}

#[test]
fn noted_problems_are_reported_by_every_command_and_decide_nothing() {
    let (place, registry) = (Place::new(), Registry::start());
    let layer = Layer::new().file("opt/app/tests/x-1.dist-info/METADATA", "nonsense");
    let image = ImageBuilder::new().layer(debian()).layer(wheel("pymysql", "1.1.1")).layer(layer);
    let (subject, db) = (pushed(&registry, &image.build(), "noted"), place.path("db"));
    let noted = "noted: unparsable-metadata";
    for format in ["spdx-json", "cyclonedx-json"] {
        let document = place.path(format);
        place
            .run(&["sbom", "--strict", &subject, "-o", format, "--output-file", &document])
            .exits(0)
            .says(noted);
        let scan = ["scan", "--db", &db, "--at", NOW, &format!("sbom:{document}")];
        place.run(&scan).exits(0).says(noted);
    }
    place.run(&["sbom", &subject, "-o", "table"]).exits(0).says(noted);
    place.run(&["scan", "--db", &db, "--at", NOW, &subject]).exits(0).says(noted);
    let json = place.run(&["scan", "--db", &db, "--at", NOW, "-o", "json", &subject]).exits(0).json();
    assert_eq!(json["results"][0]["noted"][0]["problem"], "unparsable-metadata");
    let policy = policy(&place, "");
    place.check(&["--policy", &policy, &subject]).exits(0).says(noted);
    let json = place.check(&["--policy", &policy, "-o", "json", &subject]).exits(0).json().to_string();
    assert!(json.contains(r#""severity":"noted""#), "{json}");
}

#[test]
fn an_image_of_one_thing_has_no_operating_system_to_miss_unless_there_is_a_trace_of_one() {
    let (place, registry) = (Place::new(), Registry::start());
    let image = |more: Layer, tag: &str| {
        let image = ImageBuilder::new().layer(wheel("pymysql", "1.1.1")).layer(more);
        pushed(&registry, &image.build(), tag)
    };
    let alone = image(Layer::new().file("etc/passwd", "app:x:1:1::/:\n"), "alone");
    place.run(&["sbom", "--strict", &alone]).exits(0).says("noted: no-os");
    let deleted = image(Layer::new().file("etc/debian_version", "12.4\n"), "deleted");
    place.run(&["sbom", "--strict", &deleted]).exits(11).says("os-inventory-missing");
    let deleted = image(Layer::new().file("etc/apt/sources.list", ""), "more");
    place.run(&["sbom", "--strict", &deleted]).exits(11).says("unknown-os").says("etc/apt/sources.list");
    let scan = ["scan", "--db", &place.path("db"), "--at", NOW];
    place.run(&[&scan[..], &[&deleted]].concat()).exits(11);
}

#[test]
fn components_of_the_base_are_marked_if_the_image_was_built_on_it() {
    let (place, registry) = (Place::new(), Registry::start());
    let base = pushed(&registry, &ImageBuilder::new().layer(debian()).build(), "base");
    let image = ImageBuilder::new().layer(debian()).layer(wheel("pymysql", "1.1.1"));
    let subject = pushed(&registry, &image.build(), "app");
    let run = place.run(&["sbom", &subject, "--base", &base, "-o", "table"]).exits(0);
    let marked = |name: &str| run.stdout.lines().any(|line| line.contains(name) && line.contains("1 base"));
    assert!(marked("deb ") && !marked("pymysql"), "{}", run.stdout);
    let document = place
        .run(&["sbom", &subject, "--base", &base, "--author", "Example", "-o", "cyclonedx-json"])
        .exits(0);
    let document = document.json();
    assert_eq!(document["metadata"]["authors"][0]["name"], "Example");
    let properties = document["metadata"]["component"]["properties"].to_string();
    assert!(properties.contains("plimsoll:base:layers") && properties.contains(&base), "{properties}");
    place.run(&["sbom", &base, "--base", &subject]).exits(1).says("was not built on");
    let folder = format!("dir:{}", place.root().display());
    place.run(&["sbom", &subject, "--base", &folder]).exits(2).says("is not an image");
}

#[test]
fn packages_are_of_the_base_although_a_later_layer_rewrites_their_database() {
    let (place, registry) = (Place::new(), Registry::start());
    let database = |packages: &[(&str, &str)]| {
        let line = |(name, version): &(&str, &str)| format!("P:{name}\nV:{version}\nA:x86_64\n\n");
        Layer::new().file("lib/apk/db/installed", packages.iter().map(line).collect::<String>())
    };
    let lower = || database(&[("musl", "1.2.5-r0"), ("busybox", "1.36.1-r28")]);
    let lower = || lower().file("etc/os-release", "ID=alpine\nVERSION_ID=3.20.1\n");
    let upper = database(&[("musl", "1.2.5-r0"), ("busybox", "1.36.1-r29"), ("curl", "8.7.1-r0")]);
    let base = pushed(&registry, &ImageBuilder::new().layer(lower()).build(), "base");
    let subject = pushed(&registry, &ImageBuilder::new().layer(lower()).layer(upper).build(), "app");
    let cache = place.path("layers");
    // The second time, the layers come from the cache.
    for _ in 0..2 {
        let table = ["sbom", &subject, "--base", &base, "--cache-dir", &cache, "-o", "table"];
        let table = place.run(&table).exits(0).stdout;
        let layer = |name: &str| {
            let line = table.lines().find(|line| line.contains(name)).unwrap();
            line.split_whitespace()
                .skip(3)
                .take_while(|word| !word.contains('/'))
                .collect::<Vec<_>>()
                .join(" ")
        };
        assert_eq!((&*layer("musl"), &*layer("busybox"), &*layer("curl")), ("1 base", "2", "2"), "{table}");
    }
}

#[test]
fn components_of_a_known_base_are_distinguished_from_a_guess() {
    let (place, registry) = (Place::new(), Registry::start());
    let lower = ImageBuilder::new().layer(debian()).step(r#"CMD ["bash"]"#);
    let base = pushed(&registry, &lower.build(), "base");
    let other = pushed(&registry, &ImageBuilder::new().layer(wheel("other", "1")).build(), "other");
    let image = ImageBuilder::new()
        .annotation("org.opencontainers.image.base.name", "registry.example/claimed:1")
        .layer(debian())
        .step(r#"CMD ["bash"]"#)
        .layer(wheel("pymysql", "1.1.1"));
    let image = image.build();
    let diff_ids = image.images[0].diff_ids.clone();
    let subject = pushed(&registry, &image, "app");
    let told = |more: &[&str]| {
        let table = place.run(&[&["sbom", &subject, "-o", "table"], more].concat()).exits(0).stdout;
        let json = place.run(&[&["sbom", &subject, "-o", "cyclonedx-json"], more].concat()).exits(0).json();
        let named = |of: &Value, name: &str| {
            let properties = of["properties"].as_array().into_iter().flatten();
            let found = properties.filter(|it| it["name"] == name).map(|it| it["value"].as_str().unwrap());
            found.collect::<String>()
        };
        let of = |name: &str| named(&json["metadata"]["component"], &format!("plimsoll:base{name}"));
        let package = |package: &str| {
            let found =
                json["components"].as_array().unwrap().iter().find(|it| it["name"] == package).unwrap();
            let name = "plimsoll:from-base";
            format!("{} {}", named(found, name), named(found, &format!("{name}:evidence")))
        };
        assert!(table.lines().any(|line| line.starts_with("base: ")), "{table}");
        let guess = table.contains("1 base?");
        assert!(guess || table.contains("1 base "), "{table}");
        ([of(""), of(":identity"), of(":boundary"), package("pymysql"), package("zlib1g")], guess)
    };
    let texts = |texts: [&str; 5]| texts.map(str::to_owned);
    let claimed = "registry.example/claimed:1";
    let history = texts([claimed, "annotation", "history", "false history", "true history"]);
    assert_eq!(told(&[]), (history.clone(), true));
    assert_eq!(told(&["--known-base", &other]), (history.clone(), true), "no base of this image");
    let known = texts([&base, "known-base", "known-base", "false known-base", "true known-base"]);
    assert_eq!(told(&["--known-base", &other, "--known-base", &base]), (known, false));
    // By digests alone, from the file of settings, and the one with more layers.
    let entry = |name: &str, layers: &[Digest]| json!({ "name": name, "layers": layers });
    let bases = [entry("shop", &diff_ids[..1]), entry("other", &diff_ids[1..])];
    let list = place.write("bases.yaml", json!({ "bases": bases }).to_string());
    let listed = texts(["shop", "known-base", "known-base", "false known-base", "true known-base"]);
    assert_eq!(told(&["--known-bases", &list]), (listed.clone(), false));
    let config = place.write("config.yaml", "known-bases: bases.yaml\n");
    assert_eq!(told(&["--config", &config]), (listed, false));
    let both = json!({ "bases": [bases[0], entry("all", &diff_ids)] });
    let list = place.write("both.yaml", both.to_string());
    let (found, _) = told(&["--known-bases", &list]);
    assert_eq!(found[0..1], ["all"]);
    // What names nothing could match everything.
    for wrong in [r#"{"bases":[{"name":"a","layers":[]}]}"#, r#"{"bases":[{"name":"","layers":["x"]}]}"#] {
        let list = place.write("wrong.yaml", wrong);
        place.run(&["sbom", &subject, "--known-bases", &list]).exits(2);
    }
}

#[test]
fn a_difference_is_told_by_the_layer_that_made_it() {
    let (place, registry) = (Place::new(), Registry::start());
    let image = |layers: Vec<Layer>, tag: &str| {
        let built = layers.into_iter().fold(ImageBuilder::new(), ImageBuilder::layer).build();
        pushed(&registry, &built, tag)
    };
    let old = image(vec![debian(), wheel("pymysql", "1.1.0"), wheel("gone", "1")], "old");
    let hides = Layer::new().whiteout("var/lib/dpkg/status").file("etc/debian_version", "12");
    let new = image(vec![debian(), wheel("pymysql", "1.1.1"), hides], "new");
    let run =
        |more: &[&str]| place.run(&[&["sbom", "diff", &old, &new, "--by-layer"], more].concat()).exits(0);
    let json = run(&["-o", "json"]).json();
    let groups = json["byLayer"].as_array().unwrap();
    let told: Vec<_> = groups.iter().map(|it| format!("{} {}", it["origin"], it["layer"]["index"])).collect();
    assert_eq!(told, [r#""after" 1"#, r#""removed-above" 0"#, r#""before" 2"#], "{json}");
    assert_eq!(groups[0]["summary"], json!({ "upgraded": 1 }));
    let first = usize::try_from(groups[2]["changes"][0].as_u64().unwrap()).unwrap();
    assert_eq!(json["changes"][first]["name"], "gone");
    let table = run(&[]).stdout;
    assert!(table.contains("layer 2 (sha256:") && table.contains("): 1 upgraded\n  CHANGE"), "{table}");
    assert!(table.contains("of the older one, which is gone: 1 removed"), "{table}");
    let markdown = run(&["-o", "markdown"]).stdout;
    assert!(
        markdown.contains("\n## Layer 2 (sha256:") && markdown.contains("| [ ] | upgraded |"),
        "{markdown}"
    );
}

#[test]
fn a_cataloger_that_was_switched_off_is_a_gap() {
    let (place, registry) = (Place::new(), Registry::start());
    let (subject, db) = (affected(&registry), place.path("db"));
    let without = ["--catalogers", "-python"];
    let run = place.run(&[&["sbom", &subject], &without[..]].concat()).exits(0);
    let run = run.says("switched-off: cataloger python was switched off");
    assert!(!run.stdout.contains("pkg:pypi/"), "{}", run.stdout);
    place.run(&[&["sbom", "--strict", &subject], &without[..]].concat()).exits(11);
    let scan = ["scan", "--db", &db, "--at", NOW, &subject];
    place.run(&[&scan[..], &without].concat()).exits(11).says("switched-off");
    place.run(&[&scan[..], &["--catalogers=-python,+python"]].concat()).exits(0);
    let only = place.run(&["sbom", &subject, "--catalogers=-all,+python"]).exits(0);
    assert!(only.stdout.contains("pkg:pypi/pymysql"), "{}", only.stdout);
    place.run(&["sbom", &subject, "--catalogers=-pyhton"]).exits(2).says("did you mean `python`?");
    place.run(&["check", "--catalogers=-python", &subject]).exits(2);
}

#[test]
fn a_policy_leaves_out_paths_and_says_so() {
    let (place, registry) = (Place::new(), Registry::start());
    let path = "opt/vendor/lib/x-1.dist-info/METADATA";
    let layer = Layer::new()
        .file(path, "nonsense")
        .file("opt/vendor/a/x.jmod", "{}")
        .file("opt/vendor/b/x.jmod", "{}");
    let image = shop("pymysql", "1.1.0").layer(layer);
    let subject = pushed(&registry, &image.build(), "vendor");
    let strict = policy(&place, "");
    place.check(&["--policy", &strict, &subject]).exits(10).says("UNKNOWN  sbom").says(path);
    let vendor = r#"  exclude: [{ path: "/opt/vendor/**", reason: "checked by its vendor" }]"#;
    let lenient = policy(&place, vendor);
    let run = place.check(&["--policy", &lenient, &subject]).exits(10);
    let run = run.says("FAIL     vulnerabilities").keeps_quiet_about("UNKNOWN");
    run.says("excluded: opt/vendor/** (0 components, 2 problems").says("checked by its vendor");
    // Only a part of the files of one problem is excluded.
    let part = policy(&place, r#"  exclude: [{ path: "opt/vendor/{a,lib}/**", reason: "checked" }]"#);
    place.check(&["--policy", &part, &subject]).exits(10).says("UNKNOWN  sbom").says("not-read");
    let python = "  exclude: [{ path: \"usr/local/lib/**\", reason: \"a test image\" }, { path: \"opt/vendor/**\", reason: \"vendor\" }]";
    let json = place.check(&["--policy", &policy(&place, python), "-o", "json", &subject]).exits(0).json();
    let all = json.to_string();
    assert!(all.contains(r#""type":"excluded""#) && all.contains("a test image"), "{all}");
    assert!(all.contains("CVE-2024-36039 in pymysql"), "findings that do not count are told: {all}");
    for (pattern, reason) in
        [("**", "excludes everything"), ("var/**", "by which the operating system's packages are known")]
    {
        let refused = policy(&place, &format!("  exclude: [{{ path: \"{pattern}\", reason: \"x\" }}]"));
        place.check(&["--policy", &refused, &subject]).exits(2).says(reason);
    }
}

#[test]
fn the_hook_sees_what_is_staged_and_nothing_else() {
    let place = Place::empty();
    let hook = concat!(env!("CARGO_MANIFEST_DIR"), "/../../hooks/staged-sbom");
    let binary = Path::new(env!("CARGO_BIN_EXE_plimsoll")).parent().unwrap();
    let path = format!("{}:/usr/local/bin:/usr/bin:/bin", binary.display());
    let run = |program: &str, arguments: &[&str]| {
        let mut command = Command::new(program);
        command.args(arguments).current_dir(place.root()).env_clear().envs(clock_variables());
        command.env("PATH", &path).env("HOME", place.root()).output()
    };
    if run("git", &["init", "-q"]).is_err() {
        println!("skipped: no git");
        return;
    }
    let lock = |name: &str| {
        let source = "registry+https://registry.example/index";
        format!("[[package]]\nname = \"{name}\"\nversion = \"1.0.0\"\nsource = \"{source}\"\n")
    };
    place.write("Cargo.lock", lock("staged"));
    run("git", &["add", "Cargo.lock"]).unwrap();
    place.write("Cargo.lock", lock("changed"));
    place.write("untracked/Cargo.lock", lock("untracked"));
    let made = || {
        let output = run(hook, &["sbom.spdx.json"]).unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        std::fs::read_to_string(place.path("sbom.spdx.json")).unwrap()
    };
    let first = made();
    assert!(first.contains("pkg:cargo/staged@1.0.0"), "{first}");
    assert!(!first.contains("changed") && !first.contains("untracked"), "{first}");
    // Its own result is not part of the next one.
    run("git", &["add", "sbom.spdx.json"]).unwrap();
    assert_eq!(made(), first);
    place.write("bun.lockb", "x");
    run("git", &["add", "bun.lockb"]).unwrap();
    assert_eq!(run(hook, &[]).unwrap().status.code(), Some(11));
}

#[test]
fn the_links_of_an_ordinary_root_make_no_layer_be_read_twice() {
    let (place, registry) = (Place::empty(), Registry::start());
    // As Debian lays them out: folders that are links, links through them, numbers of any size.
    let elf = [&b"\x7fELF\x02\x01\x01"[..], &[0; 57]].concat();
    let mut layer = Layer::new().symlink("lib64", "usr/lib64").symlink("bin", "usr/bin");
    for (path, target) in [
        ("usr/bin/ld.so", "/lib64/ld-linux-x86-64.so.2"),
        ("usr/lib/libcap.so.2", "libcap.so.2.66"),
        ("usr/lib/libattr.so.1", "libattr.so.1.1.2501"),
        ("usr/lib/libz.so", "/lib64/libz.so.1"),
        ("etc/alternatives/awk", "/bin/mawk"),
        ("usr/bin/awk", "/etc/alternatives/awk"),
    ] {
        layer = layer.symlink(path, target);
    }
    for path in [
        "usr/lib64/ld-linux-x86-64.so.2",
        "usr/lib/libcap.so.2.66",
        "usr/lib/libattr.so.1.1.2501",
        "usr/lib64/libz.so.1",
        "usr/bin/mawk",
    ] {
        layer = layer.file(path, &elf);
    }
    let artifact = ImageBuilder::new().layer(debian()).layer(layer).build();
    let image = pushed(&registry, &artifact, "links");
    registry.clear_requests();
    place.run(&["sbom", "--no-cache", &image]).exits(0);
    let blob = artifact.image().layers[1].digest();
    assert_eq!(registry.requests_to(&format!("GET */blobs/{blob}")).len(), 1, "{:#?}", registry.requests());
}

#[test]
fn every_file_is_listed_on_request_of_images_and_folders_and_not_otherwise() {
    let (place, registry) = (Place::new(), Registry::start());
    let upper = Layer::new().file("srv/app", "v2").whiteout("srv/gone");
    let lower = debian().file("srv/app", "v1").file("srv/gone", "x");
    let image = ImageBuilder::new().layer(lower).layer(upper).build();
    let subject = pushed(&registry, &image, "files");
    let cache = place.path("layers");
    let sbom = |more: &[&str]| place.run(&[&["sbom", &subject, "--cache-dir", &cache], more].concat());
    let plain = sbom(&[]).exits(0);
    assert!(plain.json().get("files").is_none());
    let listed = sbom(&["--files"]).exits(0);
    let told = |document: &Value| -> Vec<(String, String)> {
        let text = |of: &Value| of.as_str().unwrap().to_owned();
        let files = document["files"].as_array().unwrap().iter();
        files.map(|it| (text(&it["fileName"]), text(&it["checksums"][1]["checksumValue"]))).collect()
    };
    let files = told(&listed.json());
    let app = ("./srv/app".to_owned(), Digest::sha256(b"v2").hex());
    assert!(files.contains(&app) && !files.iter().any(|(name, _)| name.contains("gone")), "{files:?}");
    // Cached layers have no files: they are not used, and this run caches nothing.
    assert_eq!(sbom(&["--files"]).exits(0).stdout, listed.stdout);
    assert_eq!(sbom(&["--files", "--lazy-layers"]).exits(0).stdout, listed.stdout);
    assert_eq!(sbom(&[]).exits(0).stdout, plain.stdout);
    place
        .run_with(&[("PLIMSOLL_FILES", "true")], &["sbom", &subject, "-o", "cyclonedx-json"])
        .exits(0)
        .says("\"File-");
    for format in ["purl-list", "github-snapshot", "table"] {
        sbom(&["--files", "-o", format]).exits(2).says("cannot contain files");
    }
    sbom(&["--files", "--limit", "file_list_bytes=100"]).exits(1).says("file_list_bytes");
    place.write("src/a/b.txt", "b");
    let folder = format!("dir:{}", place.root().join("src").display());
    let document = place.path("files.spdx.json");
    place.run(&["sbom", &folder, "--files", "--output-file", &document]).exits(0);
    let bytes = std::fs::read(&document).unwrap();
    let files = told(&serde_json::from_slice(&bytes).unwrap());
    assert_eq!(files, [("./a/b.txt".to_owned(), Digest::sha256(b"b").hex())]);
    // Other commands read it, and carry them over.
    let run = place.run(&["sbom", "convert", &document, "-o", "cyclonedx-json"]).exits(0);
    assert!(run.stdout.contains("\"a/b.txt\"") && !run.stderr.contains("files ("), "{}", run.stderr);
    place.run(&["sbom", "convert", &document, "-o", "purl-list"]).exits(0).says("files (1)");
}

#[test]
fn a_wheel_owns_the_files_that_were_recorded_and_changed_ones_are_noted() {
    use base64::Engine as _;
    let place = Place::new();
    let recorded = |content: &str| {
        let digest = Digest::sha256(content.as_bytes());
        format!("sha256={}", base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(digest.as_bytes()))
    };
    let at = |path: &str| format!("src/usr/lib/python3/site-packages/{path}");
    let record = format!(
        "x/__init__.py,{},3\nx/changed.py,{},3\n../../../bin/x,,\nx-1.0.dist-info/RECORD,,\n../../../../../../etc/passwd,,\n",
        recorded("one"),
        recorded("as it was installed"),
    );
    place.write(&at("x-1.0.dist-info/METADATA"), "Name: x\nVersion: 1.0\n");
    place.write(&at("x-1.0.dist-info/RECORD"), &record);
    place.write(&at("x/__init__.py"), "one");
    place.write(&at("x/changed.py"), "two");
    place.write(&at("x/new.py"), "three");
    place.write("src/usr/bin/x", "four");
    let folder = format!("dir:{}", place.root().join("src").display());
    let run = place.run(&["sbom", &folder, "--files", "-o", "cyclonedx-json"]).exits(0);
    let document = run.json();
    let names = |of: &Value| -> Vec<String> {
        let files = of.as_array().into_iter().flatten().filter(|it| it["type"] == "file");
        files.map(|it| it["name"].as_str().unwrap().rsplit('/').next().unwrap().to_owned()).collect()
    };
    let package = document["components"].as_array().unwrap().iter().find(|it| it["name"] == "x").unwrap();
    assert_eq!(names(&package["components"]), ["x", "RECORD", "__init__.py", "changed.py"]);
    assert_eq!(names(&document["components"]), ["METADATA", "new.py"]);
    run.says("1 files are not those that were installed: usr/lib/python3/site-packages/x/changed.py");
    // It hides nothing, and nobody asks for it without the list of files.
    place.run(&["sbom", &folder, "--files", "--strict", "-o", "spdx-json"]).exits(0);
    let plain = place.run(&["sbom", &folder, "-o", "cyclonedx-json"]).exits(0);
    assert!(!plain.stderr.contains("installed"));
}
