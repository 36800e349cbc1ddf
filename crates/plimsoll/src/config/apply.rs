//! Applies a configuration file to the arguments: each key is checked against the flag of its name, and its value
//! becomes the flag's default.
//!
//! Everything here is derived from the definition of the command line, so a new flag is a new key without further work.

use std::any::TypeId;
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clap::error::{ContextKind, ContextValue};
use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches};
use plimsoll_core::{Kind, nearest, text};

use super::Stop;
use super::file::{Item, Written, folder_of};
use crate::args::Arguments;
use crate::args::trust_flags::KeyReference;
use crate::failure::Failure;

/// Flags that a file cannot set: it cannot name itself, and help is not a setting.
const NOT_IN_FILES: [&str; 3] = ["help", "version", "config"];
/// Set by name, not as a whole list; see [`super::limits`].
const LIMIT: &str = "limit";

/// One configuration file, checked: every key is a flag, and every value is valid for it.
#[derive(Debug, Clone)]
pub(crate) struct FileSettings {
    path: PathBuf,
    everywhere: BTreeMap<String, Vec<String>>,
    /// By the command as it is typed, such as `policy lint`.
    by_command: BTreeMap<String, BTreeMap<String, Vec<String>>>,
}

/// A command, and the words that call it.
pub(super) struct NamedCommand<'a> {
    pub(super) words: String,
    pub(super) command: &'a clap::Command,
}

/// Every command that can be run, in the order of the help; the first is `plimsoll` with the global flags.
pub(super) fn commands(definition: &clap::Command) -> Vec<NamedCommand<'_>> {
    fn visit<'a>(words: &str, command: &'a clap::Command, found: &mut Vec<NamedCommand<'a>>) {
        found.push(NamedCommand { words: words.to_owned(), command });
        for below in command.get_subcommands() {
            let words = format!("{words} {}", below.get_name());
            visit(words.trim_start(), below, found);
        }
    }
    let mut found = Vec::new();
    visit("", definition, &mut found);
    found
}

/// The flags of a command that a file can set.
pub(super) fn flags(command: &clap::Command) -> impl Iterator<Item = (&str, &Arg)> {
    command.get_arguments().filter_map(|argument| Some((argument.get_long()?, argument))).filter(
        |(long, argument)| !NOT_IN_FILES.contains(long) && !matches!(argument.get_action(), ArgAction::Help),
    )
}

impl FileSettings {
    pub(super) fn check(path: &Path, written: Written, definition: &clap::Command) -> Result<Self, Failure> {
        let commands = commands(definition);
        let mut settings =
            Self { path: path.to_owned(), everywhere: BTreeMap::new(), by_command: BTreeMap::new() };
        for (key, item) in written.settings {
            let taking: Vec<&Arg> = commands.iter().filter_map(|called| flag(called.command, &key)).collect();
            if taking.is_empty() {
                let known = commands.iter().flat_map(|called| flags(called.command)).map(|(long, _)| long);
                return Err(unknown(path, &key, "setting", known.chain(["commands"])));
            }
            // A value that is valid for one command may be invalid for another; that shows when the other is run.
            let mut outcomes = taking.iter().map(|argument| values(argument, &item, path));
            let first = outcomes.next();
            let values = match first {
                Some(Err(problem)) => {
                    outcomes.find_map(Result::ok).ok_or_else(|| wrong(path, &key, &problem))?
                }
                Some(Ok(values)) => values,
                None => continue,
            };
            settings.everywhere.insert(key, values);
        }
        for (words, items) in written.commands {
            let Some(called) = commands.iter().find(|called| called.words == words && !words.is_empty())
            else {
                let known = commands.iter().map(|called| called.words.as_str());
                return Err(unknown(path, &format!("commands.{words}"), "command", known));
            };
            let mut checked = BTreeMap::new();
            for (key, item) in items {
                let place = format!("commands.{words}.{key}");
                let Some(argument) = flag(called.command, &key) else {
                    let known = flags(called.command).map(|(long, _)| long);
                    return Err(unknown(path, &place, "setting of this command", known));
                };
                let values =
                    values(argument, &item, path).map_err(|problem| wrong(path, &place, &problem))?;
                checked.insert(key, values);
            }
            settings.by_command.insert(words, checked);
        }
        Ok(settings)
    }

    pub(crate) fn path(&self) -> &PathBuf {
        &self.path
    }

