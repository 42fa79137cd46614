//! The action cache.

use crate::house::{blob_files, bytes, fresh, open};
use cas::{Naming, Outcome, Output, Recorded, Store};
use digest::Digest;

fn output(store: &Store, port: &str, content: &[u8], naming: Naming) -> Output {
    let digest = store.put(content, naming).unwrap();
    Output {
        port: port.into(),
        digest,
        len: content.len() as u64,
    }
}

#[test]
fn an_outcome_is_found_again_in_the_order_of_ports() {
    let dir = fresh();
    let recipe = Digest::of(b"recipe");
    let (a, b);
    {
        let store = open(dir.path());
        a = output(&store, "a", b"one", Naming::Plain);
        b = output(&store, "b", &bytes(1, 9000), Naming::Keyed);
        let outcome = Outcome::Outputs(vec![b.clone(), a.clone()]);
        assert_eq!(
            store.record_action(&recipe, &outcome).unwrap(),
            Recorded::New
        );
        assert_eq!(
            store.record_action(&recipe, &outcome).unwrap(),
            Recorded::Same
        );
    }
    assert_eq!(
        open(dir.path()).action(&recipe).unwrap(),
        Some(Outcome::Outputs(vec![a, b]))
    );
}

#[test]
fn another_outcome_replaces_nothing_until_a_person_forgets_the_first() {
    let dir = fresh();
    let store = open(dir.path());
    let recipe = Digest::of(b"recipe");
    let first = Outcome::Refused(store.put(b"no voxels", Naming::Plain).unwrap());
    let second = Outcome::Outputs(vec![output(&store, "a", b"one", Naming::Plain)]);
    assert_eq!(store.record_action(&recipe, &first).unwrap(), Recorded::New);
    assert_eq!(
        store.record_action(&recipe, &second).unwrap(),
        Recorded::Diverged {
            existing: first.clone()
        }
    );
    assert_eq!(store.action(&recipe).unwrap(), Some(first));
    store.forget_action(&recipe).unwrap();
    assert_eq!(store.action(&recipe).unwrap(), None);
    assert_eq!(
        store.record_action(&recipe, &second).unwrap(),
        Recorded::New
    );
    drop(store);
    assert_eq!(open(dir.path()).action(&recipe).unwrap(), Some(second));
}

#[test]
fn a_missing_plain_output_is_a_miss_a_keyed_one_is_for_the_caller() {
    let dir = fresh();
    let store = open(dir.path());
    let (with_plain, with_keyed) = (Digest::of(b"p"), Digest::of(b"k"));
    let plain = Outcome::Outputs(vec![output(&store, "a", &bytes(1, 9000), Naming::Plain)]);
    let elsewhere = Output {
        port: "a".into(),
        digest: Digest::from_parts(true, [1; 32]),
        len: 5,
    };
    let keyed = Outcome::Outputs(vec![elsewhere]);
    store.record_action(&with_plain, &plain).unwrap();
    store.record_action(&with_keyed, &keyed).unwrap();
    assert!(store.action(&with_plain).unwrap().is_some());
    std::fs::remove_file(&blob_files(&dir.path().join("own/blobs"))[0]).unwrap();
    assert_eq!(store.action(&with_plain).unwrap(), None);
    assert_eq!(store.action_unchecked(&with_plain).unwrap(), Some(plain));
    assert_eq!(store.action(&with_keyed).unwrap(), Some(keyed));
}

#[test]
fn a_batch_holds_outputs_and_the_records_that_name_them() {
    let dir = fresh();
    {
        let store = open(dir.path());
        let mut batch = store.batch();
        for n in 0..50u64 {
            let content = bytes(n, 300);
            let digest = batch.put(content, Naming::Plain).unwrap();
            let recipe = batch
                .put(format!("recipe {n}").into_bytes(), Naming::Plain)
                .unwrap();
            batch.record_action(
                recipe,
                Outcome::Outputs(vec![Output {
                    port: "out".into(),
                    digest,
                    len: 300,
                }]),
            );
        }
        let twice = Digest::of(b"recipe 7");
        batch.record_action(twice, Outcome::Refused(Digest::of(b"recipe 7")));
        let committed = store.commit(batch).unwrap();
        assert_eq!(committed.digests.len(), 100);
        assert!(
            committed.actions[..50]
                .iter()
                .all(|recorded| *recorded == Recorded::New)
        );
        assert!(matches!(committed.actions[50], Recorded::Diverged { .. }));
    }
    let store = open(dir.path());
    for n in 0..50 {
        assert!(
            store
                .action(&Digest::of(format!("recipe {n}").as_bytes()))
                .unwrap()
                .is_some()
        );
    }
}

#[test]
fn of_many_threads_with_different_outcomes_one_wins() {
    let dir = fresh();
    let store = open(dir.path());
    for round in 0..20u64 {
        let recipe = Digest::of(&round.to_le_bytes());
        let record = |n: u64| {
            let reason = store.put(&n.to_le_bytes(), Naming::Plain).unwrap();
            store
                .record_action(&recipe, &Outcome::Refused(reason))
                .unwrap()
        };
        let record = &record;
        let recorded: Vec<Recorded> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..4).map(|n| scope.spawn(move || record(n))).collect();
            threads
                .into_iter()
                .map(|thread| thread.join().unwrap())
                .collect()
        });
        assert_eq!(
            recorded
                .iter()
                .filter(|recorded| **recorded == Recorded::New)
                .count(),
            1
        );
        let stands = store.action(&recipe).unwrap().unwrap();
        for one in recorded {
            assert!(
                matches!(one, Recorded::New)
                    || one
                        == Recorded::Diverged {
                            existing: stands.clone()
                        }
            );
        }
    }
}
