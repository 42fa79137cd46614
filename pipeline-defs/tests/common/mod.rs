//! Made-up cohorts.
#![allow(dead_code)]

pub mod study;

use pipeline_defs::{Digest, Snapshot, SnapshotPatient};

/// Patients `<site>-001`, … with the given items.
pub fn snapshot(sites: &[(&str, usize)], items: &[&str]) -> Snapshot {
    let patient = |site: &str, i: usize| {
        let patient_id = format!("{site}-{i:03}");
        let digest = |item: &&str| {
            (
                item.to_string(),
                Digest::of(format!("{patient_id} {item}").as_bytes()),
            )
        };
        SnapshotPatient {
            site: site.to_string(),
            items: items.iter().map(digest).collect(),
            patient_id,
        }
    };
    Snapshot {
        patients: sites
            .iter()
            .flat_map(|&(site, n)| (1..=n).map(move |i| patient(site, i)))
            .collect(),
        site_tables: sites
            .iter()
            .map(|(s, _)| (s.to_string(), Digest::of(s.as_bytes())))
            .collect(),
        tables: ["features", "followup", "folds", "expression", "gene_sets"]
            .iter()
            .map(|t| (t.to_string(), Digest::of(t.as_bytes())))
            .collect(),
    }
    .sorted()
}
