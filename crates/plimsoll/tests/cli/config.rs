//! The configuration file: what it sets, what it cannot set, and messages about it.

use std::os::unix::fs::PermissionsExt as _;

use plimsoll_testkit::Registry;
use serde_json::Value;

use crate::fixture::{NOW, Place, affected, run};

const USER: &str = ".config/plimsoll/config.yaml";

fn setting(json: &Value, name: &str) -> Value {
    let rows: Vec<_> =
        json["settings"].as_array().unwrap().iter().filter(|row| row["name"] == name).collect();
    assert_eq!(rows.len(), 1, "{name}: {rows:?}");
    rows[0].clone()
}

fn shown(place: &Place, variables: &[(&str, &str)], more: &[&str]) -> Value {
    let arguments = [&["config", "show", "-o", "json"], more].concat();
    place.run_with(variables, &arguments).exits(0).json()
}

#[test]
fn flags_come_before_variables_before_the_file_before_defaults() {
    let place = Place::empty();
    assert_eq!(setting(&shown(&place, &[], &[]), "color")["origin"]["kind"], "default");
    let file = place.write(USER, "color: never\ntimeout: 90s\n");
    let color = setting(&shown(&place, &[], &[]), "color");
    assert_eq!((&color["value"], &color["origin"]["name"]), (&"never".into(), &file.as_str().into()));
    let variables = [("PLIMSOLL_COLOR", "always")];
    let color = setting(&shown(&place, &variables, &[]), "color");
    assert_eq!((&color["value"], &color["origin"]["name"]), (&"always".into(), &"PLIMSOLL_COLOR".into()));
    let color = setting(&shown(&place, &variables, &["--color", "auto"]), "color");
    assert_eq!((&color["value"], &color["origin"]["kind"]), (&"auto".into(), &"flag".into()));
    assert_eq!(setting(&shown(&place, &[], &[]), "timeout")["value"], "90s");
    place.run(&["config", "show"]).exits(0).says("timeout").says("90s").says(&format!("file {file}"));
}

