//! One command, one file, named by its verb. A command sees settings, calls libraries, hands the result to a renderer.

mod attest;
mod blob;
mod check;
mod completions;
mod config;
mod conformance;
mod db;
pub(crate) mod doctor;
pub(crate) mod evidence;
mod key;
mod man;
mod place;
mod platforms;
mod policy;
mod predicate;
pub(crate) mod provenance;
mod sbom;
mod scan;
mod schema;
mod sign;
pub(crate) mod trust;
pub(crate) mod verification;
mod verify;
mod waiver;

use crate::args::Command;
use crate::failure::{Exit, Failure};
use crate::output::Console;
use crate::settings::Context;
use crate::settings::completions::CompletionsSettings;
use crate::settings::config::ConfigSettings;
use crate::settings::db::DbSettings;
use crate::settings::doctor::DoctorSettings;
use crate::settings::man::ManSettings;
use crate::settings::policy::PolicySettings;
use crate::settings::sbom::SbomSettings;
use crate::settings::scan::ScanSettings;
use crate::settings::schema::SchemaSettings;

/// Runs the command that was typed and says how it ended.
pub(crate) fn run(command: &Command, context: &Context<'_>, console: Console) -> Result<Exit, Failure> {
    let limits = context.limits;
    match command {
        Command::Check(arguments) => check::run(arguments, limits, console),
        Command::Sbom(arguments) => sbom::run(&SbomSettings::resolve(arguments, context)?, console),
        Command::Scan(arguments) => scan::run(&ScanSettings::resolve(arguments, context)?, console),
        Command::Db(arguments) => db::run(&DbSettings::resolve(arguments, context)?, console),
        Command::Sign(arguments) => sign::run(arguments, limits, console),
        Command::Verify(arguments) => verify::run(arguments, limits, console),
        Command::Attest(arguments) => attest::run(arguments, limits, console),
        Command::VerifyAttestation(arguments) => verify::run_attestation(arguments, limits, console),
        Command::SignBlob(arguments) => blob::sign(arguments, limits, console),
        Command::VerifyBlob(arguments) => blob::verify_blob(arguments, limits, console),
        Command::AttestBlob(arguments) => blob::attest(arguments, limits, console),
        Command::VerifyBlobAttestation(arguments) => blob::verify_attestation(arguments, limits, console),
        Command::Provenance(arguments) => provenance::run(arguments, limits, console),
        Command::Evidence(arguments) => evidence::run(arguments, limits, console),
        Command::Key(arguments) => key::run(arguments, console),
        Command::Trust(arguments) => trust::run(arguments, console),
        Command::Policy(arguments) => policy::run(&PolicySettings::resolve(arguments, context), console),
        Command::Waiver(arguments) => waiver::run(arguments, limits, console),
        Command::Doctor(arguments) => doctor::run(&DoctorSettings::resolve(arguments, context), console),
        Command::Config(arguments) => config::run(&ConfigSettings::resolve(arguments, context), console),
        Command::Conformance(arguments) => Ok(conformance::run(arguments, limits, console)),
        Command::Schema(arguments) => schema::run(&SchemaSettings::resolve(arguments)),
        Command::Completions(arguments) => completions::run(&CompletionsSettings::resolve(arguments)),
        Command::Man(arguments) => man::run(&ManSettings::resolve(arguments), console),
    }
}
