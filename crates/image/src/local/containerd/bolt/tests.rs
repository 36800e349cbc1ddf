use super::*;

const SIZE: usize = 512;

/// Writes a database of pages of 512 bytes whose root is `root`.
fn database(root: u64, pages: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (id, transaction) in [(0_u64, 7_u64), (1, 8)] {
        let mut meta = Vec::new();
        meta.extend(MAGIC.to_le_bytes());
        meta.extend(VERSION.to_le_bytes());
        meta.extend(u32::try_from(SIZE).unwrap().to_le_bytes());
        meta.extend(0_u32.to_le_bytes());
        for number in [root, 0, 2, 3 + pages.len() as u64, transaction] {
            meta.extend(number.to_le_bytes());
        }
        let sum = fnv_1a(&meta);
        meta.extend(sum.to_le_bytes());
        bytes.extend(page(id, 4, 0, 0, &meta));
    }
    bytes.extend(page(2, 0x10, 0, 0, &[]));
    bytes.extend(pages.iter().flatten());
    bytes
}

fn page(id: u64, flags: u16, count: u16, overflow: u32, body: &[u8]) -> Vec<u8> {
    let mut page = id.to_le_bytes().to_vec();
    page.extend(flags.to_le_bytes());
    page.extend(count.to_le_bytes());
    page.extend(overflow.to_le_bytes());
    page.extend(body);
    let pages = usize::try_from(overflow).unwrap().min(8) + 1;
    page.resize(page.len().max(SIZE * pages), 0);
    page
}

/// A leaf's body: flags, key and value of each element.
fn leaf(elements: &[(u32, &[u8], &[u8])]) -> Vec<u8> {
    let (mut head, mut data) = (Vec::new(), Vec::new());
    for (at, (flags, key, value)) in elements.iter().enumerate() {
        let position = (elements.len() - at) * 16 + data.len();
        for number in [
            *flags,
            u32::try_from(position).unwrap(),
            u32::try_from(key.len()).unwrap(),
            u32::try_from(value.len()).unwrap(),
        ] {
            head.extend(number.to_le_bytes());
        }
        data.extend([*key, *value].concat());
    }
    [head, data].concat()
}

fn branch(children: &[u64]) -> Vec<u8> {
    let mut body = Vec::new();
    for child in children {
        body.extend(0_u32.to_le_bytes());
        body.extend(0_u32.to_le_bytes());
        body.extend(child.to_le_bytes());
    }
    body
}

#[test]
fn keys_are_found_through_branches_and_in_inline_buckets() {
    let mut inline = vec![0; 16];
    inline.extend(&page(0, LEAF, 1, 0, &leaf(&[(0, b"k", b"v")]))[..64]);
    let bytes = database(
        3,
        &[
            page(3, BRANCH, 2, 0, &branch(&[4, 5])),
            page(4, LEAF, 1, 0, &leaf(&[(0, b"a", b"1")])),
            page(5, LEAF, 1, 0, &leaf(&[(IS_BUCKET, b"b", &inline)])),
        ],
    );
    let bolt = Bolt::parse(bytes).unwrap();
    assert_eq!(bolt.get(bolt.root(), b"a").unwrap(), Some(&b"1"[..]));
    let bucket = bolt.bucket(bolt.root(), b"b").unwrap().unwrap();
    assert_eq!(bolt.get(bucket, b"k").unwrap(), Some(&b"v"[..]));
    assert_eq!(bolt.get(bolt.root(), b"b").unwrap(), None);
    assert!(bolt.bucket(bolt.root(), b"a").unwrap().is_none());
}

#[test]
fn trees_that_no_writer_makes_are_refused() {
    for (problem, pages) in [
        ("page 3 is twice in a tree", vec![page(3, BRANCH, 1, 0, &branch(&[3]))]),
        (
            "page 4 is twice in a tree",
            vec![page(3, BRANCH, 2, 0, &branch(&[4, 4])), page(4, LEAF, 0, 0, &[])],
        ),
        ("page 1099511627776 is outside of the file", vec![page(3, BRANCH, 1, 0, &branch(&[1 << 40]))]),
        (
            "page 18446744073709551615 is outside of the file",
            vec![page(3, BRANCH, 1, 0, &branch(&[u64::MAX]))],
        ),
        ("page 3 has another number", vec![page(9, LEAF, 0, 0, &[])]),
        ("page 3 is neither branch nor leaf", vec![page(3, 4, 0, 0, &[])]),
        ("page 3 is outside of the file", vec![page(3, LEAF, 0, u32::MAX, &[])]),
        ("an element extends beyond its page", vec![page(3, LEAF, u16::MAX, 0, &[])]),
        ("a branch page is cut off", vec![page(3, BRANCH, 40, 0, &branch(&[4]))]),
        (
            "an element extends beyond its page",
            vec![page(3, LEAF, 1, 0, &[&[0; 4][..], &[0xff; 12]].concat())],
        ),
        ("an element extends beyond its page", vec![page(3, LEAF, 1, 0, &leaf(&[(IS_BUCKET, b"b", b"x")]))]),
    ] {
        let bolt = Bolt::parse(database(3, &pages)).unwrap();
        let error = bolt.entries(bolt.root()).unwrap_err().to_string();
        assert!(error.contains(problem), "{problem}: {error}");
    }
    let deep: Vec<Vec<u8>> = (3..60).map(|id| page(id, BRANCH, 1, 0, &branch(&[id + 1]))).collect();
    let bolt = Bolt::parse(database(3, &deep)).unwrap();
    assert!(bolt.entries(bolt.root()).unwrap_err().to_string().contains("levels"));
}

#[test]
fn the_newer_meta_page_counts_and_a_damaged_one_does_not() {
    let good = database(3, &[page(3, LEAF, 0, 0, &[])]);
    assert_eq!(newest(&good).unwrap().transaction, 8);
    let mut second_damaged = good.clone();
    second_damaged[SIZE + 40] ^= 1;
    assert_eq!(newest(&second_damaged).unwrap().transaction, 7);
    let mut first_damaged = good.clone();
    first_damaged[40] ^= 1;
    assert_eq!(newest(&first_damaged).unwrap().transaction, 8);
    let mut both = first_damaged;
    both[SIZE + 40] ^= 1;
    assert!(Bolt::parse(both).is_none());
}
