//! The n-th change of the disk fails, for every n: what was acknowledged before is there after reopening.

use crate::house::{bytes, config, fresh, open};
use cas::{DiskAct, Faults, Naming, Outcome, Output, Result, Store};
use digest::Digest;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What the store has acknowledged.
#[derive(Default)]
struct Promised {
    blobs: Vec<(Digest, Vec<u8>)>,
    actions: Vec<(Digest, Outcome)>,
    notes: Vec<(String, Option<Vec<u8>>)>,
    collected: bool,
}

impl Promised {
    /// Goes on after a failure when told to, as a program does whose disk was full for a moment.
    fn work(&mut self, store: &Store) {
        for n in 0..4u64 {
            let _ = self.round(store, n);
        }
        let roots: BTreeSet<Digest> = self.blobs.iter().map(|(digest, _)| *digest).collect();
        let recipes = self.actions.iter().map(|(recipe, _)| *recipe);
        let _ = store.gc(&roots.into_iter().chain(recipes).collect(), false);
        self.collected = true;
        let _ = self.round(store, 4);
    }

    fn round(&mut self, store: &Store, n: u64) -> Result<()> {
        for (size, naming) in [
            (100, Naming::Plain),
            (9000, Naming::Plain),
            (200, Naming::Keyed),
        ] {
            let content = bytes(n * 10 + size, size as usize);
            self.blobs.push((store.put(&content, naming)?, content));
        }
        let mut batch = store.batch();
        let output = bytes(n * 10 + 1, 6000);
        let digest = batch.put(output.clone(), Naming::Plain)?;
        let recipe = Digest::of(&n.to_le_bytes());
        let outcome = Outcome::Outputs(vec![Output {
            port: "out".into(),
            digest,
            len: 6000,
        }]);
        batch.record_action(recipe, outcome.clone());
        store.commit(batch)?;
        self.blobs.push((digest, output.clone()));
        self.actions.push((recipe, outcome));
        let view = store.put_slices(&digest, &[10..3000, 4000..5000])?;
        self.blobs
            .push((view, [&output[10..3000], &output[4000..5000]].concat()));
        let key = format!("note {}", n % 2);
        let value = n.to_le_bytes().to_vec();
        // a write that failed may still have happened: until it is known, either value is right
        self.notes.retain(|(other, _)| *other != key);
        store.set_note(&key, &value)?;
        self.notes.push((key, Some(value)));
        let content = bytes(n * 10 + 2, 7000);
        let mut upload = store.upload(&Digest::of(&content), 7000)?;
        let offset = upload.offset();
        upload.write(offset, &content[offset as usize..])?;
        self.blobs.push((upload.finish()?, content));
        Ok(())
    }

    #[track_caller]
    fn check(&self, store: &Store, context: &str) {
        for (digest, content) in &self.blobs {
            assert_eq!(
                store.get(digest).unwrap().as_deref(),
                Some(&content[..]),
                "{context}: {digest}"
            );
        }
        for (recipe, outcome) in &self.actions {
            assert_eq!(
                store.action(recipe).unwrap().as_ref(),
                Some(outcome),
                "{context}"
            );
        }
        for (key, value) in &self.notes {
            assert_eq!(
                store.note(key).unwrap().as_deref(),
                value.as_deref(),
                "{context}: {key}"
            );
        }
    }
}

fn run(dir: &Path, faults: &Arc<Faults>) -> Promised {
    let mut promised = Promised::default();
    if let Ok((store, _)) = Store::open_with_faults(config(dir), Some(faults.clone())) {
        promised.work(&store);
        promised.check(&store, "before reopening");
    }
    promised
}

fn every_fault(make: fn(u64) -> Arc<Faults>) {
    let mut n = 0;
    loop {
        let dir = fresh();
        let faults = make(n);
        let promised = run(dir.path(), &faults);
        promised.check(&open(dir.path()), &format!("fault at change {n}"));
        if faults.acts() <= n {
            break;
        }
        n += 1;
    }
    assert!(n > 100, "only {n} changes were made to fail");
}

#[test]
fn a_process_that_dies_at_any_change_keeps_its_promises() {
    every_fault(Faults::die_at);
}

#[test]
fn a_disk_that_fails_once_at_any_change_breaks_no_promise() {
    every_fault(Faults::fail_once_at);
}

/// Bytes and names that a loss of power would take, after these changes; asserts the order on the way.
fn undurable(trace: &[DiskAct]) -> BTreeSet<PathBuf> {
    let (mut bytes, mut names) = (BTreeSet::new(), BTreeSet::new());
    for act in trace {
        match act {
            DiskAct::Write(path) => {
                let is_log = path.to_string_lossy().contains("/log/");
                assert!(
                    !is_log || names.is_empty(),
                    "log written before {names:?} was durable"
                );
                bytes.insert(path.clone());
            }
            DiskAct::Sync(path) => drop(bytes.remove(path)),
            DiskAct::Rename(from, to) => {
                assert!(
                    !bytes.contains(from),
                    "{} was named before its bytes were durable",
                    to.display()
                );
                names.insert(to.parent().unwrap().to_owned());
            }
            DiskAct::CreateFolder(path) => drop(names.insert(path.parent().unwrap().to_owned())),
            DiskAct::SyncFolder(path) => drop(names.remove(path)),
            _ => {}
        }
    }
    bytes.into_iter().chain(names).collect()
}

#[test]
fn names_come_after_bytes_and_the_log_after_both() {
    let dir = fresh();
    let faults = Faults::none();
    run(dir.path(), &faults);
    assert_eq!(undurable(&faults.trace()), BTreeSet::new());
    assert!(
        faults
            .trace()
            .iter()
            .filter(|act| matches!(act, DiskAct::Rename(..)))
            .count()
            > 15
    );
}

#[test]
fn nothing_is_acknowledged_that_a_loss_of_power_would_take() {
    let dir = fresh();
    let faults = Faults::none();
    let (store, _) = Store::open_with_faults(config(dir.path()), Some(faults.clone())).unwrap();
    let acknowledged =
        |what: &str| assert_eq!(undurable(&faults.trace()), BTreeSet::new(), "{what}");
    acknowledged("open");
    store.put(b"small", Naming::Plain).unwrap();
    acknowledged("a small value");
    let large = store.put(&bytes(1, 9000), Naming::Plain).unwrap();
    acknowledged("a file");
    let keyed = store.put(&bytes(1, 9000), Naming::Keyed).unwrap();
    acknowledged("a keyed file");
    store.put_slices(&large, &[1..8000]).unwrap();
    acknowledged("a view");
    store.put_slices(&keyed, &[1..8000]).unwrap();
    acknowledged("a keyed view");
    store
        .record_action(&large, &Outcome::Refused(large))
        .unwrap();
    acknowledged("an action");
    store.set_note("note", b"1").unwrap();
    acknowledged("a note");
    for naming in [Naming::Plain, Naming::Keyed] {
        let content = bytes(2, 9000);
        let mut upload = store
            .upload(&store.name(&content, naming).unwrap(), 9000)
            .unwrap();
        upload.write(0, &content).unwrap();
        upload.finish().unwrap();
        acknowledged("an upload");
    }
    store.gc(&BTreeSet::from([large]), false).unwrap();
    acknowledged("garbage collection");
}
