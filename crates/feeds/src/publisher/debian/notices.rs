//! The lists of notices, `data/DSA/list` and `data/DLA/list` in the tracker's repository: what was fixed, when, under which name.
//!
//! ```text
//! [20 Mar 2023] DSA-5376-1 apache2 - security update
//!         {CVE-2006-20001 CVE-2022-36760}
//!         [bullseye] - apache2 2.4.56-1~deb11u1
//!         NOTE: fixed in testing at time of DSA
//! ```
//!
//! The tracker's JSON says the same by vulnerability and is exact where a notice is not: one about several vulnerabilities and
//! releases does not say which release has which. So if the JSON knows a vulnerability, notices only add their names and dates to
//! it. Without the JSON, they are all that is known, and what has not been fixed is missing.
//! A release is in the one list while it is supported and in the other one afterwards, so one of them alone covers none.
//!
//! | notice | what it becomes |
//! | --- | --- |
//! | names CVEs that the JSON knows | a link, and a date if it is the first |
//! | names CVEs that it does not know | affected before the version of the release |
//! | names no CVE | an advisory of its own; nothing if it is about a regression |
//! | `<not-affected>` instead of a version | nothing |
//! | `<end-of-life>`, `<unfixed>` | affected in every version |

use jiff::civil::Date;
use plimsoll_vuln::affected::{Affected, End, FixState, Interval, Start};
use plimsoll_vuln::database::key;
use plimsoll_vuln::order::VersionOrder as _;
use plimsoll_vuln::version::dpkg::Dpkg;
use plimsoll_vuln::{Class, Rating};

use super::{State, TRACKER};
use crate::draft::{PackageStatement, is_identifier, is_package_name, midnight};
use crate::error::DocumentProblem;
use crate::{Doubt, Entry, Skip};

/// How many notices about one vulnerability are linked to.
const MAX_LINKS: usize = 5;

/// One notice.
#[derive(Debug, Default, PartialEq, Eq)]
struct Notice<'t> {
    name: &'t str,
    date: Option<i64>,
    title: &'t str,
    cves: Vec<&'t str>,
    /// Release, package, and version.
    fixes: Vec<(&'t str, &'t str, &'t str)>,
}

/// Reads a list into `state`.
pub(super) fn read(entry: &Entry<'_>, state: &mut State<'_>) -> Result<(), DocumentProblem> {
    let text = std::str::from_utf8(entry.bytes).map_err(|_| DocumentProblem::Name { field: "list" })?;
    let mut notice = Notice::default();
    for line in text.lines() {
        if line.starts_with('[') {
            state.notice(&std::mem::take(&mut notice));
            match header(line) {
                Some(read) => notice = read,
                None => state.report.malformed(line, &DocumentProblem::Name { field: "notice" }),
            }
            continue;
        }
        let line = line.trim();
        if let Some(names) = line.strip_prefix('{') {
            notice
                .cves
                .extend(names.trim_end_matches('}').split_whitespace().filter(|it| it.starts_with("CVE-")));
        } else if line.starts_with('[') {
            match fix(line) {
                Some(fix) => notice.fixes.push(fix),
                None => state.report.malformed(notice.name, &DocumentProblem::Name { field: "fix" }),
            }
        }
        // All other lines are notes for those who wrote them.
    }
    state.notice(&notice);
    Ok(())
}

/// `[20 Mar 2023] DSA-5376-1 apache2 - security update`
fn header(line: &str) -> Option<Notice<'_>> {
    let (date, rest) = line.strip_prefix('[')?.split_once(']')?;
    let (name, title) = rest.trim_start().split_once(' ')?;
    let date = Date::strptime("%d %b %Y", date.trim()).ok().and_then(|date| midnight(&date.to_string()));
    let is_name = is_identifier(name) && (name.starts_with("DSA-") || name.starts_with("DLA-"));
    is_name.then(|| Notice { name, date, title: title.trim(), ..Notice::default() })
}

/// `[bullseye] - apache2 2.4.56-1~deb11u1`
fn fix(line: &str) -> Option<(&str, &str, &str)> {
    let (release, rest) = line.strip_prefix('[')?.split_once(']')?;
    let mut words = rest.trim_start().strip_prefix('-')?.split_whitespace();
    let (package, version) = (words.next()?, words.next()?);
    let is_release = !release.is_empty() && release.bytes().all(|b| b.is_ascii_lowercase());
    (is_release && is_package_name(package)).then_some((release, package, version))
}

