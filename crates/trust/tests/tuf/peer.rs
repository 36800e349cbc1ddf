//! The reference implementation, python-tuf, on the same repositories step by step: it accepts what we accept
//! and refuses what we refuse, with its memory of the previous steps.

use std::collections::BTreeMap;

use plimsoll_testkit::sigstore::NOW;
use plimsoll_testkit::tuf::{Tuf, TufKey, signed};
use plimsoll_testkit::{Peer, peer_program};

use crate::{DAY, TRUSTED_ROOT, World, bins, memory, roles, root_named};

/// The client: mirror, folder, first root, and the time. Exits with 3 if the repository is at fault.
const CLIENT: &str = r#"
import datetime, sys
from tuf.api.exceptions import DownloadError, RepositoryError
from tuf.ngclient import Updater
url, root, now = sys.argv[1:]
try:
    updater = Updater("known", url + "/", "known", url + "/targets/", bootstrap=open(root, "rb").read())
    updater._trusted_set.reference_time = datetime.datetime.fromtimestamp(int(now), datetime.timezone.utc)
    updater.refresh()
    target = updater.get_targetinfo("trusted_root.json")
    if target is None:
        sys.exit(3)
    updater.download_target(target, "known/target")
except (DownloadError, RepositoryError, ValueError) as error:
    print(type(error).__name__, error, file=sys.stderr)
    sys.exit(3)
"#;

/// A world, and both clients with what they remember.
struct Both {
    world: World,
    python: Peer,
}

impl Both {
    fn new(world: World) -> Option<Self> {
        let what = "$PLIMSOLL_PEERS/venv with sigstore";
        peer_program("venv/bin/sigstore", what)?;
        let python = Peer::find("venv/bin/python", what)?;
        std::fs::create_dir(python.home().join("known")).unwrap();
        python.write("client.py", CLIENT);
        python.write("root.json", world.tuf.initial_root());
        Some(Self { world, python })
    }

    /// Updates with both clients, which must agree; returns whether they accept it.
    #[track_caller]
    fn at(&self, seconds: i64) -> bool {
        let ours = self.world.update_at(seconds).map(|updated| updated.cached.versions());
        let output =
            self.python.run(&["client.py", &self.world.mirror.url(), "root.json", &seconds.to_string()]);
        let said = String::from_utf8_lossy(&output.stderr);
        let code = output.status.code();
        assert!(matches!(code, Some(0 | 3)), "{said}");
        assert_eq!(ours.is_ok(), code == Some(0), "ours: {ours:?}; python-tuf: {said}");
        ours.is_ok()
    }

    #[track_caller]
    fn takes(&self) {
        assert!(self.at(NOW));
    }

    #[track_caller]
    fn refuses(&self) {
        assert!(!self.at(NOW));
    }
}

/// 5.3: roots in a row, signed by the old and the new keys, remembered at once.
#[test]
fn both_follow_roots_and_remember_them() {
    let (world, _) = memory::withdrawn_timestamp_key();
    let Some(mut both) = Both::new(world) else { return };
    let root = both.world.tuf.files.remove("2.root.json").unwrap();
    both.takes();
    both.world.tuf.files.insert("2.root.json".into(), root);
    both.refuses();
    both.world.tuf.files.remove("2.root.json");
    both.refuses();
    both.world.tuf.publish_next();
    both.takes();

    // A gap, a version of another root, a threshold that is not met, and keys without a handover.
    let Some(mut both) = Both::new(World::new()) else { return };
    both.takes();
    let before = both.world.tuf.files.clone();
    let keys = || vec![TufKey::p256(), TufKey::ed25519(), TufKey::p256()];
    both.world.tuf.rotate_root(keys());
    both.world.tuf.rotate_root(keys());
    let rotated = both.world.tuf.files.clone();
    for wrong in ["3.root.json", "1.root.json"] {
        both.world.tuf.files.clone_from(&before);
        both.world.tuf.files.insert("2.root.json".into(), rotated[wrong].clone());
        both.refuses();
    }
    let mut stranger = World::new();
    stranger.tuf.root.version = 2;
    stranger.tuf.publish_root();
    both.world.tuf.files.insert("2.root.json".into(), stranger.tuf.files["2.root.json"].clone());
    both.refuses();
    both.world.tuf.files = rotated;
    both.takes();
}

