//! By which bytes programs of the three systems begin, and what the first bytes of an ELF file say. Whoever asks what a file is asks
//! here; what is made of it is theirs.

/// What a program is made for.
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
    /// By the first bytes; an ELF file may also be an object file or a core dump.
    pub(crate) fn of(head: &[u8]) -> Option<Self> {
        match head {
            [0x7f, b'E', b'L', b'F', ..] => Some(Self::Elf),
            [0xcf | 0xce, 0xfa, 0xed, 0xfe, ..] | [0xfe, 0xed, 0xfa, 0xce | 0xcf, ..] => Some(Self::MachO),
            [b'M', b'Z', ..] => Some(Self::Pe),
            _ => None,
        }
    }
}

/// The beginning of an ELF file that says in which order its numbers are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Elf {
    /// 1 for 32 bits, 2 for 64; anything else is none of the standard's.
    pub(crate) class: u8,
    pub(crate) big_endian: bool,
    /// What it is; none where the head ends before that.
    kind: Option<u16>,
}

impl Elf {
    const PROGRAM: u16 = 2;
    const SHARED_OBJECT: u16 = 3;

    pub(crate) fn of(head: &[u8]) -> Option<Self> {
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

    /// Whether it is loaded wherever there is room, as libraries and most programs are.
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
            assert_eq!(Format::of(head), expected, "{head:?}");
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
            let elf = Elf::of(&head(order, kind)).unwrap();
            assert_eq!(
                (elf.is_loaded(), elf.is_shared(), elf.big_endian),
                (loaded, shared, order == 2),
                "{kind:?}"
            );
        }
        assert_eq!(Elf::of(&head(3, [2, 0])), None, "an order that is none");
        assert!(!Elf::of(b"\x7fELF\x02\x01").unwrap().is_loaded(), "what it is cannot be seen");
    }
}
