//! The signer of the advisory database, for policies that require one.
//!
//! Owns whether the signature of the list is valid for a signer of the policy. Whatever is read from the files is compared with the
//! list by the database itself. The policies decide who may sign ([`plimsoll_policy::Policy::database_signers`]).

use plimsoll_core::Digest;
use plimsoll_policy::{DatabaseFacts, Signers};
use plimsoll_verify::{Bundle, Error, Statement, Verified, verify};
use plimsoll_vuln::Database;

use crate::collection::{Collection, UnderPolicy};

/// The database, and who signed it.
pub(crate) fn database(collection: &Collection<'_>) -> DatabaseFacts {
    let Ok(database) = collection.database else { return DatabaseFacts::default() };
    let list = database.list().digest();
    let mut facts = DatabaseFacts::new(list);
    for under in collection.policies {
        if let Some(signers) = under.policy.database_signers() {
            facts.add(under.policy, verified(database, &list, under, &signers, collection));
        }
    }
    facts
}

fn verified(
    database: &Database,
    list: &Digest,
    under: &UnderPolicy<'_>,
    signers: &Signers,
    collection: &Collection<'_>,
) -> Result<Verified<Statement>, String> {
    let signature = database.signature().ok_or("nobody signed it")?;
    let signature = signature.map_err(|reason| format!("its signature cannot be read: {reason}"))?;
    let bundle = Bundle::parse(signature, collection.layers.limits());
    let bundle = bundle.map_err(|error| format!("its signature cannot be read: {error}"))?;
    signers
        .verify(&bundle, under.root.ok(), collection.now, |check| verify(&bundle, Some(list), check))
        .map_err(|error| match (error, under.root) {
            (Error::NoTrustedRoot, Err(why)) => why.to_owned(),
            (error, _) => format!("its signature is refused: {error}"),
        })
}
