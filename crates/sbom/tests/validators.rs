//! The official validators on what Plimsoll writes: `spdx-tools` (schema and semantics), `cyclonedx-python-lib` (strict
//! schemas of JSON and XML), `spdx-python-model` (SPDX 3), and the published JSON schemas. They run where `$PLIMSOLL_PEERS/venv` has them.
#![allow(clippy::unwrap_used, clippy::print_stdout, missing_docs, reason = "tests fail by panicking")]

mod shared;

use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use plimsoll_sbom::{Document, DocumentSubject, Inventory, formats, write_spdx};
use shared::{document, fixture, inventory, written};

/// Reads SPDX JSON from standard input.
const SPDX: &str = "
import json, sys
from spdx_tools.spdx.parser.jsonlikedict.json_like_dict_parser import JsonLikeDictParser
from spdx_tools.spdx.validation.document_validator import validate_full_spdx_document
document = JsonLikeDictParser().parse(json.load(sys.stdin))
messages = validate_full_spdx_document(document)
for message in messages:
    print(message.validation_message, message.context.spdx_id)
sys.exit(len(messages) > 0)
";

/// Reads SPDX tag-value from standard input.
const TAG_VALUE: &str = "
import sys
from spdx_tools.spdx.parser.tagvalue.parser import Parser
from spdx_tools.spdx.validation.document_validator import validate_full_spdx_document
document = Parser().parse(sys.stdin.read())
messages = validate_full_spdx_document(document)
for message in messages:
    print(message.validation_message, message.context.spdx_id)
sys.exit(len(messages) > 0)
";

/// Reads SPDX 3.0.1 from standard input; every reference has to lead somewhere.
const JSON_LD: &str = "
import sys
from spdx_python_model import v3_0_1 as spdx
objects = spdx.SHACLObjectSet()
spdx.JSONLDDeserializer().read(sys.stdin, objects)
assert not objects.missing_ids, objects.missing_ids
assert any(isinstance(o, spdx.SpdxDocument) for o in objects.foreach())
";

/// Reads CycloneDX from standard input, in the version and syntax that the argument names: `1.6 json`.
const CYCLONEDX: &str = "
import sys
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from cyclonedx.validation.xml import XmlValidator
version, syntax = sys.argv[1].split()
validator = JsonStrictValidator if syntax == 'json' else XmlValidator
error = validator(SchemaVersion['V' + version.replace('.', '_')]).validate_str(sys.stdin.read())
if error:
    print(error)
sys.exit(error is not None)
";

/// Reads a document from standard input and checks it against the schema in the argument.
const SCHEMA: &str = "
import json, sys, jsonschema
schema = json.load(open(sys.argv[1]))
jsonschema.validators.validator_for(schema)(schema).validate(json.load(sys.stdin))
";

fn python() -> Option<PathBuf> {
    let python = std::env::var_os("PLIMSOLL_PEERS").map(|peers| PathBuf::from(peers).join("venv/bin/python"));
    let found = python.filter(|python| python.exists());
    if found.is_none() {
        println!("skipped: no peers ($PLIMSOLL_PEERS/venv with spdx-tools and cyclonedx-python-lib)");
    }
    found
}

fn run(python: &PathBuf, program: &str, argument: &str, input: &[u8]) {
    let mut child = Command::new(python)
        .args(["-c", program, argument])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(input).unwrap();
    let output = child.wait_with_output().unwrap();
    let missing = ["ModuleNotFoundError", "MissingOptionalDependencyException"];
    if missing.iter().any(|missing| String::from_utf8_lossy(&output.stderr).contains(missing)) {
        println!("skipped: a module is missing (spdx-python-model, or cyclonedx-python-lib[validation])");
        return;
    }
    assert!(
        output.status.success(),
        "{}{}\n{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
        String::from_utf8_lossy(input)
    );
}

fn inventories() -> Vec<Inventory> {
    let without_system = Inventory { os: None, problems: Vec::new(), layers: Vec::new(), ..inventory() };
    vec![inventory(), without_system, Inventory::default()]
}

fn documents(inventory: &Inventory) -> [Document<'_>; 2] {
    let subject = DocumentSubject { name: "/srv/root".to_owned(), ..DocumentSubject::default() };
    [document(inventory), Document { subject, ..document(inventory) }]
}

#[test]
fn spdx_tools_accepts_our_spdx() {
    let Some(python) = python() else { return };
    for inventory in inventories() {
        for document in documents(&inventory) {
            run(&python, SPDX, "", &written(write_spdx, &document));
        }
    }
}

#[test]
fn the_spdx_schema_accepts_our_spdx() {
    let (Some(python), Some(schema)) = (python(), fixture("spdx-2.3.schema.json")) else { return };
    for inventory in inventories() {
        for document in documents(&inventory) {
            run(&python, SCHEMA, schema.to_str().unwrap(), &written(write_spdx, &document));
        }
    }
}

/// Runs `program` on what `id` writes, in each version, with `version` and `argument` as its argument.
fn accepts(id: &str, program: &str, argument: &str) {
    let Some(python) = python() else { return };
    let format = formats().find(|format| format.id() == id).unwrap();
    for inventory in inventories() {
        for document in documents(&inventory) {
            for version in format.writes() {
                let mut bytes = Vec::new();
                format.write_version(&document, version, &mut bytes).unwrap();
                run(&python, program, &format!("{version} {argument}"), &bytes);
            }
        }
    }
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
