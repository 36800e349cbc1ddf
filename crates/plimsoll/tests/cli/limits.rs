//! Limits: what is hit is named with the flag that raises it, and the flag does.

use plimsoll_core::Limits;
use plimsoll_testkit::{ImageBuilder, Layer, Registry};

use crate::fixture::{NOW, Place, affected};

#[test]
fn a_limit_that_is_hit_names_the_flag_that_raises_it() {
    let (place, registry) = (Place::empty(), Registry::start());
    let reference = affected(&registry);
    let sbom = |more: &[&str]| place.run(&[&["sbom", "-o", "table", &reference], more].concat());
    sbom(&["--limit", "layers=1"]).exits(1).says("exceeds the limit layers = 1").says("--limit layers=");
    sbom(&["--limit", "layers=2"]).exits(0);
    sbom(&["--limit", "path_bytes=3"]).exits(1).says("--limit path_bytes=");
    sbom(&["--limit", "manifest_bytes=10"]).exits(1).says("--limit manifest_bytes=");
}

#[test]
fn documents_have_limits_too() {
    let place = Place::empty();
    let policy = place.write(
        "policy.yaml",
        format!(
            "apiVersion: plimsoll.dev/v1\nkind: Policy\nmetadata: {{name: p}}\nspec: {{phase: pilot}}\n#{}\n",
            "-".repeat(1 << 20)
        ),
    );
    place.run(&["policy", "lint", &policy]).exits(2).says("--limit document_bytes=");
    place.run(&["policy", "lint", &policy, "--limit", "document_bytes=2MiB"]).exits(0);
    // A deny list may be longer than a policy without being asked.
    let entry = format!("  - {{digest: 'sha256:{}', reason: taken over}}\n", "a".repeat(64));
    let list = place.write(
        "deny.yaml",
        format!(
            "apiVersion: plimsoll.dev/v1\nkind: DenyList\nmetadata: {{name: d}}\nspec:\n  digests:\n{}",
            entry.repeat(12_000)
        ),
    );
    place.run(&["policy", "lint", &list]).exits(0);
    place.run(&["policy", "lint", &list, "--limit", "deny_list_bytes=1MiB"]).exits(2).says("_bytes=");
}

#[test]
fn limits_are_set_one_by_one_from_each_place() {
    let place = Place::empty();
    place.write(".config/plimsoll/config.yaml", "limit:\n  layers: 1000\n  entries: 20M\n  links: 41\n");
    let variables = [("PLIMSOLL_LIMIT", "entries=30M,links=42")];
    let arguments = ["config", "show", "-o", "json", "--limit", "links=43"];
    let json = place.run_with(&variables, &arguments).exits(0).json();
    let limit = |name: &str| {
        let row = json["limits"].as_array().unwrap().iter().find(|row| row["name"] == name).unwrap().clone();
        (row["value"].as_u64().unwrap(), row["origin"]["kind"].as_str().unwrap().to_owned())
    };
    assert_eq!(limit("layers"), (1_000, "file".to_owned()));
    assert_eq!(limit("entries"), (30_000_000, "environment".to_owned()));
    assert_eq!(limit("links"), (43, "flag".to_owned()));
    assert_eq!(limit("referrers"), (256, "default".to_owned()));
}

#[test]
fn mistakes_in_limits_are_told() {
    let place = Place::empty();
    let limit = |text: &str| place.run(&["config", "show", "--limit", text]).exits(2);
    limit("layer=3").says("there is no limit `layer`, did you mean `layers`?");
    limit("layers").says("expected a number above 0");
    limit("layers=0").says("expected a number above 0");
    limit("layer_bytes=64GB").says("64MiB");
    place.run_with(&[("PLIMSOLL_LIMIT", "layer=3")], &["config", "show"]).exits(2).says("layers");
}

/// The documentation names every limit with its default, and no other.
#[test]
fn the_documentation_has_every_limit() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/configuration.md");
    let text = std::fs::read_to_string(path).unwrap();
    let table: Vec<&str> = text
        .lines()
        .filter(|line| line.starts_with("| `") && line.contains("_bytes`") || is_limit(line))
        .collect();
    let expected: Vec<String> = Limits::default()
        .list()
        .iter()
        .map(|limit| format!("| `{}` | {} | {} |", limit.name, limit.shown(), limit.meaning))
        .collect();
    assert_eq!(table, expected, "\n{}", expected.join("\n"));
}

fn is_limit(line: &str) -> bool {
    let name = line.strip_prefix("| `").and_then(|rest| rest.split('`').next()).unwrap_or_default();
    Limits::NAMES.contains(&name)
}

#[test]
fn the_timeout_holds_for_what_comes_after_the_download() {
    let place = Place::new();
    let db = place.path("db");
    // More work than fits into a millisecond on any machine, and none of it on a network.
    for number in 0..2_000 {
        place.write(&format!("root/{number}.dist-info/METADATA"), format!("Name: p{number}\nVersion: 1\n"));
    }
    let component =
        |n: usize| format!(r#"{{"type":"library","name":"p{n}","version":"1","purl":"pkg:pypi/p{n}@1"}}"#);
    let components: Vec<String> = (0..50_000).map(component).collect();
    let document = format!(
        r#"{{"bomFormat":"CycloneDX","specVersion":"1.6","version":1,"components":[{}]}}"#,
        components.join(",")
    );
    let (root, sbom) = (format!("dir:{}", place.path("root")), place.write("app.cdx.json", document));
    let file = format!("file:{}", place.write("large", vec![0; 16 << 20]));
    // Opening it takes going through all of its members, and hashing its layer.
    let content: Vec<u8> = (0..4_u32 << 20).flat_map(|n| n.wrapping_mul(0x9e37_79b9).to_le_bytes()).collect();
    let image = ImageBuilder::new().layer(Layer::new().file("a", &content)).build();
    image.write_docker_archive(&place.root().join("app.tar"), None);
    let archive = format!("archive:{}", place.path("app.tar"));
    for words in [
        vec!["scan", &archive, "--db", &db, "--at", NOW],
        vec!["check", &archive, "--db", &db, "--at", NOW],
        vec!["sbom", &archive],
        vec!["scan", &root, "--db", &db, "--at", NOW],
        vec!["scan", &sbom, "--db", &db, "--at", NOW],
        vec!["check", &root, "--db", &db, "--at", NOW],
        vec!["check", &sbom, "--db", &db, "--at", NOW],
        vec!["check", &file, "--db", &db, "--at", NOW],
        vec!["sbom", &root],
    ] {
        let soon = place.run(&[&words[..], &["--timeout", "1ms"]].concat());
        soon.exits(6).says("deadline").says("--timeout");
        let later = place.run(&[&words[..], &["--timeout", "5m"]].concat());
        assert_ne!(later.code, 6, "{}", later.stderr);
    }
}
