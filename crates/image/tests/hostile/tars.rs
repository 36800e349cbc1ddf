//! Tars written byte by byte, because no library writes invalid ones.

/// A tar that is being written.
#[derive(Default)]
pub(crate) struct Tar(pub(crate) Vec<u8>);

impl Tar {
    /// An entry whose header is changed by `change` before the checksum is computed. The header has `content`'s size.
    pub(crate) fn with(
        mut self,
        kind: u8,
        name: &str,
        content: &[u8],
        change: impl FnOnce(&mut [u8; 512]),
    ) -> Self {
        let mut header = [0; 512];
        header[..name.len()].copy_from_slice(name.as_bytes());
        header[100..108].copy_from_slice(b"0000644\0");
        header[124..136].copy_from_slice(format!("{:011o}\0", content.len()).as_bytes());
        header[156] = kind;
        header[257..265].copy_from_slice(b"ustar\x0000");
        change(&mut header);
        checksum(&mut header);
        self.0.extend_from_slice(&header);
        self.0.extend_from_slice(content);
        self.0.resize(self.0.len().next_multiple_of(512), 0);
        self
    }

    pub(crate) fn file(self, name: &str, content: &str) -> Self {
        self.with(b'0', name, content.as_bytes(), |_| {})
    }

    pub(crate) fn link(self, kind: u8, name: &str, target: &str) -> Self {
        self.with(kind, name, b"", |header| {
            header[157..157 + target.len()].copy_from_slice(target.as_bytes());
        })
    }

    /// An extended header with these records.
    pub(crate) fn pax(self, records: &[(&str, &str)]) -> Self {
        let content: String = records.iter().map(|(key, value)| record(key, value)).collect();
        self.with(b'x', "pax", content.as_bytes(), |_| {})
    }

    /// Unchanged blocks.
    pub(crate) fn raw(mut self, blocks: &[u8]) -> Self {
        self.0.extend_from_slice(blocks);
        self
    }

    /// The archive with its end marker.
    pub(crate) fn end(mut self) -> Vec<u8> {
        self.0.resize(self.0.len() + 1024, 0);
        self.0
    }
}

pub(crate) fn record(key: &str, value: &str) -> String {
    let body = key.len() + value.len() + 3;
    let mut length = body + 1;
    while body + length.to_string().len() != length {
        length += 1;
    }
    format!("{length} {key}={value}\n")
}

pub(crate) fn checksum(header: &mut [u8; 512]) {
    header[148..156].copy_from_slice(b"        ");
    let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
    header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
}
