//! The version orders against the programs that define them. Each program is asked once, about pairs made from a fixed
//! seed; one that is not installed is said to be skipped.

#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stderr, reason = "test code")]

use std::cmp::Ordering;
use std::io::Write as _;
use std::path::Path;
use std::process::Command;

use plimsoll_vuln::version::{InvalidVersion, composer, gem, maven, rpm};
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;

type Compare = fn(&str, &str) -> Result<Ordering, InvalidVersion>;

const PAIRS: usize = 4_000;

/// Pairs of versions that `form` makes.
fn pairs(form: &str) -> Vec<(String, String)> {
    let mut runner = TestRunner::deterministic();
    let version = || proptest::string::string_regex(form).unwrap();
    let both = (version(), version());
    (0..PAIRS).map(|_| both.new_tree(&mut runner).unwrap().current()).collect()
}

/// Runs `command` with the pairs in a file as its last argument. It prints -1, 0, 1, or anything else for what it refuses.
fn answers(command: &mut Command, pairs: &[(String, String)], name: &str) -> Option<Vec<Option<Ordering>>> {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    for (a, b) in pairs {
        writeln!(file, "{a} {b}").unwrap();
    }
    let output = match command.arg(file.path()).output() {
        Ok(output) => output,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            eprintln!("skipped: no {name}");
            return None;
        }
        Err(error) => panic!("{name}: {error}"),
    };
    assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    let answer = |line: &str| match line.trim() {
        "-1" => Some(Ordering::Less),
        "0" => Some(Ordering::Equal),
        "1" => Some(Ordering::Greater),
        _ => None,
    };
    let answers: Vec<_> = text.lines().filter(|line| !line.trim().is_empty()).map(answer).collect();
    assert_eq!(answers.len(), pairs.len(), "{name} answers each pair");
    Some(answers)
}

/// Every pair that the program compares, we compare as it does; at least half of the pairs are such.
fn agrees(compare: Compare, pairs: &[(String, String)], answers: &[Option<Ordering>]) {
    let mut compared = 0;
    let mut wrong = Vec::new();
    for ((a, b), theirs) in pairs.iter().zip(answers) {
        let Some(theirs) = theirs else { continue };
        compared += 1;
        let ours = compare(a, b);
        if ours != Ok(*theirs) {
            wrong.push(format!("{a} {b}: {theirs:?}, here {ours:?}"));
        }
    }
    assert!(wrong.is_empty(), "{} of {compared} differ:\n{}", wrong.len(), wrong.join("\n"));
    assert!(compared * 2 > pairs.len(), "{compared} were compared");
}

#[test]
fn rpm_itself_agrees() {
    let pairs = pairs("([0-2]:)?[0-2a]([.+~^_]{0,2}[0-2ab]{1,2}){0,3}(-[0-2]([.~^]?[01a]){0,3})?");
    let mut script = tempfile::NamedTempFile::new().unwrap();
    writeln!(script, "for line in io.lines(arg[2]) do local a, b = line:match('(%S+) (%S+)')").unwrap();
    writeln!(script, "print(rpm.vercmp(a, b)) end").unwrap();
    let Some(answers) = answers(Command::new("rpmlua").arg(script.path()), &pairs, "rpmlua") else { return };
    agrees(rpm::compare, &pairs, &answers);
}

#[test]
fn rubygems_itself_agrees() {
    let pairs = pairs("[0-2]{1,2}(\\.([0-2]{1,2}|[ab][0-2]?|rc[0-2]|pre)){0,4}(-[0-2a](\\.[0-2])?)?");
    let script =
        "File.foreach(ARGV[0]) { |l| a, b = l.split; puts(Gem::Version.new(a) <=> Gem::Version.new(b)) }";
    let Some(answers) = answers(Command::new("ruby").args(["-e", script]), &pairs, "ruby") else { return };
    agrees(gem::compare, &pairs, &answers);
}

#[test]
fn composer_itself_agrees() {
    const LIBRARY: &str = "/usr/share/php/Composer/Semver/autoload.php";
    if !Path::new(LIBRARY).exists() {
        eprintln!("skipped: no php with composer/semver");
        return;
    }
    let pairs = pairs(
        "v?[0-2](\\.[0-2]{1,2}){0,3}([.-]?(dev|alpha|a|beta|b|RC|rc|patch|pl|p|stable)([.-]?[0-2]){0,2})?(-dev)?(\\+b)?",
    );
    let script = "require '/usr/share/php/Composer/Semver/autoload.php'; $p = new Composer\\Semver\\VersionParser();
        foreach (file($argv[1]) as $l) { [$a, $b] = explode(' ', trim($l));
          try { echo version_compare($p->normalize($a), $p->normalize($b)), \"\\n\"; } catch (UnexpectedValueException $e) { echo \"refused\\n\"; } }";
    let Some(answers) = answers(Command::new("php").args(["-r", script]), &pairs, "php") else { return };
    agrees(composer::compare, &pairs, &answers);
}

#[test]
fn maven_itself_agrees() {
    const LIBRARY: &str = "/usr/share/java/maven-artifact-3.x.jar";
    if !Path::new(LIBRARY).exists() {
        eprintln!("skipped: no maven-artifact");
        return;
    }
    // Where Maven has an order: words follow a hyphen or a digit, or end the version.
    let pairs =
        pairs("[0-2]{1,2}(\\.[0-2]{1,2}){0,3}(-?(alpha|beta|rc|cr|a|b|m|sp|jre|ga|RELEASE|SNAPSHOT)[0-2]?)?");
    let versions: Vec<&String> = pairs.iter().flat_map(|(a, b)| [a, b]).collect();
    let class_path = format!("{LIBRARY}:/usr/share/java/commons-lang3.jar");
    let output = Command::new("java")
        .args(["-cp", &class_path, "org.apache.maven.artifact.versioning.ComparableVersion"])
        .args(&versions)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    // It compares each version with the one before it; the pairs are every second of these.
    let comparisons: Vec<&str> = text.lines().filter(|line| line.starts_with("   ")).collect();
    let answers: Vec<_> = comparisons
        .iter()
        .step_by(2)
        .map(|line| match line.split_whitespace().nth(1).unwrap() {
            "<" => Some(Ordering::Less),
            "==" => Some(Ordering::Equal),
            _ => Some(Ordering::Greater),
        })
        .collect();
    agrees(maven::compare, &pairs, &answers);
}
