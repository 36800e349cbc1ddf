//! Ratings for advisories without one, taken from other advisories about the same vulnerability.
//!
//! Go's advisories have no ratings and Debian rates few vulnerabilities, but another publisher in the same
//! build often rates the CVE that they name.

use std::collections::HashMap;

use plimsoll_vuln::{Rating, Severity, SeveritySource};

use crate::draft::Draft;

/// The highest rating for each identifier.
#[derive(Debug, Default)]
pub(crate) struct Ratings(HashMap<String, TopRating>);

/// A rating, with its advisory and publisher.
#[derive(Debug, Clone)]
struct TopRating {
    severity: Severity,
    id: String,
    publisher: &'static str,
}

impl Ratings {
    pub(crate) fn learn(&mut self, draft: &Draft, publisher: &'static str) {
        if !draft.rating.is_rated() {
            return;
        }
        let rating = TopRating { severity: draft.rating.severity, id: draft.id.clone(), publisher };
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

    /// The highest rating among the advisories that share an identifier with `draft`, and its publisher.
    pub(crate) fn by_alias(&self, draft: &Draft) -> (Rating, Option<&'static str>) {
        let known = draft.identifiers().filter_map(|identifier| self.0.get(identifier));
        match known.reduce(|a, b| if better(b, a) { b } else { a }) {
            Some(TopRating { severity, id, publisher }) => {
                let source = SeveritySource::Alias(id.clone());
                (Rating { severity: *severity, source }, Some(*publisher))
            }
            None => (Rating::default(), None),
        }
    }
}

/// The higher severity; of equal ones, the smaller identifier, so that the result does not depend on the
/// order of feeds.
fn better(a: &TopRating, b: &TopRating) -> bool {
    a.severity > b.severity || (a.severity == b.severity && a.id < b.id)
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
            statements: Vec::new(),
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
            ratings.learn(&known, "osv");
        }
        let rated = ratings.by_alias(&draft("GO-1", &["GHSA-9", "CVE-1"], Severity::Unrated));
        let source = SeveritySource::Alias("BIT-1".into());
        assert_eq!(rated, (Rating { severity: Severity::High, source }, Some("osv")));
        assert_eq!(ratings.by_alias(&draft("CVE-1", &[], Severity::Unrated)).0.severity, Severity::High);
        let unrated = ratings.by_alias(&draft("GO-2", &["CVE-2"], Severity::Unrated));
        assert_eq!(unrated, (Rating::default(), None));
    }
}
