//! GitHub workflows: the actions of other repositories that they use, at a tag, branch or commit.
//!
//! ```yaml
//! jobs:
//!   build:
//!     steps:
//!       - uses: actions/checkout@v4
//!       - uses: actions/cache/save@5a3ec84eff668545956fd18022155c47e93e2684 # v4.2.3
//!       - uses: ./.github/actions/bootstrap
//!       - uses: docker://alpine:3.20
//!     uses: octo-org/repo/.github/workflows/reusable.yml@v1
//! ```
//!
//! The file is read by lines, because a workflow may be any YAML. A line of a script that looks the same also names an
//! action.

use super::Locked;

pub(super) fn read(text: &str) -> Result<Vec<Locked>, String> {
    let (mut locked, mut is_workflow) = (Vec::new(), false);
    for line in text.lines() {
        is_workflow |= ["jobs:", "runs:", "on:", "\"on\":", "'on':"].iter().any(|key| line.starts_with(key));
        locked.extend(used(line).filter_map(action));
    }
    if is_workflow { Ok(locked) } else { Err("is not a workflow: it has neither jobs nor runs".to_owned()) }
}

/// The action in a line: as the value of a key on its own line, or of keys in braces.
fn used(line: &str) -> impl Iterator<Item = &str> {
    line.match_indices("uses").filter_map(move |(at, word)| {
        let before = line.get(..at)?.trim_end_matches(['"', '\'']).trim_end();
        let is_in_braces = before.ends_with(['{', ',']);
        if !is_in_braces && !before.trim_start().trim_start_matches("- ").trim_matches('-').is_empty() {
            return None;
        }
        let rest = line.get(at + word.len()..)?.trim_start_matches(['"', '\'']).trim_start();
        let value = rest.strip_prefix(':')?;
        let value = value.split(" #").next().unwrap_or(value);
        let value = if is_in_braces { value.split([',', '}']).next().unwrap_or(value) } else { value };
        Some(value.trim().trim_matches(['"', '\'']))
    })
}

/// `owner/repository/path@ref`. `None` for actions in the same repository, and for images.
fn action(text: &str) -> Option<Locked> {
    let (path, version) = text.split_once('@')?;
    let mut names = path.splitn(3, '/');
    let (owner, repository, rest) = (names.next()?, names.next()?, names.next().unwrap_or_default());
    let is_name = |name: &str| {
        !name.is_empty()
            && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b))
            && name != "."
    };
    (is_name(owner) && is_name(repository) && !version.is_empty())
        .then(|| Locked::new(format!("{owner}/{repository}"), version).subpath(rest))
}
