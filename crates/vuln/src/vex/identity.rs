//! What a statement names, and whether that is a package or the image that was scanned.
//!
//! | named by | is |
//! | --- | --- |
//! | package URL of a package | every component with this type, namespace and name, and with the version, qualifiers and subpath that it has. Without a version, all versions. `arch=source` or `src` is the source package |
//! | `pkg:oci/NAME@sha256:…` | the image whose manifest or index has this digest |
//! | `pkg:oci/NAME?repository_url=…` | the images of this repository, under the name that they were scanned by |
//! | digest | the image whose manifest or index has it. A package is never recognised by its digest |
//! | CPE | the operating system around a package, if it is Red Hat Enterprise Linux. Nothing else is recognised by it |

use std::borrow::Cow;

use plimsoll_core::{Digest, Purl};

/// Something that a statement names, by one or several names of the same thing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Identity {
    pub(super) purls: Vec<Purl>,
    /// If there are any, one of them has to be its digest.
    pub(super) digests: Vec<Digest>,
    pub(super) cpes: Vec<String>,
    /// Whether its content is named in a way that cannot be compared, so that it is nothing that is known.
    pub(super) incomparable: bool,
}

/// A component, as statements may name it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Package<'a> {
    pub(crate) purl: &'a Purl,
    /// Name and version by which advisories were looked up: those of the source package.
    pub(crate) source: (&'a str, &'a str),
}

/// What is known of the image or document that was scanned.
#[derive(Debug, Clone, Default)]
pub struct ScannedImage {
    /// The digests of its manifest and its indexes.
    pub digests: Vec<Digest>,
    /// `registry/repository`, if that is how it was asked for. A policy passes none: names prove nothing.
    pub repository: Option<String>,
    /// The tag that was asked for.
    pub tag: Option<String>,
    /// The architecture: `amd64`.
    pub architecture: Option<String>,
    /// The package URL of the subject of an SBOM.
    pub purl: Option<Purl>,
    /// `ID` and `VERSION_ID` of its operating system.
    pub os: Option<(String, String)>,
}

impl Identity {
    /// Whether nothing names it.
    pub(super) fn is_empty(&self) -> bool {
        self.purls.is_empty() && self.digests.is_empty() && self.cpes.is_empty()
    }

    /// Whether only one version of it is meant.
    pub(super) fn names_version(&self) -> bool {
        !self.digests.is_empty() || self.purls.iter().any(|purl| purl.version().is_some())
    }

    /// Whether it is this component.
    pub(super) fn is_package(&self, package: Package<'_>) -> bool {
        // What its files have to be is not compared, so it may be another one.
        self.digests.is_empty() && !self.incomparable && self.purls.iter().any(|purl| package.is(purl))
    }

    /// Whether it is the image or document that was scanned.
    pub(super) fn is_image(&self, image: &ScannedImage) -> bool {
        if self.incomparable {
            return false;
        }
        // The digest says which content; the name only what it is called.
        match self.digests.as_slice() {
            [] => self.purls.iter().any(|purl| image.is(purl)),
            digests => digests.iter().any(|digest| image.digests.contains(digest)),
        }
    }

    /// The same by its package URLs alone, for statements that take nothing away: they must not be missed.
    pub(super) fn by_purl_alone(&self) -> Cow<'_, Self> {
        if self.digests.is_empty() && !self.incomparable {
            return Cow::Borrowed(self);
        }
        Cow::Owned(Self { purls: self.purls.clone(), ..Self::default() })
    }

    /// Whether it is certain that it is another platform than that of the image.
    pub(super) fn is_elsewhere(&self, image: &ScannedImage) -> bool {
        let by_cpe_alone = self.purls.is_empty() && self.digests.is_empty() && !self.incomparable;
        let is_rhel = image.os.as_ref().is_some_and(|(id, _)| id == "rhel");
        let is_known = !self.cpes.is_empty() && self.cpes.iter().all(|cpe| enterprise_linux(cpe).is_some());
        by_cpe_alone && is_rhel && is_known && !self.is_platform(image)
    }

    /// Whether it is the platform that the packages of the image are installed on.
    pub(super) fn is_platform(&self, image: &ScannedImage) -> bool {
        let Some((id, version)) = &image.os else { return false };
        id == "rhel"
            && self.cpes.iter().any(|cpe| enterprise_linux(cpe).is_some_and(|it| release(it, version)))
    }
}

