//! Programs as Go's linker writes them, reduced to the parts that contain their modules.

/// The list of modules in the programs.
pub(super) const MODULES: &str = "path\texample.org/app/cmd\nmod\texample.org/app\tv1.0.0\th1:a=\n\
    dep\tgolang.org/x/sys\tv0.1.0\th1:b=\nbuild\tCGO_ENABLED=0\n";

const BEGINNING: &[u8] = b"\x30\x77\xaf\x0c\x92\x74\x08\x02\x41\xe1\xc1\x07\xe6\xd6\x18\xe6";
const END: &[u8] = b"\xf9\x32\x43\x31\x86\x18\x20\x72\x00\x82\x42\x10\x41\x16\xd8\xf2";
/// The address of the program in memory.
const BASE: u64 = 0x40_0000;

#[derive(Debug, Clone)]
#[expect(clippy::struct_excessive_bools, reason = "each is a property that programs have or not")]
pub(super) struct Sample {
    /// Whether it has the note of Go's linker.
    pub(super) marked: bool,
    /// Whether it has the blob.
    pub(super) blob: bool,
    pub(super) big_endian: bool,
    pub(super) narrow: bool,
    /// Whether the program headers are beyond the part that is read.
    pub(super) headers_elsewhere: bool,
    /// Bytes between headers and data.
    pub(super) before: usize,
    /// Data before the header.
    pub(super) between: Vec<u8>,
    pub(super) modules: String,
}

impl Default for Sample {
    fn default() -> Self {
        Self {
            marked: true,
            blob: true,
            big_endian: false,
            narrow: false,
            headers_elsewhere: false,
            before: 16 << 10,
            between: Vec::new(),
            modules: MODULES.to_owned(),
        }
    }
}

impl Sample {
    /// With the texts after the header, as since Go 1.18.
    pub(super) fn texts(&self, go: &str) -> Vec<u8> {
        let mut data = self.header(2);
        data.resize(32, 0);
        for text in [go.as_bytes(), &self.list()] {
            varint(&mut data, text.len());
            data.extend(text);
        }
        self.program(&[], data)
    }

    /// With pointers after the header, as before.
    pub(super) fn pointers(&self, go: &str) -> Vec<u8> {
        let list = self.list();
        let read_only = [go.as_bytes(), &list].concat();
        let (texts, data_at) = (self.texts_at(), self.data_at(read_only.len()));
        let mut data = self.header(u8::from(self.big_endian));
        let size = if self.narrow { 4 } else { 8 };
        // The header, then the two Go strings: a pointer and a length each.
        let first = BASE + (data_at + self.between.len() + 32) as u64;
        for pointer in [first, first + 2 * size] {
            self.number(&mut data, pointer);
        }
        data.resize(32, 0);
        for (at, length) in [(texts, go.len()), (texts + go.len(), list.len())] {
            self.number(&mut data, BASE + at as u64);
            self.number(&mut data, length as u64);
        }
        self.program(&read_only, data)
    }

    fn list(&self) -> Vec<u8> {
        [BEGINNING, self.modules.as_bytes(), END].concat()
    }

    fn header(&self, flags: u8) -> Vec<u8> {
        let mut header = b"\xff Go buildinf:".to_vec();
        header.extend([if self.narrow { 4 } else { 8 }, flags]);
        header
    }

    /// The offset of the data that cannot be written.
    fn texts_at(&self) -> usize {
        1024 + self.before
    }

    fn data_at(&self, read_only: usize) -> usize {
        (self.texts_at() + read_only).next_multiple_of(64)
    }

    fn program(&self, read_only: &[u8], blob: Vec<u8>) -> Vec<u8> {
        let data_at = self.data_at(read_only.len());
        let blob = if self.blob { blob } else { Vec::new() };
        let data = [self.between.clone(), blob, vec![0; 100]].concat();
        let mut program = b"\x7fELF".to_vec();
        program.extend([if self.narrow { 1 } else { 2 }, if self.big_endian { 2 } else { 1 }, 1]);
        program.resize(16, 0);
        self.half(&mut program, 2);
        self.half(&mut program, 62);
        self.word(&mut program, 1);
        let (header_size, entry_size) = if self.narrow { (52, 32) } else { (64, 56) };
        let table = if self.headers_elsewhere { 1 << 30 } else { header_size };
        for address in [BASE, table, 0] {
            self.number(&mut program, address);
        }
        self.word(&mut program, 0);
        for half in [header_size, entry_size, 2, 0, 0, 0] {
            self.half(&mut program, u16::try_from(half).unwrap());
        }
        self.segment(&mut program, 5, 0, data_at);
        self.segment(&mut program, 6, data_at, data.len());
        program.resize(512, 0);
        if self.marked {
            self.word(&mut program, 4);
            program.extend(b"Go\0\0abc/def");
        }
        program.resize(self.texts_at(), b'.');
        program.extend(read_only);
        program.resize(data_at, 0);
        program.extend(data);
        program
    }

    /// A program header of something that is loaded.
    fn segment(&self, program: &mut Vec<u8>, flags: u32, offset: usize, size: usize) {
        self.word(program, 1);
        if !self.narrow {
            self.word(program, flags);
        }
        self.number(program, offset as u64);
        for _ in 0..2 {
            self.number(program, BASE + offset as u64);
        }
        for _ in 0..2 {
            self.number(program, size as u64);
        }
        if self.narrow {
            self.word(program, flags);
        }
        self.number(program, 4096);
    }

    fn half(&self, program: &mut Vec<u8>, half: u16) {
        program.extend(if self.big_endian { half.to_be_bytes() } else { half.to_le_bytes() });
    }

    fn word(&self, program: &mut Vec<u8>, word: u32) {
        program.extend(if self.big_endian { word.to_be_bytes() } else { word.to_le_bytes() });
    }

    /// A number with the width of a pointer.
    fn number(&self, program: &mut Vec<u8>, number: u64) {
        if self.narrow {
            self.word(program, u32::try_from(number).unwrap());
        } else {
            program.extend(if self.big_endian { number.to_be_bytes() } else { number.to_le_bytes() });
        }
    }
}

fn varint(bytes: &mut Vec<u8>, mut number: usize) {
    while number >= 0x80 {
        bytes.push(u8::try_from(number & 0x7f).unwrap() | 0x80);
        number >>= 7;
    }
    bytes.push(u8::try_from(number).unwrap());
}
