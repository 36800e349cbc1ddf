//! What looks like a secret in an image's environment and build steps.
//!
//! Owns which names and values look like one. A value is never kept or repeated. Two things count:
//!
//! - A **name** whose last words are those of a secret, such as `DB_PASSWORD` or `apiKey`, with a value that is neither a
//!   switch nor a path nor a reference.
//! - A **value** of a form that only credentials have, wherever it is: a provider's token with its prefix, a private key, a
//!   web token, an address with a password.
//!
//! Both can be wrong: a password for tests is found, and a secret under a harmless name is not. So nothing here proves that an
//! image contains no secret, and no rule says so.

use std::fmt;

use schemars::JsonSchema;
use serde::Serialize;

/// Something that looks like a secret.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SuspectedSecret {
    /// Where it is.
    pub place: SecretPlace,
    /// The name that it is under, if it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// What it looks like, in words.
    pub kind: String,
}

/// Where a secret may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum SecretPlace {
    /// The environment that processes start with.
    Environment,
    /// The commands by which it was built.
    History,
}

impl fmt::Display for SuspectedSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = match self.place {
            SecretPlace::Environment => "the environment",
            SecretPlace::History => "the history",
        };
        match &self.name {
            Some(name) => write!(f, "{name} in {place} looks like a secret ({})", self.kind),
            None => write!(f, "{} in {place}", self.kind),
        }
    }
}

/// More than any image has; the rest would say nothing new.
const MOST: usize = 64;

/// Names of variables are short. A longer one is not repeated in full.
const MAX_NAME: usize = 128;

/// What the last words of a name are if its value is a secret.
const NAMES: &[&[&str]] = &[
    &["password"],
    &["passwd"],
    &["pwd"],
    &["passphrase"],
    &["secret"],
    &["token"],
    &["apikey"],
    &["credential"],
    &["credentials"],
    &["api", "key"],
    &["access", "key"],
    &["secret", "key"],
    &["private", "key"],
    &["encryption", "key"],
    &["signing", "key"],
    &["account", "key"],
];

/// Values that are switches, not secrets.
const SWITCHES: &[&str] = &[
    "", "true", "false", "yes", "no", "on", "off", "none", "null", "enabled", "disabled", "required",
    "optional", "auto",
];

/// How the tokens of providers begin, and how many characters follow at least.
const TOKENS: &[(&str, &str, usize)] = &[
    ("AKIA", "an access key of AWS", 16),
    ("ASIA", "a temporary access key of AWS", 16),
    ("AIza", "an API key of Google", 35),
    ("ghp_", "a token of GitHub", 36),
    ("gho_", "a token of GitHub", 36),
    ("ghs_", "a token of GitHub", 36),
    ("ghu_", "a token of GitHub", 36),
    ("ghr_", "a token of GitHub", 36),
    ("github_pat_", "a token of GitHub", 40),
    ("glpat-", "a token of GitLab", 20),
    ("xoxb-", "a token of Slack", 20),
    ("xoxp-", "a token of Slack", 20),
    ("xoxa-", "a token of Slack", 20),
    ("npm_", "a token of npm", 36),
    ("pypi-", "a token of PyPI", 60),
    ("dckr_pat_", "a token of Docker Hub", 20),
    ("hvs.", "a token of Vault", 24),
    ("sk_live_", "a key of Stripe", 20),
    ("rk_live_", "a key of Stripe", 20),
    ("SG.", "a key of SendGrid", 40),
    ("sk-ant-", "a key of Anthropic", 30),
    ("sk-proj-", "a key of OpenAI", 30),
    ("AGE-SECRET-KEY-", "an age key", 40),
];

/// Finds what looks like a secret in variables (`NAME=VALUE`) and in build steps, each place and name once.
pub(super) fn find(environment: &[String], history: &[&str]) -> Vec<SuspectedSecret> {
    let mut found = Found(Vec::new());
    for entry in environment {
        let (name, value) = entry.split_once('=').unwrap_or((entry, ""));
        found.variable(SecretPlace::Environment, name, value);
    }
    for step in history {
        for word in words(step) {
            if let Some((name, value)) = word.split_once('=')
                && is_variable(name)
            {
                found.variable(SecretPlace::History, name, value);
            } else if let Some(kind) = shape(word) {
                found.add(SecretPlace::History, None, kind);
            }
        }
        // A key has blanks in it, so no single word shows it.
        if is_private_key(step) {
            found.add(SecretPlace::History, None, "a private key");
        }
    }
    found.0.sort();
    found.0.dedup();
    found.0
}

