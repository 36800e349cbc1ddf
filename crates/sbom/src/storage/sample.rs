//! Small files of each format, for tests, with records in one page and in several.

/// An SQLite database with pages of 512 bytes. Its table `Packages` has a number and a blob; each row is in its own
/// leaf.
pub(crate) fn sqlite(rows: &[&[u8]]) -> Vec<u8> {
    const PAGE: usize = 512;
    let record = |columns: &[(u64, &[u8])]| {
        let types: Vec<u8> = columns.iter().flat_map(|(kind, _)| varint(*kind)).collect();
        let head = varint(u64::try_from(types.len()).unwrap() + 1);
        [head, types, columns.iter().flat_map(|(_, bytes)| bytes.to_vec()).collect()].concat()
    };
    let text = |text: &'static str| (13 + 2 * text.len() as u64, text.as_bytes());
    let leaf = |cell: &[u8], head: usize| {
        let mut page = vec![0; PAGE];
        let at = PAGE - cell.len();
        page[head] = 0x0d;
        page[head + 3..head + 5].copy_from_slice(&1_u16.to_be_bytes());
        page[head + 8..head + 10].copy_from_slice(&u16::try_from(at).unwrap().to_be_bytes());
        page[at..].copy_from_slice(cell);
        page
    };
    let schema =
        record(&[text("table"), text("Packages"), text("Packages"), (1, &[2]), text("CREATE TABLE")]);
    let cell = [varint(schema.len() as u64), varint(1), schema].concat();
    let mut pages = vec![leaf(&cell, 100), vec![0; PAGE]];
    pages[0][..16].copy_from_slice(b"SQLite format 3\0");
    pages[0][16..18].copy_from_slice(&512_u16.to_be_bytes());
    let mut children = Vec::new();
    for (row, number) in rows.iter().zip(1..) {
        let record = record(&[(0, b""), (12 + 2 * row.len() as u64, row)]);
        let (local, rest) = match record.len() {
            short if short <= 477 => (record.as_slice(), &[][..]),
            long => record.split_at(match 39 + (long - 39) % 508 {
                fits if fits <= 477 => fits,
                _ => 39,
            }),
        };
        let mut cell = [varint(record.len() as u64), varint(number), local.to_vec()].concat();
        children.push(u32::try_from(pages.len() + 1).unwrap());
        if !rest.is_empty() {
            cell.extend(u32::try_from(pages.len() + 2).unwrap().to_be_bytes());
        }
        pages.push(leaf(&cell, 0));
        let parts: Vec<&[u8]> = rest.chunks(508).collect();
        for (index, part) in parts.iter().enumerate() {
            let next = if index + 1 < parts.len() { u32::try_from(pages.len() + 2).unwrap() } else { 0 };
            let mut page = [&next.to_be_bytes()[..], part].concat();
            page.resize(PAGE, 0);
            pages.push(page);
        }
    }
    let (last, others) = children.split_last().unwrap();
    let root = &mut pages[1];
    root[0] = 0x05;
    root[3..5].copy_from_slice(&u16::try_from(others.len()).unwrap().to_be_bytes());
    root[8..12].copy_from_slice(&last.to_be_bytes());
    for (index, child) in others.iter().enumerate() {
        let at = PAGE - 5 * (index + 1);
        root[12 + 2 * index..14 + 2 * index].copy_from_slice(&u16::try_from(at).unwrap().to_be_bytes());
        root[at..at + 4].copy_from_slice(&child.to_be_bytes());
        root[at + 4] = u8::try_from(index + 1).unwrap();
    }
    pages.concat()
}

fn varint(number: u64) -> Vec<u8> {
    let mut bytes = vec![u8::try_from(number & 0x7f).unwrap()];
    let mut rest = number >> 7;
    while rest > 0 {
        bytes.insert(0, u8::try_from(rest & 0x7f | 0x80).unwrap());
        rest >>= 7;
    }
    bytes
}

/// The byte order of a Berkeley DB file.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order {
    Little,
    Big,
}

/// A Berkeley DB hash with pages of 512 bytes: the key 0 without a record, and each record under a key from 1, the last
/// one in the page itself and the others in chains.
pub(crate) fn berkeley(rows: &[&[u8]], order: Order) -> Vec<u8> {
    const PAGE: usize = 512;
    const HEAD: usize = 26;
    let four = |number: usize| {
        let number = u32::try_from(number).unwrap();
        if order == Order::Big { number.to_be_bytes() } else { number.to_le_bytes() }
    };
    let two = |number: usize| {
        let number = u16::try_from(number).unwrap();
        if order == Order::Big { number.to_be_bytes() } else { number.to_le_bytes() }
    };
    let page = |kind: u8, entries: usize, used: usize, next: usize| {
        let mut page = vec![0; PAGE];
        page[16..20].copy_from_slice(&four(next));
        page[20..22].copy_from_slice(&two(entries));
        page[22..24].copy_from_slice(&two(used));
        page[25] = kind;
        page
    };
    let key = |number: usize| [&[1][..], &four(number)].concat();
    let mut items = vec![key(0), [&[1][..], &four(rows.len())].concat()];
    let mut chains = Vec::new();
    for (index, row) in rows.iter().enumerate() {
        items.push(key(index + 1));
        if index + 1 == rows.len() {
            items.push([&[1][..], row].concat());
            continue;
        }
        items.push([&[3, 0, 0, 0][..], &four(2 + chains.len()), &four(row.len())].concat());
        let parts: Vec<&[u8]> = row.chunks(PAGE - HEAD).collect();
        for (number, part) in parts.iter().enumerate() {
            let next = if number + 1 < parts.len() { 3 + chains.len() } else { 0 };
            let mut page = page(7, 0, part.len(), next);
            page[HEAD..HEAD + part.len()].copy_from_slice(part);
            chains.push(page);
        }
    }
    let mut table = page(13, items.len(), 0, 0);
    let mut at = PAGE;
    for (index, item) in items.iter().enumerate() {
        at -= item.len();
        table[HEAD + 2 * index..HEAD + 2 * index + 2].copy_from_slice(&two(at));
        table[at..at + item.len()].copy_from_slice(item);
    }
    let mut meta = page(8, 0, 0, 0);
    meta[12..16].copy_from_slice(&four(0x0006_1561));
    meta[20..24].copy_from_slice(&four(PAGE));
    meta[32..36].copy_from_slice(&four(1 + chains.len()));
    [vec![meta, table], chains].concat().concat()
}

/// rpm's `Packages.db` with one page of slots.
pub(crate) fn rpm_ndb(rows: &[&[u8]]) -> Vec<u8> {
    let numbers = |magic: &[u8], rest: [usize; 3]| {
        [magic.to_vec(), rest.map(|number| u32::try_from(number).unwrap().to_le_bytes()).concat()].concat()
    };
    let mut slots = numbers(b"RpmP", [0, 1, 1]);
    slots.resize(32, 0);
    let mut blobs = Vec::new();
    for (index, row) in rows.iter().enumerate() {
        let length = (16 + row.len() + 12).next_multiple_of(16);
        slots.extend(numbers(b"Slot", [index + 1, (4096 + blobs.len()) / 16, length / 16]));
        let mut blob = [numbers(b"BlbS", [index + 1, 1, row.len()]), row.to_vec()].concat();
        blob.resize(length - 12, 0);
        blob.extend([&[0; 4][..], &u32::try_from(row.len()).unwrap().to_le_bytes(), b"BlbE"].concat());
        blobs.extend(blob);
    }
    while slots.len() < 4096 {
        slots.extend(numbers(b"Slot", [0, 0, 0]));
    }
    [slots, blobs].concat()
}
