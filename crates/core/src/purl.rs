//! Package URLs: one line that names a package in any ecosystem, parsed and written in canonical form.
//!
//! Follows ECMA-427 (the package-url specification) and its type definitions. Two purls are equal when their canonical
//! texts are: types, qualifier keys and the names of case-insensitive ecosystems are lower-cased, Python names are
//! normalised by PEP 503, qualifiers are sorted, empty ones dropped, and percent-encoding has a single form.
//!
//! ```text
//! pkg:deb/debian/libc6@2.36-9?arch=amd64&distro=debian-12
//! ─┬─ ─┬─ ──┬─── ──┬── ──┬─── ───────────┬───────────────
//! scheme type namespace name version   qualifiers          (#subpath)
//! ```
//!
//! A purl from a foreign document is a name, never an address: no part of Plimsoll fetches `repository_url`,
//! `download_url` or `vcs_url`. Segments that would climb out of a path (`%2F..`), control characters, broken escapes
//! and duplicate qualifiers are refused; anything outside ASCII is percent-encoded, so a homoglyph is visible.
//!
//! The published vectors pass with two exceptions, which contradict other vectors for the same input: `gem` with
//! `?Platform=` and `rpm` with `?Arch=` are expected to fail when parsed and to be lower-cased when validated. Plimsoll
//! lower-cases. Go module paths keep their case although the type definition wants lower case: the paths are
//! case-sensitive, and advisories name them so. The `packageurl` crate (0.7.1) was tried first; it refuses valid
//! `cpan`.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::fmt::{self, Write as _};
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

use crate::text::shortened;

/// Bytes of a purl. The longest in real documents carry download addresses of some hundred bytes.
const MAX_BYTES: usize = 8 * 1024;

/// A package URL in canonical form. Ordered by type, namespace, name, version, qualifiers, subpath.
///
/// An inventory has thousands of them, whose memory is much of what reading it costs: the parts that nearly all have are one text.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Purl {
    /// The decoded type, namespace, name and version, one after the other.
    text: Box<str>,
    /// Where in the text each of them ends but the last. No part but the type and name is empty if it is there.
    type_end: u16,
    namespace_end: u16,
    name_end: u16,
    /// `None` if there is neither a qualifier nor a subpath.
    more: Option<Box<More>>,
}

/// What most purls do not have.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct More {
    qualifiers: BTreeMap<String, String>,
    subpath: Option<String>,
}

/// The decoded parts of a purl, each for itself.
#[derive(Debug, Clone)]
struct Parts {
    package_type: String,
    namespace: Option<String>,
    name: String,
    version: Option<String>,
    qualifiers: BTreeMap<String, String>,
    subpath: Option<String>,
}

/// A text or a set of parts that is not a package URL.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ParseError {
    /// It is longer than any real one.
    #[error("package URL of {got} bytes, expected at most {MAX_BYTES}")]
    Length {
        /// Its length in bytes.
        got: usize,
    },
    /// It does not start with `pkg:`.
    #[error("got `{got}`, expected a package URL such as pkg:pypi/requests@2.32.0")]
    Scheme {
        /// The text, shortened.
        got: String,
    },
    /// The type is missing or has characters other than letters, digits, `.` and `-`, or starts with a digit.
    #[error("package URL type `{got}` is not a letter followed by letters, digits, `.` or `-`")]
    Type {
        /// The text, shortened.
        got: String,
    },
    /// A required part is missing.
    #[error("package URL of type `{package_type}` has no {part}")]
    Missing {
        /// The type.
        package_type: String,
        /// The part: name, namespace, qualifier uuid.
        part: &'static str,
    },
    /// A part is there or has characters that its type forbids.
    #[error("package URL of type `{package_type}` has a {part} that is not allowed: `{got}`")]
    Forbidden {
        /// The type.
        package_type: String,
        /// The part.
        part: &'static str,
        /// Its value, shortened.
        got: String,
    },
    /// A percent escape is broken, or it encodes invalid UTF-8, a control character or a way out of the path.
    #[error("package URL has an unusable {part}: `{got}`")]
    Encoding {
        /// The part.
        part: &'static str,
        /// Its text, shortened.
        got: String,
    },
    /// A qualifier's key is not a letter followed by letters, digits, `.`, `-` or `_`.
    #[error("package URL has an unusable qualifier key: `{got}`")]
    QualifierKey {
        /// The key, shortened.
        got: String,
    },
    /// The same qualifier is given twice.
    #[error("package URL has the qualifier `{key}` twice")]
    DuplicateQualifier {
        /// The key.
        key: String,
    },
}

