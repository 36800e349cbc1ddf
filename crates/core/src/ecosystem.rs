//! Ecosystems: one row for each place that packages come from and that advisories are published about.
//!
//! Owns the facts about an ecosystem: its name at OSV, its package-URL types, how package names are joined and
//! normalised, and which order its versions follow. It does not know the orders themselves (they are in
//! `plimsoll-vuln`, by the names used here), nor which release of a distribution is which ([`Distribution`] does).
//!
//! Languages and other registries have a package-URL type of their own. A distribution shares its type with
//! others, and the namespace distinguishes them: `pkg:deb/debian/…` is [`Ecosystem::Debian`],
//! `pkg:deb/ubuntu/…` is [`Ecosystem::Ubuntu`], and any other `deb` package is [`Ecosystem::Deb`].
//!
//! A row whose version order is not implemented yet is known but not covered: a scan reports its packages as a gap.
//!
//! Names follow the OSV schema, "Defined ecosystems"; types the package-url specification.

use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

use crate::{Distribution, Purl, purl};

/// Whether packages belong to a language or to a system.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Language,
    OperatingSystem,
}

/// The spelling in which a package's name is looked up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Names {
    /// Case-sensitive.
    AsWritten,
    /// Lower case, with runs of `-`, `_` and `.` as one dash.
    Pep503,
    /// Lower case.
    LowerCase,
    /// The address of a repository: lower case, without the scheme and `.git`.
    Repository,
    /// Lower case, as package URLs write module paths, and `stdlib` for the standard library, which some call `std`.
    GoModule,
}

/// Which packages the advisories of an ecosystem name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AdvisoryNames {
    /// The package itself, as it is installed.
    Installed,
    /// The source package that it was built from, with that one's version.
    Source,
    /// One or the other: nobody has seen the publisher's real files here yet, so both are looked up.
    Either,
}

/// The facts about one ecosystem.
#[derive(Debug)]
struct Row {
    kind: Kind,
    id: &'static str,
    name: &'static str,
    purl_types: &'static [&'static str],
    /// What joins a purl's namespace to its name; `None` if the namespace is not part of the package's name.
    separator: Option<char>,
    names: Names,
    order: Option<&'static str>,
    advisories: AdvisoryNames,
}

const fn language(id: &'static str, name: &'static str, purl_types: &'static [&'static str]) -> Row {
    Row {
        kind: Kind::Language,
        id,
        name,
        purl_types,
        separator: None,
        names: Names::AsWritten,
        order: None,
        advisories: AdvisoryNames::Installed,
    }
}

const fn system(id: &'static str, name: &'static str, purl_types: &'static [&'static str]) -> Row {
    Row { kind: Kind::OperatingSystem, advisories: AdvisoryNames::Source, ..language(id, name, purl_types) }
}

impl Row {
    const fn order(self, name: &'static str) -> Self {
        Self { order: Some(name), ..self }
    }

    const fn advisories(self, advisories: AdvisoryNames) -> Self {
        Self { advisories, ..self }
    }

    /// A distribution of rpm packages, whose advisories name either kind of package.
    const fn rpm(self) -> Self {
        self.order("rpm").advisories(AdvisoryNames::Either)
    }

    const fn joined(self, separator: char) -> Self {
        Self { separator: Some(separator), ..self }
    }

    const fn names(self, names: Names) -> Self {
        Self { names, ..self }
    }
}

