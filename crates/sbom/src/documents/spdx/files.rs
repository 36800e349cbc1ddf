//! The inventory of files in SPDX: the same in all forms.
//!
//! SPDX 2.3 requires SHA-1, and a verification code for each package whose files are listed (section 7.9): the SHA-1 of the
//! sorted SHA-1 digests of its files.
//!
//! ```json
//! {"fileName":"./usr/bin/env","SPDXID":"SPDXRef-File-…","checksums":[{"algorithm":"SHA1",…},{"algorithm":"SHA256",…}],
//!  "licenseConcluded":"NOASSERTION","copyrightText":"NOASSERTION","comment":"layer 0"}
//! ```

use plimsoll_core::rootfs::listing::ListedFile;
use serde::Serialize;
use sha1::{Digest as _, Sha1};

use super::conventions::{FILE_LAYER, NOASSERTION};
use crate::documents::file_name;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Checksum {
    pub(super) algorithm: &'static str,
    pub(super) checksum_value: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct File {
    #[serde(rename = "fileName")]
    pub(super) name: String,
    #[serde(rename = "SPDXID")]
    pub(super) id: String,
    pub(super) checksums: [Checksum; 2],
    pub(super) license_concluded: &'static str,
    pub(super) copyright_text: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) comment: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct VerificationCode {
    #[serde(rename = "packageVerificationCodeValue")]
    pub(super) value: String,
}

impl File {
    pub(super) fn new(file: &ListedFile<'_>) -> Self {
        Self {
            name: format!("./{}", file_name::shown(file.path)),
            id: id(file.path),
            checksums: [
                Checksum { algorithm: "SHA1", checksum_value: hex::encode(file.content.sha1) },
                Checksum { algorithm: "SHA256", checksum_value: hex::encode(file.content.sha256) },
            ],
            license_concluded: NOASSERTION,
            copyright_text: NOASSERTION,
            comment: file.layer.map(|layer| format!("{FILE_LAYER}{layer}")),
        }
    }
}

/// The reference to the file at a path.
pub(super) fn id(path: &[u8]) -> String {
    format!("SPDXRef-{}", file_name::identifier(path))
}

/// The verification code of a package with these files. `None` if it has no files.
pub(super) fn verification_code<'f>(files: impl Iterator<Item = ListedFile<'f>>) -> Option<VerificationCode> {
    let mut digests: Vec<[u8; 20]> = files.map(|file| file.content.sha1).collect();
    if digests.is_empty() {
        return None;
    }
    // Sorting the bytes is the same as sorting their hexadecimal digits.
    digests.sort_unstable();
    let mut code = Sha1::new();
    for digest in digests {
        code.update(hex::encode(digest).as_bytes());
    }
    Some(VerificationCode { value: hex::encode(code.finalize()) })
}

#[cfg(test)]
mod tests {
    use plimsoll_core::rootfs::listing::FileContent;

    use super::*;

    #[test]
    fn the_code_is_that_of_the_standard_whatever_the_order() {
        let file = |text: &str| ListedFile {
            path: b"a",
            content: FileContent { size: 1, sha1: Sha1::digest(text.as_bytes()).into(), sha256: [0; 32] },
            layer: None,
            is_disputed: false,
        };
        let code = |files: &[ListedFile<'_>]| verification_code(files.iter().copied()).map(|code| code.value);
        // printf '%s\n' a b | while read -r f; do printf %s "$f" | sha1sum | cut -d' ' -f1; done | sort | tr -d '\n' | sha1sum
        let expected = "5463504435e4dbf2b93a3a8a00ca78e36ea40e24";
        assert_eq!(code(&[file("a"), file("b")]).as_deref(), Some(expected));
        assert_eq!(code(&[file("b"), file("a")]).as_deref(), Some(expected));
        assert_eq!(code(&[]), None);
    }
}