impl State<'_> {
    fn notice(&mut self, notice: &Notice<'_>) {
        if notice.name.is_empty() {
            return;
        }
        let url = format!("{TRACKER}{}", notice.name);
        for cve in notice.cves.iter().copied().filter(|cve| is_identifier(cve)) {
            if self.known.contains(cve) {
                self.repeated(notice, cve, &url);
            } else {
                self.fixes(notice, cve, &url);
            }
        }
        if notice.cves.is_empty() && notice.title.contains("regression") {
            self.report.read += 1;
            self.report.skip(Skip::NoVulnerability, notice.name);
        } else if notice.cves.is_empty() {
            self.fixes(notice, notice.name, &url);
        }
    }

    /// Adds name and date to what the tracker says, if it says something about one of the packages.
    fn repeated(&mut self, notice: &Notice<'_>, cve: &str, url: &str) {
        self.report.read += 1;
        self.report.skip(Skip::Repeated, notice.name);
        let Some(draft) = self.drafts.get_mut(cve) else { return };
        let is_about = |statement: &PackageStatement| {
            let package = statement.key.split_once('/').map(|(_, package)| package);
            notice.fixes.iter().any(|(_, fixed, _)| package == Some(*fixed))
        };
        if !draft.statements.iter().any(is_about) {
            return;
        }
        if draft.detail.urls.len() <= MAX_LINKS && !draft.detail.urls.iter().any(|known| known == url) {
            draft.detail.urls.push(url.to_owned());
        }
        draft.detail.published = match (draft.detail.published, notice.date) {
            (Some(known), Some(date)) => Some(known.min(date)),
            (known, date) => known.or(date),
        };
    }

    /// The notice's own statements about a vulnerability.
    fn fixes(&mut self, notice: &Notice<'_>, id: &str, url: &str) {
        for (release, package, version) in &notice.fixes {
            self.report.read += 1;
            let example = || format!("{id} {package} {release}");
            let all = vec![Interval::ALL];
            let (intervals, doubtful, fix_state) = match *version {
                "<not-affected>" | "0" => {
                    self.report.skip(Skip::NotAffected, &example());
                    continue;
                }
                "<unfixed>" => (all, Vec::new(), FixState::NotFixed),
                "<end-of-life>" => (all, Vec::new(), FixState::WontFix),
                fixed if Dpkg.check(fixed).is_ok() => {
                    let before = Interval { from: Start::First, end: End::Before(fixed) };
                    (vec![before], Vec::new(), FixState::Unknown)
                }
                _ => {
                    self.report.doubt(Doubt::FixedVersion, &example());
                    (Vec::new(), all, FixState::Unknown)
                }
            };
            self.report.kept += 1;
            if self.lists_cover {
                self.releases.insert((*release).to_owned());
            }
            let mut affected = Vec::new();
            Affected { intervals, doubtful, versions: Vec::new(), fix_state }.encode(&mut affected);
            let draft = self.draft(id, Some(notice.title));
            draft.detail.urls = vec![url.to_owned()];
            draft.detail.published = notice.date;
            draft.statements.push(PackageStatement {
                key: key(Some(release), (*package).into()).into_owned(),
                rating: Rating::default(),
                module: None,
                class: Class::Vulnerability,
                affected,
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_read_as_they_are_written() {
        let notice = header("[20 Mar 2023] DSA-5376-1 apache2 - security update").unwrap();
        assert_eq!((notice.name, notice.title), ("DSA-5376-1", "apache2 - security update"));
        assert_eq!(notice.date, Some(1_679_270_400));
        assert_eq!(header("[1 Jan 2001] DSA-011-2 mgetty - insecure").map(|it| it.name), Some("DSA-011-2"));
        for broken in
            ["[20 Mar 2023]", "[20 Mar 2023 DSA-1 x", "[20 Mar 2023] XSA-1 x", "[20 Mar 2023] DSA-1"]
        {
            assert_eq!(header(broken), None, "{broken}");
        }
        assert_eq!(fix("[bullseye] - xen 4.14.5-1"), Some(("bullseye", "xen", "4.14.5-1")));
        assert_eq!(fix("[buster] - xen <not-affected> (old)"), Some(("buster", "xen", "<not-affected>")));
        for broken in ["[bullseye] xen 1", "[] - xen 1", "[../x] - xen 1", "[sid] - xen", "[sid - xen 1"] {
            assert_eq!(fix(broken), None, "{broken}");
        }
    }
}
