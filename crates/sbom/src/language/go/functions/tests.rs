//! Tables of every version, whole, cut, doubled and bent, in pieces of any size.

use super::*;

const NAMES: &[&str] =
    &["runtime.main", "main.main", "golang.org/x/net/html.(*Tokenizer).Next", "net/http.Get"];

struct Table {
    magic: u8,
    pointer: usize,
    /// Bytes in front of the table.
    before: usize,
    names: Vec<u8>,
    /// Added to the length of the names that the header tells.
    more: u64,
}

impl Default for Table {
    fn default() -> Self {
        let names = NAMES.iter().flat_map(|name| [name.as_bytes(), b"\0"].concat()).collect();
        Self { magic: 0xf1, pointer: 8, before: 4096, names, more: 0 }
    }
}

impl Table {
    fn bytes(&self) -> Vec<u8> {
        let words = if self.magic == 0xfa { 7 } else { 8 };
        let names = (8 + words * self.pointer) as u64;
        let units = names + self.names.len() as u64 + self.more;
        let mut bytes = vec![0xff; self.before];
        bytes.extend([self.magic, 0xff, 0xff, 0xff, 0, 0, 1, u8::try_from(self.pointer).unwrap()]);
        let start = if words == 8 { vec![0x40_1000] } else { vec![] };
        for word in [vec![NAMES.len() as u64, 2], start, vec![names, units, units, units, units]].concat() {
            bytes.extend(&word.to_le_bytes()[..self.pointer]);
        }
        bytes.extend(&self.names);
        bytes.extend([0x90; 200]);
        bytes
    }
}

fn read(program: &[u8], piece: usize) -> Option<LinkedFunctions> {
    let mut functions = Functions::default();
    program.chunks(piece).for_each(|piece| functions.take(piece));
    functions.finish()
}

#[test]
fn names_are_read_whatever_version_and_pieces() {
    for magic in [0xfa, 0xf0, 0xf1] {
        for pointer in [4, 8] {
            for before in [0, 8, 4096] {
                let program = Table { magic, pointer, before, ..Table::default() }.bytes();
                for piece in [1, 7, 64, 4096, usize::MAX] {
                    let linked = read(&program, piece).unwrap();
                    assert!(linked.has("golang.org/x/net/html", "Tokenizer.Next"));
                    assert!(linked.has("net/http", "Get"));
                    assert!(!linked.has("net/http", "Post"));
                    assert!(!linked.has("golang.org/x/net/html", "Parse"));
                }
            }
        }
    }
}

#[test]
fn what_is_not_a_whole_table_says_nothing() {
    let whole = Table::default().bytes();
    let end_of_names = whole.len() - 200;
    for cut in 0..end_of_names {
        assert_eq!(read(&whole[..cut], 64), None, "cut at {cut}");
    }
    for (case, table) in [
        ("a version that nobody knows", Table { magic: 0xf2, ..Table::default() }),
        ("the oldest version, whose names lie elsewhere", Table { magic: 0xfb, ..Table::default() }),
        ("no size of a pointer", Table { pointer: 2, ..Table::default() }),
        ("not where a table can begin", Table { before: 4097, ..Table::default() }),
        ("names that go beyond the file", Table { more: 1 << 20, ..Table::default() }),
        ("more names than any program has", Table { more: MAX_NAMES, ..Table::default() }),
        ("no names", Table { names: Vec::new(), ..Table::default() }),
        ("a name without an end", Table { names: b"main.main\0main.other".to_vec(), ..Table::default() }),
        ("a name without measure", Table { names: vec![b'a'; 4 * MAX_NAME], ..Table::default() }),
    ] {
        for piece in [64, 4096, usize::MAX] {
            assert_eq!(read(&table.bytes(), piece), None, "{case}, pieces of {piece}");
        }
    }
}

#[test]
fn a_program_with_parts_elsewhere_or_an_older_one_around_says_nothing() {
    // Linked with shared libraries, it has only functions of its own.
    let own = Table { names: b"main.main\0main.a\0main.b\0main.c\0".to_vec(), ..Table::default() };
    let mut old = Table { magic: 0xfb, ..Table::default() }.bytes();
    old.resize(old.len().next_multiple_of(8), 0x90);
    for program in [own.bytes(), [old, Table::default().bytes()].concat()] {
        for piece in [64, usize::MAX] {
            assert_eq!(read(&program, piece), None);
        }
    }
}

#[test]
fn a_second_table_makes_both_doubtful() {
    let real = Table::default();
    let fake =
        Table { names: b"main.main\0main.b\0main.c\0main.d\0".to_vec(), before: 64, ..Table::default() };
    let padded = |mut first: Vec<u8>, second: Vec<u8>| {
        first.resize(first.len().next_multiple_of(8), 0x90);
        first.extend(second);
        first
    };
    for program in [padded(fake.bytes(), real.bytes()), padded(real.bytes(), fake.bytes())] {
        for piece in [64, usize::MAX] {
            assert_eq!(read(&program, piece), None);
        }
    }
}
