//! Credential helpers: `docker-credential-NAME get`, the protocol of docker's credential helpers.
//!
//! The helper gets the registry on its standard input and answers with JSON. Its name comes from a configuration file
//! and becomes a program name, so it is restricted; its answer is bounded in size and time, because a helper may wait
//! for a key ring that is never unlocked.
//!
//! ```json
//! {"ServerURL": "registry.example", "Username": "me", "Secret": "…"}
//! ```

use std::io::{Read as _, Write as _};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::{Duration, Instant};

use plimsoll_core::text::shown;
use plimsoll_core::{Cancel, json};
use serde::Deserialize;

use super::{Credentials, Secret};
use crate::Error;

/// Bytes of a helper's answer. Access tokens of cloud providers have a few KiB.
const ANSWER: u64 = 64 * 1024;
/// How long a helper may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// How often it is looked at whether the work was stopped.
const GLANCE: Duration = Duration::from_millis(20);
/// The user name with which helpers mark an identity token.
const TOKEN_USER: &str = "<token>";
/// What helpers print when they do not know the registry.
const UNKNOWN: &str = "credentials not found";

#[derive(Deserialize)]
struct Answer {
    #[serde(rename = "Username")]
    username: String,
    #[serde(rename = "Secret")]
    secret: String,
}

/// Asks the helper `name` about `server`; `None` when it does not know it. It has until the deadline of `cancel`, but never
/// longer than [`PATIENCE`].
pub(super) fn get(name: &str, server: &str, cancel: &Cancel) -> Result<Option<Credentials>, Error> {
    let program = format!("docker-credential-{name}");
    let acceptable = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    if name.is_empty() || name.len() > 64 || !name.bytes().all(acceptable) {
        return Err(Error::Credentials {
            place: format!("docker-credential-{}", shown(name)),
            problem: "the helper's name must be lower-case letters, digits and dashes".to_owned(),
        });
    }
    ask(Command::new(&program).arg("get"), &program, server, PATIENCE, cancel)
}

fn ask(
    command: &mut Command,
    program: &str,
    server: &str,
    patience: Duration,
    cancel: &Cancel,
) -> Result<Option<Credentials>, Error> {
    stopped(cancel)?;
    let problem = |problem: String| Error::Credentials { place: program.to_owned(), problem };
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|e| problem(format!("the credential helper cannot be run: {e}")))?;
    let answer = converse(&mut child, server, patience, cancel);
    // It has closed its output or used up its time; either way it is no longer needed.
    let _ = child.kill();
    let _ = child.wait();
    stopped(cancel)?;
    let answer = answer.ok_or_else(|| problem(format!("no answer within {} s", patience.as_secs())))?;
    if answer.len() as u64 > ANSWER {
        return Err(problem(format!("the answer is larger than {ANSWER} bytes")));
    }
    let start = String::from_utf8_lossy(&answer).trim_start().to_ascii_lowercase();
    if start.starts_with(UNKNOWN) {
        return Ok(None);
    }
    // Nothing of a malformed answer is shown: it may contain the secret.
    let answer: Answer = json::from_slice(&answer, ANSWER)
        .map_err(|_| problem(format!("the answer about {} is not the expected JSON", shown(server))))?;
    if answer.username == TOKEN_USER {
        return Ok(Some(Credentials::IdentityToken(Secret::new(answer.secret))));
    }
    Ok(Some(Credentials::password(answer.username, answer.secret)))
}

fn stopped(cancel: &Cancel) -> Result<(), Error> {
    cancel.check().map_err(|stopped| plimsoll_image::Error::Stopped(stopped).into())
}

/// Writes the question and reads the answer up to one byte beyond the bound; `None` when it takes too long or is no longer
/// wanted.
fn converse(child: &mut Child, server: &str, patience: Duration, cancel: &Cancel) -> Option<Vec<u8>> {
    let (input, output) = (child.stdin.take(), child.stdout.take());
    let question = server.to_owned();
    let (answered, answer) = mpsc::channel();
    // Not joined when the helper hangs; killing the helper closes its pipes, which ends the thread.
    std::thread::spawn(move || {
        if let Some(mut input) = input {
            let _ = writeln!(input, "{question}");
        }
        let mut bytes = Vec::new();
        if let Some(output) = output {
            let _ = output.take(ANSWER + 1).read_to_end(&mut bytes);
        }
        let _ = answered.send(bytes);
    });
    let end = Instant::now() + patience;
    loop {
        let left = end.saturating_duration_since(Instant::now());
        match answer.recv_timeout(left.min(GLANCE)) {
            Ok(bytes) => return Some(bytes),
            Err(RecvTimeoutError::Timeout) if left > GLANCE && cancel.check().is_ok() => {}
            Err(_) => return None,
        }
    }
}

#[cfg(test)]
mod tests {
    use plimsoll_core::Stopped;

    use super::*;

    fn shell(script: &str, patience: Duration) -> Result<Option<Credentials>, Error> {
        ask(
            Command::new("sh").arg("-c").arg(script),
            "docker-credential-test",
            "r.example",
            patience,
            &Cancel::never(),
        )
    }

    const LONG: Duration = Duration::from_secs(30);

    #[test]
    fn the_registry_goes_in_and_the_credentials_come_out() {
        let script = r#"read s; printf '{"ServerURL":"%s","Username":"%s","Secret":"pw"}' "$s" "$s""#;
        assert_eq!(shell(script, LONG).unwrap(), Some(Credentials::password("r.example", "pw")));
        let token = r#"printf '{"Username":"<token>","Secret":"t"}'"#;
        assert_eq!(shell(token, LONG).unwrap(), Some(Credentials::IdentityToken(Secret::new("t"))));
        let none = "echo 'credentials not found in native keychain'; exit 1";
        assert_eq!(shell(none, LONG).unwrap(), None);
    }

    #[test]
    fn a_helper_that_floods_hangs_or_babbles_is_an_error_without_its_output() {
        let babble = shell("echo pa55", LONG).unwrap_err();
        assert!(!babble.to_string().contains("pa55"), "{babble}");
        assert!(shell("yes", LONG).unwrap_err().to_string().contains("larger than"));
        let hang = shell("exec sleep 600", Duration::ZERO).unwrap_err();
        assert!(hang.to_string().contains("no answer"), "{hang}");
    }

    #[test]
    fn a_helper_has_no_longer_than_the_work_it_is_for() {
        let hang = |cancel: &Cancel| {
            let mut shell = Command::new("sh");
            ask(shell.args(["-c", "exec sleep 600"]), "docker-credential-test", "r.example", LONG, cancel)
        };
        let begun = Instant::now();
        let soon = Cancel::never().until(begun + Duration::from_millis(100));
        let cancelled = Cancel::never();
        let error = std::thread::scope(|scope| {
            scope.spawn(|| cancelled.cancel());
            hang(&cancelled).unwrap_err()
        });
        for (error, expected) in
            [(hang(&soon).unwrap_err(), Stopped::DeadlinePassed), (error, Stopped::Cancelled)]
        {
            let stopped = |stopped: &Stopped| *stopped == expected;
            assert!(
                matches!(&error, Error::Image(plimsoll_image::Error::Stopped(why)) if stopped(why)),
                "{error:?}"
            );
        }
        assert!(begun.elapsed() < LONG, "neither waits for the helper");
    }

    #[test]
    fn names_that_could_be_paths_are_refused() {
        for name in ["", "../x", "a/b", "A", "a b", "a;b", "ä"] {
            let error = get(name, "r.example", &Cancel::never()).unwrap_err();
            assert!(error.to_string().contains("must be lower-case letters"), "{name}: {error}");
        }
    }
}
