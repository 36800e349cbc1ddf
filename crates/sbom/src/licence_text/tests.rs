//! Real texts, changed texts, hostile texts, and the data itself.

use std::collections::BTreeMap;

use proptest::prelude::*;
use spdx::detection::TextData;
use spdx::text::LICENSE_TEXTS;

use super::known::PASSAGES;
use super::*;

fn text_of(id: &str) -> &'static str {
    LICENSE_TEXTS.iter().find(|(known, _)| *known == id).unwrap().1
}

fn shown(content: &str) -> String {
    recognise(content.as_bytes()).map_or_else(String::new, |found| {
        let one = |it: &FoundLicence| format!("{} {}", it.id, it.confidence);
        let licences: Vec<String> = found.licences.iter().map(one).collect();
        format!("{}{}", licences.join(", "), if found.has_more { " and more" } else { "" })
    })
}

/// The data of `known.bin`: its head, and the words of all texts.
fn data() -> (Vec<u8>, String) {
    let mut by_words: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for (id, text) in LICENSE_TEXTS {
        // Texts with an exception only refer to the text of the licence.
        for part in parts(id, text).into_iter().filter(|_| !id.contains("-with-")) {
            let is_long = part.split(' ').count() >= MIN_WORDS;
            by_words.entry(part).or_default().extend(is_long.then_some(*id));
        }
    }
    let mut texts: Vec<(String, String)> =
        by_words.into_iter().filter_map(|(words, ids)| Some((named(&ids)?, words))).collect();
    texts.sort();
    let mut head = u16::try_from(texts.len()).unwrap().to_le_bytes().to_vec();
    for (id, words) in &texts {
        let hashes: Vec<u32> = words.split(' ').map(|word| words::hash(word.as_bytes())).collect();
        let mut passages: Vec<u32> = words::passages(&hashes).collect();
        passages.sort_unstable();
        passages.dedup();
        passages.truncate(PASSAGES);
        head.push(u8::try_from(id.len()).unwrap());
        head.extend(id.as_bytes());
        head.push(u8::try_from(passages.len()).unwrap());
        head.extend(passages.iter().flat_map(|passage| passage.to_le_bytes()));
    }
    let words: Vec<String> = texts.into_iter().map(|(_, words)| words).collect();
    (head, words.join("\n"))
}

/// The words of a text: its terms, and how to apply them. The list has LGPL 3 together with the GPL to which it refers;
/// packages have these in two files.
fn parts(id: &str, text: &str) -> Vec<String> {
    const END: &str = " end of terms and conditions ";
    const GPL: &str = " gnu general public license version 3 29 june 2007 ";
    let words: Vec<String> =
        words::words(text.as_bytes()).map(|it| String::from_utf8(it.into_owned()).unwrap()).collect();
    let words = words.join(" ");
    if let Some((lesser, _)) = words.split_once(GPL).filter(|_| id.starts_with("LGPL-3.0")) {
        return vec![lesser.to_owned()];
    }
    words.split(END).map(str::to_owned).collect()
}

/// The identifier under which a text is reported that belongs to several. GNU's texts do not say whether later versions
/// are allowed, nor what is invariant: the older SPDX names, which did not distinguish these, state exactly that.
/// Otherwise, names that are not deprecated count.
fn named(ids: &[&str]) -> Option<String> {
    let base = |id: &str| {
        let ends = ["+", "-only", "-or-later", "-invariants-only", "-invariants-or-later"];
        let ends = ends.into_iter().chain(["-no-invariants-only", "-no-invariants-or-later"]);
        let bases = ends.filter_map(|end| id.strip_suffix(end));
        bases
            .filter(|base| spdx::license_id(base).is_some_and(spdx::LicenseId::is_deprecated))
            .min()
            .map(str::to_owned)
    };
    if let Some(base) = ids.iter().find_map(|id| base(id)) {
        return Some(base);
    }
    let listed = ids.iter().filter_map(|id| spdx::license_id(id));
    let best = listed.min_by_key(|it| (it.is_deprecated() && !it.is_gnu(), it.name.len(), it.name))?;
    Some(best.name.to_owned())
}

const DATA: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src/licence_text/known.bin");

