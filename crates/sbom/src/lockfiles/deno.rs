//! `deno.lock`, versions 2 to 5: npm and JSR packages, by name and version, and the URLs of single modules.
//!
//! ```json
//! {"version": "4",
//!  "jsr": {"@std/bytes@1.0.2": {"integrity": "…"}},
//!  "npm": {"chalk@5.3.0": {}, "typedoc@0.28.19_typescript@6.0.3": {}},
//!  "remote": {"https://deno.land/std@0.140.0/path/mod.ts": "…"}}
//! ```
//!
//! Version 3 has the first two below `packages`, version 2 has npm packages below `npm.packages`. Modules of Deno's own
//! host name a Deno package, and those of hosts that serve npm packages an npm package. Others are reported.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use super::Locked;

#[derive(Deserialize)]
struct Document {
    #[serde(rename = "version")]
    _version: String,
    #[serde(default)]
    jsr: BTreeMap<String, Value>,
    #[serde(default)]
    npm: BTreeMap<String, Value>,
    #[serde(default)]
    packages: Option<Packages>,
    #[serde(default)]
    remote: BTreeMap<String, Value>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Packages {
    jsr: BTreeMap<String, Value>,
    npm: BTreeMap<String, Value>,
}

pub(super) fn read(text: &str) -> Result<Vec<Locked>, String> {
    let Document { jsr, npm, packages, remote, .. } = super::strict_json(text)?;
    let Packages { jsr: older_jsr, npm: older_npm } = packages.unwrap_or_default();
    let oldest = npm.get("packages").and_then(Value::as_object);
    let of_npm = npm.keys().chain(older_npm.keys()).chain(oldest.into_iter().flat_map(|it| it.keys()));
    let of_npm = of_npm.filter_map(|key| package(key));
    let of_jsr = jsr.keys().chain(older_jsr.keys()).filter_map(|key| package(key));
    let of_jsr = of_jsr.map(|it| it.qualifier("repository_url", "https://jsr.io"));
    let of_remote = remote.keys().map(|address| module(address));
    Ok(of_npm.chain(of_jsr).chain(of_remote).collect())
}

/// `@scope/name@1.0.0_peer@2.0.0`. `None` if it is not the key of a package.
fn package(key: &str) -> Option<Locked> {
    let at = key.get(1..)?.find('@')? + 1;
    let version = key.get(at + 1..)?;
    let version = version.split_once('_').map_or(version, |(version, _)| version);
    Some(Locked::new(key.get(..at)?, version))
}

/// Hosts that serve npm packages.
const OF_NPM: [&str; 4] =
    ["https://esm.sh/", "https://unpkg.com/", "https://cdn.skypack.dev/", "https://cdn.jsdelivr.net/npm/"];

/// `https://deno.land/x/oak@v12.0.0/mod.ts`
fn module(address: &str) -> Locked {
    let own = || {
        let path = address.strip_prefix("https://deno.land/")?;
        let path = path.strip_prefix("x/").unwrap_or(path);
        let (name, version) = path.split('/').next()?.split_once('@')?;
        Some(Locked::new(format!("deno.land/{name}"), version).of_type("generic"))
    };
    own().or_else(|| of_npm(address)).unwrap_or_else(|| {
        // All modules of a host are reported together.
        let (_, rest) = address.split_once("://").unwrap_or(("", address));
        Locked::new(format!("modules of {}", rest.split('/').next().unwrap_or(rest)), "")
    })
}

/// `https://esm.sh/v135/@scope/name@1.0.0/es2022/mod.js`
fn of_npm(address: &str) -> Option<Locked> {
    let path = OF_NPM.iter().find_map(|host| address.strip_prefix(host))?;
    let mut names = path
        .split(['/', '?'])
        .skip_while(|name| !name.contains('@'))
        .map(|name| name.trim_start_matches('*'));
    let first = names.next()?;
    let package =
        if first.starts_with('@') { format!("{first}/{}", names.next()?) } else { first.to_owned() };
    let (name, version) = package.rsplit_once('@').filter(|(name, _)| !name.is_empty())?;
    let is_version = version.starts_with(|c: char| c.is_ascii_digit());
    Some(if is_version { Locked::new(name, version) } else { Locked::unpinned(name) })
}
