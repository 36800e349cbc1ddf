//! Identities that probably allow more than their author meant: patterns that also match strangers.
//!
//! A regular expression cannot be analysed in general. The checks are whether it matches strangers, and whether the
//! places where CI systems write the workflow and the ref contain more than wildcards:
//!
//! ```text
//! https://github.com/team/app/.github/workflows/release.yml@refs/tags/v1.4
//!                                               ^ workflow  ^ ref
//! ```

use plimsoll_verify::{Claim, Identity, Text};

use super::{Code, Lint};

/// Issuers whose subjects are builds, not people. The issuers of private instances are unknown.
const CI_ISSUERS: [&str; 5] = [
    "https://token.actions.githubusercontent.com",
    "https://gitlab.com",
    "https://agent.buildkite.com",
    "https://oidc.codefresh.io",
    "https://oidc.circleci.com",
];

/// Subjects that only a pattern that is far too wide matches.
const STRANGERS: [&str; 3] = [
    "mallory@evil.example",
    "https://evil.example/x/y/.github/workflows/z.yml@refs/heads/main",
    "spiffe://evil/x",
];

impl Lint {
    pub(super) fn identity(&mut self, path: &str, identity: &Identity) {
        let strangers_fit = |text: &Text| STRANGERS.iter().all(|stranger| text.matches(stranger));
        for (field, text) in [("issuer", &identity.issuer), ("subject", &identity.subject)] {
            let Text::Pattern(pattern) = text else { continue };
            let (path, source) = (format!("{path}.{field}"), pattern.source());
            // Claims can restrict the subject enough; nothing else restricts the issuer.
            if strangers_fit(text) && (field == "issuer" || identity.claims.is_empty()) {
                let message = format!("`{source}` matches every {field}");
                self.error(Code::IdentityMatchesAll, &path, message, "name the intended signer");
            } else if starts_with_anything(source) {
                let message = format!("`{source}` allows any text before the part that it names");
                let hint = "begin the pattern with the scheme and host";
                self.warn(Code::IdentityUnanchored, &path, message, hint);
            }
        }
        if let Text::Pattern(pattern) = &identity.subject
            && is_ci(&identity.issuer)
        {
            let open =
                match (names_workflow(identity, pattern.source()), names_ref(identity, pattern.source())) {
                    (true, true) => return,
                    (false, true) => "which workflow",
                    (true, false) => "which ref",
                    (false, false) => "neither which workflow nor which ref",
                };
            let verb = if open.starts_with("neither") { "says" } else { "does not say" };
            let message = format!("`{}` {verb} {open} may sign", pattern.source());
            let hint = "write both, as in …/workflows/release\\.yml@refs/tags/v.*, or require the claims build-config and source-ref";
            self.warn(Code::IdentityWithoutWorkflow, &format!("{path}.subject"), message, hint);
        }
    }
}

