//! What the parts of the shell share: the store, the ways to the loop and the intake, who announced what.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use cas::Store;
use digest::Digest;
use pipeline_defs::snapshot::{Snapshot, SnapshotPatient};
use proto::{TaskResult, ToWorker};
use tokio::sync::mpsc::UnboundedSender;
use tokio::sync::oneshot;

use crate::event::{Event, Hello};
use crate::state::{Ms, RunNo, WorkerNo};

/// A message to the thread that owns the state.
#[derive(Debug)]
pub enum Message {
    /// Something happened.
    Event(Event),
    /// Several things happened, in this order.
    Events(Vec<Event>),
    /// A session opened; replies go into the sink.
    Join {
        /// The worker.
        worker: WorkerNo,
        /// Which of its sessions.
        session: u64,
        /// What it said.
        hello: Hello,
        /// The way back.
        sink: UnboundedSender<ToWorker>,
    },
    /// A session ended.
    Part {
        /// The worker.
        worker: WorkerNo,
        /// Which of its sessions.
        session: u64,
    },
    /// A run has a plan.
    Start(crate::run_loop::Start),
    /// A run changed its phase outside the state.
    Phase {
        /// Its id.
        run: String,
        /// Its phase and what is wrong or missing.
        phase: crate::run_loop::Outside,
    },
    /// A run's record is written.
    Recorded {
        /// Which.
        run: RunNo,
        /// What it published.
        result: Result<crate::finish::RunResult, String>,
    },
    /// What a run publishes was damaged in the store; it is set aside and has to be made again.
    Damaged {
        /// Which.
        run: RunNo,
    },
    /// Somebody asks.
    Ask(crate::run_loop::Question),
    /// The end.
    Stop(oneshot::Sender<()>),
}

/// What the intake makes durable, in the order in which it comes.
#[derive(Debug)]
pub enum Intake {
    /// Canonical bytes of recipes, and the leases of them, which go out when the recipes are durable: a result always
    /// finds its recipe, over any crash.
    Recipes(Vec<Vec<u8>>, Vec<(UnboundedSender<ToWorker>, ToWorker)>),
    /// Results.
    Results(Delivery),
    /// The end: what came before it is made durable.
    Stop,
}

/// Results on their way to the store.
#[derive(Debug)]
pub struct Delivery {
    /// From whom.
    pub worker: WorkerNo,
    /// What.
    pub results: Vec<TaskResult>,
}

/// What one worker announced.
#[derive(Clone, Debug, Default)]
pub struct Announced {
    /// Where its artefacts are; workers of one place share a key, so their digests can be compared.
    pub place: String,
    /// Patients with their items.
    pub patients: BTreeMap<String, BTreeMap<String, Digest>>,
    /// The table of shared columns.
    pub table: Option<Digest>,
    /// Whether the last part has come.
    pub complete: bool,
    /// The session in which it was said.
    pub session: u64,
}

/// Shared by sessions, control calls and the two threads. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Hub {
    /// The coordinator's store.
    pub store: Store,
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    to_loop: Mutex<Sender<Message>>,
    to_intake: Mutex<Sender<Intake>>,
    workers: Mutex<HashMap<String, (WorkerNo, String)>>,
    next_session: AtomicU32,
    board: Mutex<BTreeMap<String, BTreeMap<String, Announced>>>,
    board_changed: tokio::sync::Notify,
    naming: Mutex<()>,
    allowed: RwLock<HashMap<String, HashSet<Digest>>>,
    started: Instant,
    started_unix_ms: u64,
}

/// Why there is no snapshot yet, or none at all.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    /// These sites have no worker that announced its cohort.
    #[error("no cohort announced yet by {}; start `radloom-worker join … --site NAME --cohort cohort.toml` there", .0.join(", "))]
    Waiting(Vec<String>),
    /// Two workers of one site contradict each other.
    #[error(
        "workers {first} and {second} of site {site} announce different {what}; let them use the same cohort file"
    )]
    Contradiction {
        /// The site.
        site: String,
        /// One worker.
        first: String,
        /// The other.
        second: String,
        /// What differs.
        what: String,
    },
}