struct Found(Vec<SuspectedSecret>);

impl Found {
    fn variable(&mut self, place: SecretPlace, name: &str, value: &str) {
        let value = value.trim_matches(['"', '\'']);
        let kind = if let Some(kind) = shape(value) {
            kind
        } else if is_secret_name(name) && is_secret_value(value) {
            "by its name"
        } else {
            return;
        };
        self.add(place, Some(name), kind);
    }

    fn add(&mut self, place: SecretPlace, name: Option<&str>, kind: &str) {
        let name = name.map(|name| name.chars().take(MAX_NAME).collect());
        let found = SuspectedSecret { place, name, kind: kind.to_owned() };
        if self.0.len() < MOST && !self.0.contains(&found) {
            self.0.push(found);
        }
    }
}

/// The words of a build step, without the quotes around them.
fn words(step: &str) -> impl Iterator<Item = &str> {
    step.split(|c: char| c.is_whitespace() || matches!(c, ';' | ',' | '[' | ']' | '|' | '&' | '(' | ')'))
        .map(|word| word.trim_matches(['"', '\'']).trim_start_matches('-'))
        .filter(|word| !word.is_empty())
}

fn is_variable(name: &str) -> bool {
    !name.is_empty()
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.'))
}

/// `DB_PASSWORD`, `dbPassword`, `db-password`.
fn is_secret_name(name: &str) -> bool {
    let words = split_name(name);
    NAMES.iter().any(|wanted| {
        words.len() >= wanted.len()
            && words.iter().rev().zip(wanted.iter().rev()).all(|(word, wanted)| word == wanted)
    })
}

