//! JSON Schemas (2020-12) of the documents and the verdict, generated from the types that read and write them.

use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use schemars::transform::RecursiveTransform;
use serde_json::Value;

use crate::deny::DenyListDocument;
use crate::document::EvidenceDocument;
use crate::report::WaiverReports;
use crate::spec::PolicyDocument;
use crate::verdict::Verdict;
use crate::waiver::WaiverDocument;

/// The schema of a policy.
pub fn policy() -> Value {
    schema::<PolicyDocument>(SchemaSettings::draft2020_12())
}

/// The schema of a waiver.
pub fn waiver() -> Value {
    schema::<WaiverDocument>(SchemaSettings::draft2020_12())
}

/// The schema of a deny list.
pub fn deny_list() -> Value {
    schema::<DenyListDocument>(SchemaSettings::draft2020_12())
}

/// The schema of the output of `waiver show`.
pub fn waiver_show() -> Value {
    schema::<WaiverReports>(SchemaSettings::draft2020_12().for_serialize())
}

/// The schema of the evidence as rules in the words of a policy see it.
pub fn evidence() -> Value {
    schema::<EvidenceDocument<'static>>(SchemaSettings::draft2020_12().for_serialize())
}

/// The schema of a verdict.
pub fn verdict() -> Value {
    schema::<Verdict>(SchemaSettings::draft2020_12().for_serialize())
}

fn schema<T: JsonSchema>(settings: SchemaSettings) -> Value {
    // An optional field must not be null, so null must not be offered as its default.
    let without_null_defaults = RecursiveTransform(|schema: &mut schemars::Schema| {
        if schema.get("default").is_some_and(Value::is_null) {
            schema.remove("default");
        }
        // What the effective policy states in another form is a field like any other to who writes a document.
        schema.remove("writeOnly");
    });
    settings.with_transform(without_null_defaults).into_generator().into_root_schema_for::<T>().to_value()
}
