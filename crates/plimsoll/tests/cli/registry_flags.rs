//! The flags about registries through the real binary: mirrors, certificates, proxies, credentials, private addresses.

use std::os::unix::fs::PermissionsExt as _;

use plimsoll_testkit::cloud::Google;
use plimsoll_testkit::{Artifact, Authority, Fault, Proxy, Registry};

use crate::fixture::{Place, Run, pushed, run, shop};

/// What the inventory of [`image`] names.
const FOUND: &str = "pymysql";

fn image() -> Artifact {
    shop(FOUND, "1.1.0").build()
}

/// `sbom` of `reference` with more arguments and variables.
fn sbom(place: &Place, variables: &[(&str, &str)], reference: &str, more: &[&str]) -> Run {
    place.run_with(variables, &[&["sbom", "-o", "table", reference], more].concat())
}

#[track_caller]
fn reads(place: &Place, variables: &[(&str, &str)], reference: &str, more: &[&str]) {
    sbom(place, variables, reference, more).exits(0).says(FOUND);
}

fn registries_conf(origin: &Registry, mirror: &str) -> String {
    format!("[[registry]]\nlocation = \"{}\"\n[[registry.mirror]]\nlocation = \"{mirror}\"\n", origin.host())
}

#[test]
fn a_mirror_of_any_of_the_files_is_asked_instead_of_the_registry() {
    let (place, origin, mirror) = (Place::empty(), Registry::start(), Registry::start());
    image().push(&mirror, "cache/shop/orders", "1");
    let reference = origin.reference("shop/orders", "1");
    let conf = place.write("registries.conf", registries_conf(&origin, &format!("{}/cache", mirror.host())));
    let toml = format!("[host.\"{}/v2/cache\"]\noverride_path = true\n", mirror.url());
    place.write(&format!("certs.d/{}/hosts.toml", origin.host()), toml);
    let folder = place.path("certs.d");
    reads(&place, &[], &reference, &["--registry-config", &conf]);
    reads(&place, &[], &reference, &["--registry-config", &folder]);
    reads(&place, &[("PLIMSOLL_REGISTRY_CONFIG", &conf)], &reference, &[]);
    let settings = place.write("plimsoll.yaml", "registry-config: [registries.conf]\n");
    let unset = |variables: &[(&str, &str)], more: &[&str]| {
        let mut command = place.command(&[&["sbom", "-o", "table", &reference], more].concat());
        command.env_remove("PLIMSOLL_REGISTRY_CONFIG").envs(variables.iter().copied());
        run(command)
    };
    unset(&[], &["--config", &settings]).exits(0).says(FOUND);
    // Nothing named: where the container tools look.
    unset(&[("CONTAINERS_REGISTRIES_CONF", &conf)], &[]).exits(0).says(FOUND);
    assert!(origin.requests().is_empty());
    sbom(&place, &[], &reference, &["--registry-config", "none"]).exits(4);
    assert!(!origin.requests().is_empty(), "now the registry itself is asked");
}

#[test]
fn signatures_are_asked_of_the_registry_and_not_of_its_mirror() {
    let (place, origin, mirror) = (Place::empty(), Registry::start(), Registry::start());
    let reference = pushed(&origin, &image(), "1");
    image().push(&mirror, "shop/orders", "1");
    let conf = place.write("registries.conf", registries_conf(&origin, &mirror.host()));
    place.key("ci");
    let (private, public) = (place.path("ci.key"), place.path("ci.pub"));
    let verify = ["verify", "--insecure-ignore-tlog", "--key", &public, "--registry-config", &conf];
    place.run(&[&verify[..], &[&reference]].concat()).exits(10).says("no signature");
    place.run(&["sign", "--key", &private, "--registry-config", &conf, &reference]).exits(0);
    place.run(&[&verify[..], &[&reference]].concat()).exits(0);
    assert!(mirror.requests().is_empty(), "it is asked for nothing, and nothing is written to it");
    // The mirror is not believed either: bytes that are not those of the digest end the matter.
    mirror.misbehave("*/manifests/*", Fault::WrongBytes);
    sbom(&place, &[], &reference, &["--registry-config", &conf]).exits(10).says("digest");
}

