//! A real process, killed without warning while it writes.

use crate::house::{bytes, config, fresh, open_told};
use cas::{Naming, Outcome, Store, StoreError};
use digest::Digest;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};

const DIR: &str = "CAS_TEST_CHILD_DIR";

/// Not a test of its own: the process that is killed. Tells every commit after it was acknowledged.
#[test]
fn child_that_writes_until_it_is_killed() {
    let Some(dir) = std::env::var_os(DIR) else {
        return;
    };
    let (store, _) = Store::open(config(dir.as_ref())).unwrap();
    println!("open");
    for n in 0.. {
        commit(&store, n);
        println!("done {n}");
        std::io::stdout().flush().unwrap();
    }
}

fn commit(store: &Store, n: u64) {
    let mut batch = store.batch();
    let reason = batch
        .put(bytes(n, 200 + 3000 * (n as usize % 3)), Naming::Plain)
        .unwrap();
    batch.put(bytes(n, 500), Naming::Keyed).unwrap();
    batch.record_action(Digest::of(&n.to_le_bytes()), Outcome::Refused(reason));
    store.commit(batch).unwrap();
}

fn start(dir: &std::path::Path) -> (Child, BufReader<std::process::ChildStdout>) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "killed::child_that_writes_until_it_is_killed",
            "--nocapture",
        ])
        .env(DIR, dir)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let stdout = BufReader::new(child.stdout.take().unwrap());
    (child, stdout)
}

#[test]
fn a_killed_process_leaves_everything_it_acknowledged() {
    let dir = fresh();
    for round in 1..=4 {
        let (mut child, stdout) = start(dir.path());
        let mut lines = stdout
            .lines()
            .map(|line| line.unwrap())
            .filter(|line| line.contains("open") || line.contains("done"));
        assert!(lines.next().unwrap().contains("open"));
        let error = Store::open(config(dir.path())).unwrap_err();
        assert!(
            matches!(error, StoreError::Locked { pid: Some(pid), .. } if pid == child.id()),
            "{error}"
        );
        let last = lines.nth(30 * round).unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
        let acknowledged = lines.last().unwrap_or(last);
        let acknowledged: u64 = acknowledged.rsplit(' ').next().unwrap().parse().unwrap();
        let (store, report) = open_told(dir.path());
        assert!(!report.index_rebuilt || round == 1, "{report:?}");
        for n in 0..=acknowledged {
            assert!(
                store
                    .action(&Digest::of(&n.to_le_bytes()))
                    .unwrap()
                    .is_some(),
                "commit {n}"
            );
            let content = bytes(n, 500);
            let keyed = Digest::keyed(&store.site_key().unwrap(), &content);
            assert_eq!(store.get(&keyed).unwrap().as_deref(), Some(&content[..]));
        }
        assert_eq!(store.verify().unwrap().damaged, []);
    }
}
