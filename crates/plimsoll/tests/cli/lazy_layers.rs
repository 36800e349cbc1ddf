//! Layers that are read in part: what is received, what the result says, who accepts it.

use plimsoll_testkit::{Fault, ImageBuilder, Layer, LayerWithTable, Registry, TableFormat, incompressible};

use crate::fixture::{DPKG_STATUS, NOW, Place, pushed};

const OS_RELEASE: &str = "ID=debian\nVERSION_ID=\"12\"\nVERSION_CODENAME=bookworm\n";
const MARK: &str = "layer-digest-not-computed";
const FORMATS: [TableFormat; 2] = [TableFormat::Estargz, TableFormat::ZstdChunked];

/// Debian and a Python package with a fixed vulnerability, around megabytes of documentation.
fn layer(format: TableFormat) -> LayerWithTable {
    LayerWithTable::new(format)
        .file("usr/lib/os-release", OS_RELEASE)
        .symlink("etc/os-release", "../usr/lib/os-release")
        .file("usr/share/doc/one", incompressible(1, 1 << 20))
        .file("var/lib/dpkg/status", DPKG_STATUS)
        .file("usr/share/doc/two", incompressible(2, 1 << 20))
        .file(
            "usr/local/lib/python3.11/site-packages/pymysql-1.1.1.dist-info/METADATA",
            "Metadata-Version: 2.1\nName: pymysql\nVersion: 1.1.1\n\n",
        )
}

fn push(registry: &Registry, layer: Layer) -> String {
    pushed(registry, &ImageBuilder::new().layer(layer).build(), "lazy")
}

/// Bytes of blobs that were requested since the last time.
fn requested(registry: &Registry) -> u64 {
    let requests = registry.requests_to("GET */blobs/*");
    registry.clear_requests();
    let bytes = requests.iter().map(|request| {
        if let Some(range) = request.header("range") {
            let (from, to) = range.strip_prefix("bytes=").unwrap().split_once('-').unwrap();
            return to.parse::<u64>().unwrap() - from.parse::<u64>().unwrap() + 1;
        }
        let digest = request.path().rsplit('/').next().unwrap().parse().unwrap();
        registry.blob("shop/orders", &digest).unwrap().len() as u64
    });
    bytes.sum()
}

fn policy(place: &Place, name: &str, layers: &str) -> String {
    let spec = format!("phase: pilot\n  digest: {{ pinned: false }}\n  sbom: {{ required: true{layers} }}");
    let text =
        format!("apiVersion: plimsoll.dev/v1\nkind: Policy\nmetadata: {{ name: {name} }}\nspec:\n  {spec}\n");
    place.write(&format!("{name}/policy.yaml"), text.clone());
    place.write(&format!("both/{name}.yaml"), text)
}

#[test]
fn sbom_and_scan_receive_a_part_of_the_layer_and_say_so() {
    let (place, db) = (Place::new(), "db");
    for format in FORMATS {
        let registry = Registry::start();
        let subject = push(&registry, layer(format).build());
        let db = place.path(db);
        let purls = ["-o", "purl-list"];
        registry.clear_requests();
        let whole = place.run(&[&["sbom", "--strict", &subject], &purls[..]].concat()).exits(0);
        assert!(requested(&registry) > 2 << 20);
        let part = place.run(&[&["sbom", "--lazy-layers", &subject], &purls[..]].concat()).exits(0);
        let received = requested(&registry);
        assert!(received < 100 << 10, "{format:?}: {received}");
        assert_eq!(part.stdout, whole.stdout, "{format:?}");
        part.says(&format!("warning: {MARK}: layer 1 (sha256:"));
        let document = place.run(&["sbom", "--lazy-layers", &subject]).exits(0);
        let comment = document.json()["comment"].to_string();
        assert!(comment.contains("Incomplete") && document.stdout.contains(MARK), "{comment}");
        place.run(&["sbom", "--lazy-layers", "--strict", &subject]).exits(11);
        registry.clear_requests();
        let scan = ["scan", "--db", &db, "--at", NOW, &subject];
        place.run(&scan).exits(0).keeps_quiet_about(MARK);
        assert!(requested(&registry) > 2 << 20);
        let json = place.run(&[&scan[..], &["--lazy-layers", "-o", "json"]].concat()).exits(0).json();
        assert!(requested(&registry) < 100 << 10);
        assert!(json["results"][0].to_string().contains(MARK), "{json}");
        let environment = [("PLIMSOLL_LAZY_LAYERS", "true")];
        place.run_with(&environment, &scan).exits(0).says(MARK);
    }
}

