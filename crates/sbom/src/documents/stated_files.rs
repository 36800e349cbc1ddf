//! Collects the files that a document lists: their paths, their SHA-1 and SHA-256, and the components that contain them.
//!
//! A file without both digests cannot be written again as every format needs it, and is counted as not carried over.

use std::collections::HashMap;

use plimsoll_core::rootfs::listing::FileContent;

use crate::Error;
use crate::documents::file_name;
use crate::inventory::ComponentIndex;
use crate::inventory::file_builder::{Built, FileBuilder};

/// The files of a document.
#[derive(Default)]
pub(crate) struct StatedFiles {
    builder: FileBuilder,
    /// Identifiers of files that relationships may refer to.
    ids: Vec<(String, usize)>,
    /// Files of which no owner is known yet, in ascending order.
    unowned: Vec<usize>,
    /// Files that are not usable.
    unusable: usize,
}

/// A file as a document states it.
pub(crate) struct StatedFile<'a, H> {
    pub(crate) name: &'a str,
    /// Its identifier in the document.
    pub(crate) id: &'a str,
    pub(crate) layer: Option<usize>,
    /// Algorithms and hexadecimal digits.
    pub(crate) hashes: H,
    /// The component that contains it.
    pub(crate) owner: Option<ComponentIndex>,
}

impl StatedFiles {
    /// Files that take at most `limit` bytes of memory.
    pub(crate) fn new(limit: u64) -> Self {
        Self { builder: FileBuilder::new(limit), ..Self::default() }
    }

    /// How many were added.
    pub(crate) fn len(&self) -> usize {
        self.builder.len()
    }

    /// Adds a file, or counts it as unusable.
    pub(crate) fn add<'a>(
        &mut self,
        file: StatedFile<'a, impl Iterator<Item = (&'a str, &'a str)>>,
    ) -> Result<(), Error> {
        let StatedFile { name, id, layer, hashes, owner } = file;
        let path = file_name::stated(name, id);
        let (mut sha1, mut sha256) = (None, None);
        let mut is_usable = !path.is_empty();
        for (algorithm, digits) in hashes {
            is_usable &= match algorithm {
                "SHA1" | "SHA-1" => agrees(&mut sha1, digest::<20>(digits)),
                "SHA256" | "SHA-256" => agrees(&mut sha256, digest::<32>(digits)),
                _ => true,
            };
        }
        let (Some(sha1), Some(sha256), true) = (sha1, sha256, is_usable) else {
            self.unusable += 1;
            return Ok(());
        };
        // No format states the size.
        let number = self.builder.add(&path, FileContent { size: 0, sha1, sha256 }, layer)?;
        if !id.is_empty() {
            self.ids.push((id.to_owned(), number));
        }
        match owner {
            Some(owner) => self.builder.own(number, owner)?,
            None => self.unowned.push(number),
        }
        Ok(())
    }

    /// States that a component contains those files, from the one with this number on, that nothing in it contains.
    pub(crate) fn own_from(&mut self, first: usize, owner: ComponentIndex) -> Result<(), Error> {
        let at = self.unowned.partition_point(|number| *number < first);
        for number in self.unowned.drain(at..) {
            self.builder.own(number, owner)?;
        }
        Ok(())
    }

    /// Takes the containments between identifiers of components and of files.
    pub(crate) fn relate<'a>(
        &mut self,
        contains: impl Iterator<Item = (ComponentIndex, &'a str)>,
    ) -> Result<(), Error> {
        if self.ids.is_empty() {
            return Ok(());
        }
        let numbers: HashMap<&str, usize> =
            self.ids.iter().map(|(id, number)| (id.as_str(), *number)).collect();
        for (owner, file) in contains {
            if let Some(number) = numbers.get(file) {
                self.builder.own(*number, owner)?;
            }
        }
        Ok(())
    }

    /// Adds the files of another part of the document, whose components are `components` places further here.
    pub(crate) fn append(&mut self, other: Self, components: usize) -> Result<(), Error> {
        let before = self.builder.len();
        self.builder.append(other.builder, components)?;
        self.ids.extend(other.ids.into_iter().map(|(id, number)| (id, number + before)));
        self.unowned.extend(other.unowned.into_iter().map(|number| number + before));
        self.unusable += other.unusable;
        Ok(())
    }

    /// The files, for a document with so many layers; those that are not usable count as contradictions.
    pub(crate) fn finish(self, layers: usize) -> Built {
        let built = self.builder.finish(layers);
        Built { contradictions: self.unusable + built.contradictions, ..built }
    }
}

