//! Patterns over paths in an artifact, as in `usr/local/go/**/testdata/**`.
//!
//! A pattern is compared with the whole path from the root, without a slash in front. `*` stands for any characters within
//! one name, `**` as a name of its own for any number of directories, `{a,b}` for alternatives. Everything else is literal.

use std::borrow::Cow;

use globset::{GlobBuilder, GlobMatcher};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

/// Real paths in images have up to a few hundred bytes.
const MAX_BYTES: usize = 512;

/// One pattern.
#[derive(Debug, Clone)]
pub(crate) struct PathPattern {
    text: String,
    matcher: GlobMatcher,
}

impl PartialEq for PathPattern {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for PathPattern {}

impl PathPattern {
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let relative = text.strip_prefix('/').unwrap_or(text);
        if relative.is_empty() || text.len() > MAX_BYTES {
            return Err(format!(
                "expected a pattern of 1 to {MAX_BYTES} bytes over paths, got {}",
                text.len()
            ));
        }
        if let Some(other) = relative.chars().find(|c| c.is_control() || matches!(c, '\\' | '?' | '[' | ']'))
        {
            return Err(format!("character {other:?} cannot be in a pattern over paths"));
        }
        if relative.split('/').any(|name| matches!(name, "" | "." | "..")) {
            return Err(format!(
                "`{text}` has an empty name, `.` or `..` in it, expected a path from the root"
            ));
        }
        let glob = GlobBuilder::new(relative)
            .literal_separator(true)
            .backslash_escape(false)
            .case_insensitive(false)
            .build()
            .map_err(|error| error.to_string())?;
        let pattern = Self { text: relative.to_owned(), matcher: glob.compile_matcher() };
        if pattern.is_everything() {
            return Err(format!(
                "`{text}` excludes everything, expected a pattern that names files or folders"
            ));
        }
        if let Some(path) = plimsoll_sbom::os_paths().into_iter().find(|path| pattern.matches(path)) {
            return Err(format!(
                "`{text}` excludes {path}, by which the operating system's packages are known"
            ));
        }
        Ok(pattern)
    }

    pub(crate) fn matches(&self, path: &str) -> bool {
        self.matcher.is_match(path)
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether it also matches at places that whoever builds the image is free to choose.
    pub(crate) fn is_anywhere(&self) -> bool {
        self.text.split('/').next().is_some_and(|first| first.contains(['*', '{']))
    }

    /// Whether wildcards alone make it match. No pattern has a control character in it, so that only they can match one.
    fn is_everything(&self) -> bool {
        const NAMES: [&str; 2] = ["\u{1}", "\u{1}.\u{1}"];
        let folders = ["", "\u{1}/", "\u{1}/\u{1}/", "\u{1}/\u{1}/\u{1}/"];
        folders.iter().any(|folder| NAMES.iter().any(|name| self.matches(&format!("{folder}{name}"))))
    }
}

impl<'de> Deserialize<'de> for PathPattern {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse(&String::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

impl Serialize for PathPattern {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}

impl JsonSchema for PathPattern {
    fn schema_name() -> Cow<'static, str> {
        "PathPattern".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "minLength": 1,
            "maxLength": MAX_BYTES,
            "description": "A pattern over paths from the root: `*` within a name, `**` over directories.",
            "examples": ["usr/local/go/**/testdata/**"],
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_whole_path_is_compared() {
        let matches = |pattern: &str, path: &str| PathPattern::parse(pattern).unwrap().matches(path);
        assert!(matches("srv/**/testdata/**", "srv/a/b/testdata/x/y.jar"));
        assert!(matches("/srv/app/*.jar", "srv/app/x.jar"));
        assert!(matches("**/tests/**", "tests/x"));
        assert!(matches("srv/{a,b}/x", "srv/b/x"));
        assert!(!matches("srv/app/*.jar", "srv/app/lib/x.jar"));
        assert!(!matches("srv/app", "srv/app/x"));
        assert!(!matches("tests/**", "srv/tests/x"));
    }

    #[test]
    fn excluding_everything_or_the_package_database_is_refused_with_a_reason() {
        for pattern in ["**", "*", "*/**", "**/*", "**/*.*", "*/*", "{*,x}", "{x,**}/*"] {
            assert!(PathPattern::parse(pattern).unwrap_err().contains("excludes everything"), "{pattern}");
        }
        for pattern in [
            "var/**",
            "var/lib/dpkg/status",
            "/var/lib/dpkg/**",
            "**/status",
            "lib/apk/**",
            "etc/*",
            "etc/os-release",
            "**/{x,os-release}",
        ] {
            let error = PathPattern::parse(pattern).unwrap_err();
            assert!(
                error.contains("by which the operating system's packages are known"),
                "{pattern}: {error}"
            );
        }
        for (pattern, problem) in [
            ("", "1 to 512 bytes"),
            ("/", "1 to 512 bytes"),
            ("a//b", "an empty name, `.` or `..`"),
            ("../x", "an empty name, `.` or `..`"),
            ("a/./b", "an empty name, `.` or `..`"),
            ("a\\b", "character '\\\\'"),
            ("[ab]", "character '['"),
            ("a?", "character '?'"),
            ("a\nb", "character '\\n'"),
            ("{a", "unclosed alternate group"),
            (&"a".repeat(513), "1 to 512 bytes"),
        ] {
            let error = PathPattern::parse(pattern).unwrap_err();
            assert!(error.contains(problem), "{pattern}: {error}");
        }
    }

    #[test]
    fn a_pattern_is_anywhere_if_its_first_name_is_not_fixed() {
        for (pattern, expected) in [
            ("srv/app/**", false),
            ("srv/**/tests/**", false),
            ("/srv/*.jar", false),
            ("**/tests/**", true),
            ("s*/app", true),
            ("{srv,opt}/app", true),
        ] {
            assert_eq!(PathPattern::parse(pattern).unwrap().is_anywhere(), expected, "{pattern}");
        }
    }

    #[test]
    fn a_pattern_is_as_long_as_it_may_be_and_is_the_same_by_its_text() {
        let longest = "a".repeat(MAX_BYTES);
        assert_eq!(PathPattern::parse(&longest).unwrap().as_str(), longest);
        let parsed = |text| PathPattern::parse(text).unwrap();
        assert_eq!(parsed("/srv/app"), parsed("srv/app"));
        assert_ne!(parsed("srv/app"), parsed("srv/app2"));
    }
}
