//! Documents as other tools write them, and hostile ones.

use plimsoll_core::Classify as _;

use super::collector::{SHARED, release_of};
use super::*;
use crate::inventory::{ComponentIndex, Location, Owner, OwnerEvidence, ProblemCode, SourcePackage};

fn problems(inventory: &Inventory) -> Vec<(ProblemCode, &str)> {
    inventory.problems.iter().map(|problem| (problem.code, problem.detail.as_str())).collect()
}

#[test]
fn a_cyclonedx_of_trivy() {
    let inventory = read(
        br#"{"bomFormat":"CycloneDX","specVersion":"1.6","serialNumber":"urn:uuid:x","metadata":{"component":
        {"type":"container","name":"app:1","purl":"pkg:oci/app@sha256%3Aaa?arch=amd64"}},"components":[
        {"bom-ref":"1","type":"operating-system","name":"debian","version":"12.4","properties":[
          {"name":"aquasecurity:trivy:Class","value":"os-pkgs"},{"name":"aquasecurity:trivy:Type","value":"debian"}]},
        {"type":"library","name":"cpp","version":"4:12.2.0-3","purl":"pkg:deb/debian/cpp@12.2.0-3?arch=amd64&distro=debian-12.4&epoch=4",
         "licenses":[{"license":{"name":"GPL-2.0-only"}}],"supplier":{"name":"Debian GCC"},"properties":[
          {"name":"aquasecurity:trivy:SrcName","value":"gcc-defaults"},{"name":"aquasecurity:trivy:SrcVersion","value":"1.203"}]},
        {"type":"library","name":"libattr1","version":"1:2.5.1-4","purl":"pkg:deb/debian/libattr1@1:2.5.1-4?distro=debian-12.4","properties":[
          {"name":"aquasecurity:trivy:SrcName","value":"attr"},{"name":"aquasecurity:trivy:SrcVersion","value":"2.5.1"},
          {"name":"aquasecurity:trivy:SrcRelease","value":"4"},{"name":"aquasecurity:trivy:SrcEpoch","value":"1"}]},
        {"type":"application","name":"Python","properties":[{"name":"aquasecurity:trivy:Class","value":"lang-pkgs"}]},
        {"type":"library","name":"requests","version":"2.0","purl":"pkg:pypi/requests@2.0","properties":[
          {"name":"aquasecurity:trivy:FilePath","value":"usr/lib/x.dist-info/METADATA"}]}]}"#,
    )
    .unwrap();
    assert_eq!(inventory.os.as_ref().unwrap().distro(), "debian-12.4");
    assert_eq!(problems(&inventory), []);
    let source = |name: &str| {
        let component = inventory.components.iter().find(|component| component.name == name).unwrap();
        component.source.clone().unwrap()
    };
    assert_eq!(source("cpp"), SourcePackage { name: "gcc-defaults".to_owned(), version: "1.203".to_owned() });
    assert_eq!(
        source("libattr1"),
        SourcePackage { name: "attr".to_owned(), version: "1:2.5.1-4".to_owned() }
    );
    assert_eq!(inventory.components[0].licenses, ["GPL-2.0-only"]);
    assert_eq!(inventory.components[0].supplier.as_deref(), Some("Debian GCC"));
    assert_eq!(
        inventory.components[2].locations,
        [Location { path: "usr/lib/x.dist-info/METADATA".to_owned(), layer: None }]
    );
}

#[test]
fn a_cyclonedx_of_syft_nested_and_with_gaps() {
    let inventory = read(
        br#"{"bomFormat":"CycloneDX","specVersion":"1.4","metadata":{"component":{"type":"container","name":"x","version":"sha256:bad"}},
        "components":[
        {"type":"library","publisher":"Team","name":"libc6","version":"2.36-9","licenses":[{"license":{"id":"LGPL-2.1-only"}}],
         "purl":"pkg:deb/debian/libc6@2.36-9?arch=amd64&distro=debian-12&upstream=glibc","properties":[
          {"name":"syft:location:0:layerID","value":"sha256:x"},{"name":"syft:location:0:path","value":"/var/lib/dpkg/status"}]},
        {"type":"file","name":"/etc/passwd"},
        {"type":"application","name":"fat","purl":"pkg:maven/g/fat@1","components":[
           {"type":"library","name":"thin","purl":"pkg:maven/g/thin","version":"2","components":[
             {"type":"library","name":"lost"},{"type":"library","name":"wrong","purl":"pkg:x"},
             {"type":"library","name":"bare","purl":"pkg:npm/bare"}]}]}]}"#,
    )
    .unwrap();
    // Syft names the system only in the packages.
    assert_eq!(inventory.os.as_ref().unwrap().distro(), "debian-12");
    let found: Vec<_> = inventory.components.iter().map(|c| (c.name.as_str(), c.version.as_str())).collect();
    assert_eq!(found, [("libc6", "2.36-9"), ("g:fat", "1"), ("g:thin", "2"), ("bare", "")]);
    assert_eq!(inventory.components[0].locations[0].path, "var/lib/dpkg/status");
    assert_eq!(
        problems(&inventory),
        [
            (ProblemCode::MissingPurl, "1 component without a package URL: lost"),
            (ProblemCode::InvalidPurl, "1 component with an unusable package URL: wrong"),
            (ProblemCode::MissingVersion, "1 component without a version: bare"),
        ]
    );
}

