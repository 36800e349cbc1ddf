//! Odd archives. Each was chosen because some reader interprets it differently, or once did.

use crate::tars::{Tar, record};

/// An archive, and what readers must see in it.
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) archive: Vec<u8>,
    pub(crate) expected: Expected,
    /// The readers that see something else, and why that is right or harmless.
    pub(crate) differs: Vec<(Peer, &'static str)>,
}

/// The result of reading an archive.
pub(crate) enum Expected {
    /// These entries. Go sees them too, so runtimes do.
    Entries(&'static str),
    /// Refused, with these words in the message.
    Refused(&'static str),
}

/// Another reader of archives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Peer {
    Go,
    Python,
    GnuTar,
}

impl Case {
    fn differs(mut self, peer: Peer, why: &'static str) -> Self {
        self.differs.push((peer, why));
        self
    }
}

fn reads(name: &'static str, archive: Vec<u8>, entries: &'static str) -> Case {
    Case { name, archive, expected: Expected::Entries(entries), differs: Vec::new() }
}

fn refuses(name: &'static str, archive: Vec<u8>, words: &'static str) -> Case {
    Case { name, archive, expected: Expected::Refused(words), differs: Vec::new() }
}

fn new() -> Tar {
    Tar::default()
}

/// A header of GNU's dialect.
fn gnu(header: &mut [u8; 512]) {
    header[257..265].copy_from_slice(b"ustar  \0");
}

/// A header without a dialect.
fn v7(header: &mut [u8; 512]) {
    header[257..265].fill(0);
}

fn put(header: &mut [u8; 512], at: usize, bytes: &[u8]) {
    header[at..at + bytes.len()].copy_from_slice(bytes);
}

/// A header with this size, regardless of the content.
fn sized(size: u64) -> impl FnOnce(&mut [u8; 512]) {
    move |header| put(header, 124, format!("{size:011o}\0").as_bytes())
}

fn long(tar: Tar, kind: u8, name: &str) -> Tar {
    let bytes = [name.as_bytes(), b"\0"].concat();
    tar.with(kind, "././@LongLink", &bytes, gnu)
}

fn global(tar: Tar, key: &str, value: &str) -> Tar {
    tar.with(b'g', "global", record(key, value).as_bytes(), |_| {})
}

fn raw_pax(content: &[u8]) -> Vec<u8> {
    new().with(b'x', "pax", content, |_| {}).file("name", "x").end()
}

/// An entry that only a reader sees that interprets the content of another entry as headers.
fn inner() -> Vec<u8> {
    new().file("smuggled", "x").0
}

/// GNU's sparse file of the first kind: seven bytes, of which the last three are stored.
fn old_sparse(dialect: impl Fn(&mut [u8; 512])) -> Tar {
    new().with(b'S', "sparse", b"end", |header| {
        dialect(header);
        put(header, 386, b"00000000004\0");
        put(header, 398, b"00000000003\0");
        put(header, 483, b"00000000007\0");
    })
}

pub(crate) fn all() -> Vec<Case> {
    [names(), sizes(), kinds(), numbers(), extended(), sparse(), ends()].into_iter().flatten().collect()
}

#[expect(clippy::too_many_lines, reason = "a list")]
fn names() -> Vec<Case> {
    let both = |dialect: fn(&mut [u8; 512])| {
        new().with(b'0', "name", b"x", |header| {
            dialect(header);
            put(header, 345, b"dir");
        })
    };
    vec![
        reads("v7", new().with(0, "old", b"x", v7).end(), "file old = \"x\""),
        reads("prefix", both(|_| {}).end(), "file dir/name = \"x\""),
        reads("prefix-of-v7", both(v7).end(), "file name = \"x\"")
            .differs(Peer::Python, "applies the prefix in every dialect"),
        reads("prefix-of-gnu", both(gnu).end(), "file dir/name = \"x\"")
            .differs(Peer::GnuTar, "knows nothing of the prefix that Go wrote there before 1.8"),
        reads(
            "gnu-times",
            new()
                .with(b'0', "name", b"x", |header| {
                    gnu(header);
                    put(header, 345, b"14000000000\x0014000000000\0");
                })
                .end(),
            "file name = \"x\"",
        )
        .differs(Peer::Python, "takes GNU's times for a prefix"),
        reads(
            "gnu-negative-times",
            new()
                .with(b'0', "name", b"x", |header| {
                    gnu(header);
                    put(header, 345, &[0xff; 24]);
                })
                .end(),
            "file name = \"x\"",
        )
        .differs(Peer::Python, "takes GNU's times for a prefix"),
        reads(
            "gnu-times-that-only-go-calls-broken",
            new()
                .with(b'0', "name", b"x", |header| {
                    gnu(header);
                    put(header, 345, b"14000000000\0");
                    put(header, 357, b"\x80\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff");
                })
                .end(),
            "file 14000000000/name = \"x\"",
        )
        .differs(Peer::GnuTar, "knows nothing of the prefix that Go wrote there before 1.8"),
        reads("long-name", long(new(), b'L', &"n".repeat(300)).file("short", "x").end(), LONG_NAME),
        reads("long-link", long(new(), b'K', &"t".repeat(300)).link(b'2', "link", "short").end(), LONG_LINK),
        refuses(
            "long-name-twice",
            long(long(new(), b'L', "a"), b'L', "b").file("c", "x").end(),
            "both a GNU long name",
        ),
        refuses("long-name-empty", long(new(), b'L', "").file("c", "x").end(), "a GNU long name is empty"),
        refuses(
            "long-name-empty-on-a-directory",
            long(new(), b'L', "").with(b'5', "c/", b"", |_| {}).end(),
            "a GNU long name is empty",
        ),
        refuses(
            "long-link-empty",
            long(new(), b'K', "").link(b'2', "link", "target").end(),
            "a GNU long name is empty",
        ),
        reads(
            "long-name-with-more-behind-its-end",
            new().with(b'L', "long", b"real\0hidden", gnu).file("c", "x").end(),
            "file real = \"x\"",
        ),
        refuses("climbing", new().file("../up", "x").end(), "leaves the root"),
        refuses("climbing-in-the-middle", new().file("a/../../up", "x").end(), "leaves the root"),
        reads("absolute", new().file("/etc/passwd", "x").end(), "file etc/passwd = \"x\""),
        reads("dots", new().file("././a//b/./c", "x").end(), "file a/b/c = \"x\""),
        refuses("no-name", new().file("", "x").end(), "leaves the root"),
        reads(
            "line-break",
            new().file("a\nb", "x").file("c\x1b[2Jd", "y").end(),
            "file a\\nb = \"x\"\nfile c\\x1b[2Jd = \"y\"",
        ),
        reads(
            "no-utf-8",
            new().with(b'0', "name", b"x", |header| header[0] = 0xff).end(),
            "file \\xffame = \"x\"",
        ),
        reads(
            "nul-in-the-name",
            new().with(b'0', "name", b"x", |header| put(header, 0, b"na\0me")).end(),
            "file na = \"x\"",
        ),
        reads(
            "all-of-the-field",
            new().file(&"n".repeat(100), "x").end(),
            "file nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn = \"x\"",
        ),
        reads("spaces", new().file(" a ", "x").file("b ", "y").end(), "file  a  = \"x\"\nfile b  = \"y\""),
        reads("backslash", new().file("a\\b", "x").end(), "file a\\\\b = \"x\""),
        reads(
            "twice",
            new().file("a", "1").file("a", "2").file("./a", "3").end(),
            "file a = \"1\"\nfile a = \"2\"\nfile a = \"3\"",
        ),
        reads(
            "case-and-composition",
            new().file("A", "1").file("a", "2").file("\u{e9}", "3").file("e\u{301}", "4").end(),
            "file A = \"1\"\nfile a = \"2\"\nfile \\xc3\\xa9 = \"3\"\nfile e\\xcc\\x81 = \"4\"",
        ),
    ]
}

fn sizes() -> Vec<Case> {
    let smuggling = inner();
    let length = smuggling.len().to_string();
    vec![
        reads(
            "extended-size-wins",
            new()
                .pax(&[("size", &length)])
                .with(b'0', "carrier", &smuggling, sized(0))
                .file("after", "y")
                .end(),
            "file carrier = 1024 bytes 7db59a9f9d8d\nfile after = \"y\"",
        ),
        reads(
            "extended-size-of-nothing",
            new().pax(&[("size", "0")]).with(b'0', "carrier", b"", sized(512)).file("after", "y").end(),
            "file carrier = \"\"\nfile after = \"y\"",
        ),
        reads(
            "link-with-a-size",
            new()
                .file("a", "1")
                .with(b'1', "b", b"", |header| {
                    put(header, 157, b"a");
                    sized(512)(header);
                })
                .file("c", "2")
                .end(),
            "file a = \"1\"\nhardlink b -> a\nfile c = \"2\"",
        ),
        reads(
            "symlink-with-a-size",
            new()
                .with(b'2', "b", b"", |header| {
                    put(header, 157, b"a");
                    sized(1024)(header);
                })
                .file("smuggled", "2")
                .file("c", "3")
                .end(),
            "symlink b -> a\nfile smuggled = \"2\"\nfile c = \"3\"",
        )
        .differs(Peer::GnuTar, "skips what the size says; POSIX: such an entry has no content"),
        reads(
            "directory-with-a-size",
            new().with(b'5', "d/", b"", sized(1024)).file("smuggled", "2").file("c", "3").end(),
            "directory d\nfile smuggled = \"2\"\nfile c = \"3\"",
        ),
        reads(
            "old-directory-with-a-size",
            new().with(0, "d/", b"", sized(1024)).file("smuggled", "2").file("c", "3").end(),
            "directory d\nfile smuggled = \"2\"\nfile c = \"3\"",
        )
        .differs(Peer::GnuTar, "skips what the size says; POSIX: such an entry has no content"),
        reads(
            "fifo-with-a-size",
            new().with(b'6', "f", b"", sized(1024)).file("smuggled", "2").file("c", "3").end(),
            "other f\nfile smuggled = \"2\"\nfile c = \"3\"",
        )
        .differs(Peer::GnuTar, "skips what the size says; POSIX: such an entry has no content"),
        reads(
            "extended-size-of-a-symlink",
            new().pax(&[("size", "1024")]).link(b'2', "l", "t").file("smuggled", "2").file("c", "3").end(),
            "symlink l -> t\nfile smuggled = \"2\"\nfile c = \"3\"",
        )
        .differs(Peer::GnuTar, "skips what the size says; POSIX: such an entry has no content"),
        reads(
            "extended-size-before-a-long-name",
            long(new().pax(&[("size", &length)]), b'L', "carrier")
                .with(b'0', "c", &smuggling, sized(0))
                .file("after", "y")
                .end(),
            "file carrier = 1024 bytes 7db59a9f9d8d\nfile after = \"y\"",
        ),
        reads(
            "unknown-kind-with-content",
            new().with(b'Z', "z", &smuggling, |_| {}).file("after", "y").end(),
            "other z\nfile after = \"y\"",
        )
        .differs(Peer::GnuTar, "unpacks it as a file; runtimes refuse the layer"),
        reads(
            "reserved-kind-with-content",
            new().with(b'7', "contiguous", b"content", |_| {}).file("after", "y").end(),
            "file contiguous = \"content\"\nfile after = \"y\"",
        ),
    ]
}

fn kinds() -> Vec<Case> {
    vec![
        reads(
            "old-directory",
            new().with(0, "d/", b"", |_| {}).file("d/f", "x").end(),
            "directory d\nfile d/f = \"x\"",
        ),
        reads(
            "file-with-a-slash",
            new().file("f/", "x").file("after", "y").end(),
            "file f = \"x\"\nfile after = \"y\"",
        )
        .differs(Peer::GnuTar, "takes a slash at the end for a directory in every dialect"),
        reads(
            "empty-file-with-a-slash",
            new().file("f/", "").file("after", "y").end(),
            "file f = \"\"\nfile after = \"y\"",
        )
        .differs(Peer::GnuTar, "takes a slash at the end for a directory in every dialect"),
        reads("directory-without-a-slash", new().with(b'5', "d", b"", |_| {}).end(), "directory d"),
        reads(
            "links",
            new()
                .file("a", "x")
                .link(b'1', "earlier", "a")
                .link(b'1', "later", "z")
                .link(b'1', "missing", "nowhere")
                .link(b'1', "self", "self")
                .file("z", "y")
                .end(),
            "file a = \"x\"\nhardlink earlier -> a\nhardlink later -> z\nhardlink missing -> nowhere\nhardlink self -> self\nfile z = \"y\"",
        ),
        reads(
            "symlinks",
            new().link(b'2', "out", "../../etc").link(b'2', "abs", "/etc/passwd").file("out/file", "x").end(),
            "symlink out -> ../../etc\nsymlink abs -> /etc/passwd\nfile out/file = \"x\"",
        ),
        reads(
            "file-becomes-directory",
            new().file("a", "1").with(b'5', "a/", b"", |_| {}).file("a/b", "2").end(),
            "file a = \"1\"\ndirectory a\nfile a/b = \"2\"",
        ),
        reads(
            "directory-becomes-file",
            new().with(b'5', "a/", b"", |_| {}).file("a/b", "2").file("a", "1").end(),
            "directory a\nfile a/b = \"2\"\nfile a = \"1\"",
        ),
        reads(
            "devices",
            new()
                .with(b'3', "char", b"", |_| {})
                .with(b'4', "block", b"", |_| {})
                .with(b'6', "fifo", b"", |_| {})
                .end(),
            "other char\nother block\nother fifo",
        ),
        reads(
            "volume-label",
            new().with(b'V', "label", b"", gnu).file("a", "x").end(),
            "other label\nfile a = \"x\"",
        )
        .differs(Peer::GnuTar, "says what it is behind the name"),
        refuses(
            "solaris-extended-header",
            new().with(b'X', "pax", record("path", "renamed").as_bytes(), |_| {}).file("a", "x").end(),
            "of Solaris' own kind",
        ),
        reads(
            "high-kind",
            new().with(0xff, "odd", b"abc", |_| {}).file("after", "y").end(),
            "other odd\nfile after = \"y\"",
        )
        .differs(Peer::GnuTar, "unpacks it as a file; runtimes refuse the layer"),
        reads(
            "whiteouts",
            new().file(".wh.a", "").file("d/.wh..wh..opq", "").end(),
            "file .wh.a = \"\"\nfile d/.wh..wh..opq = \"\"",
        ),
    ]
}

fn numbers() -> Vec<Case> {
    let size =
        |bytes: &[u8; 12]| new().with(b'0', "a", b"x", |header| put(header, 124, bytes)).file("b", "y").end();
    let summed = |change: fn(&[u8; 512]) -> i64| {
        let mut tar = new().with(b'0', "name", b"x", |header| header[0] = 0xe9).0;
        let header: [u8; 512] = tar[..512].try_into().unwrap();
        tar[148..156].copy_from_slice(format!("{:06o}\0 ", change(&header)).as_bytes());
        new_with(tar).end()
    };
    let signed = |header: &[u8; 512]| {
        let bytes = header
            .iter()
            .enumerate()
            .map(|(at, byte)| if (148..156).contains(&at) { 32 } else { i64::from(byte.cast_signed()) });
        bytes.sum::<i64>()
    };
    vec![
        reads("base-256", size(b"\x80\0\0\0\0\0\0\0\0\0\0\x01"), "file a = \"x\"\nfile b = \"y\""),
        refuses(
            "base-256-negative",
            size(b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"),
            "field `size` is not a valid number",
        ),
        refuses(
            "base-256-beyond-63-bits",
            size(b"\x80\0\0\0\x80\0\0\0\0\0\0\x01"),
            "field `size` is not a valid number",
        ),
        reads("leading-spaces", size(b"          1\0"), "file a = \"x\"\nfile b = \"y\""),
        reads("no-terminator", size(b"000000000001"), "file a = \"x\"\nfile b = \"y\""),
        reads("spaces-behind", size(b"1           "), "file a = \"x\"\nfile b = \"y\""),
        reads("nul-in-the-middle", size(b"1\x0077777777\0\0"), "file a = \"x\"\nfile b = \"y\""),
        reads(
            "blank",
            new().with(b'0', "a", b"", |header| put(header, 124, b"            ")).file("b", "y").end(),
            "file a = \"\"\nfile b = \"y\"",
        )
        .differs(Peer::GnuTar, "refuses a blank number"),
        refuses("not-octal", size(b"00000000009\0"), "field `size` is not a valid number"),
        refuses("with-a-sign", size(b"+0000000001\0"), "field `size` is not a valid number"),
        refuses("with-letters", size(b"0x000000001\0"), "field `size` is not a valid number"),
        reads(
            "negative-time",
            new().with(b'0', "a", b"x", |header| put(header, 136, &[0xff; 12])).end(),
            "file a = \"x\"",
        ),
        reads("signed-checksum", summed(signed), "file \\xe9ame = \"x\""),
        refuses("wrong-checksum", summed(|_| 1), "header checksum is"),
        reads(
            "checksum-without-terminator",
            {
                let mut tar = new().file("a", "x");
                tar.0[154..156].copy_from_slice(b"  ");
                tar.end()
            },
            "file a = \"x\"",
        ),
    ]
}

fn new_with(bytes: Vec<u8>) -> Tar {
    Tar(bytes)
}

fn extended() -> Vec<Case> {
    let named = |records: &[(&str, &str)]| new().pax(records).file("name", "x").end();
    vec![
        reads("extended-path", named(&[("path", "renamed")]), "file renamed = \"x\""),
        reads("extended-path-twice", named(&[("path", "first"), ("path", "last")]), "file last = \"x\""),
        reads("extended-path-taken-back", named(&[("path", "first"), ("path", "")]), "file name = \"x\"")
            .differs(Peer::Python, "takes an empty path for the name; POSIX deletes the record")
            .differs(Peer::GnuTar, "takes an empty path for the name; POSIX deletes the record"),
        reads("extended-path-empty", named(&[("path", "")]), "file name = \"x\"")
            .differs(Peer::Python, "takes an empty path for the name; POSIX deletes the record")
            .differs(Peer::GnuTar, "takes an empty path for the name; POSIX deletes the record"),
        reads("extended-path-with-a-line-break", named(&[("path", "a\nb=c")]), "file a\\nb=c = \"x\""),
        reads(
            "extended-link",
            new().pax(&[("linkpath", "renamed")]).link(b'2', "l", "t").end(),
            "symlink l -> renamed",
        ),
        reads(
            "extended-directory",
            new().pax(&[("path", "renamed/")]).with(0, "d", b"", |_| {}).end(),
            "directory renamed",
        )
        .differs(Peer::Python, "looks for the slash in the name of the header alone"),
        refuses("extended-climbing", named(&[("path", "../up")]), "leaves the root"),
        refuses(
            "extended-twice",
            new().pax(&[("path", "a")]).pax(&[("size", "1")]).file("c", "x").end(),
            "two of them for one entry",
        ),
        refuses(
            "extended-and-long-name",
            long(new().pax(&[("path", "a")]), b'L', "b").file("c", "x").end(),
            "both a GNU long name",
        ),
        refuses(
            "long-name-and-extended",
            long(new(), b'L', "b").pax(&[("path", "a")]).file("c", "x").end(),
            "both a GNU long name",
        ),
        reads("global-comment", global(new(), "comment", "hello").file("a", "x").end(), "file a = \"x\""),
        refuses(
            "global-path",
            global(new(), "path", "renamed").file("a", "x").file("b", "y").end(),
            "which readers treat differently",
        ),
        refuses(
            "global-size",
            global(new(), "size", "0").file("a", "x").file("b", "y").end(),
            "which readers treat differently",
        ),
        refuses(
            "global-behind-an-extended-header",
            global(new().pax(&[("path", "renamed")]), "comment", "hello").file("a", "x").end(),
            "global extended header between",
        ),
        refuses(
            "global-behind-a-long-name",
            global(long(new(), b'L', "renamed"), "comment", "hello").file("a", "x").end(),
            "global extended header between",
        ),
        reads("extended-of-nothing", raw_pax(b""), "file name = \"x\""),
        refuses("record-without-length", raw_pax(b"path=x\n"), "malformed extended header"),
        refuses("record-too-long", raw_pax(b"99 path=x\n"), "malformed extended header"),
        refuses("record-without-line-break", raw_pax(b"9 path=xx"), "malformed extended header"),
        refuses("record-without-equals", raw_pax(b"7 path\n"), "malformed extended header"),
        refuses("record-of-no-length", raw_pax(b"0 \n"), "malformed extended header"),
        refuses("record-with-a-signed-length", raw_pax(b"+11 path=x\n"), "malformed extended header"),
        refuses("record-with-a-nul", raw_pax(b"11 path=a\0\n"), "malformed extended header"),
        refuses("record-without-key", raw_pax(b"5 =x\n"), "malformed extended header"),
        refuses("records-with-zeros-behind", raw_pax(b"10 path=x\n\0\0\0"), "malformed extended header"),
        refuses("size-with-a-sign", named(&[("size", "-1")]), "`size` is not a number"),
        refuses("size-with-an-exponent", named(&[("size", "1e0")]), "`size` is not a number"),
        refuses("size-with-spaces", named(&[("size", " 1")]), "`size` is not a number"),
        refuses("extended-header-of-nobody", new().file("a", "x").pax(&[("path", "b")]).end(), "cut off"),
        refuses("long-name-of-nobody", long(new().file("a", "x"), b'L', "b").end(), "cut off"),
    ]
}

#[expect(clippy::too_many_lines, reason = "a list")]
fn sparse() -> Vec<Case> {
    let map = |lines: &str, data: &str| {
        let mut bytes = lines.as_bytes().to_vec();
        bytes.resize(bytes.len().next_multiple_of(512), 0);
        bytes.extend_from_slice(data.as_bytes());
        bytes
    };
    let one = |records: &[(&str, &str)], lines: &str, data: &str| {
        new().pax(records).with(b'0', "GNUSparseFile.0/s", &map(lines, data), |_| {}).file("after", "y").end()
    };
    let v1 = [
        ("GNU.sparse.major", "1"),
        ("GNU.sparse.minor", "0"),
        ("GNU.sparse.name", "real"),
        ("GNU.sparse.realsize", "7"),
    ];
    let v01 = |numbers: &str| {
        let records = [
            ("GNU.sparse.size", "7"),
            ("GNU.sparse.numblocks", "1"),
            ("GNU.sparse.name", "real"),
            ("GNU.sparse.map", numbers),
        ];
        new().pax(&records).with(b'0', "GNUSparseFile.0/s", b"end", |_| {}).file("after", "y").end()
    };
    let v00 = [
        ("GNU.sparse.size", "7"),
        ("GNU.sparse.numblocks", "1"),
        ("GNU.sparse.offset", "4"),
        ("GNU.sparse.numbytes", "3"),
    ];
    vec![
        reads(
            "sparse-old",
            old_sparse(gnu).file("after", "y").end(),
            "file sparse = \"\\x00\\x00\\x00\\x00end\"\nfile after = \"y\"",
        ),
        reads(
            "sparse-old-with-another-size-in-a-record",
            {
                let Tar(sparse) = old_sparse(gnu);
                new().pax(&[("GNU.sparse.realsize", "0")]).raw(&sparse).file("after", "y").end()
            },
            "file sparse = \"\\x00\\x00\\x00\\x00end\"\nfile after = \"y\"",
        )
        .differs(Peer::Python, "takes the record's size")
        .differs(Peer::GnuTar, "gives up"),
        refuses(
            "sparse-old-in-another-dialect",
            old_sparse(|_| {}).file("after", "y").end(),
            "in a header that is not GNU's",
        ),
        reads(
            "sparse-old-continued",
            new()
                .with(b'S', "sparse", b"", |header| {
                    gnu(header);
                    sized(3)(header);
                    header[482] = 1;
                    put(header, 483, b"00000000007\0");
                })
                .raw(&{
                    let mut more = [0; 512];
                    put(&mut more, 0, b"00000000004\x0000000000003\0");
                    more
                })
                .raw(&{
                    let mut data = [0; 512];
                    put(&mut data, 0, b"end");
                    data
                })
                .file("after", "y")
                .end(),
            "file sparse = \"\\x00\\x00\\x00\\x00end\"\nfile after = \"y\"",
        )
        .differs(Peer::GnuTar, "wants the first pieces in the header itself"),
        reads(
            "sparse-0.0",
            new().pax(&v00).with(b'0', "s", b"end", |_| {}).file("after", "y").end(),
            "file s = \"\\x00\\x00\\x00\\x00end\"\nfile after = \"y\"",
        ),
        reads("sparse-0.1", v01("4,3"), "file real = \"\\x00\\x00\\x00\\x00end\"\nfile after = \"y\""),
        reads(
            "sparse-1.0",
            one(&v1, "1\n4\n3\n", "end"),
            "file real = \"\\x00\\x00\\x00\\x00end\"\nfile after = \"y\"",
        ),
        refuses("sparse-0.1-odd", v01("4"), "malformed sparse map"),
        refuses("sparse-0.1-overlong", v01("5,3"), "malformed sparse map"),
        refuses("sparse-1.0-overlap", one(&v1, "2\n4\n2\n5\n1\n", "end"), "malformed sparse map"),
        refuses("sparse-1.0-without-map", one(&v1, "x\n", "end"), "malformed sparse map"),
        refuses("sparse-1.0-negative", one(&v1, "1\n-4\n3\n", "end"), "malformed sparse map"),
        refuses(
            "sparse-of-unknown-version",
            one(
                &[("GNU.sparse.major", "2"), ("GNU.sparse.minor", "0"), ("GNU.sparse.name", "real")],
                "1\n4\n3\n",
                "end",
            ),
            "malformed sparse map",
        ),
        refuses(
            "sparse-name-without-a-map",
            new().pax(&[("GNU.sparse.name", "renamed")]).file("a", "x").end(),
            "no map",
        ),
        refuses(
            "sparse-size-without-a-map",
            new().pax(&[("GNU.sparse.realsize", "7")]).file("a", "x").end(),
            "no map",
        ),
        refuses(
            "sparse-directory",
            new().pax(&v1).with(b'5', "d/", b"", |_| {}).file("after", "y").end(),
            "malformed sparse map",
        ),
    ]
}

fn ends() -> Vec<Case> {
    let two = new().file("a", "1").file("b", "2");
    let whole = new().file("a", "1").end();
    let hidden = new().file("hidden", "x").end();
    let lone = {
        let mut tar = new().file("a", "1").0;
        tar.resize(tar.len() + 512, 0);
        tar
    };
    let cut = |at: usize| new().file("a", &"x".repeat(600)).0[..at].to_vec();
    let blocked = {
        let mut tar = new().file("a", "1").end();
        tar.resize(10_240, 0);
        tar
    };
    vec![
        reads("no-end-marker", two.0.clone(), "file a = \"1\"\nfile b = \"2\""),
        reads("half-an-end-marker", lone.clone(), "file a = \"1\""),
        reads("blocked", blocked.clone(), "file a = \"1\""),
        reads("behind-the-end-marker", [&whole[..], &hidden].concat(), "file a = \"1\""),
        reads("behind-the-blocking", [&blocked[..], &hidden].concat(), "file a = \"1\""),
        refuses("behind-half-an-end-marker", [&lone[..], &hidden].concat(), "a single zero block"),
        refuses("zero-block-first", [&[0; 512][..], &hidden].concat(), "a single zero block"),
        reads("nothing", Vec::new(), "")
            .differs(Peer::Python, "refuses an archive without a block")
            .differs(Peer::GnuTar, "refuses an archive without a block"),
        reads("nothing-but-zeros", vec![0; 1024], ""),
        refuses("text", b"hello".repeat(200), "field `chksum`"),
        refuses(
            "junk-behind-an-entry",
            [&new().file("a", "1").0[..], &[7; 512], &hidden].concat(),
            "field `chksum`",
        ),
        refuses("cut-in-a-header", cut(100), "cut off"),
        refuses("cut-in-the-content", cut(700), "cut off"),
        reads("cut-in-the-padding", cut(512 + 600), "file a = 600 bytes 5130b33e6b87")
            .differs(Peer::Python, "wants the padding, which writers forget")
            .differs(Peer::GnuTar, "wants the padding, which writers forget"),
        refuses("cut-in-the-next-header", [cut(1536), vec![b'x'; 10]].concat(), "cut off"),
    ]
}

/// Three hundred characters.
const LONG_NAME: &str = "file nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn = \"x\"";
const LONG_LINK: &str = "symlink link -> tttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttt";
