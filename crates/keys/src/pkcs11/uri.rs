//! PKCS#11 URIs (RFC 7512): which module, token and key to use, and where the PIN comes from.
//!
//! ```text
//! pkcs11:token=release;object=signing;id=%01?module-path=/usr/lib/softhsm/libsofthsm2.so&pin-source=/run/secrets/pin
//! ```
//!
//! An unknown attribute is refused: if it were ignored, the URI could select another key than it names.

use plimsoll_core::text;

use crate::remote::is_segment;
use crate::{Error, Zeroizing};

/// Longer than any URI that names a key.
const MOST: usize = 4096;

/// A parsed URI. It has no `Debug`: it may contain a PIN.
#[derive(Default)]
pub(super) struct Uri {
    /// The URI without its query, for messages.
    pub(super) shown: String,
    /// The expected properties of token, slot and module, by attribute name.
    pub(super) of_token: Vec<(&'static str, String)>,
    pub(super) slot_id: Option<u64>,
    /// `CKA_LABEL`.
    pub(super) object: Option<Vec<u8>>,
    /// `CKA_ID`.
    pub(super) id: Option<Vec<u8>>,
    pub(super) module_path: Option<String>,
    pub(super) module_name: Option<String>,
    pub(super) pin_value: Option<Zeroizing<String>>,
    pub(super) pin_source: Option<String>,
}

/// Attributes of the path that are compared with those of token, slot and module.
const OF_TOKEN: [&str; 9] = [
    "token",
    "manufacturer",
    "model",
    "serial",
    "slot-description",
    "slot-manufacturer",
    "library-manufacturer",
    "library-description",
    "library-version",
];

/// Attributes of the query.
const OF_QUERY: [&str; 4] = ["module-path", "module-name", "pin-value", "pin-source"];

impl Uri {
    /// Reads `reference`. No message repeats the query.
    pub(super) fn parse(reference: &str) -> Result<Self, Error> {
        let rest = reference.split_once(':').map_or(reference, |(_, rest)| rest);
        let (path, query) = rest.split_once('?').map_or((rest, None), |(path, query)| (path, Some(query)));
        let mut uri = Self { shown: shown(reference), ..Self::default() };
        let wrong =
            |uri: &Self, problem: String| Error::KeyReference { reference: uri.shown.clone(), problem };
        if reference.len() > MOST {
            "pkcs11:…".clone_into(&mut uri.shown);
            return Err(wrong(&uri, format!("it has more than {MOST} characters")));
        }
        for (pairs, separator, in_query) in [(Some(path), ';', false), (query, '&', true)] {
            for pair in pairs.unwrap_or_default().split(separator).filter(|pair| !pair.is_empty()) {
                let Some((name, value)) = pair.split_once('=') else {
                    return Err(wrong(&uri, "expected NAME=VALUE between the separators".to_owned()));
                };
                if uri.pin_value.is_some() && !OF_QUERY.contains(&name) {
                    // The message omits the name, because it may be the rest of a PIN with an ampersand in
                    // it.
                    let problem = "the attribute after pin-value is unknown; in a PIN, & is written %26";
                    return Err(wrong(&uri, problem.to_owned()));
                }
                let shown_name = text::terminal(name).chars().take(40).collect::<String>();
                let Some(bytes) = decoded(value) else {
                    return Err(wrong(
                        &uri,
                        format!("the value of `{shown_name}` is not percent-encoded text"),
                    ));
                };
                let known = if in_query { uri.query(name, bytes) } else { uri.path(name, bytes) };
                match known {
                    Parsed::Taken => {}
                    Parsed::Twice => return Err(wrong(&uri, format!("`{shown_name}` occurs twice"))),
                    Parsed::Bad(expected) => {
                        return Err(wrong(&uri, format!("`{shown_name}`: expected {expected}")));
                    }
                    Parsed::No => {
                        return Err(wrong(&uri, format!("the attribute `{shown_name}` is not known")));
                    }
                }
            }
        }
        if uri.pin_value.is_some() && uri.pin_source.is_some() {
            return Err(wrong(&uri, "it has both pin-value and pin-source".to_owned()));
        }
        if uri.module_path.is_some() && uri.module_name.is_some() {
            return Err(wrong(&uri, "it has both module-path and module-name".to_owned()));
        }
        Ok(uri)
    }

    fn path(&mut self, name: &str, bytes: Vec<u8>) -> Parsed {
        if let Some(known) = OF_TOKEN.iter().find(|known| **known == name) {
            if self.of_token.iter().any(|(other, _)| other == known) {
                return Parsed::Twice;
            }
            return match String::from_utf8(bytes) {
                Ok(text) => {
                    self.of_token.push((known, text));
                    Parsed::Taken
                }
                Err(_) => Parsed::Bad("UTF-8"),
            };
        }
        match name {
            "object" => once(&mut self.object, Some(bytes), "a label"),
            "id" => once(&mut self.id, Some(bytes), "an id"),
            "slot-id" => {
                let number = std::str::from_utf8(&bytes).ok().and_then(|text| text.parse().ok());
                once(&mut self.slot_id, number, "a number")
            }
            // The use decides which half of the key is used.
            "type" if bytes == b"private" || bytes == b"public" => Parsed::Taken,
            "type" => Parsed::Bad("private or public"),
            _ => Parsed::No,
        }
    }

