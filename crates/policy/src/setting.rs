//! A field that may be left out, and the scalar words that documents use.
//!
//! YAML reads `allow:` without a value as null, which serde treats as an empty list or as "not set". Both would turn a
//! line that lost its value into a policy that nobody wrote, so [`Setting`] and [`given`] refuse null.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use jiff::SignedDuration;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

/// Left out, or given with a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Setting<T>(Option<T>);

impl<T> Default for Setting<T> {
    fn default() -> Self {
        Self(None)
    }
}

impl<T> Setting<T> {
    pub(crate) fn into_option(self) -> Option<T> {
        self.0
    }

    pub(crate) fn or(self, preset: T) -> T {
        self.0.unwrap_or(preset)
    }

    pub(crate) fn as_ref(&self) -> Option<&T> {
        self.0.as_ref()
    }

    pub(crate) fn or_default(self) -> T
    where
        T: Default,
    {
        self.0.unwrap_or_default()
    }

    pub(crate) fn is_set(&self) -> bool {
        self.0.is_some()
    }

    pub(crate) fn is_unset(&self) -> bool {
        self.0.is_none()
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Setting<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        given(deserializer).map(|value| Self(Some(value)))
    }
}

/// Reads a field, a list or a section, that must have a value if it is present.
pub(crate) fn given<'de, T: Deserialize<'de>, D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error> {
    let value = Option::<T>::deserialize(deserializer)?;
    value.ok_or_else(|| D::Error::custom("has no value; give one or remove the line"))
}

impl<T: Serialize> Serialize for Setting<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<T: JsonSchema> JsonSchema for Setting<T> {
    fn inline_schema() -> bool {
        T::inline_schema()
    }

    fn schema_name() -> Cow<'static, str> {
        T::schema_name()
    }

    fn schema_id() -> Cow<'static, str> {
        T::schema_id()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        T::json_schema(generator)
    }
}

/// The name of a document: 1 to 128 ASCII letters, digits, `-`, `_`, `.`, starting with a letter or digit.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub(crate) struct Name(pub(crate) String);

impl<'de> Deserialize<'de> for Name {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

impl Name {
    pub(crate) const PATTERN: &str = "^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$";
}

impl FromStr for Name {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let sound = (1..=128).contains(&text.len())
            && text.starts_with(|c: char| c.is_ascii_alphanumeric())
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'));
        if sound {
            Ok(Self(text.to_owned()))
        } else {
            Err("expected a name of 1 to 128 letters, digits, `-`, `_` and `.`")
        }
    }
}

impl JsonSchema for Name {
    fn schema_name() -> Cow<'static, str> {
        "Name".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "pattern": Self::PATTERN })
    }
}

/// Words of a policy that its verdicts repeat: 1 to 500 characters, none of them a control character.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub(crate) struct Reason(pub(crate) String);

impl<'de> Deserialize<'de> for Reason {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let text = text.trim();
        if (1..=500).contains(&text.chars().count()) && !text.chars().any(char::is_control) {
            Ok(Self(text.to_owned()))
        } else {
            Err(D::Error::custom("expected a reason of 1 to 500 characters on one line"))
        }
    }
}

impl JsonSchema for Reason {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Reason".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "minLength": 1, "maxLength": 500 })
    }
}

/// A span of time as documents write it: a whole number and `m`, `h` or `d`, as in `24h`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Age(pub(crate) SignedDuration);

impl FromStr for Age {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const EXPECTED: &str = "expected a time span such as 90m, 24h or 7d, at most 3650d";
        let (digits, minutes) = match text.char_indices().last() {
            Some((at, 'm')) => (text.get(..at), 1),
            Some((at, 'h')) => (text.get(..at), 60),
            Some((at, 'd')) => (text.get(..at), 24 * 60),
            _ => (None, 0),
        };
        let digits = digits.filter(|d| (1..=7).contains(&d.len()) && d.bytes().all(|b| b.is_ascii_digit()));
        let count: i64 = digits.and_then(|d| d.parse().ok()).ok_or(EXPECTED)?;
        let minutes = count * minutes;
        if minutes == 0 || minutes > 3650 * 24 * 60 {
            return Err(EXPECTED);
        }
        Ok(Self(SignedDuration::from_mins(minutes)))
    }
}

impl fmt::Display for Age {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&span(self.0))
    }
}