/// Whether `version` is the release `named`, or a minor one of it.
fn release(named: &str, version: &str) -> bool {
    version.strip_prefix(named).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

/// The release in the CPE name of Red Hat Enterprise Linux or of one of its repositories: `cpe:/o:redhat:enterprise_linux:9`,
/// `cpe:/a:redhat:enterprise_linux:9::appstream`, `cpe:2.3:o:redhat:enterprise_linux:9:*:…`.
fn enterprise_linux(cpe: &str) -> Option<&str> {
    let rest = cpe.strip_prefix("cpe:/").or_else(|| cpe.strip_prefix("cpe:2.3:"))?;
    let mut parts = rest.split(':');
    let is_it = matches!(parts.next(), Some("o" | "a"))
        && parts.next() == Some("redhat")
        && parts.next() == Some("enterprise_linux");
    parts.next().filter(|release| is_it && !matches!(*release, "" | "*" | "-"))
}

impl Package<'_> {
    /// Whether a package URL names it.
    pub(crate) fn is(self, named: &Purl) -> bool {
        let own = self.purl;
        if named.package_type() == "rpmmod" {
            return own.qualifier("rpmmod").is_some_and(|module| is_stream(named, module));
        }
        if named.package_type() != own.package_type() || named.namespace() != own.namespace() {
            return false;
        }
        let is_source = matches!(named.qualifier("arch"), Some("source" | "src"));
        let has_name = if is_source { named.name() == self.source.0 } else { named.name() == own.name() };
        let has_version = named.version().is_none_or(|version| {
            if is_source {
                is_version(named, version, self.source.1, None)
            } else {
                is_version(named, version, own.version().unwrap_or_default(), own.qualifier("epoch"))
            }
        });
        // The epoch was compared with the version.
        let is_done = |key: &str| is_source && key == "arch" || named.version().is_some() && key == "epoch";
        let mut qualifiers = named.qualifiers().filter(|(key, _)| !is_done(key));
        has_name
            && has_version
            && qualifiers.all(|(key, value)| has_qualifier(own, key, value))
            && named.subpath().is_none_or(|path| own.subpath() == Some(path))
    }
}

/// Whether an installed version is the named one. A `v` in front of a Go version and an epoch 0 make no difference.
fn is_version(named: &Purl, version: &str, installed: &str, epoch: Option<&str>) -> bool {
    match named.package_type() {
        "golang" => version.trim_start_matches('v') == installed.trim_start_matches('v'),
        "rpm" | "deb" => {
            let split = |version: &str, apart: Option<&str>| match version.split_once(':') {
                Some((epoch, rest)) => (epoch.to_owned(), rest.to_owned()),
                None => (apart.unwrap_or("0").to_owned(), version.to_owned()),
            };
            split(version, named.qualifier("epoch")) == split(installed, epoch)
        }
        _ => version == installed,
    }
}

/// Whether a component has a qualifier. A release includes its minor ones: `rhel-9` is also `rhel-9.4`.
fn has_qualifier(own: &Purl, key: &str, value: &str) -> bool {
    match own.qualifier(key) {
        Some(own) if key == "distro" => release(value, own),
        Some(own) if key == "rpmmod" => stream(own) == stream(value),
        Some(own) => own == value,
        None if key == "epoch" => {
            let version = own.version().unwrap_or_default();
            version.split_once(':').map_or("0", |(epoch, _)| epoch) == value
        }
        None => false,
    }
}

/// Name and stream of a module; the rest is its build.
fn stream(module: &str) -> (&str, Option<&str>) {
    let mut parts = module.split(':');
    (parts.next().unwrap_or_default(), parts.next())
}

/// Whether `pkg:rpmmod/redhat/nodejs@18:8070…` is the module `nodejs:18:8070…` of a package.
fn is_stream(named: &Purl, module: &str) -> bool {
    let (name, of_package) = stream(module);
    let wanted = named.version().and_then(|version| version.split(':').next());
    name == named.name() && wanted.is_none_or(|wanted| of_package == Some(wanted))
}

impl ScannedImage {
    /// Whether a package URL names it.
    fn is(&self, named: &Purl) -> bool {
        if !matches!(named.package_type(), "oci" | "docker") {
            let source = ("", "");
            return self.purl.as_ref().is_some_and(|purl| Package { purl, source }.is(named));
        }
        let of_architecture =
            named.qualifier("arch").is_none_or(|arch| self.architecture.as_deref() == Some(arch));
        match named.version().map(str::parse::<Digest>) {
            Some(Ok(digest)) => of_architecture && self.digests.contains(&digest),
            // A tag is a name that moves.
            Some(Err(_)) => false,
            None => of_architecture && self.is_called(named),
        }
    }

    fn is_called(&self, named: &Purl) -> bool {
        let Some(repository) = self.repository.as_deref().filter(|_| named.package_type() == "oci") else {
            return false;
        };
        let has_name = repository.rsplit('/').next() == Some(named.name());
        let has_tag = named.qualifier("tag").is_none_or(|tag| self.tag.as_deref() == Some(tag));
        let in_place = named.qualifier("repository_url").is_none_or(|url| {
            let url = url.trim_end_matches('/');
            let url = url.strip_prefix("https://").unwrap_or(url);
            let (own, url) = (canonical(repository), canonical(url));
            own == url || own.strip_prefix(&url).and_then(|rest| rest.strip_prefix('/')) == Some(named.name())
        });
        has_name && has_tag && in_place
    }
}

/// The spelling of a repository that is compared: Docker Hub has two names.
fn canonical(repository: &str) -> String {
    let (registry, rest) = repository.split_once('/').unwrap_or((repository, ""));
    let registry = plimsoll_core::reference::canonical_registry(registry);
    match registry {
        Some(registry) if !rest.is_empty() => format!("{registry}/{rest}"),
        Some(registry) => registry,
        None => repository.to_owned(),
    }
}
