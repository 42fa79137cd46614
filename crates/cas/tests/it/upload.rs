//! Uploads go on where they stopped and never let wrong bytes in.

use crate::house::{blob_files, bytes, config, files_below, fresh, open};
use cas::{Naming, Store, StoreConfig, StoreError};
use digest::Digest;

const CHUNK: usize = 30_000;

fn send(store: &Store, digest: &Digest, content: &[u8], stop_after: usize) {
    let mut upload = store.upload(digest, content.len() as u64).unwrap();
    for _ in 0..stop_after {
        let begin = upload.offset() as usize;
        let end = (begin + CHUNK).min(content.len());
        upload.write(begin as u64, &content[begin..end]).unwrap();
    }
    if upload.offset() == content.len() as u64 {
        assert_eq!(upload.finish().unwrap(), *digest);
    }
}

#[test]
fn an_upload_goes_on_after_a_restart() {
    for naming in [Naming::Plain, Naming::Keyed] {
        let dir = fresh();
        let content = bytes(1, 100_000);
        let digest = open(dir.path()).name(&content, naming).unwrap();
        send(&open(dir.path()), &digest, &content, 2);
        let store = open(dir.path());
        assert!(!store.has(&digest).unwrap());
        assert_eq!(
            store.upload(&digest, 100_000).unwrap().offset(),
            2 * CHUNK as u64
        );
        send(&store, &digest, &content, 2);
        assert_eq!(store.get(&digest).unwrap().as_deref(), Some(&content[..]));
        assert_eq!(files_below(&dir.path().join("own/uploads")).len(), 0);
        drop(store);
        assert_eq!(
            open(dir.path()).get(&digest).unwrap().as_deref(),
            Some(&content[..])
        );
    }
}

#[test]
fn small_and_empty_uploads_become_small_values() {
    let dir = fresh();
    let store = open(dir.path());
    for size in [0, 1, 4096] {
        let content = bytes(9, size);
        send(
            &store,
            &Digest::of(&content),
            &content,
            usize::from(size > 0),
        );
        assert_eq!(
            store.get(&Digest::of(&content)).unwrap().as_deref(),
            Some(&content[..])
        );
    }
    assert!(blob_files(dir.path()).is_empty());
}

#[test]
fn what_is_here_need_not_be_sent() {
    let dir = fresh();
    let store = open(dir.path());
    let digest = store.put(&bytes(1, 9000), Naming::Plain).unwrap();
    let upload = store.upload(&digest, 9000).unwrap();
    assert_eq!(upload.offset(), 9000);
    assert_eq!(upload.finish().unwrap(), digest);
}

#[test]
fn wrong_bytes_are_refused_and_thrown_away() {
    let dir = fresh();
    let store = open(dir.path());
    let (right, wrong) = (bytes(1, 9000), bytes(2, 9000));
    let digest = Digest::of(&right);
    let mut upload = store.upload(&digest, 9000).unwrap();
    upload.write(0, &wrong).unwrap();
    let error = upload.finish().unwrap_err();
    assert!(
        matches!(error, StoreError::UploadContent { expected, actual } if expected == digest && actual == Digest::of(&wrong))
    );
    assert!(!store.has(&digest).unwrap());
    send(&store, &digest, &right, 1);
    assert!(store.has(&digest).unwrap());
}

#[test]
fn a_part_that_was_spoilt_on_the_disk_is_found_out() {
    let dir = fresh();
    let content = bytes(1, 100_000);
    let digest = Digest::of(&content);
    send(&open(dir.path()), &digest, &content, 2);
    let part = files_below(&dir.path().join("own/uploads"))[0].clone();
    std::fs::write(&part, vec![0; 2 * CHUNK]).unwrap();
    let store = open(dir.path());
    let mut upload = store.upload(&digest, 100_000).unwrap();
    upload
        .write(2 * CHUNK as u64, &content[2 * CHUNK..])
        .unwrap();
    assert!(matches!(
        upload.finish(),
        Err(StoreError::UploadContent { .. })
    ));
    send(&store, &digest, &content, 4);
    assert!(store.has(&digest).unwrap());
}

#[test]
fn pieces_must_follow_each_other_and_keep_to_the_length() {
    let dir = fresh();
    let store = open(dir.path());
    let content = bytes(1, 9000);
    let digest = Digest::of(&content);
    let mut upload = store.upload(&digest, 9000).unwrap();
    upload.write(0, &content[..5000]).unwrap();
    let again = upload.write(0, &content[..5000]).unwrap_err();
    assert!(matches!(
        again,
        StoreError::UploadOffset {
            expected: 5000,
            got: 0,
            ..
        }
    ));
    let long = upload.write(5000, &bytes(1, 4001)).unwrap_err();
    assert!(matches!(
        long,
        StoreError::UploadLength {
            got: 9001,
            total: 9000,
            ..
        }
    ));
    assert!(matches!(
        store.upload(&digest, 9000),
        Err(StoreError::UploadBusy { .. })
    ));
    assert!(matches!(
        upload.finish(),
        Err(StoreError::UploadLength { got: 5000, .. })
    ));
    assert_eq!(store.upload(&digest, 9000).unwrap().offset(), 5000);
    assert_eq!(
        store.upload(&digest, 4000).unwrap().offset(),
        0,
        "longer than announced cannot be right"
    );
}

#[test]
fn keyed_uploads_land_in_the_folder_of_the_site() {
    let dir = fresh();
    let (own, shared) = (dir.path().join("own"), Some(dir.path().join("site")));
    let (store, _) = Store::open(StoreConfig {
        dir: own,
        shared,
        create_key: true,
    })
    .unwrap();
    let content = bytes(7, 500);
    let digest = store.name(&content, Naming::Keyed).unwrap();
    send(&store, &digest, &content, 1);
    assert_eq!(blob_files(&dir.path().join("site/keyed")).len(), 1);
    drop(store);
    let keyless = StoreConfig {
        create_key: false,
        ..config(&dir.path().join("hub"))
    };
    std::fs::create_dir_all(dir.path().join("hub")).unwrap();
    let (hub, _) = Store::open(keyless).unwrap();
    assert!(matches!(
        hub.upload(&digest, 500),
        Err(StoreError::NoSiteKey)
    ));
}
