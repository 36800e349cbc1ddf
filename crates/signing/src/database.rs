//! Signed advisory databases.
//!
//! Owns the form in which one is signed: an in-toto statement of predicate type `https://plimsoll.dev/database/v1` about its
//! list, `database.json`, which contains the digest of every file's header, and these contain those of the rest. The
//! predicate is for people; only the list counts.
//!
//! ```json
//! {"_type": "https://in-toto.io/Statement/v1", "predicateType": "https://plimsoll.dev/database/v1",
//!  "subject": [{"name": "database.json", "digest": {"sha256": "<of the list>"}}],
//!  "predicate": {"feeds": [{"ecosystem": "PyPI", "publisher": "OSV", "asOf": "2026-11-20T06:00:00Z"}]}}
//! ```

use plimsoll_core::{Digest, Timestamp};
use plimsoll_verify::{DATABASE_V1, Statement, Subject};
use serde_json::json;

/// The statement that the builder of a database signs for others, with a key or keyless: [`make`](fn@crate::make).
/// `feeds` are ecosystem, publisher and time of retrieval.
pub fn statement<'a>(
    list: &Digest,
    feeds: impl IntoIterator<Item = (&'a str, &'a str, Timestamp)>,
) -> Statement {
    let feeds = feeds.into_iter().map(|(ecosystem, publisher, as_of)| {
        json!({"ecosystem": ecosystem, "publisher": publisher, "asOf": as_of.to_string()})
    });
    let predicate = json!({"feeds": feeds.collect::<Vec<_>>()});
    Statement::new(Subject::new("database.json", list), DATABASE_V1, predicate)
}
