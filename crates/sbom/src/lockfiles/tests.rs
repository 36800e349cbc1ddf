//! Forms that the published files do not contain, and files that are not lock files. The published ones are in
//! `tests/databases.rs`.

use plimsoll_core::Limits;
use plimsoll_core::rootfs::FileSet;

use super::*;
use crate::catalogers::select;
use crate::inventory::Inventory;

fn catalog(files: &[(&str, &str)]) -> Inventory {
    let mut set = FileSet::default();
    for (path, content) in files {
        set.add(select(), path, None, content.as_bytes());
    }
    crate::catalog(&set, &Limits::default())
}

fn packages_of(inventory: &Inventory) -> Vec<String> {
    inventory.components.iter().map(|it| format!("{} {}", it.purl, it.locations[0].path)).collect()
}

const CARGO: &str = "[[package]]\nname = \"app\"\nversion = \"0.1.0\"\n\n\
    [[package]]\nname = \"serde\"\nversion = \"1.0.200\"\nsource = \"registry+x\"\n";

#[test]
fn installed_packages_count_instead_of_locked_ones() {
    let metadata = "Metadata-Version: 2.1\nName: Requests\nVersion: 2.0\n";
    let poetry = "[[package]]\nname = \"requests\"\nversion = \"1.0\"\n[[package]]\nname = \"idna\"\nversion = \"3.1\"\n";
    let inventory = catalog(&[
        ("usr/lib/python3/site-packages/requests-2.0.dist-info/METADATA", metadata),
        ("srv/poetry.lock", poetry),
        ("usr/lib/python3/site-packages/x/poetry.lock", poetry),
        ("usr/lib/ruby/gems/3.1.0/gems/a-1.0/Gemfile.lock", "GEM\n  specs:\n    b (1.0)\n"),
        ("srv/node_modules/a/package.json", r#"{"name":"a","version":"1.0.0"}"#),
        ("srv/yarn.lock", "b@^1:\n  version \"1.0.0\"\n"),
        ("opt/Cargo.lock", CARGO),
        // Files of the operating system's packages.
        ("usr/share/nodejs/c/yarn.lock", "c@^1:\n  version \"1.0.0\"\n"),
        (
            "usr/share/nodejs/c/package-lock.json",
            r#"{"lockfileVersion":3,"packages":{"node_modules/d":{"version":"1.0.0"}}}"#,
        ),
        (
            "var/lib/dpkg/status",
            "Package: node-c\nStatus: install ok installed\nVersion: 1\nArchitecture: all\n\n",
        ),
        (
            "var/lib/dpkg/info/node-c.md5sums",
            "00000000000000000000000000000000  usr/share/nodejs/c/yarn.lock\n\
             00000000000000000000000000000000  usr/share/nodejs/c/package-lock.json\n",
        ),
    ]);
    assert_eq!(
        packages_of(&inventory),
        [
            "pkg:cargo/serde@1.0.200 opt/Cargo.lock",
            "pkg:deb/debian/node-c@1?arch=all var/lib/dpkg/status",
            "pkg:npm/a@1.0.0 srv/node_modules/a/package.json",
            "pkg:pypi/idna@3.1 srv/poetry.lock",
            "pkg:pypi/requests@1.0 srv/poetry.lock",
            "pkg:pypi/requests@2.0 usr/lib/python3/site-packages/requests-2.0.dist-info/METADATA",
        ]
    );
}

/// npm's own packages, and those of other projects and types, do not affect a project's lock file.
#[test]
fn packages_installed_elsewhere_hide_no_other_version() {
    let package = |name: &str, version: &str| format!(r#"{{"name":"{name}","version":"{version}"}}"#);
    let inventory = catalog(&[
        ("usr/lib/node_modules/npm/node_modules/tar/package.json", &package("tar", "7.4.3")),
        (
            "app/yarn.lock",
            "tar@^4:\n  version \"4.4.1\"\nms@^2:\n  version \"2.0.0\"\nqs@^1:\n  version \"1.0.0\"\n",
        ),
        ("app/sub/node_modules/ms/package.json", &package("ms", "2.1.0")),
        ("opt/node_modules/qs/package.json", &package("qs", "1.0.0")),
    ]);
    let found = packages_of(&inventory);
    assert!(found.contains(&"pkg:npm/tar@4.4.1 app/yarn.lock".to_owned()), "{found:?}");
    assert_eq!(found.iter().filter(|it| it.ends_with("yarn.lock")).count(), 1, "{found:?}");
    assert!(inventory.components.iter().find(|it| it.version == "4.4.1").unwrap().declared.is_some());
}

#[test]
fn lock_files_in_fetched_packages_are_ignored_and_pnpms_own_is_read() {
    let module = "module m\n\nrequire golang.org/x/crypto v0.1.0\n";
    let pnpm = "lockfileVersion: '9.0'\npackages:\n  lodash@4.17.4:\n    resolution: {}\n";
    for (path, content, is_listed) in [
        ("root/go/pkg/mod/github.com/x/y@v1.0.0/go.mod", module, false),
        ("root/go/pkg/mod/github.com/x/y@v1.0.0/sub/go.mod", module, false),
        ("srv/pkg/mod/go.mod", module, true),
        ("root/.cargo/registry/src/index.crates.io-6f17d22bba15001f/x-1.0.0/Cargo.lock", CARGO, false),
        ("srv/registry/src/x-1/Cargo.lock", CARGO, true),
        ("app/node_modules/.pnpm/lock.yaml", pnpm, true),
        ("app/node_modules/x/node_modules/pnpm-lock.yaml", pnpm, false),
    ] {
        assert_eq!(!catalog(&[(path, content)]).components.is_empty(), is_listed, "{path}");
    }
}

/// A package from a repository has no version, but is listed.
#[test]
fn packages_from_elsewhere_are_listed_or_reported() {
    for (path, content, expected) in [
        (
            "app/Pipfile.lock",
            r#"{"_meta":{},"default":{"django":{"git":"https://x/django.git","ref":"abc"},"own":{"path":"."}},"develop":{}}"#,
            vec!["pkg:pypi/django"],
        ),
        (
            "app/bun.lock",
            r#"{"lockfileVersion":1,"workspaces":{"":{"name":"app","dependencies":{"a":"^1"}}},"packages":{"a":["a@1.0.0","",{"peerDependencies":null},"sha"]}}"#,
            vec!["has a package whose dependencies cannot be read: invalid type: null, expected a map"],
        ),
        (
            "app/deno.lock",
            r#"{"version":"4","remote":{"https://esm.sh/lodash@4.17.15":"x","https://esm.sh/v1/@a/b@1.0.0/c.js":"x","https://x.org/a.ts":"x","https://x.org/b.ts":"y"}}"#,
            vec![
                "pkg:npm/lodash@4.17.15",
                "pkg:npm/%40a/b@1.0.0",
                "names a package `modules of x.org`, which is not a valid name",
            ],
        ),
        (
            "x/.github/workflows/a.yml",
            "on: push\njobs:\n  b:\n    steps: [{uses: a/b@v1}, {name: x, 'uses': 'c/d@v2'}]\n    # uses: e/f@v1\n",
            vec!["pkg:githubactions/a/b@v1", "pkg:githubactions/c/d@v2"],
        ),
        (
            "app/paket.lock",
            "GIT\n  remote: git@github.com:x/tool.git\n     (abc)\nHTTP\n  remote: http://x.org\n    a/b.fs (/a/b.fs)\n",
            vec!["pkg:generic/tool", "pkg:generic/x.org"],
        ),
        (
            "app/stack.yaml",
            "resolver: lts-21\nextra-deps:\n- acme-1.0@sha256:0\n- git: https://x/y.git\n  commit: abc\n",
            vec!["pkg:hackage/acme@1.0", "pkg:hackage/y"],
        ),
    ] {
        assert_eq!(shown(path, content), expected, "{path}");
    }
}

#[test]
fn an_invalid_lock_file_is_reported() {
    for format in LIST {
        let path = format.paths[0].replace("**/", "srv/").replace('*', "x");
        for content in ["no lock file of anything", "[", "\u{0}"] {
            let inventory = catalog(&[(&path, content)]);
            let told: Vec<&str> = inventory.problems.iter().map(|it| it.path.as_str()).collect();
            assert!(told.contains(&path.as_str()), "{path} with {content:?}: {:?}", inventory.problems);
            assert!(inventory.components.is_empty(), "{path}");
        }
    }
}

#[test]
fn invalid_names_are_reported() {
    let odd = "[[package]]\nname = \"a b\"\nversion = \"1\"\nsource = \"x\"\n";
    let inventory = catalog(&[("srv/Cargo.lock", odd)]);
    assert!(
        inventory.problems.iter().any(|it| it.detail == "names a package `a b`, which is not a valid name")
    );
}

/// Many entries may refer to one long text, and each of them would get a copy.
#[test]
fn a_long_text_that_many_entries_share_is_not_copied_for_each() {
    let long = "x".repeat(200_000);
    let many = |entry: &dyn Fn(usize) -> String| (0..2_000).map(entry).collect::<String>();
    for (path, text) in [
        (
            "srv/go.mod",
            format!(
                "module m\n{}replace a.b/c => e/{long} v1.0.0\n",
                many(&|n| format!("require a.b/c v1.0.{n}\n"))
            ),
        ),
        (
            "srv/gradle/x.versions.toml",
            format!(
                "[versions]\nv = \"{long}\"\n[libraries]\n{}",
                many(&|n| format!("l{n} = {{ module = \"g:a{n}\", version.ref = \"v\" }}\n"))
            ),
        ),
        ("srv/Dockerfile", format!("ARG A={long}\n{}", many(&|n| format!("FROM i{n}:$A\n")))),
        (
            "srv/Manifest.toml",
            format!(
                "julia_version = \"{long}\"\n[deps]\n{}",
                many(&|n| format!("[[deps.p{n}]]\nuuid = \"u\"\n"))
            ),
        ),
        ("srv/paket.lock", format!("GITHUB\n  remote: a/{long}\n{}", many(&|n| format!("    f{n} (abc)\n")))),
        (
            "srv/vcpkg.json",
            format!(
                "{{\"dependencies\": [{}\"n\"], \"overrides\": [{{\"name\": \"n\", \"version\": \"{long}\"}}]}}",
                "\"n\",".repeat(2_000)
            ),
        ),
    ] {
        let format = LIST.iter().find(|it| {
            it.paths
                .iter()
                .any(|it| path.ends_with(it.trim_start_matches("**/").trim_start_matches("gradle/*")))
        });
        let locked = (format.unwrap().read)(&text).unwrap();
        let bytes: usize = locked
            .iter()
            .map(|it| {
                it.name.len()
                    + it.version.as_ref().map_or(0, String::len)
                    + it.qualifiers.iter().map(|it| it.1.len()).sum::<usize>()
            })
            .sum();
        assert!(
            locked.len() >= 2_000 && bytes < 2_000 * 2_000,
            "{path}: {bytes} bytes for {} entries",
            locked.len()
        );
    }
    let told = shown("srv/go.mod", &format!("module m\nrequire a.b/c v1\nreplace a.b/c => e/{long} v1\n"));
    assert!(told[0].contains("one of whose fields has more than 512 bytes"), "{told:?}");
}

#[test]
fn entries_are_counted_before_memory_is_spent_on_them() {
    let told = shown("srv/requirements.txt", &"a\n".repeat(900_000));
    assert_eq!(told, ["has 900000 lines and commas, expected at most 8 × 100000 (packages)"]);
}

#[test]
fn go_modules_are_read_in_blocks_and_lines_with_their_replacements() {
    let text = "module m // comment\n\ngo 1.22\n\nrequire a.org/x v1.0.0\nrequire (\n\tb.org/y v2.0.0 // indirect\n\
                \tc.org/z v3.0.0\n)\nexclude d.org/w v1.0.0\nreplace (\n\ta.org/x => ../x\n\tb.org/y v2.0.0 => e.org/y v2.1.0\n)\n\
                replace c.org/z v9.0.0 => f.org/z v9.1.0\n";
    let found: Vec<String> = go::read(text)
        .unwrap()
        .iter()
        .map(|it| format!("{} {}", it.name, it.version.as_deref().unwrap()))
        .collect();
    assert_eq!(found, ["a.org/x v1.0.0", "e.org/y v2.1.0", "c.org/z v3.0.0"]);
}

/// The packages of one file.
fn shown(path: &str, content: &str) -> Vec<String> {
    let inventory = catalog(&[(path, content)]);
    let components = inventory.components.iter().map(|it| {
        let mark = if it.is_for_development() { " development" } else { "" };
        format!("{}{mark}", it.purl)
    });
    let faults = inventory.problems.iter().filter(|it| it.path == path).map(|it| it.detail.clone());
    components.chain(faults).collect()
}

#[test]
fn requirements_are_read_as_pip_reads_them() {
    let text = "# a comment\n--index-url https://example.org/simple\n-r requirements-base.txt\n-c constraints.txt\n\
        Flask[async]==3.0.0 \\\n    --hash=sha256:00 \\\n    --hash=sha256:11  # why\n\
        idna >= 3 ; python_version < \"3.9\"\nurllib3 (==2.0.7)\nsix==1.*\nexact===1.0+local\n\
        w @ https://example.org/w-1.2-py3-none-any.whl#sha256=0\nhttps://example.org/x/y-3.0-py3-none-any.whl\n\
        z @ git+https://example.org/z.git@main\n-e git+https://example.org/egg.git#egg=an-egg&subdirectory=a\n\
        -e .\n./lib\n--editable=./other\n-r base.in\nbroken requirement\n";
    assert_eq!(
        shown("srv/requirements.txt", text),
        [
            "pkg:pypi/an-egg",
            "pkg:pypi/exact@1.0%2Blocal",
            "pkg:pypi/flask@3.0.0",
            "pkg:pypi/idna",
            "pkg:pypi/six",
            "pkg:pypi/urllib3@2.0.7",
            "pkg:pypi/w@1.2",
            "pkg:pypi/y@3.0",
            "pkg:pypi/z",
            "names a package `-r base.in`, which is not a valid name",
            "names a package `broken requirement`, which is not a valid name",
        ]
    );
}

#[test]
fn base_images_have_their_digests_and_stages_are_not_listed() {
    let digest = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    let text = format!(
        "ARG RELEASE=12\nARG FLAVOUR\nFROM --platform=$BUILDPLATFORM debian:${{RELEASE}}-slim@{digest} AS build\n\
         FROM ghcr.io/team/base:${{FLAVOUR:-small}} as other\nCOPY --from=build /a /b\n\
         COPY --from=0 /a /b\nCOPY --from=quay.io/x/tool:1 /t /t\nFROM scratch\nfrom Other\n"
    );
    assert_eq!(
        shown("srv/Dockerfile", &text),
        [
            "pkg:oci/base?repository_url=ghcr.io%2Fteam%2Fbase&tag=small".to_owned(),
            format!(
                "pkg:oci/debian@sha256:{}?repository_url=docker.io%2Flibrary%2Fdebian&tag=12-slim",
                &digest[7..]
            ),
            "pkg:oci/tool?repository_url=quay.io%2Fx%2Ftool&tag=1".to_owned(),
        ]
    );
    let unknown = "ARG BASE\nFROM $BASE\n";
    assert_eq!(shown("srv/Dockerfile", unknown), ["names a package `$`, which is not a valid name"]);
}

#[test]
fn forms_that_are_not_in_published_files_are_read() {
    let cases: [(&str, &str, &[&str]); 16] = [
        (
            "srv/pyproject.toml",
            "[project]\nname = \"x\"\ndependencies = [\"flask[async]==3.0.0\", \"idna>=3\"]\n[tool.x]\ny = 1\n",
            &["pkg:pypi/flask@3.0.0"],
        ),
        (
            "srv/setup.cfg",
            "[metadata]\nname = x\n[options]\ninstall_requires =\n    flask==3.0.0\n    idna>=3\npackages = find:\n",
            &["pkg:pypi/flask@3.0.0"],
        ),
        (
            "srv/stack.yaml",
            "resolver: lts-19\nextra-deps:\n- HTTP-4000.3.16@sha256:6042,5947\n- git: https://example.org/x.git\n  commit: a58\n",
            &["pkg:hackage/HTTP@4000.3.16", "pkg:hackage/x"],
        ),
        (
            "root/.conan/data/a/1/_/_/package/0/conaninfo.txt",
            "[settings]\n    os=Linux\n[requires]\n    zlib/1.Y.Z\n[full_requires]\n    zlib/1.2.13:19729b95\n",
            &["pkg:conan/zlib@1.2.13"],
        ),
        (
            "root/.opam/5.1/.opam-switch/switch-state",
            "opam-version: \"2.0\"\ncompiler: [\"ocaml-base-compiler.5.1.1\"]\ninstalled: [\n  \"base-unix.base\"\n  \"ocaml.5.1.1\"\n]\n",
            &["pkg:opam/base-unix@base", "pkg:opam/ocaml@5.1.1"],
        ),
        (
            "srv/app.opam.locked",
            "depends: [\n  \"ocaml\" {= \"5.1.1\"}\n  \"alcotest\" {= \"1.7.0\" & with-test}\n  \"dune\" {>= \"3.0\"}\n]\n",
            &["pkg:opam/dune", "pkg:opam/ocaml@5.1.1"],
        ),
        (
            "srv/nimble.lock",
            r#"{"version":2,"packages":{"chronos":{"version":"3.2.0","vcsRevision":"0"}}}"#,
            &["pkg:nim/chronos@3.2.0"],
        ),
        (
            "srv/cpanfile.snapshot",
            "# carton snapshot format: version 1.0\nDISTRIBUTIONS\n  Try-Tiny-0.31\n    pathname: E/ET/ETHER/Try-Tiny-0.31.tar.gz\n    provides:\n      Try::Tiny 0.31\n",
            &["pkg:cpan/ETHER/Try-Tiny@0.31"],
        ),
        (
            "srv/conanfile.txt",
            "[requires]\nzlib/1.2.13@user/stable # why\nfmt/[>=10]\n[options]\nx/y\n",
            &["pkg:conan/fmt", "pkg:conan/zlib@1.2.13?channel=stable&user=user"],
        ),
        (
            "srv/vcpkg.json",
            r#"{"dependencies":["fmt",{"name":"zlib","version>=":"1.3"}],"overrides":[{"name":"fmt","version":"10.1.1"}]}"#,
            &["pkg:vcpkg/fmt@10.1.1", "pkg:vcpkg/zlib"],
        ),
        (
            "srv/vcpkg_installed/vcpkg/status",
            "Package: zlib\nVersion: 1.3.1\nPort-Version: 1\nStatus: install ok installed\n\nPackage: zlib\nFeature: x\n\
             Status: install ok installed\n\nPackage: gone\nVersion: 1\nStatus: purge ok not-installed\n",
            &["pkg:vcpkg/zlib@1.3.1?port_version=1"],
        ),
        (
            "srv/gradle/libs.versions.toml",
            "[versions]\nguava = \"33.0.0-jre\"\nopen = \"[1,2)\"\n[libraries]\n\
             a = { module = \"com.google.guava:guava\", version.ref = \"guava\" }\nb = \"org.x:y:1.9\"\n\
             c = { group = \"org.x\", name = \"z\", version = { strictly = \"2.0\" } }\n\
             d = { module = \"org.x:bom\", version.ref = \"open\" }\ne = { module = \"org.x:of-the-platform\" }\n",
            &[
                "pkg:maven/com.google.guava/guava@33.0.0-jre",
                "pkg:maven/org.x/bom",
                "pkg:maven/org.x/of-the-platform",
                "pkg:maven/org.x/y@1.9",
                "pkg:maven/org.x/z@2.0",
            ],
        ),
        (
            "srv/conda-lock.yml",
            "package:\n- {name: zlib, version: '1.3', manager: conda, category: main}\n\
             - {name: idna, version: '3.7', manager: pip, category: main}\n- {name: x, version: '1', manager: pip, category: dev}\n",
            &["pkg:conda/zlib@1.3", "pkg:pypi/idna@3.7", "pkg:pypi/x@1 development"],
        ),
        (
            "srv/Manifest.toml",
            "[[JSON]]\nuuid = \"682c06a0-de6a-54ab-a142-c8b1cf79cde6\"\nversion = \"0.21.4\"\n\n[[Own]]\nuuid = \"0\"\npath = \"lib\"\n",
            &["pkg:julia/JSON@0.21.4?uuid=682c06a0-de6a-54ab-a142-c8b1cf79cde6"],
        ),
        (
            "srv/rebar.lock",
            "{\"1.2.0\",\n[{<<\"a\">>,{pkg,<<\"hex_a\">>,<<\"2.9.0\">>},0},\n {<<\"b\">>,\n  {git,\"https://example.org/b.git\",\n   {ref,\"0\"}},\n  0}]}.\n[\n{pkg_hash,[\n {<<\"a\">>, <<\"6F\">>}]}\n].\n",
            &["pkg:hex/b", "pkg:hex/hex_a@2.9.0"],
        ),
        (
            "srv/.github/workflows/ci.yml",
            "on: push\njobs:\n  a:\n    steps:\n    - uses: \"actions/cache/save@5a3ec84\" # v4\n    - uses: docker://alpine:3\n    - uses: ./own\n",
            &["pkg:githubactions/actions/cache@5a3ec84#save"],
        ),
    ];
    for (path, content, expected) in cases {
        assert_eq!(shown(path, content), expected, "{path}");
    }
}

/// The declaration of each package in one file.
fn declared(path: &str, content: &str) -> Vec<String> {
    let inventory = catalog(&[(path, content)]);
    assert_eq!(inventory.problems, [], "{path}");
    let one = |it: &Component| format!("{}@{} {}", it.name, it.version, it.declared.unwrap());
    let mut declared: Vec<String> = inventory.components.iter().map(one).collect();
    declared.sort();
    declared
}

/// Lock files, with the declarations of their packages.
const DECLARED: &[(&str, &str, &[&str])] = &[
    (
        "srv/package-lock.json",
        r#"{"lockfileVersion":3,"packages":{"":{"dependencies":{"a":"^1"},"devDependencies":{"d":"^1"}},
                "node_modules/a":{"version":"1.0.0"},"node_modules/b":{"version":"1.0.0"},
                "node_modules/a/node_modules/d":{"version":"2.0.0"},
                "node_modules/d":{"version":"1.0.0","dev":true}}}"#,
        &[
            "a@1.0.0 runtime direct",
            "b@1.0.0 runtime transitive",
            "d@1.0.0 development direct",
            "d@2.0.0 runtime transitive",
        ],
    ),
    (
        "srv/pnpm-lock.yaml",
        "lockfileVersion: '9.0'\n\nimporters:\n\n  .:\n    dependencies:\n      a:\n        specifier: ^1.0.0\n        version: 1.0.0(p@1.0.0)\n      \
             alias:\n        specifier: npm:real@^1\n        version: real@1.0.0\n    devDependencies:\n      '@s/d':\n        specifier: ^1\n        version: 1.0.0\n\n\
             packages:\n\n  '@s/d@1.0.0':\n    resolution: {integrity: x}\n  a@1.0.0:\n    resolution: {integrity: x}\n  b@1.0.0:\n    resolution: {integrity: x}\n  \
             e@1.0.0:\n    resolution: {integrity: x}\n  p@1.0.0:\n    resolution: {integrity: x}\n  real@1.0.0:\n    resolution: {integrity: x}\n\n\
             snapshots:\n\n  '@s/d@1.0.0':\n    dependencies:\n      b: 1.0.0\n      e: 1.0.0\n\n  a@1.0.0(p@1.0.0):\n    dependencies:\n      b: 1.0.0\n      p: 1.0.0\n\n  \
             b@1.0.0: {}\n\n  e@1.0.0: {}\n\n  p@1.0.0: {}\n\n  real@1.0.0: {}\n",
        &[
            "@s/d@1.0.0 development direct",
            "a@1.0.0 runtime direct",
            "b@1.0.0 runtime transitive",
            "e@1.0.0 development transitive",
            "p@1.0.0 runtime transitive",
            "real@1.0.0 runtime direct",
        ],
    ),
    (
        "srv/pnpm-lock.yaml",
        "lockfileVersion: 5.4\n\nspecifiers:\n  a: ^1\n\ndependencies:\n  a: 1.0.0_p@1.0.0\n\ndevDependencies:\n  d: 1.0.0\n\npackages:\n\n  \
             /a/1.0.0_p@1.0.0:\n    dev: false\n\n  /b/1.0.0:\n    dev: true\n\n  /d/1.0.0:\n    dev: true\n",
        &["a@1.0.0 runtime direct", "b@1.0.0 development transitive", "d@1.0.0 development direct"],
    ),
    (
        "srv/bun.lock",
        r#"{"workspaces":{"":{"name":"app","dependencies":{"a":"^1"},"devDependencies":{"d":"^1"}},},
                "packages":{"a":["a@1.0.0","",{"dependencies":{"b":"^1"}},""],"b":["b@1.0.0","",{},""],
                "d":["d@1.0.0","",{"dependencies":{"b":"^1","e":"^1"}},""],"e":["e@1.0.0","",{},""],}}"#,
        &[
            "a@1.0.0 runtime direct",
            "b@1.0.0 runtime transitive",
            "d@1.0.0 development direct",
            "e@1.0.0 development transitive",
        ],
    ),
    (
        "srv/Cargo.lock",
        "[[package]]\nname = \"app\"\nversion = \"0.1.0\"\ndependencies = [\"a\", \"b 1.0.0\"]\n\n\
             [[package]]\nname = \"a\"\nversion = \"1.0.0\"\nsource = \"x\"\n\n[[package]]\nname = \"b\"\nversion = \"1.0.0\"\nsource = \"x\"\n\n\
             [[package]]\nname = \"b\"\nversion = \"2.0.0\"\nsource = \"x\"\n",
        &["a@1.0.0 runtime direct", "b@1.0.0 runtime direct", "b@2.0.0 runtime transitive"],
    ),
    (
        "srv/go.mod",
        "module m\nrequire a.org/x v1.0.0\nrequire b.org/y v2.0.0 // indirect\nreplace b.org/y => c.org/y v2.1.0\n",
        &["a.org/x@v1.0.0 runtime direct", "c.org/y@v2.1.0 runtime transitive"],
    ),
    (
        "srv/uv.lock",
        "[[package]]\nname = \"app\"\nversion = \"0.1.0\"\nsource = { virtual = \".\" }\ndependencies = [{ name = \"a\" }]\n\n\
             [package.dev-dependencies]\ndev = [{ name = \"d\" }]\n\n[[package]]\nname = \"a\"\nversion = \"1.0\"\ndependencies = [{ name = \"b\" }]\n\n\
             [[package]]\nname = \"b\"\nversion = \"1.0\"\n\n[[package]]\nname = \"d\"\nversion = \"1.0\"\ndependencies = [{ name = \"e\" }]\n\n\
             [[package]]\nname = \"e\"\nversion = \"1.0\"\n",
        &[
            "a@1.0 runtime direct",
            "b@1.0 runtime transitive",
            "d@1.0 development direct",
            "e@1.0 development transitive",
        ],
    ),
    (
        "srv/poetry.lock",
        "[[package]]\nname = \"a\"\nversion = \"1.0\"\ngroups = [\"main\", \"dev\"]\n\n[[package]]\nname = \"d\"\nversion = \"1.0\"\ngroups = [\"dev\"]\n",
        &["a@1.0 runtime", "d@1.0 development"],
    ),
    (
        "srv/Pipfile.lock",
        r#"{"default":{"a":{"version":"==1.0"}},"develop":{"a":{"version":"==1.0"},"d":{"version":"==1.0"}}}"#,
        &["a@1.0 runtime", "d@1.0 development"],
    ),
    (
        "srv/composer.lock",
        r#"{"packages":[{"name":"v/a","version":"1.0"}],"packages-dev":[{"name":"v/d","version":"1.0"}]}"#,
        &["v/a@1.0 runtime", "v/d@1.0 development"],
    ),
    (
        "srv/Gemfile.lock",
        "GEM\n  specs:\n    a (1.0)\n      b\n    b (1.0)\n\nDEPENDENCIES\n  a (~> 1.0)!\n",
        &["a@1.0 runtime direct", "b@1.0 runtime transitive"],
    ),
    (
        "srv/packages.lock.json",
        r#"{"dependencies":{"net8.0":{"A":{"type":"Direct","resolved":"1.0"},"B":{"type":"Transitive","resolved":"1.0"}}}}"#,
        &["A@1.0 runtime direct", "B@1.0 runtime transitive"],
    ),
    (
        "srv/rebar.lock",
        "{\"1.2.0\",\n[{<<\"a\">>,{pkg,<<\"a\">>,<<\"2.9.0\">>},0},\n {<<\"b\">>,{pkg,<<\"b\">>,<<\"1.0\">>},1}]}.\n[\n{pkg_hash,[\n {<<\"a\">>, <<\"6F\">>}]}\n].\n",
        &["a@2.9.0 runtime direct", "b@1.0 runtime transitive"],
    ),
    (
        "srv/gradle.lockfile",
        "org.x:a:1.0=compileClasspath\norg.x:d:1.0=testCompileClasspath,testRuntimeClasspath\nempty=\n",
        &["org.x:a@1.0 runtime", "org.x:d@1.0 development"],
    ),
];

