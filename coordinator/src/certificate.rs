//! The leakage certificate: which rows every fit learned from, in hashes that anyone can check.
//!
//! For each fit and each of its inputs: the selections (`select-rows` tasks and their output) that its rows come from, and
//! whether rows come through none (`undivided`: everybody's), and the leaks that it comes from (`leaks_behind`). For
//! each selection the digest of its bytes, of the list of its patients, of the split and of the list of the split's test
//! patients, and whether the two lists have nobody in common: read from the bytes, not believed. Beside it: how often the
//! outcomes of external test patients were opened and by which steps, which steps saw test patients' features in order to
//! harmonise them, and which leaks the study allows, with their reasons.
//!
//! Outcomes count as opened where a step is given follow-up, or a table that holds its columns, with a test patient of an
//! external split in it, and makes something else of it than rows or names: a curve, a rank, who has follow-up, folds balanced for
//! events.
//!
//! Everything in it follows from study and data: it is equal on any number of workers, cold or warm.

use std::collections::{BTreeMap, BTreeSet};

use artefact::split::SplitTable;
use artefact::{RowId, ids};
use cas::Store;
use digest::Digest;
use pipeline_defs::kinds::{ArtefactType, InPort, Role, RowRule};
use pipeline_defs::plan::{Origin, Plan, TaskIdx};
use serde_json::{Value, json};

use crate::finish::{FinishError, Finished};

/// An output of a task.
type Output = (TaskIdx, u8);

/// A selection of rows: the output of a `select-rows` task.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Selection {
    output: Output,
    part: &'static str,
    split: Option<Output>,
}

/// Where rows come from.
#[derive(Clone, Default)]
struct Rows {
    selections: BTreeSet<Selection>,
    /// Some come through no selection: test patients are among them.
    undivided: bool,
}

impl Rows {
    fn add(&mut self, other: &Rows) {
        self.undivided |= other.undivided;
        self.selections.extend(other.selections.iter().cloned());
    }
}

/// The certificate of a run.
///
/// # Errors
/// The store fails, or a selection or split does not read.
pub(crate) fn certificate(store: &Store, run: &Finished) -> Result<Value, FinishError> {
    let mut ledger = Ledger {
        store,
        run,
        selections: BTreeMap::new(),
        known: BTreeMap::new(),
        tests: BTreeMap::new(),
        external: None,
        opening: BTreeMap::new(),
        notes: Vec::new(),
    };
    let plan = &run.plan;
    let mut fits = Vec::new();
    let mut adapts = Vec::new();
    let mut opened: BTreeMap<String, BTreeMap<&str, u64>> = BTreeMap::new();
    for (i, state) in run.tasks.iter().enumerate() {
        let task = i as TaskIdx;
        if !state.phase.done() {
            continue;
        }
        match plan.step_of(task).role {
            Role::Fit => fits.push(ledger.fit(task)?),
            Role::Adapt => adapts.push(ledger.adapt(task)?),
            _ => {}
        }
        if ledger.opens_external(task)? {
            let endpoint = axis(plan, task, "endpoint");
            *opened
                .entry(endpoint)
                .or_default()
                .entry(plan.step_of(task).name.as_str())
                .or_default() += 1;
        }
    }
    let leaks: Vec<Value> = plan
        .leaks()
        .iter()
        .map(
            |l| json!({"step": l.step, "port": l.port, "receives": l.receives, "reason": l.reason}),
        )
        .collect();
    let disjoint = fits.iter().all(|fit| fit["disjoint"] == true);
    let training = fits.iter().all(|fit| fit["training_only"] == true);
    let claim = match (training && leaks.is_empty(), disjoint) {
        (true, true) => {
            "every fit received training rows of its split only, and no test patient is among them"
        }
        (true, false) => "NOT every fit's rows are without test patients: see `disjoint`",
        (false, _) => "NOT every fit received training rows only: see `leaks` and `training_only`",
    };
    let opened: Vec<Value> = opened
        .into_iter()
        .map(|(endpoint, by)| json!({"endpoint": endpoint, "times": by.values().sum::<u64>(), "by": by}))
        .collect();
    let selections = ledger.remember()?;
    Ok(json!({
        "certificate": 3,
        "claim": claim,
        "fits": fits,
        "selections": selections,
        "external_outcomes_opened": opened,
        "adapts": adapts,
        "leaks": leaks,
        "study": run.study.name,
        "profile": run.study.profile,
    }))
}

