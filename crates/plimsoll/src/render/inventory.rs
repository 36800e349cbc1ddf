//! An inventory for people.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};

use plimsoll_core::Purl;
use plimsoll_core::quantity::count;
use plimsoll_sbom::{BaseEvidence, BaseImage, Component, Inventory, Licence, ProblemCode, ProblemSeverity};

use super::table::{Page, safe};

/// Writes one row per component, then the problems.
pub(crate) fn write(
    inventory: &Inventory,
    base: Option<&BaseImage>,
    page: Page,
    out: &mut dyn Write,
) -> io::Result<()> {
    let rows: Vec<_> = inventory
        .components
        .iter()
        .map(|component| {
            let location = component.locations.first();
            let development = if component.is_for_development() { " (development)" } else { "" };
            let of_base = base.filter(|base| base.brought(component) == Some(true));
            let of_base = of_base.and_then(|base| base.boundary).map(|evidence| {
                // A guess is marked as such.
                if evidence.is_certain() { " base" } else { " base?" }
            });
            let layer = location.and_then(|location| location.layer);
            let layer = layer.map(|index| format!("{}{}", index + 1, of_base.unwrap_or_default()));
            [
                component.purl.package_type().to_owned(),
                safe(&component.name).into_owned(),
                safe(&component.version).into_owned(),
                safe(&licences(component)).into_owned(),
                layer.unwrap_or_default(),
                location.map(|l| format!("{}{development}", safe(&l.path))).unwrap_or_default(),
            ]
        })
        .collect();
    page.columns(out, "", Some(["TYPE", "NAME", "VERSION", "LICENCE", "LAYER", "PATH"]), &rows)?;
    let os = inventory
        .os
        .as_ref()
        .map_or_else(|| "no operating system".to_owned(), |os| safe(&os.distro()).into_owned());
    let development = inventory.components.iter().filter(|it| it.is_for_development()).count();
    let development = match development {
        0 => String::new(),
        some => format!(", {some} of them for development only"),
    };
    writeln!(out, "\n{}, {os}{development}", count(inventory.components.len(), "component"))?;
    if let Some(base) = base {
        page.paragraph(out, "base: ", 6, &safe(&of_base(base)))?;
    }
    for problem in &inventory.problems {
        let words = problem.words();
        match problem.code {
            ProblemCode::NotRead => {
                let text = format!("{}, such as {}", safe(&words), safe(&problem.path));
                page.paragraph(out, "not covered: ", 13, &text)?;
            }
            ProblemCode::SetAside => {}
            code => self::problem(code, problem.severity, &problem.path, &words, page, out)?,
        }
    }
    let aside = inventory.problems.iter().filter(|problem| problem.code == ProblemCode::SetAside);
    let aside = aside.map(|problem| Aside {
        ecosystem: problem.ecosystem.as_deref().unwrap_or_default(),
        files: &problem.detail,
        owner: problem.owner.as_ref(),
        path: &problem.path,
    });
    set_aside(aside, page, out)
}

/// The base image and the evidence for it: `debian:12 (claimed by an annotation), 1 layer (a guess from the image's
/// history)`.
fn of_base(base: &BaseImage) -> String {
    let known = |evidence: Option<BaseEvidence>| match evidence {
        Some(BaseEvidence::NamedBase) => "layers compared with --base",
        Some(BaseEvidence::KnownBase) => "layers compared with known bases",
        Some(BaseEvidence::ClaimedLayers) => {
            "layers as the configuration claims, which were not read as a whole"
        }
        Some(BaseEvidence::Annotation) => "claimed by an annotation",
        Some(BaseEvidence::Label) => "claimed by a label",
        Some(BaseEvidence::History) => "a guess from the image's history",
        _ => "unknown how",
    };
    let digest = base.digest.map(|digest| digest.to_string());
    let identity = base.name.clone().or(digest).map(|name| (name, base.identity));
    let layers = base.layers.map(|layers| (count(layers, "layer"), base.boundary));
    match (identity, layers) {
        (Some((name, identity)), Some((layers, boundary))) if identity == boundary => {
            format!("{name}, {layers} ({})", known(identity))
        }
        (identity, layers) => {
            let parts: Vec<_> = identity.into_iter().chain(layers).collect();
            let parts: Vec<_> = parts.into_iter().map(|(it, how)| format!("{it} ({})", known(how))).collect();
            parts.join(", ")
        }
    }
}

/// The first licences. Debian's copyright files name dozens, which documents contain completely.
fn licences(component: &Component) -> String {
    const SHOWN: usize = 3;
    let declared: Vec<&str> = component.licenses.iter().map(Licence::as_str).collect();
    let detected: BTreeSet<&str> = component.detected.iter().map(|it| it.id.as_str()).collect();
    let (names, detection) =
        if detected.is_empty() { (declared, "") } else { (detected.into_iter().collect(), " (detected)") };
    match names.get(..SHOWN) {
        Some(first) if names.len() > SHOWN => {
            format!("{}, +{}{detection}", first.join(", "), names.len() - SHOWN)
        }
        _ => format!("{}{detection}", names.join(", ")),
    }
}

/// Writes a problem by its severity.
pub(super) fn problem(
    code: ProblemCode,
    severity: ProblemSeverity,
    path: &str,
    words: &str,
    page: Page,
    out: &mut dyn Write,
) -> io::Result<()> {
    let (label, indent) = match severity {
        ProblemSeverity::Missing => ("problem: ", 9),
        ProblemSeverity::Noted => ("noted: ", 7),
    };
    let parts = [path, words].into_iter().filter(|part| !part.is_empty());
    let text = parts.fold(code.to_string(), |text, part| format!("{text} {}", safe(part)));
    page.paragraph(out, label, indent, &text)
}

/// Files that no cataloger reads and that a package of the operating system installed.
pub(super) struct Aside<'a> {
    pub(super) ecosystem: &'a str,
    pub(super) files: &'a str,
    pub(super) owner: Option<&'a Purl>,
    pub(super) path: &'a str,
}

/// Writes what was set aside, one line per ecosystem: the packages of a whole distribution would fill the screen.
pub(super) fn set_aside<'a>(
    aside: impl Iterator<Item = Aside<'a>>,
    page: Page,
    out: &mut dyn Write,
) -> io::Result<()> {
    let mut by_ecosystem: BTreeMap<&str, Vec<Aside<'_>>> = BTreeMap::new();
    for one in aside {
        by_ecosystem.entry(one.ecosystem).or_default().push(one);
    }
    for (ecosystem, group) in by_ecosystem {
        let Some(first) = group.first() else { continue };
        let files = if group.len() == 1 { format!(" ({})", first.files) } else { String::new() };
        let owner = match (first.owner, group.len()) {
            (None, _) => "the operating system's packages".to_owned(),
            (Some(owner), 1) => format!("{} {}", owner.name(), owner.version().unwrap_or_default()),
            (Some(_), several) => format!("{} of the operating system", count(several, "package")),
        };
        let (ecosystem, path) = (safe(ecosystem), safe(first.path));
        let text = format!("{ecosystem}{}: part of {}, such as {path}", safe(&files), safe(&owner));
        page.paragraph(out, "set aside: ", 11, &text)?;
    }
    Ok(())
}
