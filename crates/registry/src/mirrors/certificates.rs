//! Certificates in a folder named after a registry: `certs.d/HOST[:PORT]/` with `*.crt` for authorities, and `*.cert`
//! with a `*.key` of the same name for a client certificate. Docker, the containers tools and containerd read the same.

use std::path::Path;

use plimsoll_http::{ClientCertificate, HostTls};

use super::document::{contents, fault, names};
use crate::Error;

/// What a registry's folder contains; nothing if it does not exist.
pub(super) fn read(folder: &Path, host: &str) -> Result<Option<HostTls>, Error> {
    let names = names(folder)?;
    let bytes = |name: &str| {
        let path = folder.join(name);
        contents(&path)?.ok_or_else(|| fault(&path, "does not exist any more"))
    };
    let mut tls = HostTls { host: host.to_owned(), ..HostTls::default() };
    for name in &names {
        if name.strip_suffix(".crt").is_some() {
            tls.roots.push(bytes(name)?);
        } else if let Some(stem) = name.strip_suffix(".cert") {
            let key = format!("{stem}.key");
            if !names.contains(&key) {
                return Err(fault(
                    &folder.join(name),
                    &format!("a client certificate without its key {key}"),
                ));
            }
            let place = folder.join(name).display().to_string();
            tls.client = Some(ClientCertificate { place, chain: bytes(name)?, key: bytes(&key)? });
        } else if let Some(stem) = name.strip_suffix(".key")
            && !names.contains(&format!("{stem}.cert"))
        {
            return Err(fault(
                &folder.join(name),
                &format!("a key without its client certificate {stem}.cert"),
            ));
        }
    }
    Ok((!tls.roots.is_empty() || tls.client.is_some()).then_some(tls))
}