impl Purl {
    /// Starts a purl from its decoded parts.
    ///
    /// ```
    /// # use plimsoll_core::Purl;
    /// let purl = Purl::builder("deb", "attr").namespace("debian").version("1:2.4.47-2+b1").build()?;
    /// assert_eq!(purl.to_string(), "pkg:deb/debian/attr@1:2.4.47-2%2Bb1");
    /// # Ok::<(), plimsoll_core::purl::ParseError>(())
    /// ```
    pub fn builder(package_type: impl Into<String>, name: impl Into<String>) -> Builder {
        Builder(Parts {
            package_type: package_type.into(),
            namespace: None,
            name: name.into(),
            version: None,
            qualifiers: BTreeMap::new(),
            subpath: None,
        })
    }

    /// The type in lower case: `deb`, `pypi`, `golang`.
    pub fn package_type(&self) -> &str {
        self.part(0, self.type_end.into())
    }

    /// The decoded namespace, its segments joined by `/`: `debian`, `@angular`, `github.com/gorilla`.
    pub fn namespace(&self) -> Option<&str> {
        Some(self.part(self.type_end.into(), self.namespace_end.into())).filter(|part| !part.is_empty())
    }

    /// The decoded name.
    pub fn name(&self) -> &str {
        self.part(self.namespace_end.into(), self.name_end.into())
    }

    /// The decoded version.
    pub fn version(&self) -> Option<&str> {
        Some(self.part(self.name_end.into(), self.text.len())).filter(|part| !part.is_empty())
    }

    /// The decoded value of one qualifier, by its lower-case key.
    pub fn qualifier(&self, key: &str) -> Option<&str> {
        self.more.as_ref()?.qualifiers.get(key).map(String::as_str)
    }

    /// All qualifiers, decoded, in the order of their keys.
    pub fn qualifiers(&self) -> impl Iterator<Item = (&str, &str)> {
        self.more.iter().flat_map(|more| &more.qualifiers).map(|(k, v)| (k.as_str(), v.as_str()))
    }

    /// The decoded path inside the package.
    pub fn subpath(&self) -> Option<&str> {
        self.more.as_ref()?.subpath.as_deref()
    }

    /// Only places between parts are stored, so there always is one.
    fn part(&self, from: usize, to: usize) -> &str {
        self.text.get(from..to).unwrap_or_default()
    }

    /// What it is ordered by.
    fn place(&self) -> (&str, Option<&str>, &str, Option<&str>, Option<&More>) {
        (self.package_type(), self.namespace(), self.name(), self.version(), self.more.as_deref())
    }
}

impl Ord for Purl {
    fn cmp(&self, other: &Self) -> Ordering {
        self.place().cmp(&other.place())
    }
}

impl PartialOrd for Purl {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Debug for Purl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Purl({self})")
    }
}

/// Collects the decoded parts of a [`Purl`]; [`Builder::build`] checks and normalises them.
#[derive(Debug, Clone)]
pub struct Builder(Parts);

impl Builder {
    /// Sets the namespace; segments are separated by `/`. Empty means none.
    #[must_use]
    pub fn namespace(mut self, namespace: impl Into<String>) -> Self {
        self.0.namespace = Some(namespace.into());
        self
    }

    /// Sets the version. Empty means none.
    #[must_use]
    pub fn version(mut self, version: impl Into<String>) -> Self {
        self.0.version = Some(version.into());
        self
    }

    /// Adds or replaces a qualifier. An empty value drops it.
    #[must_use]
    pub fn qualifier(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.0.qualifiers.insert(key.into(), value.into());
        self
    }

    /// Sets the path inside the package. Empty means none.
    #[must_use]
    pub fn subpath(mut self, subpath: impl Into<String>) -> Self {
        self.0.subpath = Some(subpath.into());
        self
    }

    /// Checks the parts and brings them into canonical form.
    pub fn build(self) -> Result<Purl, ParseError> {
        normalised(self.0)
    }
}

