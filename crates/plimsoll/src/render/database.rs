//! The advisory database for people: its feeds and their age, its advisories, and changes.

use std::collections::BTreeMap;
use std::io::{self, Write};

use plimsoll_core::{Timestamp, quantity};
use plimsoll_vuln::FeedStatus;
use plimsoll_vuln::database::Malformed;
use plimsoll_vuln::lookup::{Advice, Change, Changed, Difference, Range};

use crate::report::db::Report;

use super::table::{Page, Tone, columns, safe, short};

/// Writes one row a feed, then what there is to say of some, and who signed the database.
pub(crate) fn write(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    feeds(&report.feeds, report.checked_at, out)?;
    let Some(signature) = &report.signature else { return writeln!(out, "signed: no") };
    let signer = signature.claimed_signer.as_deref().unwrap_or("nobody that it names");
    match &signature.problem {
        None => writeln!(out, "signed: by {}, not verified here", safe(signer)),
        Some(problem) => writeln!(out, "signed: no, the signature does not count: {}", safe(problem)),
    }
}

fn feeds(feeds: &[FeedStatus], now: Timestamp, out: &mut dyn Write) -> io::Result<()> {
    let rows: Vec<_> = feeds
        .iter()
        .map(|feed| {
            [
                safe(&feed.ecosystem).into_owned(),
                publisher(feed),
                feed.as_of.to_string(),
                quantity::age(now, feed.as_of),
                feed.advisories.to_string(),
                feed.packages.to_string(),
                quantity::size(feed.bytes),
                short(&feed.file_digest),
            ]
        })
        .collect();
    let header = ["ECOSYSTEM", "PUBLISHER", "AS OF", "AGE", "ADVISORIES", "PACKAGES", "SIZE", "DIGEST"];
    columns(out, "", Some(header), &rows)?;
    for feed in feeds.iter().filter(|feed| !feed.malformed.is_none()) {
        let Malformed { count, examples } = &feed.malformed;
        let more = if *count > examples.len() as u64 { ", …" } else { "" };
        let count = quantity::count(*count, "malformed advisory");
        let (ecosystem, publisher) = (safe(&feed.ecosystem), safe(&feed.publisher));
        let names = examples.join(", ");
        writeln!(
            out,
            "{ecosystem} from {publisher}: {count}, whose packages are undecided: {}{more}",
            safe(&names)
        )?;
    }
    licences(feeds, out)
}

/// Under which licence which data is.
fn licences(feeds: &[FeedStatus], out: &mut dyn Write) -> io::Result<()> {
    let mut by_licence: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for feed in feeds {
        let named = format!("{} ({})", safe(&feed.publisher), safe(&feed.ecosystem));
        by_licence.entry(feed.licence.as_deref().unwrap_or("not stated")).or_default().push(named);
    }
    for (licence, of) in by_licence {
        writeln!(out, "licence {}: {}", safe(licence), of.join(", "))?;
    }
    Ok(())
}

/// The publisher, marked if its reader was not tested with real files.
fn publisher(feed: &FeedStatus) -> String {
    let unproven = if feed.unproven { " (unproven)" } else { "" };
    format!("{}{unproven}", safe(&feed.publisher))
}

/// Writes the statements of advisories, by package.
pub(crate) fn advice(advice: &[Advice], page: Page, out: &mut dyn Write) -> io::Result<()> {
    for (number, about) in advice.chunk_by(|a, b| package(a) == package(b)).enumerate() {
        if number > 0 {
            writeln!(out)?;
        }
        let Some(first) = about.first() else { continue };
        writeln!(out, "{}", page.paint.paint(Tone::Strong, &package(first)))?;
        let rows: Vec<_> = about
            .iter()
            .map(|one| {
                let other = one.aliases.join(", ");
                [
                    safe(&one.advisory).into_owned(),
                    one.severity.to_string(),
                    safe(&versions(one)).into_owned(),
                    safe(&other).into_owned(),
                    safe(&one.publisher).into_owned(),
                    safe(&one.summary).into_owned(),
                ]
            })
            .collect();
        let header = ["ADVISORY", "SEVERITY", "AFFECTED", "ALIASES", "FROM", "SUMMARY"];
        page.columns(out, "  ", Some(header), &rows)?;
    }
    Ok(())
}

/// The ecosystem, the release and the name.
fn package(advice: &Advice) -> String {
    let release = advice.release.iter().map(|release| format!(":{release}"));
    format!("{}{} {}", advice.ecosystem, release.collect::<String>(), safe(&advice.package))
}

