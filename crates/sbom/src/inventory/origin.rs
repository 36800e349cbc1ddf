//! The origin of a package and the digests of its file, as its own metadata states them: for documents and people. Of
//! these, only the CPE names of programs that no package manager knows are used to look up advisories.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use crate::cpe_name::is_cpe;

/// The longest address that is kept.
const MAX_URL: usize = 2048;

/// The origin that a package's metadata states. Empty if it states none.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// The project's page.
    pub homepage: Option<String>,
    /// The repository of its source: `git+https://github.com/a/b.git`, or a page that shows it.
    pub repository: Option<String>,
    /// The file that it was installed from.
    pub download: Option<String>,
    /// Digests of that file, or of the file that is the component.
    pub checksums: Vec<Checksum>,
    /// The CPE names that a document gives it. Catalogers give none: a name is guessed when a document is written.
    pub cpes: Vec<String>,
}

impl Origin {
    /// Boxed if it is not empty, as components store it.
    pub(crate) fn boxed(self) -> Option<Box<Self>> {
        (self != Self::default()).then(|| Box::new(self))
    }

    /// The parts of a document's component that are carried over to other documents: CPE names, and pairs of an
    /// algorithm and digits. Each format spells the algorithms differently.
    pub(crate) fn stated<'s>(
        cpes: impl IntoIterator<Item = &'s str>,
        checksums: impl IntoIterator<Item = (&'s str, &'s str)>,
    ) -> Option<Box<Self>> {
        let mut cpes: Vec<String> = cpes.into_iter().filter(|name| is_cpe(name)).map(str::to_owned).collect();
        cpes.dedup();
        let checksums =
            checksums.into_iter().filter_map(|(algorithm, digits)| Checksum::stated(algorithm, digits));
        let mut checksums: Vec<Checksum> = checksums.collect();
        checksums.sort();
        checksums.dedup();
        Self { checksums, cpes, ..Self::default() }.boxed()
    }

    /// About how many bytes it needs.
    pub(super) fn bytes(&self) -> usize {
        let Self { homepage, repository, download, checksums, cpes } = self;
        let text = [homepage, repository, download].into_iter().flatten().chain(cpes).map(String::len);
        size_of::<Self>() + text.sum::<usize>() + checksums.iter().map(|it| it.hex.len()).sum::<usize>()
    }
}

/// A digest of a package's file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Checksum {
    /// How it was made.
    pub algorithm: ChecksumAlgorithm,
    /// In lower-case hexadecimal digits.
    pub hex: String,
}

/// The algorithms that package managers use. Only SHA-2 proves anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum ChecksumAlgorithm {
    /// SHA-1.
    Sha1,
    /// SHA-256.
    Sha256,
    /// SHA-384.
    Sha384,
    /// SHA-512.
    Sha512,
}

impl ChecksumAlgorithm {
    const ALL: [Self; 4] = [Self::Sha1, Self::Sha256, Self::Sha384, Self::Sha512];

    /// As CycloneDX writes it: `SHA-256`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sha1 => "SHA-1",
            Self::Sha256 => "SHA-256",
            Self::Sha384 => "SHA-384",
            Self::Sha512 => "SHA-512",
        }
    }

    /// As SPDX 2 writes it.
    pub(crate) fn spdx_name(self) -> &'static str {
        match self {
            Self::Sha1 => "SHA1",
            Self::Sha256 => "SHA256",
            Self::Sha384 => "SHA384",
            Self::Sha512 => "SHA512",
        }
    }

    fn bytes(self) -> usize {
        match self {
            Self::Sha1 => 20,
            Self::Sha256 => 32,
            Self::Sha384 => 48,
            Self::Sha512 => 64,
        }
    }
}

impl Checksum {
    /// A digest from its bytes. `None` if the length is wrong.
    pub(crate) fn new(algorithm: ChecksumAlgorithm, digest: &[u8]) -> Option<Self> {
        (digest.len() == algorithm.bytes()).then(|| Self { algorithm, hex: hex::encode(digest) })
    }

    /// A digest from hexadecimal digits. `None` if the length is wrong.
    pub(crate) fn of_hex(algorithm: ChecksumAlgorithm, digits: &str) -> Option<Self> {
        Self::new(algorithm, &hex::decode(digits.trim()).ok()?)
    }

    /// A digest in a document, with the algorithm in the spelling of any format: `SHA-256`, `SHA256`.
    pub(crate) fn stated(algorithm: &str, digits: &str) -> Option<Self> {
        let is_named = |it: &ChecksumAlgorithm| {
            [it.as_str(), it.spdx_name()].iter().any(|name| name.eq_ignore_ascii_case(algorithm))
        };
        Self::of_hex(ChecksumAlgorithm::ALL.into_iter().find(is_named)?, digits)
    }

    /// The digests in the `integrity` of a lock file: `sha512-PdHt…== sha1-…`, in the format of Subresource Integrity.
    pub(crate) fn of_integrity(text: &str) -> Vec<Self> {
        // Real ones have one or two.
        const MAX: usize = 8;
        let one = |part: &str| {
            let (algorithm, digest) = part.split_once('-')?;
            let mut known = ChecksumAlgorithm::ALL.into_iter();
            let algorithm = known.find(|it| it.spdx_name().eq_ignore_ascii_case(algorithm))?;
            let digest = digest.split_once('?').map_or(digest, |(digest, _)| digest);
            Self::new(algorithm, &STANDARD.decode(digest).ok()?)
        };
        text.split_ascii_whitespace().take(MAX).filter_map(one).collect()
    }
}

