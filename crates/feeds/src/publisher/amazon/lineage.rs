//! What the fixes of one package in several repositories mean.
//!
//! The extras repositories of Amazon Linux 2 have packages of the same name as others, in other versions, and nothing in a package
//! says which repository it is from:
//!
//! ```text
//! core                golang  1.18.9-1.amzn2      fixed, and so is every later build of 1.18
//! extras/golang1.19   golang  1.19.10-1.amzn2     1.19 up to here is affected
//! extras/docker       docker  20.10.7-1.amzn2     everything up to here is affected
//! ```
//!
//! So a fix in a repository whose name ends with the version of its packages is about that version only. What is before one fix,
//! and after another one for the same version (`1.18`), is undecided.

use std::cmp::Ordering;

use plimsoll_vuln::affected::{End, Interval, Start};
use plimsoll_vuln::version::rpm::compare;

/// A version with a fix, in one repository.
#[derive(Debug)]
pub(super) struct Fix {
    version: String,
    /// The first version that the repository may have; the first of all if its name does not say.
    from: Option<String>,
    /// Where the versions begin that are another one than that with the fix.
    until: Option<String>,
}

/// What is affected, and what is undecided.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Spans<'f> {
    pub(super) affected: Vec<Interval<'f>>,
    pub(super) undecided: Vec<Interval<'f>>,
}

impl Fix {
    /// A valid version with a fix in `repository`, the name of an extras repository or nothing.
    pub(super) fn new(repository: &str, version: String) -> Self {
        let (epoch, upstream) = match version.split_once(':') {
            Some((epoch, rest)) => (format!("{epoch}:"), rest),
            None => (String::new(), version.as_str()),
        };
        let from = series(repository, upstream).map(|series| format!("{epoch}{series}"));
        let until = next_series(upstream).map(|next| format!("{epoch}{next}"));
        Self { version, from, until }
    }

    /// Whether this version is affected, `None` being what is before all others; nothing if the repository does not say.
    fn affects(&self, version: Option<&str>) -> Option<bool> {
        let is_before =
            |bound: &str| version.is_none_or(|version| compare(version, bound) == Ok(Ordering::Less));
        if self.from.as_deref().is_some_and(is_before) {
            return None;
        }
        if is_before(&self.version) {
            return Some(true);
        }
        // Later versions may be of another repository.
        self.until.as_deref().is_none_or(is_before).then_some(false)
    }
}

/// The version that the name of a repository ends with, if its packages have it: `1.19` of `golang1.19`.
fn series<'r>(repository: &'r str, upstream: &str) -> Option<&'r str> {
    let start = repository.rfind(|c: char| !c.is_ascii_digit() && c != '.').map_or(0, |at| at + 1);
    let series = repository.get(start..)?.trim_matches('.');
    let rest = upstream.strip_prefix(series).filter(|_| !series.is_empty())?;
    (!rest.starts_with(|c: char| c.is_ascii_digit())).then_some(series)
}

/// What comes after all versions that begin as this one, with two numbers or one: `1.19` of `1.18.9-1`.
fn next_series(upstream: &str) -> Option<String> {
    let upstream = upstream.split('-').next()?;
    let mut parts = upstream.split('.');
    let number = |part: &str| {
        let digits: String = part.chars().take_while(char::is_ascii_digit).collect();
        digits.parse::<u64>().ok()?.checked_add(1)
    };
    let first = parts.next()?;
    match parts.next() {
        Some(second) => Some(format!("{first}.{}", number(second)?)),
        None => Some(number(first)?.to_string()),
    }
}

/// What these fixes mean together.
pub(super) fn spans(fixes: &[Fix]) -> Spans<'_> {
    if let [Fix { version, .. }] = fixes {
        // Of a single repository, all is told from it, whatever its name is.
        let from = fixes.first().and_then(|fix| fix.from.as_deref());
        let interval = Interval { from: from.map_or(Start::First, Start::At), end: End::Before(version) };
        return Spans { affected: vec![interval], undecided: Vec::new() };
    }
    let bounds = fixes.iter().flat_map(|fix| [Some(&fix.version), fix.from.as_ref(), fix.until.as_ref()]);
    let mut bounds: Vec<&str> = bounds.flatten().map(String::as_str).collect();
    // Only valid versions are fixes, and what is made from them is valid.
    let order = |a: &&str, b: &&str| compare(a, b).unwrap_or_else(|_| a.cmp(b));
    bounds.sort_by(order);
    bounds.dedup_by(|a, b| order(a, b).is_eq());
    let mut spans = Spans::default();
    let starts = std::iter::once(None).chain(bounds.iter().copied().map(Some));
    let ends = bounds.iter().copied().map(Some).chain(std::iter::once(None));
    for (from, end) in starts.zip(ends) {
        let said = |expected| fixes.iter().any(|fix| fix.affects(from) == Some(expected));
        let list = match (said(true), said(false)) {
            (true, true) => &mut spans.undecided,
            (true, false) => &mut spans.affected,
            (false, _) => continue,
        };
        let end = end.map_or(End::Open, End::Before);
        match list.last_mut() {
            // What ends where this begins goes on: only fixes end what is affected.
            Some(before) if from.is_some_and(|from| before.end == End::Before(from)) => before.end = end,
            _ => list.push(Interval { from: from.map_or(Start::First, Start::At), end }),
        }
    }
    spans
}