macro_rules! ecosystems {
    ($($(#[$doc:meta])* $variant:ident => $row:expr,)*) => {
        /// Where packages come from; decides which advisories and which version order apply.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum Ecosystem {
            $($(#[$doc])* $variant,)*
        }

        impl Ecosystem {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            fn row(self) -> &'static Row {
                match self {
                    $(Self::$variant => const { &$row },)*
                }
            }
        }
    };
}

// Languages come first, the most common before the others: a purl's type is looked up from the top.
ecosystems! {
    /// JavaScript packages.
    Npm => language("npm", "npm", &["npm"]).joined('/').order("semver"),
    /// Python packages.
    PyPI => language("pypi", "PyPI", &["pypi"]).names(Names::Pep503).order("pep440"),
    /// Go modules, `stdlib` and `toolchain`.
    Go => language("go", "Go", &["golang"]).joined('/').names(Names::GoModule).order("semver"),
    /// Java packages: `group:artifact`.
    Maven => language("maven", "Maven", &["maven"]).joined(':').order("maven"),
    /// Rust crates.
    CratesIo => language("crates.io", "crates.io", &["cargo"]).order("semver"),
    /// Ruby gems.
    RubyGems => language("rubygems", "RubyGems", &["gem"]).order("gem"),
    /// .NET packages.
    NuGet => language("nuget", "NuGet", &["nuget"]).names(Names::LowerCase).order("nuget"),
    /// PHP packages: `vendor/name`.
    Packagist => language("packagist", "Packagist", &["composer"]).joined('/').names(Names::LowerCase).order("composer"),
    /// Applications that Bitnami packages.
    Bitnami => language("bitnami", "Bitnami", &["bitnami"]).order("bitnami"),
    /// Dart packages.
    Pub => language("pub", "Pub", &["pub"]).order("pub"),
    /// Erlang and Elixir packages.
    Hex => language("hex", "Hex", &["hex"]).names(Names::LowerCase).order("semver"),
    /// Haskell packages.
    Hackage => language("hackage", "Hackage", &["hackage"]).order("hackage"),
    /// R packages.
    Cran => language("cran", "CRAN", &["cran"]).order("cran"),
    /// R packages for biology.
    Bioconductor => language("bioconductor", "Bioconductor", &["bioconductor"]).order("cran"),
    /// Swift packages, by the address of their repository.
    SwiftUrl => language("swifturl", "SwiftURL", &["swift"]).joined('/').names(Names::Repository).order("semver"),
    /// Libraries for Apple's systems.
    CocoaPods => language("cocoapods", "CocoaPods", &["cocoapods"]),
    /// C and C++ packages.
    ConanCenter => language("conancenter", "ConanCenter", &["conan"]).order("semver"),
    /// Packages of the conda channels.
    Conda => language("conda", "conda", &["conda"]),
    /// Perl distributions.
    Cpan => language("cpan", "CPAN", &["cpan"]),
    /// Lua rocks.
    LuaRocks => language("luarocks", "LuaRocks", &["luarocks"]),
    /// Julia packages.
    Julia => language("julia", "Julia", &["julia"]).order("semver"),
    /// OCaml packages.
    Opam => language("opam", "opam", &["opam"]),
    /// Actions for GitHub's workflows.
    GitHubActions => language("github-actions", "GitHub Actions", &["githubactions"]).joined('/').names(Names::LowerCase).order("semver"),
    /// Extensions of Visual Studio Code.
    VsCode => language("vscode", "VSCode", &["vscode-extension"]).joined('/').names(Names::LowerCase).order("semver"),

    /// Debian source packages, by release.
    Debian => system("debian", "Debian", &["deb"]).order("dpkg"),
    /// Ubuntu source packages, by release.
    Ubuntu => system("ubuntu", "Ubuntu", &["deb"]).order("dpkg"),
    /// Alpine source packages, by release.
    Alpine => system("alpine", "Alpine", &["apk"]).order("apk"),
    /// Wolfi source packages.
    Wolfi => system("wolfi", "Wolfi", &["apk"]).order("apk"),
    /// Chainguard source packages.
    Chainguard => system("chainguard", "Chainguard", &["apk"]).order("apk"),
    /// MinimOS source packages.
    MinimOs => system("minimos", "MinimOS", &["apk"]).order("apk"),
    /// Alpaquita, by release.
    Alpaquita => system("alpaquita", "Alpaquita", &["apk"]).order("apk").advisories(AdvisoryNames::Either),
    /// BellSoft's hardened images, by release.
    BellSoft => system("bellsoft", "BellSoft Hardened Containers", &["apk"]).order("apk").advisories(AdvisoryNames::Either),
    /// CleanStart.
    CleanStart => system("cleanstart", "CleanStart", &["apk"]).order("apk").advisories(AdvisoryNames::Either),
    /// Echo's packages, which are built from Debian's.
    Echo => system("echo", "Echo", &["deb"]).order("dpkg").advisories(AdvisoryNames::Either),
    /// Red Hat Enterprise Linux.
    RedHat => system("redhat", "Red Hat", &["rpm"]).rpm(),
    /// AlmaLinux, by release.
    AlmaLinux => system("almalinux", "AlmaLinux", &["rpm"]).rpm().advisories(AdvisoryNames::Installed),
    /// Rocky Linux, by release.
    RockyLinux => system("rocky", "Rocky Linux", &["rpm"]).rpm(),
    /// Oracle Linux, by release. OSV has no name for it.
    OracleLinux => system("oracle", "Oracle Linux", &["rpm"]).rpm(),
    /// SUSE Linux Enterprise.
    Suse => system("suse", "SUSE", &["rpm"]).rpm(),
    /// openSUSE Leap and Tumbleweed.
    OpenSuse => system("opensuse", "openSUSE", &["rpm"]).rpm(),
    /// Amazon Linux, by release. OSV has no name for it.
    AmazonLinux => system("amazon", "Amazon Linux", &["rpm"]).order("rpm").advisories(AdvisoryNames::Installed),
    /// Photon OS, by release.
    PhotonOs => system("photon", "Photon OS", &["rpm"]).rpm(),
    /// Azure Linux, and CBL-Mariner before it.
    AzureLinux => system("azurelinux", "Azure Linux", &["rpm"]).rpm(),
    /// Mageia, by release.
    Mageia => system("mageia", "Mageia", &["rpm"]).rpm(),
    /// openEuler, by release.
    OpenEuler => system("openeuler", "openEuler", &["rpm"]).rpm(),

    /// Packages of dpkg whose distribution has no row.
    Deb => system("deb", "deb", &["deb"]),
    /// Packages of apk whose distribution has no row.
    Apk => system("apk", "apk", &["apk"]),
    /// Packages of rpm whose distribution has no row.
    Rpm => system("rpm", "rpm", &["rpm"]),
    /// Packages of pacman.
    Alpm => system("alpm", "alpm", &["alpm"]),
    /// Packages of portage: `category/name`.
    Ebuild => system("ebuild", "ebuild", &["ebuild"]).joined('/'),
    /// Packages of opkg.
    Opkg => system("opkg", "opkg", &["opkg"]),

    /// Programs that no package manager knows, by the product that they are, `vendor:product`: OSV has no name for it.
    Cpe => language("cpe", "CPE", &[]).order("cpe"),
    /// Any other type of package URL.
    Other => language("other", "other", &[]),
}

impl Ecosystem {
    /// The ecosystem of a package URL, by its type and, for the packages of distributions, its namespace.
    pub fn of_purl(purl: &Purl) -> Self {
        let package_type = purl.package_type();
        let typed = Self::ALL.iter().find(|ecosystem| ecosystem.purl_types().contains(&package_type));
        match typed {
            Some(ecosystem) if ecosystem.is_os() => {
                let namespace = purl.namespace().unwrap_or_default();
                let distribution = Distribution::by_namespace(package_type, namespace);
                distribution.map_or_else(|| Self::of_package_type(package_type), |known| known.ecosystem)
            }
            Some(ecosystem) => *ecosystem,
            None => Self::Other,
        }
    }

    /// The row for packages of this type whose distribution has no row.
    fn of_package_type(package_type: &str) -> Self {
        Self::from_id(package_type).unwrap_or(Self::Other)
    }

    /// The ecosystem with this [`Self::id`].
    pub fn from_id(id: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|ecosystem| ecosystem.id() == id)
    }

    /// The ecosystem with this name at OSV, without a suffix. Names are case-sensitive there.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|ecosystem| ecosystem.name() == name)
    }

    /// A stable name in lower case, which is also that of its file in a database: `pypi`, `crates.io`, `rocky`.
    pub fn id(self) -> &'static str {
        self.row().id
    }

    /// The name that OSV uses, without a suffix; where OSV has none, the publisher's own.
    pub fn name(self) -> &'static str {
        self.row().name
    }

    /// The package-URL types of its packages; the first is the one to write. Empty for [`Self::Other`].
    pub fn purl_types(self) -> &'static [&'static str] {
        self.row().purl_types
    }

    /// The name of its version order; `None` if it is not implemented yet.
    pub fn order(self) -> Option<&'static str> {
        self.row().order
    }

    /// Which packages its advisories name.
    pub fn advisory_names(self) -> AdvisoryNames {
        self.row().advisories
    }

    /// Whether its packages belong to an operating system rather than to a language.
    pub fn is_os(self) -> bool {
        self.row().kind == Kind::OperatingSystem
    }

    /// The name that advisories use for the package of a purl: `libc6`, `github.com/gorilla/mux`, `org.slf4j:slf4j-api`.
    pub fn package_name(self, purl: &Purl) -> String {
        match (self.row().separator, purl.namespace()) {
            (Some(separator), Some(namespace)) => format!("{namespace}{separator}{}", purl.name()),
            _ => purl.name().to_owned(),
        }
    }

    /// The spelling in which a package is looked up.
    pub fn normalise(self, name: &str) -> Cow<'_, str> {
        match self.row().names {
            Names::Pep503 => pep503(name),
            Names::GoModule if name == "std" => Cow::Borrowed("stdlib"),
            Names::Repository => repository(name),
            Names::LowerCase | Names::GoModule if name.bytes().any(|b| b.is_ascii_uppercase()) => {
                Cow::Owned(name.to_ascii_lowercase())
            }
            Names::AsWritten | Names::LowerCase | Names::GoModule => Cow::Borrowed(name),
        }
    }
}

