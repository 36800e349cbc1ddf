//! Tar files as `save` commands write them; time 0, owned by root.

use tar::{Builder, Header};

/// The content of `oci-layout`.
pub(crate) const OCI_LAYOUT: &str = "{\"imageLayoutVersion\":\"1.0.0\"}";

pub(crate) struct Member {
    path: String,
    bytes: Vec<u8>,
}

impl Member {
    pub(crate) fn new(path: &str, bytes: impl Into<Vec<u8>>) -> Self {
        Self { path: path.to_owned(), bytes: bytes.into() }
    }
}

pub(crate) fn tar(members: &[Member]) -> Vec<u8> {
    let mut tar = Builder::new(Vec::new());
    for member in members {
        let mut header = Header::new_ustar();
        header.set_mode(0o644);
        header.set_size(member.bytes.len() as u64);
        header.set_mtime(0);
        header.set_uid(0);
        header.set_gid(0);
        tar.append_data(&mut header, &member.path, member.bytes.as_slice()).unwrap();
    }
    tar.into_inner().unwrap()
}
