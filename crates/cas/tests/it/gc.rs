//! Garbage collection keeps what the roots need; the listing and the check see what is there.

use crate::house::{blob_files, bytes, files_below, fresh, log_file, open, open_told};
use cas::{Kind, Naming, OpenReport, Outcome, Output, Store, StoreConfig};
use digest::Digest;
use std::collections::BTreeSet;

fn outcome(digest: Digest, len: usize) -> Outcome {
    Outcome::Outputs(vec![Output {
        port: "out".into(),
        digest,
        len: len as u64,
    }])
}

#[test]
fn roots_and_what_they_need_stay_and_the_rest_goes() {
    let dir = fresh();
    let base_bytes = bytes(1, 60_000);
    let (kept, gone, recipe, view);
    {
        let store = open(dir.path());
        let base = store.put(&base_bytes, Naming::Plain).unwrap();
        view = store.put_slices(&base, &[0..40_000]).unwrap();
        recipe = store.put(b"kept recipe", Naming::Plain).unwrap();
        store
            .record_action(&recipe, &outcome(view, 40_000))
            .unwrap();
        let other = store.put(b"other recipe", Naming::Plain).unwrap();
        let (large, small) = (
            store.put(&bytes(2, 30_000), Naming::Plain).unwrap(),
            store.put(b"small", Naming::Plain).unwrap(),
        );
        let keyed = store.put(b"pixels", Naming::Keyed).unwrap();
        store
            .record_action(&other, &outcome(large, 30_000))
            .unwrap();
        store.set_note("pin", &bytes(3, 10_000)).unwrap();
        (kept, gone) = ([base, view, recipe], [other, large, small, keyed]);

        let roots = BTreeSet::from([recipe]);
        let before = files_below(dir.path()).len();
        let dry = store.gc(&roots, true).unwrap();
        assert_eq!(files_below(dir.path()).len(), before);
        assert_eq!(
            (
                dry.n_kept,
                dry.n_removed,
                dry.n_actions_kept,
                dry.n_actions_removed
            ),
            (3, 4, 1, 1)
        );
        assert_eq!(dry.bytes_removed, 30_000 + 5 + 12 + 6);
        let done = store.gc(&roots, false).unwrap();
        assert!(done.log_bytes_after < done.log_bytes_before);
        assert_eq!(
            cas::GcReport {
                log_bytes_after: dry.log_bytes_after,
                ..done
            },
            dry
        );
        assert_eq!(blob_files(dir.path()).len(), 1);
        check(&store, &kept, &gone, &recipe, &view);
        store.put(b"later", Naming::Plain).unwrap();
    }
    let (store, report) = open_told(dir.path());
    assert_eq!(report, OpenReport::default());
    check(&store, &kept, &gone, &recipe, &view);
    drop(store);
    std::fs::remove_dir_all(dir.path().join("own/index")).unwrap();
    let (store, report) = open_told(dir.path());
    assert!(report.index_rebuilt);
    check(&store, &kept, &gone, &recipe, &view);
    assert!(store.has(&Digest::of(b"later")).unwrap());
    assert_eq!(
        store.note("pin").unwrap().as_deref(),
        Some(&bytes(3, 10_000)[..])
    );
}

fn check(store: &Store, kept: &[Digest], gone: &[Digest], recipe: &Digest, view: &Digest) {
    for digest in kept {
        assert!(store.get(digest).unwrap().is_some());
    }
    for digest in gone {
        assert_eq!(store.get(digest).unwrap(), None);
    }
    assert_eq!(store.action(recipe).unwrap(), Some(outcome(*view, 40_000)));
    assert_eq!(store.action_unchecked(&gone[0]).unwrap(), None);
}

#[test]
fn nothing_wanted_leaves_notes_only() {
    let dir = fresh();
    let store = open(dir.path());
    store.put(&bytes(1, 9000), Naming::Plain).unwrap();
    store.set_note("pin", b"1").unwrap();
    store.gc(&BTreeSet::new(), false).unwrap();
    assert_eq!(store.list().count(), 0);
    assert_eq!(store.notes("").unwrap().len(), 1);
    assert!(
        log_file(dir.path())
            .to_string_lossy()
            .ends_with(".base.log")
    );
}