#[test]
fn a_file_that_cannot_be_followed_or_weakens_tls_is_an_error_with_its_line() {
    let (place, origin) = (Place::empty(), Registry::start());
    let mirror = Registry::builder().tls().start();
    image().push(&origin, "shop/orders", "1");
    image().push(&mirror, "shop/orders", "1");
    let reference = origin.reference("shop/orders", "1");
    let broken = place.write("broken.conf", "[[registry]]\nlocation = 5\n");
    sbom(&place, &[], &reference, &["--registry-config", &broken]).exits(2).says("broken.conf:2");
    // Files that the user did not name are not read if no registry is needed.
    let layout = place.path("layout");
    image().write_layout(layout.as_ref(), None);
    sbom(&place, &[], &layout, &["--registry-config", &broken]).exits(2);
    for (subject, code) in [(&layout, 0), (&reference, 2)] {
        let mut command = place.command(&["sbom", subject]);
        command.env_remove("PLIMSOLL_REGISTRY_CONFIG").env("CONTAINERS_REGISTRIES_CONF", &broken);
        run(command).exits(code);
    }
    let missing = place.path("missing.conf");
    let run = sbom(&place, &[], &reference, &["--registry-config", &missing]);
    assert_ne!(run.code, 0, "a file that was named has to be there");
    let weak = registries_conf(&origin, &mirror.host()) + "insecure = true\n";
    let weak = place.write("weak.conf", weak);
    sbom(&place, &[], &reference, &["--registry-config", &weak])
        .exits(2)
        .says("weak.conf:5")
        .says("--insecure-registry-config");
    assert!(mirror.requests().is_empty());
    reads(&place, &[], &reference, &["--registry-config", &weak, "--insecure-registry-config"]);
    assert!(!mirror.requests().is_empty());
}

#[test]
fn an_authority_of_ones_own_counts_for_all_hosts_or_for_the_one_it_is_for() {
    let (place, fake) = (Place::empty(), Registry::builder().tls().start());
    image().push(&fake, "shop/orders", "1");
    let reference = fake.reference("shop/orders", "1");
    let authority = place.write("ca.pem", fake.ca_pem().unwrap());
    let other = place.write("other.pem", Authority::new().pem());
    sbom(&place, &[], &reference, &[]).exits(1).says("--ca-file");
    sbom(&place, &[], &reference, &["--ca-file", &other]).exits(1);
    assert!(fake.requests().is_empty(), "nothing is said to somebody who is not known");
    reads(&place, &[], &reference, &["--ca-file", &authority]);
    reads(&place, &[("PLIMSOLL_CA_FILE", &format!("{other},{authority}"))], &reference, &[]);
    reads(&place, &[("SSL_CERT_FILE", &authority)], &reference, &[]);
    place.write(&format!("certs.d/{}/ca.crt", fake.host()), fake.ca_pem().unwrap());
    place.write("elsewhere/127.0.0.1:1/ca.crt", fake.ca_pem().unwrap());
    reads(&place, &[], &reference, &["--registry-config", &place.path("certs.d")]);
    sbom(&place, &[], &reference, &["--registry-config", &place.path("elsewhere")]).exits(1);
}

#[test]
fn a_client_certificate_is_shown_to_the_host_that_it_is_for() {
    let clients = Authority::new();
    let fake = Registry::builder().tls().client_authority(&clients.pem()).start();
    let place = Place::empty();
    image().push(&fake, "shop/orders", "1");
    let (reference, host) = (fake.reference("shop/orders", "1"), fake.host());
    let (certificate, key) = clients.client("ci");
    let authority = place.write("ca.pem", fake.ca_pem().unwrap());
    let (chain, private) = (place.write("me.cert", &certificate), place.write("me.key", &key));
    let both = place.write("both.pem", format!("{certificate}{key}"));
    let trust = ["--ca-file", authority.as_str()];
    let with = |more: &[&str]| sbom(&place, &[], &reference, &[&trust[..], more].concat());
    let (chain, private) = (format!("{host}={chain}"), format!("{host}={private}"));
    with(&["--client-cert", &chain, "--client-key", &private]).exits(0).says(FOUND);
    with(&["--client-cert", &format!("{host}={both}")]).exits(0).says(FOUND);
    let variables = [("PLIMSOLL_CLIENT_CERT", chain.as_str()), ("PLIMSOLL_CLIENT_KEY", private.as_str())];
    reads(&place, &variables, &reference, &trust);
    place.write(&format!("certs.d/{host}/me.cert"), &certificate);
    place.write(&format!("certs.d/{host}/me.key"), &key);
    with(&["--registry-config", &place.path("certs.d")]).exits(0).says(FOUND);

    fake.clear_requests();
    with(&[]).exits(1).says("--client-cert");
    with(&["--client-cert", &format!("127.0.0.1:1={both}")]).exits(1).says("--client-cert");
    assert!(fake.requests().is_empty());
    with(&["--client-key", &private]).exits(2).says("has no certificate");
    with(&["--client-cert", &both]).exits(2).says("expected HOST=FILE");
    with(&["--client-cert", &format!("{host}={}", place.path("none.pem"))]).exits(4).says("none.pem");
}

