//! A small shop image with a few packages, advisories about them, and a way to run the binary.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use plimsoll_core::Digest;
use plimsoll_testkit::{Artifact, ImageBuilder, Layer, Registry, clock_variables};
use serde_json::Value;
use tempfile::TempDir;

/// The instant at which everything is judged; the feeds are an hour older.
pub(crate) const NOW: &str = "2026-11-20T12:00:00Z";
pub(crate) const AS_OF: &str = "2026-11-20T11:00:00Z";

/// A folder of one's own, with a database, and no settings from outside.
pub(crate) struct Place {
    folder: TempDir,
}

/// What a run printed and how it ended.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Run {
    /// Fails the test, with everything that was printed, when the exit code is another one.
    #[track_caller]
    pub(crate) fn exits(self, code: i32) -> Self {
        assert_eq!(self.code, code, "\n--- stdout\n{}\n--- stderr\n{}", self.stdout, self.stderr);
        self
    }

    /// Fails the test when `text` was printed nowhere.
    #[track_caller]
    pub(crate) fn says(self, text: &str) -> Self {
        let said = self.stdout.contains(text) || self.stderr.contains(text);
        assert!(said, "expected `{text}`\n--- stdout\n{}\n--- stderr\n{}", self.stdout, self.stderr);
        self
    }

    /// Fails the test when `text` was printed.
    #[track_caller]
    pub(crate) fn keeps_quiet_about(self, text: &str) -> Self {
        let said = self.stdout.contains(text) || self.stderr.contains(text);
        assert!(!said, "did not expect `{text}`\n--- stdout\n{}\n--- stderr\n{}", self.stdout, self.stderr);
        self
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).expect(&self.stdout)
    }
}

impl Place {
    /// A place with a database built from [`advisories`].
    pub(crate) fn new() -> Self {
        let place = Self::empty();
        place.advisories();
        let (from, db) = (place.path("feeds"), place.path("db"));
        place.run(&["db", "build", "--from", &from, "--as-of", AS_OF, "--db", &db]).exits(0);
        place
    }

    /// A place without database.
    pub(crate) fn empty() -> Self {
        Self { folder: TempDir::new().unwrap() }
    }

    /// A path in this place, as text.
    pub(crate) fn path(&self, name: &str) -> String {
        self.folder.path().join(name).to_str().unwrap().to_owned()
    }

    pub(crate) fn root(&self) -> &Path {
        self.folder.path()
    }

