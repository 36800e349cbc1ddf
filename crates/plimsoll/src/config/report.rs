//! The value and origin of each setting, for `config show`.

use std::ffi::OsStr;

use clap::{ArgMatches, parser::ValueSource};
use plimsoll_core::Limits;
use plimsoll_keys::shown;

use super::apply::{FileSettings, commands, flags};
use crate::report::config::{LimitRow, Origin, SettingRow, Value};

/// The global flags that were typed.
pub(super) fn typed(matches: &ArgMatches, definition: &clap::Command) -> Vec<String> {
    let globals = flags(definition);
    let typed = globals.filter(|(_, argument)| {
        matches.value_source(argument.get_id().as_str()) == Some(ValueSource::CommandLine)
    });
    typed.map(|(long, argument)| format!("{long}={}", raw(matches, argument))).collect()
}

fn raw(matches: &ArgMatches, argument: &clap::Arg) -> String {
    match argument.get_action() {
        clap::ArgAction::SetTrue => "true".to_owned(),
        clap::ArgAction::Count => matches.get_count(argument.get_id().as_str()).to_string(),
        _ => {
            let values = matches.get_raw(argument.get_id().as_str()).into_iter().flatten();
            values.map(OsStr::to_string_lossy).collect::<Vec<_>>().join(",")
        }
    }
}

pub(super) fn settings(
    definition: &clap::Command,
    files: &[FileSettings],
    typed: &[String],
) -> Vec<SettingRow> {
    let mut rows: Vec<SettingRow> = Vec::new();
    for called in commands(definition) {
        for (long, argument) in flags(called.command).filter(|(long, _)| *long != "limit") {
            let (value, origin) = effective(argument, long, &called.words, files, typed);
            match rows.iter_mut().find(|row| row.name == long && row.value == value && row.origin == origin) {
                Some(row) => row.commands.push(called.words.clone()),
                None => rows.push(SettingRow {
                    name: long.to_owned(),
                    value,
                    origin,
                    commands: vec![called.words.clone()],
                }),
            }
        }
    }
    rows.sort_by(|a, b| a.name.cmp(&b.name));
    let names: Vec<String> = rows.iter().map(|row| row.name.clone()).collect();
    for row in &mut rows {
        // The commands are only named if they differ.
        if names.iter().filter(|name| **name == row.name).count() == 1 {
            row.commands.clear();
        }
    }
    rows
}

fn effective(
    argument: &clap::Arg,
    long: &str,
    words: &str,
    files: &[FileSettings],
    typed: &[String],
) -> (Value, Origin) {
    let flag = typed.iter().find_map(|text| text.strip_prefix(long)?.strip_prefix('='));
    if let (Some(text), "") = (flag, words) {
        return (shown_key(long, Value::One(text.to_owned())), Origin::Flag);
    }
    let secret = (argument.is_hide_env_values_set() && long != "key")
        || ["password", "passphrase", "token", "secret"].iter().any(|word| long.contains(word));
    let hidden =
        |value: Value| if secret { Value::One("(hidden)".to_owned()) } else { shown_key(long, value) };
    let several = matches!(argument.get_action(), clap::ArgAction::Append);
    if let Some((name, text)) = argument.get_env().and_then(|name| Some((name, std::env::var_os(name)?))) {
        let text = text.to_string_lossy().into_owned();
        let value = match argument.get_value_delimiter() {
            Some(delimiter) if several => Value::Several(text.split(delimiter).map(str::to_owned).collect()),
            _ => Value::One(text),
        };
        return (hidden(value), Origin::Environment(name.to_string_lossy().into_owned()));
    }
    if let Some((file, values)) = files.iter().find_map(|file| Some((file, file.value(words, long)?))) {
        let value = match values.as_slice() {
            [one] if !several => Value::One(one.clone()),
            several => Value::Several(several.to_vec()),
        };
        return (hidden(value), Origin::File(file.path().clone()));
    }
    let defaults: Vec<String> =
        argument.get_default_values().iter().map(|text| text.to_string_lossy().into_owned()).collect();
    let value = match (defaults.as_slice(), argument.get_action()) {
        ([], clap::ArgAction::SetTrue) => Value::One("false".to_owned()),
        ([], clap::ArgAction::Count) => Value::One("0".to_owned()),
        ([], _) => Value::Unset(()),
        ([one], _) if !several => Value::One(one.clone()),
        (all, _) => Value::Several(all.to_vec()),
    };
    (value, Origin::Default)
}

/// A key without the PIN that a token's URI may contain.
fn shown_key(long: &str, value: Value) -> Value {
    match value {
        Value::One(key) if long == "key" => Value::One(shown(&key)),
        Value::Several(keys) if long == "key" => Value::Several(keys.iter().map(|key| shown(key)).collect()),
        other => other,
    }
}

pub(super) fn limit_rows(limits: &Limits, origins: &[(String, Origin)]) -> Vec<LimitRow> {
    let origin_of = |name: &str| {
        origins.iter().find(|(known, _)| known == name).map_or(Origin::Default, |(_, origin)| origin.clone())
    };
    let rows = limits.list().into_iter().map(|limit| LimitRow {
        name: limit.name,
        value: limit.value,
        shown: limit.shown(),
        origin: origin_of(limit.name),
        meaning: limit.meaning,
    });
    rows.collect()
}