#[test]
fn the_data_is_that_of_the_list() {
    let (head, words) = data();
    let stored = std::fs::read(DATA).unwrap();
    assert!(stored.starts_with(&head), "make it again: cargo test -p plimsoll-sbom -- --ignored known_texts");
    assert!(zstd::decode_all(&stored[head.len()..]).unwrap() == words.as_bytes());
}

#[test]
#[ignore = "writes the data, when the list has changed"]
fn known_texts() {
    let (mut data, words) = data();
    data.extend(zstd::encode_all(words.as_bytes(), 22).unwrap());
    std::fs::write(DATA, data).unwrap();
}

#[test]
fn every_text_of_the_list_is_recognised() {
    let ids: Vec<&str> = KNOWN.ids().collect();
    assert!(ids.len() > 550, "{}", ids.len());
    for (id, text) in LICENSE_TEXTS {
        // Texts that are too long to be read completely, or too short to be distinguished from anything else.
        let words = words::words(text.as_bytes()).count();
        if id.contains("-with-") || !(MIN_WORDS..MAX_WORDS).contains(&words) || text.len() as u64 >= MAX_BYTES
        {
            continue;
        }
        let found = recognise(text.as_bytes()).unwrap_or_else(|| panic!("{id} is not recognised"));
        let best = found.licences.first().unwrap();
        let same = named(&[id]).unwrap();
        assert!(best.confidence >= 98, "{id}: {found:?}");
        let expected = named(&[id, &*best.id]);
        assert!(best.id == same || expected.as_deref() == Some(&*best.id), "{id}: {found:?}");
    }
}

#[test]
fn copyright_holders_and_line_breaks_do_not_count() {
    let mit = text_of("MIT").replace("<year> <copyright holders>", "2020 Ann and others");
    let one_line = mit.split_whitespace().collect::<Vec<_>>().join(" ");
    let commented = format!(" * {}", mit.replace('\n', "\r\n * "));
    for text in [&mit, &mit.to_uppercase(), &commented] {
        assert_eq!(shown(text), "MIT 100");
    }
    assert_eq!(shown(&one_line), "MIT 100");
    let bsd = text_of("BSD-3-Clause").replace("the copyright holder nor", "Example Corporation nor");
    assert_eq!(shown(&bsd), "BSD-3-Clause 98");
    assert_eq!(shown(text_of("GPL-3.0-only")), "GPL-3.0 100");
    let (apache, _) = text_of("Apache-2.0").split_once("APPENDIX").unwrap();
    assert_eq!(shown(apache), "Apache-2.0 100");
}

#[test]
fn the_texts_that_debian_installs_are_recognised() {
    let folder = std::path::Path::new("/usr/share/common-licenses");
    if !folder.exists() {
        println!("skipped: no /usr/share/common-licenses");
        return;
    }
    for (name, expected) in [
        ("Apache-2.0", "Apache-2.0"),
        ("BSD", "BSD-3-Clause"),
        ("CC0-1.0", "CC0-1.0"),
        ("GFDL-1.3", "GFDL-1.3"),
        ("GPL-1", "GPL-1.0"),
        ("GPL-2", "GPL-2.0"),
        ("GPL-3", "GPL-3.0"),
        ("LGPL-2.1", "LGPL-2.1"),
        ("LGPL-3", "LGPL-3.0"),
        ("MPL-1.1", "MPL-1.1"),
        ("MPL-2.0", "MPL-2.0"),
    ] {
        let Ok(text) = std::fs::read_to_string(folder.join(name)) else { continue };
        let found = recognise(text.as_bytes()).unwrap_or_else(|| panic!("{name} is not recognised"));
        let ids: Vec<&str> = found.licences.iter().map(|it| it.id.as_str()).collect();
        assert_eq!((ids, found.has_more), (vec![expected], false), "{name}");
    }
}

#[test]
fn texts_that_differ_in_a_clause_are_distinguished() {
    for id in
        ["BSD-2-Clause", "BSD-3-Clause", "BSD-4-Clause", "MIT", "MIT-0", "X11", "JSON", "ISC", "Zlib", "0BSD"]
    {
        assert_eq!(shown(text_of(id)), format!("{id} 100"));
    }
}

