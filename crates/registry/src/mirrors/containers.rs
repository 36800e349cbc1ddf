//! `registries.conf` of the containers tools, version 2: which places are asked for an image, by the image's name.
//!
//! Follows containers-registries.conf(5) and containers-registries.conf.d(5):
//! ```toml
//! [[registry]]
//! prefix = "docker.io/library"            # the longest one that fits decides; `*.example.com` is a domain's hosts
//! location = "mirror.example/hub/library" # takes the place of the prefix
//! blocked = false                         # true: nothing of this name is pulled
//! insecure = false                        # true: plain HTTP and any certificate
//! mirror-by-digest-only = false           # true: names with a tag go to `location` only
//! [[registry.mirror]]                     # tried before `location`, in this order
//! location = "near.example/library"
//! pull-from-mirror = "all"                # or digest-only, tag-only
//! ```
//! What it says about short names is not followed: names are always complete here.

use plimsoll_core::Reference;
use plimsoll_core::text::shown;

use super::document::{Document, Table, Value};
use crate::Error;

/// One `[[registry]]`.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    prefix: String,
    location: Location,
    /// The position of `blocked = true`.
    blocked: Option<String>,
    mirrors: Vec<Location>,
}

/// A location that replaces the prefix.
#[derive(Debug, Clone)]
pub(super) struct Location {
    /// `host[:port][/path]`; `None` leaves the name as it is.
    name: Option<String>,
    /// The position of `insecure = true`.
    pub(super) insecure: Option<String>,
    /// Which names a mirror is asked for.
    tags: bool,
    digests: bool,
    /// `FILE:LINE`.
    pub(super) place: String,
}