#[test]
fn development_and_direct_dependencies_are_marked() {
    for (path, content, expected) in DECLARED {
        assert_eq!(declared(path, content), *expected, "{path}");
    }
}

#[test]
fn digests_of_archives_come_from_lock_files_that_state_them() {
    let sha512 = format!("sha512-{}==", "A".repeat(86));
    let inventory = catalog(&[
        (
            "a/Cargo.lock",
            &format!(
                "[[package]]\nname = \"a\"\nversion = \"1.0.0\"\nsource = \"registry+x\"\nchecksum = \"{}\"\n",
                "ab".repeat(32)
            ),
        ),
        ("b/yarn.lock", &format!("b@^1:\n  version \"1.0.0\"\n  integrity {sha512}\n")),
        (
            "c/pnpm-lock.yaml",
            &format!(
                "lockfileVersion: '9.0'\n\npackages:\n\n  c@1.0.0:\n    resolution: {{integrity: {sha512}, tarball: x}}\n"
            ),
        ),
        (
            "d/Cargo.lock",
            "[[package]]\nname = \"d\"\nversion = \"1.0.0\"\nsource = \"registry+x\"\nchecksum = \"short\"\n",
        ),
    ]);
    let digests = |it: &Component| it.origin.as_ref().map_or(String::new(), |it| it.checksums[0].hex.clone());
    let found: Vec<(&str, String)> =
        inventory.components.iter().map(|it| (it.name.as_str(), digests(it))).collect();
    let zeros = "0".repeat(128);
    let expected = [("a", "ab".repeat(32)), ("d", String::new()), ("b", zeros.clone()), ("c", zeros)];
    assert_eq!(found, expected);
}

#[test]
fn hostile_places_of_bun_are_refused() {
    let place = "a/".repeat(3_000);
    let text = format!(r#"{{"workspaces":{{}},"packages":{{"{place}":["a@1.0.0"]}},}}"#);
    assert_eq!(shown("srv/bun.lock", &text), ["has a place of more than 4096 bytes"]);
}
