//! Other tools of the field, as `bench/build-peers` builds them, for tests that compare with them.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

use crate::clock::clock_variables;

/// A peer in its own home, which contains its files. It does not see the user's settings.
pub struct Peer {
    program: PathBuf,
    home: TempDir,
    variables: Vec<(&'static str, String)>,
}

/// The program at `path` below `$PLIMSOLL_PEERS`. If it was not built, prints that `what` is missing and
/// returns `None`.
#[allow(clippy::print_stderr, reason = "what was skipped, and why, is for whoever runs the tests")]
pub fn peer_program(path: &str, what: &str) -> Option<PathBuf> {
    let peers = std::env::var_os("PLIMSOLL_PEERS").map(PathBuf::from);
    let program = peers.map(|peers| peers.join(path)).filter(|program| program.is_file());
    if program.is_none() {
        eprintln!("skipped: no peers ({what})");
    }
    program
}

impl Peer {
    /// See [`peer_program`].
    pub fn find(path: &str, what: &str) -> Option<Self> {
        let program = peer_program(path, what)?;
        Some(Self { program, home: TempDir::new().unwrap(), variables: Vec::new() })
    }

    /// cosign, which encrypts its key files with `password`.
    pub fn cosign(password: &str) -> Option<Self> {
        let mut cosign = Self::find("cosign", "$PLIMSOLL_PEERS")?;
        cosign.variables.push(("COSIGN_PASSWORD", password.to_owned()));
        Some(cosign)
    }

    /// The folder in which it runs.
    pub fn home(&self) -> &Path {
        self.home.path()
    }

    /// A file in its home.
    pub fn path(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    /// Reads a file in its home.
    pub fn read(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.path(name)).unwrap()
    }

    /// Writes a file in its home.
    pub fn write(&self, name: &str, bytes: impl AsRef<[u8]>) {
        std::fs::write(self.path(name), bytes).unwrap();
    }

    /// Runs it, with any result.
    pub fn run(&self, arguments: &[&str]) -> Output {
        self.run_with(&[], arguments)
    }

    /// Like [`Self::run`], with more environment variables.
    pub fn run_with(&self, variables: &[(&str, &str)], arguments: &[&str]) -> Output {
        Command::new(&self.program)
            .args(arguments)
            .current_dir(self.home())
            .env_clear()
            .envs(clock_variables())
            .env("HOME", self.home())
            .envs(self.variables.iter().map(|(name, value)| (name, value)))
            .envs(variables.iter().copied())
            .stdin(Stdio::null())
            .output()
            .unwrap()
    }

    /// Runs it, requires success, and returns its standard output.
    #[track_caller]
    pub fn must(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        let said = String::from_utf8_lossy(&output.stderr);
        let name = self.program.file_name().unwrap_or_default().display();
        assert!(output.status.success(), "{name} {}: {said}", arguments.join(" "));
        String::from_utf8(output.stdout).unwrap()
    }
}
