//! Finding and reading configuration files.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;
use std::fs::File;
use std::path::{Path, PathBuf};

use plimsoll_core::{Kind, Limits, read, yaml};
use serde::Deserialize;
use serde::de::{self, MapAccess, SeqAccess, Visitor};

use crate::failure::Failure;
use crate::report::config::Rank;

/// Below the user's configuration folder.
const NAME: &str = "plimsoll/config.yaml";
const SYSTEM: &str = "/etc/plimsoll/config.yaml";

/// A place where a configuration file may be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) path: PathBuf,
    pub(crate) rank: Rank,
}

/// The places to search, in order of precedence. Relative folders in the environment are ignored, as the XDG base
/// directory specification requires: they would be inside whatever is being judged.
pub(crate) fn places(named: Option<PathBuf>, variable: impl Fn(&str) -> Option<OsString>) -> Vec<Place> {
    if let Some(path) = named {
        return vec![Place { path, rank: Rank::Named }];
    }
    let folder = |name| variable(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let user = folder("XDG_CONFIG_HOME").or_else(|| folder("HOME").map(|home| home.join(".config")));
    let user = user.map(|folder| Place { path: folder.join(NAME), rank: Rank::User });
    user.into_iter().chain([Place { path: SYSTEM.into(), rank: Rank::System }]).collect()
}

/// The file that `--config` or the environment names. It is needed before the arguments can be parsed, because it
/// contains their defaults; the parser sees the flag again and refuses invalid uses.
pub(super) fn named(typed: &[OsString], environment: Option<OsString>) -> Option<PathBuf> {
    let mut words = typed.iter().skip(1).take_while(|word| *word != "--");
    while let Some(word) = words.next() {
        if word == "--config" {
            return words.next().map(PathBuf::from);
        }
        if let Some(path) = word.to_str().and_then(|word| word.strip_prefix("--config=")) {
            return Some(path.into());
        }
    }
    environment.filter(|path| !path.is_empty()).map(PathBuf::from)
}

impl Place {
    /// Reads the file, if there is one. Its keys are not interpreted.
    pub(super) fn read(&self) -> Result<Option<Written>, Failure> {
        let unreadable = |error: std::io::Error| {
            let message = format!("cannot read configuration {}: {error}", self.path.display());
            Failure::new(Kind::of_reading(&error), message)
        };
        let file = match File::open(&self.path) {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound && self.rank != Rank::Named => {
                return Ok(None);
            }
            Err(error) => return Err(unreadable(error)),
        };
        if may_be_changed_by_anyone(&file.metadata().map_err(unreadable)?) {
            return Err(Failure::new(
                Kind::Usage,
                format!("configuration {} may be written by every user of this machine", self.path.display()),
            )
            .with_hint(format!("chmod o-w {}", self.path.display())));
        }
        let origin = self.path.display().to_string();
        // Settings cannot raise the limit for their own file.
        let limit = Limits::default().document_bytes;
        let bytes = read::to_end(file, limit, "document_bytes", &origin).map_err(|error| match error {
            read::Error::Io { source, .. } => unreadable(source),
            other => Failure::new(Kind::Usage, other.to_string()),
        })?;
        if is_blank(&bytes) {
            return Ok(Some(Written::default()));
        }
        Ok(Some(yaml::read(&bytes, &origin, yaml::Size::DOCUMENT)?))
    }
}

/// Whether it contains only comments and white space, in which a YAML parser finds no document.
fn is_blank(bytes: &[u8]) -> bool {
    bytes.split(|byte| *byte == b'\n').all(|line| {
        let line = line.trim_ascii();
        line.is_empty() || line.starts_with(b"#")
    })
}

#[cfg(unix)]
fn may_be_changed_by_anyone(metadata: &std::fs::Metadata) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    // Anyone may write to a pipe or /dev/null, but they do not keep what others wrote.
    metadata.is_file() && metadata.permissions().mode() & 0o002 != 0
}

#[cfg(not(unix))]
fn may_be_changed_by_anyone(_: &std::fs::Metadata) -> bool {
    false
}

/// The content of a configuration file.
#[derive(Debug, Default)]
pub(super) struct Written {
    pub(super) settings: BTreeMap<String, Item>,
    pub(super) commands: BTreeMap<String, BTreeMap<String, Item>>,
}

/// The value of one key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Item {
    One(String),
    List(Vec<String>),
    Pairs(Vec<(String, String)>),
}

