//! PKCS#11 modules: shared libraries that are loaded into this process, each once.
//!
//! A module keeps state for the whole process: it is initialised by the first key that is opened in it and finalised
//! after the last one. Some modules, such as SoftHSM, crash in their own destructors at the end of a process.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use cryptoki::context::{CInitializeArgs, CInitializeFlags, Pkcs11};
use cryptoki::error::{Error as Refused, RvError};
use plimsoll_core::read;

/// The loaded modules, and how many keys use each.
static LOADED: Mutex<BTreeMap<PathBuf, (Pkcs11, usize)>> = Mutex::new(BTreeMap::new());

/// The folders where p11-kit registers modules, the machine's own first.
const REGISTRIES: [&str; 2] = ["/etc/pkcs11/modules", "/usr/share/p11-kit/modules"];
/// Bytes of one registration file.
const REGISTRATION: u64 = 64 * 1024;

/// A loaded module. It is finalised when the last one of these is dropped.
pub(super) struct Module {
    path: PathBuf,
    context: Pkcs11,
}

impl Module {
    pub(super) fn load(path: &Path) -> Result<Self, Refused> {
        let path = path.to_owned();
        // The lock is held while the module is initialised or finalised, because neither may happen twice.
        let mut loaded = LOADED.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((context, users)) = loaded.get_mut(&path) {
            *users += 1;
            let context = context.clone();
            return Ok(Self { path, context });
        }
        let context = Pkcs11::new(&path)?;
        match context.initialize(CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK)) {
            // The same library under another path.
            Ok(()) | Err(Refused::Pkcs11(RvError::CryptokiAlreadyInitialized, _)) => {}
            Err(error) => return Err(error),
        }
        loaded.insert(path.clone(), (context.clone(), 1));
        Ok(Self { path, context })
    }

    pub(super) fn context(&self) -> &Pkcs11 {
        &self.context
    }
}

impl Drop for Module {
    fn drop(&mut self) {
        let mut loaded = LOADED.lock().unwrap_or_else(PoisonError::into_inner);
        let Some((_, users)) = loaded.get_mut(&self.path) else { return };
        *users -= 1;
        if *users == 0
            && let Some((context, _)) = loaded.remove(&self.path)
        {
            // All signatures are done, so a failure here does not matter.
            let _ = context.finalize();
        }
    }
}

/// The library that p11-kit knows by this name: the line `module: FILE` of `NAME.module`.
pub(super) fn named(name: &str) -> Option<PathBuf> {
    let registered = REGISTRIES.iter().find_map(|folder| {
        let file = File::open(Path::new(folder).join(format!("{name}.module"))).ok()?;
        let bytes = read::to_end(file, REGISTRATION, "document_bytes", "the module's file").ok()?;
        module_line(&String::from_utf8(bytes).ok()?).map(PathBuf::from)
    })?;
    if registered.is_absolute() {
        return Some(registered);
    }
    let folders = [
        format!("/usr/lib/{}-linux-gnu/pkcs11", std::env::consts::ARCH),
        "/usr/lib64/pkcs11".to_owned(),
        "/usr/lib/pkcs11".to_owned(),
        "/usr/local/lib/pkcs11".to_owned(),
    ];
    folders.iter().map(|folder| Path::new(folder).join(&registered)).find(|path| path.is_file())
}

fn module_line(text: &str) -> Option<&str> {
    text.lines()
        .find_map(|line| line.trim().strip_prefix("module:").map(str::trim))
        .filter(|path| !path.is_empty() && !path.split('/').any(|part| part == ".."))
}

#[cfg(test)]
mod tests {
    use super::module_line;

    #[test]
    fn the_library_is_the_one_that_the_file_names() {
        assert_eq!(module_line("# module: no\nmodule: /usr/lib/a.so\n"), Some("/usr/lib/a.so"));
        assert_eq!(module_line("critical: yes\n module:  a.so"), Some("a.so"));
        for none in ["", "module:", "module: ../a.so", "#module: a.so"] {
            assert_eq!(module_line(none), None, "{none}");
        }
    }
}