#[test]
fn a_private_address_that_a_public_registry_names_is_reached_when_it_is_allowed() {
    let proxy = Proxy::start("me", "pa55");
    let public = Registry::builder().named("registry.example").start();
    let blobs = Registry::builder().tls().start();
    let place = Place::empty();
    image().push(&public, "shop/orders", "1");
    image().push(&blobs, "shop/orders", "1");
    let layer = image().image().layers[1].digest();
    let path = format!("/v2/shop/orders/blobs/{layer}");
    let redirect = Fault::Redirect(307, format!("{}{path}", blobs.url()));
    public.misbehave(&format!("GET {path}"), redirect);
    let reference = format!("registry.example:{}/shop/orders:1", public.addr().port());
    let authorities = [public.ca_pem().unwrap(), blobs.ca_pem().unwrap()].concat();
    let trust = place.write("ca.pem", authorities);
    let url = format!("http://me:pa55@{}", proxy.host());
    let with = |more: &[&str]| {
        let arguments = [&["--ca-file", trust.as_str()], more].concat();
        sbom(&place, &[("HTTPS_PROXY", &url)], &reference, &arguments)
    };
    let refused = with(&[]);
    assert_ne!(refused.code, 0);
    refused.says("127.0.0.1").says("--allow-private").keeps_quiet_about("pa55");
    with(&["--allow-private", "10.0.0.0/8"]).says("--allow-private");
    assert!(blobs.requests().is_empty());
    with(&["--allow-private", "10.0.0.0/8", "--allow-private", "127.0.0.1"]).exits(0).says(FOUND);
    with(&["--allow-private", "127.0.0.0/8"]).exits(0).says(FOUND);
    assert!(!blobs.requests().is_empty());
    // Metadata services stay out of reach, even if every network is allowed.
    public.behave();
    let metadata = Fault::Redirect(307, "https://169.254.169.254/latest".to_owned());
    public.misbehave(&format!("GET {path}"), metadata);
    let refused = with(&["--allow-private", "169.254.0.0/16"]);
    assert_ne!(refused.code, 0);
    refused.says("169.254.169.254");
    with(&["--allow-private", "a b"]).exits(2).says("expected HOST");
}

#[test]
fn a_proxy_is_used_with_its_password_and_left_out_where_no_proxy_says_so() {
    let proxy = Proxy::start("me", "pa55");
    let (secure, plain) = (Registry::builder().named("registry.example").start(), Registry::start());
    let place = Place::empty();
    for registry in [&secure, &plain] {
        image().push(registry, "shop/orders", "1");
    }
    let reference =
        |registry: &Registry| format!("registry.example:{}/shop/orders:1", registry.addr().port());
    let authority = place.write("ca.pem", secure.ca_pem().unwrap());
    let (url, wrong) =
        (format!("http://me:pa55@{}", proxy.host()), format!("http://me:geheim@{}", proxy.host()));
    let trust = ["--ca-file", authority.as_str()];
    for variable in ["HTTPS_PROXY", "https_proxy"] {
        reads(&place, &[(variable, &url)], &reference(&secure), &trust);
    }
    let tunnel = format!("CONNECT registry.example:{} HTTP/1.1", secure.addr().port());
    assert!(
        proxy.asked().len() >= 2 && proxy.asked().iter().all(|asked| *asked == tunnel),
        "{:?}",
        proxy.asked()
    );

    // Plain HTTP only where it is allowed, and then through the proxy for it.
    let both = [("HTTPS_PROXY", url.as_str()), ("HTTP_PROXY", url.as_str())];
    let run = sbom(&place, &both, &reference(&plain), &["--insecure-registry", "another.example"]);
    assert_ne!(run.code, 0);
    assert!(plain.requests().is_empty());
    reads(&place, &both, &reference(&plain), &["--insecure-registry", "registry.example"]);
    assert!(!plain.requests().is_empty());
    let absolute = format!("GET http://registry.example:{}/v2/", plain.addr().port());
    assert!(proxy.asked().iter().any(|asked| asked.starts_with(&absolute)), "{:?}", proxy.asked());

    let refused = sbom(&place, &[("HTTPS_PROXY", &wrong)], &reference(&secure), &trust);
    assert_ne!(refused.code, 0);
    refused.says("407").keeps_quiet_about("geheim");
    let asked = proxy.asked().len();
    let without = [("HTTPS_PROXY", url.as_str()), ("NO_PROXY", "registry.example")];
    let run = sbom(&place, &without, &reference(&secure), &[&trust[..], &["--timeout", "5s"]].concat());
    assert_ne!(run.code, 0, "nobody else knows that name");
    assert_eq!(proxy.asked().len(), asked);
    // This machine is never asked through a proxy.
    reads(&place, &[("HTTP_PROXY", &url)], &plain.reference("shop/orders", "1"), &[]);
    assert_eq!(proxy.asked().len(), asked);
}

