//! pacman's packages: Arch Linux and distributions derived from it.
//!
//! Follows `lib/libalpm/be_local.c` of pacman: a folder for each package, in which `desc` describes it and `mtree`
//! lists its files (mtree(5), compressed by gzip). A folder belongs to one package, so its layer is that of `desc`.
//!
//! ```text
//! %NAME%
//! gmp
//!
//! %VERSION%
//! 6.2.1-2
//! ```

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read as _;
use std::sync::Arc;

use flate2::read::MultiGzDecoder;
use plimsoll_core::Purl;
use plimsoll_core::rootfs::{Bound, Fact, Footprint, FoundFile};
use serde::{Deserialize, Serialize};

use crate::cataloger::{Cataloger, Coverage, File, Selection};
use crate::context::Context;
use crate::fact::FactKind;
use crate::inventory::{Component, ComponentIndex, OsRelease, SourcePackage};
use crate::licence::Licence;
use crate::os::database::{State, is_word, too_many, words};
use crate::os::files::{OwnedFiles, OwnedFilesBuilder, add_listed};
use crate::ownership::RecordedDigest;
use crate::path::folder_of;

const DESC: u16 = 0;
const MTREE: u16 = 1;

const FOLDER: &str = "var/lib/pacman/local/";

const SELECTIONS: &[Selection] = &[
    Selection::whole(&["var/lib/pacman/local/*/desc"], Bound::Metadata),
    Selection::whole(&["var/lib/pacman/local/*/mtree"], Bound::Metadata),
];

pub(crate) struct Pacman;

/// The content of `desc`, or what is wrong with it.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Desc(Result<Package, String>);

#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
struct Package {
    name: String,
    version: String,
    /// The package that it was built with.
    base: Option<String>,
    architecture: Option<String>,
    licenses: Vec<String>,
    packager: Option<String>,
}

impl Footprint for Desc {
    fn footprint(&self) -> usize {
        let owned = match &self.0 {
            Ok(Package { name, version, base, architecture, licenses, packager }) => {
                let optional = [base, architecture, packager].into_iter().flatten();
                let licenses = licenses.iter().map(|licence| size_of::<String>() + licence.len());
                name.len()
                    + version.len()
                    + optional.map(String::len).sum::<usize>()
                    + licenses.sum::<usize>()
            }
            Err(what) => what.len(),
        };
        size_of::<Self>() + owned
    }
}

impl Cataloger for Pacman {
    fn id(&self) -> &'static str {
        "pacman"
    }

    fn version(&self) -> u32 {
        2
    }

    fn coverage(&self) -> Coverage {
        Coverage::OperatingSystem
    }

    fn purl_types(&self) -> &'static [&'static str] {
        &["alpm"]
    }

    fn selections(&self) -> &'static [Selection] {
        SELECTIONS
    }

    fn facts(&self) -> &'static [FactKind] {
        const { &[FactKind::for_type::<Desc>(), FactKind::for_type::<OwnedFiles>()] }
    }

    fn extract(&self, selection: u16, file: &File<'_>) -> Option<Arc<dyn Fact>> {
        Some(match selection {
            DESC => Arc::new(Desc(desc(file.content))),
            _ => Arc::new(mtree(file)),
        })
    }

    fn finish(&self, context: &mut Context<'_, '_>) {
        let mut state = State::default();
        state.unread(context, DESC);
        let (mut found, mut seen) = (BTreeMap::new(), BTreeSet::new());
        let limit = context.limits.packages;
        for (file, Desc(desc)) in context.distinct::<Desc>(&[DESC]).collect::<Vec<_>>() {
            state.present = true;
            if found.len() >= limit {
                state.broken(context, &file.path, too_many(limit));
                break;
            }
            let added = match desc {
                Ok(package) if !seen.insert(&package.name) => {
                    Err(format!("package {} occurs twice", package.name))
                }
                Ok(package) => add(context, file, package),
                Err(what) => Err(what.clone()),
            };
            match added {
                Ok(owner) => drop(found.insert(folder_of(&file.path), owner)),
                Err(what) => state.broken(context, &file.path, what),
            }
        }
        for (file, files) in context.facts::<OwnedFiles>(MTREE) {
            if let Some(owner) = found.get(folder_of(&file.path)).copied() {
                files.claim(owner, context);
            }
        }
        state.finish(context, FOLDER, "alpm", found.len());
    }
}

fn add(context: &mut Context<'_, '_>, file: &FoundFile, package: &Package) -> Result<ComponentIndex, String> {
    let Package { name, version, base, licenses, packager, .. } = package;
    let purl = purl(context.os(), package).map_err(|error| format!("package {name}: {error}"))?;
    let base = base.as_ref().unwrap_or(name);
    let listed = Component {
        name: name.clone(),
        version: version.clone(),
        source: Some(SourcePackage { name: base.clone(), version: version.clone() }),
        licenses: licenses.iter().filter_map(|licence| Licence::stated(licence)).collect(),
        supplier: packager.clone(),
        ..Component::from_purl(purl)
    };
    Ok(add_listed(context, file, file.layer, listed))
}

