//! Perl distributions that were installed from CPAN: the records that installers write.
//!
//! `cpanm` writes `install.json` next to the metadata of a distribution ([CPAN::Meta::Spec]), and every installer
//! appends to `perllocal.pod`:
//!
//! ```json
//! {"name": "Try::Tiny", "version": "0.31", "dist": "Try-Tiny-0.31", "pathname": "E/ET/ETHER/Try-Tiny-0.31.tar.gz"}
//! ```
//!
//! ```text
//! =head2 Tue Mar  5 10:00:00 2024: C<Module> L<Try::Tiny|Try::Tiny>
//! =item * C<VERSION: 0.31>
//! ```
//!
//! The list of files of each distribution, `auto/Try/Tiny/.packlist`, does not contain a version. If nothing else
//! mentions the distribution, only its presence is known.
//!
//! [CPAN::Meta::Spec]: https://metacpan.org/pod/CPAN::Meta::Spec

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use plimsoll_core::json;
use plimsoll_core::rootfs::{Bound, Fact, Need};
use serde::Deserialize;

use super::shown::{Shown, component};
use crate::cataloger::{Cataloger, Coverage, File, Mode, Selection};
use crate::context::Context;
use crate::fact::FactKind;
use crate::inventory::{Component, ProblemCode};
use crate::telltales::{Kind, Unidentified};

const INSTALLED: u16 = 0;
const LOG: u16 = 1;
const LIST: u16 = 2;

const SELECTIONS: &[Selection] = &[
    Selection::whole(&["**/.meta/*/install.json"], Bound::Metadata),
    Selection::whole(&["**/perllocal.pod"], Bound::List),
    Selection { paths: &["**/.packlist"], mode: Mode::Any, min_size: 0, need: Need::Name },
];

/// Finds Perl distributions.
pub(crate) struct Perl;

/// Lists of files of distributions whose version is unknown.
const WITHOUT_VERSION: Kind = Kind { ecosystem: "CPAN", files: ".packlist" };

impl Cataloger for Perl {
    fn id(&self) -> &'static str {
        "perl"
    }

    fn version(&self) -> u32 {
        1
    }

    fn coverage(&self) -> Coverage {
        Coverage::Language
    }

    fn purl_types(&self) -> &'static [&'static str] {
        &["cpan"]
    }

    fn selections(&self) -> &'static [Selection] {
        SELECTIONS
    }

    fn facts(&self) -> &'static [FactKind] {
        const { &[FactKind::for_type::<Shown>(), FactKind::for_type::<Vec<u8>>()] }
    }

    fn extract(&self, selection: u16, file: &File<'_>) -> Option<Arc<dyn Fact>> {
        match selection {
            INSTALLED => Some(Shown::fact(file.content, distribution(file.content).map(|found| vec![found]))),
            LOG => {
                let (found, faults) = logged(&String::from_utf8_lossy(file.content));
                Some(Shown::partly(file.content, Ok(found), faults))
            }
            _ => Some(Arc::new(Vec::<u8>::new())),
        }
    }

    fn finish(&self, context: &mut Context<'_, '_>) {
        Shown::add(context, INSTALLED);
        let known = |context: &Context<'_, '_>| -> BTreeSet<String> {
            let components = context.found.inventory.components.iter();
            components.filter(|it| it.purl.package_type() == "cpan").map(|it| it.name.clone()).collect()
        };
        // A repeated installation is logged again, so the distribution's own record counts.
        let installed = known(context);
        context.tell_unread([LOG]);
        for (file, shown) in context.distinct::<Shown>(&[LOG]) {
            for detail in &shown.faults {
                context.problem(ProblemCode::UnparsableMetadata, &file.path, detail.clone());
            }
            let found = shown.found.iter().flatten();
            for component in found.filter(|it| !installed.contains(&it.name)) {
                context.add_shown(component, file, &shown.digests);
            }
        }
        let told = known(context);
        for (file, _) in context.distinct::<Vec<u8>>(&[LIST]) {
            // The list of Perl itself is not in the folder of a module.
            let module =
                file.path.rsplit_once("/auto/").and_then(|(_, rest)| rest.strip_suffix("/.packlist"));
            if module.is_some_and(|module| !told.contains(&module.replace('/', "-"))) {
                let unidentified = Unidentified { kind: WITHOUT_VERSION, file, digests: None };
                context.found.unidentified.push(unidentified);
            }
        }
    }
}

#[derive(Deserialize)]
struct Installed {
    dist: Option<String>,
    pathname: Option<String>,
}

