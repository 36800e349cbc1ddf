use std::fs;

use plimsoll_core::{Classify as _, Kind};

use super::*;

/// Files below a folder of their own.
struct Files(tempfile::TempDir);

impl Files {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        path
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }
}

fn config(text: &str) -> RegistryConfig {
    let files = Files::new();
    RegistryConfig::from_paths(&[files.write("registries.conf", text)]).unwrap()
}

fn fails(text: &str) -> Error {
    let files = Files::new();
    RegistryConfig::from_paths(&[files.write("registries.conf", text)]).unwrap_err()
}

/// The places in their order, as `reference[!]`, where `!` marks one that is not asked for tags.
fn places(config: &RegistryConfig, reference: &str) -> Vec<String> {
    let plan = config.plan(&reference.parse().unwrap()).unwrap();
    let all = plan.mirrors.iter().chain([&plan.primary]);
    all.map(|p| format!("{}{}", p.reference, if p.resolves { "" } else { "!" })).collect()
}

const DIGEST: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

#[test]
fn without_files_the_registry_itself_is_asked() {
    assert_eq!(places(&RegistryConfig::none(), "debian"), ["docker.io/library/debian:latest"]);
}

#[test]
fn the_longest_prefix_that_fits_decides() {
    let config = config(
        r#"
        unqualified-search-registries = ["evil.example"]
        short-name-mode = "enforcing"
        [aliases]
        "debian" = "evil.example/debian"
        [[registry]]
        prefix = "example.com"
        [[registry.mirror]]
        location = "near.example:5000/all"
        [[registry]]
        prefix = "example.com/team"
        location = "inside.example/team-x"
        [[registry]]
        prefix = "*.cloud.example"
        location = "inside.example/cloud"
    "#,
    );
    assert_eq!(places(&config, "debian"), ["docker.io/library/debian:latest"]);
    assert_eq!(places(&config, "example.com/a:1"), ["near.example:5000/all/a:1", "example.com/a:1"]);
    assert_eq!(places(&config, "example.com/team/a:1"), ["inside.example/team-x/a:1"]);
    assert_eq!(places(&config, "example.com/team:1"), ["inside.example/team-x:1"]);
    assert_eq!(places(&config, "eu.cloud.example/a:1"), ["inside.example/cloud/a:1"]);
    // Alike, and something else.
    for other in
        ["example.com/teamster/a:1", "example.community/a:1", "example.com:5000/a:1", "cloud.example/a:1"]
    {
        let found = places(&config, other);
        assert!(!found.iter().any(|p| p.starts_with("inside.example")), "{other}: {found:?}");
    }
    assert_eq!(places(&config, "example.com:5000/a:1"), ["example.com:5000/a:1"]);
    assert_eq!(places(&config, "evilcloud.example/a:1"), ["evilcloud.example/a:1"]);
}

#[test]
fn mirrors_for_tags_and_for_digests_are_told_apart() {
    let config = config(
        r#"
        [[registry]]
        location = "r.example"
        [[registry.mirror]]
        location = "all.example"
        [[registry.mirror]]
        location = "digests.example"
        pull-from-mirror = "digest-only"
        [[registry.mirror]]
        location = "tags.example"
        pull-from-mirror = "tag-only"
        [[registry]]
        location = "s.example"
        mirror-by-digest-only = true
        [[registry.mirror]]
        location = "digests.example"
    "#,
    );
    let by_digest = |name: &str| format!("{name}/a@{DIGEST}");
    assert_eq!(places(&config, "r.example/a:1"), ["all.example/a:1", "tags.example/a:1", "r.example/a:1"]);
    assert_eq!(
        places(&config, &by_digest("r.example")),
        ["all.example", "digests.example", "r.example"].map(by_digest)
    );
    assert_eq!(places(&config, "s.example/a:1"), ["s.example/a:1"]);
    assert_eq!(places(&config, &by_digest("s.example")), ["digests.example", "s.example"].map(by_digest));
}

