//! Which feeds the database contains, which advisories, and what changed.

use plimsoll_core::{Digest, Limits, Timestamp};
use plimsoll_verify::{Bundle, Signer};
use plimsoll_vuln::lookup::{Advice, Difference};
use plimsoll_vuln::{Database, FeedStatus};
use serde::Serialize;

/// The versions of the JSON results.
const STATUS_V1: &str = "plimsoll.dev/db-status/v1";
const SEARCH_V1: &str = "plimsoll.dev/db-search/v1";
const DIFF_V1: &str = "plimsoll.dev/db-diff/v1";

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Report {
    schema_version: &'static str,
    pub(crate) checked_at: Timestamp,
    /// The digest of the list of its files, which a signature is about.
    list: Digest,
    /// The signature of the list.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) signature: Option<Signature>,
    pub(crate) feeds: Vec<FeedStatus>,
}

/// A signature as it says of itself. Who may sign, only a policy knows.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Signature {
    #[serde(skip_serializing_if = "Option::is_none")]
    bundle: Option<Digest>,
    /// Whom it names as its signer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) claimed_signer: Option<String>,
    /// Why it is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) problem: Option<String>,
}

impl Report {
    pub(crate) fn new(checked_at: Timestamp, database: &Database, limits: &Limits) -> Self {
        let list = database.list().digest();
        let signature = database.signature().map(|read| match read {
            Ok(bytes) => Signature::of_bytes(bytes, &list, limits),
            Err(problem) => {
                Signature { bundle: None, claimed_signer: None, problem: Some(problem.to_owned()) }
            }
        });
        Self { schema_version: STATUS_V1, checked_at, list, signature, feeds: database.status() }
    }
}

impl Signature {
    fn of_bytes(bytes: &[u8], list: &Digest, limits: &Limits) -> Self {
        let digest = Some(Digest::sha256(bytes));
        let bundle = match Bundle::parse(bytes, limits) {
            Ok(bundle) => bundle,
            Err(error) => {
                return Self { bundle: digest, claimed_signer: None, problem: Some(error.to_string()) };
            }
        };
        let holder = bundle.claimed_holder().map(|holder| Signer::Certificate(Box::new(holder)));
        let signer = holder.or_else(|| bundle.claimed_key().map(Signer::Key));
        let problem = match bundle.claimed_statement() {
            Some(statement) => statement.vouches_for_database(list).err(),
            None => Some("it is no statement".to_owned()),
        };
        Self { bundle: digest, claimed_signer: signer.map(|signer| signer.to_string()), problem }
    }
}

/// What a search found.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Found<'a> {
    schema_version: &'static str,
    advisories: &'a [Advice],
}

impl<'a> Found<'a> {
    pub(crate) fn new(advisories: &'a [Advice]) -> Self {
        Self { schema_version: SEARCH_V1, advisories }
    }
}

/// What changed from one database to another.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Differences<'a> {
    schema_version: &'static str,
    ecosystems: &'a [Difference],
}

impl<'a> Differences<'a> {
    pub(crate) fn new(ecosystems: &'a [Difference]) -> Self {
        Self { schema_version: DIFF_V1, ecosystems }
    }
}