#[cfg(test)]
mod tests {
    use plimsoll_vuln::affected::{Affected, FixState, Status};
    use plimsoll_vuln::version::rpm::Version;

    use super::*;

    /// `!` affected, with the nearest fix; `-` not affected; `?` undecided.
    fn told(fixes: &[(&str, &str)], version: &str) -> String {
        let fixes: Vec<Fix> =
            fixes.iter().map(|(repository, version)| Fix::new(repository, (*version).to_owned())).collect();
        let Spans { affected, undecided } = spans(&fixes);
        let (intervals, versions, fix_state) = (affected, Vec::new(), FixState::Unknown);
        let affected = Affected { intervals, doubtful: undecided, versions, fix_state };
        match affected.status::<Version<'_>>(version) {
            Status::Affected(fixes) => format!("! {}", fixes.first().unwrap()),
            Status::NotAffected => "-".to_owned(),
            Status::Undecided => "?".to_owned(),
            Status::Incomparable(invalid) => panic!("{invalid}"),
        }
    }

    #[test]
    fn fixes_in_several_repositories_are_each_about_their_own_versions() {
        let kernel =
            [("", "4.14.200-1.amzn2"), ("kernel-5.4", "5.4.100-1.amzn2"), ("kernel-5.10", "5.10.50-1.amzn2")];
        for (version, expected) in [
            ("4.14.199-1.amzn2", "! 4.14.200-1.amzn2"),
            ("4.14.200-1.amzn2", "-"),
            ("4.14.210-1.amzn2", "-"),
            ("5.4.99-1.amzn2", "! 5.4.100-1.amzn2"),
            ("5.4.100-1.amzn2", "-"),
            ("5.10.49-1.amzn2", "! 5.10.50-1.amzn2"),
            ("5.10.50-1.amzn2", "-"),
            ("5.15.1-1.amzn2", "-"),
        ] {
            assert_eq!(told(&kernel, version), expected, "{version}");
        }
    }

    #[test]
    fn a_repository_without_a_version_in_its_name_is_about_all_before_its_fix() {
        assert_eq!(told(&[("docker", "20.10.7-1.amzn2")], "18.09.1-1.amzn2"), "! 20.10.7-1.amzn2");
        let both = [("", "102.15.0-1.amzn2"), ("firefox", "115.2.0-1.amzn2")];
        for (version, expected) in [
            ("102.14.0-1.amzn2", "! 102.15.0-1.amzn2"),
            ("102.15.0-1.amzn2", "?"),
            ("115.1.0-1.amzn2", "! 115.2.0-1.amzn2"),
            ("115.2.0-1.amzn2", "-"),
        ] {
            assert_eq!(told(&both, version), expected, "{version}");
        }
    }

    #[test]
    fn what_one_repository_fixed_and_another_one_has_still_to_fix_is_undecided() {
        let both = [("", "8.2.5-1.amzn2"), ("php8.1", "8.1.10-1.amzn2")];
        for (version, expected) in [
            ("8.1.9-1.amzn2", "! 8.1.10-1.amzn2"),
            ("8.1.20-1.amzn2", "?"),
            ("8.2.4-1.amzn2", "! 8.2.5-1.amzn2"),
            ("8.2.5-1.amzn2", "-"),
            ("7.4.1-1.amzn2", "! 8.1.10-1.amzn2"),
        ] {
            assert_eq!(told(&both, version), expected, "{version}");
        }
    }

    #[test]
    fn the_version_in_a_name_counts_only_if_the_packages_have_it() {
        for (repository, upstream, expected) in [
            ("golang1.19", "1.19.10-1", Some("1.19")),
            ("golang1.9", "1.19.10-1", None),
            ("golang1.1", "1.19.10-1", None),
            ("kernel-5.10", "5.10.50-1", Some("5.10")),
            ("postgresql14", "14.3-1", Some("14")),
            ("lamp-mariadb10.2-php7.2", "10.2.38-1", None),
            ("docker", "20.10.7-1", None),
            ("", "1.0-1", None),
        ] {
            assert_eq!(series(repository, upstream), expected, "{repository} {upstream}");
        }
        // Epochs are part of what is compared.
        assert_eq!(told(&[("tomcat9", "1:9.0.71-1.amzn2")], "1:9.0.70-1.amzn2"), "! 1:9.0.71-1.amzn2");
        assert_eq!(told(&[("tomcat9", "1:9.0.71-1.amzn2")], "1:8.5.1-1.amzn2"), "-");
    }
}
