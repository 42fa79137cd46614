//! Planning the shipped study for a real consortium: 632 patients of two centres.

use std::collections::BTreeMap;
use std::time::Instant;

use digest::Digest;
use pipeline_defs::snapshot::{Snapshot, SnapshotPatient};
use pipeline_defs::{parse, plan, shipped};

use crate::line::{at_most, beside, median};

const SECONDS_MAX: f64 = 1.0;

pub fn run() {
    let (name, text) = shipped()[0];
    let snapshot = snapshot();
    let mut tasks = 0;
    let times = (0..7).map(|_| {
        let began = Instant::now();
        let study = parse(text, name, &[]).unwrap_or_else(|p| panic!("{p}"));
        tasks = plan(&study, &snapshot)
            .unwrap_or_else(|p| panic!("{p}"))
            .n_tasks();
        began.elapsed().as_secs_f64()
    });
    let time = median(times.collect());
    at_most(
        &format!("parse and plan {name}, 632 patients, median of 7"),
        time,
        SECONDS_MAX,
        "s",
    );
    beside("tasks planned", &tasks.to_string(), "");
}

fn snapshot() -> Snapshot {
    let mut snapshot = Snapshot::default();
    for (site, n) in [("c1", 552), ("c2", 80)] {
        snapshot
            .site_tables
            .insert(site.to_owned(), Digest::of(site.as_bytes()));
        for i in 0..n {
            let patient_id = format!("{site}-{i:03}");
            let item = |name: &str| {
                (
                    name.to_owned(),
                    Digest::of(format!("{patient_id} {name}").as_bytes()),
                )
            };
            let items: BTreeMap<String, Digest> = [item("t2w"), item("mask")].into();
            snapshot.patients.push(SnapshotPatient {
                site: site.to_owned(),
                patient_id: patient_id.clone(),
                items,
            });
        }
    }
    snapshot.sorted()
}
