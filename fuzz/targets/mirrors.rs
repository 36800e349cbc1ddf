//! Configuration of other tools: `registries.conf`, and containerd's `hosts.toml`, for a few names.
//!
//! The first document is the one, the second the other.

#![no_main]

use std::fs;
use std::path::PathBuf;
use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use plimsoll_core::Reference;
use plimsoll_fuzz::{documents, scratch};
use plimsoll_http::Settings;
use plimsoll_registry::mirrors::RegistryConfig;

static FOLDER: LazyLock<PathBuf> = LazyLock::new(|| {
    let folder = scratch();
    fs::create_dir_all(folder.join("certs.d/registry.example")).unwrap();
    folder
});

fuzz_target!(|bytes: &[u8]| {
    let documents = documents(bytes);
    let (conf, folder) = (FOLDER.join("registries.conf"), FOLDER.join("certs.d"));
    let hosts = folder.join("registry.example/hosts.toml");
    fs::write(&conf, documents[0]).unwrap();
    match documents.get(1) {
        Some(document) => fs::write(&hosts, document).unwrap(),
        None => drop(fs::remove_file(&hosts)),
    }
    let Ok(config) = RegistryConfig::from_paths(&[conf, folder]) else {
        return;
    };
    for name in ["registry.example/team/app:1", "docker.io/library/debian", "127.0.0.1:5000/a"] {
        let reference: Reference = name.parse().unwrap();
        if let Ok(plan) = config.plan(&reference) {
            let mut settings = Settings::default();
            plan.apply(&mut settings);
            // A file of another tool weakens nothing by itself.
            assert!(settings.plain_http.is_empty());
            assert!(settings.hosts.iter().all(|host| !host.dangerous_any_certificate));
        }
    }
});
