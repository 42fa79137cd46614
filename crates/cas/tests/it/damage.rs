//! Real files cut, zeroed and flipped: opening repairs, and everything that is not damaged is there.

use crate::house::{bytes, files_below, fresh, log_file, open, open_told};
use cas::{Naming, Outcome, Recorded};
use digest::Digest;
use std::fs;
use std::path::Path;
use tempfile::TempDir;

const N: u64 = 12;

/// A store of `N` notes and small values, each committed alone; gives the log's length after each.
fn small_store() -> (TempDir, Vec<u64>) {
    let dir = fresh();
    let store = open(dir.path());
    let mut ends = vec![0];
    for n in 0..N {
        put_one(&store, n);
        ends.push(store.log_len().unwrap());
    }
    drop(store);
    assert_eq!(
        fs::metadata(log_file(dir.path())).unwrap().len(),
        ends[N as usize]
    );
    (dir, ends)
}

fn put_one(store: &cas::Store, n: u64) {
    match n % 3 {
        0 => drop(store.put(&bytes(n, 40), Naming::Plain).unwrap()),
        1 => store.set_note(&format!("note {n}"), &bytes(n, 30)).unwrap(),
        _ => {
            let outcome = Outcome::Refused(Digest::of(&bytes(n - 2, 40)));
            assert_eq!(
                store
                    .record_action(&Digest::of(&n.to_le_bytes()), &outcome)
                    .unwrap(),
                Recorded::New
            );
        }
    }
}

fn has_one(store: &cas::Store, n: u64) -> bool {
    match n % 3 {
        0 => store.get(&Digest::of(&bytes(n, 40))).unwrap().is_some(),
        1 => store
            .note(&format!("note {n}"))
            .unwrap()
            .is_some_and(|value| value == bytes(n, 30)),
        _ => store
            .action_unchecked(&Digest::of(&n.to_le_bytes()))
            .unwrap()
            .is_some(),
    }
}

fn copy_store(from: &Path) -> TempDir {
    let to = fresh();
    for path in files_below(from) {
        let target = to.path().join(path.strip_prefix(from).unwrap());
        fs::create_dir_all(target.parent().unwrap()).unwrap();
        fs::copy(path, target).unwrap();
    }
    to
}

#[test]
fn a_cut_log_keeps_every_whole_record_and_the_rest_aside() {
    let (dir, ends) = small_store();
    let full = fs::read(log_file(dir.path())).unwrap();
    let mut cuts: Vec<u64> = ends.clone();
    for pair in ends.windows(2) {
        cuts.extend([
            pair[0] + 1,
            pair[0] + 7,
            pair[0] + 12,
            (pair[0] + pair[1]) / 2,
            pair[1] - 1,
        ]);
    }
    for cut in cuts {
        let copy = copy_store(dir.path());
        fs::write(log_file(copy.path()), &full[..cut as usize]).unwrap();
        let (store, report) = open_told(copy.path());
        let whole = ends[1..].iter().filter(|end| **end <= cut).count() as u64;
        for n in 0..N {
            assert_eq!(has_one(&store, n), n < whole, "cut at {cut}, record {n}");
        }
        let torn = &full[ends[whole as usize] as usize..cut as usize];
        let zeros = torn.iter().rev().take_while(|byte| **byte == 0).count();
        assert_eq!(
            report.log_bytes_cut,
            (torn.len() - zeros) as u64,
            "cut at {cut}"
        );
        assert_eq!(
            files_below(&copy.path().join("own/quarantine")).len(),
            usize::from(report.log_bytes_cut > 0)
        );
        (whole..N).for_each(|n| put_one(&store, n));
        drop(store);
        let (store, report) = open_told(copy.path());
        assert_eq!(report, cas::OpenReport::default());
        assert!((0..N).all(|n| has_one(&store, n)));
    }
}

#[test]
fn a_damaged_record_costs_itself_only() {
    let (dir, ends) = small_store();
    let full = fs::read(log_file(dir.path())).unwrap();
    for record in 0..N as usize {
        for at in [
            ends[record],
            ends[record] + 5,
            ends[record] + 9,
            ends[record] + 20,
            ends[record + 1] - 1,
        ] {
            let copy = copy_store(dir.path());
            let mut bad = full.clone();
            bad[at as usize] ^= 0x40;
            fs::write(log_file(copy.path()), bad).unwrap();
            fs::remove_dir_all(copy.path().join("own/index")).unwrap();
            let (store, report) = open_told(copy.path());
            for n in 0..N {
                assert_eq!(
                    has_one(&store, n),
                    n != record as u64,
                    "byte {at}, record {n}"
                );
            }
            assert_eq!(
                report.log_bytes_cut + report.log_bytes_damaged,
                ends[record + 1] - ends[record]
            );
            assert!(report.index_rebuilt);
        }
    }
}

