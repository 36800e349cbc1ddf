//! Writes the result of a verification, and decides the exit code.

use plimsoll_core::Kind;

use crate::failure::{Exit, Failure};
use crate::output::{self, Console};
use crate::render;
use crate::render::verification::Failures;
use crate::report::verification::{Entry, Report};
use crate::settings::verify::{ResultForm, ResultSettings};

/// Writes the result, reports failures, and returns the exit code.
pub(super) fn finish(
    entries: &[Entry],
    settings: &ResultSettings,
    console: Console,
) -> Result<Exit, Failure> {
    let (form, file) = (settings.form, settings.file.as_deref());
    match form {
        ResultForm::Json => output::emit_json(file, &Report::new(entries))?,
        ResultForm::Table => {
            let paint = console.page(file).paint;
            let failures =
                Failures { refused: settings.explain || console.is_verbose(), reasons: file.is_some() };
            output::emit(file, |out| render::verification::table(entries, failures, paint, out))?;
        }
        ResultForm::Text => output::emit(file, |out| render::verification::lines(entries, out))?,
        ResultForm::Statements => output::emit(file, |out| {
            let proofs = entries.iter().filter(|entry| entry.verified).flat_map(|entry| &entry.proofs);
            proofs
                .filter_map(|proof| proof.statement.as_ref())
                .try_for_each(|statement| writeln!(out, "{statement}"))
        })?,
    }
    let mut exit = Exit::Done;
    for unverified in entries.iter().filter_map(|entry| entry.error.as_ref()) {
        console.report(&unverified.reason.failure);
        exit = match settings.cosign_exit_codes {
            true if exit == Exit::Done => Exit::Code(unverified.cosign_code),
            true => exit,
            false => exit.and(Exit::Kind(unverified.reason.failure.kind())),
        };
    }
    if form == ResultForm::Statements || form == ResultForm::Text {
        warn_of_gaps(entries, console);
        if let Some(as_of) = entries.iter().filter_map(|entry| entry.as_of).min() {
            console.say(format_args!("what is attached is known as of {as_of}, from the cache"));
        }
    }
    if exit == Exit::Done && !entries.iter().all(|entry| entry.verified) {
        // Unreachable: an entry is either verified or has a reason. If it happens anyway, it is not a success.
        return Ok(Exit::Kind(Kind::Internal));
    }
    Ok(exit)
}

/// Reports on standard error what was not checked, if the result itself does not.
fn warn_of_gaps(entries: &[Entry], console: Console) {
    let mut gaps: Vec<&str> = entries
        .iter()
        .flat_map(|entry| &entry.proofs)
        .flat_map(|proof| proof.not_checked.iter().copied())
        .collect();
    gaps.sort_unstable();
    gaps.dedup();
    if !gaps.is_empty() {
        console.say(format_args!("not checked: {}", gaps.join(", ")));
    }
}
