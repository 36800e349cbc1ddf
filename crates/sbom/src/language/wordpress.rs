//! WordPress with its plugins and themes, identified by the comment at the top of each ("Header Requirements").
//!
//! ```text
//! /*
//!  * Plugin Name: Akismet Anti-spam
//!  * Version: 5.3
//!  * License: GPLv2 or later
//!  */
//! ```
//!
//! The name of a plugin at wordpress.org is that of its folder, or of its file if it has no folder. The version of
//! WordPress itself is in `wp-includes/version.php`.

use std::sync::Arc;

use plimsoll_core::rootfs::{Fact, Footprint, Need};
use serde::{Deserialize, Serialize};

use super::shown::Package;
use crate::cataloger::{Cataloger, Coverage, File, Mode, Selection};
use crate::context::Context;
use crate::fact::FactKind;
use crate::inventory::{Component, ProblemCode};
use crate::licence::Licence;
use crate::ownership::FileDigests;

const CORE: u16 = 0;
const PLUGIN: u16 = 1;
const THEME: u16 = 2;

/// WordPress itself reads this many bytes.
const HEAD: u64 = 8 << 10;

const SELECTIONS: &[Selection] = &[
    head(&["**/wp-includes/version.php"]),
    head(&["**/wp-content/plugins/*.php", "**/wp-content/plugins/*/*.php", "**/wp-content/mu-plugins/*.php"]),
    head(&["**/wp-content/themes/*/style.css"]),
];

const fn head(paths: &'static [&'static str]) -> Selection {
    Selection { paths, mode: Mode::Any, min_size: 0, need: Need::Head { bytes: HEAD } }
}

/// Finds WordPress, its plugins and themes.
pub(crate) struct WordPress;

/// The fields of a header.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Header {
    version: Option<String>,
    licence: Option<String>,
}

impl Footprint for Header {
    fn footprint(&self) -> usize {
        let text = self.version.iter().chain(&self.licence).map(String::len);
        size_of::<Self>() + text.sum::<usize>()
    }
}

impl Cataloger for WordPress {
    fn id(&self) -> &'static str {
        "wordpress"
    }

    fn version(&self) -> u32 {
        1
    }

    fn coverage(&self) -> Coverage {
        Coverage::Language
    }

    fn purl_types(&self) -> &'static [&'static str] {
        &["generic"]
    }

    fn selections(&self) -> &'static [Selection] {
        SELECTIONS
    }

    fn facts(&self) -> &'static [FactKind] {
        const { &[FactKind::for_type::<Header>()] }
    }

    fn extract(&self, selection: u16, file: &File<'_>) -> Option<Arc<dyn Fact>> {
        let text = String::from_utf8_lossy(file.content);
        let header = match selection {
            CORE => Some(Header { version: assigned(&text).map(str::to_owned), licence: None }),
            PLUGIN => header(&text, "Plugin Name"),
            _ => header(&text, "Theme Name"),
        };
        header.map(|header| Arc::new(header) as Arc<dyn Fact>)
    }

    fn finish(&self, context: &mut Context<'_, '_>) {
        for (selection, kind) in [(CORE, ""), (PLUGIN, "wordpress-plugin"), (THEME, "wordpress-theme")] {
            context.tell_unread([selection]);
            for (file, header) in context.distinct::<Header>(&[selection]) {
                match component(kind, &file.path, header) {
                    Ok(component) => {
                        context.add_shown(&component, file, None::<&FileDigests>);
                    }
                    Err(detail) => context.problem(ProblemCode::UnparsableMetadata, &file.path, detail),
                }
            }
        }
    }
}

fn component(kind: &str, path: &str, header: &Header) -> Result<Component, String> {
    let name = match kind {
        "" => "wordpress",
        _ => slug(path).ok_or("has no name")?,
    };
    let version = header.version.as_deref();
    let package =
        Package { purl_type: "generic", namespace: kind, name, version, qualifiers: &[], subpath: "" };
    let mut component = package.component()?;
    component.licenses = header.licence.as_deref().and_then(Licence::stated).into_iter().collect();
    Ok(component)
}

/// The folder below `plugins` or `themes`, or the file there.
fn slug(path: &str) -> Option<&str> {
    let mut names = path.rsplit('/');
    let (file, folder) = (names.next()?, names.next()?);
    match folder {
        "plugins" | "mu-plugins" => file.strip_suffix(".php"),
        folder => Some(folder),
    }
}

/// The header of a file that has this field, as WordPress finds it: a line of a comment that ends with the name and a colon.
fn header(text: &str, of: &str) -> Option<Header> {
    let field = |name: &str| {
        text.lines().find_map(|line| {
            let line = line.trim_start_matches(|c: char| c.is_whitespace() || "/*#@".contains(c));
            let rest = line.get(..name.len()).filter(|start| start.eq_ignore_ascii_case(name))?;
            let value = line.get(rest.len()..)?.trim_start().strip_prefix(':')?;
            let value = value.split("*/").next().unwrap_or(value).trim();
            (!value.is_empty()).then(|| value.to_owned())
        })
    };
    field(of)?;
    Some(Header { version: field("Version"), licence: field("License") })
}

/// The text of `$wp_version = '6.4.2';`.
fn assigned(text: &str) -> Option<&str> {
    let right = text
        .lines()
        .find_map(|line| line.trim_start().strip_prefix("$wp_version")?.trim_start().strip_prefix('='))?;
    let value = right.trim_start().trim_end().trim_end_matches(';');
    value.strip_prefix('\'').and_then(|it| it.strip_suffix('\''))
}

#[cfg(test)]
mod tests {
    use plimsoll_core::Limits;
    use plimsoll_core::rootfs::FileSet;

    use crate::catalogers::select;

    #[test]
    fn plugins_and_themes_are_listed_by_their_folder() {
        let mut set = FileSet::default();
        for (path, content) in [
            ("var/www/wp-includes/version.php", "<?php\n$wp_version = '6.4.2';\n"),
            (
                "var/www/wp-content/plugins/akismet/akismet.php",
                "<?php\n/**\n * Plugin Name: Akismet\n * Version: 5.3\n * License: GPLv2 or later\n */\n",
            ),
            ("var/www/wp-content/plugins/akismet/class.php", "<?php\n/* Version: 9 */\n"),
            (
                "var/www/wp-content/plugins/hello.php",
                "<?php\n/*\nPlugin Name: Hello Dolly\nVersion: 1.7.2\n*/\n",
            ),
            ("var/www/wp-content/themes/twenty/style.css", "/*\nTheme Name: Twenty\n*/\n"),
        ] {
            set.add(select(), path, None, content.as_bytes());
        }
        let inventory = crate::catalog(&set, &Limits::default());
        let found: Vec<String> = inventory.components.iter().map(|it| it.purl.to_string()).collect();
        assert_eq!(
            found,
            [
                "pkg:generic/wordpress@6.4.2",
                "pkg:generic/wordpress-plugin/akismet@5.3",
                "pkg:generic/wordpress-plugin/hello@1.7.2",
                "pkg:generic/wordpress-theme/twenty",
            ]
        );
    }
}
