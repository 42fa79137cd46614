//! Putting, getting, naming, locking.

use crate::house::{blob_files, bytes, config, files_below, fresh, open, open_told};
use cas::{INLINE_MAX, Naming, OpenReport, Store, StoreConfig, StoreError};
use digest::Digest;

#[test]
fn bytes_of_every_size_come_back_before_and_after_reopening() {
    let dir = fresh();
    let sizes = [
        0,
        1,
        INLINE_MAX - 1,
        INLINE_MAX,
        INLINE_MAX + 1,
        100_000,
        3 << 20,
    ];
    let mut put = Vec::new();
    {
        let store = open(dir.path());
        for (n, size) in sizes.into_iter().enumerate() {
            for naming in [Naming::Plain, Naming::Keyed] {
                let content = bytes(n as u64, size);
                let digest = store.put(&content, naming).unwrap();
                assert_eq!(digest.is_keyed(), naming == Naming::Keyed);
                assert_eq!(store.get(&digest).unwrap().as_deref(), Some(&content[..]));
                put.push((digest, content));
            }
        }
    }
    let (store, report) = open_told(dir.path());
    assert_eq!(report, OpenReport::default());
    for (digest, content) in &put {
        assert_eq!(store.get(digest).unwrap().as_deref(), Some(&content[..]));
        assert_eq!(store.len_of(digest).unwrap(), Some(content.len() as u64));
    }
    assert_eq!(blob_files(&dir.path().join("own/blobs")).len(), 3);
    assert_eq!(blob_files(&dir.path().join("own/keyed")).len(), sizes.len());
}

#[test]
fn what_was_never_put_is_absent() {
    let dir = fresh();
    let store = open(dir.path());
    for digest in [
        Digest::of(b"x"),
        Digest::keyed(&store.site_key().unwrap(), b"x"),
    ] {
        assert_eq!(store.get(&digest).unwrap(), None);
        assert!(!store.has(&digest).unwrap());
        assert_eq!(store.action(&digest).unwrap(), None);
        assert!(store.reader(&digest).unwrap().is_none());
    }
}

#[test]
fn putting_twice_writes_once() {
    let dir = fresh();
    let store = open(dir.path());
    let (small, large) = (bytes(1, 50), bytes(2, 9000));
    let items = [
        (&small[..], Naming::Plain),
        (&large[..], Naming::Plain),
        (&small[..], Naming::Plain),
    ];
    let first = store.put_batch(&items).unwrap();
    let len = store.log_len().unwrap();
    assert_eq!(store.put_batch(&items).unwrap(), first);
    assert_eq!(first[0], first[2]);
    assert_eq!(store.log_len().unwrap(), len);
}

#[test]
fn a_second_owner_is_told_the_first() {
    let dir = fresh();
    let _store = open(dir.path());
    let error = Store::open(config(dir.path())).unwrap_err();
    assert!(
        matches!(error, StoreError::Locked { pid: Some(pid), .. } if pid == std::process::id()),
        "{error}"
    );
    assert!(
        error
            .to_string()
            .contains(&format!("in use by process {}", std::process::id()))
    );
}

#[test]
fn a_store_of_another_format_is_left_alone() {
    let dir = fresh();
    drop(open(dir.path()));
    std::fs::write(dir.path().join("own/format"), "radloom store 2\n").unwrap();
    let error = Store::open(config(dir.path())).unwrap_err();
    assert!(
        matches!(&error, StoreError::Format { found, .. } if found == "radloom store 2"),
        "{error}"
    );
}

#[test]
fn without_key_there_are_no_keyed_names() {
    let dir = fresh();
    let config = StoreConfig {
        dir: dir.path().join("own"),
        shared: None,
        create_key: false,
    };
    let (store, _) = Store::open(config).unwrap();
    assert_eq!(store.site_key(), None);
    assert!(matches!(
        store.put(b"pixels", Naming::Keyed),
        Err(StoreError::NoSiteKey)
    ));
}

#[test]
fn processes_of_a_site_share_key_place_and_keyed_bytes() {
    let dir = fresh();
    let worker = |name: &str| {
        let (own, shared) = (dir.path().join(name), Some(dir.path().join("site")));
        Store::open(StoreConfig {
            dir: own,
            shared,
            create_key: true,
        })
        .unwrap()
        .0
    };
    let (one, two) = (worker("one"), worker("two"));
    assert_eq!(one.site_key(), two.site_key());
    assert_eq!(one.place_id(), two.place_id());
    assert_eq!(one.place_id().len(), 16);
    for size in [10, 50_000] {
        let content = bytes(size, size as usize);
        let digest = one.put(&content, Naming::Keyed).unwrap();
        assert_eq!(two.get(&digest).unwrap().as_deref(), Some(&content[..]));
        let plain = one.put(&content, Naming::Plain).unwrap();
        assert!(!two.has(&plain).unwrap());
    }
    assert_eq!(
        one.keyed_inventory().unwrap(),
        two.keyed_inventory().unwrap()
    );
    assert_eq!(one.keyed_inventory().unwrap().len(), 2);
}

