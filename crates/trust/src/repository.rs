//! Access to a TUF repository: over `plimsoll-http`, or in a folder.

use std::fs::File;
use std::path::PathBuf;
use std::time::Duration;

use plimsoll_core::read;
use plimsoll_http::{Client, Request, StatusCode, Url};

use crate::Error;
use crate::fault::{TrustFault, refused};
use crate::inspect;

/// Each file is small; a slow mirror must not hold up a run.
const PATIENCE: Duration = Duration::from_mins(1);

/// A mirror.
#[derive(Debug, Clone)]
pub(super) struct Mirror {
    shown: String,
    place: Place,
}

#[derive(Debug, Clone)]
enum Place {
    Http(Client, Url),
    Folder(PathBuf),
}

impl Mirror {
    /// `https://…` (or another URL that the client allows), or `file:///…`.
    pub(super) fn new(mirror: &str, http: &plimsoll_http::Settings) -> Result<Self, Error> {
        let wrong = |problem: String| Error::File { place: mirror.to_owned(), problem };
        let slash = if mirror.ends_with('/') { "" } else { "/" };
        let url =
            Url::parse(&format!("{mirror}{slash}")).map_err(|error| wrong(format!("not a URL: {error}")))?;
        let place = match url.scheme() {
            "https" | "http" => Place::Http(Client::new(http.clone()).map_err(fetch)?, url),
            "file" => {
                Place::Folder(url.to_file_path().map_err(|()| wrong("not a path of this machine".into()))?)
            }
            other => return Err(wrong(format!("got scheme {other}, expected https or file"))),
        };
        Ok(Self { shown: mirror.to_owned(), place })
    }

    /// Its URL.
    pub(super) fn shown(&self) -> &str {
        &self.shown
    }

    /// A file of the repository; `None` if it does not exist.
    pub(super) async fn get(&self, folder: &str, name: &str, limit: u64) -> Result<Option<Vec<u8>>, Error> {
        // Hashes and role names come from the metadata: other than plain names, they could lead out of the
        // repository (GHSA-jqc5-w2xx-5vq4, CVE-2026-6968).
        let plain =
            |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_' | b'%' | b'~');
        if name.is_empty() || name.starts_with('.') || name.contains("..") || !name.bytes().all(plain) {
            return Err(refused(&self.shown, TrustFault::Name, format!("got the file name {name:?}")));
        }
        let too_large =
            || refused(&self.shown, TrustFault::Integrity, format!("{name} is larger than {limit} bytes"));
        match &self.place {
            Place::Folder(root) => {
                let path = root.join(folder).join(name);
                let file = match File::open(&path) {
                    Ok(file) => file,
                    Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
                    Err(source) => {
                        return Err(Error::Unreadable { place: path.display().to_string(), source });
                    }
                };
                read::to_end(file, limit, "trust_bytes", name).map(Some).map_err(|error| match error {
                    read::Error::Io { source, .. } => {
                        Error::Unreadable { place: path.display().to_string(), source }
                    }
                    _ => too_large(),
                })
            }
            Place::Http(client, base) => {
                let url = base
                    .join(&format!("{folder}{name}"))
                    .map_err(|error| refused(&self.shown, TrustFault::Name, format!("{name}: {error}")))?;
                let request = Request::get(url).timeout(PATIENCE);
                let mut response = client.send_following(request).await.map_err(fetch)?;
                match response.status {
                    StatusCode::OK => {}
                    // Object stores answer 403 for objects that do not exist. A mirror that hides a newer
                    // root can answer with either.
                    StatusCode::NOT_FOUND | StatusCode::FORBIDDEN => return Ok(None),
                    status => {
                        return Err(refused(
                            &self.shown,
                            TrustFault::Missing,
                            format!("{name}: got {status}"),
                        ));
                    }
                }
                match response.body.bytes(limit).await {
                    Ok(bytes) => Ok(Some(bytes.to_vec())),
                    Err(plimsoll_http::Error::TooLarge { .. }) => Err(too_large()),
                    Err(error) => Err(fetch(error)),
                }
            }
        }
    }

    /// A metadata file that passed the checks of `inspect`; `None` if it does not exist.
    pub(super) async fn metadata(&self, name: &str, limit: u64) -> Result<Option<Vec<u8>>, Error> {
        let Some(bytes) = self.get("", name, limit).await? else { return Ok(None) };
        inspect::metadata(&self.shown, name, &bytes, limit)?;
        Ok(Some(bytes))
    }
}

fn fetch(error: plimsoll_http::Error) -> Error {
    Error::Fetch(Box::new(error))
}
