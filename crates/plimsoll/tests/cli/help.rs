//! Help, and what is said about a command line that cannot be run.

use crate::fixture::Place;

#[test]
fn help_is_had_by_flag_and_by_command() {
    let place = Place::empty();
    let help = place.run(&["--help"]).exits(0);
    assert!(help.stdout.starts_with("Decides whether a container artifact"), "{}", help.stdout);
    assert_eq!(place.run(&["help"]).exits(0).stdout, help.stdout);
    for command in [vec!["verify"], vec!["policy", "lint"], vec!["db"]] {
        let by_flag = place.run(&[command.as_slice(), &["--help"]].concat()).exits(0);
        let by_command = place.run(&[&["help"], command.as_slice()].concat()).exits(0);
        assert_eq!(by_flag.stdout, by_command.stdout);
    }
    place.run(&["help", "verfy"]).exits(2).says("plimsoll help verify");
    place.run(&["help", "login"]).exits(2).says("docker login");
    let version = place.run(&["version"]).exits(0).stdout;
    assert_eq!(version, place.run(&["--version"]).exits(0).stdout);
}

#[test]
fn environment_variables_are_in_verbose_help_and_in_the_manual_page() {
    let place = Place::empty();
    place.run(&["verify", "--help"]).exits(0).keeps_quiet_about("PLIMSOLL_KEY");
    for words in [["verify", "--help", "-v"], ["--verbose", "verify", "-h"], ["help", "verify", "-v"]] {
        place.run(&words).exits(0).says("[env: PLIMSOLL_KEY").says("PLIMSOLL_CERTIFICATE_CLAIM");
    }
    std::fs::create_dir(place.path("man")).unwrap();
    place.run(&["man", &place.path("man")]).exits(0);
    let page = std::fs::read_to_string(place.path("man/plimsoll-verify.1")).unwrap();
    assert!(page.contains("PLIMSOLL_CERTIFICATE_CLAIM"), "{page}");
}

#[test]
fn habits_of_other_tools_are_answered() {
    let place = Place::empty();
    for (words, answer) in [
        (&["sign", "--tlog-upload=false", "--key", "k", "x"][..], "--rekor-url"),
        (&["scan", "--only-fixed", "x"], "plimsoll policy example"),
        (&["scan", "--severity", "HIGH", "x"], "plimsoll policy example"),
        (&["scan", "--ignore-unfixed", "x"], "plimsoll policy example"),
        (&["check", "--exit-code", "1", "x"], "ends with 10"),
        (&["check", "x", "--fail-on", "high"], "plimsoll scan --fail-on"),
        (&["image", "alpine:3.20"], "plimsoll scan SUBJECT"),
        (&["fs", "."], "dir:PATH"),
        (&["packages", "x"], "plimsoll sbom SUBJECT"),
        (&["login", "ghcr.io"], "docker login"),
        (&["generate-key-pair"], "plimsoll key generate"),
        (&["attestation", "verify", "--owner", "me"], "plimsoll provenance verify"),
        (&["verify", "--owner", "me", "x"], "--certificate-identity-regexp"),
        (&["scan", "-o", "spdx-json", "x"], "plimsoll sbom SUBJECT -o spdx-json"),
        (&["sbom", "-o", "cyclonedx", "x"], "cyclonedx-json"),
        (&["scan", "--format", "json", "x"], "--output"),
        (&["db", "check"], "plimsoll db update"),
        (&["sbom", "-o", "spdx-json=sbom.json", "x"], "`--output-file` names the file"),
        (&["verify", "--offline=true", "--key", "k", "x"], "`--offline` alone switches it on"),
        (&["check", "--explain=false", "x"], "leave `--explain` out"),
    ] {
        place.run(words).exits(2).says("hint: ").says(answer).keeps_quiet_about("a similar");
    }
    // A typing error still gets the nearest spelling.
    place.run(&["verify", "--keey", "k", "x"]).exits(2).says("--key");
    place.run(&["chekc", "x"]).exits(2).says("'check'");
    // A word that resembles nothing gets no suggestion.
    place.run(&["scan", "--frobnicate", "x"]).exits(2).keeps_quiet_about("similar");
    // Nor the advice to pass it as a subject.
    for words in [&["check", "--tlog-upload=false", "x"][..], &["scan", "--frobnicate", "x"]] {
        place.run(words).exits(2).says(words[1].split('=').next().unwrap()).keeps_quiet_about("as a value");
    }
}

