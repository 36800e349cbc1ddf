//! Strict reading and canonical writing of JSON.
//!
//! Every JSON document from outside goes through here: a bounded number of bytes, UTF-8, no duplicate member names, no
//! nesting beyond [`DEPTH`], nothing after the value. Duplicate names matter because two readers of one signed document
//! may each pick a different one (RFC 8259, section 4, leaves the choice to the reader).

mod quick;

use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt;

use serde::Deserializer;
use serde::de::{DeserializeOwned, DeserializeSeed, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::Value;

/// Arrays and objects inside each other. Real documents stay below 20.
pub const DEPTH: usize = 64;

/// Why a document was refused.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// It is larger than allowed.
    #[error("JSON of {got} bytes, expected at most {limit}")]
    TooLarge {
        /// Its length in bytes.
        got: usize,
        /// The bound.
        limit: u64,
    },
    /// It is not JSON, has duplicate names, is nested too deeply, or has another shape than expected.
    #[error("invalid JSON: {}", brief(&.0.to_string()))]
    Invalid(#[from] serde_json::Error),
}

/// The message without the middle of a long foreign name or value, because the library repeats it in full.
/// The end of the message stays: it gives the position in the document.
fn brief(message: &str) -> Cow<'_, str> {
    const START: usize = 160;
    const END: usize = 60;
    let count = message.chars().count();
    if count <= START + END {
        return Cow::Borrowed(message);
    }
    Cow::Owned(
        message.chars().take(START).chain("…".chars()).chain(message.chars().skip(count - END)).collect(),
    )
}

/// Reads `bytes` strictly into `T`. `T` decides what happens with unknown members.
pub fn from_slice<T: DeserializeOwned>(bytes: &[u8], limit: u64) -> Result<T, Error> {
    check(bytes, limit)?;
    Ok(serde_json::from_slice(bytes)?)
}

/// Reads `bytes` strictly into a tree.
pub fn value(bytes: &[u8], limit: u64) -> Result<Value, Error> {
    from_slice(bytes, limit)
}

/// Checks everything that [`from_slice`] promises, without building anything.
pub fn check(bytes: &[u8], limit: u64) -> Result<(), Error> {
    within(bytes, limit)?;
    if quick::is_strict(bytes) { Ok(()) } else { walk(bytes) }
}

/// Checks only the length, before any work on the content.
pub fn within(bytes: &[u8], limit: u64) -> Result<(), Error> {
    if bytes.len() as u64 > limit {
        return Err(Error::TooLarge { got: bytes.len(), limit });
    }
    Ok(())
}

/// The walk whose result counts and that says what is wrong.
fn walk(bytes: &[u8]) -> Result<(), Error> {
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    Strict { depth: 0 }.deserialize(&mut deserializer)?;
    deserializer.end()?;
    Ok(())
}

/// Writes `value` in the JSON Canonicalization Scheme (RFC 8785) for documents whose numbers are integers: members
/// sorted by UTF-16 code units, no spaces, shortest escapes.
pub fn canonical(value: &Value) -> Vec<u8> {
    let mut out = Vec::new();
    write_canonical(value, &mut out);
    out
}

/// As [`canonical`], after what is in `out`: for a large part of a document, which need not be copied.
pub fn write_canonical(value: &Value, out: &mut Vec<u8>) {
    match value {
        Value::Array(items) => {
            out.push(b'[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push(b',');
                }
                write_canonical(item, out);
            }
            out.push(b']');
        }
        Value::Object(members) => {
            let mut members: Vec<_> = members.iter().collect();
            members.sort_by(|(a, _), (b, _)| a.encode_utf16().cmp(b.encode_utf16()));
            out.push(b'{');
            for (index, (name, member)) in members.into_iter().enumerate() {
                if index > 0 {
                    out.push(b',');
                }
                out.extend_from_slice(Value::from(name.as_str()).to_string().as_bytes());
                out.push(b':');
                write_canonical(member, out);
            }
            out.push(b'}');
        }
        // serde_json escapes strings as RFC 8785 asks: the two-character forms, \u00xx in lower case, nothing else.
        scalar => out.extend_from_slice(scalar.to_string().as_bytes()),
    }
}

/// Walks a document and keeps only the member names of the open objects.
struct Strict {
    depth: usize,
}

impl Strict {
    fn deeper<E: serde::de::Error>(&self) -> Result<Self, E> {
        if self.depth >= DEPTH {
            return Err(E::custom(format_args!("nested deeper than {DEPTH} levels")));
        }
        Ok(Self { depth: self.depth + 1 })
    }
}

