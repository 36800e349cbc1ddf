//! CPE names of components, for users of the NVD and for tools that look names up there.
//!
//! A name is a guess, except for the well-known programs whose name the NVD's dictionary is known to have
//! (`binaries/rules.txt`): no package states its own. A component gets one name, the likeliest, because each further
//! guess finds more wrong entries than right ones. Matching uses them only for programs
//! that no package manager knows ([`products`]).
//!
//! Follows NISTIR 7695, the formatted string of section 6.2:
//!
//! ```text
//! cpe:2.3:a:palletsprojects:flask:3.0.0:*:*:*:*:python:*:*
//! ```

use std::fmt::{self, Write as _};

use crate::binaries;
use crate::inventory::Component;

/// The longest value of an attribute that is written. The dictionary contains some of 100 characters.
const MAX_VALUE: usize = 255;

/// The name of an application. Missing attributes match any value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Cpe {
    vendor: String,
    product: String,
    version: String,
    /// The software that it runs in: `node.js`, `python`.
    target_software: Option<&'static str>,
}

impl Cpe {
    /// `None` if a name cannot contain one of the values.
    fn new(
        vendor: &str,
        product: &str,
        version: &str,
        target_software: Option<&'static str>,
    ) -> Option<Self> {
        Some(Self {
            vendor: value(vendor)?,
            product: value(product)?,
            version: value(version)?,
            target_software,
        })
    }

    /// The names that a document gave a component, or else the likeliest one for a component that a cataloger found.
    pub(crate) fn for_component(component: &Component) -> Vec<String> {
        match component.origin.as_deref() {
            Some(origin) if !origin.cpes.is_empty() => origin.cpes.clone(),
            _ => Self::likeliest(component).iter().map(Self::to_string).collect(),
        }
    }

    /// The likeliest name of a component that a cataloger found. Components of documents have only the names in the
    /// document.
    pub(crate) fn likeliest(component: &Component) -> Option<Self> {
        component.found_by?;
        if component.version.is_empty() {
            return None;
        }
        let purl = &component.purl;
        let (kind, name, namespace) =
            (purl.package_type(), purl.name(), purl.namespace().filter(|it| !it.is_empty()));
        let version = component.version.as_str();
        let same = |target| Self::new(namespace.unwrap_or(name), name, version, target);
        match kind {
            // The NVD lists projects, so the source counts, with the project's own version.
            "deb" | "rpm" | "apk" | "alpm" | "opkg" | "ebuild" => {
                let source = component.source.as_ref();
                let (name, version) = source.map_or((name, version), |it| (&it.name, &it.version));
                let (vendor, product) = binaries::product(name).unwrap_or((name, name));
                Self::new(vendor, product, upstream_version(kind, version), None)
            }
            "generic" | "bitnami" => {
                let (vendor, product) = binaries::product(name)?;
                Self::new(vendor, product, version, None)
            }
            "golang" => go_module(component),
            "maven" => Self::new(organisation(namespace?), name, version, None),
            "npm" => {
                let vendor = namespace.map_or(name, |scope| scope.trim_start_matches('@'));
                Self::new(vendor, name, version, Some("node.js"))
            }
            "pypi" => Self::new(name, name, version, Some("python")),
            "gem" => Self::new(name, name, version, Some("ruby")),
            "cargo" => Self::new(name, name, version, Some("rust")),
            "nuget" => Self::new(name, name, version, Some(".net")),
            "wordpress-plugin" => Self::new(name, name, version, Some("wordpress")),
            "composer" => same(None),
            "conda" | "cpan" | "cran" | "hex" | "hackage" | "luarocks" | "pub" => {
                Self::new(name, name, version, None)
            }
            _ => None,
        }
    }
}

/// `cpe:2.3:a:foo\\bar:big\$money_2010:1.0:*:*:*:*:ipod_touch:*:*`
impl fmt::Display for Cpe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("cpe:2.3:a")?;
        for value in [&self.vendor, &self.product, &self.version] {
            f.write_char(':')?;
            quoted(f, value)?;
        }
        f.write_str(":*:*:*:*:")?;
        match self.target_software {
            Some(target) => quoted(f, target)?,
            None => f.write_char('*')?,
        }
        f.write_str(":*:*")
    }
}

/// A value in the form of names (section 5.3.2): lower case, printable, underscores for spaces.
fn value(text: &str) -> Option<String> {
    let value: String =
        text.trim().chars().map(|c| if c == ' ' { '_' } else { c.to_ascii_lowercase() }).collect();
    let is_value = value.len() <= MAX_VALUE && value.bytes().all(|byte| byte.is_ascii_graphic());
    // A single hyphen means "not applicable".
    (is_value && !matches!(&*value, "" | "-")).then_some(value)
}

