//! The official validators on what Plimsoll writes: `spdx-tools` (schema and semantics), `cyclonedx-python-lib` (strict
//! schema), and the published JSON schemas. They run where `$PLIMSOLL_PEERS/venv` has them.
#![allow(clippy::unwrap_used, clippy::print_stdout, missing_docs, reason = "tests fail by panicking")]

mod shared;

use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use plimsoll_sbom::{Document, DocumentSubject, Inventory, write_cyclonedx, write_spdx};
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

/// Reads CycloneDX 1.6 JSON from standard input.
const CYCLONEDX: &str = "
import sys
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
error = JsonStrictValidator(SchemaVersion.V1_6).validate_str(sys.stdin.read())
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

#[test]
fn cyclonedx_python_lib_accepts_our_cyclonedx() {
    let Some(python) = python() else { return };
    for inventory in inventories() {
        for document in documents(&inventory) {
            run(&python, CYCLONEDX, "", &written(write_cyclonedx, &document));
        }
    }
}