/// The origin of a package that states only its page.
pub(crate) fn homepage(page: Option<&str>) -> Option<Box<Origin>> {
    Origin { homepage: page.map(str::to_owned), ..Origin::default() }.boxed()
}

/// A web address that documents may contain. `None` for anything else.
pub(crate) fn page(text: &str) -> Option<String> {
    let text = text.trim();
    let scheme = text.split_once("://").map(|(scheme, _)| scheme.to_ascii_lowercase());
    let is_page = matches!(scheme.as_deref(), Some("http" | "https")) && is_address(text);
    is_page.then(|| text.to_owned())
}

/// The address of a repository, in the form of SPDX and pip: an address for Git becomes `git+https://…`. Web pages stay
/// as they are.
pub(crate) fn repository(text: &str) -> Option<String> {
    let text = text.trim();
    let address = match text.split_once(':') {
        Some(("github", path)) => format!("git+https://github.com/{path}.git"),
        Some(("gitlab", path)) => format!("git+https://gitlab.com/{path}.git"),
        Some(("bitbucket", path)) => format!("git+https://bitbucket.org/{path}.git"),
        // `git@github.com:a/b.git`
        Some((host, path)) if host.starts_with("git@") && !path.starts_with("//") => {
            format!("git+ssh://{host}/{path}")
        }
        Some(("git" | "git+https" | "git+http" | "git+ssh" | "git+git" | "svn" | "svn+https", _)) => {
            text.to_owned()
        }
        Some(("http" | "https", _)) if is_git_file(text) => format!("git+{text}"),
        Some(("http" | "https", _)) => text.to_owned(),
        // npm's shortest form: `a/b`.
        None if text.split('/').filter(|part| !part.is_empty()).count() == 2 => {
            format!("git+https://github.com/{text}.git")
        }
        _ => return None,
    };
    is_address(&address).then_some(address)
}

fn is_git_file(text: &str) -> bool {
    text.rsplit_once('.').is_some_and(|(_, extension)| extension == "git")
}

/// Whether it can be a URI (RFC 3986): printable, without characters that a URI would escape. An address with a
/// password is refused, so that it is not published.
fn is_address(text: &str) -> bool {
    let authority = text.split_once("://").map_or("", |(_, rest)| rest.split('/').next().unwrap_or_default());
    let user = authority.rsplit_once('@').map_or("", |(user, _)| user);
    text.len() <= MAX_URL
        && !authority.is_empty()
        && !user.contains(':')
        && text.bytes().all(|byte| byte.is_ascii_graphic() && !b"<>\"{}|\\^`".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repositories_are_written_in_one_form() {
        for (text, expected) in [
            ("https://github.com/a/b.git", Some("git+https://github.com/a/b.git")),
            ("https://github.com/a/b", Some("https://github.com/a/b")),
            ("git+https://github.com/a/b.git", Some("git+https://github.com/a/b.git")),
            ("git://github.com/a/b.git", Some("git://github.com/a/b.git")),
            ("github:a/b", Some("git+https://github.com/a/b.git")),
            ("a/b", Some("git+https://github.com/a/b.git")),
            ("git@github.com:a/b.git", Some("git+ssh://git@github.com/a/b.git")),
            ("a", None),
            ("javascript:alert(1)", None),
            ("https://user:password@host.example/a.git", None),
            ("https://host.example/a b", None),
            ("", None),
        ] {
            assert_eq!(repository(text).as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn pages_are_web_addresses_without_secrets() {
        assert_eq!(page(" https://a.example/x?y=1#z ").as_deref(), Some("https://a.example/x?y=1#z"));
        let long = format!("https://a.example/{}", "x".repeat(MAX_URL));
        for bad in
            ["", "ftp://a", "https://", "https:///x", "https://a/<x>", "https://u:p@a", "file:///etc", &long]
        {
            assert_eq!(page(bad), None, "{bad}");
        }
    }

    #[test]
    fn digests_of_another_length_are_ignored() {
        let of = |text: &str| {
            Checksum::of_integrity(text).into_iter().map(|it| (it.algorithm, it.hex)).collect::<Vec<_>>()
        };
        assert_eq!(
            of("sha1-2jmj7l5rSw0yVb/vlWAYkK/YBwk="),
            [(ChecksumAlgorithm::Sha1, "da39a3ee5e6b4b0d3255bfef95601890afd80709".to_owned())]
        );
        assert_eq!(of("sha1-2jmj7l5rSw0yVb/vlWAYkK/YBwk=?x md5-x sha512-AA== sha256 x-y").len(), 1);
        assert_eq!(Checksum::of_hex(ChecksumAlgorithm::Sha256, "ab"), None);
        assert_eq!(
            Checksum::of_hex(ChecksumAlgorithm::Sha256, &"AB".repeat(32)).unwrap().hex,
            "ab".repeat(32)
        );
    }
}
