//! Ratings that an advisory does not have itself, taken from others about the same vulnerability.
//!
//! Go's advisories carry none at all and Debian rates few, while the CVE that they name is often rated by another
//! publisher whose data is built in the same run.

use std::collections::HashMap;

use plimsoll_vuln::{Rating, Severity, SeveritySource};

use crate::draft::Draft;

/// The highest rating for each identifier, and the advisory that gives it.
#[derive(Debug, Default)]
pub(crate) struct Ratings(HashMap<String, (Severity, String)>);

impl Ratings {
    pub(crate) fn learn(&mut self, draft: &Draft) {
        if !draft.rating.is_rated() {
            return;
        }
        let rating = (draft.rating.severity, draft.id.clone());
        for identifier in draft.identifiers() {
            match self.0.get_mut(identifier) {
                Some(known) => {
                    if better(&rating, known) {
                        known.clone_from(&rating);
                    }
                }
                None => {
                    self.0.insert(identifier.to_owned(), rating.clone());
                }
            }
        }
    }

    /// The highest rating among the advisories that share an identifier with `draft`.
    pub(crate) fn by_alias(&self, draft: &Draft) -> Rating {
        let known = draft.identifiers().filter_map(|identifier| self.0.get(identifier));
        match known.reduce(|a, b| if better(b, a) { b } else { a }) {
            Some((severity, id)) => Rating { severity: *severity, source: SeveritySource::Alias(id.clone()) },
            None => Rating::default(),
        }
    }
}

/// The higher severity; among equals the smaller identifier, so that the result does not depend on the order of feeds.
fn better(a: &(Severity, String), b: &(Severity, String)) -> bool {
    a.0 > b.0 || (a.0 == b.0 && a.1 < b.1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use plimsoll_vuln::database::Detail;

    fn draft(id: &str, aliases: &[&str], severity: Severity) -> Draft {
        let aliases = aliases.iter().map(|a| (*a).to_owned()).collect();
        Draft {
            id: id.into(),
            origin: String::new(),
            detail: Detail { aliases, ..Detail::default() },
            rating: Rating { severity, source: SeveritySource::Vendor },
            words: Vec::new(),
        }
    }

    #[test]
    fn the_highest_rating_under_any_identifier_counts() {
        let mut ratings = Ratings::default();
        for known in [
            draft("PYSEC-1", &["CVE-1"], Severity::Medium),
            draft("BIT-1", &["CVE-1"], Severity::High),
            draft("GHSA-2", &["CVE-2"], Severity::Unrated),
        ] {
            ratings.learn(&known);
        }
        let rated = ratings.by_alias(&draft("GO-1", &["GHSA-9", "CVE-1"], Severity::Unrated));
        assert_eq!(rated, Rating { severity: Severity::High, source: SeveritySource::Alias("BIT-1".into()) });
        assert_eq!(ratings.by_alias(&draft("CVE-1", &[], Severity::Unrated)).severity, Severity::High);
        assert_eq!(ratings.by_alias(&draft("GO-2", &["CVE-2"], Severity::Unrated)), Rating::default());
    }
}