#[test]
fn errors_are_reported_with_file_and_line() {
    for (text, line, problem) in [
        ("[[registry]\n", 1, "not TOML"),
        ("\n[[registry]]\ninsecure = true\n", 2, "neither `prefix` nor `location`"),
        ("[[registry]]\nlocation = \"https://a.example\"", 2, "without a scheme"),
        ("[[registry]]\nlocation = \"mirror/team\"", 2, "a dot or a port"),
        ("[[registry]]\nlocation = \"a.example\"\nblocked = \"yes\"", 3, "expected true or false"),
        ("[[registry]]\nlocation = 7", 2, "expected a string"),
        (
            "[[registry]]\nlocation = \"a.example\"\n[[registry.mirror]]\ninsecure = true",
            3,
            "without `location`",
        ),
        (
            "[[registry]]\nlocation = \"a.example\"\n[[registry.mirror]]\nlocation = \"b.example\"\npull-from-mirror = \"never\"",
            5,
            "expected all, digest-only or tag-only",
        ),
        (
            "[[registry]]\nlocation = \"a.example\"\nmirror-by-digest-only = true\n[[registry.mirror]]\nlocation = \"b.example\"\npull-from-mirror = \"all\"",
            6,
            "cannot be used together",
        ),
        ("[[registry]]\nlocation = \"a.example\"\npull-from-mirror = \"all\"", 3, "[[registry.mirror]]"),
        ("[[registry]]\nlocation = \"a.example\"\n[[registry]]\nlocation = \"a.example\"", 3, "occurs twice"),
        ("[registries.block]\nregistries = [\"a.example\"]", 1, "version 1"),
    ] {
        let error = fails(text);
        let message = error.to_string();
        assert!(message.contains(&format!("registries.conf:{line}: ")), "{text}: {message}");
        assert!(message.contains(problem), "{text}: {message}");
        assert_eq!(error.kind(), Kind::Usage);
        assert!(error.hint().unwrap().contains("--registry-config"));
    }
    // Lists of version 1 that block nothing, and unknown keys, are not errors.
    config("[registries.search]\nregistries = [\"a.example\"]\n[nonsense]\nx = 1");
    let missing = RegistryConfig::from_paths(&[PathBuf::from("/nowhere/registries.conf")]).unwrap_err();
    assert!(missing.to_string().contains("does not exist"), "{missing}");
}

#[test]
fn a_blocked_name_is_an_error_that_names_the_line() {
    let config = config("[[registry]]\nprefix = \"r.example/bad\"\nblocked = true\n");
    let error = config.plan(&"r.example/bad/a:1".parse().unwrap()).unwrap_err();
    assert!(error.to_string().contains("registries.conf:3: `blocked = true`"), "{error}");
    assert_eq!(places(&config, "r.example/good:1"), ["r.example/good:1"]);
}

#[test]
fn insecure_counts_only_when_the_user_says_so() {
    let text = "[[registry]]\nlocation = \"r.example\"\n[[registry.mirror]]\nlocation = \"m.example:5000\"\ninsecure = true\n";
    let reference = "r.example/a:1".parse().unwrap();
    let applied = |plan: &Plan| {
        let mut settings = plimsoll_http::Settings::default();
        plan.apply(&mut settings);
        settings
    };
    let plan = config(text).plan(&reference).unwrap();
    let settings = applied(&plan);
    assert!(settings.hosts.iter().all(|h| !h.dangerous_any_certificate) && settings.plain_http.is_empty());
    assert!(plan.mirrors[0].refused.as_ref().unwrap().ends_with("registries.conf:5"));

    let plan = config(text).dangerous_follow_insecure(true).plan(&reference).unwrap();
    let settings = applied(&plan);
    let hosts: Vec<_> = settings.hosts.iter().filter(|h| h.dangerous_any_certificate).collect();
    assert_eq!((hosts.len(), &*hosts[0].host), (1, "m.example:5000"));
    assert_eq!(settings.plain_http, ["m.example:5000"]);
    assert!(plan.mirrors[0].refused.is_none());
}

