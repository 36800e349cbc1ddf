//! Feeds of the advisory database for people, and how old they are.

use std::io::{self, Write};

use plimsoll_core::{Timestamp, quantity};
use plimsoll_vuln::FeedStatus;

use super::table::{columns, safe, short};

/// Writes one row a feed.
pub(crate) fn write(feeds: &[FeedStatus], now: Timestamp, out: &mut dyn Write) -> io::Result<()> {
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
    columns(out, "", Some(header), &rows)
}

/// The publisher, and where reading its files is not proven, that it is not.
fn publisher(feed: &FeedStatus) -> String {
    let unproven = if feed.unproven { " (unproven)" } else { "" };
    format!("{}{unproven}", safe(&feed.publisher))
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
            advisories: 2,
            packages: 1,
            releases: vec!["v3.20".to_owned()],
            file_digest: Digest::sha256(b"file"),
            source: Digest::sha256(b"source"),
            bytes: 1,
            licence: None,
            unproven,
        };
        let mut out = Vec::new();
        write(&[feed("Alpine security database", false), feed("OSV", true)], now, &mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        let rows: Vec<_> = text.lines().skip(1).collect();
        assert!(rows[0].starts_with("Alpine") && !rows[0].contains("unproven"), "{text}");
        assert!(rows[1].starts_with("Alpine") && rows[1].contains("OSV (unproven)"), "{text}");
    }
}