/// The last words of a name in lower case; the rest does not matter.
fn split_name(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut before_was_lower = false;
    for c in name.chars().take(MAX_NAME) {
        if matches!(c, '_' | '-' | '.') || (c.is_ascii_uppercase() && before_was_lower) {
            words.push(String::new());
        }
        before_was_lower = c.is_ascii_lowercase();
        if c.is_ascii_alphanumeric()
            && let Some(last) = words.last_mut()
        {
            last.push(c.to_ascii_lowercase());
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

/// Neither a switch, a number of few digits, a path, nor a reference to another variable.
fn is_secret_value(value: &str) -> bool {
    let switch = SWITCHES.iter().any(|switch| switch.eq_ignore_ascii_case(value));
    let number = value.len() < 4 && value.bytes().all(|byte| byte.is_ascii_digit());
    let elsewhere =
        value.starts_with(['/', '$', '<']) || value.starts_with("file:") || value.starts_with("./");
    !switch && !number && !elsewhere
}

/// What a value looks like by its form alone.
fn shape(value: &str) -> Option<&'static str> {
    if is_private_key(value) {
        return Some("a private key");
    }
    if is_web_token(value) {
        return Some("a web token");
    }
    if has_password(value) {
        return Some("an address with a password");
    }
    TOKENS.iter().find_map(|(prefix, kind, least)| {
        let mut starts = value.match_indices(prefix).take(MOST);
        let is_token = |(at, _): (usize, &str)| {
            let before = value.get(..at).and_then(|text| text.chars().last());
            let rest = value.get(at + prefix.len()..).unwrap_or_default();
            let length =
                rest.bytes().take_while(|byte| byte.is_ascii_alphanumeric() || b"_-.".contains(byte));
            !before.is_some_and(|c| c.is_ascii_alphanumeric()) && length.count() >= *least
        };
        starts.any(is_token).then_some(*kind)
    })
}

/// A PEM block with a private key; the end of its first line is enough.
fn is_private_key(text: &str) -> bool {
    text.contains("PRIVATE KEY-----")
}

/// Three parts of base64 with dots between them, of which the first begins as JSON does (RFC 7519).
fn is_web_token(value: &str) -> bool {
    let parts: Vec<&str> = value.splitn(4, '.').collect();
    let is_base64 = |part: &str| {
        part.len() >= 16
            && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
    };
    parts.len() == 3
        && parts.iter().all(|part| is_base64(part))
        && parts.iter().take(2).all(|part| part.starts_with("eyJ"))
}

/// `scheme://user:password@host`.
fn has_password(value: &str) -> bool {
    let Some((_, rest)) = value.split_once("://") else { return false };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let Some((user, _)) = authority.rsplit_once('@') else { return false };
    user.split_once(':')
        .is_some_and(|(_, password)| !password.is_empty() && !password.starts_with(['$', '<', '*']))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn in_environment(entry: &str) -> Option<String> {
        find(&[entry.to_owned()], &[]).into_iter().next().map(|found| found.kind)
    }

    #[test]
    fn names_and_values_of_secrets_are_found_and_those_of_settings_are_not() {
        let token = format!("ghp_{}", "a1".repeat(18));
        for (entry, kind) in [
            ("DB_PASSWORD=hunter2".to_owned(), "by its name"),
            ("dbPassword=hunter2".to_owned(), "by its name"),
            ("AWS_SECRET_ACCESS_KEY=x1y2".to_owned(), "by its name"),
            ("API_KEY=\"abc123\"".to_owned(), "by its name"),
            ("HARMLESS=AKIAIOSFODNN7EXAMPLE".to_owned(), "an access key of AWS"),
            (format!("URL=https://host/?t={token}"), "a token of GitHub"),
            ("DSN=postgres://app:hunter2@db/app".to_owned(), "an address with a password"),
            ("KEY=-----BEGIN EC PRIVATE KEY-----".to_owned(), "a private key"),
            (format!("T=eyJ{0}.eyJ{0}.{0}", "hbGciOiJIUzI1NiJ9"), "a web token"),
        ] {
            assert_eq!(in_environment(&entry).as_deref(), Some(kind), "{entry}");
        }
        for entry in [
            "PATH=/usr/bin",
            "GPG_KEY=7169605F62C751356D054A26A821E680E5FA6305",
            "DB_PASSWORD_FILE=/run/secrets/db",
            "DB_PASSWORD=/run/secrets/db",
            "DB_PASSWORD=$OTHER",
            "DB_PASSWORD=",
            "USE_TOKEN=true",
            "MAX_TOKEN=512",
            "TOKENIZERS_PARALLELISM=false",
            "SECRET_NAME=app",
            "PWD=/app",
            "URL=https://user@host/",
            "URL=https://user:${PASS}@host/",
            "PREFIX=xghp_aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
            "SHORT=ghp_abc",
            "A=eyJ.eyJ.x",
        ] {
            assert_eq!(in_environment(entry), None, "{entry}");
        }
    }

    #[test]
    fn build_steps_are_searched_word_by_word() {
        for (step, name) in [
            ("RUN |1 NPM_TOKEN=abcdef /bin/sh -c npm ci", Some("NPM_TOKEN")),
            ("/bin/sh -c #(nop)  ENV DB_PASSWORD=hunter2", Some("DB_PASSWORD")),
            (r#"CMD ["app" "--password=hunter2"]"#, Some("password")),
            ("RUN /bin/sh -c curl https://u:pw@host/x", None),
            ("RUN echo '-----BEGIN RSA PRIVATE KEY-----' > k", None),
        ] {
            let found = find(&[], &[step]);
            assert_eq!(found.len(), 1, "{step}: {found:?}");
            assert_eq!(found[0].name.as_deref(), name, "{step}");
            assert_eq!(found[0].place, SecretPlace::History);
        }
        assert_eq!(find(&[], &["RUN /bin/sh -c apt-get install -y nginx=1.2", "COPY . /app # buildkit"]), []);
    }

    #[test]
    fn no_value_is_repeated_and_the_list_is_bounded() {
        let many: Vec<String> = (0..1000).map(|n| format!("A{n}_PASSWORD=hunter{n}x")).collect();
        let found = find(&many, &[]);
        assert_eq!(found.len(), MOST);
        let told = serde_json::to_string(&found).unwrap();
        assert!(!told.contains("hunter"), "{told}");
        let long = format!("{}_PASSWORD=x1y2z3", "A".repeat(100_000));
        assert!(find(&[long], &[]).iter().all(|it| it.name.as_ref().unwrap().len() <= MAX_NAME));
    }
}
