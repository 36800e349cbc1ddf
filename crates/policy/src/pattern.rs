//! Patterns over repository names, as in `registry.example/team/**`.
//!
//! A pattern is compared with the whole of `registry/repository`, never with a part, and never with tag or digest. `*`
//! stands for any characters within one path segment, `**` as a segment of its own for any number of segments, `{a,b}`
//! for alternatives. Everything else is literal: dots are dots, letters are case-sensitive. Only the registry may be spelled in
//! any way that means the same one: in capitals, with the port that HTTPS has anyway, by another name of Docker Hub.

use std::borrow::Cow;
use std::fmt;

use globset::{GlobBuilder, GlobMatcher};
use plimsoll_core::reference::spellings;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

/// A repository name is at most 255 characters long; a pattern with alternatives may be longer.
const MAX_BYTES: usize = 512;

/// One pattern.
#[derive(Debug, Clone)]
pub(crate) struct Pattern {
    text: String,
    matcher: GlobMatcher,
}

impl Pattern {
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        if text.is_empty() || text.len() > MAX_BYTES {
            return Err(format!("expected a pattern of 1 to {MAX_BYTES} bytes, got {}", text.len()));
        }
        if text.contains('@')
            || text.rsplit('/').next().is_some_and(|last| text.contains('/') && last.contains(':'))
        {
            return Err(format!("`{text}` names a tag or digest, expected a pattern over repository names"));
        }
        let literal = |b: u8| b.is_ascii_alphanumeric() || b"._-/:*{},".contains(&b);
        if let Some(other) = text.chars().find(|c| !u8::try_from(*c).is_ok_and(literal)) {
            return Err(format!("character {other:?} cannot be in a pattern over repository names"));
        }
        let glob = GlobBuilder::new(&canonical(text))
            .literal_separator(true)
            .backslash_escape(false)
            .case_insensitive(false)
            .build()
            .map_err(|error| error.to_string())?;
        Ok(Self { text: text.to_owned(), matcher: glob.compile_matcher() })
    }

    pub(crate) fn matches(&self, name: &str) -> bool {
        spellings(name).any(|spelling| self.matcher.is_match(&*spelling))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether every match is in one registry and below one named path segment. Exemptions must be specific.
    pub(crate) fn is_named(&self) -> bool {
        let mut segments = self.text.split('/');
        let literal = |s: Option<&str>| s.is_some_and(|s| !s.is_empty() && !s.contains(['*', '{', '}', ',']));
        literal(segments.next()) && literal(segments.next())
    }

    /// Whether it cannot match any repository name, because it lacks a registry or a path.
    pub(crate) fn lacks_registry(&self) -> bool {
        !self.text.contains('/') && self.text != "**"
    }

    /// Whether it matches everything.
    pub(crate) fn is_everything(&self) -> bool {
        self.text.split('/').all(|segment| segment == "*" || segment == "**")
    }
}

/// The pattern with its registry in lower case, and without zeros in front of its port. An alternative may contain a registry, too.
fn canonical(text: &str) -> String {
    let mut canonical = String::with_capacity(text.len());
    let (mut is_registry, mut around) = (true, Vec::new());
    for letter in text.chars() {
        match letter {
            '/' => is_registry = false,
            '{' => around.push(is_registry),
            ',' => is_registry = around.last().copied().unwrap_or(is_registry),
            '}' => is_registry = around.pop().unwrap_or(is_registry),
            '0' if is_registry && canonical.ends_with(':') => continue,
            _ => {}
        }
        canonical.push(if is_registry { letter.to_ascii_lowercase() } else { letter });
    }
    canonical
}

