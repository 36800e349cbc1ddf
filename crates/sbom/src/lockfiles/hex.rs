//! Lock files of Elixir and Erlang: `mix.lock` and `rebar.lock`, in the layout of mix and rebar3.
//!
//! ```text
//! %{
//!   "castore": {:hex, :castore, "0.1.17", "ba67…", [:mix], [], "hexpm", "d984…"},
//!   "foo": {:git, "https://github.com/my-org/foo.git", "fc94…", [branch: "main"]},
//! }
//! ```
//!
//! ```text
//! {"1.2.0",
//! [{<<"certifi">>,{pkg,<<"certifi">>,<<"2.9.0">>},0},
//!  {<<"foo">>,
//!   {git,"https://github.com/my-org/foo.git",{ref,"fc94…"}},
//!   0}]}.
//! [{pkg_hash,[{<<"certifi">>, <<"6F2A…">>}]}].
//! ```

use super::Locked;

pub(super) fn mix(text: &str) -> Result<Vec<Locked>, String> {
    let Some(body) = text.trim().strip_prefix("%{").and_then(|rest| rest.strip_suffix('}')) else {
        return Err("is not a lock file: it is not an Elixir map".to_owned());
    };
    let mut locked = Vec::new();
    for line in body.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let entry = line.strip_prefix('"').and_then(|rest| rest.split_once("\":"));
        let Some((name, entry)) = entry else { return Err(OTHERWISE.to_owned()) };
        let entry = entry.trim().trim_start_matches('{');
        let mut fields = entry.split(',').map(|field| field.trim().trim_matches([':', '"']));
        match (fields.next(), fields.next(), fields.next()) {
            (Some("hex"), Some(package), Some(version)) => locked.push(Locked::new(package, version)),
            (Some("path"), ..) => {}
            _ => locked.push(Locked::unpinned(name)),
        }
    }
    Ok(locked)
}

const OTHERWISE: &str = "is not laid out as mix does it";

pub(super) fn rebar(text: &str) -> Result<Vec<Locked>, String> {
    let text = text.trim();
    if !text.ends_with("].") {
        return Err("is not a lock file: it is not an Erlang list".to_owned());
    }
    // Every package has its name before a tuple; the hashes that follow have binaries there.
    let one = |entry: &str| {
        let (name, rest) = entry.split_once("\">>,")?;
        let source = rest.trim_start().strip_prefix('{')?;
        let Some(package) = source.strip_prefix("pkg,<<\"") else { return Some(Locked::unpinned(name)) };
        let (package, rest) = package.split_once("\">>,<<\"")?;
        let (version, rest) = rest.split_once('"')?;
        // The depth of the dependency follows: `>>},0},`.
        let level = rest.trim_start_matches(|c: char| !c.is_ascii_digit() && c != ']');
        Some(Locked::new(package, version).direct(level.starts_with("0}")))
    };
    Ok(text.split("{<<\"").skip(1).filter_map(one).collect())
}
