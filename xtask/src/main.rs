//! Development tasks of the workspace. Nothing here is shipped.
//!
//! ```text
//! cargo run -p xtask -- layers                        which crate may use which; no network code below the
//!                                                     line; commands of the binary see settings only; no
//!                                                     circles of files within a crate
//! cargo run -p xtask -- release DIR [--binary FILE]   the release archive and its checksum; builds unless given FILE
//! ```
//!
//! Exit codes are those of the product: 0 done, 1 the check failed, 2 usage.

mod circles;
mod graph;
mod layers;
#[cfg(test)]
mod promises;
mod release;
mod stages;

use std::path::Path;
use std::process::ExitCode;

const USAGE: &str = "usage: cargo run -p xtask -- layers | release DIR [--binary FILE]";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let outcome = match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["layers"] => check_layers(),
        ["release", dir] => release(dir, None),
        ["release", dir, "--binary", binary] => release(dir, Some(binary)),
        ["help" | "-h" | "--help"] => {
            say(USAGE);
            return ExitCode::SUCCESS;
        }
        _ => {
            say(USAGE);
            return ExitCode::from(2);
        }
    };
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            say(&format!("xtask: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn release(dir: &str, binary: Option<&str>) -> anyhow::Result<bool> {
    for file in release::release(Path::new(dir), binary.map(Path::new))? {
        say(&format!("release: wrote {}", file.display()));
    }
    Ok(true)
}

fn check_layers() -> anyhow::Result<bool> {
    let graph = graph::Graph::of_workspace()?;
    let faults = layers::check(&graph);
    for fault in &faults {
        say(&format!("layers: {fault}"));
    }
    if faults.is_empty() {
        say(&format!("layers: {} crates, each uses only those above it", graph.members.len()));
    } else {
        say("hint: the order of the crates is in xtask/src/layers.rs; move the code, not the order");
    }
    let stray = stages::check(Path::new("."))?;
    for fault in &stray {
        say(&format!("layers: {fault}"));
    }
    if !stray.is_empty() {
        say(
            "hint: resolve it in crates/plimsoll/src/settings; xtask/src/stages.rs says what may be named where",
        );
    }
    let circles = circles::check(Path::new("."))?;
    for fault in &circles {
        say(&format!("layers: {fault}"));
    }
    if !circles.is_empty() {
        say("hint: move the name that the lower file needs; xtask/src/circles.rs lists the intended circles");
    }
    Ok(faults.is_empty() && stray.is_empty() && circles.is_empty())
}

#[expect(clippy::print_stderr, reason = "a command-line tool talks on stderr")]
fn say(line: &str) {
    eprintln!("{line}");
}
