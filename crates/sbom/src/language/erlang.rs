//! Applications of Erlang and Elixir in a release: the resource file of each (`app(4)`).
//!
//! ```erlang
//! {application, 'rabbit', [
//!     {description, "RabbitMQ"},
//!     {vsn, "3.12.10"}]}.
//! ```
//!
//! The file does not say where the application comes from: those of Erlang's own distribution look the same as those of
//! Hex. The package URL has the type of applications, and advisories are looked up by it.

use plimsoll_core::rootfs::Bound;

use super::described::{Described, Packages};
use super::shown::{Package, component};
use crate::cataloger::{File, Selection};

/// Finds applications.
pub(crate) const ERLANG: Described = Described {
    id: "erlang",
    version: 2,
    purl_types: &["otp"],
    selections: &[Selection::whole(&["**/ebin/*.app"], Bound::Metadata)],
    marks_folders: false,
    read,
};

#[expect(clippy::unnecessary_wraps, reason = "other kinds have files that only have a similar name")]
fn read(file: &File<'_>) -> Packages {
    let text = String::from_utf8_lossy(file.content);
    let term = text.lines().filter(|line| !line.trim_start().starts_with('%')).collect::<Vec<_>>().join("\n");
    // Apple also names program bundles `*.app`, but those are folders.
    let Some((name, rest)) = application(&term) else {
        return Some(Err("is not a resource of an application".to_owned()));
    };
    let version = tuple(rest, "vsn").and_then(|value| value.strip_prefix('"')?.split('"').next());
    let Some(version) = version else { return Some(Err("has no vsn that is a literal".to_owned())) };
    // An application that was never built for a release has none.
    let found = match version {
        "" => Package { purl_type: "otp", namespace: "", name, version: None, qualifiers: &[], subpath: "" }
            .component(),
        version => component("otp", "", name, version),
    };
    Some(found.map(|found| vec![found]))
}

/// The name of the application, and the rest of its term.
fn application(term: &str) -> Option<(&str, &str)> {
    let (name, rest) = tuple(term, "application")?.split_once(',')?;
    Some((name.trim().trim_matches('\''), rest))
}

/// The text after the first element of the first tuple that starts with `atom`.
fn tuple<'a>(term: &'a str, atom: &str) -> Option<&'a str> {
    term.match_indices('{').find_map(|(at, _)| {
        let rest = term.get(at + 1..)?.trim_start();
        let quoted = || rest.strip_prefix('\'')?.strip_prefix(atom)?.strip_prefix('\'');
        rest.strip_prefix(atom).or_else(quoted)?.trim_start().strip_prefix(',').map(str::trim_start)
    })
}

#[cfg(test)]
mod tests {
    use plimsoll_core::Limits;

    use super::*;

    #[test]
    fn applications_are_read_as_erlang_and_elixir_write_them() {
        let shown = |content: &str| {
            let (content, limits) = (content.as_bytes(), &Limits::default());
            let file = File { content, limits, shows_package: &|_| true, may_be_unread: &|_| true };
            read(&file).map(|found| found.map(|it| it[0].purl.to_string()))
        };
        for (content, expected) in [
            (
                "%% This is\n{application,jason,[{modules,['Elixir.Jason']},{vsn,\"1.4.1\"}]}.\n",
                Some(Ok("pkg:otp/jason@1.4.1".to_owned())),
            ),
            ("{application, 'rabbit', [\n\t{vsn, \"3.12\"}]}.", Some(Ok("pkg:otp/rabbit@3.12".to_owned()))),
            ("{application, x, []}.", Some(Err("has no vsn that is a literal".to_owned()))),
            ("no term", Some(Err("is not a resource of an application".to_owned()))),
            ("{ application , cowboy, [{ 'vsn', \"1.0\"}]}.", Some(Ok("pkg:otp/cowboy@1.0".to_owned()))),
        ] {
            assert_eq!(shown(content), expected, "{content}");
        }
    }
}