    /// The file's value for the flag `long` of the command `words`.
    pub(super) fn value(&self, words: &str, long: &str) -> Option<&Vec<String>> {
        self.by_command
            .get(words)
            .and_then(|settings| settings.get(long))
            .or_else(|| self.everywhere.get(long))
    }

    /// The limits, each as `NAME=VALUE`.
    pub(super) fn limits(&self) -> impl Iterator<Item = &str> {
        self.everywhere.get(LIMIT).into_iter().flatten().map(String::as_str)
    }
}

fn flag<'a>(command: &'a clap::Command, key: &str) -> Option<&'a Arg> {
    flags(command).find(|(long, _)| *long == key).map(|(_, argument)| argument)
}

/// Parses the typed arguments with the values of `files` as defaults. Without files, `definition` may contain only the
/// typed command.
pub(super) fn parse(
    definition: &mut clap::Command,
    files: &[FileSettings],
    typed: &[OsString],
) -> Result<(ArgMatches, Arguments), Stop> {
    if files.is_empty() {
        let matches = definition.try_get_matches_from_mut(typed)?;
        let arguments = Arguments::from_matches(&matches).map_err(|error| error.format(definition))?;
        return Ok((matches, arguments));
    }
    let mut left_out = BTreeSet::new();
    loop {
        let mut command = with_defaults(definition.clone(), "", files, &left_out);
        let matches = command.try_get_matches_from_mut(typed).map_err(|error| blamed(error, files, typed))?;
        // A typed flag also replaces settings of the file that it excludes, as --all-platforms does with a platform.
        let displaced = displaced(&command, &matches, files);
        if displaced.is_subset(&left_out) {
            let arguments = Arguments::from_matches(&matches).map_err(|error| error.format(&mut command))?;
            return Ok((matches, arguments));
        }
        left_out.extend(displaced);
    }
}

fn with_defaults(
    command: clap::Command,
    words: &str,
    files: &[FileSettings],
    left_out: &BTreeSet<String>,
) -> clap::Command {
    let command = command.mut_args(|argument| {
        let Some(long) = argument.get_long().filter(|long| *long != LIMIT && !left_out.contains(*long))
        else {
            return argument;
        };
        match files.iter().find_map(|file| file.value(words, long)) {
            Some(values) => argument.default_values(values.clone()).required(false),
            None => argument,
        }
    });
    command.mut_subcommands(|below| {
        let words = format!("{words} {}", below.get_name());
        with_defaults(below, words.trim_start(), files, left_out)
    })
}

/// The flags whose values in files are dropped because of flags and variables that exclude them.
fn displaced(command: &clap::Command, matches: &ArgMatches, files: &[FileSettings]) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let (mut command, mut matches, mut words) = (command, matches, String::new());
    loop {
        let given = command.get_arguments().filter(|argument| {
            let source = matches.try_contains_id(argument.get_id().as_str()).ok();
            let source = source.and_then(|_| matches.value_source(argument.get_id().as_str()));
            matches!(source, Some(ValueSource::CommandLine | ValueSource::EnvVariable))
        });
        for other in given.flat_map(|argument| command.get_arg_conflicts_with(argument)) {
            let Some(long) = other.get_long() else { continue };
            if files.iter().any(|file| file.value(&words, long).is_some()) {
                found.insert(long.to_owned());
            }
        }
        let Some((name, below)) = matches.subcommand() else { return found };
        let Some(next) = command.find_subcommand(name) else { return found };
        if !words.is_empty() {
            words.push(' ');
        }
        words.push_str(name);
        (command, matches) = (next, below);
    }
}

/// An error of the argument parser about a value that came from a file names the file.
fn blamed(error: clap::Error, files: &[FileSettings], typed: &[OsString]) -> Stop {
    let text_of = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => Some(text.as_str()),
        _ => None,
    };
    let argument = text_of(ContextKind::InvalidArg).and_then(|text| text.split_whitespace().next());
    let long = argument.and_then(|text| text.strip_prefix("--"));
    let (Some(long), Some(value)) = (long, text_of(ContextKind::InvalidValue)) else {
        return Stop::Clap(error);
    };
    let was_typed = typed.iter().any(|word| word.to_string_lossy().contains(value));
    let holder = files.iter().find(|file| {
        file.everywhere.get(long).is_some_and(|values| values.iter().any(|known| known == value))
    });
    match holder {
        Some(file) if !was_typed => {
            Failure::new(Kind::Usage, format!("{}: {long}: {}", file.path.display(), first_lines(&error)))
                .with_hint(format!("other commands take this value; put `{long}` below `commands` for those"))
                .into()
        }
        _ => Stop::Clap(error),
    }
}