#[test]
fn a_flag_without_value_is_set_by_words_that_mean_yes_or_no() {
    let place = Place::empty();
    let subject = ["check", "127.0.0.1:1/app:1"];
    for (value, offline) in
        [("1", true), ("true", true), ("YES", true), ("on", true), ("0", false), ("no", false), ("", false)]
    {
        let run = place.run_with(&[("PLIMSOLL_OFFLINE", value)], &subject);
        assert_eq!(run.stderr.contains("refused because of --offline"), offline, "{value}: {}", run.stderr);
    }
}

#[test]
fn a_variable_that_a_failure_is_about_is_named_and_so_is_a_misspelled_one() {
    let place = Place::empty();
    let nowhere = place.path("nowhere.yaml");
    for (variable, words) in
        [("PLIMSOLL_POLICY", &["check", "x"][..]), ("PLIMSOLL_CA_FILE", &["check", "127.0.0.1:1/app:1"])]
    {
        place.run_with(&[(variable, &nowhere)], words).exits(4).says(&nowhere).says(variable);
        // What was typed needs no such hint.
        let flag =
            format!("--{}", variable.strip_prefix("PLIMSOLL_").unwrap().to_lowercase().replace('_', "-"));
        let typed = [words, &[&*flag, &nowhere]].concat();
        place.run_with(&[(variable, "other")], &typed).exits(4).keeps_quiet_about(variable);
    }
    let misspelled = [("PLIMSOLL_POLCY", &*nowhere), ("PLIMSOLL_SERVICE_HOST", "10.0.0.1")];
    let run = place.run_with(&misspelled, &["version"]).exits(0);
    assert!(
        run.stderr.contains("PLIMSOLL_POLCY has no effect; did you mean PLIMSOLL_POLICY?"),
        "{}",
        run.stderr
    );
    assert!(!run.stderr.contains("SERVICE_HOST"), "{}", run.stderr);
}

#[test]
fn a_bad_value_of_an_environment_variable_is_named_as_such() {
    let place = Place::empty();
    for (variable, value, words) in [
        ("PLIMSOLL_TIMEOUT", "0s", &["check", "x"][..]),
        ("PLIMSOLL_TIMEOUT", "soon", &["scan", "x"]),
        ("PLIMSOLL_OUTPUT", "spdx", &["scan", "x"]),
        ("PLIMSOLL_AT", "yesterday", &["check", "x"]),
        ("PLIMSOLL_PLATFORM", "", &["check", "x"]),
        ("PLIMSOLL_COLOR", "blue", &["doctor"]),
        ("PLIMSOLL_CLIENT_CERT", "x.pem", &["check", "x"]),
        ("PLIMSOLL_VERBOSE", "much", &["check", "x"]),
        ("PLIMSOLL_OFFLINE", "maybe", &["check", "x"]),
        ("PLIMSOLL_QUIET", "2", &["check", "x"]),
        // It would have weakened a check.
        ("PLIMSOLL_INSECURE_REGISTRY_CONFIG", "none", &["check", "x"]),
        ("PLIMSOLL_INSECURE_REGISTRY", "http://registry.example", &["check", "x"]),
    ] {
        let run = place.run_with(&[(variable, value)], words).exits(2);
        assert!(run.stderr.contains(&format!("error: {variable}: ")), "{variable}={value}: {}", run.stderr);
        assert!(!run.stderr.contains("--"), "{}", run.stderr);
    }
    // A typed flag is named as a flag, even if the environment sets it too.
    let typed = place.run_with(&[("PLIMSOLL_TIMEOUT", "5m")], &["check", "x", "--timeout", "soon"]).exits(2);
    assert!(typed.stderr.contains("--timeout"), "{}", typed.stderr);
    let both = [("PLIMSOLL_ALL_PLATFORMS", "1")];
    place
        .run_with(&both, &["scan", "x", "--platform", "linux/amd64"])
        .exits(2)
        .says("PLIMSOLL_ALL_PLATFORMS");
}