    fn query(&mut self, name: &str, bytes: Vec<u8>) -> Parsed {
        let bytes = Zeroizing::new(bytes);
        let text = std::str::from_utf8(&bytes).ok().filter(|text| !text.is_empty() && !text.contains('\0'));
        let owned = || text.map(str::to_owned);
        match name {
            "module-path" => {
                // A relative path would be searched along the loader's path, or in a folder that somebody
                // else controls.
                let path = owned().filter(|path| path.starts_with('/'));
                once(&mut self.module_path, path, "an absolute path")
            }
            "module-name" => {
                let name = owned().filter(|name| is_segment(name));
                once(&mut self.module_name, name, "a name without path and extension")
            }
            "pin-value" => once(&mut self.pin_value, owned().map(Zeroizing::new), "a PIN in UTF-8"),
            "pin-source" => {
                let path = text
                    .map(|text| text.strip_prefix("file://").or(text.strip_prefix("file:")).unwrap_or(text));
                let path = path.filter(|path| path.starts_with('/')).map(str::to_owned);
                once(&mut self.pin_source, path, "the absolute path of a file")
            }
            _ => Parsed::No,
        }
    }
}

/// `reference` for messages: without the query, which can contain the PIN.
pub(crate) fn shown(reference: &str) -> String {
    let path = reference.split('?').next().unwrap_or_default();
    // A PIN in the path must not be logged either.
    let path = if path.contains("pin-value") { "pkcs11:…" } else { path };
    text::terminal(path).into_owned()
}

/// The result of reading one attribute.
enum Parsed {
    Taken,
    Twice,
    Bad(&'static str),
    No,
}

fn once<T>(place: &mut Option<T>, value: Option<T>, expected: &'static str) -> Parsed {
    match (place.is_some(), value) {
        (true, _) => Parsed::Twice,
        (false, None) => Parsed::Bad(expected),
        (false, value) => {
            *place = value;
            Parsed::Taken
        }
    }
}

/// Undoes percent-encoding. Bytes outside of the URI's alphabet are kept, as other readers do.
fn decoded(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let digit = |byte: Option<u8>| char::from(byte?).to_digit(16);
        let value = digit(rest.next())? * 16 + digit(rest.next())?;
        bytes.push(u8::try_from(value).ok()?);
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uri_says_token_key_module_and_pin() {
        let uri = Uri::parse(
            "pkcs11:token=My%20token;object=k;id=%01%ff;slot-id=7;type=private?module-path=/lib/m.so&pin-value=12%2634",
        )
        .unwrap();
        assert_eq!(uri.of_token, [("token", "My token".to_owned())]);
        assert_eq!(uri.object.as_deref(), Some(&b"k"[..]));
        assert_eq!(uri.id.as_deref(), Some(&[1, 255][..]));
        assert_eq!((uri.slot_id, uri.module_path.as_deref()), (Some(7), Some("/lib/m.so")));
        assert_eq!(uri.pin_value.unwrap().as_str(), "12&34");
        assert_eq!(uri.shown, "pkcs11:token=My%20token;object=k;id=%01%ff;slot-id=7;type=private");
        let uri = Uri::parse("pkcs11:?module-name=softhsm2&pin-source=file:///run/pin").unwrap();
        assert_eq!(
            (uri.module_name.as_deref(), uri.pin_source.as_deref()),
            (Some("softhsm2"), Some("/run/pin"))
        );
    }

    #[test]
    fn an_invalid_uri_is_refused_without_showing_the_pin() {
        for (bad, said) in [
            ("pkcs11:token", "NAME=VALUE"),
            ("pkcs11:token=%zz", "percent-encoded"),
            ("pkcs11:token=%ff", "UTF-8"),
            ("pkcs11:token=a;token=b", "twice"),
            ("pkcs11:object=a;object=b", "twice"),
            ("pkcs11:slot-id=x", "a number"),
            ("pkcs11:type=cert", "private or public"),
            ("pkcs11:x-vendor=1", "`x-vendor` is not known"),
            ("pkcs11:pin-value=s3cret", "`pin-value` is not known"),
            ("pkcs11:?object=s3cret", "`object` is not known"),
            ("pkcs11:?pin-value=s3cret%zz", "percent-encoded"),
            ("pkcs11:?pin-value=s3cret&pin-value=s3cret", "twice"),
            ("pkcs11:?pin-value=s3cret&pin-source=/s3cret", "both"),
            ("pkcs11:?pin-value=", "a PIN"),
            ("pkcs11:?pin-value=1&s3cret=2", "%26"),
            ("pkcs11:?pin-value=1&s3cret=%zz", "%26"),
            ("pkcs11:?pin-source=s3cret", "absolute path"),
            ("pkcs11:?pin-source=|s3cret", "absolute path"),
            ("pkcs11:?module-path=m.so&pin-value=s3cret", "absolute path"),
            ("pkcs11:?module-name=../m", "without path"),
            ("pkcs11:?module-path=/m.so&module-name=m", "both"),
        ] {
            let error = Uri::parse(bad).err().unwrap().to_string();
            assert!(error.contains(said) && !error.contains("s3cret"), "{bad}: {error}");
        }
        let long = format!("pkcs11:object={}", "a".repeat(5000));
        assert!(Uri::parse(&long).err().unwrap().to_string().len() < 200);
    }
}
