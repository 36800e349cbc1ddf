//! Sets aside files that no cataloger reads and components of ecosystems without advisories, if a package of the
//! distribution installed them: then the distribution's advisories cover them. Everything that is set aside is listed.

use std::collections::{BTreeMap, HashMap};

use plimsoll_core::{Purl, quantity};
use plimsoll_sbom::{Component, EXECUTABLES, Inventory, Problem, ProblemCode};

use super::finding::SetAside;
use super::gap::{Gaps, Uncovered};
use super::owner::{self, Coverage};
use super::target::Targets;
use crate::error::Error;

/// What is set aside.
#[derive(Default)]
pub(super) struct Asides {
    files: Vec<SetAside>,
    /// Components by package-URL type and owner: how many, and where one of them is.
    components: BTreeMap<(String, Purl), (usize, String)>,
}

impl Asides {
    /// Sets aside the files that packages of the operating system installed, according to the inventory. Those of a package
    /// that the distribution's feed does not cover are gaps.
    pub(super) fn files(
        &mut self,
        inventory: &Inventory,
        targets: &Targets<'_>,
        gaps: &mut Gaps,
    ) -> Result<(), Error> {
        let told = || inventory.problems.iter().filter(|problem| problem.code == ProblemCode::SetAside);
        if told().next().is_none() {
            return Ok(());
        }
        let packages: HashMap<&Purl, &Component> =
            inventory.components.iter().map(|component| (&component.purl, component)).collect();
        // A line for each package that has programs would repeat the list of packages.
        let mut programs: BTreeMap<(Coverage, Option<Uncovered>), Programs> = BTreeMap::new();
        for problem in told() {
            let package = problem.owner.as_ref().and_then(|owner| packages.get(owner));
            let coverage = match package {
                Some(package) => owner::coverage(targets, package)?,
                // Their package is unknown, or not in the inventory.
                None => Coverage::None,
            };
            let uncovered = package.and_then(|package| owner::uncovered(targets, package));
            let Problem { path, detail, owner, ecosystem, .. } = problem;
            match coverage {
                _ if ecosystem.as_deref() == Some(EXECUTABLES) => {
                    programs.entry((coverage, uncovered)).or_default().add(problem);
                }
                Coverage::Known => self.files.push(SetAside {
                    ecosystem: ecosystem.clone().unwrap_or_default(),
                    files: detail.clone(),
                    path: path.clone(),
                    owner: owner.clone(),
                }),
                Coverage::LookedUp | Coverage::None => match uncovered {
                    Some(uncovered) => {
                        let ecosystem = ecosystem.as_deref().unwrap_or("inventory");
                        gaps.owner_not_covered(ecosystem, (detail.clone(), path.clone()), uncovered);
                    }
                    None => gaps.not_read(problem),
                },
            }
        }
        for ((coverage, uncovered), programs) in programs {
            let files = quantity::count(programs.files, "file");
            let files = match coverage {
                Coverage::Known => files,
                // Their packages were looked up, which found nothing. That is listed separately, because nothing shows that
                // the distribution made them.
                Coverage::LookedUp => format!("{files} of packages that no advisory names"),
                Coverage::None => {
                    if let Some(uncovered) = uncovered {
                        gaps.owner_not_covered(EXECUTABLES, (files, programs.path), uncovered);
                        continue;
                    }
                    let ecosystem = Some(EXECUTABLES.to_owned());
                    let problem = Problem::new(ProblemCode::NotRead, programs.path, files);
                    gaps.not_read(&Problem { ecosystem, ..problem });
                    continue;
                }
            };
            let ecosystem = EXECUTABLES.to_owned();
            self.files.push(SetAside { ecosystem, files, path: programs.path, owner: None });
        }
        Ok(())
    }

    /// Sets aside a component that `package` installed.
    pub(super) fn component(&mut self, component: &Component, package: &Component) {
        let key = (component.purl.package_type().to_owned(), package.purl.clone());
        let path = component.locations.first().map(|location| location.path.clone());
        self.components.entry(key).or_insert_with(|| (0, path.unwrap_or_default())).0 += 1;
    }

    pub(super) fn into_list(self) -> Vec<SetAside> {
        let component = |((ecosystem, owner), (number, path)): ((String, Purl), (usize, String))| SetAside {
            ecosystem,
            files: quantity::count(number, "component"),
            path,
            owner: Some(owner),
        };
        self.files.into_iter().chain(self.components.into_iter().map(component)).collect()
    }
}

/// Programs of several packages.
#[derive(Default)]
struct Programs {
    files: usize,
    /// The first of them.
    path: String,
}

impl Programs {
    /// Adds the programs of one package. A document may state any number of them.
    fn add(&mut self, problem: &Problem) {
        let number = problem.detail.split(' ').next().and_then(|number| number.parse().ok()).unwrap_or(1);
        self.files = self.files.saturating_add(number);
        if self.path.is_empty() || problem.path < self.path {
            self.path.clone_from(&problem.path);
        }
    }
}
