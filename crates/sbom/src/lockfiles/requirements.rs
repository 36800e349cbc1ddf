//! pip's `requirements.txt` ("Requirements File Format"; a requirement is PEP 508's).
//!
//! ```text
//! click==8.0.0 --hash=sha256:… \
//!     --hash=sha256:…
//! Flask[async] >= 2 ; python_version < "3.9"     # not pinned: listed without a version
//! idna @ https://example.org/idna-3.7-py3-none-any.whl
//! -e git+https://github.com/x/y.git#egg=y
//! -r requirements-base.txt
//! ```
//!
//! An included file is read on its own, if its name is recognised. A constraints file does not list requirements.
//! Folders belong to the project itself.

use super::Locked;

pub(super) fn read(text: &str) -> Vec<Locked> {
    let mut locked = Vec::new();
    let mut joined = String::new();
    for line in text.lines() {
        let continues = line.ends_with('\\');
        joined.push_str(line.trim_end_matches('\\'));
        if !continues {
            locked.extend(requirement(&joined));
            joined.clear();
        }
    }
    locked.extend(requirement(&joined));
    locked
}

/// The requirement in one line. `None` if it is not for an external package. A line that is not understood gives an
/// invalid name, so that it is reported.
pub(super) fn requirement(line: &str) -> Option<Locked> {
    let line = without_comment(line).trim();
    if let Some(option) = line.strip_prefix('-') {
        return of_option(option);
    }
    // All words after the first option are options.
    let end = line.match_indices(" -").map(|(at, _)| at).next().unwrap_or(line.len());
    let line = line.get(..end).unwrap_or(line).trim();
    if line.is_empty() {
        return None;
    }
    let name_end =
        line.find(|c: char| !c.is_ascii_alphanumeric() && !"-_.".contains(c)).unwrap_or(line.len());
    let (name, rest) = line.split_at(name_end);
    let rest = rest.trim_start();
    // Extras are parts of the same package.
    let rest = match rest.strip_prefix('[').map(|extras| extras.split_once(']')) {
        Some(Some((_, rest))) => rest.trim_start(),
        Some(None) => return Some(Locked::new(line, "")),
        None => rest,
    };
    if let Some(address) = rest.strip_prefix('@') {
        return Some(
            located(address.trim())
                .filter(|it| it.version.is_some())
                .unwrap_or_else(|| Locked::unpinned(name)),
        );
    }
    if is_place(line) {
        return if is_folder(line) {
            None
        } else {
            Some(located(line).unwrap_or_else(|| Locked::new(line, "")))
        };
    }
    let versions = rest.split(';').next().unwrap_or(rest).trim();
    let versions = versions.strip_prefix('(').and_then(|it| it.strip_suffix(')')).unwrap_or(versions);
    if name.is_empty() || !versions.is_empty() && !versions.starts_with(['=', '<', '>', '!', '~']) {
        return Some(Locked::new(line, ""));
    }
    let mut pins = versions
        .split(',')
        .filter_map(|it| it.trim().strip_prefix("==").map(|it| it.trim_start_matches('=').trim()));
    match pins.find(|version| !version.ends_with('*')) {
        Some(version) => Some(Locked::new(name, version)),
        None => Some(Locked::unpinned(name)),
    }
}

/// A comment has its own line, or follows a blank.
fn without_comment(line: &str) -> &str {
    let mut hashes = line.match_indices('#').map(|(at, _)| at);
    let is_comment =
        |at: &usize| line.get(..*at).is_some_and(|before| before.is_empty() || before.ends_with([' ', '\t']));
    hashes.find(is_comment).and_then(|at| line.get(..at)).unwrap_or(line)
}

/// The requirement in an option: an editable install, or another file.
fn of_option(option: &str) -> Option<Locked> {
    let value = |short: &str, long: &str| {
        let rest = option.strip_prefix(long).or_else(|| option.strip_prefix(short))?;
        Some(rest.trim_start_matches([' ', '=', '\t']).trim())
    };
    if let Some(place) = value("e", "-editable").filter(|_| !option.starts_with("-extra")) {
        return if is_folder(place) {
            None
        } else {
            Some(located(place).unwrap_or_else(|| Locked::new(place, "")))
        };
    }
    let file = value("r", "-requirement").filter(|_| !option.starts_with("-require-"))?;
    let (folder, name) = file.rsplit_once('/').unwrap_or(("", file));
    let is_text = ends_with(name, &["txt"]);
    // Every file in a folder `requirements` is read.
    let is_read = is_text
        && (name.starts_with("requirements") || folder.is_empty() || folder.ends_with("requirements"));
    let is_read = is_read || file.contains("://");
    (!is_read).then(|| Locked::new(format!("-r {file}"), ""))
}

fn is_place(text: &str) -> bool {
    text.contains(['/']) || text.starts_with('.') || ends_with(text, &["whl"])
}

fn is_folder(text: &str) -> bool {
    let text = text.split(['#', '[', ';']).next().unwrap_or(text).trim();
    !text.contains("://") && !ends_with(text, &["whl", "zip", "gz", "bz2"])
        || text.starts_with("file:") && text.ends_with('/')
}

/// Whether a file's name has one of these extensions.
fn ends_with(file: &str, extensions: &[&str]) -> bool {
    file.rsplit_once('.').is_some_and(|(_, extension)| extensions.contains(&extension))
}

/// The package at an address or path: a wheel is named after it, and for a repository `#egg=` names it.
fn located(address: &str) -> Option<Locked> {
    let (address, fragment) = address.split_once('#').unwrap_or((address, ""));
    let address = address.split([';', '?']).next().unwrap_or(address).trim();
    let file = address.rsplit('/').next().unwrap_or(address);
    if let Some(wheel) = file.strip_suffix(".whl") {
        let mut parts = wheel.split('-');
        return Some(Locked::new(parts.next()?, parts.next()?));
    }
    let egg = fragment.split('&').find_map(|it| it.strip_prefix("egg="))?;
    Some(Locked::unpinned(egg.split('[').next().unwrap_or(egg)))
}
