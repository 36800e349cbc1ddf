//! Explains what the argument parser refuses: a value from the environment is named as such, and the habits of users of
//! other tools are answered from [`crate::args::habits`].

use std::ffi::OsString;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use plimsoll_core::{Kind, nearest, text};

use super::Stop;
use super::apply::first_lines;
use crate::args::habits;
use crate::args::shared::parse_switch;
use crate::failure::Failure;

/// Looks up an environment variable.
type Variable<'a> = &'a dyn Fn(&str) -> Option<OsString>;

/// The refusal of `typed`, explained.
pub(super) fn explained(
    error: clap::Error,
    typed: &[OsString],
    definition: &clap::Command,
    variable: Variable<'_>,
) -> Stop {
    let called = Called::by(typed, definition, context(&error, ContextKind::InvalidSubcommand));
    let failure = match error.kind() {
        ErrorKind::UnknownArgument | ErrorKind::InvalidSubcommand => called.habit(&error),
        ErrorKind::InvalidValue | ErrorKind::ValueValidation => {
            called.of_environment(&error, variable).or_else(|| called.habit_of_value(&error))
        }
        ErrorKind::ArgumentConflict => called.conflict_with_environment(&error, variable),
        ErrorKind::TooManyValues => called.value_of_switch(&error),
        _ => None,
    };
    match failure {
        Some(failure) => failure.into(),
        None => Stop::Clap(with_likely_suggestion(error)),
    }
}

/// The command that was called.
struct Called<'a> {
    /// Its words without the program's, such as `policy lint`. Empty if none was called.
    words: String,
    command: &'a clap::Command,
    definition: &'a clap::Command,
    typed: &'a [OsString],
}

impl<'a> Called<'a> {
    /// `unknown` is the word that is not a command, if there is one. Words after it do not count.
    fn by(typed: &'a [OsString], definition: &'a clap::Command, unknown: Option<&str>) -> Self {
        let (mut words, mut command) = (String::new(), definition);
        let typed_words = typed.iter().skip(1).filter_map(|word| word.to_str());
        for word in typed_words.take_while(|word| Some(*word) != unknown) {
            if let Some(below) = command.find_subcommand(word) {
                if !words.is_empty() {
                    words.push(' ');
                }
                words.push_str(word);
                command = below;
            }
        }
        Self { words, command, definition, typed }
    }

    /// The command's name in the table of habits.
    fn name(&self) -> &str {
        if self.words.is_empty() { "plimsoll" } else { &self.words }
    }

    /// A flag or a command of another tool.
    fn habit(&self, error: &clap::Error) -> Option<Failure> {
        let (what, word) = match error.kind() {
            ErrorKind::InvalidSubcommand => ("command", context(error, ContextKind::InvalidSubcommand)?),
            _ => ("argument", context(error, ContextKind::InvalidArg)?),
        };
        let word = word.split(['=', ' ']).next().unwrap_or(word);
        let answer = habits::answer(self.name(), word)?;
        Some(self.failure(&format!("unexpected {what} `{}`", text::terminal(word)), answer))
    }

    /// A value that a flag has in another tool.
    fn habit_of_value(&self, error: &clap::Error) -> Option<Failure> {
        let flag = long(context(error, ContextKind::InvalidArg)?)?;
        let value = context(error, ContextKind::InvalidValue)?;
        // Syft writes a format and the file for it in one word.
        let file = (flag == "output" && value.contains('=')).then_some("`--output-file` names the file");
        let answer = habits::answer(self.name(), &format!("--{flag}={value}")).or(file)?;
        Some(self.failure(&format!("--{flag}: {}", first_lines(error)), answer))
    }

    /// `--flag=true`, as Go programs accept it.
    fn value_of_switch(&self, error: &clap::Error) -> Option<Failure> {
        let flag = long(context(error, ContextKind::InvalidArg)?)?;
        let value = context(error, ContextKind::InvalidValue)?;
        let answer = match parse_switch(value) {
            Ok(true) => format!("`--{flag}` alone switches it on"),
            Ok(false) => format!("leave `--{flag}` out to switch it off"),
            Err(_) => return None,
        };
        Some(self.failure(&format!("--{flag} takes no value, got `{}`", text::terminal(value)), &answer))
    }

