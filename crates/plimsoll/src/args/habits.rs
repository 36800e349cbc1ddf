//! Commands and flags that users of other tools type, and their counterparts here.
//!
//! The flag with the most similar name to another tool's flag usually does something else. So well-known
//! flags and commands of other tools have their own answers. In the answers, backquotes enclose text that can
//! be typed here.

/// A word of another tool.
#[derive(Debug)]
pub(crate) struct Habit {
    /// The tools that have it, for maintainers of the table.
    #[cfg_attr(not(test), expect(dead_code, reason = "documents the row"))]
    pub(crate) tools: &'static str,
    /// The commands that it follows, such as `sign`; empty if it means the same after every command.
    pub(crate) after: &'static [&'static str],
    /// A flag, a command, or a value of a flag as `--output=VALUE`.
    pub(crate) typed: &'static [&'static str],
    /// What to do instead.
    pub(crate) answer: &'static str,
}

/// The answer to `typed` after the command `after`, which is empty before any command. Rows for a command
/// precede general rows.
pub(crate) fn answer(after: &str, typed: &str) -> Option<&'static str> {
    let all = || HABITS.iter().filter(|habit| habit.typed.contains(&typed));
    let of_command = all().find(|habit| habit.after.contains(&after));
    of_command.or_else(|| all().find(|habit| habit.after.is_empty())).map(|habit| habit.answer)
}

const fn habit(
    tools: &'static str,
    after: &'static [&'static str],
    typed: &'static [&'static str],
    answer: &'static str,
) -> Habit {
    Habit { tools, after, typed, answer }
}

const SIGNS: &[&str] = &["sign", "attest", "sign-blob", "attest-blob", "waiver sign"];
const VERIFIES: &[&str] = &["verify", "verify-attestation", "verify-blob", "verify-blob-attestation"];
const TOP: &[&str] = &["plimsoll"];