/// `pkg:alpm/arch/gmp@6.2.1-2?arch=x86_64&upstream=gmp`, as other scanners write it: the base only if it is another
/// package.
fn purl(os: Option<&OsRelease>, package: &Package) -> Result<Purl, plimsoll_core::purl::ParseError> {
    let upstream = package.base.as_deref().filter(|base| *base != package.name);
    Purl::builder("alpm", &package.name)
        .namespace(os.map_or("arch", |os| os.id.as_str()))
        .version(&package.version)
        .qualifier("arch", package.architecture.as_deref().unwrap_or_default())
        .qualifier("distro", os.map(OsRelease::distro).unwrap_or_default())
        .qualifier("upstream", upstream.unwrap_or_default())
        .build()
}

/// Reads `desc`: a name in percent signs, its values one per line, an empty line.
fn desc(content: &[u8]) -> Result<Package, String> {
    let text = str::from_utf8(content).map_err(|_| "is not text")?;
    if !text.is_empty() && !text.ends_with('\n') {
        return Err("stops in the middle of a line".to_owned());
    }
    let mut fields: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    let mut lines = text.lines();
    while let Some(line) = lines.by_ref().find(|line| !line.is_empty()) {
        let field = line.strip_prefix('%').and_then(|line| line.strip_suffix('%'));
        let field = field.ok_or("has a value without a field")?;
        let values = lines.by_ref().take_while(|line| !line.is_empty()).collect();
        if fields.insert(field, values).is_some() {
            return Err(format!("has the field {} twice", field.chars().take(80).collect::<String>()));
        }
    }
    let first = |field: &str| fields.get(field).and_then(|values| values.first()).copied();
    let word = |field: &str| first(field).filter(|text| is_word(text)).map(str::to_owned);
    let needed = |field: &str| word(field).ok_or_else(|| format!("has no usable {field}"));
    let licenses = fields.get("LICENSE").into_iter().flatten();
    Ok(Package {
        name: needed("NAME")?,
        version: needed("VERSION")?,
        base: word("BASE"),
        architecture: word("ARCH"),
        licenses: licenses.filter_map(|licence| words(Some(licence))).collect(),
        packager: words(first("PACKAGER")),
    })
}

/// Reads the files of a package. A list that cannot be read claims nothing, so its files count as separate components.
fn mtree(file: &File<'_>) -> OwnedFiles {
    let mut text = Vec::new();
    // Digests do not compress, so real lists are only three times as long as their archive.
    let max = file.limits.ratio.saturating_mul(file.content.len() as u64).min(file.limits.kept_file_bytes);
    let whole = MultiGzDecoder::new(file.content).take(max).read_to_end(&mut text).is_ok();
    let mut owned = OwnedFilesBuilder::new(file, if whole { text.len() } else { 0 });
    for line in text.split(|byte| *byte == b'\n') {
        let Some(line) = str::from_utf8(line).ok().and_then(|line| line.strip_prefix("./")) else { continue };
        let mut words = line.split(' ');
        let Some(path) = words.next().and_then(unescaped) else { continue };
        let digest = words.find_map(|word| word.strip_prefix("sha256digest="));
        // Entries without a digest are directories, links, or about the package itself.
        if let Some(digest) = digest.filter(|_| !path.starts_with('.')) {
            owned.add(&path, Some(RecordedDigest::sha256(digest)));
        }
    }
    owned.finish()
}

