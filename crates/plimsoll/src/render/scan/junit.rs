//! JUnit's XML, as CI services show test results. There is no standard; this keeps to the elements and attributes that all
//! readers know: `testsuites`, `testsuite`, `testcase`, `failure`, `error`, `skipped`.
//!
//! ```xml
//! <testsuites name="plimsoll scan" tests="3" failures="1" errors="1" skipped="1">
//!   <testsuite name="app.tar" tests="3" failures="1" errors="1" skipped="1">
//!     <testcase classname="PyPI.pymysql" name="CVE-2024-36039 in pymysql 1.1.0">
//!       <failure type="critical" message="…">…</failure>
//!     </testcase>
//! ```
//!
//! A finding is a failed test; what was not covered is an error, which turns a build red in every service. A finding that was
//! set aside is skipped, and so are files and components that count as covered without having been looked up. A suite without any has one test that passes and says how many components were looked up.

use std::fmt::Write as _;
use std::io::{self, Write};

use plimsoll_core::Ecosystem;
use plimsoll_vuln::Finding;

use super::escape::xml;
use super::{Compared, ScanFormat, Style, words};
use crate::report::scan::{Report, Scanned};

pub(super) struct JUnit;

/// The tests of one suite, and how many of them ended in which way.
#[derive(Default)]
struct Suite {
    cases: String,
    tests: usize,
    failures: usize,
    errors: usize,
    skipped: usize,
}

impl ScanFormat for JUnit {
    fn name(&self) -> &'static str {
        "junit"
    }

    fn about(&self) -> &'static str {
        "JUnit XML, for the test results of CI services"
    }

    fn compared(&self) -> Compared {
        Compared::OnlyChanges
    }

    fn write(&self, report: &Report, _: &Style<'_>, out: &mut dyn Write) -> io::Result<()> {
        let mut suites: Vec<(String, Suite)> =
            report.results.iter().map(|result| (result.name(), suite(result))).collect();
        for unscanned in &report.errors {
            let mut failed = Suite::default();
            failed.error("scan", &words::failure(unscanned));
            suites.push((unscanned.subject.clone(), failed));
        }
        let sum = |of: fn(&Suite) -> usize| suites.iter().map(|(_, suite)| of(suite)).sum::<usize>();
        writeln!(out, r#"<?xml version="1.0" encoding="UTF-8"?>"#)?;
        writeln!(
            out,
            r#"<testsuites name="plimsoll scan" tests="{}" failures="{}" errors="{}" skipped="{}">"#,
            sum(|it| it.tests),
            sum(|it| it.failures),
            sum(|it| it.errors),
            sum(|it| it.skipped)
        )?;
        let time = report.scanned_at.strftime("%Y-%m-%dT%H:%M:%S");
        for (name, Suite { cases, tests, failures, errors, skipped }) in &suites {
            writeln!(
                out,
                r#"  <testsuite name="{}" timestamp="{time}" tests="{tests}" failures="{failures}" errors="{errors}" skipped="{skipped}">"#,
                xml(name)
            )?;
            out.write_all(cases.as_bytes())?;
            writeln!(out, "  </testsuite>")?;
        }
        writeln!(out, "</testsuites>")
    }
}

fn suite(result: &Scanned) -> Suite {
    let mut suite = Suite::default();
    let scan = &result.scan;
    suite.case("scan", &words::looked_up(scan), "");
    for finding in &scan.findings {
        suite.failures += 1;
        let message = format!("{}, {}", words::severity(finding), words::fix(finding));
        let body = format!(
            r#"<failure type="{}" message="{}">{}</failure>"#,
            xml(words::severity(finding)),
            xml(&message),
            xml(&details(finding)).replace("\\u{a}", "\n")
        );
        suite.case(&class(finding), &name(finding), &body);
    }
    for suppressed in &scan.suppressed {
        suite.skipped += 1;
        let body = format!(r#"<skipped message="{}"/>"#, xml(&suppressed.reason.to_string()));
        suite.case(&class(&suppressed.finding), &name(&suppressed.finding), &body);
    }
    for aside in &scan.set_aside {
        suite.skipped += 1;
        let body = format!(r#"<skipped message="{}"/>"#, xml(&aside.reason()));
        let name = format!("{} ({}), such as {}", aside.ecosystem, aside.files, aside.path);
        suite.case("set aside", &name, &body);
    }
    for gap in &scan.gaps {
        suite.error("not covered", &words::gap(gap));
    }
    for fixed in result.fixed() {
        suite.case("fixed", &fixed, "");
    }
    suite
}

impl Suite {
    fn case(&mut self, class: &str, name: &str, body: &str) {
        self.tests += 1;
        let (class, name) = (xml(class), xml(name));
        // Writing to a String cannot fail.
        let _ = if body.is_empty() {
            writeln!(self.cases, r#"    <testcase classname="{class}" name="{name}"/>"#)
        } else {
            writeln!(self.cases, r#"    <testcase classname="{class}" name="{name}">{body}</testcase>"#)
        };
    }

    fn error(&mut self, class: &str, what: &str) {
        self.errors += 1;
        self.case(class, what, &format!(r#"<error message="{}"/>"#, xml(what)));
    }
}

/// Services group by it, and split it at dots.
fn class(finding: &Finding) -> String {
    format!("{}.{}", Ecosystem::of_purl(&finding.component).name(), finding.package.replace('.', "_"))
}

fn name(finding: &Finding) -> String {
    let path = finding.locations.first().map(|location| format!(" at {}", location.path));
    format!("{} in {} {}{}", finding.id, words::package(finding), finding.version, path.unwrap_or_default())
}

fn details(finding: &Finding) -> String {
    let mut lines = vec![finding.summary.to_string(), words::action(finding)];
    lines.extend(words::likelihood(finding));
    lines.push(format!("severity {}, {}", words::severity(finding), words::origin(&finding.severity_source)));
    lines.push(finding.component.to_string());
    lines.extend(finding.locations.iter().map(|location| format!("in {}", location.path)));
    lines.retain(|line| !line.is_empty());
    lines.join("\n")
}