impl<'de> DeserializeSeed<'de> for Strict {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        let depth = self.deeper::<A::Error>()?.depth;
        while items.next_element_seed(Self { depth })?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
        let depth = self.deeper::<A::Error>()?.depth;
        let mut seen = Names::default();
        while let Some(Name(name)) = members.next_key::<Name<'de>>()? {
            if let Some(name) = seen.insert(name) {
                return Err(A::Error::custom(format_args!("member `{name}` stands twice in one object")));
            }
            members.next_value_seed(Self { depth })?;
        }
        Ok(())
    }
}

/// A member name, borrowed from the document unless it has escapes.
struct Name<'de>(Cow<'de, str>);

impl<'de> serde::Deserialize<'de> for Name<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct NameVisitor;

        impl<'de> Visitor<'de> for NameVisitor {
            type Value = Name<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a member name")
            }

            fn visit_borrowed_str<E>(self, name: &'de str) -> Result<Self::Value, E> {
                Ok(Name(Cow::Borrowed(name)))
            }

            fn visit_str<E>(self, name: &str) -> Result<Self::Value, E> {
                Ok(Name(Cow::Owned(name.to_owned())))
            }
        }

        deserializer.deserialize_str(NameVisitor)
    }
}

/// The names of one object. Most objects have a handful, where comparing is cheaper than hashing; the set takes over
/// before a hostile object could make that quadratic.
#[derive(Default)]
struct Names<'de> {
    few: Vec<Cow<'de, str>>,
    many: HashSet<Cow<'de, str>>,
}

impl<'de> Names<'de> {
    const FEW: usize = 16;

    /// Adds a name; returns it when it is already there.
    fn insert(&mut self, name: Cow<'de, str>) -> Option<Cow<'de, str>> {
        if self.few.contains(&name) || self.many.contains(&name) {
            return Some(name);
        }
        if self.few.len() < Self::FEW {
            self.few.push(name);
        } else {
            self.many.insert(name);
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn refusal(text: &str) -> String {
        value(text.as_bytes(), 1 << 20).unwrap_err().to_string()
    }

    #[test]
    fn duplicate_names_are_refused_at_any_level_and_spelling() {
        assert!(refusal(r#"{"a":1,"a":2}"#).contains("`a` stands twice"));
        assert!(refusal(r#"[{"b":{"a":1,"\u0061":2}}]"#).contains("`a` stands twice"));
        assert!(value(br#"{"a":{"a":1},"b":{"a":2}}"#, 100).is_ok());
        let many = |last: &str| {
            let members: Vec<String> = (0..100).map(|n| format!("\"k{n}\":0")).collect();
            format!("{{{},\"{last}\":0}}", members.join(","))
        };
        assert!(refusal(&many("k3")).contains("`k3` stands twice"));
        assert!(refusal(&many("k99")).contains("`k99` stands twice"));
        assert!(value(many("k100").as_bytes(), 10_000).is_ok());
    }

    #[test]
    fn depth_is_bounded() {
        let nested = |n| "[".repeat(n) + &"]".repeat(n);
        assert!(value(nested(DEPTH).as_bytes(), 1000).is_ok());
        assert!(refusal(&nested(DEPTH + 1)).contains("nested deeper than 64"));
        assert!(refusal(&"[".repeat(100_000)).contains("nested deeper"));
    }

    #[test]
    fn refuses_what_is_not_exactly_one_utf8_document() {
        assert!(refusal("{} {}").contains("trailing"));
        assert!(refusal("\u{feff}{}").contains("invalid JSON"));
        assert!(value(b"\"\xff\"", 10).is_err());
        assert!(value(br#""\ud800""#, 10).is_err());
        assert!(value(b"1e999", 10).is_err());
        assert_eq!(value(b"123456", 5).unwrap_err().to_string(), "JSON of 6 bytes, expected at most 5");
    }

    #[test]
    fn canonical_form_sorts_and_escapes_as_rfc_8785_does() {
        let value = json!({"\u{20ac}": 1, "\r": 2, "1": [true, null, -7], "\u{1F600}": "\u{8}\u{f}\"/", "\u{fb33}": {}});
        let expected = "{\"\\r\":2,\"1\":[true,null,-7],\"\u{20ac}\":1,\"\u{1F600}\":\"\\b\\u000f\\\"/\",\"\u{fb33}\":{}}";
        assert_eq!(String::from_utf8(canonical(&value)).unwrap(), expected);
    }
}
