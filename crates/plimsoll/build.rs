//! Names the sources that decide what is made of a file: `PLIMSOLL_SOURCES`.
//!
//! What was read of layers is kept for later runs, and must not be found by a program that would make something else of
//! them. Catalogers have versions for that, but a change in what they share, or in the way in which facts are written, is
//! easily missed. So the name is a hash of the sources themselves.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs, io};

/// The crates that read layers and make facts, the other crates they use, and the compiler, whose hash function for paths is
/// part of facts.
const SOURCES: [&str; 5] = ["../core/src", "../files/src", "../image/src", "../sbom/src", "../../Cargo.lock"];

fn main() -> io::Result<()> {
    let mut files = BTreeMap::new();
    for source in SOURCES {
        println!("cargo::rerun-if-changed={source}");
        collect(Path::new(source), &mut files)?;
    }
    let mut hasher = DefaultHasher::new();
    files.hash(&mut hasher);
    let compiler = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    Command::new(compiler).arg("--version").output()?.stdout.hash(&mut hasher);
    println!("cargo::rustc-env=PLIMSOLL_SOURCES={:016x}", hasher.finish());
    Ok(())
}

fn collect(path: &Path, files: &mut BTreeMap<PathBuf, Vec<u8>>) -> io::Result<()> {
    if path.is_dir() {
        for entry in fs::read_dir(path)? {
            collect(&entry?.path(), files)?;
        }
    } else {
        files.insert(path.to_owned(), fs::read(path)?);
    }
    Ok(())
}
