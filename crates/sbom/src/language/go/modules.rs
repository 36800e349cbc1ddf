//! The list of modules that Go's linker writes into a program: `runtime/debug.BuildInfo` as text, without the version of Go.
//!
//! ```text
//! path  github.com/evanw/esbuild/cmd/esbuild
//! mod   github.com/evanw/esbuild  (devel)
//! dep   golang.org/x/sys          v0.0.0-20220715151400-c0bba94af5f8  h1:0A+M6Uqn…
//! dep   example.org/a             v1.0.0
//! =>    example.org/fork          v1.0.1                              h1:…
//! build -trimpath=true
//! ```
//!
//! The fields of a line are separated by tabs. `=>` names the replacement of the module in the line before: its code is
//! in the program. A replacement by a folder has no version, so the replaced module is listed.

use plimsoll_core::LimitExceeded;
use serde::{Deserialize, Serialize};

/// The modules in a program.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Modules {
    /// The program's own module. Programs built from single files have none.
    pub(super) main: Option<Module>,
    /// The other modules with code in it.
    pub(super) dependencies: Vec<Module>,
}

/// A module, by the name and version that advisories know it under.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Module {
    pub(super) path: String,
    /// As Go writes it: `v1.2.3`. Empty if it is unknown, as for a module that was built in its own checkout.
    pub(super) version: String,
    /// Whether it stands in for another module, by whose path its packages are imported.
    pub(super) replaces: bool,
}

/// Why a list of modules cannot be read.
#[derive(Debug, PartialEq, thiserror::Error)]
pub(super) enum Error {
    #[error("the list of modules is not UTF-8")]
    Text,
    #[error("got `=>` in the list of modules, expected a module before it")]
    Replacement,
    #[error("a line of the list of modules has no path")]
    Path,
    #[error(transparent)]
    Limit(#[from] LimitExceeded),
}

impl Modules {
    /// Reads the text. At most `max` modules are allowed.
    pub(super) fn parse(text: &[u8], max: usize) -> Result<Self, Error> {
        let text = str::from_utf8(text).map_err(|_| Error::Text)?;
        let mut modules = Self::default();
        let mut last = Last::Other;
        for line in text.lines() {
            let (kind, rest) = line.split_once('\t').unwrap_or((line, ""));
            match kind {
                "mod" => {
                    modules.main = Some(Module::parse(rest)?);
                    last = Last::Main;
                }
                "dep" => {
                    if modules.dependencies.len() >= max {
                        let what = "modules of one program".to_owned();
                        return Err(LimitExceeded::new("packages", max as u64, what).into());
                    }
                    modules.dependencies.push(Module::parse(rest)?);
                    last = Last::Dependency;
                }
                "=>" => {
                    let replaced = match last {
                        Last::Main => modules.main.as_mut(),
                        Last::Dependency => modules.dependencies.last_mut(),
                        Last::Other => None,
                    };
                    let by = Module::parse(rest)?;
                    let replaced = replaced.ok_or(Error::Replacement)?;
                    if !by.version.is_empty() {
                        *replaced = Module { replaces: by.path != replaced.path, ..by };
                    }
                    last = Last::Other;
                }
                _ => last = Last::Other,
            }
        }
        Ok(modules)
    }
}

/// The subject of the line before.
enum Last {
    Main,
    Dependency,
    Other,
}

impl Module {
    fn parse(fields: &str) -> Result<Self, Error> {
        let mut fields = fields.split('\t');
        let path = fields.next().filter(|path| !path.is_empty()).ok_or(Error::Path)?;
        let version = fields.next().filter(|version| *version != DEVELOPMENT).unwrap_or_default();
        Ok(Self { path: path.to_owned(), version: version.to_owned(), replaces: false })
    }
}

/// What Go writes for the version of a module that was built in its own checkout.
const DEVELOPMENT: &str = "(devel)";

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Vec<String>, Error> {
        let Modules { main, dependencies } = Modules::parse(text.as_bytes(), 3)?;
        Ok(main.iter().chain(&dependencies).map(|it| format!("{}@{}", it.path, it.version)).collect())
    }

    #[test]
    fn a_replacement_counts_instead_of_the_module_unless_it_is_a_folder() {
        let text = "path\ta.org/x/cmd\nmod\ta.org/x\t(devel)\t\ndep\tb.org/y\tv1.0.0\th1:a=\ndep\tc.org/z\tv2.0.0\n\
                    =>\tc.org/fork\tv2.0.1\th1:b=\ndep\td.org/w\tv3.0.0\n=>\t./w\t\nbuild\t-trimpath=true\n";
        assert_eq!(
            parse(text).unwrap(),
            ["a.org/x@", "b.org/y@v1.0.0", "c.org/fork@v2.0.1", "d.org/w@v3.0.0"]
        );
    }

    #[test]
    fn an_invalid_list_is_an_error() {
        assert_eq!(parse("").unwrap(), Vec::<String>::new());
        assert_eq!(parse("=>\ta\tv1\n"), Err(Error::Replacement));
        assert_eq!(parse("dep\ta\tv1\n=>\tb\tv1\n=>\tc\tv1\n"), Err(Error::Replacement));
        assert_eq!(parse("dep\t\tv1\n"), Err(Error::Path));
        assert_eq!(parse("dep\n"), Err(Error::Path));
        assert_eq!(Modules::parse(b"dep\t\xff\tv1\n", 3), Err(Error::Text));
        assert!(matches!(parse(&"dep\ta\tv1\n".repeat(4)), Err(Error::Limit(_))));
    }
}