/// 5.4 and 5.5: rollback, freeze, mix and match, and what was seen in a failed update.
#[test]
fn both_refuse_what_goes_back_or_does_not_belong_together() {
    let Some(mut both) = Both::new(World::new()) else { return };
    both.takes();
    let old = both.world.tuf.files.clone();
    both.world.tuf.publish_next();
    let new = both.world.tuf.files.clone();
    both.world.tuf.files.remove("2.snapshot.json");
    both.refuses();
    both.world.tuf.files.clone_from(&old);
    both.refuses();
    both.world.tuf.files.clone_from(&new);
    both.takes();
    assert!(!both.at(NOW + 2 * DAY), "frozen");
    // The same versions with other content.
    both.world.tuf.targets.insert(TRUSTED_ROOT.into(), root_named("other"));
    both.world.tuf.publish_next();
    let first = both.world.tuf.files.clone();
    both.world.tuf.targets.insert(TRUSTED_ROOT.into(), root_named("another"));
    both.world.tuf.publish_rest();
    let second = both.world.tuf.files.clone();
    both.world.tuf.files.clone_from(&first);
    both.world.tuf.files.insert("3.snapshot.json".into(), second["3.snapshot.json"].clone());
    both.refuses();
    both.world.tuf.files = first;
    both.takes();
}

/// 5.5.5 with a timestamp whose snapshot was never shown, and 5.3.11.
#[test]
fn both_keep_the_floor_of_a_snapshot_and_recover_by_other_keys() {
    let Some(mut both) = Both::new(World::new()) else { return };
    both.takes();
    both.world.tuf.publish_next();
    let list = both.world.tuf.files["1.targets.json"].clone();
    both.world.tuf.files.remove("2.targets.json");
    both.refuses();
    both.world.vouch_for_snapshot(b"{}");
    both.refuses();
    both.world.tuf.snapshot.version = 3;
    let lists = [("targets".to_owned(), 1, list)];
    let back = signed(&both.world.tuf.snapshot.keys, &both.world.tuf.snapshot_document(&lists));
    both.world.vouch_for_snapshot(&back);
    both.refuses();

    for role in
        [&mut both.world.tuf.timestamp, &mut both.world.tuf.snapshot, &mut both.world.tuf.targets_role]
    {
        role.version = 1_000_000;
    }
    both.world.tuf.publish_rest();
    both.takes();
    for role in
        [&mut both.world.tuf.timestamp, &mut both.world.tuf.snapshot, &mut both.world.tuf.targets_role]
    {
        role.version = 4;
    }
    both.world.tuf.publish_rest();
    both.refuses();
    both.world.tuf.timestamp.keys = vec![TufKey::ed25519()];
    both.world.tuf.snapshot.keys = vec![TufKey::ed25519()];
    both.world.tuf.rotate_root(vec![TufKey::p256(), TufKey::p256()]);
    both.world.tuf.publish_rest();
    both.takes();
}

/// 5.6 and 5.7: delegations, hash bins, and the file itself.
#[test]
fn both_find_files_through_delegations_and_bins() {
    let worlds: [(World, bool); 6] = [
        (World::with_tuf(roles::delegating(|_| {})), true),
        (World::with_tuf(roles::delegating(|role| role.expires = NOW - 1)), false),
        (World::with_tuf(roles::delegating(|role| role.paths = vec!["other/*".into()])), false),
        (bins::binned(4, bins::bin(4), |_| {}), true),
        (bins::binned(5, bins::bin(5), |_| {}), true),
        (bins::binned(4, (bins::bin(4) + 1) % 16, |_| {}), false),
    ];
    for (number, (world, good)) in worlds.into_iter().enumerate() {
        let Some(both) = Both::new(world) else { return };
        assert_eq!(both.at(NOW), good, "{number}");
    }
    // A role that the snapshot omits, and a file that differs from its description.
    let Some(mut both) = Both::new(World::with_tuf(roles::delegating(|_| {}))) else { return };
    let top = both.world.tuf.files["1.targets.json"].clone();
    let lists = [("targets".to_owned(), 1, top)];
    let snapshot = signed(&both.world.tuf.snapshot.keys, &both.world.tuf.snapshot_document(&lists));
    both.world.vouch_for_snapshot(&snapshot);
    both.refuses();
    let Some(mut both) = Both::new(World::with_tuf(Tuf::with_targets(&[(TRUSTED_ROOT, &root_named("a"))])))
    else {
        return;
    };
    let file = |files: &BTreeMap<String, Vec<u8>>| {
        files.keys().find(|name| name.ends_with(TRUSTED_ROOT)).unwrap().clone()
    };
    let name = file(&both.world.tuf.files);
    both.world.tuf.files.insert(name, root_named("b"));
    both.refuses();
}
