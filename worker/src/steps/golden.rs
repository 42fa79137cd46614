//! What every kind gives on small inputs, pinned: cached results stay right only while a version gives the same bytes.
//!
//! `golden.txt` has a line an output: `kind version port digest`. An output that changes on purpose gets a new version in
//! `pipeline-defs`' registry, and then `RADLOOM_BLESS=1 cargo test -p worker golden` writes the file anew.

use std::collections::BTreeMap;

use artefact::lines::materialise;
use digest::Digest;
use pipeline_defs::kinds::{self, KindSpec};
use pipeline_defs::params::presets_of;
use serde_json::{Value, json};

use super::fixture::{gathered, learnable, mask_bytes, only, volume_bytes};
use crate::step::{Content, Context, Input, Inputs, Produced};

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src/steps/golden.txt");

#[test]
fn every_kind_gives_the_bytes_of_its_version() {
    let mut chain = Chain::default();
    chain.run_all();
    let mut ran: Vec<&str> = chain.lines.iter().map(|line| line.kind).collect();
    ran.sort_unstable();
    ran.dedup();
    assert_eq!(
        ran,
        super::KINDS,
        "every kind has a golden run, in byte order"
    );
    let text: String = chain.lines.iter().map(Line::text).collect();
    if std::env::var_os("RADLOOM_BLESS").is_some() {
        std::fs::write(FILE, &text).unwrap_or_else(|e| panic!("cannot write {FILE}: {e}"));
        return;
    }
    let pinned = std::fs::read_to_string(FILE).unwrap_or_default();
    for line in &chain.lines {
        let key = format!("{} {} {} ", line.kind, line.version, line.port);
        match pinned.lines().find(|l| l.starts_with(&key)) {
            Some(old) if format!("{old}\n") == line.text() => {}
            Some(old) => panic!(
                "`{}` gives other bytes at `{}` than version {} did ({old}): results in caches would be wrong. Raise its version in \
                 the registry, then bless with RADLOOM_BLESS=1",
                line.kind, line.port, line.version
            ),
            None => panic!(
                "`{}` version {} is not pinned at `{}`: bless with RADLOOM_BLESS=1",
                line.kind, line.version, line.port
            ),
        }
    }
    assert_eq!(
        pinned.lines().count(),
        chain.lines.len(),
        "a pinned output is gone: bless with RADLOOM_BLESS=1"
    );
}

#[test]
fn the_registry_and_the_code_have_the_same_kinds() {
    let mut registered: Vec<&str> = kinds::all().iter().map(|spec| spec.name).collect();
    registered.sort_unstable();
    assert_eq!(registered, super::KINDS);
}

#[test]
fn an_unknown_kind_is_a_bug() {
    let result = super::run(
        "fit-oracle",
        &Context {
            params: json!({}),
            seed: None,
        },
        &Inputs::default(),
    );
    assert!(
        matches!(result, Err(crate::step::StepError::Bug(_))),
        "{result:?}"
    );
}

struct Line {
    kind: &'static str,
    version: u32,
    port: &'static str,
    digest: Digest,
}

impl Line {
    fn text(&self) -> String {
        format!(
            "{} {} {} {}\n",
            self.kind, self.version, self.port, self.digest
        )
    }
}

/// Runs kinds one after the other, each on what the earlier ones gave.
#[derive(Default)]
struct Chain {
    lines: Vec<Line>,
    /// Outputs by `kind.port`.
    made: BTreeMap<String, Vec<u8>>,
}

impl Chain {
    fn run_all(&mut self) {
        self.pixels();
        self.tables();
        self.fits();
        self.readings_and_sites();
        self.judgement();
        self.lines
            .sort_by(|a, b| (a.kind, a.port).cmp(&(b.kind, b.port)));
    }

    fn pixels(&mut self) {
        self.step("import-image", json!({}), &[("image", volume_bytes())]);
        self.step(
            "import-mask",
            json!({}),
            &[("mask", mask_bytes()), ("image", volume_bytes())],
        );
        let quick = json!({"iterations": [3], "shrink_factor": 2});
        self.step("n4-bias-correction", quick, &[("image", volume_bytes())]);
        self.step(
            "peritumoural-ring",
            json!({"margin_mm": 3.0}),
            &[("mask", mask_bytes()), ("image", volume_bytes())],
        );
        let features = [("image", volume_bytes()), ("mask", mask_bytes())];
        self.step("extract-features", json!({}), &features);
        self.step("no-op", json!({"value": 7}), &[]);
        self.controls();
    }