impl Hub {
    /// Ties the ways together.
    #[must_use]
    pub fn new(store: Store, to_loop: Sender<Message>, to_intake: Sender<Intake>) -> Hub {
        let inner = Inner {
            to_loop: Mutex::new(to_loop),
            to_intake: Mutex::new(to_intake),
            workers: Mutex::default(),
            next_session: AtomicU32::new(1),
            board: Mutex::default(),
            board_changed: tokio::sync::Notify::new(),
            naming: Mutex::default(),
            allowed: RwLock::default(),
            started: Instant::now(),
            started_unix_ms: SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .map_or(0, |d| d.as_millis() as u64),
        };
        Hub {
            store,
            inner: Arc::new(inner),
        }
    }

    /// Now, in milliseconds since 1970, never running backwards.
    #[must_use]
    pub fn now(&self) -> Ms {
        self.inner.started_unix_ms + self.inner.started.elapsed().as_millis() as u64
    }

    /// Sends to the loop; after its end nobody listens, which is no error.
    pub fn tell(&self, message: Message) {
        let _ = lock(&self.inner.to_loop).send(message);
    }

    /// Sends results to the intake.
    pub fn deliver(&self, delivery: Delivery) {
        let _ = lock(&self.inner.to_intake).send(Intake::Results(delivery));
    }

    /// Ends the intake. It holds the way to itself, so it would never end of its own, nor let the store go.
    pub(crate) fn stop_intake(&self) {
        let _ = lock(&self.inner.to_intake).send(Intake::Stop);
    }

    /// Sends recipes to the intake, with the messages that give them out.
    pub fn give_out(
        &self,
        recipes: Vec<Vec<u8>>,
        leases: Vec<(UnboundedSender<ToWorker>, ToWorker)>,
    ) {
        let _ = lock(&self.inner.to_intake).send(Intake::Recipes(recipes, leases));
    }

    /// Asks the loop.
    pub async fn ask<T>(
        &self,
        question: impl FnOnce(oneshot::Sender<T>) -> crate::run_loop::Question,
    ) -> Option<T> {
        let (tx, rx) = oneshot::channel();
        self.tell(Message::Ask(question(tx)));
        rx.await.ok()
    }

    /// Number of a worker by its name; the same for all its sessions.
    pub fn worker_no(&self, name: &str, site: &str) -> (WorkerNo, u64) {
        let mut workers = lock(&self.inner.workers);
        let next = workers.len() as WorkerNo;
        let no = workers
            .entry(name.to_owned())
            .or_insert((next, site.to_owned()))
            .0;
        (
            no,
            u64::from(self.inner.next_session.fetch_add(1, Ordering::Relaxed)),
        )
    }

    /// Name of a worker by its number.
    #[must_use]
    pub fn name_of(&self, worker: WorkerNo) -> String {
        let workers = lock(&self.inner.workers);
        let found = workers.iter().find(|(_, (no, _))| *no == worker);
        found.map_or_else(|| worker.to_string(), |(name, _)| name.clone())
    }

    /// Site of a worker by its name.
    #[must_use]
    pub fn site_of(&self, worker: &str) -> Option<String> {
        lock(&self.inner.workers)
            .get(worker)
            .map(|(_, site)| site.clone())
    }

    /// Lets a site's worker fetch these.
    pub fn allow(&self, worker: &str, digests: impl IntoIterator<Item = Digest>) {
        let mut allowed = self
            .inner
            .allowed
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        allowed
            .entry(worker.to_owned())
            .or_default()
            .extend(digests);
    }

    /// Whether a worker may fetch an artefact: the hub's any, a site's only inputs of its leases.
    #[must_use]
    pub fn may_fetch(&self, worker: &str, digest: &Digest) -> bool {
        if self.site_of(worker).as_deref() == Some(crate::state::HUB) {
            return true;
        }
        let allowed = self
            .inner
            .allowed
            .read()
            .unwrap_or_else(PoisonError::into_inner);
        allowed.get(worker).is_some_and(|set| set.contains(digest))
    }