/// The table. Rows for certain commands may repeat a word of a general row.
#[rustfmt::skip]
pub(crate) static HABITS: &[Habit] = &[
    // Signing.
    habit("cosign", SIGNS, &["--tlog-upload", "--no-tlog-upload"],
        "a signature by key goes to no log unless `--rekor-url` or `--signing-config` names one; a keyless one needs a log"),
    habit("cosign", VERIFIES, &["--tlog-upload", "--private-infrastructure"],
        "`--insecure-ignore-tlog` accepts signatures without a log; `--trusted-root` names the log of a private instance"),
    habit("cosign", VERIFIES, &["--rekor-url", "--fulcio-url", "--timestamp-server-url"],
        "nothing is asked when verifying; logs and authorities come from `--trusted-root` or `--instance`"),
    habit("cosign", &[], &["--new-bundle-format", "--bundle-format"], "bundles are always written in the new format, and both are read"),
    habit("cosign", &[], &["--sk", "--slot"], "name the key of a token with `--key`: `--key pkcs11:token=…;object=…`"),
    habit("cosign", VERIFIES, &["--certificate", "--cert", "--certificate-chain", "--cert-chain", "--ca-roots",
        "--ca-intermediates", "--sct", "--timestamp-certificate-chain", "--root", "--roots", "--intermediates"],
        "make a trusted root of the authorities with `plimsoll trust root --fulcio …`, and name it with `--trusted-root`"),
    habit("cosign", SIGNS, &["--certificate", "--cert", "--certificate-chain", "--cert-chain", "--output-certificate", "--rfc3161-timestamp"],
        "certificates and timestamps are kept in the bundle"),
    habit("cosign", VERIFIES, &["--check-claims", "--attachment", "--attachment-tag-prefix", "--max-workers", "--experimental-oci11"],
        "leave it out: claims are always checked, and everything attached is examined"),
    habit("cosign", SIGNS, &["--registry-referrers-mode", "--record-creation-timestamp", "--issue-certificate", "--sign-container-identity", "--experimental-oci11"],
        "leave it out: the registry's referrers API is used where it exists"),
    habit("cosign", &["verify-attestation", "verify-blob-attestation", "scan"], &["--policy", "--ignore-policy"],
        "policies are for `plimsoll check --policy`"),
    habit("cosign, trivy, skopeo", &[], &["--allow-insecure-registry", "--allow-http-registry", "--insecure", "--tls-verify",
        "--src-tls-verify", "--dest-tls-verify", "--plain-http"],
        "`--insecure-registry HOST` allows plain HTTP to one registry; `--ca-file` names an authority of your own"),
    habit("cosign, trivy, skopeo, oras", &[], &["--registry-username", "--registry-password", "--registry-token", "--username",
        "--password", "--creds", "--authfile", "--registry-auth", "--password-stdin"],
        "log in with `docker login`, `podman login` or `crane auth login`: their files are read, and REGISTRY_AUTH_FILE names another"),
    habit("cosign", &[], &["--k8s-keychain"], "clouds' registries take the machine's identity: see `--cloud-identity`"),
    habit("cosign", &[], &["--local-image"], "name the layout as the subject: `plimsoll verify oci:DIR`"),
    habit("cosign, docker, oras", TOP, &["login", "logout"],
        "log in with `docker login`, `podman login` or `crane auth login`: their files are read; `plimsoll doctor` tries them"),
    habit("cosign", TOP, &["generate-key-pair"], "`plimsoll key generate NAME`"),
    habit("cosign", TOP, &["import-key-pair"], "`plimsoll key import KEY NAME`"),
    habit("cosign", TOP, &["public-key"], "`plimsoll key public KEY`"),
    habit("cosign, oras", TOP, &["triangulate", "tree", "discover", "list", "ls"], "`plimsoll evidence tree SUBJECT`"),
    habit("cosign, oras", TOP, &["attach"], "`plimsoll evidence attach`"),
    habit("cosign, oras, gh", TOP, &["download", "pull", "fetch"], "`plimsoll evidence download SUBJECT`"),
    habit("cosign, crane, skopeo, oras", TOP, &["copy", "cp"], "`plimsoll evidence copy`"),
    habit("cosign", TOP, &["save"], "`plimsoll evidence save`"),
    habit("cosign", TOP, &["load", "push"], "`plimsoll evidence load`"),
    habit("cosign, crane, skopeo, docker", TOP, &["inspect", "manifest", "dockerfile"], "`plimsoll evidence tree SUBJECT` shows an image and what is attached to it"),
    habit("cosign", TOP, &["bundle"], "`plimsoll evidence inspect FILE`, `plimsoll evidence upgrade FILE`"),
    habit("cosign", TOP, &["initialize", "init", "tuf"], "`plimsoll trust update`"),
    habit("cosign", TOP, &["trusted-root"], "`plimsoll trust root`"),
    habit("cosign", TOP, &["signing-config"], "`plimsoll trust signing-config`"),
    habit("cosign, go, gh", TOP, &["env", "settings"], "`plimsoll config show`"),
    habit("cosign", TOP, &["pkcs11-tool", "piv-tool"], "`plimsoll key inspect 'pkcs11:…'` shows a key in a token"),
    habit("cosign, gh", TOP, &["completion"], "`plimsoll completions SHELL`"),
    habit("cosign", TOP, &["clean"], "nothing is deleted from registries; use your registry's own tool"),

    // Scanning.
    habit("trivy, grype, syft, docker", TOP, &["image", "i", "analyze", "analyse", "vuln", "cves", "scout"],
        "`plimsoll scan SUBJECT` finds vulnerabilities, `plimsoll sbom SUBJECT` lists components, `plimsoll check SUBJECT` judges"),
    habit("trivy", TOP, &["fs", "filesystem", "rootfs", "vm", "repo", "repository"],
        "`plimsoll scan dir:PATH` reads a root file system, or the lock files of a folder of sources"),
    habit("trivy", TOP, &["k8s", "kubernetes", "server", "client", "plugin", "module", "registry"],
        "there is no counterpart: `plimsoll check SUBJECT` judges images one by one"),
    habit("trivy, syft", TOP, &["convert"], "`plimsoll sbom convert FILE -o FORMAT`; results of scans are written as you need them: `plimsoll scan -o`"),
    habit("syft", TOP, &["packages", "package", "catalog"], "`plimsoll sbom SUBJECT`, at a terminal a table"),
    habit("syft", TOP, &["cataloger", "catalogers"], "`plimsoll sbom cataloger list`"),
    habit("grype", TOP, &["explain"], "`plimsoll scan SUBJECT --explain ID` shows why there is a finding"),
    habit("grype", &["db"], &["download", "check", "list", "delete", "providers"],
        "`plimsoll db update` fetches what changed, `plimsoll db status` shows the feeds and their age"),
    habit("trivy", &["scan", "sbom", "check"], &["--severity", "-s", "--min-severity", "--severity-threshold"],
        "every finding is listed; `plimsoll scan --fail-on high` ends with 10 at such a one, and for `plimsoll check` a policy says which block: `plimsoll policy example`"),
    habit("grype, trivy, snyk", &["sbom", "check"], &["--fail-on"],
        "`plimsoll scan --fail-on` ends with 10 at such a finding; for `plimsoll check`, the policy says which block: `plimsoll policy example`"),
    habit("grype, trivy, snyk", &["scan", "sbom", "check"], &["--exit-code", "--fail-on-severity", "--exit-on-eol"],
        "`plimsoll check` ends with 10 if the policy denies, 11 if it cannot tell; `plimsoll scan --fail-on high` ends with 10 at such a finding"),
    // In one tool it is the format, in the other the severity.
    habit("trivy, grype", &["scan", "sbom", "check"], &["-f"],
        "`-o` names the format; `plimsoll scan --fail-on high` ends with 10 at such a finding"),
    habit("trivy, grype", &["scan", "sbom", "check"], &["--ignore-unfixed", "--only-fixed", "--only-notfixed", "--ignore-states", "--ignore-status"],
        "`plimsoll scan` lists every finding; a policy can block only what has a fix: `plimsoll policy example`, then `plimsoll check --policy`"),
    habit("trivy, grype", &["scan"], &["--ignorefile", "--show-suppressed", "--ignore"],
        "`--ignore-file` names ignore rules, also those of trivy, grype and osv-scanner; what is set aside is always listed"),
    habit("trivy, grype", &["sbom", "check"], &["--ignorefile", "--ignore-file", "--show-suppressed", "--ignore"],
        "accept a finding for a time with `plimsoll waiver new`, and pass `plimsoll check --waivers`"),
    habit("trivy, grype", &["sbom", "check"], &["--vex"],
        "`plimsoll scan --vex` reads a file; for `plimsoll check`, the policy names who signs VEX: `plimsoll policy example`"),
    habit("trivy", &[], &["--format"], "`--output` or `-o` names the format, `--output-file` the file"),
    habit("trivy, grype", &["scan"], &["-t"], "`-o template --template FILE`"),
    habit("trivy, grype", &["sbom", "check"], &["--template", "-t"], "`plimsoll scan -o template --template FILE` takes a template of your own"),
    habit("trivy", &["scan"], &["--output=gitlab-codequality"], "`plimsoll scan -o gitlab` writes a container scanning report"),
    habit("grype", &["scan"], &["--output=embedded-cyclonedx-vex-json", "--output=embedded-cyclonedx-vex-xml"], "`plimsoll scan -o cyclonedx-vex`"),
    habit("grype, syft, trivy", &["scan", "sbom", "check", "verify"], &["--file", "--report", "--out"], "`--output-file` names the file"),
    habit("trivy", &["scan", "sbom", "check"], &["--input", "-i", "--image-src", "--from"],
        "name the file as the subject: `plimsoll scan archive:FILE`"),
    habit("trivy", &["scan", "sbom", "check"], &["--scanners", "--security-checks", "--vuln-type", "--pkg-types", "--list-all-pkgs",
        "--dependency-tree", "--by-cve", "--add-cpes-if-none", "--distro", "--scope", "--enrich", "--parallelism"],
        "leave it out: everything known is read, of the image as it would run"),
    habit("trivy, syft", &["scan", "sbom", "check"], &["--exclude", "--skip-dirs", "--skip-files"],
        "everything is read; a policy can leave out paths, each with a reason that the verdict repeats: `plimsoll policy example`, then `plimsoll check --policy`"),
    habit("syft", &["scan", "sbom"], &["--select-catalogers", "--override-default-catalogers"],
        "`plimsoll sbom SUBJECT --catalogers=-all,+python` chooses catalogers, which `plimsoll sbom cataloger list` names"),
    habit("trivy, grype", &["scan", "check"], &["--skip-db-update", "--skip-update", "--download-db-only", "--db-repository",
        "--skip-java-db-update", "--no-update"],
        "the database is never fetched by itself; `plimsoll db update` does, and `--db` names another one"),
    habit("trivy", &[], &["--offline-scan", "--network"], "`--offline` makes no network calls where a command has it"),
    habit("trivy, grype", &[], &["--no-progress", "--no-color", "--no-colour"], "`--color never`, or `--quiet`"),
    habit("trivy, cosign, docker", &[], &["--debug", "-d", "--log-level"], "`--verbose`, twice for every request"),
    habit("trivy", &["scan", "sbom", "check"], &["--clear-cache"], "`plimsoll cache clear` empties the caches"),
    habit("syft", &["sbom"], &["--source-name", "--source-version", "--name", "--base-path"],
        "the document names the image by its digest; no other value is accepted"),
    habit("syft, trivy", &["sbom"], &["--output=spdx", "--output=spdx-tag-value", "--output=json", "--output=syft-json", "--output=github-json"],
        "`plimsoll sbom -o spdx-json` and `plimsoll sbom -o cyclonedx-json` are what is written, `plimsoll sbom -o table` is for people"),
    habit("syft, trivy", &["sbom"], &["--output=cyclonedx", "--output=cyclonedx-xml"], "`plimsoll sbom -o cyclonedx-json`"),
    habit("syft", &["sbom"], &["--output=text", "--output=syft-table", "--output=purls"], "`plimsoll sbom -o table`"),
    habit("trivy, grype", &["scan"], &["--output=spdx-json", "--output=spdx", "--output=cyclonedx", "--output=cyclonedx-json"],
        "an SBOM is made by `plimsoll sbom SUBJECT -o spdx-json`"),
    habit("cosign", &["scan"], &["--output=cosign-vuln"], "`plimsoll scan SUBJECT -o vuln`"),

    // Provenance.
    habit("gh, slsa-verifier", TOP, &["attestation", "at", "verify-artifact", "verify-image", "verify-npm-package"],
        "`plimsoll provenance verify SUBJECT --source-repository https://github.com/OWNER/REPO --trust-builder github-hosted`"),
    habit("gh", VERIFIES, &["--owner", "-R", "--repo", "--signer-repo", "--signer-workflow", "--source-ref", "--cert-identity-regex",
        "--cert-identity"],
        "`--certificate-identity-regexp 'https://github\\.com/OWNER/.*'` with `--certificate-oidc-issuer https://token.actions.githubusercontent.com`"),
    habit("gh", VERIFIES, &["--cert-oidc-issuer"], "`--certificate-oidc-issuer`"),
    habit("gh", VERIFIES, &["--predicate-type"], "`plimsoll verify-attestation --type`"),
    habit("gh", VERIFIES, &["--custom-trusted-root"], "`--trusted-root`"),
    habit("gh", VERIFIES, &["--deny-self-hosted-runners"], "`--certificate-claim runner-environment=github-hosted`"),
    habit("gh", VERIFIES, &["--bundle-from-oci"], "leave it out: what is attached to the image is what is verified"),
    habit("gh, slsa-verifier", &["provenance verify"], &["--owner", "-R", "--repo", "--source-uri", "--signer-repo"],
        "`--source-repository https://github.com/OWNER/REPO`"),
    habit("slsa-verifier", &["provenance verify"], &["--source-tag", "--source-branch", "--source-versioned-tag"], "`--source-ref refs/tags/…` or `--source-ref refs/heads/…`"),
    habit("slsa-verifier", &["provenance verify"], &["--provenance-path", "--attestations-path"], "`--bundle FILE`"),
    habit("gh", &["provenance verify"], &["--signer-workflow", "--cert-identity", "--cert-identity-regex"], "`--builder-id` or `--certificate-identity`"),
    habit("gh", &["provenance verify"], &["--deny-self-hosted-runners"], "`--certificate-claim runner-environment=github-hosted`"),

    // Everywhere.
    habit("opa, conftest, kyverno", TOP, &["test", "eval", "apply", "validate", "audit", "admit", "gate"],
        "`plimsoll check SUBJECT --policy FILE` judges an image, `plimsoll policy lint FILE` checks a policy"),
    habit("many", &["policy"], &["init", "new", "create", "show"], "`plimsoll policy example` prints one to edit"),
    habit("many", &["policy"], &["check", "validate", "test", "verify"], "`plimsoll policy lint FILE`, or `plimsoll check SUBJECT --policy FILE`"),
    habit("many", &["waiver"], &["create", "add", "init"], "`plimsoll waiver new NAME`"),
    habit("many", &["waiver"], &["approve"], "`plimsoll waiver sign FILE`"),
    habit("many", &["waiver"], &["list", "ls", "verify", "check", "inspect"], "`plimsoll waiver show FILE`"),
    habit("many", &["key"], &["create", "new", "gen"], "`plimsoll key generate NAME`"),
    habit("many", &["key"], &["show", "list", "ls"], "`plimsoll key inspect KEY`"),
    habit("many", &["trust"], &["init", "initialize", "fetch"], "`plimsoll trust update`"),
    habit("many", &["evidence"], &["list", "ls", "show"], "`plimsoll evidence tree SUBJECT`"),
    habit("many", TOP, &["update", "upgrade", "self-update"], "`plimsoll trust update` fetches trusted roots, `plimsoll db update` advisories"),
    habit("many", TOP, &["lint"], "`plimsoll policy lint FILE`"),
    habit("many", TOP, &["status"], "`plimsoll doctor`, `plimsoll db status`"),
    habit("many", &[], &["--json"], "`-o json` where a command has a result"),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::definition;

    /// The command that `words` call, and the remaining words.
    fn called<'a>(words: &[&'a str]) -> (clap::Command, Vec<&'a str>) {
        let (mut command, mut words) = (definition(), words);
        while let [first, rest @ ..] = words {
            let Some(below) = command.find_subcommand(first).cloned() else { break };
            (command, words) = (below, rest);
        }
        (command, words.to_vec())
    }

    fn flags(command: &clap::Command) -> Vec<String> {
        let long = command.get_arguments().filter_map(|argument| Some(format!("--{}", argument.get_long()?)));
        let short =
            command.get_arguments().filter_map(|argument| Some(format!("-{}", argument.get_short()?)));
        long.chain(short).chain(["--help".to_owned(), "--verbose".to_owned()]).collect()
    }

    /// Every command's flags, with those that all commands have.
    fn all_flags(command: &clap::Command) -> Vec<String> {
        let below = command.get_subcommands().flat_map(all_flags);
        flags(command).into_iter().chain(below).collect()
    }

    fn snippets(answer: &str) -> Vec<&str> {
        answer.split('`').skip(1).step_by(2).collect()
    }

    #[test]
    fn every_answer_names_commands_and_flags_that_exist() {
        let (global, everywhere) = (flags(&definition()), all_flags(&definition()));
        for habit in HABITS {
            assert_eq!(habit.answer.matches('`').count() % 2, 0, "{habit:?}");
            for snippet in snippets(habit.answer) {
                let words: Vec<&str> = snippet.split_whitespace().collect();
                let starts = words.iter().filter(|word| word.starts_with('-') && word.len() > 1);
                let named: Vec<&str> = starts.map(|word| word.split('=').next().unwrap()).collect();
                if let ["plimsoll", rest @ ..] = words.as_slice() {
                    let (command, left) = called(rest);
                    let next = left.first().copied().unwrap_or_default();
                    let is_command =
                        next.chars().all(|letter| letter.is_ascii_lowercase()) && !next.is_empty();
                    assert!(command.get_name() != "plimsoll" && !is_command, "no such command: {snippet}");
                    for flag in named {
                        let known = flags(&command).iter().chain(&global).any(|known| known == flag);
                        assert!(known, "{snippet}: no {flag}");
                    }
                } else if !["docker", "podman", "crane"].contains(words.first().unwrap()) {
                    for flag in named {
                        let known = habit.after.iter().all(|after| {
                            let words: Vec<&str> = after.split(' ').collect();
                            let (command, _) = called(&words);
                            flags(&command).iter().chain(&global).any(|known| known == flag)
                        });
                        let exists = if habit.after.is_empty() {
                            everywhere.iter().any(|known| known == flag)
                        } else {
                            known
                        };
                        assert!(exists, "{:?}: no {flag}", habit.typed);
                    }
                }
            }
        }
    }

    #[test]
    fn no_habit_is_an_existing_command_or_flag() {
        for habit in HABITS {
            for after in habit.after {
                let words: Vec<&str> = after.split(' ').filter(|word| *word != "plimsoll").collect();
                let (command, left) = called(&words);
                assert!(left.is_empty(), "no such command: {after}");
                for typed in habit.typed {
                    let is_flag = flags(&command).iter().any(|known| known == typed);
                    let is_command = command.find_subcommand(typed).is_some();
                    assert!(!is_flag && !is_command, "`{after}` has {typed}");
                }
            }
        }
    }

    #[test]
    fn each_habit_has_one_answer() {
        for (position, habit) in HABITS.iter().enumerate() {
            assert!(!habit.tools.is_empty());
            for other in HABITS.iter().skip(position + 1) {
                let same_command = habit.after.iter().any(|after| other.after.contains(after))
                    || (habit.after.is_empty() && other.after.is_empty());
                let both = habit.typed.iter().find(|typed| other.typed.contains(typed));
                assert!(!same_command || both.is_none(), "{both:?} has two answers after {:?}", habit.after);
            }
        }
    }
}
