//! One command, one file, named by its verb. A command sees settings, calls libraries, hands the result to a renderer.

mod attest;
mod blob;
mod cache;
mod catalogers;
mod check;
mod completions;
mod config;
mod conformance;
mod db;
mod doctor;
mod evidence;
mod help;
mod key;
mod man;
mod place;
mod platforms;
mod policy;
mod provenance;
mod sbom;
mod scan;
mod schema;
mod sign;
mod signer;
mod trust;
mod updating;
mod verification;
mod verify;
mod version;
mod waiver;

use crate::args::Command;
use crate::failure::{Exit, Failure};
use crate::output::Console;
use crate::settings::Context;
use crate::settings::attest::AttestSettings;
use crate::settings::blob::{
    AttestBlobSettings, SignBlobSettings, VerifyBlobAttestationSettings, VerifyBlobSettings,
};
use crate::settings::cache::CacheSettings;
use crate::settings::check::CheckSettings;
use crate::settings::completions::CompletionsSettings;
use crate::settings::config::ConfigSettings;
use crate::settings::conformance::ConformanceSettings;
use crate::settings::db::DbSettings;
use crate::settings::doctor::DoctorSettings;
use crate::settings::evidence::EvidenceSettings;
use crate::settings::help::HelpSettings;
use crate::settings::key::KeySettings;
use crate::settings::man::ManSettings;
use crate::settings::policy::PolicySettings;
use crate::settings::provenance::ProvenanceSettings;
use crate::settings::sbom::SbomSettings;
use crate::settings::scan::ScanSettings;
use crate::settings::schema::SchemaSettings;
use crate::settings::sign::SignSettings;
use crate::settings::trust::TrustCommandSettings;
use crate::settings::verify::VerifySettings;
use crate::settings::waiver::WaiverSettings;

/// Does `work` for each subject. A failure is reported, and does not affect the other subjects.
fn each(subjects: &[String], console: Console, mut work: impl FnMut(&str) -> Result<(), Failure>) -> Exit {
    let mut exit = Exit::Done;
    for subject in subjects {
        if let Err(failure) = work(subject) {
            console.report(&failure);
            exit = exit.and(Exit::Kind(failure.kind()));
        }
    }
    exit
}

/// Runs the typed command and returns how it ended.
pub(crate) fn run(command: &Command, context: &Context<'_>, console: Console) -> Result<Exit, Failure> {
    match command {
        Command::Check(arguments) => check::run(&CheckSettings::resolve(arguments, context)?, console),
        Command::Sbom(arguments) => sbom::run(&SbomSettings::resolve(arguments, context)?, console),
        Command::Scan(arguments) => scan::run(&ScanSettings::resolve(arguments, context)?, console),
        Command::Db(arguments) => db::run(&DbSettings::resolve(arguments, context)?, console),
        Command::Sign(arguments) => sign::run(&SignSettings::resolve(arguments, context)?, console),
        Command::Verify(arguments) => verify::run(&VerifySettings::resolve(arguments, context)?, console),
        Command::Attest(arguments) => attest::run(&AttestSettings::resolve(arguments, context)?, console),
        Command::VerifyAttestation(arguments) => {
            verify::run(&VerifySettings::resolve_attestation(arguments, context)?, console)
        }
        Command::SignBlob(arguments) => blob::sign(&SignBlobSettings::resolve(arguments, context)?, console),
        Command::VerifyBlob(arguments) => {
            blob::verify(&VerifyBlobSettings::resolve(arguments, context)?, console)
        }
        Command::AttestBlob(arguments) => {
            blob::attest(&AttestBlobSettings::resolve(arguments, context)?, console)
        }
        Command::VerifyBlobAttestation(arguments) => {
            blob::verify_attestation(&VerifyBlobAttestationSettings::resolve(arguments, context)?, console)
        }
        Command::Provenance(arguments) => {
            provenance::run(&ProvenanceSettings::resolve(arguments, context)?, console)
        }
        Command::Evidence(arguments) => {
            evidence::run(&EvidenceSettings::resolve(arguments, context)?, console)
        }
        Command::Key(arguments) => key::run(&KeySettings::resolve(arguments, context)?, console),
        Command::Trust(arguments) => trust::run(&TrustCommandSettings::resolve(arguments, context)?, console),
        Command::Policy(arguments) => policy::run(&PolicySettings::resolve(arguments, context), console),
        Command::Waiver(arguments) => waiver::run(&WaiverSettings::resolve(arguments, context)?, console),
        Command::Cache(arguments) => cache::run(&CacheSettings::resolve(arguments, context)?, console),
        Command::Doctor(arguments) => doctor::run(&DoctorSettings::resolve(arguments, context), console),
        Command::Config(arguments) => config::run(&ConfigSettings::resolve(arguments, context), console),
        Command::Conformance(arguments) => {
            Ok(conformance::run(ConformanceSettings::resolve(arguments, context), console))
        }
        Command::Schema(arguments) => schema::run(&SchemaSettings::resolve(arguments)),
        Command::Help(arguments) => {
            help::run(&HelpSettings::resolve(arguments, console.is_verbose()), console)
        }
        Command::Version(_) => version::run(),
        Command::Completions(arguments) => completions::run(&CompletionsSettings::resolve(arguments)),
        Command::Man(arguments) => man::run(&ManSettings::resolve(arguments), console),
    }
}
