//! Which signers count as one person, wherever signers are counted or must be different people.
//!
//! - One key is one person, by its ID, whatever its name.
//! - One issuer with one subject is one person, whatever else the certificates say: different runs of a workflow, refs
//!   in claims, a new certificate for each signature.
//! - Letter case does not make a second person. Issuers differ in whether they distinguish `Alice@example` from
//!   `alice@example`, and hosts of repositories mostly do not. Counting two people as one costs another signature;
//!   counting one as two would defeat a threshold of two.
//! - A name is compared in the same way.
//!
//! It is invisible if somebody has both a key and an account, or if two people share a key.

use crate::{KeyId, Signer};

/// A signer as thresholds count them.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Person(Kind);

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Kind {
    Key(KeyId),
    Identity { issuer: String, subject: String },
}

impl Signer {
    /// The person who signed.
    pub fn person(&self) -> Person {
        Person(match self {
            Self::Key(id) => Kind::Key(*id),
            Self::Certificate(holder) => {
                Kind::Identity { issuer: folded(&holder.issuer), subject: folded(&holder.subject) }
            }
        })
    }
}

impl Person {
    /// Whether this signer has `name`, as far as that is known: a certificate's subject is a name, a key has none.
    pub fn goes_by(&self, name: &str) -> bool {
        match &self.0 {
            Kind::Key(_) => false,
            Kind::Identity { subject, .. } => *subject == folded(name),
        }
    }
}

/// Whether both are names of one person.
pub fn same_name(one: &str, other: &str) -> bool {
    folded(one) == folded(other)
}

/// A form that is equal for all spellings of a name, for sets of names.
pub fn folded(name: &str) -> String {
    // Upper and lower case are not one to one: texts with the same upper case, such as `ſ` and `s`, are also one name.
    name.to_uppercase().to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::CertificateIdentity;

    fn holder(issuer: &str, subject: &str) -> Signer {
        Signer::Certificate(Box::new(CertificateIdentity {
            issuer: issuer.to_owned(),
            subject: subject.to_owned(),
            claims: [(crate::Claim::SourceRef, subject.to_owned())].into(),
        }))
    }

    #[test]
    fn spelling_and_claims_make_nobody_a_second_person() {
        let alice = holder("https://issuer.example", "alice@example").person();
        assert_eq!(holder("https://issuer.example", "Alice@Example").person(), alice);
        assert_eq!(holder("https://Issuer.example", "alice@example").person(), alice);
        assert_ne!(holder("https://issuer.example", "bob@example").person(), alice);
        // Another issuer may use the same name for somebody else.
        assert_ne!(holder("https://other.example", "alice@example").person(), alice);
        assert!(alice.goes_by("ALICE@example") && !alice.goes_by("alice"));
    }

    #[test]
    fn names_are_compared_without_case() {
        assert!(same_name("SecOps@example", "secops@EXAMPLE"));
        assert!(same_name("straſe", "STRASE"));
        assert!(!same_name("secops", "secops2"));
        assert_eq!(folded("Release"), folded("RELEASE"));
    }
}
