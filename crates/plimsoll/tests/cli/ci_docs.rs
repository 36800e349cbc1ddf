//! The examples for CI systems: every command in them is one, they work in their order, and no job may do more than it has
//! to.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use plimsoll_testkit::sigstore::server::REQUEST_TOKEN;
use plimsoll_testkit::sigstore::{Leaf, Server};
use plimsoll_testkit::{ImageBuilder, Registry};
use serde_json::{Value, json};

use crate::fixture::{Place, digest_of, patched, run};

type Variables = BTreeMap<String, String>;

/// Keys of a `.gitlab-ci.yml` that are not jobs.
const NO_JOBS: [&str; 5] = ["stages", "workflow", "variables", "default", "include"];

const ORDER: [&str; 4] = ["build", "inspect", "sign", "release"];

fn tree(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path)
}

fn read(path: &str) -> String {
    std::fs::read_to_string(tree(path)).unwrap()
}

fn yaml(path: &str) -> Value {
    parsed(&read(path), path)
}

fn parsed(text: &str, origin: &str) -> Value {
    plimsoll_core::yaml::read(text.as_bytes(), origin, plimsoll_core::yaml::Size::DOCUMENT).unwrap()
}

/// The scripts of a file, by job, in the order in which the jobs run.
fn scripts(file: &Value) -> Vec<(String, String)> {
    let jobs = file.get("jobs").unwrap_or(file).as_object().unwrap();
    let text = |value: &Value| match value {
        Value::String(text) => text.clone() + "\n",
        Value::Array(lines) => lines.iter().map(|line| line.as_str().unwrap().to_owned() + "\n").collect(),
        _ => String::new(),
    };
    let script = |job: &Value| -> String {
        let steps = job["steps"].as_array().into_iter().flatten().map(|step| text(&step["run"]));
        steps.chain([text(&job["before_script"]), text(&job["script"])]).collect()
    };
    let mut jobs: Vec<_> = jobs.iter().filter(|(name, _)| !NO_JOBS.contains(&name.as_str())).collect();
    // That each waits for the one before is tested below.
    jobs.sort_by_key(|(name, _)| ORDER.iter().position(|known| known == name));
    jobs.into_iter().map(|(name, job)| (name.clone(), script(job))).collect()
}

/// The lines of a script that run Plimsoll.
fn commands(script: &str) -> Vec<String> {
    let joined = script.replace("\\\n", " ");
    let lines = joined.lines().map(str::trim);
    lines.filter(|line| line.starts_with("plimsoll ")).map(str::to_owned).collect()
}

/// Fenced blocks of a page.
fn blocks(page: &str) -> Vec<(String, String)> {
    let parts: Vec<&str> = page.split("```").collect();
    assert!(parts.len() % 2 == 1, "a block without end");
    let block = |text: &&str| {
        let (language, content) = text.split_once('\n').unwrap();
        (language.to_owned(), content.to_owned())
    };
    parts.iter().skip(1).step_by(2).map(block).collect()
}

/// The words of a command as a shell takes them: quotes, and variables that have to be there.
fn words(line: &str, variables: &Variables) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let (mut word, mut quote) = (None::<String>, None);
    let mut left = line.chars().peekable();
    while let Some(character) = left.next() {
        match (character, quote) {
            (' ', None) => words.extend(word.take()),
            ('"' | '\'', None) => {
                quote = Some(character);
                word.get_or_insert_default();
            }
            (end, Some(begin)) if end == begin => quote = None,
            ('$', None | Some('"')) => {
                let name: String =
                    std::iter::from_fn(|| left.next_if(|c| c.is_ascii_alphanumeric() || *c == '_')).collect();
                let value =
                    variables.get(&name).unwrap_or_else(|| panic!("${name} is set by nobody: {line}"));
                word.get_or_insert_default().push_str(value);
            }
            ('|' | '>' | '<' | '&' | ';' | '`' | '(' | '\\', None) => panic!("more than a command: {line}"),
            _ => word.get_or_insert_default().push(character),
        }
    }
    assert_eq!(quote, None, "{line}");
    words.extend(word);
    words
}