/// The values of `item`, as the argument parser would get them, or what is wrong with it.
fn values(argument: &Arg, item: &Item, file: &Path) -> Result<Vec<String>, String> {
    let several = matches!(argument.get_action(), ArgAction::Append);
    let named = argument.get_value_names().is_some_and(|names| names.iter().any(|name| name.contains('=')));
    let texts = match (argument.get_action(), item) {
        (ArgAction::SetTrue | ArgAction::SetFalse, Item::One(text)) => {
            return match text.as_str() {
                "true" | "false" => Ok(vec![text.clone()]),
                _ => Err(format!("got `{}`, expected true or false", text::terminal(text))),
            };
        }
        (ArgAction::SetTrue | ArgAction::SetFalse, _) => return Err("expected true or false".to_owned()),
        (ArgAction::Count, Item::One(text)) if text.parse::<u8>().is_ok() => return Ok(vec![text.clone()]),
        (ArgAction::Count, _) => return Err("expected a small number".to_owned()),
        (_, Item::One(text)) => vec![text.clone()],
        (_, Item::List(texts)) if several => texts.clone(),
        (_, Item::Pairs(pairs)) if several && named => {
            pairs.iter().map(|(name, value)| format!("{name}={value}")).collect()
        }
        (_, Item::List(_)) => return Err("got a list, expected one value".to_owned()),
        (_, Item::Pairs(_)) => return Err("got fields, expected a value".to_owned()),
    };
    let kind = argument.get_value_parser().type_id();
    let (is_path, is_key) = (kind == TypeId::of::<PathBuf>(), kind == TypeId::of::<KeyReference>());
    texts
        .into_iter()
        .map(|text| {
            if text.is_empty() {
                return Err("got an empty text".to_owned());
            }
            if argument.get_value_delimiter().is_some_and(|delimiter| text.contains(delimiter)) {
                return Err(format!("got `{}`, expected a list instead of commas", text::terminal(&text)));
            }
            let text = if is_path || (is_key && KeyReference::is_path(&text)) {
                let path = folder_of(file).join(&text);
                path.into_os_string()
                    .into_string()
                    .map_err(|_| "the file's folder is not UTF-8".to_owned())?
            } else {
                text
            };
            accepted(argument, &text)?;
            Ok(text)
        })
        .collect()
}

/// Checks the value with the flag's own parser.
fn accepted(argument: &Arg, value: &str) -> Result<(), String> {
    let alone = Arg::new("value")
        .long(argument.get_long().unwrap_or("value").to_owned())
        .value_name("VALUE")
        .action(ArgAction::Set)
        .value_parser(argument.get_value_parser().clone());
    let word = format!("--{}={value}", argument.get_long().unwrap_or("value"));
    let parsed =
        clap::Command::new("plimsoll").arg(alone).try_get_matches_from(["plimsoll".to_owned(), word]);
    parsed.map(|_| ()).map_err(|error| first_lines(&error))
}

/// The message without the usage that follows it: that of the source, if there is one.
pub(super) fn first_lines(error: &clap::Error) -> String {
    if let Some(source) = std::error::Error::source(error) {
        return text::terminal(&source.to_string()).into_owned();
    }
    let got = match error.get(ContextKind::InvalidValue) {
        Some(ContextValue::String(value)) => format!("got `{}`", text::terminal(value)),
        _ => "not a value that it takes".to_owned(),
    };
    match error.get(ContextKind::ValidValue) {
        Some(ContextValue::Strings(valid)) => format!("{got}, expected one of {}", valid.join(", ")),
        _ => got,
    }
}

fn wrong(path: &Path, key: &str, problem: &str) -> Failure {
    Failure::new(Kind::Usage, format!("{}: {}: {problem}", path.display(), text::terminal(key)))
}

fn unknown<'a>(path: &Path, key: &str, what: &str, known: impl Iterator<Item = &'a str>) -> Failure {
    let last = key.rsplit('.').next().unwrap_or(key);
    let nearest = nearest(last, known).map(|name| format!(", did you mean \"{name}\"?")).unwrap_or_default();
    wrong(path, key, &format!("unknown {what}{nearest}"))
        .with_hint("`plimsoll config show --config /dev/null` lists every setting")
}
