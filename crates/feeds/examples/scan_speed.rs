//! Measures matching: builds a database from a folder with publishers' data, then matches 10,800 components.
//!
//! `cargo run --release -p plimsoll-feeds --example scan_speed -- FROM OUT [KEEP]`: with any third argument the
//! database in OUT is used as it is.

#![allow(clippy::print_stdout, reason = "an example prints its result")]

use std::path::Path;
use std::time::Instant;

use plimsoll_core::{Ecosystem, Limits, Purl, Timestamp};
use plimsoll_sbom::{Component, Inventory};
use plimsoll_vuln::{Database, ScanSettings, scan};

const COMPONENTS: usize = 10_800;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(from), Some(out)) = (arguments.next(), arguments.next()) else {
        return Err("usage: scan_speed FROM OUT [KEEP]".into());
    };
    let (out, now) = (Path::new(&out), Timestamp::now());
    if arguments.next().is_none() {
        let start = Instant::now();
        let report = plimsoll_feeds::build(Path::new(&from), now, out, now, &Limits::default())?;
        println!("build: {:?}", start.elapsed());
        for feed in &report.feeds {
            println!("{feed:#?}");
        }
    }
    for (known, share) in [(203, 10), (203, 1), (usize::MAX, 10), (usize::MAX, 1)] {
        let inventory = inventory(&Database::open(out)?, known, share)?;
        let start = Instant::now();
        let database = Database::open(out)?;
        let opened = start.elapsed();
        let scan = scan(&inventory, &database, &ScanSettings::at(now))?;
        println!(
            "{COMPONENTS} components, {} with advisories, 1 of {share} old: open {opened:?}, all {:?}, {} findings, {} gaps",
            if known == usize::MAX { "all".to_owned() } else { known.to_string() },
            start.elapsed(),
            scan.findings.len(),
            scan.gaps.len()
        );
    }
    let start = Instant::now();
    Database::open(out)?.verify()?;
    println!("verify: {:?}", start.elapsed());
    for status in Database::open(out)?.status() {
        println!(
            "{}: {} bytes, {} advisories, {} packages",
            status.ecosystem, status.bytes, status.advisories, status.packages
        );
    }
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    println!("{}", status.lines().find(|line| line.starts_with("VmHWM")).unwrap_or("VmHWM: unknown"));
    Ok(())
}

/// At most `known` packages with advisories, filled up to the number with packages without any. One in
/// `share` of the former is so old that most of its advisories affect it; the others are affected only by
/// unfixed vulnerabilities.
fn inventory(
    database: &Database,
    known: usize,
    share: usize,
) -> Result<Inventory, Box<dyn std::error::Error>> {
    let mut inventory = Inventory::default();
    let mut add = |text: String| -> Result<(), Box<dyn std::error::Error>> {
        inventory.components.push(Component::from_purl(text.parse::<Purl>()?));
        Ok(())
    };
    let mut names = Vec::new();
    for (ecosystem, kind) in [(Ecosystem::PyPI, "pypi"), (Ecosystem::Go, "golang")] {
        let keys = database.advisories(ecosystem).ok_or("no feed")?.keys()?;
        names.extend(keys.into_iter().map(|name| format!("pkg:{kind}/{name}")));
    }
    let step = names.len().div_ceil(known).max(1);
    let mut number = 0;
    for name in names.iter().step_by(step) {
        number += 1;
        add(format!("{name}@{}", if number % share == 0 { "1.0.0" } else { "9999.0.0" }))?;
    }
    for number in number..COMPONENTS {
        let kind = if number % 2 == 0 { "pypi/package-" } else { "golang/example.org/module" };
        add(format!("pkg:{kind}{number}@1.0.{number}"))?;
    }
    Ok(inventory)
}