    fn failure(&self, message: &str, answer: &str) -> Failure {
        let after = if self.words.is_empty() { String::new() } else { format!(" after `{}`", self.words) };
        Failure::new(Kind::Usage, format!("{message}{after}")).with_hint(answer)
    }

    /// A value that was not typed, but set by a variable.
    fn of_environment(&self, error: &clap::Error, variable: Variable<'_>) -> Option<Failure> {
        let flag = long(context(error, ContextKind::InvalidArg)?)?;
        let (name, _) = self.set_by_environment(flag, variable)?;
        let message = format!("{name}: {}", first_lines(error));
        Some(
            Failure::new(Kind::Usage, message)
                .with_hint(format!("correct the environment variable, or unset {name}")),
        )
    }

    /// Flags that exclude each other, of which a variable sets one.
    fn conflict_with_environment(&self, error: &clap::Error, variable: Variable<'_>) -> Option<Failure> {
        let one = context(error, ContextKind::InvalidArg)?;
        let others = match error.get(ContextKind::PriorArg)? {
            ContextValue::String(other) => vec![other.as_str()],
            ContextValue::Strings(others) => others.iter().map(String::as_str).collect(),
            _ => return None,
        };
        let all = || std::iter::once(one).chain(others.iter().copied());
        let set = all().filter_map(|shown| Some(self.set_by_environment(long(shown)?, variable)?.0));
        let set: Vec<String> = set.collect();
        if set.is_empty() {
            return None;
        }
        let message = format!("{} cannot be used together", all().collect::<Vec<_>>().join(" and "));
        Some(
            Failure::new(Kind::Usage, message)
                .with_hint(format!("the environment sets {}", set.join(" and "))),
        )
    }

    /// The variable that sets `flag`, and its value, if the flag was not typed.
    fn set_by_environment(&self, flag: &str, variable: Variable<'_>) -> Option<(String, OsString)> {
        let find = |command: &'a clap::Command| {
            command.get_arguments().find(|argument| argument.get_long() == Some(flag))
        };
        let argument = find(self.command).or_else(|| find(self.definition))?;
        let is_short = |word: &str| {
            let letters = word.strip_prefix('-').filter(|letters| !letters.starts_with('-'));
            argument
                .get_short()
                .is_some_and(|short| letters.is_some_and(|letters| letters.starts_with(short)))
        };
        let is_it = |word: &OsString| {
            let word = word.to_string_lossy();
            is_short(&word)
                || word.strip_prefix("--").is_some_and(|rest| rest.split('=').next() == Some(flag))
        };
        if self.typed.iter().any(is_it) {
            return None;
        }
        let name = argument.get_env()?.to_str()?;
        Some((name.to_owned(), variable(name)?))
    }
}

/// Removes suggestions that are unlikely to help: the parser also suggests distant names, and to pass an unknown flag
/// as the value of an argument.
fn with_likely_suggestion(mut error: clap::Error) -> clap::Error {
    error.remove(ContextKind::Suggested);
    let (got, suggestion) = match error.kind() {
        ErrorKind::UnknownArgument => (ContextKind::InvalidArg, ContextKind::SuggestedArg),
        ErrorKind::InvalidSubcommand => (ContextKind::InvalidSubcommand, ContextKind::SuggestedSubcommand),
        _ => return error,
    };
    let Some(word) = context(&error, got).map(str::to_owned) else { return error };
    let suggested: Vec<String> = match error.get(suggestion) {
        Some(ContextValue::String(one)) => vec![one.clone()],
        Some(ContextValue::Strings(several)) => several.clone(),
        _ => return error,
    };
    let plain = |text: &str| text.trim_start_matches('-').to_owned();
    let likely = suggested.iter().any(|known| nearest(&plain(&word), [plain(known).as_str()]).is_some());
    if !likely {
        error.remove(suggestion);
    }
    error
}

fn context(error: &clap::Error, kind: ContextKind) -> Option<&str> {
    match error.get(kind) {
        Some(ContextValue::String(text)) => Some(text),
        _ => None,
    }
}

/// The name of a flag as the parser shows it: `--timeout <DURATION>`, `--verbose...`.
fn long(shown: &str) -> Option<&str> {
    shown.strip_prefix("--")?.split([' ', '=', '[', '.']).next()
}
