//! `check`: what is wrong with a study and its data, before anything runs.
//!
//! Each file here looks at one thing and gives [`Finding`]s; nothing is changed unless `--repaired` asks for repaired copies.

mod covariates;
mod dates;
mod definition;
mod finding;
mod identity;
mod images;
mod outcome;
mod propose;
mod sheet;
mod signal;
mod wanted;

use std::path::{Path, PathBuf};

use clap::Args;

use finding::{Finding, Severity};
use wanted::Wanted;

#[derive(Debug, Args)]
pub(super) struct CheckArgs {
    /// The study file
    #[arg(required_unless_present = "propose", conflicts_with = "propose")]
    study: Option<PathBuf>,
    /// Another cohort file than the study names
    #[arg(long)]
    cohort: Option<PathBuf>,
    /// Change the study: dotted.key=TOML value
    #[arg(long = "set", value_name = "KEY=VALUE")]
    sets: Vec<String>,
    /// Draw each region on its image, a PNG a patient, into this folder
    #[arg(long, value_name = "DIR")]
    overlays: Option<PathBuf>,
    /// Write repaired copies of masks that have a safe repair into this folder
    #[arg(long, value_name = "DIR")]
    repaired: Option<PathBuf>,
    /// As JSON; it names patients and files of this site
    #[arg(long)]
    json: bool,
    /// Propose a cohort.toml for a folder of images instead
    #[arg(long, value_name = "DIR")]
    propose: Option<PathBuf>,
    /// The clinical table, for --propose
    #[arg(long, requires = "propose")]
    clinical: Option<PathBuf>,
}

pub(super) fn check(args: &CheckArgs) -> anyhow::Result<u8> {
    if let Some(dir) = &args.propose {
        return propose::propose(dir, args.clinical.as_deref());
    }
    let Some(path) = &args.study else {
        return Err(super::usage("name a study, or --propose DIR"));
    };
    let checked = examine(path, args)?;
    if args.json {
        out!(
            "{}",
            finding::json(&checked.findings, checked.n_patients, &checked.settings)
        );
    } else {
        finding::print(&checked.findings, checked.n_patients, &checked.settings);
    }
    let refused = checked
        .findings
        .iter()
        .any(|f| f.severity == Severity::Refuse);
    Ok(u8::from(refused))
}

/// What was found.
#[derive(Default)]
struct Checked {
    findings: Vec<Finding>,
    n_patients: usize,
    /// Lines for the study that repair what all patients have in common.
    settings: Vec<String>,
}

fn examine(path: &Path, args: &CheckArgs) -> anyhow::Result<Checked> {
    let mut checked = Checked::default();
    let findings = &mut checked.findings;
    let Some(study) = definition::study(path, &args.sets, findings)? else {
        return Ok(checked);
    };
    let folder = path.parent().unwrap_or(Path::new("."));
    let cohort = match (
        &args.cohort,
        study.cohort.as_ref().and_then(|c| c.file.clone()),
    ) {
        (Some(file), _) => Some(file.clone()),
        (None, Some(file)) => Some(folder.join(file)),
        (None, None) => None,
    };
    let (mut sheets, items) = sheet::of_cohort(cohort.as_deref(), &study, findings);
    sheets.extend(sheet::of_study(folder, &study, findings));
    // What cannot be read announces nobody; the planner would blame the sites.
    let is_unread = cohort.is_some() && !sheets.iter().any(|sheet| sheet.is_cohort());
    let wanted = if is_unread {
        Wanted::default()
    } else {
        Wanted::of(&study, &sheets, &items, findings)
    };
    checked.n_patients = sheets.first().map_or(0, |sheet| sheet.patients.len());
    let followed = outcome::examine(&wanted, &study, &sheets, findings);
    for sheet in &sheets {
        identity::examine(sheet, findings);
        dates::examine(sheet, &wanted, findings);
        covariates::examine(sheet, &followed, findings);
    }
    let measured = images::examine(&wanted, args, findings, &mut checked.settings)?;
    signal::examine(&measured, &followed, findings);
    finding::sort(findings);
    Ok(checked)
}
