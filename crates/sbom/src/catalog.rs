//! From the files of a root file system to its inventory.
//!
//! The operating system comes first, because it names the distribution in package URLs and says which package database
//! to expect. What is expected and not there is a problem: an image from which the database was deleted has not become
//! free of vulnerabilities (`rm -rf /var/lib/dpkg` is a known way to quieten scanners).

use plimsoll_core::rootfs::FileSet;

use crate::inventory::{Inventory, Problem, ProblemCode};
use crate::language::python;
use crate::os::{dpkg, release};
use crate::ownership;
use crate::wanted::{DPKG_STATUS, OS_RELEASE};

/// Makes the inventory of the files that [`crate::select`] asked for.
pub fn catalog(files: &FileSet) -> Inventory {
    let mut inventory = Inventory { layers: files.layers.clone(), ..Inventory::default() };
    let os = match release::find(files) {
        Ok(os) => os,
        Err(problem) => {
            inventory.problems.push(problem);
            None
        }
    };
    let packages = dpkg::catalog(files, os.as_ref().map(|os| &os.release));
    inventory.problems.extend(missing(os.as_ref(), &packages));
    inventory.problems.extend(packages.problems);

    let mut distributions = python::catalog(files, &mut inventory.problems);
    ownership::assign(files, &packages.components, &mut distributions);

    inventory.os = os.map(|os| os.release);
    inventory.components = packages.components;
    inventory.components.extend(distributions.into_iter().map(|distribution| distribution.component));
    inventory.sort();
    inventory
}

/// What the package database should be and is not.
fn missing(os: Option<&release::Found>, packages: &dpkg::Found) -> Option<Problem> {
    let problem = |code, path: &str, detail| Some(Problem { code, path: path.to_owned(), detail });
    let [os_release, _] = OS_RELEASE;
    match os {
        None if packages.present => {
            let detail = "there are packages but no usable os-release: the release is not known".to_owned();
            problem(ProblemCode::UnknownOs, os_release, detail)
        }
        None => {
            let detail = "there is neither os-release nor a package database".to_owned();
            problem(ProblemCode::UnknownOs, os_release, detail)
        }
        Some(os) if !os.is_debian_like() => {
            let detail = format!("the package database of {} is not read", os.release.id);
            problem(ProblemCode::UnknownOs, os_release, detail)
        }
        Some(os) if !packages.present => {
            let detail = format!("os-release says {}, and there is no package database", os.release.distro());
            problem(ProblemCode::OsInventoryMissing, DPKG_STATUS, detail)
        }
        Some(os) if packages.components.is_empty() && packages.problems.is_empty() => {
            let detail =
                format!("os-release says {}, and its package database is empty", os.release.distro());
            problem(ProblemCode::OsInventoryMissing, DPKG_STATUS, detail)
        }
        Some(_) => None,
    }
}