impl<'de> Deserialize<'de> for Written {
    fn deserialize<D: de::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Keys;
        impl<'de> Visitor<'de> for Keys {
            type Value = Written;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("settings, such as `offline: true`")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Written, A::Error> {
                let mut written = Written::default();
                while let Some(key) = map.next_key::<String>()? {
                    if key == "commands" {
                        written.commands = map.next_value()?;
                    } else {
                        let value = map.next_value()?;
                        written.settings.insert(key, value);
                    }
                }
                Ok(written)
            }
        }
        deserializer.deserialize_map(Keys)
    }
}

/// A text, whole number or boolean, as text.
struct Scalar(String);

impl<'de> Deserialize<'de> for Scalar {
    fn deserialize<D: de::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Item::deserialize(deserializer)? {
            Item::One(text) => Ok(Self(text)),
            _ => Err(de::Error::custom("expected a single value")),
        }
    }
}

impl<'de> Deserialize<'de> for Item {
    fn deserialize<D: de::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any;
        impl<'de> Visitor<'de> for Any {
            type Value = Item;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text, whole number, true, false or a list of them")
            }

            fn visit_bool<E>(self, value: bool) -> Result<Item, E> {
                Ok(Item::One(value.to_string()))
            }

            fn visit_u64<E>(self, value: u64) -> Result<Item, E> {
                Ok(Item::One(value.to_string()))
            }

            fn visit_i64<E>(self, value: i64) -> Result<Item, E> {
                Ok(Item::One(value.to_string()))
            }

            fn visit_f64<E: de::Error>(self, _: f64) -> Result<Item, E> {
                // 1.10 would become 1.1.
                Err(E::custom("got a number with a fraction; put it in quotes if it is a text"))
            }

            fn visit_str<E>(self, value: &str) -> Result<Item, E> {
                Ok(Item::One(value.to_owned()))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Item, A::Error> {
                let mut items = Vec::new();
                while let Some(Scalar(item)) = list.next_element()? {
                    items.push(item);
                }
                Ok(Item::List(items))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Item, A::Error> {
                let mut pairs = Vec::new();
                while let Some((name, Scalar(value))) = map.next_entry()? {
                    pairs.push((name, value));
                }
                Ok(Item::Pairs(pairs))
            }
        }
        deserializer.deserialize_any(Any)
    }
}

/// The folder that relative paths in the file `path` start from.
pub(super) fn folder_of(path: &Path) -> &Path {
    path.parent().unwrap_or(Path::new(""))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn in_environment(pairs: &[(&str, &str)]) -> Vec<String> {
        let value = |name: &str| pairs.iter().find(|(n, _)| *n == name).map(|(_, v)| OsString::from(v));
        places(None, value).into_iter().map(|place| place.path.display().to_string()).collect()
    }

    #[test]
    fn the_users_file_comes_before_the_systems_and_never_from_a_relative_folder() {
        let system = "/etc/plimsoll/config.yaml";
        assert_eq!(in_environment(&[("HOME", "/u")]), ["/u/.config/plimsoll/config.yaml", system]);
        let both = [("HOME", "/u"), ("XDG_CONFIG_HOME", "/c")];
        assert_eq!(in_environment(&both), ["/c/plimsoll/config.yaml", system]);
        let relative = [("HOME", "."), ("XDG_CONFIG_HOME", "config")];
        assert_eq!(in_environment(&relative), [system]);
        let named = places(Some("x.yaml".into()), |_| Some("/u".into()));
        assert_eq!(named, [Place { path: "x.yaml".into(), rank: Rank::Named }]);
    }

    #[test]
    fn the_flag_names_the_file_and_words_after_two_dashes_do_not() {
        let named = |words: &[&str], environment: Option<&str>| {
            let typed: Vec<OsString> = ["plimsoll"].iter().chain(words).map(OsString::from).collect();
            named(&typed, environment.map(OsString::from)).map(|path| path.display().to_string())
        };
        assert_eq!(named(&["check", "--config", "a", "x"], Some("e")).as_deref(), Some("a"));
        assert_eq!(named(&["--config=a", "check", "x"], None).as_deref(), Some("a"));
        assert_eq!(named(&["check", "--", "--config", "a"], Some("e")).as_deref(), Some("e"));
        assert_eq!(named(&["check", "x"], Some("")), None);
    }
}