#[test]
fn several_licences_are_reported_in_their_order_and_each_once() {
    let (mit, isc) = (text_of("MIT"), text_of("ISC"));
    assert_eq!(shown(&format!("{isc}\n\n{mit}")), "ISC 100, MIT 100");
    assert_eq!(shown(&format!("{mit}\nThe other files:\n\n{mit}")), "MIT 100");
}

#[test]
fn additional_conditions_are_not_ignored() {
    let commons_clause = "The Software is provided to you by the Licensor under the License, as defined below, subject to the \
        following condition. Without limiting other conditions in the License, the grant of rights under the License will \
        not include, and the License does not grant to you, the right to Sell the Software. For purposes of the \
        foregoing, Sell means practicing any or all of the rights granted to you under the License to provide to third \
        parties, for a fee or other consideration, including without limitation fees for hosting or consulting \
        services related to the Software, a product or service whose value derives, entirely or substantially, from \
        the functionality of the Software.";
    assert_eq!(shown(&format!("{commons_clause}\n\n{}", text_of("MIT"))), "MIT 100 and more");
    let authors =
        "This package was made by Ann. It was downloaded from https://example.org/a. Upstream: Ben.";
    assert_eq!(shown(&format!("{authors}\n\n{}", text_of("MIT"))), "MIT 100");
    // Beyond the part that is read, anything may follow.
    let long = format!("{}{}", text_of("MIT"), " \n".repeat(40_000));
    assert_eq!(shown(&long), "MIT 100 and more");
}

#[test]
fn other_text_is_not_recognised() {
    for text in [
        "",
        "MIT",
        "See the file LICENSE in the root of the repository.",
        "All rights reserved. No part of this software may be copied, changed, sold, lent, published, or used in any way \
         without the written permission of Example Corporation, which may be withdrawn at any time for any reason.",
        include_str!("../../../../ARCHITECTURE.md"),
    ] {
        assert_eq!(shown(text), "", "{text}");
    }
    assert_eq!(recognise(&vec![0xff; 70_000]), None);
    assert_eq!(recognise("a ".repeat(40_000).as_bytes()), None);
}

#[test]
fn confidence_agrees_with_the_crate() {
    // Each text with every twentieth word changed, which is around the limit of differing pairs.
    for id in
        ["MIT", "ISC", "BSD-3-Clause", "Apache-2.0", "MPL-2.0", "Zlib", "BSL-1.0", "Artistic-2.0", "EPL-2.0"]
    {
        let original = text_of(id);
        for every in [25, 60, 200] {
            let words = original.split(' ').enumerate();
            let changed = |(number, word): (usize, &str)| {
                if number % every == every - 1 { "changed".to_owned() } else { word.to_owned() }
            };
            let changed = words.map(changed).collect::<Vec<_>>().join(" ");
            let score = TextData::new(&changed).match_score(&TextData::new(original)) * 100.0;
            let found = recognise(changed.as_bytes());
            match found.as_ref().and_then(|it| it.licences.first()) {
                Some(found) => {
                    assert_eq!(found.id, id);
                    assert!(
                        (score - f32::from(found.confidence)).abs() < 3.0,
                        "{id} {every}: {score} {found:?}"
                    );
                }
                None => assert!(score < f32::from(MIN_CONFIDENCE) + 3.0, "{id} {every}: {score}"),
            }
        }
    }
}

proptest! {
    #[test]
    fn any_bytes_are_read_within_bounds(content in proptest::collection::vec(any::<u8>(), 0..4_000)) {
        prop_assert_eq!(recognise(&content), recognise(&content));
    }

    /// Parts of known texts in any order, as in a file with many licences.
    #[test]
    fn any_mixture_is_bounded(parts in proptest::collection::vec((0..LICENSE_TEXTS.len(), 0..2_000_usize), 0..12)) {
        let part = |(text, length): &(usize, usize)| LICENSE_TEXTS[*text].1.chars().take(*length).collect::<String>();
        let text: String = parts.iter().map(part).collect();
        let found = recognise(text.as_bytes());
        prop_assert!(found.iter().all(|it| it.licences.len() <= MAX_FOUND));
        prop_assert!(found.iter().flat_map(|it| &it.licences).all(|it| (MIN_CONFIDENCE..=100).contains(&it.confidence)));
    }
}
