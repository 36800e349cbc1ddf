//! The licences that a package's `usr/share/doc/NAME/copyright` states.
//!
//! Follows the machine-readable format of Debian (DEP-5, copyright-format 1.0): the first line of each `License`. Its
//! short names are written as SPDX identifiers if SPDX lists the licence. Files of the older, free form only say which
//! of the texts in `usr/share/common-licenses` they refer to. Whether a later version is allowed is only said in prose,
//! so these names stay as they are. If they name none, licences are recognised by their text.
//!
//! ```text
//! Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/
//!
//! Files: *
//! Copyright: 2020 Ann
//! License: GPL-2+ or Expat
//! ```

use std::collections::BTreeSet;

use memchr::memmem;
use plimsoll_core::rootfs::Footprint;
use serde::{Deserialize, Serialize};

use crate::licence::Licence;
use crate::licence_text::{self, LicenceText};

/// The paths of the files, before and after the name of the package.
pub(super) const AROUND: (&str, &str) = ("usr/share/doc/", "/copyright");
/// Different licences in one file. The kernel's has some 60.
const MAX_LICENCES: usize = 200;
/// Bytes of one line that are a licence's name.
const MAX_NAME: usize = 200;
const COMMON: &[u8] = b"/usr/share/common-licenses/";

/// The licences in one file.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Copyright {
    /// The stated licences, sorted, each once.
    pub(super) stated: Vec<Licence>,
    /// The licences whose texts it contains, if it states none.
    pub(super) text: Option<LicenceText>,
}

impl Copyright {
    pub(super) fn is_empty(&self) -> bool {
        self.stated.is_empty() && self.text.is_none()
    }
}

impl Footprint for Copyright {
    fn footprint(&self) -> usize {
        let stated = self.stated.iter().map(|licence| licence.as_str().len());
        let text = self.text.as_ref().map_or(0, Footprint::footprint);
        size_of_val(self.stated.as_slice()) + stated.sum::<usize>() + text
    }
}

/// Reads a file.
pub(super) fn read(content: &[u8]) -> Copyright {
    let mut found = BTreeSet::new();
    let mut add = |name: &str, licence: fn(&str) -> Licence| {
        if found.len() < MAX_LICENCES && !name.is_empty() && name.len() <= MAX_NAME {
            found.insert(licence(name));
        }
    };
    let is_machine_readable = is_machine_readable(content);
    if is_machine_readable {
        for line in content.split(|byte| *byte == b'\n') {
            let Some((field, value)) = split_once(line, b':') else { continue };
            if let (true, Ok(value)) = (field.eq_ignore_ascii_case(b"License"), str::from_utf8(value)) {
                add(value.trim(), stated);
            }
        }
    } else {
        for at in memmem::find_iter(content, COMMON) {
            let rest = content.get(at + COMMON.len()..).unwrap_or_default();
            let is_name = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.');
            let end = rest.iter().take(MAX_NAME + 1).position(|byte| !is_name(byte)).unwrap_or(rest.len());
            let name = str::from_utf8(rest.get(..end).unwrap_or_default()).unwrap_or_default();
            add(name.trim_end_matches(['.', '-']), named);
        }
    }
    let is_silent = found.is_empty() && !is_machine_readable;
    let text = if is_silent { licence_text::recognise(content) } else { None };
    Copyright { stated: found.into_iter().collect(), text }
}

/// Whether it starts with the field that marks the format.
fn is_machine_readable(content: &[u8]) -> bool {
    let content = content.strip_prefix(b"\xef\xbb\xbf").unwrap_or(content);
    let first = content.split(|byte| *byte == b'\n').find(|line| !line.trim_ascii().is_empty());
    let field = first.and_then(|line| split_once(line, b':')).map_or(b"".as_slice(), |(field, _)| field);
    field.eq_ignore_ascii_case(b"Format") || field.eq_ignore_ascii_case(b"Format-Specification")
}

fn split_once(line: &[u8], byte: u8) -> Option<(&[u8], &[u8])> {
    let at = memchr::memchr(byte, line)?;
    Some((line.get(..at)?, line.get(at + 1..)?))
}

/// What a `License` says: short names with `and` and `or` between them.
fn stated(text: &str) -> Licence {
    let words: Option<Vec<String>> = text.split_ascii_whitespace().map(word).collect();
    let parsed = words.map(|words| Licence::parse(&words.join(" ")));
    parsed.filter(|it| matches!(it, Licence::Expression(_))).unwrap_or_else(|| Licence::parse(text))
}

/// A word in SPDX's spelling. `None` for `with` and for commas, which an expression cannot represent.
fn word(word: &str) -> Option<String> {
    match word {
        "and" => Some("AND".to_owned()),
        "or" => Some("OR".to_owned()),
        _ if word.contains(',') || word.eq_ignore_ascii_case("with") => None,
        _ => Some(gnu(word).or_else(|| listed(word)).unwrap_or_else(|| word.to_owned())),
    }
}

/// The name of one of the common licence texts. GNU's do not say whether later versions are allowed.
fn named(name: &str) -> Licence {
    listed(name).map_or_else(|| Licence::parse(name), |listed| Licence::parse(&listed))
}

