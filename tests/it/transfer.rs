//! Artefacts cross the wire in chunks, whole or not at all, and what is bound to a site does not cross it.

use cas::{Naming, Store, StoreConfig};
use coordinator::serve::{Coordinator, Settings};
use coordinator::state::Rules;
use digest::Digest;
use proto::loom_client::LoomClient;
use proto::{UploadChunk, UploadQuery, to_wire};
use tonic::Code;
use worker::transfer::{TransferError, download, upload};

fn store(dir: &std::path::Path, create_key: bool) -> Store {
    Store::open(StoreConfig {
        dir: dir.to_owned(),
        shared: None,
        create_key,
    })
    .unwrap()
    .0
}

struct House {
    coordinator: Coordinator,
    connect: worker::session::Connector,
    dir: tempfile::TempDir,
}

fn house() -> House {
    let dir = tempfile::tempdir().unwrap();
    let settings = Settings {
        state: dir.path().join("state"),
        rules: Rules::production(),
        heartbeat_ms: 1_000,
    };
    let coordinator = Coordinator::start(&settings).unwrap();
    let connect = coordinator.serve_in_process();
    House {
        coordinator,
        connect,
        dir,
    }
}

/// Bytes that do not repeat within a chunk.
fn bytes(len: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut out = Vec::with_capacity(len + 8);
    while out.len() < len {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        out.extend_from_slice(&state.to_le_bytes());
    }
    out.truncate(len);
    out
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_mebibytes_go_up_and_come_down() {
    let house = house();
    let (here, there) = (
        store(&house.dir.path().join("a"), false),
        store(&house.dir.path().join("b"), false),
    );
    let content = bytes(200 << 20);
    let digest = here.put(&content, Naming::Plain).unwrap();
    let mut client = LoomClient::new((house.connect)());
    upload(&mut client, &here, digest).await.unwrap();
    assert!(house.coordinator.hub.store.get(&digest).unwrap().unwrap() == content);
    // The hub's worker may fetch anything; its name is known once it has opened a session.
    house.coordinator.hub.worker_no("hub-worker", "hub");
    download(&mut client, &there, digest, "hub-worker")
        .await
        .unwrap();
    assert!(there.get(&digest).unwrap().unwrap() == content);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_upload_goes_on_at_its_chunk_and_wrong_bytes_are_never_taken() {
    let house = house();
    let here = store(&house.dir.path().join("a"), false);
    let content = bytes(3 << 20);
    let digest = here.put(&content, Naming::Plain).unwrap();
    let len = content.len() as u64;
    let mut client = LoomClient::new((house.connect)());
    let chunk = |offset: u64, data: &[u8]| UploadChunk {
        digest: to_wire(&digest),
        len,
        offset,
        data: data.to_vec().into(),
    };
    // Half of it arrives, then the stream ends.
    let half = vec![
        chunk(0, &content[..1 << 20]),
        chunk(1 << 20, &content[1 << 20..2 << 20]),
    ];
    let state = client
        .upload(tokio_stream::iter(half))
        .await
        .unwrap()
        .into_inner();
    assert_eq!((state.offset, state.complete), (2 << 20, false));
    let query = UploadQuery {
        digest: to_wire(&digest),
        len,
    };
    let asked = client
        .upload_offset(query.clone())
        .await
        .unwrap()
        .into_inner();
    assert_eq!((asked.offset, asked.complete), (2 << 20, false));
    // A chunk for another place is turned away.
    let wrong = client
        .upload(tokio_stream::iter(vec![chunk(7, &content[7..9])]))
        .await
        .unwrap_err();
    assert_eq!(wrong.code(), Code::OutOfRange, "{wrong:?}");
    // Other bytes than the digest says are turned away as a whole.
    let mut bad = content[2 << 20..].to_vec();
    bad[5] ^= 1;
    let damaged = client
        .upload(tokio_stream::iter(vec![chunk(2 << 20, &bad)]))
        .await
        .unwrap_err();
    assert_eq!(damaged.code(), Code::DataLoss, "{damaged:?}");
    assert!(!house.coordinator.hub.store.has(&digest).unwrap());
    upload(&mut client, &here, digest).await.unwrap();
    assert!(
        client
            .upload_offset(query)
            .await
            .unwrap()
            .into_inner()
            .complete
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_bound_to_a_site_stays_there_whoever_asks() {
    let house = house();
    let here = store(&house.dir.path().join("a"), true);
    let content = bytes(100_000);
    let digest = here.put(&content, Naming::Keyed).unwrap();
    let mut client = LoomClient::new((house.connect)());
    // The worker refuses before it dials.
    assert!(
        matches!(upload(&mut client, &here, digest).await, Err(TransferError::SiteBound(d)) if d == digest)
    );
    // The coordinator refuses a worker that would not.
    let chunk = UploadChunk {
        digest: to_wire(&digest),
        len: content.len() as u64,
        offset: 0,
        data: content.into(),
    };
    let refused = client
        .upload(tokio_stream::iter(vec![chunk]))
        .await
        .unwrap_err();
    assert_eq!(refused.code(), Code::PermissionDenied);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_site_fetches_only_inputs_of_its_leases() {
    let house = house();
    let there = store(&house.dir.path().join("b"), true);
    let hub = &house.coordinator.hub;
    let digest = hub
        .store
        .put(b"patient-level features of another site", Naming::Plain)
        .unwrap();
    hub.worker_no("w1", "c1");
    let mut client = LoomClient::new((house.connect)());
    assert!(
        matches!(download(&mut client, &there, digest, "w1").await, Err(TransferError::Refused(text)) if text.contains("PermissionDenied"))
    );
    hub.allow("w1", [digest]);
    download(&mut client, &there, digest, "w1").await.unwrap();
    let absent = Digest::of(b"nowhere");
    hub.allow("w1", [absent]);
    assert!(
        matches!(download(&mut client, &there, absent, "w1").await, Err(TransferError::Absent(d)) if d == absent)
    );
}
