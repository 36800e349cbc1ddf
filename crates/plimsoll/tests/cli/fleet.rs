//! Thousands of documents in one run: a folder, a list, and a line for each.

use serde_json::Value;

use crate::fixture::{NOW, Place};

const AFFECTED: &str = r#"{"bomFormat":"CycloneDX","specVersion":"1.6","version":1,"components":[
    {"type":"library","name":"pymysql","version":"1.0.0","purl":"pkg:pypi/pymysql@1.0.0"}]}"#;
const CLEAN: &str = r#"{"bomFormat":"CycloneDX","specVersion":"1.6","version":1,"components":[
    {"type":"library","name":"pymysql","version":"1.1.1","purl":"pkg:pypi/pymysql@1.1.1"}]}"#;

/// A place with documents in `boms`: two that are read, one that is not, and a file beside them.
fn fleet() -> Place {
    let place = Place::new();
    place.write("boms/a.cdx.json", AFFECTED);
    place.write("boms/team/broken.json", "{");
    place.write("boms/team/z.cdx.json", CLEAN);
    place.write("boms/README.md", "# Documents");
    place
}

fn lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn every_document_of_a_folder_has_a_line_and_a_broken_one_stops_nothing() {
    let place = fleet();
    let (db, boms) = (place.path("db"), format!("sbom:{}", place.path("boms")));
    let run = place.run(&["scan", "--db", &db, "--at", NOW, "-o", "jsonl", &boms]);
    assert_ne!(run.code, 0);
    let run =
        run.says("broken.json").says("1 file neither named nor written like a document").says("README.md");
    let lines = lines(&run.stdout);
    let subject = |name: &str| format!("{boms}/{name}");
    assert_eq!(lines.len(), 3, "{}", run.stdout);
    assert_eq!(lines[0]["results"][0]["subject"], subject("a.cdx.json"));
    assert_eq!(lines[0]["results"][0]["findings"][0]["id"], "CVE-2024-36039");
    assert_eq!(lines[1]["results"], serde_json::json!([]));
    assert_eq!(lines[1]["errors"][0]["subject"], subject("team/broken.json"));
    assert_eq!(lines[2]["results"][0]["findings"], serde_json::json!([]));
    let schema = place.run(&["schema", "scan"]).exits(0).json();
    let schema = jsonschema::validator_for(&schema).unwrap();
    for line in &lines {
        let problems: Vec<String> = schema.iter_errors(line).map(|error| error.to_string()).collect();
        assert!(problems.is_empty(), "{problems:?}");
    }
    // What one document means for the exit code, a thousand do.
    std::fs::remove_file(place.path("boms/team/broken.json")).unwrap();
    place.run(&["scan", "--db", &db, "--at", NOW, "-o", "jsonl", &boms]).exits(0);
    let denied = ["scan", "--db", &db, "--at", NOW, "-o", "jsonl", "--fail-on", "high", &boms];
    place.run(&denied).exits(10).says("failed on high: 1 finding (CVE-2024-36039 in pymysql)");
}

#[test]
fn a_list_names_subjects_beside_those_of_the_command_line() {
    let place = fleet();
    let db = place.path("db");
    let (first, last) =
        (format!("sbom:{}", place.path("boms/a.cdx.json")), place.path("boms/team/z.cdx.json"));
    let subjects_file = place.write("list", format!("# ours\n\nsbom:{last}\nno-such-scheme:x\n"));
    let scan = ["scan", "--db", &db, "--at", NOW, "-o", "jsonl"];
    let from_file = place.run(&[&scan[..], &["--subjects-from", &subjects_file, &first]].concat());
    let subjects: Vec<Value> = lines(&from_file.stdout)
        .iter()
        .map(|line| line.pointer("/results/0/subject").or(line.pointer("/errors/0/subject")).unwrap().clone())
        .collect();
    assert_eq!(subjects, [first.as_str(), &format!("sbom:{last}"), "no-such-scheme:x"]);
    let fed = place.run_fed(
        format!("{first}\nsbom:{last}\nno-such-scheme:x\n").as_bytes(),
        &[&scan[..], &["--subjects-from", "-"]].concat(),
    );
    assert_eq!((fed.code, fed.stdout), (from_file.code, from_file.stdout));
    place.run(&[&scan[..], &["--subjects-from", &place.path("nowhere")]].concat()).exits(4);
    place.run(&scan).exits(2).says("SUBJECT");
}

#[test]
fn many_documents_answer_in_their_order_as_each_does_alone() {
    let place = Place::new();
    let db = place.path("db");
    for number in 0..60 {
        let text = if number % 3 == 0 { AFFECTED } else { CLEAN };
        place.write(&format!("boms/{number:02}.json"), text);
    }
    let boms = format!("sbom:{}", place.path("boms"));
    let scan = ["scan", "--db", &db, "--at", NOW, "-o"];
    let run = place.run(&[&scan[..], &["jsonl", &boms]].concat()).exits(0);
    let together = lines(&run.stdout);
    assert_eq!(together.len(), 60);
    for number in [0, 1, 59] {
        let one = format!("{boms}/{number:02}.json");
        assert_eq!(together[number], place.run(&[&scan[..], &["json", &one]].concat()).exits(0).json());
    }
    let whole = place.run(&[&scan[..], &["json", &boms]].concat()).exits(0).json();
    let results: Vec<Value> = together.iter().map(|line| line["results"][0].clone()).collect();
    assert_eq!(whole["results"], Value::Array(results));
    // A file has all lines or stays as it was.
    let file = place.path("out.jsonl");
    place.run(&[&scan[..], &["jsonl", "--output-file", &file, &boms]].concat()).exits(0);
    assert_eq!(std::fs::read_to_string(&file).unwrap(), run.stdout);
}

#[test]
fn a_folder_without_documents_is_not_clean() {
    let place = Place::new();
    std::fs::create_dir(place.path("empty")).unwrap();
    let empty = format!("sbom:{}", place.path("empty"));
    place
        .run(&["scan", "--db", &place.path("db"), "--at", NOW, &empty])
        .exits(4)
        .says("has no SBOM in it")
        .says("dir:");
}
