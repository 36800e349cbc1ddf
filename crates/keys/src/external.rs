//! A program that signs: `external:PROGRAM`. The protocol is in `docs/external-signer.md`.
//!
//! One JSON document on its standard input, one on its standard output, one run per request. No shell is involved, and
//! the program's own text never becomes part of our messages.
//!
//! ```json
//! {"apiVersion": "plimsoll.dev/external-signer/v1", "operation": "sign", "algorithm": "ecdsa-p256", "digest": "…"}
//! {"signature": "MEUC…"}
//! ```

use std::io::{Read as _, Write as _};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use plimsoll_core::{Kind, json, text};
use plimsoll_verify::{KeyAlgorithm, PublicKey};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json as document};

use crate::Error;
use crate::remote::{ANSWER, RemoteKey, RemoteSigner, SigningInput, failed};

const API: &str = "plimsoll.dev/external-signer/v1";
/// The user may have to touch a token.
const PATIENCE: Duration = Duration::from_mins(1);

pub(super) struct Program {
    place: String,
    program: String,
}

#[derive(Deserialize)]
struct Public {
    #[serde(rename = "publicKey")]
    key: String,
}

#[derive(Deserialize)]
struct Signed {
    signature: String,
}

pub(super) fn open(reference: &str, program: &str) -> Result<RemoteKey<Program>, Error> {
    let place = text::terminal(reference).into_owned();
    if program.is_empty() {
        return Err(failed(&place, "expected external:PROGRAM", Kind::Usage));
    }
    let program = Program { place, program: program.to_owned() };
    let Public { key } = program.ask(&document!({"apiVersion": API, "operation": "public-key"}), PATIENCE)?;
    let public = PublicKey::from_pem(key.as_bytes())
        .map_err(|error| program.wrong(format!("its public key: {error}")))?;
    Ok(RemoteKey { place: program.place.clone(), public, signer: program })
}

impl Program {
    fn wrong(&self, problem: impl Into<String>) -> Error {
        failed(&self.place, problem, Kind::Failed)
    }

    fn ask<T: DeserializeOwned>(&self, request: &Value, patience: Duration) -> Result<T, Error> {
        let deadline = Instant::now().checked_add(patience);
        let mut child = Command::new(&self.program)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            // The program's prompts and explanations go directly to the user.
            .stderr(Stdio::inherit())
            .spawn()
            .map_err(|error| {
                let kind = match error.kind() {
                    std::io::ErrorKind::NotFound => Kind::NotFound,
                    _ => Kind::Failed,
                };
                failed(&self.place, format!("it cannot be started: {error}"), kind)
            })?;
        let outcome = self.talk(&mut child, request, deadline);
        if outcome.is_err() {
            // It may have ended by itself; nothing more can be done.
            let _ = child.kill();
        }
        let status = self.wait(&mut child, deadline);
        let bytes = outcome?;
        match status? {
            Some(0) => {}
            Some(code) => return Err(self.wrong(format!("it ended with code {code}"))),
            None => return Err(self.wrong("it was ended by a signal")),
        }
        json::from_slice(&bytes, ANSWER).map_err(|_| self.wrong("its answer is not the expected JSON"))
    }

    fn talk(&self, child: &mut Child, request: &Value, deadline: Option<Instant>) -> Result<Vec<u8>, Error> {
        let (input, output) = (child.stdin.take(), child.stdout.take());
        let (Some(mut input), Some(output)) = (input, output) else {
            return Err(self.wrong("it has no pipes"));
        };
        let request = request.to_string();
        // On separate threads: a program that neither reads nor writes must not block us.
        std::thread::spawn(move || {
            // A program that has read enough may close its end; only its answer matters.
            let _ = input.write_all(request.as_bytes());
        });
        let (done, result) = mpsc::sync_channel(1);
        std::thread::spawn(move || {
            let mut bytes = Vec::new();
            let read = output.take(ANSWER.saturating_add(1)).read_to_end(&mut bytes);
            let _ = done.send(read.map(|_| bytes));
        });
        let left = deadline.map_or(Duration::MAX, |end| end.saturating_duration_since(Instant::now()));
        match result.recv_timeout(left) {
            Ok(Ok(bytes)) if bytes.len() as u64 <= ANSWER => Ok(bytes),
            Ok(Ok(_)) => Err(self.wrong(format!("its answer has more than {ANSWER} bytes"))),
            Ok(Err(error)) => Err(self.wrong(format!("reading its answer: {error}"))),
            Err(_) => Err(failed(&self.place, "it did not answer in time", Kind::Transient)),
        }
    }

    /// The exit code. A program that closes its output and keeps running is not waited for beyond the deadline.
    fn wait(&self, child: &mut Child, deadline: Option<Instant>) -> Result<Option<i32>, Error> {
        let waiting_failed = |error: std::io::Error| self.wrong(format!("waiting for it: {error}"));
        loop {
            if let Some(status) = child.try_wait().map_err(waiting_failed)? {
                return Ok(status.code());
            }
            if deadline.is_some_and(|end| Instant::now() >= end) {
                let _ = child.kill();
                child.wait().map_err(waiting_failed)?;
                return Err(failed(&self.place, "it did not end in time", Kind::Transient));
            }
            std::thread::sleep(Duration::from_millis(2));
        }
    }
}

impl RemoteSigner for Program {
    fn sign(&self, algorithm: KeyAlgorithm, input: &SigningInput<'_>) -> Result<Vec<u8>, Error> {
        let name = match algorithm {
            KeyAlgorithm::EcdsaP256 => "ecdsa-p256",
            KeyAlgorithm::EcdsaP384 => "ecdsa-p384",
            KeyAlgorithm::Ed25519 => "ed25519",
            _ => "rsa",
        };
        let (field, bytes) = match input {
            SigningInput::Digest(digest) => ("digest", digest),
            SigningInput::Message(message) => ("message", message),
        };
        let request = document!({"apiVersion": API, "operation": "sign", "algorithm": name, field: STANDARD.encode(bytes)});
        let Signed { signature } = self.ask(&request, PATIENCE)?;
        STANDARD.decode(signature).map_err(|_| self.wrong("its signature is not base64"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_hangs_floods_fails_or_is_not_there_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let run = |script: &str| {
            let path = folder.path().join("signer");
            std::fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
            let mode = std::os::unix::fs::PermissionsExt::from_mode(0o700);
            std::fs::set_permissions(&path, mode).unwrap();
            let program = path.display().to_string();
            let program = Program { place: format!("external:{program}"), program };
            program.ask::<Signed>(&document!({}), Duration::from_millis(1500)).map(|s| s.signature)
        };
        assert_eq!(run("echo '{\"signature\":\"AA\"}'").unwrap(), "AA");
        for (script, said) in [
            ("exec sleep 60", "in time"),
            ("echo '{\"signature\":\"AA\"}'; exec >&-; exec sleep 60", "in time"),
            ("exec cat /dev/zero", "more than 65536 bytes"),
            ("echo '{\"signature\":\"AA\"}'; exit 3", "code 3"),
            ("echo s3cret", "not the expected JSON"),
        ] {
            let error = run(script).unwrap_err().to_string();
            assert!(error.contains(said) && !error.contains("s3cret"), "{script}: {error}");
        }
        let missing = open("external:/none/such", "/none/such").err().unwrap();
        assert!(missing.to_string().contains("cannot be started"), "{missing}");
    }
}
