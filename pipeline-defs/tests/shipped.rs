//! The studies that come with the program parse, fit together and plan in no time.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use std::time::Instant;

use pipeline_defs::{Digest, Resolved, check, parse, plan, shipped, study_schema};

#[test]
fn every_shipped_study_is_sound_in_both_profiles() {
    for (name, text) in shipped() {
        let profiles: &[&str] = if text.contains("[profiles.paper]") {
            &["careful", "paper"]
        } else {
            &["careful"]
        };
        for profile in profiles {
            let study = parse(text, name, &[format!("profile={profile}")])
                .unwrap_or_else(|p| panic!("{p}"));
            check(&study).unwrap_or_else(|p| panic!("{name} {profile}:\n{p}"));
        }
    }
}

#[test]
fn the_full_study_has_the_tasks_it_should_and_says_how_long_planning_took() {
    let study = parse(shipped()[0].1, "cervical-ccrt.toml", &[]).unwrap();
    let snapshot = common::snapshot(&[("c1", 552), ("c2", 80)], &["t2w", "mask"]);
    let start = Instant::now();
    let plan = plan(&study, &snapshot).unwrap();
    let planned = start.elapsed();
    // 632 × (image, mask, n4, ring, 2 features); 3 tables; clinical, roster; 2 × (outcome, eligible);
    // 52 × (split, outcome rows); 156 × (rows, 3 fits, 6 applications, 2 learners, 4 predictions, 4 evaluations);
    // compare, exclusions, report.
    assert_eq!(plan.n_tasks(), 632 * 6 + 3 + 2 + 4 + 52 * 2 + 156 * 20 + 3);
    let start = Instant::now();
    let digest = Digest::of(b"x");
    let bytes: usize = (0..plan.n_tasks() as u32)
        .map(|t| plan.recipe(t, &mut |_| Resolved::Digest(digest)).len())
        .sum();
    let written = start.elapsed();
    println!(
        "{} tasks planned in {planned:?}; {bytes} bytes of recipes in {written:?}",
        plan.n_tasks()
    );
}

#[test]
fn the_committed_schema_is_current() {
    let path = format!("{}/study.schema.json", env!("CARGO_MANIFEST_DIR"));
    let text = format!(
        "{}\n",
        serde_json::to_string_pretty(&study_schema()).unwrap()
    );
    if std::env::var_os("RADLOOM_BLESS").is_some() {
        std::fs::write(&path, &text).unwrap();
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        committed == text,
        "study.schema.json is not current; rewrite it with RADLOOM_BLESS=1"
    );
}
