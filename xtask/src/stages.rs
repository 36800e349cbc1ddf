//! Arguments end in one stage of the binary: `settings` merges flags, environment, clock and limits, and commands see
//! only the result. A command that read a flag or a variable again could use another value than the one that was shown.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context as _;

/// The sources of the binary.
const SOURCES: &str = "crates/plimsoll/src";

/// A text below [`SOURCES`], and the files that may contain it.
struct Rule {
    text: &'static str,
    /// A file, or a folder with a trailing slash.
    allowed: &'static [&'static str],
}

const RULES: &[Rule] = &[
    Rule {
        text: "crate::args",
        // `commands.rs` resolves the settings of the typed command.
        allowed: &["args.rs", "args/", "commands.rs", "config.rs", "config/", "settings.rs", "settings/"],
    },
    Rule { text: "clock::now", allowed: &["settings/context.rs"] },
    Rule {
        text: "env::",
        // Arguments, the places of configuration files, and the origins of settings.
        allowed: &["main.rs", "config.rs", "config/", "settings/context.rs"],
    },
];

/// This splits a value, and reads no variable.
const HARMLESS: &str = "env::split_paths";

/// One line for each violation.
pub(crate) fn check(root: &Path) -> anyhow::Result<Vec<String>> {
    let sources = root.join(SOURCES);
    let mut files = Vec::new();
    collect(&sources, &mut files)?;
    let mut faults = Vec::new();
    for rule in RULES {
        for path in &files {
            let name = path.strip_prefix(&sources)?.to_string_lossy();
            let allowed = |place: &&str| name == *place || (place.ends_with('/') && name.starts_with(place));
            if rule.allowed.iter().any(allowed) {
                continue;
            }
            let text = fs::read_to_string(path).with_context(|| path.display().to_string())?;
            if let Some(line) = first(&text, rule.text) {
                faults.push(format!("{SOURCES}/{name}:{line} names {}", rule.text));
            }
        }
    }
    Ok(faults)
}

/// The first line of code that names `wanted`.
fn first(text: &str, wanted: &str) -> Option<usize> {
    let names = |line: &str| {
        let line = line.trim_start();
        !line.starts_with("//") && line.replace(HARMLESS, "").contains(wanted)
    };
    text.lines().position(names).map(|index| index + 1)
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> anyhow::Result<()> {
    for entry in fs::read_dir(folder).with_context(|| folder.display().to_string())? {
        let path = entry?.path();
        if path.is_dir() {
            collect(&path, files)?;
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            files.push(path);
        }
    }
    files.sort();
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_in_code_is_found_and_one_in_a_comment_is_not() {
        assert_eq!(first("//! Not `crate::args`.\nuse crate::args::Check;\n", "crate::args"), Some(2));
        assert_eq!(first("    // crate::args\n", "crate::args"), None);
        assert_eq!(first("std::env::split_paths(&path)", "env::"), None);
        assert_eq!(first("let home = env::var_os(name);", "env::"), Some(1));
    }

    #[test]
    fn commands_see_settings_only() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        assert_eq!(check(root).unwrap(), Vec::<String>::new());
    }
}