#[test]
fn a_torn_record_before_room_is_cut_off_with_the_room() {
    let (dir, ends) = small_store();
    let mut log = fs::read(log_file(dir.path())).unwrap();
    let torn = 15;
    log.truncate(ends[N as usize - 1] as usize + torn);
    log[ends[N as usize - 1] as usize + torn - 1] = 1;
    log.extend([0; 5000]);
    fs::write(log_file(dir.path()), log).unwrap();
    fs::remove_dir_all(dir.path().join("own/index")).unwrap();
    let (store, report) = open_told(dir.path());
    assert_eq!(report.log_bytes_cut, torn as u64);
    assert!((0..N).all(|n| has_one(&store, n) == (n < N - 1)));
}

#[test]
fn zeros_at_the_end_are_room_for_more() {
    let (dir, _) = small_store();
    let mut log = fs::read(log_file(dir.path())).unwrap();
    log.extend([0; 5000]);
    fs::write(log_file(dir.path()), log).unwrap();
    let (store, report) = open_told(dir.path());
    assert_eq!(report, cas::OpenReport::default());
    put_one(&store, N);
    drop(store);
    let store = open(dir.path());
    assert!((0..=N).all(|n| has_one(&store, n)));
}

#[test]
fn an_index_in_any_state_costs_nothing_but_time() {
    let (dir, _) = small_store();
    let index = dir.path().join("own/index");
    for path in files_below(&index) {
        let relative = path.strip_prefix(dir.path()).unwrap().to_owned();
        let len = fs::metadata(&path).unwrap().len();
        type Harm = Box<dyn Fn(&Path)>;
        let cut = |to: u64| -> Harm {
            Box::new(move |path| {
                fs::File::options()
                    .write(true)
                    .open(path)
                    .unwrap()
                    .set_len(to)
                    .unwrap()
            })
        };
        let fill = |byte: u8| -> Harm {
            Box::new(move |path| fs::write(path, vec![byte; len as usize]).unwrap())
        };
        let harms: Vec<Harm> = vec![
            cut(0),
            cut(1),
            cut(len / 2),
            cut(len.saturating_sub(1)),
            cut(len.saturating_sub(100)),
            fill(0),
            fill(0xff),
            Box::new(|path| fs::remove_file(path).unwrap()),
        ];
        for (n, harm) in harms.iter().enumerate() {
            let copy = copy_store(dir.path());
            harm(&copy.path().join(&relative));
            let (store, report) = open_told(copy.path());
            assert!(
                (0..N).all(|n| has_one(&store, n)),
                "harm {n} to {}: {report:?}",
                relative.display()
            );
            if let Some(aside) = &report.index_moved_to {
                assert!(report.index_rebuilt && aside.exists());
            }
            put_one(&store, 99);
            drop(store);
            assert!(has_one(&open(copy.path()), 99));
        }
    }
}

#[test]
fn flipped_bytes_in_the_index_never_give_wrong_bytes() {
    let (dir, _) = small_store();
    let db = dir.path().join("own/index/db");
    let good = fs::read(&db).unwrap();
    let used = good.iter().rposition(|byte| *byte != 0).unwrap();
    for step in 0..40 {
        let copy = copy_store(dir.path());
        let mut bad = good.clone();
        bad[used * step / 40] ^= 0xff;
        fs::write(copy.path().join("own/index/db"), bad).unwrap();
        let (store, _) = open_told(copy.path());
        for n in (0..N).step_by(3) {
            let content = bytes(n, 40);
            if let Some(found) = store.get(&Digest::of(&content)).unwrap() {
                assert_eq!(found, content);
            }
        }
    }
}

#[test]
fn a_log_that_is_gone_takes_the_index_with_it() {
    let (dir, _) = small_store();
    fs::remove_file(log_file(dir.path())).unwrap();
    let (store, _) = open_told(dir.path());
    assert!((0..N).all(|n| !has_one(&store, n)));
    put_one(&store, 1);
    assert!(has_one(&store, 1));
}