/// `GPL-2+` is SPDX's `GPL-2.0-or-later`, `LGPL-2.1` its `LGPL-2.1-only`.
fn gnu(word: &str) -> Option<String> {
    let (family, version) = word.rsplit_once('-')?;
    let (family, extra) = match family {
        "GPL" | "LGPL" | "AGPL" | "GFDL" => (family, ""),
        "GFDL-NIV" => ("GFDL", "-no-invariants"),
        _ => return None,
    };
    let (version, later) = match version.strip_suffix('+') {
        Some(version) => (version, "or-later"),
        None => (version, "only"),
    };
    let version = version.strip_suffix(".0").unwrap_or(version);
    let is_number = version.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') && !version.is_empty();
    let minor = if version.contains('.') { "" } else { ".0" };
    is_number.then(|| format!("{family}-{version}{minor}{extra}-{later}"))
}

/// Debian's other names for listed licences. SPDX's names need no entry.
fn listed(word: &str) -> Option<String> {
    let known = match &*word.to_ascii_lowercase() {
        "expat" | "mit" => "MIT",
        "apache-2" | "apache-2.0" => "Apache-2.0",
        "bsd-2-clause" => "BSD-2-Clause",
        "bsd-3-clause" => "BSD-3-Clause",
        "bsd-4-clause" => "BSD-4-Clause",
        "bsl-1" | "bsl-1.0" => "BSL-1.0",
        "cc0" | "cc0-1.0" => "CC0-1.0",
        "isc" => "ISC",
        "mpl-1.1" => "MPL-1.1",
        "mpl-2.0" => "MPL-2.0",
        "openssl" => "OpenSSL",
        "zlib" => "Zlib",
        _ => return None,
    };
    Some(known.to_owned())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn shown(content: &str) -> Vec<String> {
        let kind = |licence: &Licence| match licence {
            Licence::Expression(text) => text.clone(),
            Licence::Text(text) => format!("`{text}`"),
        };
        read(content.as_bytes()).stated.iter().map(kind).collect()
    }

    #[test]
    fn short_names_become_those_of_spdx() {
        for (name, expected) in [
            ("GPL-2+", "GPL-2.0-or-later"),
            ("GPL-3", "GPL-3.0-only"),
            ("LGPL-2.1+", "LGPL-2.1-or-later"),
            ("GPL-2.0", "GPL-2.0-only"),
            ("GFDL-NIV-1.3+", "GFDL-1.3-no-invariants-or-later"),
            ("Expat", "MIT"),
            ("GPL-1+ or Artistic-2.0", "GPL-1.0-or-later OR Artistic-2.0"),
            ("BSD-3-clause and Expat", "BSD-3-Clause AND MIT"),
            ("Apache-2.0", "Apache-2.0"),
            // What an expression cannot represent stays as it was found.
            ("GPL-2+ with OpenSSL exception", "`GPL-2+ with OpenSSL exception`"),
            ("GPL-1+ or Artistic, and Expat", "`GPL-1+ or Artistic, and Expat`"),
            ("public-domain", "`public-domain`"),
            ("GPL-", "`GPL-`"),
            ("GPL-x", "`GPL-x`"),
        ] {
            assert_eq!(shown(&format!("Format: 1\n\nLicense: {name}\n text\n")), [expected], "{name}");
        }
    }

    #[test]
    fn every_paragraph_counts_once_and_texts_do_not() {
        let file = "\nFormat: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\n\n\
                    Files: *\nLicense: GPL-2+\n\nFiles: debian/*\nlicense: Expat\n License: ISC\n\n\
                    License: GPL-2+\n On Debian, see /usr/share/common-licenses/GPL-2\n\nLicense:\n";
        assert_eq!(shown(file), ["GPL-2.0-or-later", "MIT"]);
    }

    #[test]
    fn the_older_form_names_common_texts() {
        let file = "This package is free software.\nLicense: whatever\nSee `/usr/share/common-licenses/GPL-2'.\n\
                    /usr/share/common-licenses/LGPL. /usr/share/common-licenses/Apache-2.0 \
                    /usr/share/common-licenses/ /usr/share/common-licenses/GPL-2\n";
        assert_eq!(shown(file), ["Apache-2.0", "`GPL-2`", "`LGPL`"]);
        assert!(shown("").is_empty());
        assert!(shown("Nothing of the kind.").is_empty());
    }

    #[test]
    fn texts_count_if_nothing_is_stated() {
        let (_, zlib) = spdx::text::LICENSE_TEXTS.iter().find(|(id, _)| *id == "Zlib").unwrap();
        let debianised =
            format!("This package was debianized by Ann.\n\nIt was downloaded from x.\n\n{zlib}\n");
        let found = read(debianised.as_bytes());
        let text = found.text.as_ref().unwrap();
        assert_eq!(
            (text.licences[0].id.as_str(), text.licences[0].confidence, text.has_more),
            ("Zlib", 100, false)
        );
        assert!(!found.is_empty() && found.stated.is_empty());
        for stated in ["Format: x\n\nLicense: other\n", "Format: x\n\n", "/usr/share/common-licenses/GPL-2\n"]
        {
            assert_eq!(read(format!("{stated}{zlib}").as_bytes()).text, None);
        }
    }

    #[test]
    fn hostile_files_are_bounded() {
        let many: Vec<String> = (0..10_000).map(|n| format!("License: l{n}")).collect();
        assert_eq!(read(format!("Format: 1\n{}", many.join("\n")).as_bytes()).stated.len(), MAX_LICENCES);
        assert!(shown(&format!("Format: 1\nLicense: {}\n", "x".repeat(1 << 20))).is_empty());
        assert!(shown(&format!("/usr/share/common-licenses/{}", "x".repeat(1 << 20))).is_empty());
    }

    proptest! {
        #[test]
        fn never_panics(content in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = read(&content);
            let _ = read(&[b"Format:\n".as_slice(), &content].concat());
        }
    }
}
