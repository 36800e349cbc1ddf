//! opam: the packages installed in a switch, and the lock file of `opam lock`.
//!
//! ```text
//! opam-version: "2.0"
//! installed: ["base-unix.base" "ocaml.4.14.0"]
//! ```
//!
//! ```text
//! depends: [
//!   "ocaml" {= "4.14.0"}
//!   "alcotest" {= "1.7.0" & with-test}
//! ]
//! ```

use super::Locked;

pub(super) fn switch_state(text: &str) -> Result<Vec<Locked>, String> {
    let list = list(text, "installed")
        .ok_or("is not the state of a switch: it has no list of installed packages")?;
    let package = |text: &str| {
        let (name, version) = text.split_once('.')?;
        Some(Locked::new(name, version))
    };
    Ok(list.split('"').skip(1).step_by(2).filter_map(package).collect())
}

pub(super) fn locked(text: &str) -> Result<Vec<Locked>, String> {
    let list = list(text, "depends").ok_or("is not a lock file: it has no depends")?;
    let mut locked = Vec::new();
    for entry in list.lines().flat_map(|line| line.split('}')) {
        let Some((name, conditions)) = entry.trim().strip_prefix('"').and_then(|rest| rest.split_once('"'))
        else {
            continue;
        };
        if ["with-test", "with-doc", "with-dev-setup", "dev"].iter().any(|word| has_word(conditions, word)) {
            continue;
        }
        let mut formulas = conditions.split(['{', '&', '|']).map(str::trim);
        let version =
            formulas.find_map(|it| it.strip_prefix('=')?.trim_start().strip_prefix('"')?.split('"').next());
        locked.push(version.map_or_else(|| Locked::unpinned(name), |version| Locked::new(name, version)));
    }
    Ok(locked)
}

fn has_word(text: &str, word: &str) -> bool {
    text.split(|c: char| !c.is_ascii_alphanumeric() && c != '-').any(|it| it == word)
}

/// The text between the brackets of a field.
fn list<'a>(text: &'a str, field: &str) -> Option<&'a str> {
    let mut rest = text;
    loop {
        let at = rest.find(field)?;
        let (before, after) = (rest.get(..at)?, rest.get(at + field.len()..)?);
        if (before.is_empty() || before.ends_with('\n'))
            && let Some(list) =
                after.trim_start().strip_prefix(':').and_then(|it| it.trim_start().strip_prefix('['))
        {
            return list.split_once(']').map(|(list, _)| list);
        }
        rest = after;
    }
}
