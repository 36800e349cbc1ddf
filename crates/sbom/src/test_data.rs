//! Which files are test data: they include package metadata and lock files that are broken on purpose, and that no
//! package manager or interpreter treats as those of an installed package.
//!
//! ```text
//! usr/lib/python3/dist-packages/setuptools/tests/data/x.egg-info/PKG-INFO      is
//! srv/app/tests/.venv/lib/python3.12/site-packages/x-1.dist-info/METADATA      is not: it is installed there
//! srv/node_modules/test/package.json                                           is not: it is the name of the package
//! ```

/// Names of folders with test data.
const FOLDERS: [&str; 8] =
    ["__fixtures__", "__tests__", "fixtures", "test", "test-data", "test_data", "testdata", "tests"];

/// Folders into which packages are installed. The path before them says nothing about the packages.
const INSTALLED: [&str; 3] = ["dist-packages", "node_modules", "site-packages"];

/// Whether the file at `path` is test data.
pub(crate) fn is_test_data(path: &str) -> bool {
    let Some((folders, _)) = path.rsplit_once('/') else { return false };
    let mut is = false;
    let mut names = folders.split('/');
    while let Some(name) = names.next() {
        if INSTALLED.contains(&name) {
            is = false;
            // The package's own name, which has a second part after a scope.
            if names.next().is_some_and(|package| package.starts_with('@')) {
                names.next();
            }
        } else if FOLDERS.contains(&name) {
            is = true;
        }
    }
    is
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_installed_packages_are_not_test_data() {
        for (path, expected) in [
            ("tests/data/x-1.dist-info/METADATA", true),
            ("srv/app/test/fixtures/package.json", true),
            ("usr/lib/python3/dist-packages/setuptools/tests/x.egg-info/PKG-INFO", true),
            ("usr/lib/node_modules/resolve/test/malformed_package_json/package.json", true),
            ("a/node_modules/@x/y/__tests__/package.json", true),
            ("usr/local/go/src/cmd/go/testdata/mod/go.mod", true),
            ("tests/.venv/lib/python3.12/site-packages/x-1.dist-info/METADATA", false),
            ("tests/node_modules/x/package.json", false),
            ("srv/node_modules/test/package.json", false),
            ("srv/node_modules/@x/tests/package.json", false),
            ("usr/lib/python3/site-packages/tests/x.dist-info/METADATA", false),
            ("srv/app/package.json", false),
            ("test", false),
            ("tests.dist-info/METADATA", false),
            ("contest/latest/package.json", false),
            ("", false),
        ] {
            assert_eq!(is_test_data(path), expected, "{path}");
        }
    }
}