impl FromStr for Purl {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        if text.len() > MAX_BYTES {
            return Err(ParseError::Length { got: text.len() });
        }
        let (rest, subpath) = match text.rsplit_once('#') {
            Some((rest, subpath)) => (rest, Some(decoded_path(subpath, "subpath")?)),
            None => (text, None),
        };
        let (rest, qualifiers) = match rest.rsplit_once('?') {
            Some((rest, qualifiers)) => (rest, decoded_qualifiers(qualifiers)?),
            None => (rest, BTreeMap::new()),
        };
        let rest = match rest.split_once(':') {
            // `pkg://type/…` is tolerated by the specification: the slashes mean nothing.
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("pkg") => rest.trim_start_matches('/'),
            _ => return Err(ParseError::Scheme { got: shortened(text) }),
        };
        let (package_type, rest) = rest.split_once('/').unwrap_or((rest, ""));
        let package_type = package_type.to_ascii_lowercase();
        let (path, version) = split_version(rest);
        let version = version.map(|v| decoded(v, "version")).transpose()?;
        let (namespace, name) = if package_type == "git" {
            // The host alone is the namespace; the repository's whole path is the name.
            let path = path.trim_start_matches('/');
            path.split_once('/').map_or((None, path), |(host, name)| (Some(host), name))
        } else {
            path.rsplit_once('/').map_or((None, path), |(namespace, name)| (Some(namespace), name))
        };
        normalised(Parts {
            namespace: namespace.map(|n| decoded_path(n, "namespace")).transpose()?,
            name: decoded(name, "name")?.into_owned(),
            version: version.map(Cow::into_owned),
            package_type,
            qualifiers,
            subpath,
        })
    }
}

impl fmt::Display for Purl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "pkg:{}/", self.package_type())?;
        if let Some(namespace) = self.namespace() {
            encode(f, namespace, "/")?;
            f.write_char('/')?;
        }
        encode(f, self.name(), if self.package_type() == "git" { "/" } else { "" })?;
        if let Some(version) = self.version() {
            f.write_char('@')?;
            encode(f, version, "")?;
        }
        for (index, (key, value)) in self.qualifiers().enumerate() {
            write!(f, "{}{key}=", if index == 0 { '?' } else { '&' })?;
            encode(f, value, "")?;
        }
        if let Some(subpath) = self.subpath() {
            f.write_char('#')?;
            encode(f, subpath, "/")?;
        }
        Ok(())
    }
}

impl Serialize for Purl {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Purl {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

/// The version follows the last `@`, unless that one opens an unescaped npm scope (`@babel/core`).
fn split_version(rest: &str) -> (&str, Option<&str>) {
    match rest.rsplit_once('@') {
        Some((before, after)) if after.contains('/') && (before.is_empty() || before.ends_with('/')) => {
            (rest, None)
        }
        Some((before, after)) => (before, Some(after)),
        None => (rest, None),
    }
}

fn decoded_qualifiers(text: &str) -> Result<BTreeMap<String, String>, ParseError> {
    let mut qualifiers = BTreeMap::new();
    for pair in text.split('&').filter(|pair| !pair.is_empty()) {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        let key = key.to_ascii_lowercase();
        let value = decoded(value, "qualifier value")?.into_owned();
        // Two values for one key would let two readers see two packages.
        if qualifiers.insert(key.clone(), value).is_some() {
            return Err(ParseError::DuplicateQualifier { key: shortened(&key) });
        }
    }
    Ok(qualifiers)
}

/// Decodes a path of segments; an encoded slash inside a segment could hide `..` from a reader and is refused.
fn decoded_path(text: &str, part: &'static str) -> Result<String, ParseError> {
    let mut path = String::with_capacity(text.len());
    for segment in text.split('/').filter(|segment| !segment.is_empty()) {
        let segment = decoded(segment, part)?;
        if segment.contains('/') {
            return Err(ParseError::Encoding { part, got: shortened(text) });
        }
        if !path.is_empty() {
            path.push('/');
        }
        path.push_str(&segment);
    }
    Ok(path)
}

fn decoded<'a>(text: &'a str, part: &'static str) -> Result<Cow<'a, str>, ParseError> {
    if !text.contains('%') {
        return Ok(Cow::Borrowed(text));
    }
    let broken = || ParseError::Encoding { part, got: shortened(text) };
    let digit =
        |byte: Option<u8>| byte.and_then(|b| char::from(b).to_digit(16)).and_then(|d| u8::try_from(d).ok());
    let mut bytes = Vec::with_capacity(text.len());
    let mut input = text.bytes();
    while let Some(byte) = input.next() {
        if byte == b'%' {
            let high = digit(input.next()).ok_or_else(broken)?;
            let low = digit(input.next()).ok_or_else(broken)?;
            bytes.push(high << 4 | low);
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).map(Cow::Owned).map_err(|_| broken())
}

/// Letters, digits, `.`, `-`, `_`, `~` and `:` are written as they are, and so are the characters in `also`.
fn encode(f: &mut fmt::Formatter<'_>, text: &str, also: &str) -> fmt::Result {
    for c in text.chars() {
        if c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | '~' | ':') || also.contains(c) {
            f.write_char(c)?;
        } else {
            let mut buffer = [0; 4];
            for byte in c.encode_utf8(&mut buffer).bytes() {
                write!(f, "%{byte:02X}")?;
            }
        }
    }
    Ok(())
}

/// Checks every part and brings it into canonical form, first by the general rules, then by those of the type.
fn normalised(mut purl: Parts) -> Result<Purl, ParseError> {
    purl.package_type.make_ascii_lowercase();
    let mut letters = purl.package_type.bytes();
    let first_is_letter = letters.next().is_some_and(|b| b.is_ascii_lowercase());
    if !first_is_letter
        || !letters.all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'.' | b'-'))
    {
        return Err(ParseError::Type { got: shortened(&purl.package_type) });
    }
    if let Some(namespace) = purl.namespace.as_mut().filter(|n| n.starts_with('/') || n.ends_with('/')) {
        *namespace = namespace.trim_matches('/').to_owned();
    }
    purl.namespace = purl.namespace.filter(|n| !n.is_empty());
    purl.version = purl.version.filter(|v| !v.is_empty());
    purl.subpath = purl.subpath.map(|path| without_dots(&path)).filter(|path| !path.is_empty());
    purl.qualifiers = checked_qualifiers(purl.qualifiers)?;
    if purl.name.is_empty() {
        return Err(ParseError::Missing { package_type: purl.package_type, part: "name" });
    }
    let climbs = |path: &str| path.split('/').any(|segment| matches!(segment, "" | "." | ".."));
    for (part, value) in [("namespace", purl.namespace.as_deref()), ("name", Some(purl.name.as_str()))] {
        if let Some(value) = value.filter(|v| climbs(v)) {
            return Err(ParseError::Encoding { part, got: shortened(value) });
        }
    }
    for (part, value) in [
        ("namespace", purl.namespace.as_deref()),
        ("name", Some(purl.name.as_str())),
        ("version", purl.version.as_deref()),
        ("subpath", purl.subpath.as_deref()),
    ] {
        if let Some(value) = value.filter(|v| has_control(v)) {
            return Err(ParseError::Encoding { part, got: shortened(&value.escape_debug().to_string()) });
        }
    }
    let purl = by_type(purl)?;
    joined(purl)
}