#[test]
fn an_spdx_of_trivy_and_of_syft() {
    let inventory = read(
        br#"{"spdxVersion":"SPDX-2.3","SPDXID":"SPDXRef-DOCUMENT","name":"app","creationInfo":{"created":"2024-01-01T00:00:00Z"},
        "packages":[
        {"name":"app","SPDXID":"SPDXRef-ContainerImage-1","downloadLocation":"NONE","primaryPackagePurpose":"CONTAINER",
         "externalRefs":[{"referenceCategory":"PACKAGE-MANAGER","referenceType":"purl","referenceLocator":"pkg:oci/app@sha256%3Aaa"}]},
        {"name":"debian","SPDXID":"SPDXRef-OperatingSystem-2","versionInfo":"12.4","downloadLocation":"NONE"},
        {"name":"libc6","SPDXID":"SPDXRef-Package-3","versionInfo":"2.36-9","sourceInfo":"built package from: glibc 2.36-9",
         "supplier":"Organization: Debian (x@y.z)","licenseDeclared":"LicenseRef-1","externalRefs":[
          {"referenceCategory":"PACKAGE_MANAGER","referenceType":"purl","referenceLocator":"pkg:deb/debian/libc6@2.36-9?arch=amd64"}]},
        {"name":"requests","SPDXID":"SPDXRef-Package-4","versionInfo":"2.0","licenseDeclared":"NOASSERTION","externalRefs":[
          {"referenceCategory":"SECURITY","referenceType":"cpe23Type","referenceLocator":"cpe:2.3:a:x"},
          {"referenceCategory":"PACKAGE-MANAGER","referenceType":"purl","referenceLocator":"pkg:pypi/requests@2.0"}]},
        {"name":"mystery","SPDXID":"SPDXRef-Package-5","versionInfo":"1"}],
        "hasExtractedLicensingInfos":[{"licenseId":"LicenseRef-1","name":"Old licence","extractedText":"x"}],
        "relationships":[{"spdxElementId":"SPDXRef-DOCUMENT","relationshipType":"DESCRIBES","relatedSpdxElement":"SPDXRef-ContainerImage-1"},
        {"spdxElementId":"SPDXRef-Package-3","relationshipType":"OTHER","relatedSpdxElement":"SPDXRef-Package-4","comment":"ownership-by-file-overlap: digests-match"},
        {"spdxElementId":"SPDXRef-Package-4","relationshipType":"CONTAINS","relatedSpdxElement":"SPDXRef-Package-4"},
        {"spdxElementId":"SPDXRef-Nowhere","relationshipType":"OTHER","relatedSpdxElement":"SPDXRef-Package-3","comment":"ownership-by-file-overlap: x"}]}"#,
    )
    .unwrap();
    assert_eq!(inventory.os.as_ref().unwrap().distro(), "debian-12.4");
    assert_eq!(
        problems(&inventory),
        [(ProblemCode::MissingPurl, "1 component without a package URL: mystery")]
    );
    let [libc, requests] = inventory.components.as_slice() else { panic!("{:?}", inventory.components) };
    assert_eq!(libc.source.as_ref().unwrap().name, "glibc");
    assert_eq!(libc.supplier.as_deref(), Some("Debian <x@y.z>"));
    assert_eq!(libc.licenses, ["Old licence"]);
    // A document cannot prove ownership.
    let owner = Owner { package: libc, evidence: OwnerEvidence::Claimed };
    assert_eq!((requests.name.as_str(), inventory.owner(ComponentIndex(1))), ("requests", Some(owner)));
}

#[test]
fn an_image_without_its_system_is_a_problem() {
    let cyclonedx = |components: &str| {
        let text = format!(
            r#"{{"bomFormat":"CycloneDX","specVersion":"1.5","metadata":{{"component":{{"type":"container","name":"x"}}}},"components":[{components}]}}"#
        );
        let inventory = read(text.as_bytes()).unwrap();
        inventory.problems.first().map(|problem| problem.code)
    };
    assert_eq!(cyclonedx(""), Some(ProblemCode::UnknownOs));
    let system = r#"{"type":"operating-system","name":"debian","version":"12"}"#;
    assert_eq!(cyclonedx(system), Some(ProblemCode::OsInventoryMissing));
    let unnamed = r#"{"type":"library","name":"a","purl":"pkg:deb/debian/a@1"}"#;
    assert_eq!(cyclonedx(unnamed), Some(ProblemCode::UnknownOs));
    assert_eq!(cyclonedx(&format!("{system},{unnamed}")), None);
}