/// What CI systems and the examples set.
fn variables(image: &str, digest: &str) -> Variables {
    let commit = "4f2c1d9a".repeat(5);
    let workflow = "team/app/.github/workflows/release.yml@refs/heads/main";
    [
        ("IMAGE", image),
        ("DIGEST", digest),
        ("IDENTITY", "https://ci.example/team/app/release.yml@refs/heads/main"),
        ("ISSUER", "https://issuer.example"),
        ("AS_OF", "2026-11-20T11:00:00Z"),
        ("GITHUB_ACTIONS", "true"),
        ("GITHUB_SERVER_URL", "https://ci.example"),
        ("GITHUB_REPOSITORY", "team/app"),
        ("GITHUB_REF", "refs/heads/main"),
        ("GITHUB_REF_NAME", "v1.2.0"),
        ("GITHUB_SHA", &commit),
        ("GITHUB_RUN_ID", "17"),
        ("GITHUB_WORKFLOW_REF", workflow),
        ("CI_PROJECT_URL", "https://ci.example/team/app"),
        ("CI_COMMIT_TAG", "v1.2.0"),
        ("CI_COMMIT_SHA", &commit),
        ("CI_RUNNER_ID", "3"),
        ("CI_JOB_URL", "https://ci.example/team/app/-/jobs/5"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .into()
}

const EXAMPLES: [&str; 3] =
    ["examples/ci/github-actions.yml", "examples/ci/github-advisories.yml", "examples/ci/gitlab-ci.yml"];
const PAGES: [&str; 2] = ["docs/ci/github-actions.md", "docs/ci/gitlab-ci.md"];

#[test]
fn every_command_in_the_examples_and_pages_is_one() {
    let digest = format!("sha256:{}", "0".repeat(64));
    let mut variables = variables("registry.example/team/app", &digest);
    let mut all: Vec<String> = Vec::new();
    for example in EXAMPLES {
        all.extend(scripts(&yaml(example)).iter().flat_map(|(_, script)| commands(script)));
    }
    for page in PAGES {
        for (language, block) in blocks(&read(page)) {
            // Parts of workflows as well, which have to be whole enough to be read.
            let script = match language.as_str() {
                "yaml" => scripts(&parsed(&block, page)).into_iter().map(|(_, script)| script).collect(),
                _ => block,
            };
            all.extend(commands(&script));
        }
    }
    assert!(all.len() > 25, "{all:#?}");
    for (name, value) in [("OLD", "registry.example/team/app"), ("NEW", "registry.example/prod/app")] {
        variables.insert(name.to_owned(), value.to_owned());
    }
    for line in all {
        // There is only a layout, and no network is used, so this checks whether the arguments are valid.
        let place = Place::empty();
        ImageBuilder::new().build().write_layout(&place.root().join("app"), Some("v1.4.0"));
        let words = words(&line, &variables);
        let words: Vec<&str> = words.iter().skip(1).map(String::as_str).collect();
        let mut command = place.command(&words);
        command.current_dir(place.root()).envs(&variables).env("PLIMSOLL_OFFLINE", "true");
        let run = run(command);
        assert!(run.code != 2 && run.code != 7, "{line}\n{}", run.stderr);
        assert!(!run.stderr.contains("For more information, try '--help'"), "{line}\n{}", run.stderr);
        // A command that is misspelt must not pass for one that fails for want of an image.
        let mut wrong = place.command(&[&words[..], &["--no-such-flag"]].concat());
        wrong.current_dir(place.root());
        crate::fixture::run(wrong).exits(2);
    }
}

/// The other pages have commands with placeholders and pipes, which cannot be run; their flags are ones.
#[test]
fn the_flags_in_all_pages_are_known() {
    let mut pages = vec![tree("README.md")];
    for folder in ["docs", "docs/ci"] {
        let entries = std::fs::read_dir(tree(folder)).unwrap().map(|entry| entry.unwrap().path());
        pages.extend(entries.filter(|path| path.extension().is_some_and(|extension| extension == "md")));
    }
    let (place, mut found) = (Place::empty(), 0);
    for page in pages {
        let text = std::fs::read_to_string(&page).unwrap();
        for (_, block) in blocks(&text) {
            let block = block.replace("\n$ ", "\n");
            let block =
                block.replace("\"$(date -u +%Y-%m-%dT%H:%M:%SZ)\"", "$AS_OF").replace("\"$AS_OF\"", "$AS_OF");
            let block = block.replace("$AS_OF", crate::fixture::NOW);
            for line in commands(block.trim_start_matches("$ ")) {
                let end = [" | ", " > ", " >", " && ", "   "].iter().filter_map(|stop| line.find(stop)).min();
                let words: Vec<&str> = line[..end.unwrap_or(line.len())].split_whitespace().skip(1).collect();
                let run = place.run(&[&words[..], &["--help"]].concat());
                assert_eq!(run.code, 0, "{}: {line}\n{}", page.display(), run.stderr);
                found += 1;
            }
        }
    }
    assert!(found > 40, "{found}");
}

/// Runs the jobs after `build` on an image in a registry on loopback, with an instance of Sigstore there.
fn works(example: &str, ambient: impl FnOnce(&Server) -> Vec<(String, String)>) {
    let (registry, server, place) = (Registry::start(), Server::start(), Place::new());
    let reference = patched(&registry);
    let image = reference.split_once('@').unwrap().0;
    let mut variables = variables(image, digest_of(&reference));
    let subject = Leaf::default().subject;
    variables.insert("IDENTITY".to_owned(), subject.clone());
    variables.insert("ISSUER".to_owned(), server.url());
    let identity = ambient(&server);
    // The policies of the example, about this instance.
    let release = read("examples/ci/policy/release.yaml");
    let (mut changed, mut inside) = (String::new(), 0);
    for line in release.lines() {
        let rest = line.trim_start();
        let indent = &line[..line.len() - rest.len()];
        let line = match rest.split_once(": ") {
            Some(("issuer", _)) => format!("{indent}issuer: {}", server.url()),
            Some(("subject", _)) => format!("{indent}subject: {subject}"),
            _ => {
                inside -= 1;
                line.to_owned()
            }
        };
        inside += 1;
        changed += &(line + "\n");
    }
    assert_eq!(inside, 2, "issuer and subject:\n{changed}");
    place.write("policy/release.yaml", changed);
    place.write("policy/build.yaml", read("examples/ci/policy/build.yaml"));
    let root = place.write("trusted_root.json", server.trusted_root().to_string());
    let config = place.write("signing.json", server.signing_config(&[1]).to_string());
    // What is signed here is signed now, and does not count for a judgement of before.
    let (from, as_of) = (place.path("feeds"), jiff::Timestamp::now() - jiff::SignedDuration::from_hours(1));
    let (as_of, db) = (as_of.to_string(), place.path("advisories"));
    let now = [("PLIMSOLL_AT", as_of.as_str())];
    place.run_with(&now, &["db", "build", "--from", &from, "--as-of", &as_of, "--db", &db]).exits(0);

    let mut signed = 0;
    for (job, script) in scripts(&yaml(example)).into_iter().filter(|(job, _)| job != "build") {
        for line in commands(&script) {
            let words = words(&line, &variables);
            let words: Vec<&str> = words.iter().skip(1).map(String::as_str).collect();
            let mut command = place.command(&words);
            command.current_dir(place.root()).envs(&variables);
            command.env("PLIMSOLL_TRUSTED_ROOT", &root);
            if job == "sign" {
                command.env("PLIMSOLL_SIGNING_CONFIG", &config).envs(identity.clone());
                signed += 1;
            }
            let run = run(command);
            assert_eq!(run.code, 0, "{job}: {line}\n{}\n{}", run.stdout, run.stderr);
        }
    }
    assert_eq!(signed, 5);
    assert!(registry.tags("shop/orders").contains(&"v1.2.0".to_owned()), "the name is given at the end");
    let tagged = registry.manifest("shop/orders", "v1.2.0").unwrap();
    assert_eq!(plimsoll_core::Digest::sha256(&tagged).to_string(), digest_of(&reference));
    let attested = std::fs::read_to_string(place.path("verified-vuln.jsonl")).unwrap();
    assert!(attested.contains("plimsoll.dev/scan/v1"), "{attested}");
}

#[test]
fn the_steps_for_github_work_in_their_order() {
    works("examples/ci/github-actions.yml", |server| {
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        vec![
            pair("ACTIONS_ID_TOKEN_REQUEST_URL", &server.ambient_url()),
            pair("ACTIONS_ID_TOKEN_REQUEST_TOKEN", REQUEST_TOKEN),
        ]
    });
}

#[test]
fn the_steps_for_gitlab_work_in_their_order() {
    works("examples/ci/gitlab-ci.yml", |server| {
        let claims = json!({"12": "https://ci.example/team/app", "14": "refs/tags/v1.2.0"});
        let token = server.token(&json!({"sub": Leaf::default().subject, "certificate": claims}));
        vec![
            ("SIGSTORE_ID_TOKEN".to_owned(), token),
            ("GITHUB_ACTIONS".to_owned(), String::new()),
            ("GITLAB_CI".to_owned(), "true".to_owned()),
        ]
    });
}

#[test]
fn only_the_job_that_signs_has_an_identity_and_everything_is_pinned() {
    let github = yaml("examples/ci/github-actions.yml");
    assert_eq!(github["permissions"], json!({}));
    for (name, job) in github["jobs"].as_object().unwrap() {
        let expected =
            if name == "sign" { json!({"id-token": "write"}) } else { json!({"contents": "read"}) };
        assert_eq!(job["permissions"], expected, "{name}");
        assert!(job["timeout-minutes"].is_u64(), "{name}");
        for step in job["steps"].as_array().unwrap() {
            if let Some(action) = step["uses"].as_str() {
                let (_, commit) = action.split_once('@').unwrap();
                assert!(commit.len() == 40 && commit.bytes().all(|b| b.is_ascii_hexdigit()), "{action}");
            }
            if action_is(step, "actions/checkout") {
                assert_ne!(name, "sign", "no code of the repository where the identity is");
                assert_eq!(step["with"]["persist-credentials"], false, "{name}");
            }
            let script = step["run"].as_str().unwrap_or_default();
            assert!(
                !script.contains("${{"),
                "what others can name would become a part of the script: {script}"
            );
        }
    }
    let gitlab = yaml("examples/ci/gitlab-ci.yml");
    for jobs in [&github["jobs"], &gitlab] {
        for (before, job) in ORDER.iter().zip(&ORDER[1..]) {
            assert!(jobs[job]["needs"].to_string().contains(&format!("\"{before}\"")), "{job}");
        }
    }
    for (name, job) in gitlab.as_object().unwrap() {
        assert_eq!(job.get("id_tokens").is_some(), name == "sign", "{name}");
        if let Some(image) = job.get("image").and_then(Value::as_str) {
            let digest = image.split_once('@').unwrap().1;
            assert!(digest.parse::<plimsoll_core::Digest>().is_ok(), "{image}");
        }
    }
    assert_eq!(gitlab["sign"]["variables"]["GIT_STRATEGY"], "none");
    let login = gitlab["variables"]["DOCKER_CONFIG"].as_str().unwrap();
    assert!(login.starts_with("/tmp/"), "the token to push would be in the build's context: {login}");
    assert!(gitlab["default"]["image"].is_string());

    for example in ["examples/ci/github-actions.yml", "examples/ci/gitlab-ci.yml"] {
        let lines: Vec<String> =
            scripts(&yaml(example)).iter().flat_map(|(_, script)| commands(script)).collect();
        for line in &lines {
            // A tag may move between two jobs; only the last command gives one.
            let tags = line.replace("\"$IMAGE@$DIGEST\"", "").matches("$IMAGE").count();
            assert_eq!(tags, usize::from(line.starts_with("plimsoll evidence copy ")), "{line}");
        }
        let first = |start: &str| lines.iter().position(|line| line.starts_with(start)).unwrap();
        let order =
            ["sbom", "scan", "check", "provenance generate", "sign", "attest", "verify", "evidence copy"];
        let order: Vec<usize> = order.iter().map(|name| first(&format!("plimsoll {name} "))).collect();
        assert!(order.is_sorted(), "{order:?}");
    }
}

fn action_is(step: &Value, name: &str) -> bool {
    step["uses"].as_str().is_some_and(|action| action.starts_with(name))
}

#[test]
fn the_examples_policies_have_no_weak_spot() {
    let place = Place::empty();
    for policy in ["build", "release"] {
        let path = tree(&format!("examples/ci/policy/{policy}.yaml"));
        place.run(&["policy", "lint", path.to_str().unwrap()]).exits(0).says("0 findings");
    }
}