/// The parts, which were checked, in the form in which they are kept.
fn joined(parts: Parts) -> Result<Purl, ParseError> {
    let Parts { package_type, namespace, name, version, qualifiers, subpath } = parts;
    let (namespace, version) = (namespace.unwrap_or_default(), version.unwrap_or_default());
    let texts = [&package_type, &namespace, &name, &version];
    // Parts that were decoded are never longer than the text, but parts given to a builder can have any
    // length.
    let length = texts.iter().map(|text| text.len()).sum::<usize>()
        + subpath.as_deref().map_or(0, str::len)
        + qualifiers.iter().map(|(key, value)| key.len() + value.len()).sum::<usize>();
    let too_long = || ParseError::Length { got: length };
    if length > MAX_BYTES {
        return Err(too_long());
    }
    let end = |place: usize| u16::try_from(place).map_err(|_| too_long());
    let type_end = end(package_type.len())?;
    let namespace_end = end(package_type.len() + namespace.len())?;
    let name_end = end(package_type.len() + namespace.len() + name.len())?;
    let mut text = String::with_capacity(usize::from(name_end) + version.len());
    text.extend(texts.map(String::as_str));
    let more = !qualifiers.is_empty() || subpath.is_some();
    Ok(Purl {
        text: text.into_boxed_str(),
        type_end,
        namespace_end,
        name_end,
        more: more.then(|| Box::new(More { qualifiers, subpath })),
    })
}

fn has_control(text: &str) -> bool {
    // Nearly all texts are ASCII, whose bytes are checked many at a time.
    if text.is_ascii() {
        text.bytes().any(|byte| byte.is_ascii_control())
    } else {
        text.chars().any(char::is_control)
    }
}

fn without_dots(path: &str) -> String {
    let segments: Vec<&str> =
        path.split('/').filter(|segment| !matches!(*segment, "" | "." | "..")).collect();
    segments.join("/")
}

