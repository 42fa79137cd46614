//! What the study does with its patients, read from the plan: endpoints, horizons, regions and their files.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use digest::Digest;
use imaging::formats::Choice;
use pipeline_defs::params::{ExtractParams, Unheeded};
use pipeline_defs::plan::{Origin, Plan, TaskIdx};
use pipeline_defs::study::{AxisKind, TableKind};
use pipeline_defs::{Snapshot, SnapshotPatient, Study};
use serde_json::Value;

use super::definition;
use super::finding::{Code, Finding};
use super::sheet::{Items, Sheet};

/// What is asked of the data.
#[derive(Default)]
pub(super) struct Wanted {
    pub endpoints: Vec<Endpoint>,
    /// Times at which models are judged, months.
    pub horizons: Vec<f64>,
    pub regions: Vec<Region>,
    /// The site that is held out whole.
    pub external: Option<String>,
}

/// Follow-up of one endpoint.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Endpoint {
    pub name: String,
    /// Columns.
    pub time: String,
    pub event: String,
    /// Months in a unit of the time column: by name, as the study writes it.
    pub unit: String,
}

/// An image and a delineation of one patient.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Region {
    pub site: String,
    pub patient_id: String,
    /// The step that imports the mask.
    pub step: String,
    pub image_item: String,
    pub mask_item: String,
    pub image: Option<Source>,
    pub mask: Option<Source>,
    /// The name of the region, for files that name regions.
    pub region: Option<String>,
    /// Whether the step gets the image's series, whose frame of reference is then compared.
    pub series: bool,
    pub label: i32,
    /// The channel of the label, for masks of several.
    pub channel: Option<usize>,
    pub tolerance_mm: f64,
}

/// A file or folder, and what of it is meant.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Source {
    pub path: PathBuf,
    pub choice: Choice,
}

impl Wanted {
    /// Plans the study on the patients that the tables have; what is planned is read, not run.
    pub(super) fn of(
        study: &Study,
        sheets: &[Sheet],
        items: &Items,
        findings: &mut Vec<Finding>,
    ) -> Wanted {
        let mut wanted = Wanted::default();
        for axis in &study.axes {
            if let AxisKind::Split(scheme) = &axis.kind {
                wanted.external = scheme.external.clone().or(wanted.external);
            }
        }
        for (name, table) in &study.tables {
            if table.kind == TableKind::FollowUp {
                wanted.endpoints.push(Endpoint {
                    name: name.clone(),
                    time: "time_months".to_owned(),
                    event: "event".to_owned(),
                    unit: "months".to_owned(),
                });
            }
        }
        let Some(plan) = plan_what_is_there(study, &snapshot(study, sheets, items), findings)
        else {
            return wanted;
        };
        for task in 0..plan.n_tasks() as TaskIdx {
            let params: Value = match plan.kind_of(task).name {
                "follow-up" | "evaluate" | "import-mask" => {
                    serde_json::from_str(plan.params_of(task)).unwrap_or_default()
                }
                "extract-features" => {
                    extraction(&plan, task, findings);
                    continue;
                }
                _ => continue,
            };
            match plan.kind_of(task).name {
                "follow-up" => wanted.endpoints.extend(endpoint(&plan, task, &params)),
                "evaluate" => wanted.horizons.extend(horizons(&params)),
                _ => wanted.regions.extend(region(&plan, task, &params, items)),
            }
        }
        wanted.endpoints.sort();
        wanted.endpoints.dedup();
        wanted.horizons.sort_by(f64::total_cmp);
        wanted.horizons.dedup();
        wanted
    }
}

/// The plan; where a site has nobody, that of the other sites, so that their data are looked at all the same.
fn plan_what_is_there(
    study: &Study,
    snapshot: &Snapshot,
    findings: &mut Vec<Finding>,
) -> Option<Plan> {
    let problems = match pipeline_defs::plan(study, snapshot) {
        Ok(plan) => return Some(plan),
        Err(problems) => problems,
    };
    definition::tell(&problems, findings);
    let mut others = study.clone();
    let has_somebody = |site: &String| snapshot.patients.iter().any(|p| p.site == *site);
    others.sites.retain(has_somebody);
    if others.sites.is_empty() || others.sites.len() == study.sites.len() {
        return None;
    }
    pipeline_defs::plan(&others, snapshot).ok()
}

fn endpoint(plan: &Plan, task: TaskIdx, params: &Value) -> Option<Endpoint> {
    let text = |name: &str| Some(params[name].as_str()?.to_owned());
    let of_axis = plan.axes_of(task).find(|(axis, _)| *axis == "endpoint");
    let name = of_axis.map_or_else(
        || plan.step_of(task).name.clone(),
        |(_, value)| value.to_owned(),
    );
    Some(Endpoint {
        name,
        time: text("time")?,
        event: text("event")?,
        unit: text("unit").unwrap_or_else(|| "months".to_owned()),
    })
}