fn axis(plan: &Plan, task: TaskIdx, name: &str) -> String {
    let mut axes = plan.axes_of(task);
    let found = axes.find(|(axis, _)| *axis == name);
    found.map_or_else(String::new, |(_, value)| value.to_owned())
}

/// What is written down once and looked up often.
struct Ledger<'r> {
    store: &'r Store,
    run: &'r Finished,
    /// Name of a selection → its digests.
    selections: BTreeMap<String, Value>,
    known: BTreeMap<Output, Rows>,
    /// A split's test patients with the digest of their list.
    tests: BTreeMap<Output, (BTreeSet<RowId>, String)>,
    /// The test patients of every external split.
    external: Option<BTreeSet<RowId>>,
    /// Whether one of them is in a table.
    opening: BTreeMap<Digest, bool>,
    /// To be remembered.
    notes: Vec<(String, Vec<u8>)>,
}

/// Shorter tables are read in no time.
const REMEMBERED_FROM_BYTES: usize = 256 << 10;

impl Ledger<'_> {
    fn fit(&mut self, task: TaskIdx) -> Result<Value, FinishError> {
        let (inputs, selections) = self.inputs(task)?;
        let undivided = inputs.iter().any(|input| input["undivided"] == true);
        let all = |key: &str| -> BTreeSet<String> {
            let of = selections
                .iter()
                .filter_map(|name| self.selections.get(name));
            of.filter_map(|s| s[key].as_str().map(str::to_owned))
                .collect()
        };
        let divided = !undivided && !selections.is_empty();
        let disjoint = selections
            .iter()
            .filter_map(|name| self.selections.get(name))
            .all(|s| s["disjoint"] == true);
        // Rows of two splits: the test rows of one are training rows of the other. A leak that was taken needs no search.
        let plan = &self.run.plan;
        let one_split = all("split_task").len() <= 1;
        let behind = leaks_behind(plan, task);
        let honest = one_split && behind.is_empty();
        let training = honest && inputs.iter().all(|input| input["training_only"] == true);
        let recipe = self.run.tasks[task as usize].recipe;
        Ok(json!({
            "task": self.run.plan.address(task), "recipe": recipe.map(|r| r.to_string()), "inputs": inputs,
            "patients": all("patients"), "test_patients": all("test_patients"),
            "undivided": undivided, "leaks_behind": behind,
            "training_only": training, "disjoint": honest && divided && disjoint,
        }))
    }

    fn adapt(&mut self, task: TaskIdx) -> Result<Value, FinishError> {
        let (inputs, _) = self.inputs(task)?;
        Ok(json!({"task": self.run.plan.address(task), "inputs": inputs}))
    }

    /// The inputs of a task with whose rows they are, and the names of all selections behind them.
    fn inputs(&mut self, task: TaskIdx) -> Result<(Vec<Value>, BTreeSet<String>), FinishError> {
        let plan = &self.run.plan;
        let mut inputs = Vec::new();
        let mut behind = BTreeSet::new();
        for port in plan.ports(task) {
            for entry in plan.entries(port) {
                let Some(digest) = digest_of(self.run, entry.origin) else {
                    continue;
                };
                // What holds no patient's rows, like given folds, comes from nobody.
                let Rows {
                    selections,
                    undivided,
                } = rows_at(plan, entry.origin, &mut self.known);
                let training = !undivided && selections.iter().all(|s| s.part == "train");
                let mut names = Vec::new();
                for selection in &selections {
                    names.push(self.describe(selection)?);
                }
                behind.extend(names.iter().cloned());
                inputs.push(json!({
                    "port": port.name, "digest": digest.to_string(), "rows": names, "undivided": undivided,
                    "training_only": training,
                }));
            }
        }
        Ok((inputs, behind))
    }

    /// Name of a selection; its hashes are written down once.
    fn describe(&mut self, selection: &Selection) -> Result<String, FinishError> {
        let (task, port) = selection.output;
        let run = self.run;
        let name = format!("{}.{}", run.plan.address(task), selection.part);
        if self.selections.contains_key(&name) {
            return Ok(name);
        }
        let hash = |output: Output| run.output(output.0, output.1).map(|d| d.to_string());
        let mut entry = json!({
            "rows": hash((task, port)),
            "split": selection.split.and_then(hash),
            "split_task": selection.split.map(|(t, _)| run.plan.address(t)),
        });
        let patients = match run.output(task, port) {
            Some(digest) => self.patients(&digest)?,
            None => None,
        };
        if let Some(patients) = patients {
            entry["n_patients"] = json!(patients.len());
            entry["patients"] = json!(Digest::of(&ids::encode(&patients)).to_string());
            if let Some(split) = selection.split
                && let Some((test, digest)) = self.test_of(split)?
            {
                entry["n_test_patients"] = json!(test.len());
                entry["test_patients"] = json!(digest);
                entry["disjoint"] = json!(!patients.iter().any(|row| is_among(row, test)));
            }
        }
        self.selections.insert(name.clone(), entry);
        Ok(name)
    }

    /// The patients of a selection: of a long table they are remembered, so that a warm run does not read it again.
    fn patients(&mut self, rows: &Digest) -> Result<Option<Vec<RowId>>, FinishError> {
        let key = format!("patients:{rows}");
        if let Some(known) = self.store.note(&key)? {
            return Ok(Some(ids::decode(&known)?));
        }
        let Some(bytes) = self.store.get(rows)? else {
            return Ok(None);
        };
        let patients = patients_of(&bytes)?;
        if bytes.len() > REMEMBERED_FROM_BYTES {
            self.notes.push((key, ids::encode(&patients)));
        }
        Ok(Some(patients))
    }

    /// Keeps what is to be remembered, with one sync.
    fn remember(self) -> Result<BTreeMap<String, Value>, FinishError> {
        if !self.notes.is_empty() {
            let mut batch = self.store.batch();
            for (key, value) in self.notes {
                batch.set_note(key, value);
            }
            self.store.commit(batch)?;
        }
        Ok(self.selections)
    }

    /// The test patients of a split, with the digest of their list.
    fn test_of(
        &mut self,
        split: Output,
    ) -> Result<Option<&(BTreeSet<RowId>, String)>, FinishError> {
        if !self.tests.contains_key(&split) {
            let Some(digest) = self.run.output(split.0, split.1) else {
                return Ok(None);
            };
            let Some(bytes) = self.store.get(&digest)? else {
                return Ok(None);
            };
            let test = SplitTable::decode(&bytes)?.test;
            let digest = Digest::of(&ids::encode(&test)).to_string();
            self.tests
                .insert(split, (test.into_iter().collect(), digest));
        }
        Ok(self.tests.get(&split))
    }

    /// Whether a task is given the outcomes of external test patients, and makes something else of them than rows.
    fn opens_external(&mut self, task: TaskIdx) -> Result<bool, FinishError> {
        let plan = &self.run.plan;
        let rows = |ty| matches!(ty, ArtefactType::Table | ArtefactType::FollowUp);
        let kind = plan.kind_of(task);
        if kind.outputs.iter().all(|output| rows(output.ty)) {
            return Ok(false);
        }
        // A list of names is made of any table without a look at its values, unless it asks for follow-up.
        let names = kind.outputs.iter().all(|out| out.rows == RowRule::None);
        let looks = |name: &str| {
            let takes = |port: &'static InPort| port.types.contains(&ArtefactType::Table);
            plan.receives_outcomes(task, name) && !(names && kind.input(name).is_some_and(takes))
        };
        for port in plan.ports(task).iter().filter(|port| looks(port.name)) {
            for entry in plan.entries(port) {
                let opened = match entry.origin {
                    // A table as it came with the study is everybody's.
                    Origin::Source(_) => !self.external()?.is_empty(),
                    Origin::Output { task, port } => match self.run.output(task, port) {
                        Some(digest) => self.has_external(&digest)?,
                        None => false,
                    },
                };
                if opened {
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }

    /// Whether a test patient of an external split is in a table.
    fn has_external(&mut self, table: &Digest) -> Result<bool, FinishError> {
        if let Some(known) = self.opening.get(table) {
            return Ok(*known);
        }
        let patients = self.patients(table)?.unwrap_or_default();
        let external = self.external()?;
        let found = patients.iter().any(|row| is_among(row, external));
        self.opening.insert(*table, found);
        Ok(found)
    }

    /// The test patients of every external split.
    fn external(&mut self) -> Result<&BTreeSet<RowId>, FinishError> {
        if self.external.is_none() {
            self.external = Some(self.external_patients()?);
        }
        Ok(self.external.get_or_insert_default())
    }

    fn external_patients(&mut self) -> Result<BTreeSet<RowId>, FinishError> {
        let plan = &self.run.plan;
        let external = |task: &TaskIdx| {
            plan.step_of(*task).role == Role::Split
                && plan.axes_of(*task).any(|(_, value)| value == "external")
        };
        let mut all = BTreeSet::new();
        for task in (0..plan.n_tasks() as TaskIdx).filter(external) {
            if let Some((test, _)) = self.test_of((task, 0))? {
                all.extend(test.iter().cloned());
            }
        }
        Ok(all)
    }
}

/// Whether a patient is in a list; a row without a site is whoever has its pseudonym.
fn is_among(row: &RowId, list: &BTreeSet<RowId>) -> bool {
    let unsited = || RowId {
        site: String::new(),
        patient_id: row.patient_id.clone(),
    };
    list.contains(row)
        || list.contains(&unsited())
        || (row.site.is_empty() && list.iter().any(|other| other.patient_id == row.patient_id))
}

/// The patients of a table. Of each line only what stands before the second comma is read: a table of features is long.
fn patients_of(table: &[u8]) -> Result<Vec<RowId>, FinishError> {
    let mut heads = Vec::new();
    for line in table.split(|byte| *byte == b'\n') {
        if line.starts_with(b"#") || line.is_empty() {
            continue;
        }
        let mut commas = line.iter().enumerate().filter(|(_, byte)| **byte == b',');
        let second = commas.nth(1).map_or(line.len(), |(at, _)| at);
        if line[..second].contains(&b'"') {
            return Ok(ids::decode(table)?);
        }
        heads.extend_from_slice(&line[..second]);
        heads.push(b'\n');
    }
    // Without sites the second column is the first of the values: its name is no matter, nor are its values.
    Ok(ids::decode(&heads)?)
}

/// The steps whose leaks a fit takes, or comes from.
fn leaks_behind(plan: &Plan, task: TaskIdx) -> BTreeSet<&str> {
    let entries = plan.ports(task).iter().flat_map(|p| plan.entries(p));
    let behind = entries.filter_map(|entry| plan.leak_behind(entry.origin));
    let own = plan.leak_of(task).into_iter();
    own.chain(behind).map(|leak| leak.step.as_str()).collect()
}

/// Where the rows of an artefact come from.
fn rows_at(plan: &Plan, origin: Origin, known: &mut BTreeMap<Output, Rows>) -> Rows {
    match origin {
        Origin::Output { task, port } => rows_from(plan, (task, port), known),
        Origin::Source(_) => Rows {
            selections: BTreeSet::new(),
            undivided: plan.rows_of(origin) != "no rows",
        },
    }
}

/// Where the rows of an output come from, following it through everything that it was made from, up to selections of rows
/// and to single patients, who are not divided.
fn rows_from(plan: &Plan, output: Output, known: &mut BTreeMap<Output, Rows>) -> Rows {
    if let Some(found) = known.get(&output) {
        return found.clone();
    }
    let (task, port) = output;
    let kind = plan.kind_of(task);
    let out = kind.outputs.get(usize::from(port));
    let mut found = Rows::default();
    match (kind.role, out.map(|out| out.rows)) {
        // Names hold nobody's values.
        (_, Some(RowRule::None | RowRule::Split)) => {}
        (Role::Select, _) => {
            found.selections.insert(Selection {
                output,
                part: out.map_or("?", |out| out.name),
                split: split_of(plan, task),
            });
        }
        (Role::Pointwise, _) => found.undivided = true,
        _ => {
            for entry in plan.ports(task).iter().flat_map(|p| plan.entries(p)) {
                found.add(&rows_at(plan, entry.origin, known));
            }
        }
    }
    known.insert(output, found.clone());
    found
}

/// The split that a selection was made by.
fn split_of(plan: &Plan, select: TaskIdx) -> Option<Output> {
    let port = plan.ports(select).iter().find(|p| p.name == "split")?;
    match plan.entries(port).first()?.origin {
        Origin::Output { task, port } => Some((task, port)),
        Origin::Source(_) => None,
    }
}

fn digest_of(run: &Finished, origin: Origin) -> Option<Digest> {
    match origin {
        Origin::Source(source) => Some(run.plan.source(source).digest),
        Origin::Output { task, port } => run.output(task, port),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn row(site: &str, patient: &str) -> RowId {
        RowId {
            site: site.to_owned(),
            patient_id: patient.to_owned(),
        }
    }

    #[test]
    fn patients_are_read_from_the_heads_of_lines() {
        let long = b"#radloom-table {\"columns\":{}}\npatient_id,site,a,b\np1,c1,1,2\np2,c2,,3\n";
        assert_eq!(
            patients_of(long).unwrap(),
            [row("c1", "p1"), row("c2", "p2")]
        );
        let unsited = b"patient_id,a,b\np1,1,2\np2,1,2\n";
        assert_eq!(
            patients_of(unsited).unwrap(),
            [row("", "p1"), row("", "p2")]
        );
        let quoted = b"patient_id,site,a\n\"p,1\",c1,2\n";
        assert_eq!(patients_of(quoted).unwrap(), [row("c1", "p,1")]);
        assert_eq!(patients_of(b"patient_id\np1\n").unwrap(), [row("", "p1")]);
    }

    /// A paper's study: scales learned from everybody, applied to training rows, from which a model is learned.
    const STUDY: &str = r#"
name = "t"
profile = "paper"
seed = 1
[tables]
features = { file = "f.csv" }
followup = { file = "y.csv", kind = "followup" }
[axes]
split = { kfold = 2, repeats = 1 }
[steps.roster]
kind = "roster"
in = { followup = "tables.features" }
[steps.splits]
kind = "make-splits"
per = ["split"]
in = { roster = "roster.roster" }
with = { scheme = { axis = "split" } }
[steps.x]
kind = "select-rows"
per = ["split"]
in = { table = "tables.features", split = "splits.split" }
[steps.y]
kind = "select-rows"
per = ["split"]
in = { table = "tables.followup", split = "splits.split" }
[steps.all]
kind = "fit-standardise"
allow_leak = "scaled together"
in = { table = "tables.features" }
[steps.scaled]
kind = "apply-standardise"
per = ["split"]
in = { model = "all.model", table = "x.train" }
[steps.behind]
kind = "fit-cox"
per = ["split"]
in = { table = "scaled.table", followup = "y.train" }
[steps.honest]
kind = "fit-cox"
per = ["split"]
in = { table = "x.train", followup = "y.train" }
"#;

    #[test]
    fn rows_that_come_through_no_selection_are_told_from_those_that_do() {
        let study = pipeline_defs::parse(STUDY, "s.toml", &[]).unwrap();
        let digest = |name: &str| (name.to_owned(), Digest::of(name.as_bytes()));
        let snapshot = pipeline_defs::Snapshot {
            tables: ["features", "followup"].map(digest).into(),
            ..pipeline_defs::Snapshot::default()
        };
        let plan = pipeline_defs::plan(&study, &snapshot).unwrap();
        let of = |address: &str| {
            let task = plan.parse_address(address).unwrap();
            let rows = rows_from(&plan, (task, 0), &mut BTreeMap::new());
            let parts: Vec<&str> = rows.selections.iter().map(|s| s.part).collect();
            let leaks: Vec<&str> = leaks_behind(&plan, task).into_iter().collect();
            (rows.undivided, parts.join(" "), leaks.join(" "))
        };
        let is =
            |undivided, parts: &str, leaks: &str| (undivided, parts.to_owned(), leaks.to_owned());
        assert_eq!(of("all"), is(true, "", "all"));
        assert_eq!(of("behind[split=r1f1]"), is(true, "train train", "all"));
        assert_eq!(of("honest[split=r1f1]"), is(false, "train train", ""));
        assert_eq!(of("roster"), is(false, "", ""));
    }

    #[test]
    fn a_test_patient_is_found_with_and_without_a_site() {
        let list: BTreeSet<RowId> = [row("c1", "p1"), row("", "p9")].into();
        assert!(is_among(&row("c1", "p1"), &list) && is_among(&row("", "p1"), &list));
        assert!(is_among(&row("c2", "p9"), &list));
        assert!(!is_among(&row("c2", "p1"), &list));
    }
}