/// `https://github.com/Vapor/Vapor.git` is `github.com/vapor/vapor`, as package URLs write it.
fn repository(name: &str) -> Cow<'_, str> {
    let name = name.split_once("://").map_or(name, |(_, rest)| rest);
    let name = name.strip_suffix(".git").unwrap_or(name);
    if name.bytes().any(|b| b.is_ascii_uppercase()) {
        return Cow::Owned(name.to_ascii_lowercase());
    }
    Cow::Borrowed(name)
}

fn pep503(name: &str) -> Cow<'_, str> {
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    if name.bytes().all(plain) && !name.contains("--") {
        return Cow::Borrowed(name);
    }
    Cow::Owned(purl::pep503(name))
}

impl fmt::Display for Ecosystem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Serialize for Ecosystem {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.id())
    }
}

impl<'de> Deserialize<'de> for Ecosystem {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let id = String::deserialize(deserializer)?;
        Self::from_id(&id).ok_or_else(|| D::Error::custom(format_args!("unknown ecosystem `{id}`")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ecosystem_of(purl: &str) -> Ecosystem {
        Ecosystem::of_purl(&purl.parse().unwrap())
    }

    #[test]
    fn identifiers_and_names_are_each_of_one_ecosystem() {
        for ecosystem in Ecosystem::ALL {
            assert_eq!(Ecosystem::from_id(ecosystem.id()), Some(*ecosystem));
            assert_eq!(Ecosystem::from_name(ecosystem.name()), Some(*ecosystem));
            let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-.".contains(&b);
            assert!(ecosystem.id().bytes().all(plain), "{ecosystem} names a file");
        }
        assert_eq!(Ecosystem::from_name("pypi"), None);
    }

    #[test]
    fn a_package_url_finds_its_ecosystem() {
        for (purl, ecosystem) in [
            ("pkg:golang/github.com/gorilla/mux@v1.8.0", Ecosystem::Go),
            ("pkg:deb/debian/libc6@2.36-9", Ecosystem::Debian),
            ("pkg:deb/ubuntu/libc6@2.36-9", Ecosystem::Ubuntu),
            ("pkg:deb/raspbian/libc6@2.36-9", Ecosystem::Deb),
            ("pkg:deb/libc6@2.36-9", Ecosystem::Deb),
            ("pkg:apk/alpine/musl@1.2.5-r0", Ecosystem::Alpine),
            ("pkg:apk/debian/musl@1.2.5-r0", Ecosystem::Apk),
            ("pkg:rpm/redhat/bash@5.1-2.el9", Ecosystem::RedHat),
            ("pkg:rpm/fedora/bash@5.2-1.fc40", Ecosystem::Rpm),
            ("pkg:ebuild/dev-libs/openssl@3.0", Ecosystem::Ebuild),
            ("pkg:opkg/openwrt/ubus@1", Ecosystem::Opkg),
            ("pkg:generic/thing@1", Ecosystem::Other),
            ("pkg:deb/echo/nginx@1.25.2-1", Ecosystem::Echo),
            ("pkg:apk/alpaquita/musl@1.2.5-r0", Ecosystem::Alpaquita),
            ("pkg:apk/bellsoft-hardened-containers/musl@1.2.5-r0", Ecosystem::BellSoft),
        ] {
            assert_eq!(ecosystem_of(purl), ecosystem, "{purl}");
        }
        assert!(ecosystem_of("pkg:rpm/x/y@1").is_os());
        assert!(!ecosystem_of("pkg:npm/y@1").is_os());
    }

    #[test]
    fn every_language_is_found_by_the_types_that_it_claims() {
        for ecosystem in Ecosystem::ALL.iter().filter(|ecosystem| !ecosystem.is_os()) {
            for package_type in ecosystem.purl_types() {
                let claims = Ecosystem::ALL.iter().filter(|other| other.purl_types().contains(package_type));
                assert_eq!(claims.count(), 1, "{package_type}");
            }
        }
    }

    #[test]
    fn python_names_are_one_spelling() {
        for name in ["Flask-Babel", "flask_babel", "flask..babel", "FLASK.-_BABEL"] {
            assert_eq!(Ecosystem::PyPI.normalise(name), "flask-babel");
        }
        assert!(matches!(Ecosystem::PyPI.normalise("jinja2"), Cow::Borrowed("jinja2")));
        assert_eq!(Ecosystem::Go.normalise("github.com/BurntSushi/toml"), "github.com/burntsushi/toml");
        assert_eq!(Ecosystem::Go.normalise("std"), "stdlib");
        assert_eq!(Ecosystem::NuGet.normalise("Newtonsoft.Json"), "newtonsoft.json");
        let repository = "https://github.com/Vapor/vapor.git";
        assert_eq!(Ecosystem::SwiftUrl.normalise(repository), "github.com/vapor/vapor");
    }

    #[test]
    fn a_namespace_is_part_of_the_name_where_advisories_say_so() {
        for (purl, name) in [
            ("pkg:npm/%40babel/core@7.0.0", "@babel/core"),
            ("pkg:maven/org.slf4j/slf4j-api@2.0.0", "org.slf4j:slf4j-api"),
            ("pkg:deb/debian/libc6@2.36-9", "libc6"),
            ("pkg:ebuild/dev-libs/openssl@3.0", "dev-libs/openssl"),
            ("pkg:generic/a/b@1", "b"),
        ] {
            let purl: Purl = purl.parse().unwrap();
            assert_eq!(Ecosystem::of_purl(&purl).package_name(&purl), name);
        }
    }

    #[test]
    fn documents_carry_the_identifier() {
        let text = serde_json::to_string(&Ecosystem::RockyLinux).unwrap();
        assert_eq!(text, "\"rocky\"");
        assert_eq!(serde_json::from_str::<Ecosystem>(&text).unwrap(), Ecosystem::RockyLinux);
        assert!(serde_json::from_str::<Ecosystem>("\"nowhere\"").is_err());
    }
}
