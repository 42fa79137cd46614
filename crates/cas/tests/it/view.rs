//! Views: ranges of a blob as a blob.

use crate::house::{blob_files, bytes, files_below, fresh, open};
use cas::{Naming, StoreError};
use digest::Digest;

#[test]
fn a_view_has_the_name_and_the_bytes_of_its_ranges() {
    for naming in [Naming::Plain, Naming::Keyed] {
        let dir = fresh();
        let content = bytes(1, 100_000);
        let expected = [&content[10..20_000], &content[50_000..90_000]].concat();
        let (view, nested);
        {
            let store = open(dir.path());
            let base = store.put(&content, naming).unwrap();
            view = store
                .put_slices(&base, &[10..15_000, 15_000..20_000, 50_000..90_000])
                .unwrap();
            assert_eq!(view, store.name(&expected, naming).unwrap());
            nested = store.put_slices(&view, &[5..1000, 30_000..31_000]).unwrap();
        }
        let store = open(dir.path());
        assert_eq!(store.get(&view).unwrap().as_deref(), Some(&expected[..]));
        assert_eq!(store.len_of(&view).unwrap(), Some(expected.len() as u64));
        let inner = [&expected[5..1000], &expected[30_000..31_000]].concat();
        assert_eq!(store.get(&nested).unwrap().as_deref(), Some(&inner[..]));
        assert_eq!(
            store.read_range(&view, 3..9).unwrap().as_deref(),
            Some(&expected[3..9])
        );
        let stored: u64 = blob_files(&dir.path().join("own"))
            .iter()
            .map(|f| f.metadata().unwrap().len())
            .sum();
        assert_eq!(stored, 100_000, "only the base is stored as bytes");
    }
}

#[test]
fn many_ranges_survive_in_the_log() {
    let dir = fresh();
    let content = bytes(2, 400_000);
    let ranges: Vec<_> = (0..1000u64).map(|n| 400 * n..400 * n + 300).collect();
    let view = {
        let store = open(dir.path());
        let base = store.put(&content, Naming::Plain).unwrap();
        store.put_slices(&base, &ranges).unwrap()
    };
    let expected: Vec<u8> = ranges
        .iter()
        .flat_map(|r| &content[r.start as usize..r.end as usize])
        .copied()
        .collect();
    assert_eq!(
        open(dir.path()).get(&view).unwrap().as_deref(),
        Some(&expected[..])
    );
}

#[test]
fn short_slices_are_stored_as_they_are() {
    let dir = fresh();
    let store = open(dir.path());
    let content = bytes(3, 50_000);
    let base = store.put(&content, Naming::Plain).unwrap();
    let slice = store.put_slices(&base, &[7..40]).unwrap();
    let nothing = store.put_slices(&base, &[]).unwrap();
    std::fs::remove_file(&blob_files(&dir.path().join("own/blobs"))[0]).unwrap();
    assert_eq!(store.get(&slice).unwrap().as_deref(), Some(&content[7..40]));
    assert_eq!(nothing, Digest::of(b""));
}

#[test]
fn a_view_without_base_is_absent_until_the_base_is_back() {
    for naming in [Naming::Plain, Naming::Keyed] {
        let dir = fresh();
        let store = open(dir.path());
        let content = bytes(4, 50_000);
        let base = store.put(&content, naming).unwrap();
        let view = store.put_slices(&base, &[0..30_000]).unwrap();
        let file = blob_files(&dir.path().join("own"))[0].clone();
        let mut bad = content.clone();
        bad[49_999] ^= 1;
        std::fs::write(file, bad).unwrap();
        assert_eq!(store.get(&view).unwrap(), None);
        assert!(!store.has(&view).unwrap());
        store.put(&content, naming).unwrap();
        assert_eq!(
            store.get(&view).unwrap().as_deref(),
            Some(&content[..30_000])
        );
    }
}

#[test]
fn a_damaged_record_of_a_keyed_view_is_no_view() {
    let dir = fresh();
    let store = open(dir.path());
    let base = store.put(&bytes(5, 50_000), Naming::Keyed).unwrap();
    let view = store.put_slices(&base, &[100..30_000]).unwrap();
    let files = files_below(&dir.path().join("own/keyed"));
    let path = files
        .iter()
        .find(|path| path.extension().is_some())
        .unwrap();
    let good = std::fs::read(path).unwrap();
    for at in 0..good.len() {
        let mut bad = good.clone();
        bad[at] ^= 4;
        std::fs::write(path, bad).unwrap();
        assert_eq!(store.get(&view).unwrap(), None, "byte {at}");
    }
}

#[test]
fn slices_of_what_is_not_there_are_errors() {
    let dir = fresh();
    let store = open(dir.path());
    assert!(matches!(
        store.put_slices(&Digest::of(b"x"), &[0..1]),
        Err(StoreError::Absent { .. })
    ));
    let base = store.put(b"abc", Naming::Plain).unwrap();
    assert!(matches!(
        store.put_slices(&base, &[0..4]),
        Err(StoreError::RangeOutside { end: 4, len: 3, .. })
    ));
}
