//! Signed advisory databases: which signers are accepted, under `spec.vulnerabilities.database.signedBy`.
//!
//! Owns who may sign one, and whether a statement is about exactly this database. The verifier of the statement has
//! checked that the files are those of the list.
//!
//! ```yaml
//! vulnerabilities:
//!   database:
//!     signedBy:
//!       - name: feed builder
//!         key: { file: keys/feeds.pub }
//! ```

use jiff::Timestamp;
use plimsoll_core::Digest;
use plimsoll_verify::{Statement, Verified};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::authority::{Authority, AuthoritySpec, Counting, Signed, not_checked};
use crate::detail::{Detail, SignerRecord};
use crate::evidence::DatabaseFacts;
use crate::policy::Policy;
use crate::setting::Setting;
use crate::signers::Signers;

#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct DatabaseSpec {
    /// Who must have signed the advisory database. Nobody, when left out.
    pub(crate) signed_by: Setting<Vec<AuthoritySpec>>,
}

#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DatabasePolicy {
    pub(crate) signed_by: Vec<Authority>,
}

impl DatabasePolicy {
    pub(crate) fn is_anybodys(&self) -> bool {
        self.signed_by.is_empty()
    }
}

/// An authority whose signature of the database counts.
pub(crate) struct DatabaseSigner<'p> {
    pub(crate) authority: &'p Authority,
    /// Until when.
    pub(crate) until: Option<Timestamp>,
    signed: Signed,
    list: Digest,
    pub(crate) bundle: Digest,
    not_checked: Vec<String>,
}

impl DatabaseSigner<'_> {
    /// Its entry in the verdict.
    pub(crate) fn detail(&self) -> Detail {
        Detail::SignedDatabase {
            authority: self.authority.name.clone(),
            by: SignerRecord::from(&self.signed),
            bundle: self.bundle,
            signed: self.list,
            not_checked: self.not_checked.clone(),
        }
    }
}

impl DatabaseFacts {
    /// The signer of the database under `policy`. `None` if the policy requires none, an error if no signer that it
    /// names signed it.
    pub(crate) fn signer<'p>(
        &self,
        policy: &'p Policy,
        now: Timestamp,
    ) -> Result<Option<DatabaseSigner<'p>>, String> {
        if policy.vulnerabilities.database.is_anybodys() {
            return Ok(None);
        }
        let verified = self.verified.get(&policy.effective_digest());
        let verified = verified.ok_or("the database was not verified for this policy")?;
        let statement = verified.as_ref().map_err(Clone::clone)?;
        let list = self.list.ok_or("there is no list of the database's files")?;
        policy.database_signer(statement, &list, now).map(Some)
    }
}

impl Policy {
    /// The signers for whom the database is verified. Empty if any database is accepted.
    pub fn database_signers(&self) -> Option<Signers> {
        let database = &self.vulnerabilities.database;
        (!database.is_anybodys()).then(|| Signers::new(database.signed_by.iter(), self.trust.requirements()))
    }

    fn database_signer(
        &self,
        statement: &Verified<Statement>,
        list: &Digest,
        now: Timestamp,
    ) -> Result<DatabaseSigner<'_>, String> {
        statement.value().vouches_for_database(list)?;
        let signed = Signed::from(statement);
        let signed_by = &self.vulnerabilities.database.signed_by;
        let Counting { authority, until, .. } =
            Authority::first_counting(signed_by, "spec.vulnerabilities.database.signedBy", &signed, now)?;
        let (list, bundle, not_checked) = (*list, *statement.bundle(), not_checked(statement));
        Ok(DatabaseSigner { authority, until, signed, list, bundle, not_checked })
    }
}