#[test]
fn a_credential_helper_is_asked_for_the_registry_and_its_secret_is_never_shown() {
    let (place, fake) = (Place::empty(), Registry::builder().bearer("me", "geh3im").start());
    image().push(&fake, "shop/orders", "1");
    let (reference, host) = (fake.reference("shop/orders", "1"), fake.host());
    let helper = |script: &str| {
        let path = place.write("bin/docker-credential-vault", format!("#!/bin/sh\n{script}\n"));
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    };
    let path = format!("{}:/usr/bin:/bin", place.path("bin"));
    let with = |config: &str| {
        let docker = place.write("login/config.json", config);
        let folder = docker.trim_end_matches("/config.json");
        sbom(&place, &[("PATH", &path), ("DOCKER_CONFIG", folder)], &reference, &["-v"])
    };
    let for_host = format!(r#"{{"credHelpers": {{"{host}": "vault"}}}}"#);
    helper(&format!(
        r#"read server; [ "$1 $server" = "get {host}" ] && printf '{{"Username":"me","Secret":"geh3im"}}'"#
    ));
    with(&for_host).exits(0).says(FOUND).keeps_quiet_about("geh3im");
    with(r#"{"credsStore": "vault"}"#).exits(0).says(FOUND).keeps_quiet_about("geh3im");
    helper(r#"printf '{"Username":"me","Secret":"geh3im-alt"}'"#);
    with(&for_host).exits(3).keeps_quiet_about("geh3im-alt");
    helper("echo geh3im, and no JSON");
    let broken = with(&for_host);
    assert_ne!(broken.code, 0);
    broken.says("docker-credential-vault").keeps_quiet_about("geh3im");
    helper("echo credentials not found in native keychain; exit 1");
    with(&for_host).exits(3);
    let nowhere = with(&for_host.replace("vault", "nowhere"));
    assert_ne!(nowhere.code, 0);
    nowhere.says("docker-credential-nowhere");
}

#[test]
fn the_identity_that_a_cloud_gives_is_used_when_the_flag_or_the_file_says_so() {
    const REGISTRY: &str = "europe-west1-docker.pkg.dev";
    let (proxy, google) = (Proxy::start("me", "pa55"), Google::start());
    let fake = Registry::builder().bearer("oauth2accesstoken", Google::TOKEN).named(REGISTRY).start();
    let place = Place::empty();
    image().push(&fake, "shop/orders", "1");
    let reference = format!("{REGISTRY}:{}/shop/orders:1", fake.addr().port());
    let authority = place.write("ca.pem", fake.ca_pem().unwrap());
    let (url, metadata) = (format!("http://me:pa55@{}", proxy.host()), google.service().host());
    let machine = [("HTTPS_PROXY", url.as_str()), ("GCE_METADATA_HOST", metadata.as_str())];
    let with =
        |more: &[&str]| sbom(&place, &machine, &reference, &[&["--ca-file", &authority], more].concat());
    with(&[]).exits(3);
    with(&["--cloud-identity", "auto"]).exits(3);
    assert!(google.service().requests().is_empty(), "it is only asked when somebody says so");
    with(&["--cloud-identity", "metadata", "-vv"]).exits(0).says(FOUND).keeps_quiet_about(Google::TOKEN);
    let settings = place.write("plimsoll.yaml", "cloud-identity: metadata\n");
    with(&["--config", &settings]).exits(0).says(FOUND);
    // The flag comes before the file.
    let asked = google.service().requests().len();
    with(&["--config", &settings, "--cloud-identity", "off"]).exits(3);
    assert_eq!(google.service().requests().len(), asked);
    let account = place.write("account.json", google.service_account().to_string());
    let named = [("HTTPS_PROXY", url.as_str()), ("GOOGLE_APPLICATION_CREDENTIALS", account.as_str())];
    reads(&place, &named, &reference, &["--ca-file", &authority]);
    let off = [named[0], named[1], ("PLIMSOLL_CLOUD_IDENTITY", "off")];
    sbom(&place, &off, &reference, &["--ca-file", &authority]).exits(3);
    with(&["--cloud-identity", "always"]).exits(2).says("auto, metadata, off");
}
