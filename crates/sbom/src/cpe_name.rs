//! The syntax of CPE names in other tools' documents, by NISTIR 7695. [`crate::cpe`] knows their meaning.

/// The longest name that is carried over. Eleven attributes of the longest values in the NVD's dictionary fit.
const MAX_NAME: usize = 2048;
/// The attributes of a formatted string after its part: vendor to update, edition, language, and four of the extended
/// ones.
const ATTRIBUTES: usize = 10;
/// The index of the language, whose values have their own syntax.
const LANGUAGE: usize = 5;
/// Characters that a formatted string may only contain after a backslash.
const PUNCTUATION: &[u8] = br##"\*?!"#$%&'()+,/:;<=>@[]^`{|}~"##;

/// Whether a text is a name in either form that the formats take: a formatted string of CPE 2.3, a URI of CPE 2.2.
/// Documents with a malformed name are invalid.
pub(crate) fn is_cpe(text: &str) -> bool {
    if text.len() > MAX_NAME {
        return false;
    }
    if let Some(name) = text.strip_prefix("cpe:2.3:") {
        return is_formatted(name.as_bytes());
    }
    text.strip_prefix("cpe:/").is_some_and(|name| is_uri(name.as_bytes()))
}

/// NISTIR 7695, 6.2.1, with all attributes.
fn is_formatted(name: &[u8]) -> bool {
    let Some((part, rest)) = name.split_first().filter(|(part, _)| b"aho*-".contains(part)) else {
        return false;
    };
    let mut attributes = Attributes(rest);
    let all = (0..ATTRIBUTES).all(|number| {
        attributes.next().is_some_and(|attribute| match number {
            LANGUAGE => is_language(attribute),
            _ => is_attribute(attribute),
        })
    });
    all && attributes.0.is_empty() && part.is_ascii()
}

/// The attributes: what follows each colon without a backslash before it.
struct Attributes<'a>(&'a [u8]);

impl<'a> Iterator for Attributes<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let text = self.0.strip_prefix(b":")?;
        let mut escaped = false;
        let end = text.iter().position(|byte| {
            let ends = *byte == b':' && !escaped;
            escaped = *byte == b'\\' && !escaped;
            ends
        });
        let (attribute, rest) = text.split_at_checked(end.unwrap_or(text.len()))?;
        self.0 = rest;
        Some(attribute)
    }
}

fn is_attribute(text: &[u8]) -> bool {
    if matches!(text, b"*" | b"-") {
        return true;
    }
    let mut text = without_wildcards(text);
    let mut characters = 0;
    loop {
        text = match text {
            [b'\\', escaped, rest @ ..] if PUNCTUATION.contains(escaped) => rest,
            [plain, rest @ ..] if plain.is_ascii_alphanumeric() || b"-._".contains(plain) => rest,
            // At the end as at the start.
            rest => return characters > 0 && without_wildcards(rest).is_empty(),
        };
        characters += 1;
    }
}

/// The value without a leading `*`, or any number of leading `?`.
fn without_wildcards(text: &[u8]) -> &[u8] {
    if let Some(rest) = text.strip_prefix(b"*") {
        return rest;
    }
    let count = text.iter().take_while(|byte| **byte == b'?').count();
    text.get(count..).unwrap_or_default()
}

/// RFC 5646, as far as CPE allows it: `en`, `en-US`, `es-419`.
fn is_language(text: &[u8]) -> bool {
    if matches!(text, b"*" | b"-") {
        return true;
    }
    let mut parts = text.split(|byte| *byte == b'-');
    let is_name = |name: &[u8]| matches!(name.len(), 2 | 3) && name.iter().all(u8::is_ascii_alphabetic);
    let is_region = |region: &[u8]| {
        (region.len() == 2 && region.iter().all(u8::is_ascii_alphabetic))
            || (region.len() == 3 && region.iter().all(u8::is_ascii_digit))
    };
    parts.next().is_some_and(is_name) && parts.next().is_none_or(is_region) && parts.next().is_none()
}

/// NISTIR 7695, 6.1.2.
fn is_uri(name: &[u8]) -> bool {
    let mut components = name.split(|byte| *byte == b':');
    let is_part = |part: &[u8]| matches!(part, b"" | b"a" | b"h" | b"o" | b"A" | b"H" | b"O");
    let is_value =
        |value: &[u8]| value.iter().all(|byte| byte.is_ascii_alphanumeric() || b"._-~%".contains(byte));
    components.next().is_some_and(is_part) && components.clone().count() <= 6 && components.all(is_value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_that_every_format_accepts_are_names() {
        for (name, expected) in [
            (r"cpe:2.3:a:b:c:1.0:*:*:*:*:*:*:*", true),
            (r"cpe:2.3:a:foo\\bar:big\$money:2010:*:*:*:special:ipod_touch:80gb:*", true),
            (r"cpe:2.3:a:libattr1:libattr1:1\:2.4.48-5:*:*:*:*:*:*:*", true),
            (r"cpe:2.3:o:b:c:-:??x?:*x*:es-419:*:*:*:*", true),
            // An unescaped colon adds an attribute; others are missing.
            (r"cpe:2.3:a:libattr1:libattr1:1:2.4.48-5:*:*:*:*:*:*:*", false),
            (r"cpe:2.3:a:b:c:1.0:*:*:*:*:*:*", false),
            (r"cpe:2.3:a:b:c:1.0", false),
            (r"cpe:2.3:x:b:c:1.0:*:*:*:*:*:*:*", false),
            (r"cpe:2.3:a:b:c:1+2:*:*:*:*:*:*:*", false),
            (r"cpe:2.3:a:b:c:1.0:*:*:english:*:*:*:*", false),
            (r"cpe:2.3:a::c:1.0:*:*:*:*:*:*:*", false),
            (r"cpe:2.3:a:b:**:1.0:*:*:*:*:*:*:*", false),
            (r"cpe:2.3:a:b:c d:1.0:*:*:*:*:*:*:*", false),
            ("cpe:2.3:a:b:c:1.0:*:*:*:*:*:*:\\", false),
            ("cpe:2.3:", false),
            ("cpe:/a:b:c:1.0", true),
            ("cpe:/a:b:c:1.0:x:y:en-us", true),
            ("cpe:/a:b:c:1.0:x:y:en-us:z", false),
            ("cpe:/a:b:c d", false),
            ("cpe:/x:b", false),
            ("CPE:/a:b", false),
            ("", false),
        ] {
            assert_eq!(is_cpe(name), expected, "{name}");
        }
        assert!(!is_cpe(&format!("cpe:/a:{}", "b".repeat(MAX_NAME))));
    }
}