#[test]
fn the_usual_places_in_their_order() {
    let files = Files::new();
    let registry =
        |prefix: &str, at: &str| format!("[[registry]]\nprefix = \"{prefix}\"\nlocation = \"{at}\"\n");
    files.write("etc/containers/registries.conf", &registry("a.example", "machine.example"));
    files.write("etc/containers/registries.conf.d/10-b.conf", &registry("b.example", "ten.example"));
    files.write("etc/containers/registries.conf.d/20-b.conf", &registry("b.example", "twenty.example"));
    files.write("etc/containers/registries.conf.d/README", "not TOML");
    let load = |variables: &[(&str, PathBuf)]| {
        RegistryConfig::below(files.0.path(), |name| {
            variables.iter().find(|(n, _)| *n == name).map(|(_, path)| path.clone().into_os_string())
        })
        .unwrap()
    };
    let config = load(&[]);
    assert_eq!(places(&config, "a.example/x:1"), ["machine.example/x:1"]);
    assert_eq!(places(&config, "b.example/x:1"), ["twenty.example/x:1"]);

    let home = ("HOME", files.path("home"));
    files.write("home/.config/containers/registries.conf", &registry("c.example", "user.example"));
    files.write("home/.config/containers/registries.conf.d/b.conf", &registry("b.example", "user.example"));
    let config = load(std::slice::from_ref(&home));
    // The user's file replaces the machine's; drop-ins of both count, the user's last.
    assert_eq!(places(&config, "a.example/x:1"), ["a.example/x:1"]);
    assert_eq!(places(&config, "c.example/x:1"), ["user.example/x:1"]);
    assert_eq!(places(&config, "b.example/x:1"), ["user.example/x:1"]);

    let only = files.write("only.conf", &registry("d.example", "only.example"));
    let config = load(&[home, ("CONTAINERS_REGISTRIES_CONF", only)]);
    assert_eq!(places(&config, "c.example/x:1"), ["c.example/x:1"]);
    assert_eq!(places(&config, "d.example/x:1"), ["only.example/x:1"]);
    let gone = RegistryConfig::below(files.0.path(), |name| {
        (name == "CONTAINERS_REGISTRIES_CONF").then(|| files.path("gone").into_os_string())
    });
    assert!(gone.unwrap_err().to_string().contains("CONTAINERS_REGISTRIES_CONF"));
}

fn certs_d(hosts: &[(&str, &str)]) -> (Files, RegistryConfig) {
    let files = Files::new();
    for (host, text) in hosts {
        files.write(&format!("{host}/hosts.toml"), text);
    }
    let config = RegistryConfig::from_paths(&[files.0.path().to_owned()]).unwrap();
    (files, config)
}

fn roots(config: &RegistryConfig, reference: &str) -> Vec<String> {
    let plan = config.plan(&reference.parse().unwrap()).unwrap();
    let all = plan.mirrors.iter().chain([&plan.primary]);
    all.map(|p| p.root.as_ref().map(ToString::to_string).unwrap_or_default()).collect()
}

#[test]
fn hosts_are_asked_in_the_order_of_the_file() {
    let (_files, config) = certs_d(&[(
        "docker.io",
        r#"
        server = "https://docker.io"
        [host."https://z.example"]
        capabilities = ["pull"]
        [host."http://a.example:5000/v2/hub"]
        override_path = true
        [host."https://b.example/cache"]
        [host."https://c.example/root"]
        override_path = true
        [host."https://proxy"]
        "#,
    )]);
    assert_eq!(
        places(&config, "debian"),
        [
            "z.example/library/debian:latest!",
            "a.example:5000/hub/library/debian:latest",
            "b.example/library/debian:latest",
            "c.example/library/debian:latest",
            "proxy:443/library/debian:latest",
            "docker.io/library/debian:latest",
        ]
    );
    assert_eq!(
        roots(&config, "debian"),
        [
            "https://z.example/v2/",
            "http://a.example:5000/v2/",
            "https://b.example/cache/v2/",
            "https://c.example/root/",
            "https://proxy/v2/",
            "",
        ]
    );
    let plan = config.plan(&"debian".parse().unwrap()).unwrap();
    assert!(plan.mirrors.iter().all(|m| m.namespace.as_deref() == Some("docker.io")));
    assert_eq!(plan.primary.namespace, None);
    assert!(plan.mirrors[1].refused.is_some(), "http:// needs to be allowed");
    assert_eq!(contacted(plan.primary.reference.registry()), "registry-1.docker.io");
}

