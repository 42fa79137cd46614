//! Long random histories against plain maps.

use crate::house::{bytes, fresh, open};
use cas::{Naming, Outcome, Recorded, Store};
use digest::Digest;
use std::collections::{BTreeMap, BTreeSet};

#[derive(Default)]
struct Model {
    blobs: BTreeMap<Digest, Vec<u8>>,
    notes: BTreeMap<String, Vec<u8>>,
    actions: BTreeMap<Digest, Outcome>,
}

fn next(state: &mut u64, below: u64) -> u64 {
    *state = state
        .wrapping_mul(6_364_136_223_846_793_005)
        .wrapping_add(1_442_695_040_888_963_407);
    (*state >> 33) % below
}

impl Model {
    fn step(&mut self, store: &Store, state: &mut u64) {
        let n = next(state, 12);
        let size = [5, 300, 4096, 4097, 20_000][next(state, 5) as usize];
        match next(state, 10) {
            0..=3 => {
                let naming = if n.is_multiple_of(2) {
                    Naming::Plain
                } else {
                    Naming::Keyed
                };
                let content = bytes(n, size);
                self.blobs
                    .insert(store.put(&content, naming).unwrap(), content);
            }
            4 | 5 => {
                store
                    .set_note(&format!("note {n}"), &bytes(*state, size))
                    .unwrap();
                self.notes.insert(format!("note {n}"), bytes(*state, size));
            }
            6 => {
                store.remove_note(&format!("note {n}")).unwrap();
                self.notes.remove(&format!("note {n}"));
            }
            7 => {
                let (recipe, outcome) = (
                    Digest::of(&n.to_le_bytes()),
                    Outcome::Refused(Digest::of(&[next(state, 2) as u8])),
                );
                let expected = match self.actions.get(&recipe) {
                    None => Recorded::New,
                    Some(there) if *there == outcome => Recorded::Same,
                    Some(there) => Recorded::Diverged {
                        existing: there.clone(),
                    },
                };
                assert_eq!(store.record_action(&recipe, &outcome).unwrap(), expected);
                self.actions.entry(recipe).or_insert(outcome);
            }
            8 => {
                store.forget_action(&Digest::of(&n.to_le_bytes())).unwrap();
                self.actions.remove(&Digest::of(&n.to_le_bytes()));
            }
            _ => self.collect(store, state),
        }
    }

    /// Keeps about half of the blobs, and all actions by their recipes.
    fn collect(&mut self, store: &Store, state: &mut u64) {
        if next(state, 4) > 0 {
            return;
        }
        self.blobs.retain(|_, _| next(state, 2) == 0);
        let roots: BTreeSet<Digest> = self
            .blobs
            .keys()
            .chain(self.actions.keys())
            .copied()
            .collect();
        store.gc(&roots, false).unwrap();
    }

    fn check(&self, store: &Store, context: &str) {
        let listed: BTreeSet<Digest> = store.list().map(|entry| entry.unwrap().digest).collect();
        assert!(
            listed == self.blobs.keys().copied().collect(),
            "{context}: listing"
        );
        for (digest, content) in &self.blobs {
            assert!(
                store
                    .get(digest)
                    .unwrap()
                    .is_some_and(|found| found == content),
                "{context}: {digest}"
            );
        }
        let notes: BTreeMap<String, Vec<u8>> = store
            .notes("")
            .unwrap()
            .into_iter()
            .map(|(key, value)| (key, value.to_vec()))
            .collect();
        assert!(notes == self.notes, "{context}: notes");
        for n in 0..12u64 {
            let recipe = Digest::of(&n.to_le_bytes());
            assert_eq!(
                store.action_unchecked(&recipe).unwrap().as_ref(),
                self.actions.get(&recipe),
                "{context}"
            );
        }
    }
}

#[test]
fn a_store_is_what_its_history_says() {
    for seed in 0..6 {
        let dir = fresh();
        let (mut model, mut state) = (Model::default(), seed);
        for life in 0..5 {
            let store = open(dir.path());
            model.check(&store, &format!("seed {seed}, life {life}, opened"));
            for _ in 0..60 {
                model.step(&store, &mut state);
            }
            model.check(&store, &format!("seed {seed}, life {life}, at work"));
            drop(store);
            if life % 2 == 1 {
                std::fs::remove_dir_all(dir.path().join("own/index")).unwrap();
            }
        }
    }
}

#[test]
fn many_threads_at_once_lose_nothing() {
    fn shareable<T: Send + Sync + Clone + 'static>(_: &T) {}
    let dir = fresh();
    {
        let store = open(dir.path());
        shareable(&store);
        std::thread::scope(|scope| {
            for thread in 0..8u64 {
                let store = store.clone();
                scope.spawn(move || {
                    for n in 0..100 {
                        let content =
                            bytes(1000 * thread + n, if n % 10 == 0 { 6000 } else { 100 });
                        let digest = store.put(&content, Naming::Plain).unwrap();
                        assert!(store.has(&digest).unwrap());
                        store.set_note("shared", &content).unwrap();
                        store.set_note(&format!("of {thread}"), &content).unwrap();
                        assert!(
                            store
                                .note(&format!("of {thread}"))
                                .unwrap()
                                .is_some_and(|value| value == content)
                        );
                    }
                });
            }
        });
        std::fs::write(
            dir.path().join("shared"),
            store.note("shared").unwrap().unwrap(),
        )
        .unwrap();
    }
    let last = std::fs::read(dir.path().join("shared")).unwrap();
    std::fs::remove_dir_all(dir.path().join("own/index")).unwrap();
    let store = open(dir.path());
    assert_eq!(store.list().count(), 800);
    assert!(
        store
            .note("shared")
            .unwrap()
            .is_some_and(|value| value == last),
        "memory and log agree on the order"
    );
}
