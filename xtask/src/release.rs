//! The release archive: the program and what belongs to it, the same bytes from the same commit.
//!
//! ```text
//! DIR/plimsoll-0.1.0-x86_64-unknown-linux-gnu.tar.gz
//!   plimsoll-0.1.0-x86_64-unknown-linux-gnu/
//!     bin/plimsoll
//!     share/completions/…     share/man/man1/*.1     share/schemas/*.schema.json     share/doc/*.md
//!     LICENSE   README.md   SECURITY.md   THIRD-PARTY.txt
//! DIR/SHA256SUMS
//! ```
//!
//! Names are in order, owners are 0, and every time is that of `SOURCE_DATE_EPOCH`, else of the last commit.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, bail, ensure};
use flate2::{Compression, GzBuilder};
use sha2::{Digest as _, Sha256};

use crate::graph::Graph;

/// Each shell's completion script, under the name that it is looked for.
const COMPLETIONS: [(&str, &str); 5] = [
    ("bash", "plimsoll.bash"),
    ("elvish", "plimsoll.elv"),
    ("fish", "plimsoll.fish"),
    ("powershell", "_plimsoll.ps1"),
    ("zsh", "_plimsoll"),
];

/// A file of the archive.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Member {
    bytes: Vec<u8>,
    executable: bool,
}

type Members = BTreeMap<String, Member>;

/// Builds the program, or takes `binary`, and writes the archive and its checksum into `dir`.
pub(crate) fn release(dir: &Path, binary: Option<&Path>) -> anyhow::Result<Vec<PathBuf>> {
    let epoch = epoch()?;
    let built;
    let binary = if let Some(binary) = binary {
        binary
    } else {
        built = build(epoch)?;
        &built
    };
    let version = text(Command::new(binary).arg("--version"))?;
    let version =
        version.trim().strip_prefix("plimsoll ").context("the program does not tell its version")?;
    let name = format!("plimsoll-{version}-{}", host()?);

    let mut members = generated(binary)?;
    members.insert("bin/plimsoll".to_owned(), Member { bytes: fs::read(binary)?, executable: true });
    for file in ["LICENSE", "README.md", "SECURITY.md"] {
        members
            .insert(file.to_owned(), plain(fs::read(file).with_context(|| format!("cannot read {file}"))?));
    }
    for entry in fs::read_dir("docs")? {
        let path = entry?.path();
        if let (Some("md"), Some(file)) =
            (path.extension().and_then(|e| e.to_str()), path.file_name().and_then(|n| n.to_str()))
        {
            members.insert(format!("share/doc/{file}"), plain(fs::read(&path)?));
        }
    }
    members.insert("THIRD-PARTY.txt".to_owned(), plain(third_party(&Graph::of_workspace()?)?.into_bytes()));

    let archive = archive(&name, &members, epoch)?;
    fs::create_dir_all(dir).with_context(|| format!("cannot make {}", dir.display()))?;
    let file = dir.join(format!("{name}.tar.gz"));
    fs::write(&file, &archive)?;
    let sums = dir.join("SHA256SUMS");
    fs::write(&sums, format!("{}  {name}.tar.gz\n", hex::encode(Sha256::digest(&archive))))?;
    Ok(vec![file, sums])
}

/// What the program itself writes: completions, manual pages, schemas.
fn generated(binary: &Path) -> anyhow::Result<Members> {
    let mut members = Members::new();
    for (shell, file) in COMPLETIONS {
        let script = text(Command::new(binary).args(["completions", shell]))?;
        members.insert(format!("share/completions/{file}"), plain(script.into_bytes()));
    }
    let pages = tempfile::tempdir()?;
    text(Command::new(binary).arg("man").arg(pages.path()))?;
    for entry in fs::read_dir(pages.path())? {
        let entry = entry?;
        let page = entry.file_name().into_string().ok().context("a page's name is not UTF-8")?;
        members.insert(format!("share/man/man1/{page}"), plain(fs::read(entry.path())?));
    }
    let list = text(Command::new(binary).arg("schema"))?;
    for schema in list.lines().skip(1).filter_map(|line| line.split_whitespace().next()) {
        let document = text(Command::new(binary).args(["schema", schema]))?;
        members.insert(format!("share/schemas/{schema}.schema.json"), plain(document.into_bytes()));
    }
    Ok(members)
}

/// The same bytes for the same members.
fn archive(folder: &str, members: &Members, epoch: u64) -> anyhow::Result<Vec<u8>> {
    let time = u32::try_from(epoch).unwrap_or(0);
    let gzip = GzBuilder::new().mtime(time).write(Vec::new(), Compression::best());
    let mut tar = tar::Builder::new(gzip);
    for (name, member) in members {
        let mut header = tar::Header::new_ustar();
        header.set_size(member.bytes.len() as u64);
        header.set_mode(if member.executable { 0o755 } else { 0o644 });
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(epoch);
        tar.append_data(&mut header, format!("{folder}/{name}"), member.bytes.as_slice())?;
    }
    Ok(tar.into_inner()?.finish()?)
}

