//! What several fixes of one package in one release mean.
//!
//! A minor release that is maintained longer gets its own builds, which are older than those of later minor releases:
//!
//! ```text
//! 7.76.1-23.el9_2.4   fixed, and so is every later build for 9.2: 7.76.1-23.el9_2.5
//! 7.76.1-26.el9       what 9.3 started with: affected
//! 7.76.1-26.el9_3.2   fixed
//! ```
//!
//! So versions are affected before the first fix, and between the last build of a minor release with a fix and the next fix.
//! Where the number of the build comes first (`284.48.1.el9_2`), the last build has that number; otherwise the minor release
//! (`23.el9_2.4`). A fix that does not tell its minor release bounds nothing, and of two for one minor release the second counts.

use std::cmp::Ordering;

use plimsoll_vuln::affected::{End, Interval, Start};
use plimsoll_vuln::version::rpm::compare;

/// Affected versions.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Span {
    from: Option<String>,
    fix: Option<String>,
}

impl Span {
    pub(super) fn interval(&self) -> Interval<'_> {
        Interval {
            from: self.from.as_deref().map_or(Start::First, Start::At),
            end: self.fix.as_deref().map_or(End::Open, End::Before),
        }
    }
}

/// What is affected if these versions are fixed. If it `is_open`, what comes after them is as well.
pub(super) fn spans(mut fixes: Vec<String>, is_open: bool) -> Vec<Span> {
    // Only valid versions are fixes.
    let order = |a: &String, b: &String| compare(a, b).unwrap_or_else(|_| a.cmp(b));
    fixes.sort_by(order);
    fixes.dedup_by(|a, b| order(a, b).is_eq());
    let (mut spans, mut from) = (Vec::new(), None);
    let mut left = fixes.into_iter().peekable();
    while let Some(fix) = left.next() {
        let end = last_build(&fix).filter(|end| {
            let next = left.peek();
            next.is_none_or(|next| compare(end, next) == Ok(Ordering::Less))
        });
        let is_last = left.peek().is_none();
        match end {
            _ if is_last && !is_open => {
                spans.push(Span { from: from.take(), fix: Some(fix) });
                return spans;
            }
            Some(end) => spans.push(Span { from: from.replace(end), fix: Some(fix) }),
            // It does not say which later versions have it.
            None => {}
        }
    }
    if is_open {
        spans.push(Span { from, fix: None });
    }
    spans
}

/// What comes after every build of the minor release that this one is for.
fn last_build(version: &str) -> Option<String> {
    let (head, release) = version.rsplit_once('-')?;
    let (number, rest) = release.split_once('.')?;
    let mark = rest.find("el")?;
    let tag = rest.get(mark..)?.strip_prefix("el")?;
    let major = digits(tag)?;
    let after = tag.get(major.len()..)?;
    let is_module = rest.starts_with("module+el");
    let minor = digits(after.strip_prefix(if is_module { '.' } else { '_' })?)?;
    if mark == 0 || is_module {
        let until = mark + "el".len() + major.len() + 1;
        let next = minor.parse::<u32>().ok()?.checked_add(1)?;
        return Some(format!("{head}-{number}.{}{next}", rest.get(..until)?));
    }
    let next = number.parse::<u32>().ok()?.checked_add(1)?;
    Some(format!("{head}-{next}"))
}

fn digits(text: &str) -> Option<&str> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    text.get(..end).filter(|digits| !digits.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(fixes: &[&str], is_open: bool) -> Vec<String> {
        let spans = spans(fixes.iter().map(|fix| (*fix).to_owned()).collect(), is_open);
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        spans.iter().map(|span| format!("{}..{}", text(&span.from), text(&span.fix))).collect()
    }

    #[test]
    fn a_fix_for_a_minor_release_counts_for_its_builds_only() {
        let curl = ["7.76.1-26.el9_3.2", "7.76.1-23.el9_2.4", "7.76.1-14.el9_0.9"];
        assert_eq!(
            shown(&curl, false),
            [
                "..7.76.1-14.el9_0.9",
                "7.76.1-14.el9_1..7.76.1-23.el9_2.4",
                "7.76.1-23.el9_3..7.76.1-26.el9_3.2"
            ]
        );
        assert_eq!(
            shown(&["5.14.0-284.48.1.el9_2", "5.14.0-362.8.1.el9_3"], false),
            ["..5.14.0-284.48.1.el9_2", "5.14.0-285..5.14.0-362.8.1.el9_3"]
        );
        assert_eq!(
            shown(&["1.0-3.module+el8.6.0+1+a", "1.0-9.module+el8.9.0+2+b"], false),
            ["..1.0-3.module+el8.6.0+1+a", "1.0-3.module+el8.7..1.0-9.module+el8.9.0+2+b"]
        );
    }

    #[test]
    fn what_does_not_tell_its_minor_release_leaves_everything_before_the_last_affected() {
        assert_eq!(shown(&["1-2.el9", "1-4.el9"], false), ["..1-4.el9"]);
        assert_eq!(shown(&["1-2.el9_2.1", "1-2.el9_2.5"], false), ["..1-2.el9_2.5"], "one minor release");
        assert_eq!(shown(&["1-2.el9"], false), ["..1-2.el9"]);
        assert_eq!(shown(&["1-2.el9"], true), [".."]);
        assert_eq!(shown(&["1-2.el9_2.1"], true), ["..1-2.el9_2.1", "1-2.el9_3.."]);
        assert_eq!(shown(&[], true), [".."]);
        assert_eq!(shown(&[], false), Vec::<String>::new());
    }
}