#[test]
fn the_folder_of_a_registry_with_a_port_and_the_default() {
    let host = |name: &str| format!("[host.\"https://{name}\"]\n");
    let (files, config) = certs_d(&[
        ("r.example_5000_", &host("underscore.example")),
        ("r.example:5000", &host("colon.example")),
        ("_default", "server = \"https://default.example\""),
    ]);
    assert_eq!(places(&config, "r.example:5000/a:1")[0], "underscore.example/a:1");
    assert_eq!(places(&config, "r.example/a:1"), ["default.example/a:1"]);
    fs::remove_dir_all(files.path("r.example_5000_")).unwrap();
    assert_eq!(places(&config, "r.example:5000/a:1")[0], "colon.example/a:1");
    // The default does not apply to a registry with a folder of its own.
    fs::create_dir(files.path("own.example")).unwrap();
    assert_eq!(places(&config, "own.example/a:1"), ["own.example/a:1"]);
}

#[test]
fn errors_in_hosts_toml_are_reported_with_file_and_line() {
    for (text, line, problem) in [
        ("[host.\"ftp://a.example\"]", 1, "expected https:// or http://"),
        ("server = \"https://me:pa55@a.example\"", 1, "credentials file"),
        ("[host.\"https://a.example\"]\ncapabilities = [\"fly\"]", 2, "expected pull, resolve or push"),
        ("[host.\"https://a.example\"]\nca = \"gone.pem\"", 2, "does not exist"),
        ("[host.\"https://a.example\"]\nclient = [[\"gone.cert\"]]", 2, "a pair"),
        ("[host.\"https://a.example\"]\nskip_verify = 1", 2, "expected true or false"),
        ("[host.\"https://a.example\".header]\nHost = \"evil\"", 2, "the client's own"),
    ] {
        let (_files, config) = certs_d(&[("r.example", text)]);
        let message = config.plan(&"r.example/a:1".parse().unwrap()).unwrap_err().to_string();
        assert!(
            message.contains(&format!("hosts.toml:{line}: ")) && message.contains(problem),
            "{text}: {message}"
        );
        assert!(!message.contains("pa55"), "{message}");
    }
}

#[test]
fn certificates_belong_to_the_host_of_their_folder() {
    let (files, config) = certs_d(&[(
        "r.example",
        "[host.\"https://m.example\"]\nca = \"ca.pem\"\nclient = [[\"me.cert\", \"me.key\"]]\n[host.\"https://m.example\".header]\nx-team = \"s3cret\"",
    )]);
    files.write("r.example/ca.pem", "mirror's authority");
    files.write("r.example/me.cert", "certificate");
    files.write("r.example/me.key", "s3cret key");
    files.write("s.example:5000/ca.crt", "authority");
    files.write("s.example:5000/me.cert", "certificate");
    files.write("s.example:5000/me.key", "s3cret key");
    let tls = |reference: &str| {
        let plan = config.plan(&reference.parse().unwrap()).unwrap();
        assert!(!format!("{plan:?}").contains("s3cret"), "{plan:?}");
        plan.tls.into_iter().filter(|t| t.client.is_some()).collect::<Vec<_>>()
    };
    let mirror = tls("r.example/a:1");
    assert_eq!((mirror.len(), &*mirror[0].host, mirror[0].roots.len()), (1, "m.example", 1));
    let named = tls("s.example:5000/a:1");
    assert_eq!((named.len(), &*named[0].host, named[0].roots.len()), (1, "s.example:5000", 1));
    assert!(tls("s.example/a:1").is_empty(), "another port is another host");
    files.write("t.example/me.cert", "certificate");
    let error = config.plan(&"t.example/a:1".parse().unwrap()).unwrap_err();
    assert!(error.to_string().contains("without its key me.key"), "{error}");
}

#[test]
fn at_the_origin_nothing_is_rewritten() {
    let config = config("[[registry]]\nlocation = \"m.example\"\nprefix = \"r.example\"\n");
    let plan = config.plan(&"r.example/a:1".parse().unwrap()).unwrap().at_origin();
    assert_eq!(plan.primary.reference.to_string(), "r.example/a:1");
    assert!(plan.mirrors.is_empty());
}