#[test]
fn a_policy_demands_whole_layers_unless_it_allows_otherwise() {
    let (place, registry) = (Place::new(), Registry::start());
    let subject = push(&registry, layer(TableFormat::ZstdChunked).build());
    let strict = policy(&place, "strict", "");
    let lenient = policy(&place, "lenient", ", layerDigestNotComputed: allow");
    registry.clear_requests();
    for policies in [&strict, &place.path("both")] {
        place.check(&["--policy", policies, &subject]).exits(0).keeps_quiet_about(MARK);
        assert!(requested(&registry) > 2 << 20, "{policies}");
    }
    place.check(&["--policy", &lenient, &subject]).exits(0).says(MARK);
    assert!(requested(&registry) < 100 << 10);
    place.run(&["policy", "lint", &lenient]).exits(0).says("warning[PL030]");
    // A denied digest may be the diff ID of a layer, which only the whole layer shows.
    let digest = "sha256:0000000000000000000000000000000000000000000000000000000000000000";
    let denials = place.write(
        "deny.yaml",
        format!("apiVersion: plimsoll.dev/v1\nkind: DenyList\nmetadata: {{ name: d }}\nspec: {{ digests: [{{ digest: \"{digest}\", reason: bad }}] }}\n"),
    );
    registry.clear_requests();
    place.check(&["--policy", &lenient, "--deny-list", &denials, &subject]).exits(0).keeps_quiet_about(MARK);
    assert!(requested(&registry) > 2 << 20);
    // A document does not lose the mark on its way to somebody else.
    let document = place.path("lazy.spdx.json");
    place.run(&["sbom", "--lazy-layers", &subject, "--output-file", &document]).exits(0);
    let document = format!("sbom:{document}");
    let unknown = place.check(&["--policy", &strict, &document]).says("UNKNOWN  sbom");
    unknown.says("spec.sbom.layerDigestNotComputed can allow it");
    place.check(&["--policy", &lenient, &document]).keeps_quiet_about("UNKNOWN  sbom");
    let db = place.path("db");
    place.run(&["scan", "--db", &db, "--at", NOW, &document]).exits(11).says(MARK);
}

#[test]
fn a_table_that_hides_a_package_is_found_out_by_whoever_reads_the_whole_layer() {
    let (place, registry) = (Place::new(), Registry::start());
    let lie = layer(TableFormat::Estargz).build_with(|table| {
        let rows = table["entries"].as_array_mut().unwrap();
        rows.retain(|row| !row["name"].as_str().unwrap().contains("pymysql"));
    });
    let subject = push(&registry, lie);
    place.run(&["sbom", &subject]).exits(1).says("table of contents");
    place.check(&[&subject]).exits(1).says("table of contents");
    let lazy = place.run(&["sbom", "--lazy-layers", &subject]).exits(0).says(MARK);
    assert!(!lazy.stdout.contains("pymysql"), "it is only seen in the layer");
}

#[test]
fn a_registry_without_ranges_or_with_other_bytes_gives_the_whole_layer_or_nothing() {
    let (place, registry) = (Place::new(), Registry::start());
    let subject = push(&registry, layer(TableFormat::Estargz).build());
    let whole = place.run(&["sbom", "--strict", &subject]).exits(0);
    let blob = registry.requests_to("GET */blobs/*").pop().unwrap();
    registry.misbehave(blob.path(), Fault::IgnoreRange);
    let run = place.run(&["sbom", "--strict", "--lazy-layers", "-v", &subject]).exits(0);
    assert_eq!(run.stdout, whole.stdout, "nothing is marked, because everything was verified");
    run.says("is read as a whole: the registry does not send parts of it");
    registry.behave();
    registry.misbehave(blob.path(), Fault::WrongBytes);
    let run = place.run(&["sbom", "--lazy-layers", "-v", &subject]).exits(10).says("digest is");
    run.says("is read as a whole");
}

#[test]
fn a_base_that_only_claimed_digests_show_is_told_as_claimed() {
    let (place, registry) = (Place::new(), Registry::start());
    let lower = || layer(TableFormat::Estargz).build();
    let base = pushed(&registry, &ImageBuilder::new().layer(lower()).build(), "base");
    let upper = Layer::new().file("srv/x", "x");
    let subject = pushed(&registry, &ImageBuilder::new().layer(lower()).layer(upper).build(), "app");
    for flag in ["--base", "--known-base"] {
        let sbom = ["sbom", &subject, flag, &base, "-o", "table", "--no-cache"];
        let certain = place.run(&sbom).exits(0).stdout;
        assert!(certain.contains("1 base ") && certain.contains("layers compared with"), "{certain}");
        let claimed = place.run(&[&sbom[..], &["--lazy-layers"]].concat()).exits(0).stdout;
        assert!(claimed.contains("1 base?") && claimed.contains("as the configuration claims"), "{claimed}");
    }
}
