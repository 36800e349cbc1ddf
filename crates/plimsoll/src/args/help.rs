//! How much `--help` shows.
//!
//! Without `--verbose`, it is a short page for people: what the command does, everyday flags, and examples.
//! With it, every flag is described in full and with its environment variable, as in the manual pages.

use std::ffi::{OsStr, OsString};

use clap::builder::StyledStr;
use clap::{Arg, ArgAction, Command};

/// How much is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Detail {
    /// Everyday flags, a line or two each.
    Concise,
    /// Every flag with its values and its environment variable.
    Full,
}

impl Detail {
    /// The detail that the words of a command line request.
    pub(crate) fn of_words<'a>(words: impl IntoIterator<Item = &'a OsString>) -> Self {
        let is_verbose = |word: &OsStr| {
            let text = word.to_str().unwrap_or_default();
            let short = text.strip_prefix('-').is_some_and(|letters| {
                letters.contains('v') && letters.chars().all(|letter| "hqv".contains(letter))
            });
            short || text == "--verbose"
        };
        if words.into_iter().any(|word| is_verbose(word)) { Self::Full } else { Self::Concise }
    }
}

/// The same definition with a help text of this detail. It accepts the same arguments.
pub(crate) fn with_detail(definition: Command, detail: Detail) -> Command {
    let action = match detail {
        Detail::Concise => ArgAction::HelpShort,
        Detail::Full => ArgAction::HelpLong,
    };
    let help = Arg::new("help")
        .short('h')
        .long("help")
        .action(action)
        .help("Print help; with --verbose, every flag and its variable");
    let below = |command: Command| with_detail(command, detail);
    let definition = definition.disable_help_flag(true).arg(help).mut_subcommands(below);
    match detail {
        Detail::Full => definition,
        Detail::Concise => concise(definition.mut_args(|argument| argument.hide_env(true))),
    }
}

/// Shows the whole description, not only its first sentence, because it distinguishes similar commands.
fn concise(command: Command) -> Command {
    const WITHOUT_ABOUT: &str = "{before-help}{usage-heading} {usage}\n\n{all-args}{after-help}";
    match command.get_long_about().cloned() {
        Some(description) => command.before_help(description).help_template(WITHOUT_ABOUT),
        None => command,
    }
}

/// The help text of the command `words`, or the word that is not a command.
pub(crate) fn page(definition: Command, words: &[String], detail: Detail) -> Result<StyledStr, String> {
    let mut definition = with_detail(definition, detail);
    // Gives every command its full name.
    definition.build();
    let mut command = &mut definition;
    for word in words {
        command = command.find_subcommand_mut(word).ok_or_else(|| word.clone())?;
    }
    Ok(match detail {
        Detail::Concise => command.render_help(),
        Detail::Full => command.render_long_help(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::definition;

    /// Every command by its words, and its help as a terminal of 80 columns shows it.
    fn pages(detail: Detail) -> Vec<(Vec<String>, String)> {
        fn visit(above: &[String], command: &Command, found: &mut Vec<Vec<String>>) {
            found.push(above.to_vec());
            for below in command.get_subcommands() {
                visit(&[above, &[below.get_name().to_owned()]].concat(), below, found);
            }
        }
        let mut all = Vec::new();
        visit(&[], &definition(), &mut all);
        let page =
            |words: &Vec<String>| page(definition().term_width(80), words, detail).unwrap().to_string();
        all.iter().map(|words| (words.clone(), page(words))).collect()
    }

    #[test]
    fn help_fits_two_screens_and_names_no_environment_variable() {
        for (words, page) in pages(Detail::Concise) {
            let lines = page.lines().count();
            // Expectations about a build are all equally common, so none of these flags is rare.
            let most = if words == ["provenance", "verify"] { 110 } else { 90 };
            assert!(lines <= most, "{words:?} has {lines} lines:\n{page}");
            assert!(!page.contains("[env:"), "{words:?}:\n{page}");
        }
    }

    #[test]
    fn verbose_help_names_the_environment_variable_of_every_flag() {
        for (words, page) in pages(Detail::Full) {
            let command = words
                .iter()
                .fold(definition(), |command, word| command.find_subcommand(word).unwrap().clone());
            for argument in command.get_arguments().filter(|argument| !argument.is_hide_set()) {
                let Some(variable) = argument.get_env().and_then(|name| name.to_str()) else { continue };
                assert!(page.contains(&format!("[env: {variable}")), "{words:?}: {variable}\n{page}");
            }
        }
    }

    #[test]
    fn the_first_line_states_the_purpose_of_the_program_or_command() {
        for detail in [Detail::Concise, Detail::Full] {
            for (words, page) in pages(detail) {
                let first = page.lines().next().unwrap();
                let is_comment = first.starts_with("The commands") || first.starts_with("The arguments");
                assert!(
                    !is_comment && !first.is_empty() && !first.starts_with("Usage"),
                    "{words:?}: {first}"
                );
            }
        }
        let (_, page) = pages(Detail::Concise).swap_remove(0);
        assert!(page.starts_with("Decides whether a container artifact may be built on"), "{page}");
    }

    #[test]
    fn flags_are_under_headings() {
        for (words, page) in pages(Detail::Concise) {
            let options = page.split("\nOptions:\n").nth(1).unwrap_or_default();
            let options = options.split("\n\n").next().unwrap_or_default();
            let flags = options.lines().filter(|line| line.trim_start().starts_with('-')).count();
            assert!(flags <= 12, "{words:?}: {flags} flags without a heading\n{page}");
        }
    }

    #[test]
    fn verbose_works_with_help_in_every_spelling() {
        let detail = |words: &[&str]| {
            let words: Vec<OsString> = words.iter().map(OsString::from).collect();
            Detail::of_words(&words)
        };
        for words in [["-v", "--help"], ["--help", "--verbose"], ["-hv", "x"], ["-vv", "-h"]] {
            assert_eq!(detail(&words), Detail::Full, "{words:?}");
        }
        for words in [["--help", "verify"], ["-h", "--version"], ["-", "--help"]] {
            assert_eq!(detail(&words), Detail::Concise, "{words:?}");
        }
    }
}