/// The products, `vendor:product`, that a program is which no package manager knows: that in the list of well-known programs, or
/// those that its document names. Empty for packages, whose own publishers name them.
pub fn products(component: &Component) -> Vec<String> {
    if component.purl.package_type() != "generic" || component.version.is_empty() {
        return Vec::new();
    }
    let mut products: Vec<String> = match component.origin.as_deref() {
        Some(origin) if !origin.cpes.is_empty() => {
            origin.cpes.iter().filter_map(|name| product(name)).collect()
        }
        _ if component.found_by.is_some() => binaries::product(component.purl.name())
            .map(|(vendor, product)| format!("{vendor}:{product}"))
            .into_iter()
            .collect(),
        _ => Vec::new(),
    };
    products.sort();
    products.dedup();
    products
}

/// Vendor and product in a formatted string about an application.
fn product(name: &str) -> Option<String> {
    let mut product = String::new();
    let mut colons = 0;
    let mut characters = name.strip_prefix("cpe:2.3:a:")?.chars();
    while let Some(character) = characters.next() {
        match character {
            '\\' => product.push(characters.next()?.to_ascii_lowercase()),
            ':' if colons == 1 => return Some(product),
            ':' => {
                colons += 1;
                product.push(':');
            }
            other => product.push(other.to_ascii_lowercase()),
        }
    }
    None
}

/// Quotes characters other than letters, digits, underscores, full stops and hyphens (section 6.2.2.2).
fn quoted(f: &mut fmt::Formatter<'_>, value: &str) -> fmt::Result {
    value.chars().try_for_each(|character| {
        if !character.is_ascii_alphanumeric() && !matches!(character, '_' | '.' | '-') {
            f.write_char('\\')?;
        }
        f.write_char(character)
    })
}

/// The project's own version, without the epoch and the distribution's revision.
fn upstream_version<'a>(kind: &str, version: &'a str) -> &'a str {
    let is_epoch = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let version = version.split_once(':').filter(|(epoch, _)| is_epoch(epoch)).map_or(version, |(_, it)| it);
    let is_revision = |revision: &str| match kind {
        "deb" | "rpm" | "alpm" | "opkg" => true,
        _ => revision.strip_prefix('r').is_some_and(is_epoch),
    };
    match version.rsplit_once('-') {
        Some((upstream, revision)) if !upstream.is_empty() && is_revision(revision) => upstream,
        _ => version,
    }
}

/// Modules are named after the host of their source: `github.com/gorilla/mux/v2` is gorilla's mux.
fn go_module(component: &Component) -> Option<Cpe> {
    let version = component.version.trim_start_matches("go").trim_start_matches('v');
    if component.name == "stdlib" {
        return Cpe::new("golang", "go", version, None);
    }
    let is_major = |part: &str| part.strip_prefix('v').is_some_and(|it| it.parse::<u32>().is_ok());
    let parts: Vec<&str> = component.name.split('/').filter(|part| !is_major(part)).collect();
    let (vendor, product) = match parts.as_slice() {
        ["github.com" | "gitlab.com" | "bitbucket.org" | "codeberg.org", owner, repository, ..] => {
            (owner, repository)
        }
        ["golang.org", "x", product, ..] => (&"golang", product),
        [.., product] if parts.len() > 1 => (product, product),
        _ => return None,
    };
    Cpe::new(vendor, product, version, Some("go"))
}