/// Whether a digest can be read, and is the same as the one before it, if there is one. Which of two is meant nobody knows.
fn agrees<const N: usize>(known: &mut Option<[u8; N]>, stated: Option<[u8; N]>) -> bool {
    stated.is_some_and(|stated| *known.get_or_insert(stated) == stated)
}

fn digest<const N: usize>(digits: &str) -> Option<[u8; N]> {
    let mut digest = [0; N];
    hex::decode_to_slice(digits, &mut digest).is_ok().then_some(digest)
}

#[cfg(test)]
mod tests {
    use plimsoll_core::{Digest, Limits, Timestamp};

    use crate::conversion;
    use crate::document::{Build, Completeness, Document, DocumentSubject};
    use crate::documents::{formats, read_document, read_whole};
    use crate::inventory::{Inventory, ProblemCode};

    const ONE: &str = "1111111111111111111111111111111111111111";

    fn file(name: &str, id: &str, layer: Option<u8>) -> String {
        let sha256 = Digest::sha256(name.as_bytes()).hex();
        let comment = layer.map(|layer| format!(r#","comment":"layer {layer}""#)).unwrap_or_default();
        format!(
            r#"{{"fileName":"{name}","SPDXID":"SPDXRef-{id}","checksums":[{{"algorithm":"SHA1","checksumValue":"{ONE}"}},{{"algorithm":"SHA256","checksumValue":"{sha256}"}}]{comment}}}"#
        )
    }

    /// A package that has two files, in each way of saying so, and a file without an owner.
    fn spdx(layer: Option<u8>) -> String {
        let digest = Digest::sha256(b"x");
        let annotation = format!(
            r#"{{"annotationDate":"2026-01-01T00:00:00Z","annotationType":"OTHER","annotator":"Tool: plimsoll-0","comment":"plimsoll:layer {{\"index\":0,\"digest\":\"{digest}\",\"diffId\":\"{digest}\"}}"}}"#
        );
        let files = [
            file("./usr/lib/a.py", "A", layer),
            file("./usr/lib/b.py", "B", layer),
            file("/srv/c", "C", layer),
            r#"{"fileName":"./without","SPDXID":"SPDXRef-D","checksums":[{"algorithm":"MD5","checksumValue":"00"}]}"#.to_owned(),
        ];
        format!(
            r#"{{"spdxVersion":"SPDX-2.3","SPDXID":"SPDXRef-DOCUMENT","name":"x","packages":[
            {{"SPDXID":"SPDXRef-I","name":"i","primaryPackagePurpose":"CONTAINER","annotations":[{annotation}]}},
            {{"SPDXID":"SPDXRef-P","name":"p","versionInfo":"1","hasFiles":["SPDXRef-B"],"packageVerificationCode":{{"packageVerificationCodeValue":"x"}},
             "externalRefs":[{{"referenceCategory":"PACKAGE-MANAGER","referenceType":"purl","referenceLocator":"pkg:pypi/p@1"}}]}}],
            "files":[{}],"relationships":[
            {{"spdxElementId":"SPDXRef-DOCUMENT","relationshipType":"DESCRIBES","relatedSpdxElement":"SPDXRef-I"}},
            {{"spdxElementId":"SPDXRef-P","relationshipType":"CONTAINS","relatedSpdxElement":"SPDXRef-A"}}]}}"#,
            files.join(",")
        )
    }

    fn told(inventory: &Inventory) -> Vec<(String, Option<usize>, bool)> {
        let files = inventory.files.as_ref().unwrap();
        let owned = |number| files.owners().any(|(owner, own)| (owner.0, own) == (0, number));
        let all = files.list().iter().enumerate();
        all.map(|(number, it)| (String::from_utf8_lossy(it.path).into_owned(), it.layer, owned(number)))
            .collect()
    }

    #[test]
    fn files_are_carried_over_with_owner_and_layer_into_each_form() {
        for layer in [None, Some(0)] {
            let text = spdx(layer);
            let before = read_whole(text.as_bytes(), &Limits::default()).unwrap();
            let of = layer.map(usize::from);
            let expected = [("srv/c", of, false), ("usr/lib/a.py", of, true), ("usr/lib/b.py", of, true)]
                .map(|(path, layer, owned)| (path.to_owned(), layer, owned));
            assert_eq!(told(&before.inventory), expected);
            assert_eq!(before.stated.unusable_files, 1);
            let document = Document {
                inventory: &before.inventory,
                subject: DocumentSubject { manifest: Some(Digest::sha256(b"m")), ..before.subject() },
                created: "2026-11-20T10:00:00Z".parse::<Timestamp>().unwrap(),
                tool_version: "0",
                build: Build::default(),
                states: Completeness::Unstated,
            };
            for format in formats().filter(|format| !format.writes().is_empty()) {
                let mut written = Vec::new();
                format.write(&document, &mut written).unwrap();
                let lost =
                    conversion::unwritten(&before.inventory, &written, format, &Limits::default()).unwrap();
                let lost = lost.iter().find(|lost| lost.what == "files").map(|lost| lost.count);
                if !format.lists_files() || format.reads().is_empty() {
                    assert_eq!(lost, Some(3), "{format:?}");
                    continue;
                }
                let after = read_whole(&written, &Limits::default()).unwrap();
                assert_eq!((told(&after.inventory).as_slice(), lost), (&expected[..], None), "{format:?}");
                let unread = conversion::unread(&written, &after, &Limits::default()).unwrap();
                assert!(unread.iter().all(|lost| !lost.what.contains("ile")), "{format:?}: {unread:?}");
                // A search for vulnerabilities needs none of them.
                assert_eq!(read_document(&written, &Limits::default()).unwrap().inventory.files, None);
            }
            let lost = conversion::unread(text.as_bytes(), &before, &Limits::default()).unwrap();
            assert!(
                lost.iter().any(|lost| lost.what.starts_with("files without") && lost.count == 1),
                "{lost:?}"
            );
        }
    }

    #[test]
    fn a_file_after_a_package_in_tag_value_belongs_to_it() {
        let text = format!(
            "SPDXVersion: SPDX-2.3\nSPDXID: SPDXRef-DOCUMENT\nFileName: ./before\nSPDXID: SPDXRef-F0\nFileChecksum: SHA1: {ONE}\n\
             FileChecksum: SHA256: {0}\nPackageName: p\nSPDXID: SPDXRef-P\nPackageVersion: 1\n\
             ExternalRef: PACKAGE-MANAGER purl pkg:pypi/p@1\nFileName: ./after\nSPDXID: SPDXRef-F1\n\
             FileChecksum: SHA1: {ONE}\nFileChecksum: SHA256: {0}\nFileComment: <text>layer 0</text>\n",
            Digest::sha256(b"x").hex()
        );
        let read = read_whole(text.as_bytes(), &Limits::default()).unwrap();
        assert_eq!(
            told(&read.inventory),
            [("after".to_owned(), None, true), ("before".to_owned(), None, false)]
        );
        let twice = text.replace("SPDXID: SPDXRef-F1", "SPDXID: SPDXRef-F1\nSPDXID: SPDXRef-F2");
        assert!(read_whole(twice.as_bytes(), &Limits::default()).is_err());
    }

    #[test]
    fn files_of_merged_documents_are_listed_once_and_contradictions_are_told() {
        let read = |text: &str| read_whole(text.as_bytes(), &Limits::default()).unwrap().inventory;
        let (first, text) = (read(&spdx(Some(0))), spdx(Some(0)).replace("pkg:pypi/p@1", "pkg:pypi/a@1"));
        let other = read(&text.replace(&Digest::sha256(b"/srv/c").hex(), &Digest::sha256(b"y").hex()));
        let mut limits = Limits::default();
        limits.file_list_bytes = 2_000;
        let error = crate::merge(vec![first.clone(); 20], &limits).unwrap_err().to_string();
        assert!(error.contains("file_list_bytes"), "{error}");
        let merged = crate::merge(vec![first, other], &Limits::default()).unwrap();
        let files = merged.files.as_ref().unwrap();
        assert_eq!((files.list().len(), files.owners().count()), (3, 4));
        let told = merged.problems.iter().filter(|problem| problem.code == ProblemCode::FileNotListed);
        let told: Vec<_> = told.map(|problem| problem.detail.as_str()).collect();
        assert_eq!(told, ["1 files differ from those at the same path in another document"]);
    }

    fn lost(text: &str) -> Vec<(String, usize)> {
        let read = read_whole(text.as_bytes(), &Limits::default()).unwrap();
        let lost = conversion::unread(text.as_bytes(), &read, &Limits::default()).unwrap();
        lost.into_iter().map(|lost| (lost.what, lost.count)).collect()
    }

    #[test]
    fn layers_that_are_dropped_because_a_file_has_none_are_told() {
        let text = spdx(Some(0)).replacen(r#","comment":"layer 0""#, "", 1);
        let files = read_whole(text.as_bytes(), &Limits::default()).unwrap().inventory;
        assert!(told(&files).iter().all(|(_, layer, _)| layer.is_none()));
        let dropped = ("layers of files, because other files have none".to_owned(), 2);
        assert!(lost(&text).contains(&dropped), "{:?}", lost(&text));
        assert!(lost(&spdx(Some(0))).iter().all(|(what, _)| !what.starts_with("layers")));
    }

    #[test]
    fn a_file_with_two_digests_of_one_algorithm_is_not_carried_over() {
        let other = Digest::sha256(b"other").hex();
        let more = |digits: &str| {
            let second = format!(r#"{{"algorithm":"SHA256","checksumValue":"{digits}"}}"#);
            spdx(None).replacen(r#""checksums":["#, &format!(r#""checksums":[{second},"#), 1)
        };
        let same = Digest::sha256(b"./usr/lib/a.py").hex();
        for (digits, unusable) in [(same.as_str(), 1), (&other, 2), ("00", 2)] {
            let read = read_whole(more(digits).as_bytes(), &Limits::default()).unwrap();
            assert_eq!(read.stated.unusable_files, unusable, "{digits}");
        }
    }

    #[test]
    fn what_packages_say_of_files_that_the_document_does_not_list_is_told() {
        let text = spdx(None);
        let start = text.find(r#""files":["#).unwrap();
        let end = text.find(r#","relationships""#).unwrap();
        let none = format!("{}\"files\":[]{}", &text[..start], &text[end..]);
        for what in ["packages/hasFiles", "packages/packageVerificationCode"] {
            let told = |text: &str| lost(text).contains(&(what.to_owned(), 1));
            assert!(told(&none) && !told(&text), "{what}: {:?}", lost(&none));
        }
    }

    #[test]
    fn files_of_packages_are_only_read_where_files_are_wanted() {
        let with = |files: &str| spdx(None).replace(r#"["SPDXRef-B"]"#, files);
        let many = format!("[{}\"x\"]", "\"x\",".repeat(100_000));
        for (files, is_read) in [("[1]", false), ("{}", false), ("null", true), (&many, true)] {
            let text = with(files);
            let read = read_document(text.as_bytes(), &Limits::default()).unwrap();
            assert_eq!(read.inventory.components.len(), 1);
            assert_eq!(read_whole(text.as_bytes(), &Limits::default()).is_ok(), is_read, "{files:.20}");
        }
        let mut limits = Limits::default();
        limits.relationships = 1_000;
        let Err(error) = read_whole(with(&many).as_bytes(), &limits) else { panic!("read") };
        assert!(error.to_string().contains("relationships"), "{error}");
    }

    #[test]
    fn the_memory_of_files_is_bounded() {
        let mut limits = Limits::default();
        limits.file_list_bytes = 500;
        assert!(read_whole(spdx(None).as_bytes(), &limits).is_err());
        assert!(read_document(spdx(None).as_bytes(), &limits).is_ok());
    }
}