    fn controls(&mut self) {
        let ring = self.made("peritumoural-ring.mask");
        self.step(
            "compare-masks",
            json!({}),
            &[("first", mask_bytes()), ("second", ring)],
        );
        let pixels = [("image", volume_bytes()), ("mask", mask_bytes())];
        self.step("noise-features", json!({"n": 20}), &pixels);
        self.step("shuffle-mask", json!({"max_overlap": 1.0}), &pixels);
        let diagnostics = self.made("extract-features.diagnostics");
        let entry = (vec![("patient", "p1"), ("site", "c1")], Ok(diagnostics));
        self.gathering(
            "acquisition-table",
            json!({}),
            "diagnostics",
            gathered(vec![entry]),
        );
        let (table, followup) = learnable(60);
        self.step("permute-outcome", json!({}), &[("table", followup)]);
        let first = json!({"sites": ["c1"]});
        self.step("select-site", first, &[("table", table.clone())]);
        self.step("missing-table", json!({}), &[("table", table)]);
    }

    fn tables(&mut self) {
        let features = self.made("extract-features.features");
        let label = |patient| vec![("patient", patient), ("roi", "tumour"), ("site", "c1")];
        let entries = vec![
            (label("p1"), Ok(features.clone())),
            (label("p2"), Ok(features)),
        ];
        self.gathering("gather-table", json!({}), "features", gathered(entries));
        let (table, followup) = learnable(60);
        self.step("gather-cohort", json!({}), &[("tables", followup.clone())]);
        let cohort = self.made("gather-cohort.table");
        self.step(
            "follow-up",
            json!({"time": "time_months", "event": "event"}),
            &[("table", cohort)],
        );
        self.step("roster", json!({}), &[("followup", followup.clone())]);
        let excluded = self.made("gather-table.excluded");
        let complete = [
            ("tables", table.clone()),
            ("excluded", excluded),
            ("followup", followup.clone()),
        ];
        self.step("eligible", json!({"endpoint": "dfs"}), &complete);
        let exclusions = self.made("eligible.exclusions");
        self.step("exclusions", json!({}), &[("exclusions", exclusions)]);
        let scheme = json!({"scheme": {"name": "r1f1", "repeat": 1, "fold": 1, "kfold": 3, "repeats": 1, "external": "c2",
            "stratify": ["event", "site"], "seed": 3, "given": false}});
        let roster = self.made("roster.roster");
        self.step(
            "make-splits",
            scheme,
            &[("roster", roster), ("strata", followup)],
        );
        let (split, eligible) = (
            self.made("make-splits.split"),
            self.made("eligible.eligible"),
        );
        self.step(
            "select-rows",
            json!({}),
            &[("table", table), ("split", split), ("eligible", eligible)],
        );
    }

    fn fits(&mut self) {
        let (train, test) = (
            self.made("select-rows.train"),
            self.made("select-rows.test"),
        );
        let (table, followup) = learnable(60);
        self.step("fit-impute", json!({}), &[("table", train.clone())]);
        self.apply("apply-impute", "fit-impute.model", test.clone());
        self.step("fit-standardise", json!({}), &[("table", train.clone())]);
        self.apply("apply-standardise", "fit-standardise.model", test.clone());
        self.step("fit-novelty", json!({}), &[("table", table.clone())]);
        self.apply("apply-novelty", "fit-novelty.model", table.clone());
        let learn = |table: &[u8]| [("table", table.to_vec()), ("followup", followup.clone())];
        self.step(
            "fit-selection",
            json!({"lasso": {"folds": 5}}),
            &learn(&table),
        );
        self.apply("apply-selection", "fit-selection.model", test.clone());
        self.step("fit-cox", json!({}), &learn(&only(&train, &["signal"])));
        self.step(
            "fit-rsf",
            json!({"preset": "ranger", "num_trees": 20}),
            &learn(&train),
        );
        self.step("fit-gbm", json!({"n_trees": 20}), &learn(&table));
        self.step("fit-svm", json!({}), &learn(&table));
        self.step("fit-xgboost", json!({"num_boost_round": 4}), &learn(&table));
        self.step("fit-deepsurv", json!({"epochs": 5}), &learn(&table));
        self.step("fit-dnnsurv", json!({"epochs": 2}), &learn(&table));
        let mut ports = vec![("model", self.made("fit-svm.model"))];
        ports.extend(learn(&table));
        self.step("importance", json!({"repeats": 3}), &ports);
        self.apply("predict", "fit-rsf.model", test);
        self.step(
            "cox-regression",
            json!({}),
            &learn(&only(&table, &["signal", "noise"])),
        );
        self.step(
            "lasso-cox",
            json!({"folds": 5, "n_lambda": 30}),
            &learn(&table),
        );
        self.step("spearman-filter", json!({}), &learn(&table));
        let folds: String = (0..60)
            .map(|i| format!("p{i:03},{}\n", i % 3 + 1))
            .collect();
        let mut ports = learn(&only(&table, &["signal", "noise"])).to_vec();
        ports.push(("folds", format!("patient_id,fold\n{folds}").into_bytes()));
        self.step("cross-validate", json!({"learner": "cox"}), &ports);
        ports.pop();
        self.step(
            "bootstrap-optimism",
            json!({"learner": "cox", "horizons": [12.0, 36.0], "resamples": 20}),
            &ports,
        );
    }