    /// Takes in a part of what a worker announces; a first part after a last one, or in a new session, begins anew.
    pub fn announce(
        &self,
        (site, place, worker): (&str, &str, &str),
        session: u64,
        patients: Vec<(String, BTreeMap<String, Digest>)>,
        last: Option<Option<Digest>>,
    ) {
        let mut board = lock(&self.inner.board);
        let entry = board
            .entry(site.to_owned())
            .or_default()
            .entry(worker.to_owned())
            .or_default();
        if entry.complete || entry.session != session {
            *entry = Announced {
                session,
                ..Announced::default()
            };
        }
        entry.place = place.to_owned();
        entry.patients.extend(patients);
        if let Some(table) = last {
            entry.table = table;
            entry.complete = true;
            drop(board);
            self.inner.board_changed.notify_waiters();
        }
    }

    /// Forgets what a worker announced in a session that has ended. In its next session it says so again; a worker that
    /// was started anew, under another name and with corrected files, must not contradict the one that is gone.
    pub fn withdraw(&self, site: &str, worker: &str, session: u64) {
        let mut board = lock(&self.inner.board);
        if let Some(workers) = board.get_mut(site)
            && workers.get(worker).is_some_and(|a| a.session == session)
        {
            workers.remove(worker);
        }
    }

    /// Held while a run gets its id, so that no two get the same.
    pub(crate) fn naming(&self) -> MutexGuard<'_, ()> {
        lock(&self.inner.naming)
    }

    /// Waits until somebody announced something, or a little while.
    pub async fn board_change(&self) {
        let _ = tokio::time::timeout(
            std::time::Duration::from_millis(200),
            self.inner.board_changed.notified(),
        )
        .await;
    }

    /// What the named sites announced, as one snapshot.
    ///
    /// # Errors
    /// A site has not announced, or its workers contradict each other.
    pub fn snapshot(
        &self,
        sites: &[String],
        tables: BTreeMap<String, Digest>,
    ) -> Result<Snapshot, SnapshotError> {
        let board = lock(&self.inner.board);
        let complete = |site: &String| {
            board
                .get(site)
                .is_some_and(|w| w.values().any(|a| a.complete))
        };
        let waiting: Vec<String> = sites.iter().filter(|s| !complete(s)).cloned().collect();
        if !waiting.is_empty() {
            return Err(SnapshotError::Waiting(waiting));
        }
        let mut snapshot = Snapshot {
            tables,
            ..Snapshot::default()
        };
        for site in sites.iter().collect::<BTreeSet<_>>() {
            let Some(workers) = board.get(site) else {
                continue;
            };
            merge_site(&mut snapshot, site, workers)?;
        }
        Ok(snapshot.sorted())
    }
}