/// Whether any of `patterns` matches.
pub(crate) fn any(patterns: &[Pattern], name: &str) -> bool {
    patterns.iter().any(|pattern| pattern.matches(name))
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl<'de> Deserialize<'de> for Pattern {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse(&String::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

impl Serialize for Pattern {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}

impl JsonSchema for Pattern {
    fn schema_name() -> Cow<'static, str> {
        "ImagePattern".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "minLength": 1,
            "maxLength": MAX_BYTES,
            "description": "A pattern over registry/repository: `*` within a segment, `**` over segments.",
            "examples": ["registry.example/team/**"],
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(pattern: &str, name: &str) -> bool {
        Pattern::parse(pattern).unwrap().matches(name)
    }

    #[test]
    fn every_spelling_of_a_registry_is_that_registry() {
        for (pattern, reference) in [
            ("localhost:5755/prod/**", "LOCALHOST:5755/prod/app"),
            ("localhost:05755/prod/**", "localhost:5755/prod/app"),
            ("LocalHost:5755/prod/**", "localhost:05755/prod/app"),
            ("R.example/prod/**", "r.example:443/prod/app"),
            ("r.example:443/prod/**", "r.example/prod/app"),
            ("{x.example/a,R.EXAMPLE:05000/prod}/**", "r.example:5000/prod/app"),
            ("{X.example,r.example}:05000/prod/**", "x.example:5000/prod/app"),
            ("index.docker.io/library/*", "debian"),
            ("docker.io/library/*", "index.docker.io/debian"),
            ("registry-1.docker.io:443/team/**", "docker.io/team/app"),
            ("*.docker.io/team/**", "docker.io/team/app"),
        ] {
            let reference: plimsoll_core::Reference = reference.parse().unwrap();
            assert!(matches(pattern, &reference.name()), "{pattern} {reference}");
        }
        assert!(!matches("r.example:5000/prod/**", "r.example/prod/app"));
        assert!(!matches("r.example/PROD/**", "r.example/prod/app"));
        assert!(!matches("docker.io.example/**", "docker.io/team/app"));
    }

    #[test]
    fn the_whole_name_is_compared_literally() {
        assert!(matches("registry.example/team/**", "registry.example/team/app"));
        assert!(matches("registry.example/team/**", "registry.example/team/a/b"));
        assert!(matches("registry.example/*", "registry.example/app"));
        assert!(matches("127.0.0.1:5000/app", "127.0.0.1:5000/app"));
        for (pattern, name) in [
            ("registry.example/team/**", "evil.example/registry.example/team/app"),
            ("registry.example/team/**", "registry.example/team-evil/app"),
            ("registry.example/team/**", "registry.example/team"),
            ("registry.example/**", "registry.example.evil/app"),
            ("registry.example/**", "registryXexample/app"),
            ("registry.example/*", "registry.example/team/app"),
            ("registry.example/App", "registry.example/app"),
            ("registry.example/app", "registry.example/app2"),
            ("registry.example/app", "registry.example:443/app"),
        ] {
            assert!(!matches(pattern, name), "{pattern} must not match {name}");
        }
    }

    #[test]
    fn an_invalid_pattern_is_refused() {
        for (bad, problem) in [
            ("", "1 to 512 bytes"),
            ("r/app@sha256:00", "names a tag or digest"),
            ("r/app:1.0", "names a tag or digest"),
            ("r/a?p", "character '?'"),
            ("r/[a]", "character '['"),
            ("r/a\\b", "character '\\\\'"),
            ("r/ä", "character 'ä'"),
            ("r/{a", "unclosed alternate group"),
            ("r/a b", "character ' '"),
            (&"x".repeat(513), "1 to 512 bytes"),
        ] {
            let error = Pattern::parse(bad).unwrap_err();
            assert!(error.contains(problem), "{bad}: {error}");
        }
    }

    #[test]
    fn an_exemption_names_registry_and_path() {
        let named = |text| Pattern::parse(text).unwrap().is_named();
        assert!(named("registry.example/team/**") && named("registry.example/app"));
        for wide in
            ["*", "**", "registry.example/**", "*/app", "**/app", "{a,b}/c/d", "registry.example/te*", "app"]
        {
            assert!(!named(wide), "{wide}");
        }
    }

    #[test]
    fn a_pattern_is_shown_as_written_and_is_as_long_as_it_may_be() {
        let written = "R.example:0443/{A,b}/x";
        let longest = format!("r.example/{}", "x".repeat(MAX_BYTES - 10));
        assert_eq!(Pattern::parse(written).unwrap().as_str(), written);
        assert!(Pattern::parse(&longest).is_ok());
        assert!(Pattern::parse(&format!("{longest}x")).is_err());
    }

    /// After an alternative of registries comes a registry's name again, and not a repository's.
    #[test]
    fn what_follows_an_alternative_is_of_the_same_part() {
        assert!(matches("{a,b/c}.EXAMPLE/app", "a.example/app"));
        assert!(!matches("r.example/{a,b}/APP", "r.example/a/app"));
    }
}