    fn judgement(&mut self) {
        let (_, followup) = learnable(60);
        let (risk, survival) = (self.made("predict.risk"), self.made("predict.survival"));
        let ports = [
            ("risk", risk),
            ("survival", survival),
            ("followup", followup.clone()),
            ("train_followup", followup),
        ];
        self.step(
            "evaluate",
            json!({"bootstrap": 40, "horizons": [12, 24]}),
            &ports,
        );
        self.bedside();
        let label = || {
            vec![
                ("endpoint", "dfs"),
                ("learner", "rsf"),
                ("roi_set", "tumour"),
                ("rows", "test"),
                ("split", "external"),
            ]
        };
        let (metrics, curves) = (self.made("evaluate.metrics"), self.made("evaluate.curves"));
        self.gathering(
            "compare",
            json!({}),
            "metrics",
            gathered(vec![(label(), Ok(metrics))]),
        );
        let (comparison, summary) = (
            self.made("compare.comparison"),
            self.made("compare.summary"),
        );
        let exclusions = self.made("exclusions.exclusions");
        let mut inputs = super::fixture::inputs(&[
            ("comparison", comparison),
            ("summary", summary),
            ("exclusions", exclusions),
        ]);
        inputs
            .ports
            .insert("curves".to_owned(), gathered(vec![(label(), Ok(curves))]));
        self.run("report", json!({}), &inputs);
        self.conclusions();
    }

    fn conclusions(&mut self) {
        let (table, followup) = learnable(60);
        let risks = |of: fn(u32) -> u32| -> Vec<u8> {
            let site = |i: u32| if i % 4 == 3 { "c2" } else { "c1" };
            let row = |i: u32| format!("p{i:03},{},{}\n", site(i), of(i));
            let rows: String = (0..60).map(row).collect();
            format!("patient_id,site,risk\n{rows}").into_bytes()
        };
        let half = |bytes: &[u8], first: bool| -> Vec<u8> {
            let text = String::from_utf8_lossy(bytes).into_owned();
            let kept = text.lines().enumerate();
            let kept = kept.filter(|(i, _)| *i == 0 || (*i <= 30) == first);
            kept.map(|(_, line)| format!("{line}\n"))
                .collect::<String>()
                .into_bytes()
        };
        let model = |learner, split| {
            vec![
                ("learner", learner),
                ("roi_set", "tumour"),
                ("split", split),
            ]
        };
        let (signal, noise) = (risks(|i| (i * 37) % 101), risks(|i| (i * 7) % 80));
        let both = gathered(vec![
            (model("gbm", "external"), Ok(noise)),
            (model("rsf", "external"), Ok(signal.clone())),
        ]);
        let mut inputs = super::fixture::inputs(&[("followup", followup.clone())]);
        inputs.ports.insert("risks".to_owned(), both);
        let few = json!({"endpoint": "dfs", "horizons": [24, 48], "bootstrap": 100});
        self.run("rank-models", few, &inputs);
        let best = json!({"profile": "careful", "endpoint": "dfs", "roi_set": "tumour", "learner": "rsf", "chosen_by": "cv"});
        let summary = json!({"best": [best]}).to_string().into_bytes();
        let mut inputs = super::fixture::inputs(&[("summary", summary.clone())]);
        let of = |split, bytes| (model("rsf", split), Ok(bytes));
        let (first, second) = (half(&signal, true), half(&signal, false));
        let test = vec![of("r1f1", first.clone()), of("r1f2", second.clone())];
        let train = vec![
            of("r1f1", second),
            of("r1f2", first),
            of("external", signal),
        ];
        inputs.ports.insert("test_risk".to_owned(), gathered(test));
        inputs
            .ports
            .insert("train_risk".to_owned(), gathered(train));
        self.run("radscore", json!({}), &inputs);
        let (scores, cut) = (self.made("radscore.table"), self.made("cut-point.cut"));
        let ports = [
            ("table", table.clone()),
            ("scores", scores),
            ("cuts", cut.clone()),
        ];
        let columns = json!({"columns": ["signal", "noise", "radscore"], "dichotomise": true});
        self.step("model-columns", columns, &ports);
        let ports = [("table", table), ("followup", followup), ("cuts", cut)];
        self.step("univariable-table", json!({}), &ports);
        let selection = self.made("fit-selection.model");
        self.step("funnel", json!({}), &[("selection", selection)]);
        let ports = [
            ("comparison", self.made("compare.comparison")),
            ("summary", summary),
            ("ranks", self.made("rank-models.rank")),
        ];
        self.step("optimism-waterfall", json!({}), &ports);
    }

