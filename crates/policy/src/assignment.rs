//! The assignment of signers to entries of a policy, each at most once.
//!
//! One signer may fit several entries, when patterns overlap, and several signers may fit one entry: a
//! workflow that signs from two refs is two subjects under one pattern. Counting every fit would let one
//! authority count as two (CVE-2026-49834), and taking the first fit would refuse an image that enough
//! authorities signed. So this computes a maximum matching by augmenting paths. An entry that has a signer
//! keeps one, so that earlier entries are served first.

use std::collections::VecDeque;

/// For each entry the signer that counts for it. `fits` lists the signers that fit each entry, by number.
pub(crate) fn assign(fits: &[Vec<usize>]) -> Vec<Option<usize>> {
    let signers = fits.iter().flatten().max().map_or(0, |most| most + 1);
    let mut holder: Vec<Option<usize>> = vec![None; signers];
    for entry in 0..fits.len() {
        augment(entry, fits, &mut holder);
    }
    let mut assigned = vec![None; fits.len()];
    for (signer, entry) in holder.into_iter().enumerate() {
        if let Some(slot) = entry.and_then(|entry| assigned.get_mut(entry)) {
            *slot = Some(signer);
        }
    }
    assigned
}

/// Finds a signer for `start`, if necessary by giving other entries other signers that fit them.
fn augment(start: usize, fits: &[Vec<usize>], holder: &mut [Option<usize>]) {
    let mut reached_from: Vec<Option<usize>> = vec![None; holder.len()];
    let mut queue = VecDeque::from([start]);
    while let Some(entry) = queue.pop_front() {
        for &signer in fits.get(entry).into_iter().flatten() {
            let Some(from @ None) = reached_from.get_mut(signer) else { continue };
            *from = Some(entry);
            match holder.get(signer).copied().flatten() {
                Some(other) => queue.push_back(other),
                None => return shift(signer, start, &reached_from, holder),
            }
        }
    }
}

/// Gives `free` to the entry that reached it, that entry's signer to the previous one, and so on back to `start`.
fn shift(free: usize, start: usize, reached_from: &[Option<usize>], holder: &mut [Option<usize>]) {
    let mut signer = free;
    while let Some(entry) = reached_from.get(signer).copied().flatten() {
        let given_up = holder.iter().position(|held| *held == Some(entry));
        if let Some(slot) = holder.get_mut(signer) {
            *slot = Some(entry);
        }
        match given_up {
            Some(before) if entry != start => signer = before,
            _ => return,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn count(fits: &[Vec<usize>]) -> usize {
        assign(fits).iter().flatten().count()
    }

    #[test]
    fn neither_a_signer_nor_an_entry_counts_twice() {
        assert_eq!(count(&[vec![0], vec![0]]), 1, "one signer, two entries");
        assert_eq!(count(&[vec![0, 1]]), 1, "two signers, one entry");
        assert_eq!(count(&[]), 0);
        assert_eq!(count(&[vec![], vec![0]]), 1);
    }

    #[test]
    fn an_order_that_would_starve_an_entry_is_mended() {
        assert_eq!(assign(&[vec![0, 1], vec![0]]), [Some(1), Some(0)]);
        assert_eq!(assign(&[vec![0, 1], vec![1, 2], vec![0], vec![1]]).iter().flatten().count(), 3);
        let chain: Vec<Vec<usize>> =
            (0..2000).map(|n| if n == 1999 { vec![0] } else { vec![n, n + 1] }).collect();
        assert_eq!(count(&chain), 2000);
    }

    #[test]
    fn the_first_signature_is_assigned_first() {
        assert_eq!(assign(&[vec![0], vec![0]]), [Some(0), None]);
        assert_eq!(assign(&[vec![0], vec![0, 1], vec![1]]), [Some(0), Some(1), None]);
    }

    /// The maximum, found by trying all assignments.
    fn most(fits: &[Vec<usize>], taken: u32) -> usize {
        let Some((first, rest)) = fits.split_first() else { return 0 };
        let with = first.iter().filter(|signer| taken & (1 << **signer) == 0);
        let with = with.map(|signer| 1 + most(rest, taken | (1 << signer))).max().unwrap_or(0);
        with.max(most(rest, taken))
    }

    proptest! {
        #[test]
        fn as_many_as_possible_are_assigned(fits in prop::collection::vec(prop::collection::vec(0..6_usize, 0..4), 0..6)) {
            let assigned = assign(&fits);
            prop_assert_eq!(assigned.iter().flatten().count(), most(&fits, 0));
            for (entry, signer) in assigned.iter().enumerate() {
                prop_assert!(signer.is_none_or(|signer| fits[entry].contains(&signer)));
            }
        }
    }
}