/// Unites what the workers of one site announced.
///
/// Workers of one place share a key and must agree. Places apart have keys of their own, so the same image has another
/// name there: each patient who is at several places is given to one of them, by rendezvous hashing, so that the work
/// is shared and a place that comes or goes moves few patients.
fn merge_site(
    snapshot: &mut Snapshot,
    site: &str,
    workers: &BTreeMap<String, Announced>,
) -> Result<(), SnapshotError> {
    let mut places: BTreeMap<&str, BTreeMap<&String, Named<'_>>> = BTreeMap::new();
    let mut table: Option<(&String, Digest)> = None;
    let contradiction =
        |first: &String, second: &String, what: String| SnapshotError::Contradiction {
            site: site.to_owned(),
            first: first.clone(),
            second: second.clone(),
            what,
        };
    for (worker, announced) in workers.iter().filter(|(_, a)| a.complete) {
        let patients = places.entry(&announced.place).or_default();
        for (patient, items) in &announced.patients {
            match patients.get(patient) {
                Some((first, known)) if *known != items => {
                    return Err(contradiction(
                        first,
                        worker,
                        format!("files of patient {patient}"),
                    ));
                }
                Some(_) => {}
                None => {
                    patients.insert(patient, (worker, items));
                }
            }
        }
        match (table, announced.table) {
            (Some((first, known)), Some(new)) if known != new => {
                return Err(contradiction(first, worker, "shared tables".to_owned()));
            }
            (None, Some(new)) => table = Some((worker, new)),
            _ => {}
        }
    }
    if let Some((_, digest)) = table {
        snapshot.site_tables.insert(site.to_owned(), digest);
    }
    let everybody: BTreeSet<&String> = places
        .values()
        .flat_map(|patients| patients.keys().copied())
        .collect();
    for patient_id in everybody {
        let weight = |place: &str| Digest::of(format!("{place} {patient_id}").as_bytes());
        let there = places
            .iter()
            .filter_map(|(place, patients)| Some((weight(place), patients.get(patient_id)?.1)));
        if let Some((_, items)) = there.max_by_key(|(weight, _)| *weight) {
            snapshot.patients.push(SnapshotPatient {
                site: site.to_owned(),
                patient_id: patient_id.clone(),
                items: items.clone(),
            });
        }
    }
    Ok(())
}

/// Who announced a patient's items, and the items.
type Named<'a> = (&'a String, &'a BTreeMap<String, Digest>);

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;

    fn hub() -> (tempfile::TempDir, Hub) {
        let dir = tempfile::tempdir().unwrap();
        let store = crate::serve::open_store(dir.path(), None, true).unwrap();
        let (to_loop, to_intake) = (std::sync::mpsc::channel().0, std::sync::mpsc::channel().0);
        (dir, Hub::new(store, to_loop, to_intake))
    }

    fn patients(names: &[&str], image: &[u8]) -> Vec<(String, BTreeMap<String, Digest>)> {
        names
            .iter()
            .map(|name| {
                let items = [("t2w".to_owned(), Digest::of(image))];
                ((*name).to_owned(), items.into_iter().collect())
            })
            .collect()
    }

    fn names(hub: &Hub) -> Option<Vec<String>> {
        let snapshot = hub.snapshot(&["c1".to_owned()], BTreeMap::new()).ok()?;
        Some(
            snapshot
                .patients
                .into_iter()
                .map(|p| p.patient_id)
                .collect(),
        )
    }

    #[test]
    fn a_worker_started_anew_with_corrected_files_replaces_the_one_that_is_gone() {
        let (_dir, hub) = hub();
        hub.announce(
            ("c1", "p", "c1@h-1"),
            1,
            patients(&["a", "b"], b"old"),
            Some(None),
        );
        hub.withdraw("c1", "c1@h-1", 1);
        assert_eq!(names(&hub), None, "nobody of the site is here");
        hub.announce(
            ("c1", "p", "c1@h-2"),
            2,
            patients(&["a"], b"new"),
            Some(None),
        );
        assert_eq!(names(&hub).unwrap(), ["a"]);
    }

    #[test]
    fn the_end_of_an_old_session_takes_nothing_from_a_new_one() {
        let (_dir, hub) = hub();
        hub.announce(("c1", "p", "w"), 1, patients(&["a"], b"x"), None);
        hub.announce(("c1", "p", "w"), 2, patients(&["b"], b"x"), Some(None));
        hub.withdraw("c1", "w", 1);
        assert_eq!(
            names(&hub).unwrap(),
            ["b"],
            "half of an announcement is not mixed into the next"
        );
    }

    #[test]
    fn two_workers_of_one_place_must_agree() {
        let (_dir, hub) = hub();
        hub.announce(("c1", "p", "v"), 1, patients(&["a"], b"x"), Some(None));
        hub.announce(("c1", "p", "w"), 2, patients(&["a"], b"y"), Some(None));
        assert!(matches!(
            hub.snapshot(&["c1".to_owned()], BTreeMap::new()),
            Err(SnapshotError::Contradiction { .. })
        ));
    }
}