fn distribution(content: &[u8]) -> Result<Component, String> {
    let Installed { dist, pathname } = json::from_slice(content, u64::MAX)
        .map_err(|error| format!("is not a record of an installation: {error}"))?;
    let dist = dist.ok_or("names no distribution")?;
    // `Try-Tiny-0.31`, also `0.31-TRIAL`: the version follows the last hyphen before a digit.
    let end = dist.rmatch_indices('-').map(|(at, _)| at).find(|at| {
        let version = dist.get(at + 1..).unwrap_or_default();
        version.starts_with(|c: char| c.is_ascii_digit() || c == 'v')
    });
    let end = end.ok_or("names a distribution without a version")?;
    let (name, version) = (dist.get(..end).unwrap_or_default(), dist.get(end + 1..).unwrap_or_default());
    let author = pathname.as_deref().and_then(|path| path.split('/').nth(2)).unwrap_or_default();
    component("cpan", author, name, version)
}

/// The installed distributions in a log, each with its last installation, and the entries that name none. A
/// distribution is named after its main module.
fn logged(text: &str) -> (Vec<Component>, Vec<String>) {
    let (mut last, mut module) = (BTreeMap::new(), None);
    for line in text.lines() {
        if let Some((_, rest)) = line.split_once("C<Module> L<") {
            module = rest.split(['|', '>']).next();
        } else if let Some((_, rest)) = line.split_once("C<VERSION: ")
            && let Some(module) = module.take()
        {
            last.insert(module.replace("::", "-"), rest.split('>').next().unwrap_or_default());
        }
    }
    let (mut found, mut faults) = (Vec::new(), Vec::new());
    for (name, version) in last {
        match component("cpan", "", &name, version) {
            Ok(component) => found.push(component),
            // A module without its own version.
            Err(detail) if faults.is_empty() => faults.push(detail),
            Err(_) => {}
        }
    }
    (found, faults)
}

#[cfg(test)]
mod tests {
    use plimsoll_core::Limits;
    use plimsoll_core::rootfs::FileSet;

    use super::*;
    use crate::catalogers::select;

    #[test]
    fn distributions_are_named_with_their_authors() {
        let shown = |content: &str| distribution(content.as_bytes()).map(|it| it.purl.to_string());
        let tiny =
            r#"{"name":"Try::Tiny","dist":"Try-Tiny-0.31","pathname":"E/ET/ETHER/Try-Tiny-0.31.tar.gz"}"#;
        assert_eq!(shown(tiny).unwrap(), "pkg:cpan/ETHER/Try-Tiny@0.31");
        assert_eq!(shown(r#"{"dist":"A-B-v1.2-TRIAL"}"#).unwrap(), "pkg:cpan/A-B@v1.2-TRIAL");
        assert_eq!(shown(r#"{"dist":"A-B"}"#).unwrap_err(), "names a distribution without a version");
        assert_eq!(shown("{}").unwrap_err(), "names no distribution");
    }

    #[test]
    fn the_log_counts_if_there_is_no_record_and_a_list_alone_is_a_gap() {
        let log = "=head2 Tue Mar  5 10:00:00 2024: C<Module> L<Try::Tiny|Try::Tiny>\n\n=over 4\n\n=item * C<VERSION: 0.30>\n\n\
                   =head2 Tue Mar  5 10:00:01 2024: C<Module> L<JSON|JSON>\n\n=item * C<VERSION: 4.09>\n\n\
                   =head2 Tue Mar  5 10:00:02 2024: C<Module> L<JSON|JSON>\n\n=item * C<VERSION: 4.10>\n";
        let lib = "usr/local/lib/perl5/site_perl/5.36.0/x86_64-linux";
        let lists = ["Try/Tiny", "JSON", "Other"].map(|module| format!("{lib}/auto/{module}/.packlist"));
        let mut files = vec![
            ("usr/local/lib/perl5/5.36.0/x86_64-linux/perllocal.pod".to_owned(), log.to_owned()),
            (format!("{lib}/.meta/Try-Tiny-0.31/install.json"), r#"{"dist":"Try-Tiny-0.31"}"#.to_owned()),
            ("usr/local/lib/perl5/5.36.0/x86_64-linux/.packlist".to_owned(), String::new()),
        ];
        files.extend(lists.map(|path| (path, String::new())));
        let mut set = FileSet::default();
        for (path, content) in &files {
            set.add(select(), path, None, content.as_bytes());
        }
        let inventory = crate::catalog(&set, &Limits::default());
        let found: Vec<String> = inventory.components.iter().map(|it| it.purl.to_string()).collect();
        assert_eq!(found, ["pkg:cpan/JSON@4.10", "pkg:cpan/Try-Tiny@0.31"]);
        let gaps: Vec<&str> = inventory
            .problems
            .iter()
            .filter(|it| it.code == ProblemCode::NotRead)
            .map(|it| it.path.as_str())
            .collect();
        assert_eq!(gaps, ["usr/local/lib/perl5/site_perl/5.36.0/x86_64-linux/auto/Other/.packlist"]);
    }
}