fn is_ci(issuer: &Text) -> bool {
    let own = |text: &str| {
        let is_issuer = |known: &str| {
            text.strip_prefix(known).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        // The last is the issuer path of GitHub Enterprise servers.
        CI_ISSUERS.iter().any(|known| is_issuer(known)) || text.ends_with("/_services/token")
    };
    match issuer {
        Text::Exact(text) => own(text),
        Text::Pattern(_) => CI_ISSUERS.iter().any(|known| issuer.matches(known)),
    }
}

fn names_workflow(identity: &Identity, subject: &str) -> bool {
    let claims = [Claim::BuildConfig, Claim::BuildSignerUri, Claim::WorkflowName];
    if claims.into_iter().any(|claim| is_asked_for(identity, claim)) {
        return true;
    }
    let literal = literals(subject);
    let workflow = literal.rsplit_once('@').map_or(literal.as_str(), |(workflow, _)| workflow);
    // Without the `@` before the ref, it is unknown how far the pattern reaches.
    literal.contains('@') && workflow.rsplit('/').next().is_some_and(has_letters)
}

fn names_ref(identity: &Identity, subject: &str) -> bool {
    if is_asked_for(identity, Claim::SourceRef) {
        return true;
    }
    let literal = literals(subject);
    // "Any branch" is not a specific ref. "Any tag" is accepted, because somebody released each tag.
    let of_ref = literal.rsplit_once('@').map(|(_, of_ref)| of_ref);
    of_ref.is_some_and(|of_ref| has_letters(of_ref.trim_start_matches("refs/").trim_start_matches("heads/")))
}

fn is_asked_for(identity: &Identity, claim: Claim) -> bool {
    identity.claims.iter().any(|(name, text)| {
        *name == claim
            && match text {
                Text::Exact(_) => true,
                Text::Pattern(pattern) => has_letters(&literals(pattern.source())),
            }
    })
}

fn starts_with_anything(pattern: &str) -> bool {
    let inner = pattern.trim_start_matches(['^', '(']).trim_start_matches("?:");
    inner.starts_with(".*") || inner.starts_with(".+")
}

fn has_letters(text: &str) -> bool {
    text.contains(|c: char| c.is_ascii_alphanumeric())
}

/// The pattern without classes and repetitions: `[^@]*` and `\w+` stand for no specific text.
fn literals(pattern: &str) -> String {
    let mut literal = String::new();
    let mut chars = pattern.chars();
    while let Some(c) = chars.next() {
        match c {
            '[' => {
                let mut first = true;
                while let Some(inner) = chars.next() {
                    if inner == '\\' {
                        chars.next();
                    } else if inner == ']' && !first {
                        break;
                    }
                    first = first && inner == '^';
                }
            }
            '{' => drop(chars.by_ref().find(|c| *c == '}')),
            '\\' => literal.extend(chars.next().filter(|c| !c.is_ascii_alphanumeric())),
            '*' | '+' | '?' | '(' | ')' | '^' | '$' => {}
            other => literal.push(other),
        }
    }
    literal
}

#[cfg(test)]
mod tests {
    use plimsoll_verify::Pattern;

    use super::*;

    fn named_parts(subject: &str) -> (bool, bool) {
        let identity = Identity {
            issuer: Text::Exact(CI_ISSUERS[0].into()),
            subject: Text::Pattern(Pattern::new(subject).unwrap()),
            claims: Vec::new(),
        };
        (names_workflow(&identity, subject), names_ref(&identity, subject))
    }

    #[test]
    fn workflow_and_ref_are_told_from_wildcards() {
        for (subject, named) in [
            (r"https://github\.com/team/app/\.github/workflows/release\.yml@refs/tags/v.*", (true, true)),
            (r"https://github\.com/team/app/\.github/workflows/release\.yml@refs/heads/main", (true, true)),
            (r"https://github\.com/team/app/\.github/workflows/release\.yml@.*", (true, false)),
            (r"https://github\.com/team/app/\.github/workflows/release\.yml@refs/heads/.+", (true, false)),
            (r"https://github\.com/team/app/\.github/workflows/[^@]+@refs/heads/main", (false, true)),
            (r"https://github\.com/team/app/.*@\w+/\w+", (false, false)),
            (r"https://github\.com/team/.*", (false, false)),
            (r"https://github\.com/team/app/\.github/workflows/release\.yml", (false, false)),
            (r".*", (false, false)),
        ] {
            assert_eq!(named_parts(subject), named, "{subject}");
        }
    }

    /// What is left of a pattern is text that every match has in it.
    #[test]
    fn classes_and_repetitions_are_no_text() {
        for (pattern, text) in [
            ("a[bc]d", "ad"),
            ("a[^@]d", "ad"),
            // A bracket that comes first, or after a caret or backslash, is in the class.
            ("a[]b]d", "ad"),
            ("a[^]b]d", "ad"),
            (r"a[\]b]d", "ad"),
            (r"a[^b\]]d", "ad"),
            ("a{2,3}d", "ad"),
            (r"\.\w\d\-", ".-"),
            ("^(a)*b+c?$", "abc"),
            ("a[b", "a"),
            ("a{2", "a"),
        ] {
            assert_eq!(literals(pattern), text, "{pattern}");
        }
    }

    #[test]
    fn a_claim_names_the_workflow_or_the_ref_unless_it_may_be_anything() {
        let pattern = |source: &str| Text::Pattern(Pattern::new(source).unwrap());
        let open = r"https://github\.com/team/app/.*";
        for (claim, text, named) in [
            (Claim::SourceRef, Text::Exact("refs/heads/main".into()), (false, true)),
            (Claim::SourceRef, pattern(r"refs/tags/v\d+"), (false, true)),
            (Claim::SourceRef, pattern(".*"), (false, false)),
            (Claim::WorkflowName, Text::Exact("release".into()), (true, false)),
            (Claim::BuildConfig, pattern(r".*/release\.yml@.*"), (true, false)),
            (Claim::BuildSignerUri, pattern(".+"), (false, false)),
            (Claim::BuildTrigger, Text::Exact("push".into()), (false, false)),
        ] {
            let identity = Identity {
                issuer: Text::Exact(CI_ISSUERS[0].into()),
                subject: pattern(open),
                claims: vec![(claim, text.clone())],
            };
            assert_eq!(
                (names_workflow(&identity, open), names_ref(&identity, open)),
                named,
                "{claim} {text:?}"
            );
        }
    }
}