fn checked_qualifiers(given: BTreeMap<String, String>) -> Result<BTreeMap<String, String>, ParseError> {
    let canonical = |(key, value): (&String, &String)| {
        key.starts_with(|c: char| c.is_ascii_lowercase())
            && key
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'.' | b'-' | b'_'))
            && !value.is_empty()
            && !has_control(value)
    };
    if given.iter().all(canonical) {
        return Ok(given);
    }
    let mut qualifiers = BTreeMap::new();
    for (key, value) in given {
        let key = key.to_ascii_lowercase();
        let usable = key.starts_with(|c: char| c.is_ascii_lowercase())
            && key.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_'));
        if !usable {
            return Err(ParseError::QualifierKey { got: shortened(&key) });
        }
        if has_control(&value) {
            let got = shortened(&value.escape_debug().to_string());
            return Err(ParseError::Encoding { part: "qualifier value", got });
        }
        if qualifiers.contains_key(&key) {
            return Err(ParseError::DuplicateQualifier { key });
        }
        if !value.is_empty() {
            qualifiers.insert(key, value);
        }
    }
    Ok(qualifiers)
}

/// The rules of single types, as far as their definitions state them as requirements.
fn by_type(mut purl: Parts) -> Result<Parts, ParseError> {
    let lower = |text: &mut String| {
        if !text.is_ascii() {
            *text = text.to_lowercase();
        } else if text.bytes().any(|byte| byte.is_ascii_uppercase()) {
            text.make_ascii_lowercase();
        }
    };
    match purl.package_type.as_str() {
        "alpm" | "apk" | "bitbucket" | "bitnami" | "brew" | "composer" | "deb" | "git" | "github" | "hex"
        | "oci" | "otp" | "pub" => {
            lower(&mut purl.name);
            purl.namespace.as_mut().map(lower);
        }
        "qpkg" | "rpm" => {
            purl.namespace.as_mut().map(lower);
        }
        "pypi" if !is_pep503(&purl.name) => purl.name = pep503(&purl.name),
        "huggingface" => {
            purl.version.as_mut().map(lower);
        }
        // Azure Databricks ignores the case of model names, Azure ML does not.
        "mlflow"
            if purl
                .qualifiers
                .get("repository_url")
                .is_some_and(|url| url.contains("azuredatabricks.net")) =>
        {
            lower(&mut purl.name);
        }
        _ => {}
    }
    let missing = |part| ParseError::Missing { package_type: purl.package_type.clone(), part };
    let forbidden = |part, got: &str| ParseError::Forbidden {
        package_type: purl.package_type.clone(),
        part,
        got: shortened(got),
    };
    match purl.package_type.as_str() {
        "swift" | "vscode-extension" if purl.namespace.is_none() => return Err(missing("namespace")),
        // The first segment is the host; without one, or with two, the text would read back as another package.
        "git" => match purl.namespace.as_deref() {
            None if purl.name.contains('/') => return Err(missing("namespace")),
            Some(host) if host.contains('/') => return Err(forbidden("namespace", host)),
            _ => {}
        },
        "julia" if !purl.qualifiers.contains_key("uuid") => return Err(missing("qualifier uuid")),
        "otp" | "pypi" | "vcpkg" => {
            if let Some(namespace) = &purl.namespace {
                return Err(forbidden("namespace", namespace));
            }
        }
        // Distributions have dashes in their names; `::` belongs to modules.
        "cpan" if purl.name.contains("::") => return Err(forbidden("name", &purl.name)),
        "chrome-extension" => {
            if purl.name.len() != 32 || !purl.name.bytes().all(|b| matches!(b, b'a'..=b'p')) {
                return Err(forbidden("name", &purl.name));
            }
            if let Some(version) = purl.version.as_deref() {
                let number = |s: &str| !s.is_empty() && s.bytes().all(|b| b.is_ascii_digit());
                if version.split('.').count() > 4 || !version.split('.').all(number) {
                    return Err(forbidden("version", version));
                }
            }
        }
        _ => {}
    }
    Ok(purl)
}

/// Whether [`pep503`] certainly leaves the name as it is.
fn is_pep503(name: &str) -> bool {
    let normal = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    name.bytes().all(normal) && !name.contains("--")
}