#[test]
fn racing_processes_agree_on_one_key() {
    let dir = fresh();
    let stores: Vec<Store> = std::thread::scope(|scope| {
        let open_one = |n: usize| {
            let (own, shared) = (
                dir.path().join(format!("w{n}")),
                Some(dir.path().join("site")),
            );
            Store::open(StoreConfig {
                dir: own,
                shared,
                create_key: true,
            })
            .unwrap()
            .0
        };
        let threads: Vec<_> = (0..8).map(|n| scope.spawn(move || open_one(n))).collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .collect()
    });
    assert!(
        stores
            .windows(2)
            .all(|pair| pair[0].site_key() == pair[1].site_key())
    );
    assert!(
        stores
            .windows(2)
            .all(|pair| pair[0].place_id() == pair[1].place_id())
    );
}

#[test]
fn the_key_is_for_its_owner_only_and_never_shown() {
    use std::os::unix::fs::PermissionsExt;
    let dir = fresh();
    let store = open(dir.path());
    let path = dir.path().join("own/site.key");
    assert_eq!(
        std::fs::metadata(&path).unwrap().permissions().mode() & 0o777,
        0o600
    );
    let hex = std::fs::read_to_string(&path).unwrap();
    assert!(!format!("{store:?} {:?} {:?}", store.site_key(), store.batch()).contains(hex.trim()));
}

#[test]
fn a_spoilt_key_file_is_an_error_and_stays() {
    let dir = fresh();
    drop(open(dir.path()));
    let path = dir.path().join("own/site.key");
    std::fs::write(&path, "abc").unwrap();
    assert!(matches!(
        Store::open(config(dir.path())),
        Err(StoreError::Identity { .. })
    ));
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "abc");
}

#[test]
fn damaged_files_are_absent_and_kept_aside() {
    let dir = fresh();
    let store = open(dir.path());
    let content = bytes(5, 20_000);
    for (n, naming) in [Naming::Plain, Naming::Keyed].into_iter().enumerate() {
        let digest = store.put(&content, naming).unwrap();
        let folder = dir.path().join(if digest.is_keyed() {
            "own/keyed"
        } else {
            "own/blobs"
        });
        let mut bad = content.clone();
        bad[777] ^= 1;
        std::fs::write(&blob_files(&folder)[0], &bad).unwrap();
        assert_eq!(store.get(&digest).unwrap(), None);
        assert_eq!(store.quarantined(), n as u64 + 1);
        assert!(!store.has(&digest).unwrap());
        assert_eq!(files_below(&dir.path().join("own/quarantine")).len(), n + 1);
        assert_eq!(store.put(&content, naming).unwrap(), digest);
        assert_eq!(store.get(&digest).unwrap().as_deref(), Some(&content[..]));
    }
}

#[test]
fn a_file_that_vanished_or_shrank_is_absent() {
    let dir = fresh();
    let store = open(dir.path());
    let content = bytes(5, 20_000);
    let digest = store.put(&content, Naming::Plain).unwrap();
    let path = blob_files(&dir.path().join("own/blobs"))[0].clone();
    std::fs::write(&path, &content[..100]).unwrap();
    assert!(!store.has(&digest).unwrap());
    std::fs::remove_file(&path).unwrap();
    assert!(!store.has(&digest).unwrap());
    assert_eq!(store.get(&digest).unwrap(), None);
    store.put(&content, Naming::Plain).unwrap();
    assert!(store.has(&digest).unwrap());
}

#[test]
fn readers_give_parts_of_verified_bytes_only() {
    let dir = fresh();
    let store = open(dir.path());
    for size in [100usize, 3_000_000] {
        let content = bytes(size as u64, size);
        let digest = store.put(&content, Naming::Plain).unwrap();
        let reader = store.reader(&digest).unwrap().unwrap();
        assert_eq!(reader.len(), size as u64);
        assert_eq!(&reader.read(10..60).unwrap()[..], &content[10..60]);
        assert!(matches!(
            reader.read(90..size as u64 + 1),
            Err(StoreError::RangeOutside { start: 90, .. })
        ));
        assert_eq!(
            store.read_range(&digest, 0..5).unwrap().as_deref(),
            Some(&content[..5])
        );
    }
    let path = blob_files(&dir.path().join("own/blobs"))[0].clone();
    let digest = Digest::of(&bytes(3_000_000, 3_000_000));
    std::fs::write(&path, bytes(1, 3_000_000)).unwrap();
    assert!(store.reader(&digest).unwrap().is_none());
    assert_eq!(store.quarantined(), 1);
}

#[test]
fn notes_survive_in_the_order_of_their_keys() {
    let dir = fresh();
    let long = bytes(3, 50_000);
    {
        let store = open(dir.path());
        store.set_note("pin/b", b"2").unwrap();
        store.set_note("pin/a", b"0").unwrap();
        store.set_note("pin/a", &long).unwrap();
        store.set_note("pin/c", b"3").unwrap();
        store.set_note("other", b"").unwrap();
        store.remove_note("pin/c").unwrap();
        store.remove_note("never").unwrap();
        assert!(matches!(
            store.set_note("", b"x"),
            Err(StoreError::Length { .. })
        ));
    }
    let store = open(dir.path());
    let pins = store.notes("pin/").unwrap();
    assert_eq!(
        pins.iter().map(|(key, _)| &key[..]).collect::<Vec<_>>(),
        ["pin/a", "pin/b"]
    );
    assert_eq!(&pins[0].1[..], &long[..]);
    assert_eq!(store.note("other").unwrap().as_deref(), Some(&b""[..]));
    assert_eq!(store.note("pin/c").unwrap(), None);
}