impl<'de> Deserialize<'de> for Age {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

impl Serialize for Age {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl JsonSchema for Age {
    fn schema_name() -> Cow<'static, str> {
        "Age".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "pattern": "^[0-9]{1,7}[mhd]$" })
    }
}

/// A time span in the largest unit that loses little precision: `26h`, `3d`, `40m`.
pub(crate) fn span(duration: SignedDuration) -> String {
    let minutes = duration.as_mins();
    match minutes {
        m if m >= 72 * 60 => format!("{}d", m / (24 * 60)),
        m if m >= 120 => format!("{}h", m / 60),
        m => format!("{m}m"),
    }
}

/// The days that a span has begun: a second more than 30 days are 31, or a message about a limit of 30 would say that 30 are too
/// many.
pub(crate) fn days_begun(duration: SignedDuration) -> i64 {
    duration.as_secs().saturating_add(24 * 3600 - 1).div_euclid(24 * 3600)
}

/// A severity that a policy can name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Level {
    /// Logged only, unless a policy says otherwise.
    Low,
    /// Logged only, except on core images at general availability.
    Medium,
    /// Blocks from beta on.
    High,
    /// Blocks always.
    Critical,
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        })
    }
}

/// What happens if a rule's evidence is missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum OnUnknown {
    /// The verdict is indeterminate.
    Block,
    /// It is reported, and does not block.
    Warn,
}

/// For the schema: an instant in RFC 3339 form.
pub(crate) struct Instant;

impl JsonSchema for Instant {
    fn schema_name() -> Cow<'static, str> {
        "Instant".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "format": "date-time" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_are_whole_numbers_with_a_unit() {
        assert_eq!("24h".parse::<Age>().unwrap().0, SignedDuration::from_hours(24));
        assert_eq!("7d".parse::<Age>().unwrap().to_string(), "7d");
        assert_eq!("90m".parse::<Age>().unwrap().0, SignedDuration::from_mins(90));
        assert_eq!("3650d".parse::<Age>().unwrap().0, SignedDuration::from_hours(3650 * 24));
        assert_eq!("87600h".parse::<Age>().unwrap(), "3650d".parse().unwrap());
        for bad in [
            "",
            "h",
            "24",
            "-1h",
            "1.5h",
            "0h",
            "1w",
            "9999999d",
            "3651d",
            "87601h",
            "24 h",
            "１h",
            "99999999999999999999m",
        ] {
            let error = bad.parse::<Age>().unwrap_err().to_string();
            assert!(error.contains("expected a time span"), "{bad}: {error}");
        }
    }

    #[test]
    fn names_begin_with_a_letter_or_digit_and_have_no_other_characters() {
        let read = |name: &str| serde_json::from_value::<Name>(serde_json::json!(name));
        for name in ["a", "7", "A-1_b.c", &"x".repeat(128)] {
            assert_eq!(read(name).unwrap().0, name);
        }
        for name in ["", "-a", ".a", "a b", "a/b", "é", "aé", &"x".repeat(129)] {
            assert!(read(name).unwrap_err().to_string().contains("expected a name of 1 to 128"), "{name}");
        }
    }

    /// Below two hours minutes are shown, below three days hours.
    #[test]
    fn a_span_is_in_the_largest_unit_that_loses_little() {
        for (minutes, shown) in [
            (0, "0m"),
            (119, "119m"),
            (120, "2h"),
            (179, "2h"),
            (72 * 60 - 1, "71h"),
            (72 * 60, "3d"),
            (26 * 24 * 60, "26d"),
        ] {
            assert_eq!(span(SignedDuration::from_mins(minutes)), shown, "{minutes}");
        }
    }

    #[test]
    fn a_reason_is_one_line_of_bounded_length() {
        let read = |text: &str| serde_json::from_value::<Reason>(serde_json::json!(text));
        for (text, kept) in [("x", "x"), (" x y ", "x y"), (&*"é".repeat(500), &*"é".repeat(500))] {
            assert_eq!(read(text).unwrap().0, kept);
        }
        for text in ["", " ", "a\nb", "a\u{7}", &"x".repeat(501)] {
            let error = read(text).unwrap_err().to_string();
            assert!(
                error.contains("expected a reason of 1 to 500 characters on one line"),
                "{text:?}: {error}"
            );
        }
    }
}