    /// Writes a file, with the folders it needs, and returns its path.
    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) -> String {
        let path = PathBuf::from(self.path(name));
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, content).unwrap();
        path.to_str().unwrap().to_owned()
    }

    /// Runs the binary with a clean environment.
    pub(crate) fn run(&self, arguments: &[&str]) -> Run {
        self.run_with(&[], arguments)
    }

    /// The same with variables set.
    pub(crate) fn run_with(&self, variables: &[(&str, &str)], arguments: &[&str]) -> Run {
        let mut command = self.command(arguments);
        command.envs(variables.iter().copied());
        run(command)
    }

    /// The binary with a clean environment, not run yet.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_plimsoll"));
        command
            .args(arguments)
            .env_clear()
            .envs(clock_variables())
            .env("HOME", self.folder.path())
            // What this machine says about registries is not what is tested.
            .env("PLIMSOLL_REGISTRY_CONFIG", "none")
            // Layers are cached where that is what is tested: with a folder that is named, or without this variable.
            .env("CI", "true")
            .stdin(Stdio::null());
        // The advisories of tests are of a day that may not have come yet where the tests run.
        if arguments.starts_with(&["db", "build"]) {
            command.env("PLIMSOLL_AT", NOW);
        }
        command
    }

    /// The same with something on standard input.
    pub(crate) fn run_fed(&self, input: &[u8], arguments: &[&str]) -> Run {
        let mut command = self.command(arguments);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        // A program that fails before it has read everything closes the pipe. That does not fail the test.
        let _ = child.stdin.take().unwrap().write_all(input);
        let output = child.wait_with_output().unwrap();
        Run {
            code: output.status.code().expect("ended by a signal"),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// `check` at [`NOW`] with this place's database.
    pub(crate) fn check(&self, arguments: &[&str]) -> Run {
        let db = self.path("db");
        let mut all = vec!["check", "--db", &db];
        if !arguments.contains(&"--at") {
            all.extend(["--at", NOW]);
        }
        all.extend(arguments);
        self.run(&all)
    }

    /// Makes the key pair `name.key`, `name.pub`.
    pub(crate) fn key(&self, name: &str) {
        self.run(&["key", "generate", "--no-passphrase", &self.path(name)]).exits(0);
    }

    /// Advisories: PyMySQL below 1.1.1 is critical (CVE-2024-36039), Jinja2 below 2.11.3 medium (CVE-2020-28493); of
    /// Debian's bookworm, zlib is rated low and not fixed.
    fn advisories(&self) {
        let osv = |id: &str, cve: &str, package: &str, fixed: &str, severity: &str, summary: &str| {
            serde_json::json!({
                "schema_version": "1.7.0", "id": id, "modified": "2026-01-01T00:00:00Z", "aliases": [cve],
                "summary": summary, "severity": [{"type": "CVSS_V3", "score": severity}],
                "affected": [{"package": {"ecosystem": "PyPI", "name": package}, "ranges": [
                    {"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": fixed}]}]}],
            })
            .to_string()
        };
        let critical = "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H";
        let medium = "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:L";
        let pymysql =
            osv("PYSEC-2024-1", "CVE-2024-36039", "pymysql", "1.1.1", critical, "SQL injection by JSON keys");
        let jinja2 =
            osv("PYSEC-2021-66", "CVE-2020-28493", "jinja2", "2.11.3", medium, "slow regular expression");
        self.write("feeds/PyPI/PYSEC-2024-1.json", pymysql);
        self.write("feeds/PyPI/PYSEC-2021-66.json", jinja2);
        let tracker = serde_json::json!({"zlib": {"CVE-2023-45853": {
            "description": "integer overflow in a tool that is not built", "scope": "local",
            "releases": {"bookworm": {"status": "open", "repositories": {"bookworm": "1:1.2.13.dfsg-1"}, "urgency": "low"}},
        }}});
        self.write("feeds/debian/tracker.json", tracker.to_string());
    }
}

/// Runs it to its end.
pub(crate) fn run(mut command: Command) -> Run {
    let output = command.output().unwrap();
    Run {
        code: output.status.code().expect("ended by a signal"),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

/// Base layer: Debian 12 with two packages. Upper layer: one Python package.
pub(crate) fn shop(python: &str, version: &str) -> ImageBuilder {
    ImageBuilder::new().layer(debian()).layer(wheel(python, version))
}

pub(crate) fn debian() -> Layer {
    Layer::new()
        .file("etc/os-release", "ID=debian\nVERSION_ID=\"12\"\nVERSION_CODENAME=bookworm\nPRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\n")
        .file("var/lib/dpkg/status", DPKG_STATUS)
}

pub(crate) const DPKG_STATUS: &str = "\
Package: zlib1g
Status: install ok installed
Maintainer: Mark Brown <broonie@debian.org>
Architecture: amd64
Source: zlib
Version: 1:1.2.13.dfsg-1
Description: compression library

Package: base-files
Status: install ok installed
Architecture: amd64
Version: 12.4+deb12u11
Description: files

";

pub(crate) fn wheel(name: &str, version: &str) -> Layer {
    Layer::new().file(
        &format!("usr/local/lib/python3.11/site-packages/{name}-{version}.dist-info/METADATA"),
        format!("Metadata-Version: 2.1\nName: {name}\nVersion: {version}\nLicense: MIT\n\nText.\n"),
    )
}

/// The shop with a critical vulnerability, pushed as `shop/orders:1.0`; the reference by digest.
pub(crate) fn affected(registry: &Registry) -> String {
    pushed(registry, &shop("pymysql", "1.1.0").build(), "1.0")
}

/// The shop without, pushed as `shop/orders:2.0`; the reference by digest.
pub(crate) fn patched(registry: &Registry) -> String {
    pushed(registry, &shop("pymysql", "1.1.1").build(), "2.0")
}

pub(crate) fn pushed(registry: &Registry, image: &Artifact, tag: &str) -> String {
    let digest: Digest = image.push(registry, "shop/orders", tag);
    registry.reference("shop/orders", &digest.to_string())
}

/// The digest at the end of a reference.
pub(crate) fn digest_of(reference: &str) -> &str {
    reference.split_once('@').unwrap().1
}
