//! The files to which the typed command will write its result, by the names of its flags.

use std::path::PathBuf;

use clap::ArgMatches;

/// Flags that name a file for a result in every command.
const RESULTS: [&str; 2] = ["output_file", "output_signature"];

/// The commands whose `--bundle` is a result. For all others it is evidence that is read.
const MAKERS: [&str; 4] = ["sign-blob", "attest-blob", "attest", "sign"];

/// The files of the typed command. A name with a placeholder is only known with the result.
pub(super) fn outputs(matches: &ArgMatches) -> Vec<PathBuf> {
    let (mut matches, mut command) = (matches, "");
    while let Some((name, below)) = matches.subcommand() {
        (matches, command) = (below, name);
    }
    let bundle = MAKERS.contains(&command).then_some("bundle");
    let flags = RESULTS.into_iter().chain(bundle);
    let files = flags.flat_map(|flag| matches.try_get_raw(flag).ok().flatten().into_iter().flatten());
    files.map(PathBuf::from).filter(|file| !file.to_string_lossy().contains('{')).collect()
}