/// The places for one name, in the order in which they are asked; the last one is the primary.
pub(super) struct SelectedPlaces<'e> {
    pub(super) mirrors: Vec<(&'e Location, Reference)>,
    pub(super) primary: (&'e Location, Reference),
}

/// Reads one file's entries.
pub(super) fn read(document: &Document) -> Result<Vec<Entry>, Error> {
    let mut table = document.parse()?;
    for short_names in [
        "unqualified-search-registries",
        "short-name-mode",
        "aliases",
        "credential-helpers",
        "additional-layer-store-auth-helper",
    ] {
        table.take(short_names);
    }
    if let Some(value) = table.take("registries") {
        version_1(value)?;
    }
    let mut entries: Vec<Entry> = Vec::new();
    for registry in table.tables("registry")? {
        let place = registry.fault("");
        let entry = entry(registry)?;
        if entries.iter().any(|e| e.prefix == entry.prefix) {
            let problem = format!("prefix `{}` occurs twice", shown(&entry.prefix));
            return Err(match place {
                Error::RegistryConfig { place, .. } => Error::RegistryConfig { place, problem },
                other => other,
            });
        }
        entries.push(entry);
    }
    table.finish();
    Ok(entries)
}

/// The lists from before 2019. Only the list of blocked registries would stop a pull.
fn version_1(value: Value<'_>) -> Result<(), Error> {
    let mut table = value.table()?;
    if let Some(block) = table.take("block") {
        let mut block = block.table()?;
        let listed = block.take("registries").map(Value::items).transpose()?.unwrap_or_default();
        if !listed.is_empty() {
            return Err(block.fault(
                "a version 1 list of blocked registries, which is not supported; write [[registry]] with `blocked = true`",
            ));
        }
    }
    for list in ["search", "insecure"] {
        table.take(list);
    }
    table.finish();
    Ok(())
}

fn entry(mut table: Table<'_>) -> Result<Entry, Error> {
    let place = table.place();
    let prefix = table.text("prefix")?;
    let location = table.text("location")?;
    let insecure = table.flag("insecure")?.map(|v| v.place());
    let blocked = table.flag("blocked")?.map(|v| v.place());
    let digest_only = table.flag("mirror-by-digest-only")?;
    if let Some(value) = table.take("pull-from-mirror") {
        return Err(value.fault("belongs into [[registry.mirror]]"));
    }
    let location = location.map(|(text, value)| name(&text, &value)).transpose()?;
    let prefix = match (prefix, &location) {
        (Some((text, value)), _) if text.starts_with("*.") => {
            name(text.get(2..).unwrap_or_default(), &value)?;
            text.trim_end_matches('/').to_owned()
        }
        (Some((text, value)), _) => name(&text, &value)?,
        (None, Some(location)) => location.clone(),
        (None, None) => return Err(table.fault("got neither `prefix` nor `location`")),
    };
    let mut mirrors = Vec::new();
    for mirror in table.tables("mirror")? {
        mirrors.push(one_mirror(mirror, digest_only.is_some())?);
    }
    table.finish();
    let location = Location { name: location, insecure, tags: true, digests: true, place };
    Ok(Entry { prefix, location, blocked, mirrors })
}

fn one_mirror(mut table: Table<'_>, digest_only: bool) -> Result<Location, Error> {
    let place = table.place();
    let Some((text, value)) = table.text("location")? else {
        return Err(table.fault("a mirror without `location`"));
    };
    let name = name(&text, &value)?;
    let insecure = table.flag("insecure")?.map(|v| v.place());
    let (tags, digests) = match table.text("pull-from-mirror")? {
        None => (!digest_only, true),
        Some((_, value)) if digest_only => {
            return Err(value.fault("cannot be used together with `mirror-by-digest-only = true`"));
        }
        Some((text, value)) => match text.as_str() {
            "all" => (true, true),
            "digest-only" => (false, true),
            "tag-only" => (true, false),
            other => {
                let got = shown(other);
                return Err(value.fault(format!("got `{got}`, expected all, digest-only or tag-only")));
            }
        },
    };
    table.finish();
    Ok(Location { name: Some(name), insecure, tags, digests, place })
}

/// `host[:port][/path]`, checked by reading a reference with it. Otherwise, `mirror/team` would silently be Docker
/// Hub's.
fn name(text: &str, value: &Value<'_>) -> Result<String, Error> {
    let name = text.trim_end_matches('/');
    if name.contains("://") {
        return Err(value.fault(format!("got `{}`, expected a name without a scheme", shown(text))));
    }
    let host = name.split('/').next().unwrap_or_default();
    // A prefix may be a whole reference; then nothing can follow it.
    let whole = name.parse::<Reference>();
    let below = format!("{name}/x").parse::<Reference>();
    match below.or(whole) {
        Ok(reference) if reference.registry() == host => Ok(name.to_owned()),
        Ok(_) => Err(value.fault(format!(
            "got `{}`, expected it to begin with a host that has a dot or a port",
            shown(text)
        ))),
        Err(error) => Err(value.fault(error.to_string())),
    }
}

impl Entry {
    pub(super) fn prefix(&self) -> &str {
        &self.prefix
    }

    /// How much of `name` the prefix covers, if it fits.
    fn covers(&self, name: &str) -> Option<usize> {
        let host = name.split('/').next().unwrap_or_default();
        let end = match self.prefix.strip_prefix("*.") {
            None => name.starts_with(&self.prefix).then_some(self.prefix.len())?,
            Some(domain) => {
                let (domain_host, path) = domain.split_once('/').map_or((domain, ""), |(h, p)| (h, p));
                if !host.strip_suffix(domain_host)?.ends_with('.') {
                    return None;
                }
                if path.is_empty() {
                    host.len()
                } else {
                    name.get(host.len() + 1..)?.starts_with(path).then_some(host.len() + 1 + path.len())?
                }
            }
        };
        match name.get(end..)?.chars().next() {
            None | Some('/' | '@') => Some(end),
            // A tag, and not a port: `example.com` does not cover `example.com:5000/a`.
            Some(':') if end > host.len() => Some(end),
            Some(_) => None,
        }
    }

    /// The places for a name that this entry covers.
    pub(super) fn choose(&self, reference: &Reference) -> Result<SelectedPlaces<'_>, Error> {
        if let Some(place) = &self.blocked {
            return Err(Error::RegistryConfig {
                place: place.clone(),
                problem: format!("`blocked = true` forbids pulling {reference}"),
            });
        }
        let digested = reference.digest().is_some();
        let wanted = |mirror: &&Location| if digested { mirror.digests } else { mirror.tags };
        let mirrors = self.mirrors.iter().filter(wanted);
        Ok(SelectedPlaces {
            mirrors: mirrors.map(|m| Ok((m, self.at(m, reference)?))).collect::<Result<_, Error>>()?,
            primary: (&self.location, self.at(&self.location, reference)?),
        })
    }

    /// The name with the prefix replaced.
    fn at(&self, location: &Location, reference: &Reference) -> Result<Reference, Error> {
        let text = reference.to_string();
        let (Some(name), Some(end)) = (&location.name, self.covers(&text)) else {
            return Ok(reference.clone());
        };
        let rewritten = format!("{name}{}", text.get(end..).unwrap_or_default());
        rewritten.parse().map_err(|error| Error::RegistryConfig {
            place: location.place.clone(),
            problem: format!("makes `{}` out of {reference}: {error}", shown(&rewritten)),
        })
    }
}

/// The entry with the longest prefix that fits.
pub(super) fn find<'e>(entries: &'e [Entry], reference: &Reference) -> Option<&'e Entry> {
    let name = reference.to_string();
    entries.iter().filter(|e| e.covers(&name).is_some()).max_by_key(|e| e.prefix.len())
}
