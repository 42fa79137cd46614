//! What a plan is made of: gather and broadcast, addresses, recipes and their keys.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use std::collections::BTreeSet;
use std::fmt::Write;

use pipeline_defs::{
    Digest, Origin, Plan, Recipe, Resolved, Snapshot, Study, canonical, diff, parse, plan, shipped,
};

const SMALL: &str = r#"
name = "small"
seed = 7
sites = ["c1", "c2"]
[cohort]
[axes]
patient = { from = "cohort" }
roi = ["tumour", "rim"]
roi_set = { tumour = ["tumour"], both = ["tumour", "rim"] }
reading = { of = "patient", values = ["r1s2", "r2s1"], where = "cohort has it" }
[steps.table]
kind = "gather-table"
per = ["roi_set"]
in = { features = "features.features" }
missing = "exclude"
[steps.features]
kind = "extract-features"
per = ["patient", "roi"]
in = { image = "n4.image", mask = { by = "roi", tumour = "mask.mask", rim = "ring.mask" } }
[steps.n4]
kind = "n4-bias-correction"
per = ["patient"]
in = { image = "image.image" }
with = { shrink_factor = 2 }
[steps.image]
kind = "import-image"
per = ["patient"]
in = { image = "cohort.t2w" }
[steps.mask]
kind = "import-mask"
per = ["patient"]
in = { image = "image.image", mask = "cohort.mask" }
[steps.ring]
kind = "peritumoural-ring"
per = ["patient"]
in = { mask = "mask.mask", image = "image.image" }
[steps.reread]
kind = "import-mask"
per = ["patient", "reading"]
in = { image = "image.image", mask = "cohort.mask_{reading}" }
[steps.counts]
kind = "no-op"
per = ["site"]
in = { input = "features.features" }
with = { value = { axis = "site" } }
[steps.forest]
kind = "fit-rsf"
per = ["roi_set"]
allow_leak = "a fixture that learns from everybody"
in = { table = "table.table", followup = "outcome.followup" }
[steps.outcome]
kind = "follow-up"
in = { table = "clinical.table" }
[steps.clinical]
kind = "gather-cohort"
in = { tables = "cohort.table" }
[publish]
"table-{roi_set}.csv" = "table.table"
"#;

fn small() -> (Study, Snapshot) {
    let study = parse(SMALL, "small.toml", &["profile=paper".to_string()])
        .unwrap_or_else(|p| panic!("{p}"));
    let mut snapshot = common::snapshot(&[("c1", 2), ("c2", 1)], &["t2w", "mask"]);
    for (patient, item) in [(0, "mask_r1s2"), (0, "mask_r2s1"), (2, "mask_r2s1")] {
        snapshot.patients[patient]
            .items
            .insert(item.into(), Digest::of(item.as_bytes()));
    }
    (study, snapshot)
}

fn small_plan() -> Plan {
    let (study, snapshot) = small();
    plan(&study, &snapshot).unwrap_or_else(|p| panic!("{p}"))
}

/// A made-up result of every task: the digest of its address and port.
fn resolve(plan: &Plan) -> impl FnMut(&Origin) -> Resolved {
    |origin| {
        Resolved::Digest(match *origin {
            Origin::Source(source) => plan.source(source).digest,
            Origin::Output { task, port } => {
                Digest::of(format!("{} {port}", plan.address(task)).as_bytes())
            }
        })
    }
}

/// A plan in words.
fn printed(plan: &Plan) -> String {
    let mut text = String::new();
    for t in 0..plan.n_tasks() as u32 {
        let site = plan.site_of(t).unwrap_or("hub");
        writeln!(
            text,
            "{} {} at {site}, {} ms to the end",
            plan.address(t),
            plan.kind_of(t).name,
            plan.depth_to_sink(t)
        )
        .unwrap();
        for port in plan.ports(t) {
            for entry in plan.entries(port) {
                let labels: Vec<String> = plan
                    .entry_axes(entry)
                    .iter()
                    .map(|(a, v)| format!("{a}={v}"))
                    .collect();
                let from = match entry.origin {
                    Origin::Source(s) => format!(
                        "{} {}",
                        plan.source(s).name,
                        plan.source(s).patient.as_deref().unwrap_or("")
                    ),
                    Origin::Output { task, port } => format!(
                        "{}.{}",
                        plan.address(task),
                        plan.kind_of(task).outputs[port as usize].name
                    ),
                };
                let rows = plan.rows_of(entry.origin);
                writeln!(
                    text,
                    "    {}[{}] ← {} ({rows})",
                    port.name,
                    labels.join(","),
                    from.trim()
                )
                .unwrap();
            }
        }
    }
    text
}

/// Compares with a golden file; `RADLOOM_BLESS=1` rewrites it.
#[track_caller]
fn golden(name: &str, text: &str) {
    let path = format!("{}/tests/golden/{name}", env!("CARGO_MANIFEST_DIR"));
    if std::env::var_os("RADLOOM_BLESS").is_some() {
        std::fs::write(&path, text).unwrap();
    }
    let old = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        old == text,
        "{name} changed; look at it and rewrite it with RADLOOM_BLESS=1\n{text}"
    );
}

