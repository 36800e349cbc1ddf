//! Packages of the Linux kernel, which is built from one source and installed under other names.
//!
//! Debian has separate source packages for its signed kernels: `linux-image-6.1.0-17-amd64` comes from
//! `linux-signed-amd64`, and advisories name `linux`. The other packages of the source are not the kernel:
//! header files, which every image with a C compiler has, and documentation.

use plimsoll_core::Ecosystem;
use plimsoll_sbom::Component;

const SOURCE: &str = "linux";

/// The source package and version that advisories use, if the recorded source is a signed kernel. The
/// recorded source version is that of the signing (`6.1.76+1`); the kernel's version is that of the package
/// itself.
pub(super) fn unsigned(component: &Component) -> Option<(&str, &str)> {
    let source = component.source.as_ref().filter(|_| component.ecosystem == Ecosystem::Debian)?;
    source.name.strip_prefix("linux-signed-")?;
    Some((SOURCE, &component.version))
}

/// Whether the component comes from the kernel's source but contains no kernel code that runs.
pub(super) fn does_not_run(component: &Component) -> bool {
    let is_kernel = |name: &str| name == SOURCE || name.starts_with("linux-signed-");
    let of_kernel = matches!(component.ecosystem, Ecosystem::Debian | Ecosystem::Ubuntu)
        && component.source.as_ref().is_some_and(|source| is_kernel(&source.name));
    let parts = ["linux-doc", "linux-headers-", "linux-libc-dev"];
    of_kernel && parts.iter().any(|part| component.name.starts_with(part))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn component(purl: &str) -> Component {
        Component::from_purl(purl.parse().unwrap())
    }

    #[test]
    fn a_signed_kernel_is_looked_up_as_the_kernel() {
        let of = |purl| unsigned(&component(purl)).map(|(name, version)| format!("{name} {version}"));
        let signed =
            "pkg:deb/debian/linux-image-6.1.0-17-amd64@6.1.76-1?upstream=linux-signed-amd64%406.1.76%2B1";
        assert_eq!(of(signed).as_deref(), Some("linux 6.1.76-1"));
        assert_eq!(of("pkg:deb/debian/linux-libc-dev@6.1.76-1?upstream=linux"), None);
        assert_eq!(of("pkg:deb/ubuntu/linux-image-6.5@6.5-1?upstream=linux-signed-hwe-6.5"), None);
    }

    #[test]
    fn headers_do_not_run_and_kernels_do() {
        for (purl, expected) in [
            ("pkg:deb/debian/linux-libc-dev@6.1.76-1?upstream=linux", true),
            ("pkg:deb/debian/linux-headers-6.1.0-17-common@6.1.76-1?upstream=linux", true),
            ("pkg:deb/debian/linux-image-6.1.0-17-amd64@6.1.76-1?upstream=linux-signed-amd64", false),
            ("pkg:deb/debian/linux-perf@6.1.76-1?upstream=linux", false),
            // Anybody may give a package this name.
            ("pkg:deb/debian/linux-libc-dev@1-1?upstream=mine", false),
            ("pkg:npm/linux-libc-dev@1", false),
        ] {
            assert_eq!(does_not_run(&component(purl)), expected, "{purl}");
        }
    }
}