/// Every crate that becomes part of the program, with its version and licence.
fn third_party(graph: &Graph) -> anyhow::Result<String> {
    let mut lines: Vec<String> = graph
        .shipped_with("plimsoll")
        .into_iter()
        .filter(|id| !graph.members.contains(id))
        .map(|id| {
            let about = graph.about(&id).with_context(|| format!("nothing is known of {id}"))?;
            let licence = about.license.as_deref().unwrap_or("see its repository");
            Ok(format!("{} {}  {licence}", about.name, about.version))
        })
        .collect::<anyhow::Result<_>>()?;
    lines.sort();
    ensure!(!lines.is_empty(), "cargo metadata names no dependencies");
    Ok(format!("Plimsoll contains these crates, under these licences:\n\n{}\n", lines.join("\n")))
}

fn build(epoch: u64) -> anyhow::Result<PathBuf> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let status = Command::new(cargo)
        .args(["build", "--release", "--locked", "-p", "plimsoll"])
        .env("SOURCE_DATE_EPOCH", epoch.to_string())
        .status()
        .context("cannot run cargo")?;
    ensure!(status.success(), "cargo build failed");
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| PathBuf::from("target"), PathBuf::from);
    Ok(target.join("release/plimsoll"))
}

/// Seconds since 1970: `SOURCE_DATE_EPOCH`, else when the last commit was made.
fn epoch() -> anyhow::Result<u64> {
    let stated = match std::env::var("SOURCE_DATE_EPOCH") {
        Ok(stated) => stated,
        Err(_) => text(Command::new("git").args(["log", "-1", "--format=%ct"]))?,
    };
    stated.trim().parse().with_context(|| format!("got `{}`, expected seconds since 1970", stated.trim()))
}

fn host() -> anyhow::Result<String> {
    let about = text(Command::new("rustc").arg("-vV"))?;
    let host = about.lines().find_map(|line| line.strip_prefix("host: "));
    Ok(host.context("rustc does not tell the host")?.to_owned())
}

/// What a command prints. One that fails is an error with what it said.
fn text(command: &mut Command) -> anyhow::Result<String> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command.output().with_context(|| format!("cannot run {program}"))?;
    if !output.status.success() {
        bail!("{program} failed: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    String::from_utf8(output.stdout).with_context(|| format!("what {program} prints is not UTF-8"))
}

fn plain(bytes: Vec<u8>) -> Member {
    Member { bytes, executable: false }
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;

    #[test]
    fn an_archive_is_the_same_each_time_and_holds_what_was_put_in() {
        let mut members = Members::new();
        members.insert("share/b".to_owned(), plain(b"text".to_vec()));
        members.insert("bin/a".to_owned(), Member { bytes: b"program".to_vec(), executable: true });
        let bytes = archive("x-1", &members, 1_000_000_000).unwrap();
        assert_eq!(bytes, archive("x-1", &members, 1_000_000_000).unwrap());
        assert_ne!(bytes, archive("x-1", &members, 1_000_000_001).unwrap());

        let mut read = tar::Archive::new(flate2::read::GzDecoder::new(bytes.as_slice()));
        let mut seen = Vec::new();
        for entry in read.entries().unwrap() {
            let mut entry = entry.unwrap();
            let header = entry.header().clone();
            let mut content = String::new();
            entry.read_to_string(&mut content).unwrap();
            let name = header.path().unwrap().display().to_string();
            assert_eq!((header.uid().unwrap(), header.mtime().unwrap()), (0, 1_000_000_000));
            seen.push((name, header.mode().unwrap(), content));
        }
        let expected = [("x-1/bin/a", 0o755, "program"), ("x-1/share/b", 0o644, "text")];
        assert_eq!(seen, expected.map(|(name, mode, content)| (name.to_owned(), mode, content.to_owned())));
    }

    #[test]
    fn third_parties_are_those_of_the_program_and_not_those_of_its_tests() {
        let graph = Graph::parse(
            br#"{"packages":[{"id":"p","name":"plimsoll","version":"1.0.0","license":"Apache-2.0"},
              {"id":"a","name":"a","version":"2.1.0","license":"MIT"},{"id":"b","name":"b","version":"0.1.0","license":null},
              {"id":"t","name":"t","version":"3.0.0","license":"ISC"}],
            "workspace_members":["p"],"resolve":{"nodes":[
              {"id":"p","deps":[{"pkg":"a","dep_kinds":[{"kind":null}]},{"pkg":"t","dep_kinds":[{"kind":"dev"}]}]},
              {"id":"a","deps":[{"pkg":"b","dep_kinds":[{"kind":null}]}]},{"id":"b","deps":[]},{"id":"t","deps":[]}]}}"#,
        )
        .unwrap();
        let text = third_party(&graph).unwrap();
        assert!(text.ends_with("\n\na 2.1.0  MIT\nb 0.1.0  see its repository\n"), "{text}");
    }
}
