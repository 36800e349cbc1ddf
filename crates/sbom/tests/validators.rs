//! The official validators on documents that Plimsoll writes from its own inventories and from documents of other
//! tools: `spdx-tools` (schema and semantics), `cyclonedx-python-lib` (strict schemas of JSON and XML),
//! `spdx-python-model` (SPDX 3), and the published JSON schema. They run where `$PLIMSOLL_PEERS/venv` has them.
#![allow(clippy::unwrap_used, clippy::print_stdout, missing_docs, reason = "tests fail by panicking")]

mod shared;

use std::path::PathBuf;
use std::process::{Command, Stdio};

use plimsoll_core::{Limits, Timestamp};
use plimsoll_sbom::{Build, Document, DocumentSubject, Inventory, formats, read_whole};
use shared::{detected, document, fixture, foreign_documents, found, inventory, listed};

/// Each defines `check`, which gives the messages about a text.
const SPDX: &str = "
from spdx_tools.spdx.parser.jsonlikedict.json_like_dict_parser import JsonLikeDictParser
from spdx_tools.spdx.validation.document_validator import validate_full_spdx_document
def check(text):
    document = JsonLikeDictParser().parse(json.loads(text))
    return [message.validation_message for message in validate_full_spdx_document(document)]
";

const TAG_VALUE: &str = "
from spdx_tools.spdx.parser.tagvalue.parser import Parser
from spdx_tools.spdx.validation.document_validator import validate_full_spdx_document
def check(text):
    document = Parser().parse(text)
    return [message.validation_message for message in validate_full_spdx_document(document)]
";

/// SPDX 3.0.1. No reference may dangle.
const JSON_LD: &str = "
import io
from spdx_python_model import v3_0_1 as spdx
def check(text):
    objects = spdx.SHACLObjectSet()
    spdx.JSONLDDeserializer().read(io.StringIO(text), objects)
    named = any(isinstance(o, spdx.SpdxDocument) for o in objects.foreach())
    return list(objects.missing_ids) + ([] if named else ['no SpdxDocument'])
";

/// CycloneDX, in the version and syntax that the argument names: `1.6 json`.
const CYCLONEDX: &str = "
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from cyclonedx.validation.xml import XmlValidator
version, syntax = sys.argv[1].split()
validator = JsonStrictValidator if syntax == 'json' else XmlValidator
validator = validator(SchemaVersion['V' + version.replace('.', '_')])
def check(text):
    error = validator.validate_str(text)
    return [error] if error else []
";

/// The schema in the argument.
const SCHEMA: &str = "
import jsonschema
schema = json.load(open(sys.argv[1]))
validator = jsonschema.validators.validator_for(schema)(schema)
def check(text):
    return [error.message for error in validator.iter_errors(json.loads(text))]
";

/// Checks the texts on standard input, each with its name.
const EACH: &str = "
failed = 0
for name, text in json.load(sys.stdin):
    try:
        messages = check(text)
    except Exception as error:
        messages = [repr(error)]
    for message in messages:
        print(name, message)
        failed = 1
sys.exit(failed)
";

fn python() -> Option<PathBuf> {
    let python = std::env::var_os("PLIMSOLL_PEERS").map(|peers| PathBuf::from(peers).join("venv/bin/python"));
    let found = python.filter(|python| python.exists());
    if found.is_none() {
        println!("skipped: no peers ($PLIMSOLL_PEERS/venv with spdx-tools and cyclonedx-python-lib)");
    }
    found
}

fn run(python: &PathBuf, program: &str, argument: &str, documents: &[(String, String)]) {
    let mut child = Command::new(python)
        .args(["-c", &format!("import json, sys\n{program}{EACH}"), argument])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    serde_json::to_writer(child.stdin.take().unwrap(), documents).unwrap();
    let output = child.wait_with_output().unwrap();
    let (said, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    let missing = ["ModuleNotFoundError", "MissingOptionalDependencyException"];
    if missing.iter().any(|missing| said.contains(missing) || errors.contains(missing)) {
        println!("skipped: a module is missing (spdx-python-model, or cyclonedx-python-lib[validation])");
        return;
    }
    assert!(output.status.success(), "{said}{errors}");
}

fn inventories() -> Vec<Inventory> {
    let without_system = Inventory { os: None, problems: Vec::new(), layers: Vec::new(), ..inventory() };
    vec![inventory(), found(), detected(), listed(), without_system, Inventory::default()]
}

/// The documents that `id` writes in `version`: of our inventories, with and without an image, and of documents of
/// other tools.
fn written(id: &str, version: &str) -> Vec<(String, String)> {
    let format = formats().find(|format| format.id() == id).unwrap();
    let text = |document: &Document<'_>| {
        let mut bytes = Vec::new();
        format.write_version(document, version, &mut bytes).unwrap();
        String::from_utf8(bytes).unwrap()
    };
    let mut found = Vec::new();
    for (number, inventory) in inventories().iter().enumerate() {
        let subject = DocumentSubject { name: "/srv/root".to_owned(), ..DocumentSubject::default() };
        let root = Document { subject, ..document(inventory) };
        found.push((format!("image {number}"), text(&document(inventory))));
        found.push((format!("root {number}"), text(&root)));
    }
    for (name, bytes) in foreign_documents() {
        let Ok(read) = read_whole(&bytes, &Limits::default()) else { continue };
        let document = Document {
            inventory: &read.inventory,
            subject: read.subject(),
            created: Timestamp::UNIX_EPOCH,
            tool_version: "0",
            build: Build::default(),
            states: read.completeness,
        };
        found.push((name, text(&document)));
    }
    found
}

/// Runs `program` on the documents that `id` writes, in each version, with the version and `argument` as its argument.
fn accepts(id: &str, program: &str, argument: &str) {
    let Some(python) = python() else { return };
    let format = formats().find(|format| format.id() == id).unwrap();
    for version in format.writes() {
        run(&python, program, format!("{version} {argument}").trim(), &written(id, version));
    }
}

#[test]
fn spdx_tools_accepts_our_spdx() {
    accepts("spdx-json", SPDX, "");
}

#[test]
fn the_spdx_schema_accepts_our_spdx() {
    let (Some(python), Some(schema)) = (python(), fixture("spdx-2.3.schema.json")) else { return };
    run(&python, SCHEMA, schema.to_str().unwrap(), &written("spdx-json", "2.3"));
}

#[test]
fn spdx_tools_accepts_our_tag_value() {
    accepts("spdx-tag-value", TAG_VALUE, "");
}

#[test]
fn the_spdx_3_model_accepts_our_json_ld() {
    accepts("spdx-json-ld", JSON_LD, "");
}

#[test]
fn cyclonedx_python_lib_accepts_our_json() {
    accepts("cyclonedx-json", CYCLONEDX, "json");
}

#[test]
fn cyclonedx_python_lib_accepts_our_xml() {
    accepts("cyclonedx-xml", CYCLONEDX, "xml");
}