#[test]
fn a_small_plan_reads_as_before() {
    golden("small-plan.txt", &printed(&small_plan()));
}

#[test]
fn recipes_have_the_same_bytes_as_before() {
    let plan = small_plan();
    let mut text = String::new();
    for address in [
        "n4[patient=c1-001]",
        "features[patient=c2-001,roi=rim]",
        "table[roi_set=both]",
        "forest[roi_set=tumour]",
        "counts[site=c1]",
    ] {
        let recipe = plan.recipe(plan.parse_address(address).unwrap(), &mut resolve(&plan));
        writeln!(
            text,
            "{address} {}\n{}",
            Digest::of(&recipe),
            String::from_utf8(recipe).unwrap()
        )
        .unwrap();
    }
    golden("recipes.txt", &text);
}

#[test]
fn a_written_recipe_is_canonical_and_reads_back() {
    let plan = small_plan();
    for t in 0..plan.n_tasks() as u32 {
        let bytes = plan.recipe(t, &mut resolve(&plan));
        let recipe = Recipe::decode(&bytes).unwrap();
        assert_eq!(
            String::from_utf8(recipe.encode()).unwrap(),
            String::from_utf8(bytes.clone()).unwrap()
        );
        assert_eq!(
            canonical(&serde_json::from_slice(&bytes).unwrap()).as_bytes(),
            bytes
        );
    }
}

#[test]
fn a_refused_entry_is_marked_and_diffed() {
    let plan = small_plan();
    let task = plan.parse_address("table[roi_set=tumour]").unwrap();
    let whole = Recipe::decode(&plan.recipe(task, &mut resolve(&plan))).unwrap();
    let bad = plan
        .parse_address("features[patient=c1-002,roi=tumour]")
        .unwrap();
    let refusal = Digest::of(b"why");
    let mut healthy = resolve(&plan);
    let part = plan.recipe(task, &mut |origin| match *origin {
        Origin::Output { task, .. } if task == bad => Resolved::Refused(refusal),
        _ => healthy(origin),
    });
    let part = Recipe::decode(&part).unwrap();
    let [one] = diff(&whole, &part).try_into().unwrap();
    assert_eq!(
        one.component,
        "inputs.features[patient=c1-002,roi=tumour,site=c1]"
    );
    assert_eq!(one.new, format!("refused {refusal}"));
}

#[test]
fn a_changed_parameter_is_found_by_name() {
    let (study, snapshot) = small();
    let plan_a = plan(&study, &snapshot).unwrap();
    let sets = ["profile=paper", "steps.n4.with.shrink_factor=4"].map(String::from);
    let plan_b = plan(&parse(SMALL, "small.toml", &sets).unwrap(), &snapshot).unwrap();
    let recipe = |plan: &Plan| {
        let task = plan.parse_address("n4[patient=c1-001]").unwrap();
        Recipe::decode(&plan.recipe(task, &mut resolve(plan))).unwrap()
    };
    let [one] = diff(&recipe(&plan_a), &recipe(&plan_b)).try_into().unwrap();
    assert_eq!(
        (one.component.as_str(), one.old.as_str(), one.new.as_str()),
        ("params.shrink_factor", "2", "4")
    );
}

#[test]
fn every_address_finds_its_task() {
    let plan = small_plan();
    let mut seen = BTreeSet::new();
    for t in 0..plan.n_tasks() as u32 {
        assert_eq!(plan.parse_address(&plan.address(t)), Some(t));
        assert!(seen.insert(plan.address(t)));
    }
    for wrong in [
        "n4",
        "n4[]",
        "n4[patient=zz]",
        "n4[roi=tumour]",
        "reread[patient=c1-002,reading=r1s2]",
        "n4[patient=c1-001",
    ] {
        assert_eq!(plan.parse_address(wrong), None, "{wrong}");
    }
}

#[test]
fn both_sides_of_every_dependency_agree_and_come_in_order() {
    let plan = small_plan();
    for t in 0..plan.n_tasks() as u32 {
        for d in plan.dependencies(t) {
            assert!(d < t);
            assert!(plan.dependents(d).contains(&t));
            assert!(plan.depth_to_sink(d) > plan.depth_to_sink(t));
        }
        for &d in plan.dependents(t) {
            assert!(plan.dependencies(d).any(|x| x == t));
        }
    }
}

#[test]
fn the_same_work_on_the_same_bytes_has_one_key_whatever_it_is_called() {
    let (study, snapshot) = small();
    let renamed = SMALL
        .replace("[steps.n4]", "[steps.field]")
        .replace("n4.image", "field.image");
    let other = parse(&renamed, "small.toml", &["profile=paper".to_string()]).unwrap();
    let (a, b) = (
        plan(&study, &snapshot).unwrap(),
        plan(&other, &snapshot).unwrap(),
    );
    let (ta, tb) = (
        a.parse_address("n4[patient=c1-001]").unwrap(),
        b.parse_address("field[patient=c1-001]").unwrap(),
    );
    assert_eq!(
        a.recipe(ta, &mut resolve(&a)),
        b.recipe(tb, &mut resolve(&b))
    );
    assert_ne!(study.text_digest, other.text_digest);
}

