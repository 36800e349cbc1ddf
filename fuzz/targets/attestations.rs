//! Files of attestations in each form, and the provenances in them. Nothing here is signed, so what is compared is only that
//! what is read is bounded, of one form, and survives being written again.

#![no_main]

use libfuzzer_sys::fuzz_target;
use plimsoll_core::Limits;
use plimsoll_verify::provenance::{Form, Provenance, Repository, bundles};
use plimsoll_verify::{Bundle, Statement, check_predicate};

fuzz_target!(|bytes: &[u8]| {
    if let Ok(found) = bundles(bytes, &Limits::default()) {
        assert!(!found.is_empty() && found.len() <= 128);
        for carried in &found {
            if let Ok(bundle) = Bundle::parse(&carried.bundle, &Limits::default())
                && let Some(statement) = bundle.claimed_statement()
            {
                examine(&statement);
            }
        }
    }
    if let Ok(statement) = Statement::parse(bytes, &Limits::default()) {
        examine(&statement);
    }
});

fn examine(statement: &Statement) {
    let read = Provenance::read(statement, &Limits::default());
    if Form::from_predicate_type(&statement.predicate_type).is_none() {
        assert!(read.is_err(), "an unknown type was read");
    }
    let Ok(provenance) = read else { return };
    assert!(check_predicate(&statement.predicate_type, &statement.predicate, &Limits::default()).is_ok());
    if provenance.form.is_slsa() {
        assert!(provenance.builder.is_some() && provenance.build_type.is_some(), "half a provenance");
    }
    if let Some(source) = &provenance.source {
        let again: Repository = source.repository.as_str().parse().unwrap();
        assert_eq!(again, source.repository);
    }
}