#[test]
fn a_document_that_lists_an_image_and_nothing_else_says_nothing_about_it() {
    let purl = "pkg:docker/dhi/python@3.14";
    let reference = format!(
        r#"{{"referenceCategory":"PACKAGE-MANAGER","referenceType":"purl","referenceLocator":"{purl}"}}"#
    );
    for text in [
        format!(
            r#"{{"spdxVersion":"SPDX-2.3","packages":[{{"SPDXID":"SPDXRef-a","name":"a","externalRefs":[{reference}]}}]}}"#
        ),
        format!(
            r#"{{"bomFormat":"CycloneDX","specVersion":"1.6","components":[{{"type":"container","name":"a","purl":"{purl}"}}]}}"#
        ),
    ] {
        let inventory = read(text.as_bytes()).unwrap();
        let codes: Vec<_> = inventory.problems.iter().map(|problem| problem.code).collect();
        assert_eq!((inventory.components.len(), codes), (0, vec![ProblemCode::UnknownOs]), "{text}");
    }
}

#[test]
fn the_purl_decides_whatever_else_is_stated() {
    let inventory = read(
        br#"{"bomFormat":"CycloneDX","specVersion":"1.6","components":[{"type":"library","name":"harmless","version":"9.9",
        "purl":"pkg:pypi/Evil_Package@1.0?repository_url=http://169.254.169.254/"}]}"#,
    )
    .unwrap();
    let component = &inventory.components[0];
    assert_eq!((component.name.as_str(), component.version.as_str()), ("evil-package", "1.0"));
}

#[test]
fn a_release_is_recognised_in_all_its_spellings() {
    for (purl, expected) in [
        ("pkg:deb/debian/a@1?distro=debian-12", Some("debian-12")),
        ("pkg:deb/debian/a@1?distro=bookworm", Some("debian-bookworm")),
        ("pkg:deb/debian/a@1?distro=debian-sid", Some("debian-sid")),
        ("pkg:rpm/opensuse/a@1?distro=opensuse-leap-15.5", Some("opensuse-leap-15.5")),
        ("pkg:deb/debian/a@1", None),
    ] {
        let release = release_of(&purl.parse().unwrap()).map(|release| release.distro());
        assert_eq!(release.as_deref(), expected, "{purl}");
    }
}

#[test]
fn unreadable_documents_are_refused() {
    let deep = format!(
        r#"{{"bomFormat":"CycloneDX","specVersion":"1.6","x":{}1{}}}"#,
        "[".repeat(80),
        "]".repeat(80)
    );
    for bad in [
        "",
        "[]",
        "{}",
        "null",
        r#"{"bomFormat":"CycloneDX"}"#,
        r#"{"bomFormat":"CycloneDX","specVersion":"1.1"}"#,
        r#"{"bomFormat":"CycloneDX","specVersion":"2.0"}"#,
        r#"{"bomFormat":"cyclonedx","specVersion":"1.6"}"#,
        r#"{"bomFormat":7,"spdxVersion":"SPDX-2.3"}"#,
        r#"{"bomFormat":"CycloneDX","specVersion":1.6}"#,
        r#"{"spdxVersion":"SPDX-2.1"}"#,
        r#"{"spdxVersion":"2.3"}"#,
        r#"{"spdxVersion":"SPDX-2.3","bomFormat":"CycloneDX","specVersion":"1.6"}"#,
        r#"{"bomFormat":"CycloneDX","bomFormat":"CycloneDX","specVersion":"1.6"}"#,
        r#"{"bomFormat":"CycloneDX","specVersion":"1.6","components":[{"type":"library","name":"a","x":{"b":1,"b":2}}]}"#,
        r#"{"bomFormat":"CycloneDX","specVersion":"1.6","components":[{"type":"library","name":"a","name":"b"}]}"#,
        r#"{"bomFormat":"CycloneDX","specVersion":"1.6","components":{}}"#,
        r#"{"bomFormat":"CycloneDX","specVersion":"1.6"} trailing"#,
        &deep,
    ] {
        assert!(read(bad.as_bytes()).is_err(), "{bad}");
    }
    assert!(read(b"{\"bomFormat\":\"CycloneDX\",\"specVersion\":\"1.6\",\"x\":\"\xff\"}").is_err());
}

