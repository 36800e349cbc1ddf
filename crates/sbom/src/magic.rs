//! Recognises programs of the three systems by their first bytes, and reads the identification of an ELF file. Every
//! cataloger uses this; the interpretation is up to them.

/// The system of a program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    /// Linux and other Unix systems.
    Elf,
    /// macOS, for one processor.
    MachO,
    /// Windows.
    Pe,
}

impl Format {
    /// The format by the first bytes. An ELF file may also be an object file or a core dump.
    pub(crate) fn recognise(head: &[u8]) -> Option<Self> {
        match head {
            [0x7f, b'E', b'L', b'F', ..] => Some(Self::Elf),
            [0xcf | 0xce, 0xfa, 0xed, 0xfe, ..] | [0xfe, 0xed, 0xfa, 0xce | 0xcf, ..] => Some(Self::MachO),
            [b'M', b'Z', ..] => Some(Self::Pe),
            _ => None,
        }
    }
}

/// The identification of an ELF file, with its byte order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Elf {
    /// 1 for 32 bits, 2 for 64. Other values are invalid.
    pub(crate) class: u8,
    pub(crate) big_endian: bool,
    /// Its type. `None` if the head ends before it.
    kind: Option<u16>,
}

impl Elf {
    const PROGRAM: u16 = 2;
    const SHARED_OBJECT: u16 = 3;

    pub(crate) fn parse(head: &[u8]) -> Option<Self> {
        let [0x7f, b'E', b'L', b'F', class, order @ (1 | 2), ..] = head else { return None };
        let big_endian = *order == 2;
        let kind = match head.get(16..18) {
            Some([low, high]) if !big_endian => Some(u16::from_le_bytes([*low, *high])),
            Some([high, low]) => Some(u16::from_be_bytes([*high, *low])),
            _ => None,
        };
        Some(Self { class: *class, big_endian, kind })
    }

    /// Whether it can be run or loaded: object files and core dumps cannot.
    pub(crate) fn is_loaded(self) -> bool {
        matches!(self.kind, Some(Self::PROGRAM | Self::SHARED_OBJECT))
    }

    /// Whether it can be loaded at any address, like libraries and most programs.
    pub(crate) fn is_shared(self) -> bool {
        self.kind == Some(Self::SHARED_OBJECT)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_are_told_by_their_first_bytes() {
        for (head, expected) in [
            (&b"\x7fELF"[..], Some(Format::Elf)),
            (b"\xcf\xfa\xed\xfe", Some(Format::MachO)),
            (b"\xfe\xed\xfa\xce", Some(Format::MachO)),
            (b"MZ", Some(Format::Pe)),
            (b"\x7fEL", None),
            (b"#!", None),
            (b"", None),
        ] {
            assert_eq!(Format::recognise(head), expected, "{head:?}");
        }
    }

    #[test]
    fn an_elf_file_says_its_order_and_what_it_is_as_far_as_it_is_seen() {
        let head = |order: u8, kind: [u8; 2]| {
            let mut head = vec![0x7f, b'E', b'L', b'F', 2, order];
            head.resize(16, 0);
            head.extend(kind);
            head
        };
        for (order, kind, loaded, shared) in [
            (1, [2, 0], true, false),
            (1, [3, 0], true, true),
            (2, [0, 3], true, true),
            (1, [0, 3], false, false),
            (1, [4, 0], false, false),
        ] {
            let elf = Elf::parse(&head(order, kind)).unwrap();
            assert_eq!(
                (elf.is_loaded(), elf.is_shared(), elf.big_endian),
                (loaded, shared, order == 2),
                "{kind:?}"
            );
        }
        assert_eq!(Elf::parse(&head(3, [2, 0])), None, "an invalid byte order");
        assert!(!Elf::parse(b"\x7fELF\x02\x01").unwrap().is_loaded(), "its type is beyond the head");
    }
}
