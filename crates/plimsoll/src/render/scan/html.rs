//! One HTML file for people who do not work with terminals: what to do first, then why, then what nobody could look into.
//!
//! It loads nothing and runs nothing: no script, no font, no image, and a content security policy that forbids them, so that
//! nothing that a stranger wrote can either. Whatever unfolds does so with `details`. Styles are allowed by their digest. Every
//! foreign text is escaped ([`super::escape::html`]), and an address is a link only if it is one of the web.

use std::io::{self, Write};

use plimsoll_core::quantity::{self, count};
use plimsoll_core::{Digest, Timestamp};
use plimsoll_vuln::{Class, Finding, Severity};

use super::escape::{html, web_address};
use super::plan::{Action, Step, effect, steps};
use super::{Compared, ScanFormat, Style, words};
use crate::report::scan::{Report, Scanned};

/// Every rule that the page needs. Severities are told by words first: colours only repeat them.
const STYLE: &str = include_str!("html.css");

/// Links of one finding.
const MOST_LINKS: usize = 5;

pub(super) struct Html;

impl ScanFormat for Html {
    fn name(&self) -> &'static str {
        "html"
    }

    fn about(&self) -> &'static str {
        "A page for reading, in one file"
    }

    fn compared(&self) -> Compared {
        Compared::OnlyChanges
    }

    fn write(&self, report: &Report, _: &Style<'_>, out: &mut dyn Write) -> io::Result<()> {
        let names: Vec<String> = report.results.iter().map(Scanned::name).collect();
        let title = format!("Vulnerabilities of {}", names.join(", "));
        let policy = format!(
            "default-src 'none'; style-src 'sha256-{}'; base-uri 'none'; form-action 'none'",
            base64(&Digest::sha256(STYLE.as_bytes()).hex())
        );
        writeln!(out, "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">")?;
        writeln!(out, "<meta http-equiv=\"Content-Security-Policy\" content=\"{policy}\">")?;
        writeln!(out, "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">")?;
        writeln!(out, "<meta name=\"referrer\" content=\"no-referrer\">")?;
        writeln!(out, "<meta name=\"robots\" content=\"noindex\">")?;
        writeln!(out, "<title>{}</title>\n<style>{STYLE}</style>\n</head>\n<body>", html(&title))?;
        for result in &report.results {
            write_result(result, report.scanned_at, out)?;
        }
        if !report.errors.is_empty() {
            writeln!(out, "<section class=\"gaps\"><h2>Not scanned</h2><ul>")?;
            for unscanned in &report.errors {
                writeln!(out, "<li>{}</li>", html(&words::failure(unscanned)))?;
            }
            writeln!(out, "</ul></section>")?;
        }
        let (version, time) = (env!("CARGO_PKG_VERSION"), report.scanned_at.strftime("%Y-%m-%d %H:%M UTC"));
        writeln!(out, "<footer>Scanned at {time} by plimsoll {version}.</footer>\n</body>\n</html>")
    }
}

fn write_result(result: &Scanned, now: Timestamp, out: &mut dyn Write) -> io::Result<()> {
    let scan = &result.scan;
    let steps = steps(result);
    writeln!(out, "<main><h1>{}</h1>", html(&result.name()))?;
    if let Some(manifest) = result.manifest {
        writeln!(out, "<p class=\"digest\">{}</p>", html(&manifest.to_string()))?;
    }
    writeln!(out, "<ul class=\"counts\">")?;
    let exploited = scan.findings.iter().filter(|finding| finding.exploited.is_some()).count();
    if exploited > 0 {
        writeln!(out, "<li class=\"malicious\"><b>{exploited}</b> known to be exploited</li>")?;
    }
    for (name, number) in words::counts(&scan.findings) {
        writeln!(out, "<li class=\"{name}\"><b>{number}</b> {name}</li>")?;
    }
    if scan.findings.is_empty() {
        let what = if result.changes.is_some() { "new or worse" } else { "findings" };
        writeln!(out, "<li class=\"none\"><b>0</b> {what}</li>")?;
    }
    if !scan.gaps.is_empty() {
        writeln!(out, "<li class=\"gap\"><b>{}</b> not covered</li>", scan.gaps.len())?;
    }
    writeln!(out, "</ul>")?;
    write_lead(result, &steps, out)?;
    let gaps = scan.gaps.iter().map(words::gap);
    list(
        out,
        "gaps",
        "Not covered",
        "Nobody looked into this. That nothing was found there does not mean that it is safe.",
        gaps,
    )?;
    if let Some(changes) = &result.changes {
        list(out, "changes", "Compared with an earlier result", "", changes.words().into_iter())?;
        list(out, "changes", "No longer found", "", result.fixed())?;
    }
    for (title, of) in [
        ("Remove", is_remove as fn(&Action<'_>) -> bool),
        ("Upgrade", is_upgrade),
        ("Nothing to upgrade to", is_wait),
    ] {
        let steps: Vec<&Step<'_>> = steps.iter().filter(|step| of(&step.action)).collect();
        if steps.is_empty() {
            continue;
        }
        writeln!(out, "<section><h2>{title} <small>{}</small></h2>", count(steps.len(), "package"))?;
        for step in steps {
            write_step(step, result, out)?;
        }
        writeln!(out, "</section>")?;
    }
    list(out, "aside", "Informational", "", scan.informational.iter().map(words::informational))?;
    let aside =
        scan.suppressed.iter().map(words::suppressed).chain(scan.set_aside.iter().map(words::set_aside));
    list(out, "aside", "Set aside", "Found, and not counted, for these reasons.", aside)?;
    list(out, "aside", "Noted", "", scan.noted.iter().map(words::noted))?;
    let feeds = scan.database.iter().chain(&scan.overlays);
    let feeds = feeds
        .map(|feed| format!("{}: {}, {}", feed.ecosystem, feed.publisher, quantity::age(now, feed.as_of)));
    list(out, "aside", "Sources", &words::looked_up(scan), feeds)?;
    writeln!(out, "</main>")
}

fn is_remove(action: &Action<'_>) -> bool {
    matches!(action, Action::Remove)
}

fn is_upgrade(action: &Action<'_>) -> bool {
    matches!(action, Action::Upgrade(_) | Action::Fix(_))
}

fn is_wait(action: &Action<'_>) -> bool {
    matches!(action, Action::Wait(_))
}

/// What whoever reads one sentence should know.
fn write_lead(result: &Scanned, steps: &[Step<'_>], out: &mut dyn Write) -> io::Result<()> {
    let scan = &result.scan;
    let (fixed, upgrades) = effect(steps);
    let mut lead = match (scan.findings.len(), upgrades) {
        (0, _) if result.changes.is_some() => "Nothing is new or worse than before.".to_owned(),
        (0, _) => format!("No known vulnerability was found in {}.", count(scan.components, "component")),
        (all, 0) => format!(
            "{} in {}; none has an upgrade that fixes it.",
            count(all, "finding"),
            count(scan.components, "component")
        ),
        (all, _) => format!(
            "{} in {}. {} {} {fixed} of them.",
            count(all, "finding"),
            count(scan.components, "component"),
            count(upgrades, "upgrade"),
            if upgrades == 1 { "fixes" } else { "fix" }
        ),
    };
    if !scan.gaps.is_empty() {
        lead.push_str(" Part of it was not covered.");
    }
    if let Some(newer) = &result.newer_base {
        lead.extend([" With a newer base: ", &newer.words(), "."]);
    }
    writeln!(out, "<p class=\"lead\">{}</p>", html(&lead))?;
    if scan.findings.iter().any(|finding| words::severity(finding) == Severity::Unrated.name()) {
        writeln!(out, "<p>Unrated: nobody has said yet how severe it is. Treat it as high.</p>")?;
    }
    Ok(())
}

fn write_step(step: &Step<'_>, result: &Scanned, out: &mut dyn Write) -> io::Result<()> {
    // The first finding is the greatest risk, which may be an exploited one that is not the most severe.
    let worst = step.findings.iter().max_by_key(|it| (it.class == Class::Malicious, it.severity));
    let worst = worst.map_or("none", |finding| words::severity(finding));
    writeln!(out, "<details class=\"step\"><summary><span class=\"tag {worst}\">{worst}</span> ")?;
    write!(out, "<b>{}</b> {}", html(step.package), html(step.version))?;
    match step.action {
        Action::Remove => write!(out, ": remove it, it was published to do harm")?,
        Action::Upgrade(to) => write!(out, " → <b>{}</b>", html(to))?,
        Action::Fix(versions) => write!(out, ": fixed in {}", html(&versions.join(" or ")))?,
        Action::Wait(state) => write!(out, ": {state}")?,
    }
    let marks = step.findings.iter().filter(|finding| finding.exploited.is_some()).count();
    let exploited = if marks > 0 { " <span class=\"tag malicious\">exploited</span>" } else { "" };
    let base = match step.is_of_base(result.base.as_ref()) {
        Some(true) => " <span class=\"tag base\">base image</span>",
        _ => "",
    };
    let newer = result.newer_base.as_ref();
    let newer = newer.and_then(|newer| newer.about(step.findings.iter().copied()));
    let newer = newer.map(|effect| format!(" <small>the newer base {effect}</small>")).unwrap_or_default();
    let number = count(step.findings.len(), "vulnerability");
    writeln!(out, " <small>{number}</small>{exploited}{base}{newer}</summary>")?;
    if !step.installed.is_empty() {
        writeln!(out, "<p>Installed as {}.</p>", html(&step.installed.join(", ")))?;
    }
    writeln!(
        out,
        "<table><thead><tr><th>Vulnerability</th><th>Severity</th><th>About</th></tr></thead><tbody>"
    )?;
    for finding in &step.findings {
        write_finding(finding, out)?;
    }
    writeln!(out, "</tbody></table>")?;
    if !step.leaves.is_empty() {
        writeln!(out, "<p>It leaves {}.</p>", html(&step.leaves.join(", ")))?;
    }
    writeln!(out, "<ul class=\"places\">")?;
    for (place, times) in &step.places {
        let times = if *times > 1 { format!(" ({times} times)") } else { String::new() };
        match place {
            Some(location) => {
                let layer =
                    location.layer.map(|index| format!(", {}", quantity::layer(index, result.layers.len())));
                writeln!(out, "<li>{}{}{times}</li>", html(&location.path), layer.unwrap_or_default())?;
            }
            None => writeln!(out, "<li>an unknown place{times}</li>")?,
        }
    }
    writeln!(out, "</ul></details>")
}

fn write_finding(finding: &Finding, out: &mut dyn Write) -> io::Result<()> {
    let severity = words::severity(finding);
    let origin = words::origin(&finding.severity_source);
    write!(out, "<tr><td><b>{}</b>", html(&finding.id))?;
    if !finding.aliases.is_empty() {
        write!(out, "<br><small>{}</small>", html(&finding.aliases.join(", ")))?;
    }
    write!(
        out,
        "</td><td><span class=\"tag {severity}\">{severity}</span><br><small>{}</small>",
        html(&origin)
    )?;
    for known in words::likelihood(finding) {
        write!(out, "<br><small>{}</small>", html(&known))?;
    }
    write!(out, "</td><td>{}", html(&finding.summary))?;
    for url in finding.urls.iter().filter_map(|url| web_address(url)).take(MOST_LINKS) {
        let url = html(url);
        write!(out, "<br><a rel=\"noopener noreferrer\" href=\"{url}\">{url}</a>")?;
    }
    writeln!(out, "</td></tr>")
}

fn list(
    out: &mut dyn Write,
    class: &str,
    title: &str,
    lead: &str,
    items: impl Iterator<Item = String>,
) -> io::Result<()> {
    let items: Vec<String> = items.collect();
    if items.is_empty() {
        return Ok(());
    }
    writeln!(out, "<section class=\"{class}\"><h2>{title} <small>{}</small></h2>", items.len())?;
    if !lead.is_empty() {
        writeln!(out, "<p>{}</p>", html(lead))?;
    }
    writeln!(out, "<ul>")?;
    for item in items {
        writeln!(out, "<li>{}</li>", html(&item))?;
    }
    writeln!(out, "</ul></section>")
}

/// The base64 of the bytes that `hex` writes, as content security policies name digests.
fn base64(hex: &str) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let bits: Vec<u8> = hex
        .chars()
        .filter_map(|digit| digit.to_digit(16))
        .flat_map(|digit| (0..4).rev().map(move |bit| u8::from(digit >> bit & 1 == 1)))
        .collect();
    let mut text: String = bits
        .chunks(6)
        .map(|six| {
            let padded = six.iter().chain(std::iter::repeat(&0)).take(6);
            let number = padded.fold(0_usize, |number, bit| number << 1 | usize::from(*bit));
            ALPHABET.get(number).map_or('=', |byte| char::from(*byte))
        })
        .collect();
    while !text.len().is_multiple_of(4) {
        text.push('=');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_are_in_base64() {
        // printf '' | sha256sum | xxd -r -p | base64
        let empty = Digest::sha256(b"").hex();
        assert_eq!(base64(&empty), "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=");
    }

    #[test]
    fn the_style_ends_nothing() {
        assert!(!STYLE.contains('<') && !STYLE.contains("url(") && !STYLE.contains("@import"));
    }
}