/// A path as vis(3) writes it: a backslash and three octal digits stand for a byte.
fn unescaped(path: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(path.len());
    let mut rest = path.as_bytes();
    while let Some((first, more)) = rest.split_first() {
        rest = more;
        match (first, rest.get(..3)) {
            (b'\\', Some(digits)) => {
                let digits = str::from_utf8(digits).ok()?;
                bytes.push(u8::from_str_radix(digits, 8).ok()?);
                rest = rest.get(3..)?;
            }
            (b'\\', None) => return None,
            (byte, _) => bytes.push(*byte),
        }
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use flate2::Compression;
    use flate2::write::GzEncoder;
    use plimsoll_core::rootfs::FileSet;
    use proptest::prelude::*;

    use super::*;
    use crate::catalogers::{alone, select};
    use crate::context::System;
    use crate::{Inventory, OwnerEvidence, ProblemCode};

    const GMP: &str = "%NAME%\ngmp\n\n%VERSION%\n6.2.1-2\n\n%BASE%\ngmp\n\n%ARCH%\nx86_64\n\n%PACKAGER%\nA <a@x>\n\n\
                       %LICENSE%\nLGPL3\nMIT\n\n%DEPENDS%\ngcc-libs\nsh\n";
    const LIBS: &str = "%NAME%\ngcc-libs\n\n%VERSION%\n1:14.1-1\n\n%BASE%\ngcc\n\n";

    fn files(files: &[(&str, &[u8])]) -> FileSet {
        let mut set = FileSet::default();
        for (path, content) in files {
            set.add(select(), path, Some(1), content);
        }
        set
    }

    fn catalog(list: &[(&str, &str)]) -> Inventory {
        let list: Vec<_> =
            list.iter().map(|(name, desc)| (format!("{FOLDER}{name}/desc"), desc.as_bytes())).collect();
        let set = files(&list.iter().map(|(path, desc)| (path.as_str(), *desc)).collect::<Vec<_>>());
        let release =
            OsRelease { id: "arch".to_owned(), version_id: None, codename: None, pretty_name: None };
        alone("pacman", &set, Some(System { release, like: Vec::new() })).inventory
    }

    #[test]
    fn lists_packages_with_the_base_that_they_were_built_from() {
        let found = catalog(&[("gmp-6.2.1-2", GMP), ("gcc-libs-1:14.1-1", LIBS)]);
        let purls: Vec<_> = found.components.iter().map(|it| it.purl.to_string()).collect();
        assert_eq!(
            purls,
            [
                "pkg:alpm/arch/gcc-libs@1:14.1-1?distro=arch&upstream=gcc",
                "pkg:alpm/arch/gmp@6.2.1-2?arch=x86_64&distro=arch",
            ]
        );
        assert_eq!(found.problems, []);
        let [libs, gmp] = found.components.as_slice() else { panic!("{:?}", found.components) };
        assert_eq!(gmp.licenses.len(), 2);
        assert_eq!(gmp.supplier.as_deref(), Some("A <a@x>"));
        assert_eq!(libs.source.as_ref().map(|source| source.name.as_str()), Some("gcc"));
    }

    #[test]
    fn an_invalid_description_breaks_the_inventory() {
        for bad in [
            "",
            "%NAME%\na\n",
            "%NAME%\na b\n\n%VERSION%\n1\n",
            "a\n",
            "%NAME%\na\n\n%VERSION%\n1",
            "%NAME%\na\n\n%NAME%\nb\n\n%VERSION%\n1\n",
            "%NAME%\ngmp\n\n%VERSION%\n9\n",
            "%NME%\na\n\n%VER.6-1\n",
        ] {
            let found = catalog(&[("gmp-6.2.1-2", GMP), ("z-1", bad)]);
            let codes: Vec<_> = found.problems.iter().map(|problem| problem.code).collect();
            assert_eq!(codes, [ProblemCode::OsInventoryBroken], "{bad:?}");
            assert_eq!(found.components.len(), 1, "{bad:?}");
        }
    }

    #[test]
    fn a_package_owns_the_files_that_it_installed() {
        const PYTHON: &[u8] = b"Metadata-Version: 2.1\nName: demo\nVersion: 1.0\n";
        let digest = hex::encode(<sha2::Sha256 as sha2::Digest>::digest(PYTHON));
        let path = "usr/lib/python3.12/site-packages/demo-1.0.dist-info/METADATA";
        let mtree = format!(
            "#mtree\n/set type=file\n./.PKGINFO sha256digest={digest}\n./usr type=dir\n\
             ./usr/lib/python3.12/site-packages/demo\\0551.0.dist-info/METADATA size=3 sha256digest={digest}\n"
        );
        let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
        gzip.write_all(mtree.as_bytes()).unwrap();
        let gzip = gzip.finish().unwrap();
        let (desc, files_of) = (format!("{FOLDER}gmp-6.2.1-2/desc"), format!("{FOLDER}gmp-6.2.1-2/mtree"));
        let set = files(&[
            ("etc/os-release", b"ID=arch\n"),
            (path, PYTHON),
            (&desc, GMP.as_bytes()),
            (&files_of, &gzip),
        ]);
        let found = crate::catalog(&set, &plimsoll_core::Limits::default());
        assert_eq!(found.problems, []);
        let python = found.components.iter().position(|it| it.name == "demo").unwrap();
        let owner = found.owner(ComponentIndex(python)).unwrap();
        assert_eq!((owner.package.name.as_str(), owner.evidence), ("gmp", OwnerEvidence::DigestsMatch));
    }

    proptest! {
        #[test]
        fn never_panics(content in "(%(NAME|VERSION|BASE|x)?%?\n|[ -~é]{0,9}\n|\n){0,30}", path in "(\\\\[0-9]{0,4}|[a-z/])*") {
            let _ = (desc(content.as_bytes()), unescaped(&path));
        }
    }
}