#[test]
fn every_long_flag_is_a_key() {
    let place = Place::empty();
    let names: Vec<String> = shown(&place, &[], &[])["settings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row["name"].as_str().unwrap().to_owned())
        .collect();
    for command in ["check", "sbom", "scan", "sign", "doctor"] {
        let help = place.run(&[command, "--help"]).exits(0).stdout;
        let flags = help.split_whitespace().filter_map(|word| word.strip_prefix("--")).map(|word| {
            word.trim_end_matches(|c: char| !c.is_ascii_alphanumeric()).split(['=', '[', ']']).next().unwrap()
        });
        for flag in flags.filter(|flag| !matches!(*flag, "help" | "version" | "config" | "limit" | "")) {
            assert!(names.iter().any(|name| name == flag), "{command} --{flag} is not a setting");
        }
    }
}

#[test]
fn the_file_sets_what_a_command_does() {
    let (place, registry) = (Place::new(), Registry::start());
    let reference = affected(&registry);
    // Relative to the file, not to wherever the command is run.
    place.write(USER, "db: ../../db\ncommands:\n  scan:\n    output: json\n");
    let json = place.run(&["scan", "--at", NOW, &reference]).exits(0).json();
    assert_eq!(json["schemaVersion"], "plimsoll.dev/scan/v1");
    place.run(&["scan", "--at", NOW, &reference, "-o", "table"]).exits(0).says("CVE-2024-36039");
    place.write(USER, "offline: true\n");
    place.run(&["sbom", &reference]).exits(1).says("--offline");
}

#[test]
fn a_required_flag_may_come_from_the_file() {
    let place = Place::new();
    place.write(USER, format!("from: {}\nas-of: {NOW}\n", place.path("feeds")));
    place.run(&["db", "build", "--db", &place.path("other")]).exits(0);
}

#[test]
fn typed_flags_replace_settings_that_they_exclude() {
    let (place, registry) = (Place::new(), Registry::start());
    let reference = affected(&registry);
    place.write(USER, "platform: linux/arm64\n");
    place.run(&["sbom", &reference, "-o", "table"]).exits(4).says("linux/arm64");
    place.run(&["sbom", &reference, "-o", "table", "--all-platforms"]).exits(0).says("pymysql");
}

#[test]
fn mistakes_name_file_key_and_what_was_expected() {
    let place = Place::empty();
    for (text, expected) in [
        ("ofline: true\n", "ofline: unknown setting, did you mean \"offline\"?"),
        (
            "insecure_registry: [a]\n",
            "insecure_registry: unknown setting, did you mean \"insecure-registry\"?",
        ),
        ("config: other.yaml\n", "config: unknown setting"),
        ("timeout: soon\n", "timeout: got `soon`, expected a duration such as 90s"),
        ("timeout: [1s, 2s]\n", "timeout: got a list, expected one value"),
        ("offline: 1\n", "offline: got `1`, expected true or false"),
        ("color: blue\n", "color: got `blue`, expected one of auto, always, never"),
        ("insecure-registry: ['a,b']\n", "expected a list instead of commas"),
        ("limit: {layer: 3}\n", "did you mean `layers`?"),
        ("limit: {layers: many}\n", "expected a number above 0"),
        ("limit: {layers: 1.5}\n", "quotes"),
        ("commands:\n  scna: {output: json}\n", "commands.scna: unknown command, did you mean \"scan\"?"),
        ("commands:\n  scan: {outptu: json}\n", "did you mean \"output\"?"),
        ("commands:\n  scan: {output: yaml}\n", "expected one of table, markdown, html, json, jsonl, sarif"),
        ("offline: true\noffline: false\n", "duplicate"),
        ("[offline]\n", "config.yaml"),
    ] {
        let file = place.write("config.yaml", text);
        place.run(&["config", "show", "--config", &file]).exits(2).says("config.yaml").says(expected);
    }
    let file = place.write("config.yaml", "output: sarif\n");
    let sbom = place.write("x.json", "{}");
    place
        .run(&["sbom", &sbom, "--config", &file])
        .exits(2)
        .says("config.yaml")
        .says("spdx-json")
        .says("commands");
    place.run(&["config", "show", "--config", &place.path("none.yaml")]).exits(4).says("none.yaml");
}

#[test]
fn help_needs_no_sound_configuration_and_doctor_and_path_report_it() {
    let place = Place::empty();
    let file = place.write(USER, "ofline: true\n");
    place.run(&["check", "--help"]).exits(0).says("Examples");
    place.run(&["--version"]).exits(0);
    place.run(&["scan", "x"]).exits(2).says("unknown setting");
    place.run(&["doctor"]).exits(1).says("fail  configuration").says("unknown setting");
    place.run(&["config", "path"]).exits(2).says(&file).says("unknown setting");
    place.run(&["config", "path", "--config", "/dev/null"]).exits(0).keeps_quiet_about(&file);
}

/// A repository that is judged, a folder that anyone may write to and a variable that points there must not decide how.
#[test]
fn only_the_users_own_files_configure() {
    let place = Place::empty();
    for name in
        ["config.yaml", "plimsoll.yaml", ".plimsoll.yaml", ".config/other.yaml", "plimsoll/config.yaml"]
    {
        place.write(name, "color: never\n");
    }
    let mut command = place.command(&["config", "show", "-o", "json"]);
    command.current_dir(place.root()).env_remove("HOME");
    let shown = run(command).exits(0).json();
    assert_eq!(setting(&shown, "color")["origin"]["kind"], "default");
    for name in ["XDG_CONFIG_HOME", "HOME"] {
        place.run_with(&[(name, ".")], &["config", "show"]).exits(2).says("absolute path");
    }

    let file = place.write(USER, "color: never\n");
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o666)).unwrap();
    place.run(&["config", "show"]).exits(2).says("may be written by every user").says("chmod o-w");
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).unwrap();
    place.run(&["config", "show"]).exits(0);
}

#[test]
fn a_file_cannot_write_to_the_terminal() {
    let place = Place::empty();
    let file = place.write("config.yaml", "policy: \"\\e[2J\"\n");
    let run = place.run(&["config", "show", "--config", &file]).exits(0);
    assert!(!run.stdout.contains('\u{1b}'), "{run:?}");
    let file = place.write("config.yaml", "\"\\e[2J\": true\n");
    let run = place.run(&["config", "show", "--config", &file]).exits(2);
    assert!(!run.stderr.contains('\u{1b}'), "{run:?}");
}

#[test]
fn secrets_are_not_shown() {
    let place = Place::empty();
    let variables = [("PLIMSOLL_KEY_PASSPHRASE", "correct horse")];
    for format in ["table", "json"] {
        place.run_with(&variables, &["config", "show", "-o", format]).exits(0).keeps_quiet_about("horse");
        place.run_with(&variables, &["doctor", "-o", format]).keeps_quiet_about("horse");
    }
}
