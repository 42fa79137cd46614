//! The studies that come with the program parse, fit together and plan in no time.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use std::time::Instant;

use pipeline_defs::{Digest, Resolved, check, parse, plan, shipped, study_schema};

#[test]
fn every_shipped_study_is_sound_in_both_profiles() {
    for (name, text) in shipped() {
        let profiles: &[&str] = if text.contains("profile = \"both\"") {
            &["both", "careful", "paper"]
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
    let snapshot = common::snapshot(
        &[("c1", 552), ("c2", 80), ("tcga", 54)],
        &["t2w", "mask", "mask_r1s2", "mask_r2s1"],
    );
    let start = Instant::now();
    let plan = plan(&study, &snapshot).unwrap();
    let planned = start.elapsed();
    assert!(plan.n_tasks() > 20_000, "{}", plan.n_tasks());
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

/// 100,000 tasks in layers: what a large consortium with many small steps would ask for.
#[test]
fn a_hundred_thousand_tasks_are_planned_and_say_how_long_it_took() {
    let mut text = String::from("name = \"wide\"\nseed = 1\n[axes]\na = [");
    text.extend((0..100).map(|i| format!("\"v{i}\",")));
    text.push_str("]\nb = [");
    text.extend((0..100).map(|i| format!("\"v{i}\",")));
    text.push_str("]\n[steps.s0]\nkind = \"no-op\"\nper = [\"a\", \"b\"]\nwith = { value = { axis = \"b\" } }\n");
    for i in 1..10 {
        text.push_str(&format!("[steps.s{i}]\nkind = \"no-op\"\nper = [\"a\", \"b\"]\nin = {{ input = \"s{}.output\" }}\n", i - 1));
    }
    text.push_str(
        "[steps.last]\nkind = \"no-op\"\nper = [\"a\"]\nin = { input = \"s9.output\" }\n",
    );
    let study = parse(&text, "wide.toml", &[]).unwrap_or_else(|p| panic!("{p}"));
    let start = Instant::now();
    let plan = plan(&study, &common::snapshot(&[], &[])).unwrap();
    let planned = start.elapsed();
    assert_eq!(plan.n_tasks(), 100_100);
    assert_eq!(plan.dependencies(100_000).count(), 100);
    let digest = Digest::of(b"x");
    let start = Instant::now();
    let bytes: usize = (0..100_000)
        .map(|t| plan.recipe(t, &mut |_| Resolved::Digest(digest)).len())
        .sum();
    println!(
        "{} tasks planned in {planned:?}; {bytes} bytes of recipes in {:?}",
        plan.n_tasks(),
        start.elapsed()
    );
}

#[test]
fn the_committed_schemas_are_current() {
    current("study.schema.json", &study_schema());
    let settings = pipeline_defs::settings_file::settings_schema();
    current("radiomics-settings.schema.json", &settings);
}

fn current(name: &str, schema: &serde_json::Value) {
    let path = format!("{}/{name}", env!("CARGO_MANIFEST_DIR"));
    let text = format!("{}\n", serde_json::to_string_pretty(schema).unwrap());
    if std::env::var_os("RADLOOM_BLESS").is_some() {
        std::fs::write(&path, &text).unwrap();
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        committed == text,
        "{name} is not current; rewrite it with RADLOOM_BLESS=1"
    );
}