    fn readings_and_sites(&mut self) {
        let (table, _) = learnable(60);
        let noisy = String::from_utf8_lossy(&table)
            .replace(",3", ",4")
            .into_bytes();
        self.readings(&table, &noisy);
        self.step(
            "icc",
            json!({}),
            &[("first", table.clone()), ("second", noisy)],
        );
        self.step("combat", json!({}), &[("table", table.clone())]);
        let towards = json!({"reference": "c1"});
        self.step("fit-combat", towards, &[("table", table.clone())]);
        for kind in ["apply-combat", "adapt-combat"] {
            self.apply(kind, "fit-combat.model", table.clone());
        }
    }

    fn readings(&mut self, table: &[u8], again: &[u8]) {
        let entry = |axis, value| (vec![(axis, value)], Ok(again.to_vec()));
        let mut inputs = super::fixture::inputs(&[("table", table.to_vec())]);
        let readings = vec![entry("reading", "r1s2"), entry("reading", "r2s1")];
        inputs
            .ports
            .insert("readings".to_owned(), gathered(readings));
        self.run("fit-reliability", json!({}), &inputs);
        let regions = vec![entry("roi", "tumour"), entry("roi", "rim")];
        self.gathering("join-tables", json!({}), "tables", gathered(regions));
    }

    fn expression(&mut self) {
        let counts: String = (0..40)
            .map(|g| {
                let count =
                    |s: i32| 20 + (g * 7 + s * 13) % 31 + if g < 6 && s >= 3 { 80 } else { 0 };
                let row: Vec<String> = (0..6).map(|s| count(s).to_string()).collect();
                format!("g{g},{}\n", row.join(","))
            })
            .collect();
        let counts = format!("gene,s0,s1,s2,s3,s4,s5\n{counts}").into_bytes();
        let groups = b"sample,group\ns0,low\ns1,low\ns2,low\ns3,high\ns4,high\ns5,high\n".to_vec();
        self.step(
            "differential-expression",
            json!({}),
            &[("counts", counts), ("groups", groups)],
        );
        let sets = b"up\tx\tg0\tg1\tg2\tg3\tg4\tg9\n".to_vec();
        let genes = self.made("differential-expression.genes");
        self.step(
            "enrichment",
            json!({}),
            &[("genes", genes), ("gene_sets", sets)],
        );
    }

    fn analyses(&mut self) {
        let (table, followup) = learnable(60);
        let both = [("table", table), ("followup", followup.clone())];
        let cut = json!({"group": "signal", "cut": 50.0});
        self.step("kaplan-meier", cut, &both);
        self.step("stability-selection", json!({"subsamples": 10}), &both);
        let doses = b"patient_id,ebrt_gy,icbt_gy\na,45,30\nb,50.4,24\nc,45,\n".to_vec();
        self.step("eqd2", json!({}), &[("table", doses)]);
        let cohort = super::fixture::generated();
        self.step(
            "competing-risks",
            json!({}),
            &[("table", cohort.features), ("followup", cohort.causes)],
        );
        let risk = |of: fn(u32) -> u32| {
            let rows: String = (0..60).map(|i| format!("p{i:03},{}\n", of(i))).collect();
            format!("patient_id,risk\n{rows}").into_bytes()
        };
        let pair = [
            ("first", risk(|i| (i * 37) % 101)),
            ("second", risk(|i| (i * 7) % 80)),
            ("followup", followup),
        ];
        self.step("auc-comparison", json!({"horizons": [24.0, 48.0]}), &pair);
    }