#[test]
fn components_are_counted_before_memory_is_spent() {
    let mut limits = Limits::default();
    limits.components = 1_000;
    let leaf = r#"{"type":"library","name":"a"}"#;
    let nested = format!(r#"{{"type":"library","name":"a","components":[{}]}}"#, [leaf; 600].join(","));
    let flat = format!(r#"{{"spdxVersion":"SPDX-2.3","packages":[{}]}}"#, ["{}"; 1_001].join(","));
    let deep = format!(r#"{{"bomFormat":"CycloneDX","specVersion":"1.6","components":[{nested},{nested}]}}"#);
    for document in [&flat, &deep] {
        let error = read_document(document.as_bytes(), &limits).unwrap_err().to_string();
        assert_eq!(error, "SBOM exceeds the limit components = 1000 (raise it with --limit components=…)");
    }
    limits.relationships = 2;
    let related = r#"{"spdxElementId":"a","relationshipType":"CONTAINS","relatedSpdxElement":"b"}"#;
    let related = |count| {
        let list = vec![related; count].join(",");
        let document = format!(r#"{{"spdxVersion":"SPDX-2.3","packages":[],"relationships":[{list}]}}"#);
        read_document(document.as_bytes(), &limits)
    };
    assert!(related(2).is_ok());
    assert!(related(3).unwrap_err().to_string().contains("--limit relationships="));
    limits.sbom_bytes = 10;
    assert!(matches!(read_document(flat.as_bytes(), &limits), Err(Error::Json(_))));
}

#[test]
fn a_long_list_of_empty_items_is_refused() {
    let properties = vec!["{}"; 100_001].join(",");
    let document = format!(
        r#"{{"bomFormat":"CycloneDX","specVersion":"1.6","components":[{{"type":"library","name":"a","properties":[{properties}]}}]}}"#
    );
    let error = read(document.as_bytes()).unwrap_err().to_string();
    assert!(error.contains("an array of more than 100000 items"), "{error}");
}

/// Nested, nameless, broken and repeated ones among many, as two threads share them and as one reads them.
#[test]
fn many_components_are_read_as_few_are() {
    let mut parts: Vec<String> = (0..SHARED + 100)
        .map(|n| {
            let nested = if n % 500 == 0 {
                format!(
                    r#","components":[{{"type":"library","name":"inner{n}","purl":"pkg:pypi/inner{n}@1"}}]"#
                )
            } else {
                String::new()
            };
            format!(r#"{{"type":"library","name":"p{n}","purl":"pkg:pypi/p{}@1"{nested}}}"#, n % 1500)
        })
        .collect();
    parts[3] = r#"{"type":"library","name":"first without"}"#.to_owned();
    parts[SHARED] = r#"{"type":"library","name":"second without"}"#.to_owned();
    parts[SHARED + 50] = r#"{"type":"operating-system","name":"debian","version":"12"}"#.to_owned();
    let document = |parts: &[String]| {
        format!(r#"{{"bomFormat":"CycloneDX","specVersion":"1.6","components":[{}]}}"#, parts.join(","))
    };
    let whole = read(document(&parts).as_bytes()).unwrap();

    let mut expected = Inventory::default();
    let (mut nameless, mut os) = (Vec::new(), None);
    for some in parts.chunks(SHARED / 4) {
        let part = read(document(some).as_bytes()).unwrap();
        expected.components.extend(part.components);
        os = os.or(part.os);
        nameless.extend(part.problems.into_iter().filter(|p| p.code == ProblemCode::MissingPurl));
    }
    expected.sort();
    expected.merge_repeated();
    assert_eq!(whole.components, expected.components);
    assert_eq!(whole.os, os);
    assert_eq!(nameless.len(), 2);
    let missing = whole.problems.iter().find(|p| p.code == ProblemCode::MissingPurl).unwrap();
    assert_eq!(missing.detail, "2 components without a package URL: first without, second without");

    // One more than the limit allows, nested in the second half.
    let total = parts.len() + parts.iter().filter(|part| part.contains("inner")).count();
    let with_limit = |components| {
        let mut limits = Limits::default();
        limits.components = components;
        read_document(document(&parts).as_bytes(), &limits)
    };
    assert!(with_limit(total).is_ok());
    assert!(with_limit(total - 1).unwrap_err().to_string().contains("components"));
    parts[SHARED + 60] = "7".to_owned();
    assert!(read(document(&parts).as_bytes()).is_err());
}

#[test]
fn formats_that_read_a_member_of_the_same_name_agree_on_its_kind() {
    let members: Vec<Member> = LIST.iter().flat_map(|format| format.members()).copied().collect();
    for member in &members {
        let same = members.iter().filter(|other| other.name() == member.name());
        assert!(same.clone().all(|other| other == member), "{member:?}");
    }
}

#[test]
fn messages_name_the_formats_and_versions_that_are_read() {
    let expected = "SBOM has neither `spdxVersion` nor `bomFormat`, expected SPDX 2.2, 2.3 or 3.0, CycloneDX 1.2 to 1.7 or Syft's JSON";
    assert_eq!(read(b"{}").unwrap_err().to_string(), expected);
    for (text, error) in [
        ("{\"spdxVersion\":\"SPDX-2.1\"}", "SBOM is SPDX 2.1, expected 2.2 to 2.3"),
        ("SPDXVersion: SPDX-2.1\n", "SBOM is SPDX 2.1, expected 2.2 to 2.3"),
        ("<bom xmlns='http://cyclonedx.org/schema/bom/1.1'/>", "SBOM is CycloneDX 1.1, expected 1.2 to 1.7"),
    ] {
        assert_eq!(read(text.as_bytes()).unwrap_err().to_string(), error);
    }
}

#[test]
fn unsupported_formats_are_named_with_the_way_to_convert_them() {
    let tar = {
        let mut block = vec![0; 512];
        block[257..262].copy_from_slice(b"ustar");
        block
    };
    for (bytes, got) in [
        (&br#"<rdf:RDF xmlns:spdx="http://spdx.org/rdf/terms#">"#[..], "SPDX RDF/XML"),
        (b"<html>", "XML"),
        (br#"{"SchemaVersion": 2, "ArtifactName": "x", "Results": []}"#, "Trivy"),
        (br#"{"schemaVersion": 2, "manifests": []}"#, "manifest"),
        (br#"[{"bomFormat": "CycloneDX", "specVersion": "1.6"}]"#, "JSON array"),
        (b"\x1f\x8b\x08", "gzip"),
        (b"PK\x03\x04", "zip"),
        (&tar, "a tar"),
    ] {
        let error = read(bytes).unwrap_err();
        assert!(matches!(&error, Error::OtherFormat { got: own, .. } if own.contains(got)), "{got}: {error}");
        assert!(
            error.to_string().contains("expected SPDX 2.2, 2.3 or 3.0, CycloneDX 1.2 to 1.7 or Syft's JSON"),
            "{error}"
        );
        assert!(error.hint().is_some(), "{got}");
    }
    for empty in [&b""[..], b" \n", b"\xef\xbb\xbf"] {
        assert!(matches!(read(empty), Err(Error::Empty)), "{empty:?}");
    }
    // Versions that are not read are named as such.
    for (bytes, got) in [
        (&br#"{"spdxVersion": "SPDX-2.1", "name": "x"}"#[..], "2.1"),
        (br#"{"bomFormat": "CycloneDX", "specVersion": "1.1"}"#, "1.1"),
    ] {
        let error = read(bytes).unwrap_err();
        assert!(matches!(&error, Error::Version { got: own, .. } if own.contains(got)), "{error}");
    }
    // An envelope does not hide a document, nor a document an envelope: its own members decide.
    let both =
        br#"{"_type": "https://in-toto.io/Statement/v1", "bomFormat": "CycloneDX", "specVersion": "1.6"}"#;
    assert!(read(both).is_ok());
    // A damaged document is not mistaken for another format.
    for broken in [&b"{\"_type\": "[..], b"{\"payload\": 1, \"payload\": 2, \"payloadType\": 3}", b"nonsense"]
    {
        assert!(matches!(read(broken), Err(Error::Json(_))), "{broken:?}");
    }
}

#[test]
fn every_format_reads_what_it_writes() {
    for format in formats() {
        let listing = format.reads().is_empty();
        assert!(
            listing || format.writes().iter().all(|version| format.reads().contains(version)),
            "{format:?}"
        );
    }
}

/// A format that is not JSON and only read.
struct Lines;

impl Format for Lines {
    fn id(&self) -> &'static str {
        "lines"
    }

    fn name(&self) -> &'static str {
        "Lines"
    }

    fn reads(&self) -> &'static [&'static str] {
        &["1"]
    }

    fn writes(&self) -> &'static [&'static str] {
        &[]
    }

    fn recognises(&self, content: &Content<'_>) -> bool {
        matches!(content, Content::Text(bytes) if bytes.starts_with(b"Lines "))
    }

    fn read(&self, content: Content<'_>, _: &Reading<'_>) -> Result<ReadDocument, Error> {
        let Content::Text(bytes) = content else { return Err(Error::UnknownFormat) };
        ReadDocument::new(self, std::str::from_utf8(&bytes[6..]).unwrap())
    }

    fn write(&self, _: &Document<'_>, _: &str, _: &mut dyn Write) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn seeds_for_fuzzing_contain_every_format_and_every_envelope() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fuzz/seeds/sbom");
    let (mut seen, mut around) = (Vec::new(), Vec::new());
    for entry in std::fs::read_dir(folder).unwrap() {
        let bytes = std::fs::read(entry.unwrap().path()).unwrap();
        seen.push(peeled(&bytes, &Limits::default(), |peeled| Ok(peeled.format())).unwrap());
        around.extend(read_document(&bytes, &Limits::default()).unwrap().envelopes);
    }
    for format in formats().filter(|format| !format.reads().is_empty()) {
        assert!(seen.contains(&format.id()), "{} is in no seed", format.id());
    }
    for envelope in [Envelope::Bundle, Envelope::Dsse, Envelope::Statement] {
        assert!(around.contains(&envelope), "{envelope:?} is in no seed");
    }
}

#[test]
fn a_format_that_is_not_json_is_recognised_by_its_first_bytes() {
    const WITH_LINES: &[&dyn Format] = &[&SpdxJson, &CycloneDxJson, &Lines];
    let limits = Limits::default();
    let cancel = Cancel::never();
    let reading = Reading { limits: &limits, extent: Extent::Components, cancel: &cancel };
    let read = |text: &str| read_by(WITH_LINES, text.as_bytes(), &reading);
    let document = read("Lines 1").unwrap();
    assert_eq!((document.format, document.version.as_str()), ("Lines", "1"));
    assert_eq!(read("Lines 2").unwrap_err().to_string(), "SBOM is Lines 2, expected 1");
    assert!(matches!(read("lines 1"), Err(Error::Json(_))));
    // Two formats that both recognise a document would read it differently.
    assert!(matches!(read_by(&[&Lines, &Lines], b"Lines 1", &reading), Err(Error::UnknownFormat)));
    let inventory = Inventory::default();
    let document = Document {
        inventory: &inventory,
        subject: crate::DocumentSubject::default(),
        created: plimsoll_core::Timestamp::UNIX_EPOCH,
        tool_version: "1",
        build: crate::Build::default(),
        states: crate::Completeness::default(),
    };
    let error = DocumentFormat::new(&Lines).write(&document, &mut Vec::new()).unwrap_err();
    assert_eq!(error.to_string(), "Lines is read and not written");
}

fn names(inventory: &Inventory) -> Vec<&str> {
    inventory.components.iter().map(|component| component.name.as_str()).collect()
}

#[test]
fn the_subject_of_a_document_is_a_component_if_it_has_a_package_url() {
    let cyclonedx = |root: &str, parts: &str| {
        let text = format!(
            r#"{{"bomFormat":"CycloneDX","specVersion":"1.6","metadata":{{"component":{root}}},"components":[{parts}]}}"#
        );
        read(text.as_bytes()).unwrap()
    };
    let root = r#"{"type":"application","name":"app","purl":"pkg:pypi/app@1"}"#;
    let part = r#"{"type":"library","name":"part","purl":"pkg:pypi/part@1"}"#;
    assert_eq!(names(&cyclonedx(root, "")), ["app"]);
    assert_eq!(names(&cyclonedx(root, part)), ["app", "part"]);
    assert_eq!(names(&cyclonedx(root, root)), ["app"]);
    let nameless = r#"{"type":"application","name":"app"}"#;
    assert_eq!(problems(&cyclonedx(nameless, part)), []);
    assert_eq!(cyclonedx(nameless, "").problems[0].code, ProblemCode::MissingPurl);
    let image = r#"{"type":"container","name":"app","purl":"pkg:oci/app@sha256%3Aaa"}"#;
    assert_eq!(names(&cyclonedx(image, part)), ["part"]);

    let spdx = |packages: &str| {
        let text = format!(
            r#"{{"spdxVersion":"SPDX-2.3","documentDescribes":["SPDXRef-a"],"packages":[{packages}]}}"#
        );
        read(text.as_bytes()).unwrap()
    };
    let package = r#"{"name":"tool","SPDXID":"SPDXRef-a","versionInfo":"1"}"#;
    let other = r#"{"name":"b","SPDXID":"SPDXRef-b","externalRefs":[{"referenceType":"purl","referenceLocator":"pkg:pypi/b@1"}]}"#;
    assert_eq!(spdx(package).problems[0].code, ProblemCode::MissingPurl);
    assert_eq!(problems(&spdx(&format!("{package},{other}"))), []);
}

#[test]
fn every_package_url_of_a_package_is_looked_up() {
    let reference = |purl: &str| format!(r#"{{"referenceType":"purl","referenceLocator":"{purl}"}}"#);
    let document = |purls: &[&str]| {
        let references: Vec<String> = purls.iter().map(|purl| reference(purl)).collect();
        let text = format!(
            r#"{{"spdxVersion":"SPDX-2.3","packages":[{{"name":"a","SPDXID":"SPDXRef-a","externalRefs":[{}]}}]}}"#,
            references.join(",")
        );
        read(text.as_bytes()).unwrap()
    };
    assert_eq!(names(&document(&["pkg:generic/b@1", "pkg:pypi/a@1"])), ["b", "a"]);
    assert_eq!(names(&document(&["pkg:pypi/a@1", "pkg:pypi/a@1"])), ["a"]);
    assert_eq!(names(&document(&["pkg:oci/a@sha256%3Aaa", "pkg:pypi/a@1"])), ["a"]);
}

#[test]
fn null_reads_as_no_items() {
    for text in [
        r#"{"bomFormat":"CycloneDX","specVersion":"1.6","components":null}"#,
        r#"{"bomFormat":"CycloneDX","specVersion":"1.6","metadata":{"properties":null},"components":[{"type":"file","name":"f",
            "hashes":null,"licenses":null,"properties":null,"components":null,"evidence":{"occurrences":null}}]}"#,
        r#"{"spdxVersion":"SPDX-2.3","packages":null,"relationships":null,"documentDescribes":null}"#,
    ] {
        assert_eq!(names(&read(text.as_bytes()).unwrap()), [""; 0]);
    }
    assert!(read(br#"{"bomFormat":"CycloneDX","specVersion":"1.6","components":"none"}"#).is_err());
}

#[test]
fn a_document_inside_an_export_is_read_and_nothing_deeper() {
    let inner = r#"{"spdxVersion":"SPDX-2.3","packages":[{"name":"b","SPDXID":"b","externalRefs":[{"referenceType":"purl","referenceLocator":"pkg:pypi/b@1"}]}]}"#;
    let wrapped = format!(r#"{{"sbom":{inner}}}"#);
    assert_eq!(names(&read(wrapped.as_bytes()).unwrap()), ["b"]);
    let twice = format!(r#"{{"sbom":{wrapped}}}"#);
    assert!(matches!(read(twice.as_bytes()), Err(Error::UnknownFormat)));
    // If both are possible, the one at the top counts.
    let both = format!(r#"{{"spdxVersion":"SPDX-2.3","packages":[],"sbom":{inner}}}"#);
    assert_eq!(names(&read(both.as_bytes()).unwrap()), [""; 0]);
}

#[test]
fn an_epoch_in_the_qualifiers_is_put_before_the_version() {
    let version = |purl: &str| {
        let text = format!(
            r#"{{"bomFormat":"CycloneDX","specVersion":"1.6","components":[{{"type":"library","name":"x","purl":"{purl}"}}]}}"#
        );
        read(text.as_bytes()).unwrap().components[0].version.clone()
    };
    assert_eq!(version("pkg:deb/debian/bsdutils@2.38-5?distro=debian-12&epoch=1"), "1:2.38-5");
    assert_eq!(version("pkg:rpm/redhat/bind@9.11-1?epoch=32"), "32:9.11-1");
    assert_eq!(version("pkg:rpm/redhat/bash@5.1-2?epoch=0"), "5.1-2");
    assert_eq!(version("pkg:deb/debian/x@2:1-1?epoch=1"), "2:1-1");
    assert_eq!(version("pkg:pypi/x@1?epoch=1"), "1");
}

#[test]
fn repeated_components_are_one_and_two_places_are_two() {
    let part = |place: &str| {
        let places = if place.is_empty() {
            String::new()
        } else {
            format!(r#","evidence":{{"occurrences":[{{"location":"{place}"}}]}}"#)
        };
        format!(r#"{{"type":"library","name":"x","purl":"pkg:pypi/x@1"{places}}}"#)
    };
    let count = |places: &[&str]| {
        let parts: Vec<String> = places.iter().map(|place| part(place)).collect();
        let text =
            format!(r#"{{"bomFormat":"CycloneDX","specVersion":"1.6","components":[{}]}}"#, parts.join(","));
        read(text.as_bytes()).unwrap().components.len()
    };
    assert_eq!(count(&["", "", ""]), 1);
    assert_eq!(count(&["", "a", "b"]), 2);
}

const PART: &str = r#"{"bomFormat":"CycloneDX","specVersion":"1.6","components":[{"type":"library","name":"b","purl":"pkg:pypi/b@1"}]}"#;

fn statement(predicate: &str) -> String {
    format!(
        r#"{{"_type":"https://in-toto.io/Statement/v1","subject":[],"predicateType":"x","predicate":{predicate}}}"#
    )
}

fn dsse(payload: &str) -> String {
    use base64::Engine as _;
    let payload = base64::engine::general_purpose::STANDARD.encode(payload);
    format!(r#"{{"payloadType":"application/vnd.in-toto+json","payload":"{payload}","signatures":[]}}"#)
}

#[test]
fn a_document_is_taken_out_of_its_envelopes_and_they_are_reported() {
    let bundle = |envelope: &str| {
        format!(
            r#"{{"mediaType":"application/vnd.dev.sigstore.bundle.v0.3+json","dsseEnvelope":{envelope}}}"#
        )
    };
    let tag_value =
        r#""SPDXVersion: SPDX-2.3\nPackageName: b\nExternalRef: PACKAGE-MANAGER purl pkg:pypi/b@1\n""#;
    for (text, envelopes) in [
        (statement(PART), &[Envelope::Statement][..]),
        (statement(tag_value), &[Envelope::Statement]),
        (statement(&format!(r#"{{"Data":{tag_value},"Timestamp":"x"}}"#)), &[Envelope::Statement]),
        (dsse(&statement(PART)), &[Envelope::Dsse, Envelope::Statement]),
        (dsse(PART), &[Envelope::Dsse]),
        (bundle(&dsse(&statement(PART))), &[Envelope::Bundle, Envelope::Dsse, Envelope::Statement]),
    ] {
        let document = read_document(text.as_bytes(), &Limits::default()).unwrap();
        assert_eq!((names(&document.inventory), &*document.envelopes), (vec!["b"], envelopes), "{text}");
    }
}

#[test]
fn malformed_envelopes_are_refused() {
    for text in [
        statement(&statement(PART)),
        dsse(&dsse(PART)),
        statement(&dsse(PART)),
        statement("{}"),
        statement("7"),
        statement(PART).replace("Statement/v1", "Statement/v9"),
        dsse("not a document"),
        r#"{"payloadType":"x","payload":"%%%"}"#.to_owned(),
        // The content is read just as strictly.
        dsse(&PART.replace(r#""name":"b""#, r#""name":"b","name":"c""#)),
    ] {
        assert!(read(text.as_bytes()).is_err(), "{text}");
    }
}

#[test]
fn xml_is_bounded_like_json() {
    let bom = |content: &str| format!("<bom xmlns='http://cyclonedx.org/schema/bom/1.6'>{content}</bom>");
    let component = "<component type='library'><name>a</name></component>";
    let mut limits = Limits::default();
    limits.components = 10;
    let many = bom(&format!("<components>{}</components>", component.repeat(11)));
    let error = read_document(many.as_bytes(), &limits).unwrap_err().to_string();
    assert_eq!(error, "SBOM exceeds the limit components = 10 (raise it with --limit components=…)");
    let nested = "<components><component type='library'><name>a</name>".repeat(40);
    for bad in [
        bom(&nested),
        bom("<components><component type='library'><name>a</name><name>b</name></component></components>"),
        bom("<components><component type='library'/></components>"),
        bom("<components><component><name>a</name></component></components>"),
        bom("<metadata/><metadata/>"),
        bom("<dependencies><dependency/></dependencies>"),
        "<boom xmlns='http://cyclonedx.org/schema/bom/1.6'/>".to_owned(),
        "<!DOCTYPE bom SYSTEM 'http://169.254.169.254/'><bom xmlns='http://cyclonedx.org/schema/bom/1.6'/>"
            .to_owned(),
    ] {
        assert!(matches!(read_whole(bad.as_bytes(), &Limits::default()), Err(Error::Xml(_))), "{bad}");
    }
    assert_eq!(names(&read(bom("<components/>").as_bytes()).unwrap()), [""; 0]);
}

#[test]
fn tag_value_that_readers_would_read_differently_is_refused() {
    let document = |rest: &str| read(format!("SPDXVersion: SPDX-2.3\n{rest}\n").as_bytes());
    assert!(document("PackageName: a\nPackageComment: <text>one\n: two\n</text>\nPackageVersion: 1").is_ok());
    for bad in [
        "PackageName: a\nPackageComment: <text>one",
        "PackageName: a\nPackageVersion: 1\nPackageVersion: 2",
        "PackageName: a\nSPDXID: SPDXRef-a\nSPDXID: SPDXRef-b",
        "PackageName: a\nExternalRef: PACKAGE-MANAGER",
        "PackageName: a\nPackageChecksum: abc",
        "Relationship: SPDXRef-a CONTAINS",
        "nothing of a field",
    ] {
        assert!(matches!(document(bad), Err(Error::TagValue { .. })), "{bad}");
    }
    let mut limits = Limits::default();
    (limits.components, limits.relationships) = (2, 2);
    for many in ["PackageName: a\n", "Relationship: a CONTAINS b\n"] {
        let text = format!("SPDXVersion: SPDX-2.3\n{}", many.repeat(3));
        assert!(matches!(read_document(text.as_bytes(), &limits), Err(Error::Limit(_))), "{many}");
    }
}

/// Documents of both formats with this many components.
fn documents_of(components: usize) -> [String; 2] {
    let all = |one: &dyn Fn(usize) -> String| (0..components).map(one).collect::<Vec<_>>().join(",");
    let component = |n: usize| format!(r#"{{"type":"library","name":"p","purl":"pkg:pypi/p@{n}"}}"#);
    let package = |n: usize| {
        format!(
            r#"{{"name":"p","SPDXID":"SPDXRef-{n}","externalRefs":[{{"referenceCategory":"PACKAGE-MANAGER",
            "referenceType":"purl","referenceLocator":"pkg:pypi/p@{n}"}}]}}"#
        )
    };
    [
        format!(r#"{{"bomFormat":"CycloneDX","specVersion":"1.6","components":[{}]}}"#, all(&component)),
        format!(r#"{{"spdxVersion":"SPDX-2.3","name":"d","packages":[{}]}}"#, all(&package)),
    ]
}

#[test]
fn reading_stops_at_the_deadline() {
    let limits = Limits::default();
    let past = Cancel::never().until(std::time::Instant::now());
    for text in documents_of(3) {
        let document = read_document_until(text.as_bytes(), &limits, &Cancel::never()).unwrap();
        assert_eq!(document.inventory.components.len(), 3);
        let stopped = read_document_until(text.as_bytes(), &limits, &past).unwrap_err();
        assert!(matches!(stopped, Error::Stopped(_)), "{stopped}");
        assert_eq!(stopped.kind(), plimsoll_core::Kind::Transient);
    }
}

/// Each loop over a document's items on its own, because the check before the first would stop all of them.
#[test]
fn reading_stops_in_the_middle_of_a_document() {
    let limits = Limits::default();
    let formats: [&dyn Format; 2] = [&CycloneDxJson, &SpdxJson];
    for (format, text) in formats.iter().zip(documents_of(2 * SHARED)) {
        let cancel = Cancel::never();
        let reading = Reading { limits: &limits, extent: Extent::Components, cancel: &cancel };
        let split = || Members::split(text.as_bytes(), format.members(), limits.components, &cancel);
        let members = split().unwrap();
        cancel.cancel();
        // While items are converted.
        let stopped = format.read(Content::Json(members), &reading).unwrap_err();
        assert!(matches!(stopped, Error::Stopped(_)), "{stopped}");
        // While the document is split.
        assert!(matches!(split().map(|_| ()), Err(Error::Stopped(_))));
    }
}
