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

use crate::{CertificateIdentity, Identity, KeyId, Signer, Text};

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

impl Identity {
    /// Whether this certificate's holder matches if letter case distinguishes nobody. This is for denials only: it matches whatever
    /// [`Identity::is`] does, and more. A pattern is compared as it is.
    pub fn may_be(&self, certificate: &CertificateIdentity) -> bool {
        let fits = |expected: &Text, got: &str| match expected {
            Text::Exact(exact) => same_name(exact, got),
            Text::Pattern(_) => expected.matches(got),
        };
        let has = |claim, expected| certificate.claims.get(claim).is_some_and(|got| fits(expected, got));
        fits(&self.issuer, &certificate.issuer)
            && fits(&self.subject, &certificate.subject)
            && self.claims.iter().all(|(claim, expected)| has(claim, expected))
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

    /// A denial that a spelling escapes denies nothing.
    #[test]
    fn a_denied_identity_is_recognised_in_every_spelling_and_others_are_not() {
        let exact = |text: &str| Text::Exact(text.to_owned());
        let denied = |subject, claim: &str| Identity {
            issuer: exact("https://issuer.example"),
            subject,
            claims: vec![(crate::Claim::SourceRef, exact(claim))],
        };
        let is = |identity: &Identity, issuer: &str, subject: &str| match holder(issuer, subject) {
            Signer::Certificate(holder) => identity.may_be(&holder),
            Signer::Key(_) => false,
        };
        let deploy = denied(exact("deploy@ci.example"), "DEPLOY@ci.example");
        assert!(is(&deploy, "https://issuer.example", "deploy@ci.example"));
        assert!(is(&deploy, "https://Issuer.example", "Deploy@CI.example"));
        assert!(!is(&deploy, "https://other.example", "deploy@ci.example"));
        assert!(!is(&deploy, "https://issuer.example", "deploy2@ci.example"));
        let other_claim = denied(exact("deploy@ci.example"), "refs/heads/main");
        assert!(!is(&other_claim, "https://issuer.example", "deploy@ci.example"));
        let pattern = |source: &str| Text::Pattern(crate::Pattern::new(source).unwrap());
        let any = denied(pattern("deploy@.*"), "deploy@ci.example");
        assert!(is(&any, "https://issuer.example", "deploy@ci.example"));
        assert!(!is(&any, "https://issuer.example", "Deploy@ci.example"), "a pattern says what it says");
    }

    #[test]
    fn names_are_compared_without_case() {
        assert!(same_name("SecOps@example", "secops@EXAMPLE"));
        assert!(same_name("straſe", "STRASE"));
        assert!(!same_name("secops", "secops2"));
        assert_eq!(folded("Release"), folded("RELEASE"));
    }
}