/// The owner of the domain that a Maven group starts with: `org.apache.commons` is apache's, `io.github.x` is x's.
fn organisation(group: &str) -> &str {
    let mut labels = group.split('.');
    match (labels.next(), labels.next(), labels.next()) {
        (Some("com" | "io"), Some("github"), Some(owner)) | (_, Some(owner), _) => owner,
        _ => group,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inventory::SourcePackage;

    fn name(purl: &str) -> Option<String> {
        let component = Component::from_purl(purl.parse().unwrap());
        Cpe::likeliest(&Component { found_by: Some("x"), ..component }).map(|cpe| cpe.to_string())
    }

    #[test]
    fn products_are_those_of_programs_only() {
        let mut node = Component::from_purl("pkg:generic/node@20.1.0".parse().unwrap());
        assert!(products(&node).is_empty(), "a document that names none");
        node.found_by = Some("binaries");
        assert_eq!(products(&node), ["nodejs:node.js"]);
        let names =
            ["cpe:2.3:a:nodejs:node\\.js:20.1.0:*:*:*:*:*:*:*", "cpe:2.3:a:nodejs:node.js:*", "cpe:/a:x:y:1"];
        let cpes = names.map(str::to_owned).to_vec();
        node.origin = Some(Box::new(crate::Origin { cpes, ..crate::Origin::default() }));
        assert_eq!(products(&node), ["nodejs:node.js"]);
        let mut package = Component::from_purl("pkg:deb/debian/nginx@1.22.1-9".parse().unwrap());
        package.found_by = Some("dpkg");
        assert!(products(&package).is_empty());
    }

    #[test]
    fn names_are_written_as_the_standard_shows() {
        let bound = |vendor, product, version, target| {
            Cpe::new(vendor, product, version, target).unwrap().to_string()
        };
        // The examples of NISTIR 7695, section 6.2.2.3.
        assert_eq!(
            bound("microsoft", "internet_explorer", "8.0.6001", None),
            "cpe:2.3:a:microsoft:internet_explorer:8.0.6001:*:*:*:*:*:*:*"
        );
        assert_eq!(
            bound("hp", "openview_network_manager", "7.51", Some("linux")),
            "cpe:2.3:a:hp:openview_network_manager:7.51:*:*:*:*:linux:*:*"
        );
        assert_eq!(
            bound(r"foo\bar", "big$money_2010", "1", None),
            r"cpe:2.3:a:foo\\bar:big\$money_2010:1:*:*:*:*:*:*:*"
        );
        // Literal wildcards, and characters that would end an attribute.
        assert_eq!(bound("A b", "c*?", "1:2+3~4", None), r"cpe:2.3:a:a_b:c\*\?:1\:2\+3\~4:*:*:*:*:*:*:*");
    }

    #[test]
    fn values_that_a_name_cannot_contain_give_none() {
        let long = "x".repeat(256);
        for bad in ["", " ", "-", "ü", "a\tb", &long] {
            assert_eq!(Cpe::new(bad, "a", "1", None), None, "{bad}");
        }
    }

    #[test]
    fn each_ecosystem_has_the_likeliest_name() {
        let of = |purl: &str, expected: &str| assert_eq!(name(purl).as_deref(), Some(expected), "{purl}");
        of("pkg:generic/nginx@1.25.3", "cpe:2.3:a:f5:nginx:1.25.3:*:*:*:*:*:*:*");
        of(
            "pkg:deb/debian/libssl3@3.0.11-1~deb12u2?upstream=openssl",
            "cpe:2.3:a:openssl:openssl:3.0.11:*:*:*:*:*:*:*",
        );
        of("pkg:deb/debian/libattr1@1:2.5.1-4?upstream=attr", "cpe:2.3:a:attr:attr:2.5.1:*:*:*:*:*:*:*");
        of(
            "pkg:apk/alpine/ssl_client@1.36.1-r29?upstream=busybox",
            "cpe:2.3:a:busybox:busybox:1.36.1:*:*:*:*:*:*:*",
        );
        of("pkg:golang/github.com/Gorilla/mux/v2@v1.8.0", "cpe:2.3:a:gorilla:mux:1.8.0:*:*:*:*:go:*:*");
        of("pkg:golang/golang.org/x/net@v0.1.0", "cpe:2.3:a:golang:net:0.1.0:*:*:*:*:go:*:*");
        of("pkg:golang/stdlib@1.22.1", "cpe:2.3:a:golang:go:1.22.1:*:*:*:*:*:*:*");
        of("pkg:npm/%40babel/core@7.0.0", "cpe:2.3:a:babel:core:7.0.0:*:*:*:*:node.js:*:*");
        of("pkg:pypi/flask@3.0.0", "cpe:2.3:a:flask:flask:3.0.0:*:*:*:*:python:*:*");
        of(
            "pkg:maven/org.apache.logging.log4j/log4j-core@2.14.1",
            "cpe:2.3:a:apache:log4j-core:2.14.1:*:*:*:*:*:*:*",
        );
        of("pkg:maven/io.github.x/y@1", "cpe:2.3:a:x:y:1:*:*:*:*:*:*:*");
        of("pkg:composer/monolog/monolog@2.0", "cpe:2.3:a:monolog:monolog:2.0:*:*:*:*:*:*:*");
    }

    #[test]
    fn unknown_programs_have_no_name() {
        // Any version, an unknown program, something other than an application.
        for purl in ["pkg:pypi/flask", "pkg:generic/mine@1", "pkg:oci/app@1", "pkg:golang/main@1"] {
            assert_eq!(name(purl), None, "{purl}");
        }
        let stated = Component::from_purl("pkg:pypi/flask@3.0.0".parse().unwrap());
        assert_eq!(Cpe::likeliest(&stated), None);
    }

    #[test]
    fn a_source_without_a_version_has_no_name() {
        let component = Component::from_purl("pkg:deb/debian/a@1".parse().unwrap());
        let source = SourcePackage { name: "a".to_owned(), version: String::new() };
        let component = Component { source: Some(source), found_by: Some("x"), ..component };
        assert_eq!(Cpe::likeliest(&component), None);
    }
}
