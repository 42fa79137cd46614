//! A served coordinator with four worker processes of two sites gives what the embedded run gives, also while processes
//! are killed; and nothing that was safe is run again.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use tests::{Radloom, bin, small_study};

/// Smaller than the demo: the corridor is the same, the numbers are fewer.
const SMALL: &[&str] = &[
    "axes.split.kfold=3",
    "axes.split.repeats=1",
    "steps.fit.with.rsf.num_trees=20",
    "steps.evaluate.with.bootstrap=20",
    "steps.selection.with.lasso.folds=4",
];

/// Rounds of killing in one suite.
const ROUNDS: usize = 20;
/// The whole test gives up after this.
const PATIENCE: Duration = Duration::from_secs(240);

struct Process(Child);

impl Process {
    fn kill_9(&mut self) {
        // Child::kill is SIGKILL; both fail only if it has ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill_9();
    }
}

/// Sites, folders and the port of one served coordinator.
struct House {
    dir: PathBuf,
    cohort: PathBuf,
    port: u16,
    coordinator: Option<Process>,
    workers: Vec<Option<Process>>,
    lives: usize,
}

/// Site, cache folder, shared folder of the four workers: two of c1 share a site store, the two of c2 are places apart.
const WORKERS: &[(&str, &str, Option<&str>)] = &[
    ("c1", "w1", Some("shared")),
    ("c1", "w2", Some("shared")),
    ("c2", "w3", None),
    ("c2", "w4", None),
];

impl House {
    fn open(dir: &Path, cohort: &Path) -> House {
        let port = std::net::TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        let mut house = House {
            dir: dir.to_owned(),
            cohort: cohort.to_owned(),
            port,
            coordinator: None,
            workers: WORKERS.iter().map(|_| None).collect(),
            lives: 0,
        };
        house.start_coordinator();
        (0..WORKERS.len()).for_each(|i| house.start_worker(i));
        house
    }

    fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    fn start_coordinator(&mut self) {
        let started = Instant::now();
        loop {
            let mut command = Command::new(bin("radloom"));
            command
                .args(["serve", "--lease-seconds", "3", "--listen"])
                .arg(format!("127.0.0.1:{}", self.port));
            command
                .arg("--state")
                .arg(self.dir.join("state"))
                .env("RADLOOM_LOG", "error");
            let mut child = command
                .stdout(Stdio::piped())
                .stderr(Stdio::inherit())
                .spawn()
                .unwrap();
            let mut line = String::new();
            BufReader::new(child.stdout.take().unwrap())
                .read_line(&mut line)
                .unwrap();
            if line.contains("listening") {
                self.coordinator = Some(Process(child));
                return;
            }
            drop(Process(child));
            assert!(
                started.elapsed() < Duration::from_secs(20),
                "the coordinator does not come back"
            );
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    fn start_worker(&mut self, i: usize) {
        let (site, cache, shared) = WORKERS[i];
        self.lives += 1;
        let log =
            std::fs::File::create(self.dir.join(format!("worker-{}.log", self.lives))).unwrap();
        let mut command = Command::new(bin("radloom-worker"));
        command.args([
            "join",
            &self.url(),
            "--site",
            site,
            "--slots",
            "1",
            "--name",
            &format!("{cache}-{}", self.lives),
            "--cohort",
        ]);
        command
            .arg(self.cohort.join(site).join("cohort.toml"))
            .arg("--cache")
            .arg(self.dir.join(cache));
        if let Some(shared) = shared {
            command.arg("--site-store").arg(self.dir.join(shared));
        }
        command
            .env("RADLOOM_LOG", "radloom_worker::lease=debug")
            .env("RADLOOM_LOG_FORMAT", "json")
            .stdout(Stdio::null())
            .stderr(log);
        self.workers[i] = Some(Process(command.spawn().unwrap()));
    }

    /// Kills one of the five at random and starts it anew.
    fn strike(&mut self, rng: &mut ChaCha8Rng) -> String {
        match rng.next_u32() as usize % (WORKERS.len() + 1) {
            i if i < WORKERS.len() => {
                if let Some(worker) = &mut self.workers[i] {
                    worker.kill_9();
                }
                self.start_worker(i);
                format!("worker {}", WORKERS[i].1)
            }
            _ => {
                if let Some(coordinator) = &mut self.coordinator {
                    coordinator.kill_9();
                }
                self.start_coordinator();
                "coordinator".to_owned()
            }
        }
    }

    /// Recipes that were leased after they had been safe, by the workers' logs.
    fn run_again(&self) -> Vec<String> {
        let mut safe: BTreeMap<String, u64> = BTreeMap::new();
        let mut leases: Vec<(u64, String, String)> = Vec::new();
        let mut n_safe = 0;
        for life in 1..=self.lives {
            let text =
                std::fs::read_to_string(self.dir.join(format!("worker-{life}.log"))).unwrap();
            for line in text.lines() {
                let Ok(entry) = serde_json::from_str::<serde_json::Value>(line) else {
                    continue;
                };
                let field = |name: &str| {
                    entry["fields"][name]
                        .as_str()
                        .unwrap_or_default()
                        .to_owned()
                };
                let at = microseconds(entry["timestamp"].as_str().unwrap_or_default());
                match field("message").as_str() {
                    "safe" => {
                        n_safe += 1;
                        let first = safe.entry(field("recipe")).or_insert(at);
                        *first = at.min(*first);
                    }
                    "leased" => leases.push((at, field("recipe"), field("address"))),
                    _ => {}
                }
            }
        }
        assert!(n_safe > 100, "the logs tell of {n_safe} safe results only");
        leases
            .into_iter()
            .filter(|(at, recipe, _)| safe.get(recipe).is_some_and(|s| s + ON_THE_WAY_US < *at))
            .map(|(_, _, address)| address)
            .collect()
    }
}

/// A lease that was given before another worker's result came in may arrive after that one has heard that it is safe.
const ON_THE_WAY_US: u64 = 100_000;

/// Microseconds since midnight of a log's time, `2026-01-31T09:16:18.572382Z`.
fn microseconds(time: &str) -> u64 {
    let clock = time
        .split('T')
        .nth(1)
        .unwrap_or_default()
        .trim_end_matches('Z');
    let mut parts = clock
        .split([':', '.'])
        .map(|part| part.parse::<u64>().unwrap_or_default());
    let mut next = || parts.next().unwrap_or_default();
    ((next() * 60 + next()) * 60 + next()) * 1_000_000 + next()
}

fn sets() -> Vec<String> {
    SMALL
        .iter()
        .flat_map(|set| ["--set".to_owned(), (*set).to_owned()])
        .collect()
}

/// The cohort and the digest that the embedded run gives.
fn embedded(dir: &Path) -> (PathBuf, String) {
    let cohort = dir.join("cohort");
    let radloom = Radloom::on(&dir.join("cache"));
    radloom
        .say(&["synth", "--size", "tiny", "--out", cohort.to_str().unwrap()])
        .ok();
    let sets = sets();
    let more: Vec<&str> = sets.iter().map(String::as_str).collect();
    let counts = radloom
        .run(&small_study(&cohort), &dir.join("embedded"), &more)
        .done();
    assert!(counts.ran > 300, "{counts:?}");
    (cohort, data_digest(&dir.join("embedded")))
}

fn data_digest(out: &Path) -> String {
    let text = std::fs::read_to_string(out.join("run.json")).unwrap();
    let record: serde_json::Value = serde_json::from_str(&text).unwrap();
    record["data_digest"].as_str().unwrap().to_owned()
}

fn submit(house: &House, out: &Path) -> Process {
    let mut command = Command::new(bin("radloom"));
    command
        .arg("run")
        .arg(house.cohort.join("small.toml"))
        .args(["--quiet", "--coordinator", &house.url(), "--out"])
        .arg(out)
        .args(sets());
    Process(
        command
            .stdout(Stdio::null())
            .stderr(Stdio::inherit())
            .spawn()
            .unwrap(),
    )
}

#[test]
fn four_workers_of_two_sites_give_what_the_embedded_run_gives() {
    let dir = tempfile::tempdir().unwrap();
    let (cohort, expected) = embedded(dir.path());
    let house = House::open(&dir.path().join("house-0"), &cohort);
    let out = dir.path().join("served");
    let mut run = submit(&house, &out);
    let status = run.0.wait().unwrap();
    assert!(status.success());
    assert_eq!(data_digest(&out), expected);
    assert_eq!(house.run_again(), Vec::<String>::new());
    assert!(
        house.dir.join("shared").join("keyed").exists(),
        "the shared site store holds nothing"
    );
    for file in ["comparison.csv", "exclusions.csv", "leakage.json"] {
        let (a, b) = (
            std::fs::read(out.join(file)).unwrap(),
            std::fs::read(dir.path().join("embedded").join(file)).unwrap(),
        );
        assert!(a == b, "{file} differs between served and embedded");
    }
}

#[test]
fn processes_killed_at_random_moments_change_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let (cohort, expected) = embedded(dir.path());
    let seed: u64 = std::env::var("RADLOOM_KILL_SEED")
        .ok()
        .and_then(|s| s.parse().ok())
        .unwrap_or(20_250_308);
    eprintln!("replay with RADLOOM_KILL_SEED={seed}");
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let started = Instant::now();
    let (mut rounds, mut runs) = (0, 0);
    while rounds < ROUNDS {
        runs += 1;
        let mut house = House::open(&dir.path().join(format!("house-{runs}")), &cohort);
        let out = dir.path().join(format!("served-{runs}"));
        let mut run = submit(&house, &out);
        loop {
            assert!(
                started.elapsed() < PATIENCE,
                "{rounds} rounds in {runs} runs, and then no end"
            );
            let pause = Duration::from_millis(150 + u64::from(rng.next_u32() % 600));
            let until = Instant::now() + pause;
            while Instant::now() < until && run.0.try_wait().unwrap().is_none() {
                std::thread::sleep(Duration::from_millis(10));
            }
            if let Some(status) = run.0.try_wait().unwrap() {
                assert!(status.success(), "run {runs} failed after {rounds} rounds");
                break;
            }
            if rounds < ROUNDS {
                rounds += 1;
                eprintln!("round {rounds}: killed {}", house.strike(&mut rng));
            }
        }
        assert_eq!(data_digest(&out), expected, "run {runs}");
        assert_eq!(
            house.run_again(),
            Vec::<String>::new(),
            "run {runs}: tasks that were safe ran again"
        );
    }
    eprintln!(
        "{rounds} kills in {runs} runs, {:.0} s",
        started.elapsed().as_secs_f64()
    );
}