#[test]
fn seeds_differ_by_task_and_study_and_stay_out_of_other_recipes() {
    let plan_a = small_plan();
    let seeds = |plan: &Plan| -> Vec<u64> {
        ["forest[roi_set=tumour]", "forest[roi_set=both]"]
            .map(|a| plan.seed_of(plan.parse_address(a).unwrap()).unwrap())
            .to_vec()
    };
    let (study, snapshot) = small();
    let mut reseeded = study.clone();
    reseeded.seed += 1;
    let plan_b = plan(&reseeded, &snapshot).unwrap();
    let all: BTreeSet<u64> = seeds(&plan_a).into_iter().chain(seeds(&plan_b)).collect();
    assert_eq!(all.len(), 4);
    assert_eq!(
        plan_a.seed_of(plan_a.parse_address("n4[patient=c1-001]").unwrap()),
        None
    );
}

#[test]
fn a_patient_without_an_image_has_a_refusal_in_its_place() {
    let (study, mut snapshot) = small();
    snapshot.patients[1].items.remove("t2w");
    let plan = plan(&study, &snapshot).unwrap();
    let task = plan.parse_address("image[patient=c1-002]").unwrap();
    let Origin::Source(source) = plan.entries(&plan.ports(task)[0])[0].origin else {
        panic!("a source")
    };
    let source = plan.source(source);
    let record = source.absent.as_deref().unwrap();
    let refusal = artefact::refusal::Refusal::decode(record.as_bytes()).unwrap();
    assert_eq!(refusal.code, "item-missing");
    assert!(
        refusal.message.contains("c1-002") && refusal.message.contains("`t2w`"),
        "{refusal:?}"
    );
    assert_eq!(source.digest, Digest::of(record.as_bytes()));
}

#[test]
fn a_pin_key_does_not_see_outcomes() {
    let study = parse(shipped()[0].1, "s", &[]).unwrap();
    let sites = [("c1", 4), ("c2", 3), ("tcga", 2)];
    let snapshot = common::snapshot(&sites, &["t2w", "mask", "mask_r1s2", "mask_r2s1"]);
    let plan = plan(&study, &snapshot).unwrap();
    let task = plan
        .parse_address("splits[endpoint=os,split=r2f3]")
        .unwrap();
    let outcome = plan.parse_address("outcome[endpoint=os]").unwrap();
    let changed = |origin: &Origin| match *origin {
        Origin::Output { task, .. } if task == outcome => {
            Resolved::Digest(Digest::of(b"someone died"))
        }
        _ => resolve(&plan)(origin),
    };
    assert_eq!(
        plan.pin_key(task, &mut resolve(&plan)),
        plan.pin_key(task, &mut { changed })
    );
    assert_ne!(
        plan.recipe(task, &mut resolve(&plan)),
        plan.recipe(task, &mut { changed })
    );
    assert!(
        plan.params_of(task)
            .contains(r#""fold":3,"given":false,"kfold":5,"name":"r2f3","repeat":2,"repeats":5"#)
    );
    let other = plan
        .parse_address("splits[endpoint=dfs,split=r2f3]")
        .unwrap();
    assert_ne!(
        plan.pin_key(task, &mut resolve(&plan)),
        plan.pin_key(other, &mut resolve(&plan))
    );
    assert_eq!(plan.pin_key(outcome, &mut resolve(&plan)), None);
}

#[test]
fn a_snapshot_reads_back() {
    let (_, snapshot) = small();
    assert_eq!(Snapshot::decode(&snapshot.encode()).unwrap(), snapshot);
    assert!(Snapshot::decode(b"{}").is_err());
}

/// Counts of genes and gene sets come with a study as they are: their rows are nobody's.
#[test]
fn a_study_brings_expression_and_gene_sets() {
    let text = r#"
name = "expression"
seed = 1
[tables]
counts = { file = "expression.csv", kind = "csv" }
groups = { file = "groups.csv", kind = "csv" }
sets = { file = "sets.gmt", kind = "gmt" }
[steps.genes]
kind = "differential-expression"
in = { counts = "tables.counts", groups = "tables.groups" }
with = { preset = "paper" }
[steps.enriched]
kind = "enrichment"
in = { genes = "genes.genes", gene_sets = "tables.sets" }
with = { preset = "ora" }
"#;
    let study = parse(text, "s.toml", &[]).unwrap_or_else(|p| panic!("{p}"));
    let tables = ["counts", "groups", "sets"];
    let digest = |name: &str| (name.to_string(), Digest::of(name.as_bytes()));
    let snapshot = Snapshot {
        tables: tables.map(digest).into(),
        ..Snapshot::default()
    };
    let plan = plan(&study, &snapshot).unwrap_or_else(|p| panic!("{p}"));
    assert_eq!(plan.n_tasks(), 2);
    let wrong = text.replace(
        "gene_sets = \"tables.sets\"",
        "gene_sets = \"tables.counts\"",
    );
    let problems = parse(&wrong, "s.toml", &[]).unwrap_err().to_string();
    assert!(problems.contains("gene_sets"), "{problems}");
}