/// PEP 503: lower case, and each run of `-`, `_` and `.` is one dash.
pub fn pep503(name: &str) -> String {
    let mut normal = String::with_capacity(name.len());
    for c in name.chars() {
        if !matches!(c, '-' | '_' | '.') {
            normal.extend(c.to_lowercase());
        } else if !normal.ends_with('-') {
            normal.push('-');
        }
    }
    normal
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn refuses_what_would_mislead_a_reader() {
        for bad in [
            "",
            "requests@1.0",
            "pkg:",
            "pkg:pypi",
            "pkg:pypi/",
            "pkg:pypi/requests%2F..%2F..%2Fetc@1",
            "pkg:golang/github.com%2F../x@1",
            "pkg:golang/../x@1",
            "pkg:pypi/evil/requests@1",
            "pkg:pypi/re%00quests@1",
            "pkg:pypi/requests@1%0a2",
            "pkg:pypi/requests@1?arch=%1b[2J",
            "pkg:pypi/requests@%zz",
            "pkg:pypi/requests@%e2%82",
            "pkg:deb/debian/a@1?arch=x&arch=y",
            "pkg:deb/debian/a@1?arch=x&ARCH=y",
            &format!("pkg:pypi/{}", "a".repeat(9000)),
        ] {
            assert!(bad.parse::<Purl>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_homoglyph_shows_and_a_qualifier_cannot_break_out() {
        let purl =
            Purl::builder("pypi", "r\u{435}quests").version("1?repository_url=x&y#z@/").build().unwrap();
        assert_eq!(purl.to_string(), "pkg:pypi/r%D0%B5quests@1%3Frepository_url%3Dx%26y%23z%40%2F");
        assert_eq!(purl.to_string().parse(), Ok(purl));
    }

    #[test]
    fn they_are_ordered_part_by_part() {
        let purls = [
            "pkg:a/z@9",
            "pkg:a/n/a",
            "pkg:ab/a",
            "pkg:deb/a",
            "pkg:deb/a@1",
            "pkg:deb/a@1#x",
            "pkg:deb/a@1?arch=x",
            "pkg:deb/a@1?arch=x#y",
            "pkg:deb/ab@0",
            "pkg:deb/b/a@2",
            "pkg:deb/bc/a@1",
        ];
        let read: Vec<Purl> = purls.iter().map(|text| text.parse().unwrap()).collect();
        assert!(read.is_sorted(), "{read:?}");
        for (a, text) in read.iter().zip(purls) {
            assert_eq!(read.iter().filter(|b| a == *b).count(), 1);
            assert_eq!(a.to_string(), text);
        }
        // One text, cut at other places.
        assert_ne!("pkg:deb/ab@c".parse::<Purl>(), "pkg:deb/a@bc".parse::<Purl>());
    }

    #[test]
    fn parts_of_any_length_are_refused() {
        let long = "a".repeat(70_000);
        assert!(Purl::builder(long.clone(), "a").build().is_err());
        assert!(Purl::builder("generic", long.clone()).build().is_err());
        assert!(Purl::builder("generic", "a").version(long).build().is_err());
    }

    #[test]
    fn python_names_are_normalised_and_go_paths_keep_their_case() {
        assert_eq!(pep503("Zope.Interface__x-.y"), "zope-interface-x-y");
        let purl: Purl = "pkg:golang/github.com/BurntSushi/toml@v1.3.2".parse().unwrap();
        assert_eq!((purl.namespace(), purl.name()), (Some("github.com/BurntSushi"), "toml"));
    }

    #[test]
    fn a_git_repository_reads_back_with_its_host() {
        let purl: Purl = "pkg:git//codeberg.org/a/b".parse().unwrap();
        assert_eq!((purl.namespace(), purl.name()), (Some("codeberg.org"), "a/b"));
        assert_eq!(purl.to_string().parse(), Ok(purl));
        assert!(Purl::builder("git", "a/b").build().is_err());
        assert!(Purl::builder("git", "b").namespace("host/a").build().is_err());
    }

    proptest! {
        #[test]
        fn never_panics_and_what_parses_is_stable(text in "(pkg:(deb|npm|git|pypi|oci)/)?[ -~é\u{202e}]{0,60}") {
            if let Ok(purl) = text.parse::<Purl>() {
                prop_assert_eq!(purl.to_string().parse::<Purl>(), Ok(purl));
            }
        }

        #[test]
        fn a_built_purl_reads_back(namespace in "\\PC{0,12}", name in "\\PC{1,12}", version in "\\PC{0,12}",
                                  value in "\\PC{0,12}", subpath in "\\PC{0,12}") {
            let built = Purl::builder("generic", name)
                .namespace(namespace).version(version).qualifier("k", value).subpath(subpath).build();
            if let Ok(purl) = built {
                prop_assert_eq!(purl.to_string().parse::<Purl>(), Ok(purl));
            }
        }
    }
}
