//! Environment variables that set flags: which of them caused a failure, and misspelled ones.

use std::ffi::OsString;

use clap::ArgMatches;
use clap::parser::ValueSource;
use plimsoll_core::{Kind, nearest};

use super::apply::commands;
use crate::failure::Failure;

const PREFIX: &str = "PLIMSOLL_";

/// Variables that do not set a flag.
const OTHERS: [&str; 3] = ["PLIMSOLL_KEY_PASSPHRASE", "PLIMSOLL_PKCS11_MODULE", "PLIMSOLL_PKCS11_PIN"];

/// A flag of the called command that a variable sets.
#[derive(Debug, Clone)]
pub(crate) struct SetByVariable {
    variable: String,
    values: Vec<String>,
}

/// The variables that set flags of the called command, without those with secrets.
pub(super) fn set_by_variables(matches: &ArgMatches, definition: &clap::Command) -> Vec<SetByVariable> {
    let (mut matches, mut command) = (matches, definition);
    let mut found = Vec::new();
    loop {
        for argument in command.get_arguments().filter(|argument| !argument.is_hide_env_values_set()) {
            let id = argument.get_id().as_str();
            // A group of flags is not in the matches.
            let known = matches.try_contains_id(id).is_ok();
            let Some(name) = argument.get_env().and_then(|name| name.to_str()).filter(|_| known) else {
                continue;
            };
            if matches.value_source(id) == Some(ValueSource::EnvVariable) {
                let raw = matches.get_raw(id).into_iter().flatten();
                let values = raw.map(|value| value.to_string_lossy().into_owned()).collect();
                found.push(SetByVariable { variable: name.to_owned(), values });
            }
        }
        let Some((name, below)) = matches.subcommand() else { return found };
        let Some(next) = command.find_subcommand(name) else { return found };
        (matches, command) = (below, next);
    }
}

/// The failure with the variable that caused it: nothing that the user typed shows where the value comes from.
pub(crate) fn blamed(failure: Failure, set: &[SetByVariable]) -> Failure {
    // A value such as `1` occurs in many messages by chance.
    const SHORTEST: usize = 4;
    if failure.hint().is_some() || !matches!(failure.kind(), Kind::Usage | Kind::NotFound) {
        return failure;
    }
    let message = failure.to_string();
    let named = |value: &String| value.len() >= SHORTEST && message.contains(value.as_str());
    match set.iter().find(|set| set.values.iter().any(named)) {
        Some(set) => failure.with_hint(format!("the environment variable {} names it", set.variable)),
        None => failure,
    }
}

/// Variables that look like Plimsoll's but have no effect, each with the name that was probably meant. Only likely
/// ones, because installers and Kubernetes also set variables with this prefix.
pub(super) fn misspelled(
    names: impl Iterator<Item = OsString>,
    definition: &mut dyn FnMut() -> clap::Command,
) -> Vec<(String, String)> {
    let names: Vec<String> =
        names.filter_map(|name| name.into_string().ok()).filter(|name| name.starts_with(PREFIX)).collect();
    if names.is_empty() {
        return Vec::new();
    }
    let definition = definition();
    let flags = commands(&definition);
    let flags = flags.iter().flat_map(|called| called.command.get_arguments());
    let mut known: Vec<&str> = flags.filter_map(|argument| argument.get_env()?.to_str()).collect();
    known.extend(OTHERS);
    let unknown = names.into_iter().filter(|name| !known.contains(&name.as_str()));
    let likely = |name: String| {
        let rest = name.strip_prefix(PREFIX)?;
        // Typing errors are rare in the first letter: PEERS is not a misspelled FEEDS.
        let begins_alike = |known: &&str| known.chars().next() == rest.chars().next();
        let names = known.iter().filter_map(|known| known.strip_prefix(PREFIX));
        let meant = nearest(rest, names.filter(begins_alike))?;
        let meant = format!("{PREFIX}{meant}");
        Some((name, meant))
    };
    unknown.filter_map(likely).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn likely_misspellings_are_found_and_other_programs_variables_are_not() {
        let names = [
            "PLIMSOLL_POLICY",
            "PLIMSOLL_POLCY",
            "PLIMSOLL_OFF_LINE",
            "PLIMSOLL_KEY_PASSPHRASE",
            "PLIMSOLL_VERSION",
            "PLIMSOLL_SERVICE_HOST",
            "PLIMSOLL_SERVICE_PORT",
            "PLIMSOLL_PORT",
            "PLIMSOLL_PORT_443_TCP_ADDR",
            "PLIMSOLL_PEERS",
            "PLIMSOLL_TEST_DATA",
            "PATH",
        ];
        let found = misspelled(names.into_iter().map(OsString::from), &mut crate::args::definition);
        let pair = |got: &str, meant: &str| (got.to_owned(), meant.to_owned());
        assert_eq!(
            found,
            [pair("PLIMSOLL_POLCY", "PLIMSOLL_POLICY"), pair("PLIMSOLL_OFF_LINE", "PLIMSOLL_OFFLINE")]
        );
    }
}
