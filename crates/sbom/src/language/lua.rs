//! Lua rocks: the rockspec that LuaRocks keeps of each. It is a Lua program, which is not run: plain assignments at the
//! outermost level are understood.
//!
//! ```lua
//! package = 'LPeg'
//! version = '1.0.2-1'
//! description = {
//!    license = "MIT"
//! }
//! ```

use plimsoll_core::rootfs::Bound;

use super::described::Described;
use super::shown::component;
use crate::cataloger::Selection;
use crate::inventory::Component;
use crate::licence::Licence;

/// Finds rocks. A rockspec among sources describes how to build a rock, and is not an installed one.
pub(crate) const LUA: Described = Described {
    id: "lua",
    version: 1,
    purl_types: &["luarocks"],
    selections: &[Selection::whole(
        &["**/rocks/*/*/*.rockspec", "**/rocks-5.?/*/*/*.rockspec"],
        Bound::Metadata,
    )],
    marks_folders: false,
    read: |file| Some(rock(&String::from_utf8_lossy(file.content)).map(|found| vec![found])),
};

fn rock(text: &str) -> Result<Component, String> {
    let value = |name: &str| text.lines().find_map(|line| quoted(line.strip_prefix(name)?));
    let name = value("package").ok_or("has no package that is a literal")?;
    let version = value("version").ok_or("has no version that is a literal")?;
    // Names are looked up regardless of case, and stored in lower case.
    let mut found = component("luarocks", "", &name.to_lowercase(), version)?;
    let licence = text.lines().find_map(|line| quoted(line.trim_start().strip_prefix("license")?));
    found.licenses = licence.and_then(Licence::stated).into_iter().collect();
    Ok(found)
}

/// The text to the right of `=`.
fn quoted(rest: &str) -> Option<&str> {
    let value = rest.trim_start().strip_prefix('=')?.trim_start();
    let quote = value.chars().next().filter(|c| matches!(c, '"' | '\''))?;
    value.get(1..)?.split_once(quote).map(|(text, _)| text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_assignments_are_understood_and_nothing_else() {
        let written = "rockspec_format = '3.0'\npackage = 'LPeg'\nversion=\"1.0.2-1\"\ndescription = {\n\tlicense = 'MIT',\n}\n";
        let found = rock(written).unwrap();
        assert_eq!(
            (found.purl.to_string().as_str(), found.licenses),
            ("pkg:luarocks/lpeg@1.0.2-1", vec![Licence::parse("MIT")])
        );
        for (content, expected) in [
            ("", "has no package that is a literal"),
            ("package = 'a'\nversion = v .. '-1'\n", "has no version that is a literal"),
            (" package = 'a'\n", "has no package that is a literal"),
        ] {
            assert_eq!(rock(content).unwrap_err(), expected);
        }
    }
}