/// The affected versions and the other conditions, on one line.
fn versions(advice: &Advice) -> String {
    let mut parts: Vec<String> = advice.affected.iter().map(range).collect();
    parts.extend(advice.versions.iter().cloned());
    parts.extend(advice.undecided.iter().map(|undecided| format!("perhaps {}", range(undecided))));
    let ranges = if parts.is_empty() { "none".to_owned() } else { parts.join(" or ") };
    let fix = match advice.fix {
        Some("wont-fix") => " (will not be fixed)",
        Some(_) => " (no fix yet)",
        None => "",
    };
    let conditions =
        [("module", advice.module.as_slice()), ("on", &advice.architectures), ("in", &advice.products)];
    let conditions = conditions.into_iter().filter(|(_, values)| !values.is_empty());
    let conditions = conditions.map(|(what, values)| format!(", {what} {}", values.join(", ")));
    format!("{ranges}{fix}{}", conditions.collect::<String>())
}

fn range(range: &Range) -> String {
    let from = match (&range.introduced, &range.after) {
        (Some(version), _) => Some(format!(">= {version}")),
        (None, Some(version)) => Some(format!("> {version}")),
        (None, None) => None,
    };
    let end = match (&range.fixed, &range.last_affected, &range.ends_around) {
        (Some(version), _, _) => Some(format!("< {version}")),
        (_, Some(version), _) => Some(format!("<= {version}")),
        (_, _, Some(numbers)) => Some(format!("up to {numbers} or so")),
        (None, None, None) => None,
    };
    let ends: Vec<_> = from.into_iter().chain(end).collect();
    if ends.is_empty() { "all versions".to_owned() } else { ends.join(", ") }
}

/// Writes how many advisories changed in each ecosystem; with everything, also which.
pub(crate) fn differences(all: &[Difference], page: Page, out: &mut dyn Write) -> io::Result<()> {
    let count = |difference: &Difference, wanted| {
        difference.changes.iter().filter(|changed| changed.change == wanted).count().to_string()
    };
    let rows: Vec<_> = all
        .iter()
        .map(|difference| {
            let [added, removed, changed] =
                [Change::Added, Change::Removed, Change::Changed].map(|wanted| count(difference, wanted));
            [difference.ecosystem.to_owned(), added, removed, changed]
        })
        .collect();
    columns(out, "", Some(["ECOSYSTEM", "ADDED", "REMOVED", "CHANGED"]), &rows)?;
    if !page.verbose {
        return Ok(());
    }
    for change in all.iter().flat_map(|difference| &difference.changes) {
        let (sign, told) = sign(change);
        if let Some(told) = told {
            writeln!(out, "{sign} {} {}: {}", package(told), safe(&told.advisory), safe(&versions(told)))?;
        }
    }
    Ok(())
}

/// The mark of a change, and the latest statement about it.
fn sign(changed: &Changed) -> (char, Option<&Advice>) {
    match changed.change {
        Change::Added => ('+', changed.new.first()),
        Change::Removed => ('-', changed.old.first()),
        Change::Changed => ('~', changed.new.first()),
    }
}

#[cfg(test)]
mod tests {
    use plimsoll_core::Digest;

    use super::*;

    #[test]
    fn each_publisher_of_an_ecosystem_has_a_row_and_an_unproven_one_says_so() {
        let now: Timestamp = "2026-11-20T12:00:00Z".parse().unwrap();
        let feed = |publisher: &str, unproven| FeedStatus {
            ecosystem: "Alpine".to_owned(),
            publisher: publisher.to_owned(),
            as_of: now,
            published: None,
            advisories: 2,
            packages: 1,
            releases: vec!["v3.20".to_owned()],
            file_digest: Digest::sha256(b"file"),
            source: Digest::sha256(b"source"),
            bytes: 1,
            licence: None,
            unproven,
            malformed: Malformed::default(),
        };
        let mut out = Vec::new();
        feeds(&[feed("Alpine security database", false), feed("OSV", true)], now, &mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        let rows: Vec<_> = text.lines().skip(1).collect();
        assert!(rows[2].starts_with("licence not stated: Alpine security database (Alpine), OSV (Alpine)"));
        assert!(rows[0].starts_with("Alpine") && !rows[0].contains("unproven"), "{text}");
        assert!(rows[1].starts_with("Alpine") && rows[1].contains("OSV (unproven)"), "{text}");
    }
}
