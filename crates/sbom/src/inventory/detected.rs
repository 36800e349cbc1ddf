//! A licence that was recognised by a text in the artifact. In documents this is a line, `MIT (100 %) in
//! usr/lib/x/LICENSE`.

use std::fmt;
use std::str::FromStr;

use plimsoll_core::text;
use serde::{Deserialize, Serialize};

use crate::licence::Licence;

/// A licence that was recognised by its text, for a package that declares none.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct DetectedLicence {
    /// Its identifier in the SPDX list. `GPL-2.0` is the text alone, which does not say whether later versions are
    /// allowed.
    pub id: String,
    /// The similarity of the text and the known one, in percent.
    pub confidence: u8,
    /// The file with the text, relative to the root. A file in an archive follows the archive's path and a `/`.
    pub path: String,
    /// Whether the file contains so much other text that it may include other licences or conditions.
    pub has_more: bool,
}

/// The text before the path.
const ALONE: &str = "in ";
const BESIDE_MORE: &str = "beside other text in ";

/// Writes the line. Control characters in the path are replaced, because people read the line in terminals.
impl fmt::Display for DetectedLicence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { id, confidence, path, has_more } = self;
        let place = if *has_more { BESIDE_MORE } else { ALONE };
        write!(f, "{id} ({confidence} %) {place}{}", text::terminal(path))
    }
}

/// Text that is not a detected licence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is not a detected licence")]
pub struct InvalidDetection;

impl FromStr for DetectedLicence {
    type Err = InvalidDetection;

    fn from_str(line: &str) -> Result<Self, InvalidDetection> {
        let read = || {
            let (id, rest) = line.split_once(" (")?;
            let (confidence, place) = rest.split_once(" %) ")?;
            let confidence = confidence.parse().ok().filter(|it| *it <= 100)?;
            let id = Licence::parse(id).expression().filter(|it| !it.contains(' '))?.to_owned();
            let (path, has_more) = match place.strip_prefix(BESIDE_MORE) {
                Some(path) => (path, true),
                None => (place.strip_prefix(ALONE)?, false),
            };
            Some(Self { id, confidence, path: path.to_owned(), has_more })
        };
        read().ok_or(InvalidDetection)
    }
}

/// The detected licences as one expression in which each applies. `None` if a text may contain others.
pub(crate) fn concluded(detected: &[DetectedLicence]) -> Option<String> {
    if detected.iter().any(|it| it.has_more) {
        return None;
    }
    let ids: std::collections::BTreeSet<&str> = detected.iter().map(|it| it.id.as_str()).collect();
    let ids: Vec<&str> = ids.into_iter().collect();
    (!ids.is_empty()).then(|| ids.join(" AND "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_read_back_and_other_text_is_not() {
        for (line, has_more) in [
            ("MIT (100 %) in usr/lib/a (1)/LICENSE", false),
            ("GPL-2.0 (93 %) beside other text in COPYING", true),
        ] {
            let read: DetectedLicence = line.parse().unwrap();
            assert_eq!((read.to_string().as_str(), read.has_more), (line, has_more));
        }
        for bad in [
            "",
            "MIT",
            "MIT (101 %) in a",
            "MIT (x %) in a",
            "MIT (99 %) at a",
            "Nothing (99 %) in a",
            "MIT OR ISC (99 %) in a",
        ] {
            assert_eq!(bad.parse::<DetectedLicence>(), Err(InvalidDetection), "{bad}");
        }
    }

    #[test]
    fn nothing_is_concluded_if_there_may_be_more() {
        let lines =
            |lines: &[&str]| lines.iter().map(|line| line.parse().unwrap()).collect::<Vec<DetectedLicence>>();
        let both = [
            "MIT (100 %) in a/LICENSE-MIT",
            "Apache-2.0 (99 %) in a/LICENSE-APACHE",
            "MIT (95 %) in a/COPYING",
        ];
        assert_eq!(concluded(&lines(&both)).as_deref(), Some("Apache-2.0 AND MIT"));
        assert_eq!(concluded(&lines(&["MIT (100 %) in a", "ISC (99 %) beside other text in b"])), None);
        assert_eq!(concluded(&[]), None);
    }
}