#[test]
fn files_without_a_record_are_swept_up() {
    let dir = fresh();
    let store = open(dir.path());
    let digest = store.put(&bytes(1, 9000), Naming::Plain).unwrap();
    let folder = blob_files(dir.path())[0].parent().unwrap().to_owned();
    std::fs::write(folder.join(Digest::of(b"orphan").hex()), b"orphan").unwrap();
    std::fs::write(folder.join(".left.1-1-1.tmp"), b"half").unwrap();
    let report = store.gc(&BTreeSet::from([digest]), false).unwrap();
    assert_eq!(files_below(&folder).len(), 1);
    assert_eq!((report.n_kept, report.bytes_removed), (1, 6));
}

#[test]
fn young_files_of_a_shared_folder_stay() {
    let dir = fresh();
    let (own, shared) = (dir.path().join("own"), Some(dir.path().join("site")));
    let (store, _) = Store::open(StoreConfig {
        dir: own,
        shared,
        create_key: true,
    })
    .unwrap();
    let digest = store.put(b"pixels", Naming::Keyed).unwrap();
    assert_eq!(store.gc(&BTreeSet::new(), false).unwrap().n_too_young, 1);
    assert!(store.has(&digest).unwrap());
    let file = std::fs::File::options()
        .write(true)
        .open(&blob_files(&dir.path().join("site"))[0])
        .unwrap();
    file.set_modified(std::time::SystemTime::now() - std::time::Duration::from_secs(7200))
        .unwrap();
    assert_eq!(store.gc(&BTreeSet::new(), false).unwrap().n_removed, 1);
    assert!(!store.has(&digest).unwrap());
}

#[test]
fn readers_never_miss_kept_bytes_while_garbage_goes() {
    let dir = fresh();
    let store = open(dir.path());
    store.set_note("long", &bytes(1, 50_000)).unwrap();
    let base = store.put(&bytes(2, 90_000), Naming::Plain).unwrap();
    let ranges: Vec<_> = (0..600u64).map(|n| 150 * n..150 * n + 100).collect();
    let view = store.put_slices(&base, &ranges).unwrap();
    let roots = BTreeSet::from([view]);
    std::thread::scope(|scope| {
        let reader = scope.spawn(|| {
            for _ in 0..300 {
                assert!(store.get(&view).unwrap().is_some());
                assert!(store.note("long").unwrap().is_some());
            }
        });
        for n in 0..10u64 {
            store.put(&bytes(100 + n, 20_000), Naming::Plain).unwrap();
            store.gc(&roots, false).unwrap();
        }
        reader.join().unwrap();
    });
}

#[test]
fn the_listing_tells_every_kind() {
    let dir = fresh();
    let store = open(dir.path());
    let small = store.put(b"small", Naming::Plain).unwrap();
    let large = store.put(&bytes(1, 9000), Naming::Plain).unwrap();
    let view = store.put_slices(&large, &[0..8000]).unwrap();
    let keyed = store.put(&bytes(1, 9000), Naming::Keyed).unwrap();
    let keyed_view = store.put_slices(&keyed, &[0..8000]).unwrap();
    let mut expected = [
        (small, 5, Kind::Inline),
        (large, 9000, Kind::File),
        (view, 8000, Kind::View),
        (keyed, 9000, Kind::Keyed),
        (keyed_view, 8000, Kind::View),
    ];
    expected.sort();
    let listed: Vec<_> = store
        .list()
        .map(|entry| entry.unwrap())
        .map(|e| (e.digest, e.len, e.kind))
        .collect();
    assert_eq!(listed, expected);
}

#[test]
fn a_check_of_every_byte_tells_damaged_from_missing() {
    let dir = fresh();
    let store = open(dir.path());
    let damaged = store.put(&bytes(1, 9000), Naming::Plain).unwrap();
    let path = blob_files(dir.path())[0].clone();
    let view = store.put_slices(&damaged, &[0..8000]).unwrap();
    store.put(b"sound", Naming::Plain).unwrap();
    store.put(&bytes(2, 9000), Naming::Keyed).unwrap();
    assert_eq!(store.verify().unwrap().n_sound, 4);
    std::fs::write(path, bytes(3, 9000)).unwrap();
    let report = store.verify().unwrap();
    assert_eq!((report.n_sound, report.bytes_sound), (2, 9005));
    assert_eq!(
        (report.damaged, report.missing),
        (vec![damaged], vec![view])
    );
    assert_eq!(store.verify().unwrap().damaged, []);
}
