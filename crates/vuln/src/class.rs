//! The kind of statement that an advisory makes: most say that a package is vulnerable, some that it is malicious, and
//! some only inform.

use std::fmt;

use serde::Serialize;

/// The kind of an advisory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize)]
#[serde(rename_all = "kebab-case", tag = "kind", content = "topic")]
pub enum Class {
    /// The package has a vulnerability.
    #[default]
    Vulnerability,
    /// The package itself is malicious, and was published to do harm.
    Malicious,
    /// The package has no known vulnerability, but the advisory informs its users.
    Informational(Topic),
}

/// The topic of an informational advisory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Topic {
    /// It is unmaintained.
    Unmaintained,
    /// Its interface is unsound: it allows what the language promises to prevent.
    Unsound,
    /// Anything else.
    Notice,
}

impl Class {
    /// Its number in database files. A vulnerability has 0.
    pub(crate) fn number(self) -> u8 {
        match self {
            Self::Vulnerability => 0,
            Self::Malicious => 1,
            Self::Informational(Topic::Unmaintained) => 2,
            Self::Informational(Topic::Unsound) => 3,
            Self::Informational(Topic::Notice) => 4,
        }
    }

    /// The class with this number.
    pub(crate) fn of_number(number: u8) -> Option<Self> {
        let all = [
            Self::Vulnerability,
            Self::Malicious,
            Self::Informational(Topic::Unmaintained),
            Self::Informational(Topic::Unsound),
            Self::Informational(Topic::Notice),
        ];
        all.into_iter().find(|class| class.number() == number)
    }

    /// The class of two advisories about the same vulnerability: the graver one.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        let gravity = |class| match class {
            Self::Informational(_) => 0,
            Self::Vulnerability => 1,
            Self::Malicious => 2,
        };
        if gravity(other) > gravity(self) { other } else { self }
    }
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Vulnerability => "vulnerability",
            Self::Malicious => "malicious",
            Self::Informational(Topic::Unmaintained) => "unmaintained",
            Self::Informational(Topic::Unsound) => "unsound",
            Self::Informational(Topic::Notice) => "notice",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_distinct_and_the_graver_class_counts() {
        for number in 0..=u8::MAX {
            assert!(Class::of_number(number).is_none_or(|class| class.number() == number));
        }
        let topic = Class::Informational(Topic::Unsound);
        assert_eq!(Class::of_number(topic.number()), Some(topic));
        assert_eq!(topic.or(Class::Vulnerability), Class::Vulnerability);
        assert_eq!(Class::Malicious.or(Class::Vulnerability), Class::Malicious);
    }
}