/// Settings of an extraction that have no effect, or none but harm; told once a step, however many patients it has.
fn extraction(plan: &Plan, task: TaskIdx, findings: &mut Vec<Finding>) {
    let Ok(params) = pipeline_defs::params::decode::<ExtractParams>(plan.params_of(task)) else {
        return; // the plan resolved them
    };
    let by_step = is_mask_of_step(plan, task);
    if params.label != 1 && by_step {
        let place = format!("step `{}`", plan.step_of(task).name);
        let message = format!(
            "the settings ask for label {} of a mask that a step wrote, where the region has label 1",
            params.label
        );
        let repair = "say the region's label in the step `import-mask`, and `label = 1` beside `settings` here";
        let finding = Finding::new(Code::LabelOfStep, place, message, repair);
        if !findings.contains(&finding) {
            findings.push(finding);
        }
    }
    for unheeded in params.unheeded() {
        if matches!(unheeded, Unheeded::LabelChannel { .. }) && !by_step {
            continue;
        }
        let code = match unheeded {
            Unheeded::LogWithoutSigma => Code::LogWithoutSigma,
            Unheeded::LabelChannel { .. } => Code::LabelChannelUnused,
            Unheeded::BinWidth { .. } => Code::BinWidthUnused,
        };
        let place = format!("step `{}`", plan.step_of(task).name);
        let finding = Finding::new(code, place, unheeded.to_string(), unheeded.repair());
        if !findings.contains(&finding) {
            findings.push(finding);
        }
    }
}

/// Whether a step wrote the mask, which then has one channel and label 1.
fn is_mask_of_step(plan: &Plan, task: TaskIdx) -> bool {
    let port = plan.ports(task).iter().find(|p| p.name == "mask");
    let entry = port.and_then(|port| plan.entries(port).first());
    entry.is_some_and(|entry| matches!(entry.origin, Origin::Output { .. }))
}

fn horizons(params: &Value) -> Vec<f64> {
    let given = params["horizons"].as_array().cloned().unwrap_or_default();
    given.iter().filter_map(Value::as_f64).collect()
}

fn region(plan: &Plan, task: TaskIdx, params: &Value, items: &Items) -> Option<Region> {
    let (mask_item, patient_id) = source(plan, task, "mask")?;
    let (image_item, _) = source(plan, task, "image")?;
    let file = |item: &str| {
        let wanted = items.get(item)?.get(&patient_id)?;
        Some(Source {
            path: wanted.path.clone(),
            choice: wanted.choice.clone(),
        })
    };
    Some(Region {
        site: plan.site_of(task).unwrap_or_default().to_owned(),
        step: plan.step_of(task).name.clone(),
        image: file(&image_item),
        mask: file(&mask_item),
        region: params["region"].as_str().map(str::to_owned),
        series: plan.ports(task).iter().any(|port| port.name == "series"),
        label: i32::try_from(params["label"].as_i64()?).ok()?,
        channel: params["channel"].as_u64().map(|n| n as usize),
        tolerance_mm: params["tolerance_mm"].as_f64()?,
        patient_id,
        image_item,
        mask_item,
    })
}

/// The item of the cohort behind a port, through the steps between: item, patient.
fn source(plan: &Plan, task: TaskIdx, port: &str) -> Option<(String, String)> {
    let port = plan.ports(task).iter().find(|p| p.name == port)?;
    match plan.entries(port).first()?.origin {
        Origin::Source(source) => {
            let source = plan.source(source);
            let item = source.name.strip_prefix("cohort.")?.to_owned();
            Some((item, source.patient.clone()?))
        }
        Origin::Output { task, .. } => source(plan, task, "image"),
    }
}

/// A snapshot of the patients of the tables; digests stand for files that nobody read yet.
fn snapshot(study: &Study, sheets: &[Sheet], items: &Items) -> Snapshot {
    let mut seen = BTreeSet::new();
    let mut patients = Vec::new();
    for (sheet, row) in sheets
        .iter()
        .flat_map(|s| s.patients.iter().map(move |r| (s, r)))
    {
        let site = if row.site.is_empty() {
            study.sites.first()
        } else {
            Some(&row.site)
        };
        if !sheet.is_cohort() || !seen.insert(row.patient_id.clone()) {
            continue;
        }
        let has = |(item, files): (&String, &BTreeMap<String, worker::cohort::Wanted>)| {
            let wanted = files.get(&row.patient_id)?;
            Some((
                item.clone(),
                Digest::of(wanted.path.as_os_str().as_encoded_bytes()),
            ))
        };
        patients.push(SnapshotPatient {
            site: site.cloned().unwrap_or_default(),
            patient_id: row.patient_id.clone(),
            items: items.iter().filter_map(has).collect(),
        });
    }
    let named = |names: Vec<&String>| -> BTreeMap<String, Digest> {
        let digest = |name: &String| (name.clone(), Digest::of(name.as_bytes()));
        names.into_iter().map(digest).collect()
    };
    Snapshot {
        patients,
        site_tables: named(study.sites.iter().collect()),
        tables: named(study.tables.keys().collect()),
    }
    .sorted()
}