    fn bedside(&mut self) {
        let (table, outcome) = learnable(60);
        self.step("baseline-table", json!({}), &[("table", table.clone())]);
        let cut = json!({"column": "signal", "permutations": 50, "bootstrap": 20});
        self.step(
            "cut-point",
            cut,
            &[("table", table.clone()), ("followup", outcome.clone())],
        );
        let rulers = [
            ("table", only(&table, &["signal", "noise"])),
            ("followup", outcome),
        ];
        self.step("nomogram", json!({"horizons": [12.0, 24.0]}), &rulers);
        self.expression();
        self.analyses();
        let (_, followup) = learnable(60);
        let survival = self.made("predict.survival");
        let judged = [
            ("survival", survival.clone()),
            ("followup", followup.clone()),
        ];
        let horizon = json!({"horizon": 36.0});
        for kind in ["calibration", "decision-curve", "clinical-impact"] {
            self.step(kind, horizon.clone(), &judged);
        }
        let flat: String = (0..60)
            .map(|i| format!("p{i:03},0.{}\n", 10 + (i * 7) % 80))
            .collect();
        let risk = format!("patient_id,risk\n{flat}").into_bytes();
        let pair = [
            ("old_risk", survival),
            ("new_risk", risk),
            ("followup", followup),
        ];
        self.step(
            "reclassification",
            json!({"horizon": 36.0, "bootstrap": 40}),
            &pair,
        );
    }

    fn made(&self, name: &str) -> Vec<u8> {
        self.made
            .get(name)
            .cloned()
            .unwrap_or_else(|| panic!("`{name}` was not made"))
    }

    fn apply(&mut self, kind: &'static str, model: &str, table: Vec<u8>) {
        let model = self.made(model);
        self.step(kind, json!({}), &[("model", model), ("table", table)]);
    }

    fn step(&mut self, kind: &'static str, set: Value, ports: &[(&str, Vec<u8>)]) {
        self.run(kind, set, &super::fixture::inputs(ports));
    }

    fn gathering(&mut self, kind: &'static str, set: Value, port: &str, entries: Vec<Input>) {
        self.run(kind, set, &super::fixture::ports(vec![(port, entries)]));
    }

    /// Runs a kind as a study would: with its default preset, completed by what is set.
    fn run(&mut self, kind: &'static str, set: Value, inputs: &Inputs) {
        let spec = kinds::kind(kind).unwrap_or_else(|| panic!("`{kind}` is not registered"));
        let context = Context {
            params: complete(spec, &set),
            seed: Some(11),
        };
        let produced = super::run(kind, &context, inputs).unwrap_or_else(|e| panic!("{kind}: {e}"));
        assert_eq!(produced.len(), spec.outputs.len(), "{kind}");
        for port in spec.outputs {
            let bytes = bytes_at(&produced, port.name, inputs);
            self.lines.push(Line {
                kind: spec.name,
                version: spec.version,
                port: port.name,
                digest: Digest::of(&bytes),
            });
            self.made.insert(format!("{kind}.{}", port.name), bytes);
        }
    }
}

fn complete(spec: &KindSpec, set: &Value) -> Value {
    if spec.name == "make-splits" {
        return set.clone(); // its preset is not complete: a scheme must be set
    }
    let place = pipeline_defs::problem::Place {
        file: "golden".into(),
        line: 0,
        column: 0,
    };
    let text = pipeline_defs::params::resolve_params(spec, set, &place)
        .unwrap_or_else(|p| panic!("{} {:?}: {}", spec.name, presets_of(spec), p.message));
    serde_json::from_str(&text).unwrap_or_else(|e| panic!("{}: {e}", spec.name))
}

fn bytes_at(produced: &[Produced], port: &str, inputs: &Inputs) -> Vec<u8> {
    match produced.iter().find(|p| p.port == port).map(|p| &p.content) {
        Some(Content::Bytes(bytes)) => bytes.clone(),
        Some(Content::Rows { of, ranges }) => {
            materialise(inputs.one(of).unwrap_or_else(|e| panic!("{e}")), ranges)
        }
        None => panic!("nothing at `{port}`"),
    }
}
