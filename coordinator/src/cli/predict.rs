//! `predict`: a frozen model on one new patient, without a coordinator.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use bytes::Bytes;
use clap::Args;
use imaging::formats::Choice;

use super::usage;
use crate::frozen::{Frozen, Needed, NeededRole, NewPatient, Prediction};

#[derive(Debug, Args)]
pub(super) struct PredictArgs {
    /// The model file, as a run writes it: OUT/models/ENDPOINT.radloom
    model: PathBuf,
    /// The patient's image: NIfTI, NRRD, MetaImage, or a folder of one DICOM series
    #[arg(long)]
    image: Option<PathBuf>,
    /// The tumour on that image
    #[arg(long)]
    mask: Option<PathBuf>,
    /// Clinical columns: a CSV with the patient's row, named as in the study
    #[arg(long)]
    clinical: Option<PathBuf>,
    /// The patient's row of another table of the study, for models that take one
    #[arg(long)]
    table: Option<PathBuf>,
    /// Which row of --clinical or --table, and what the patient is called
    #[arg(long)]
    patient: Option<String>,
    /// The site whose scanner it was; for models that harmonise sites
    #[arg(long)]
    site: Option<String>,
    /// As JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn predict(args: &PredictArgs) -> anyhow::Result<u8> {
    let file = args.model.display();
    let bytes =
        std::fs::read(&args.model).with_context(|| format!("cannot read the model {file}"))?;
    let frozen = Frozen::decode(&bytes).with_context(|| format!("{file}"))?;
    let patient = patient(args, &frozen)?;
    let prediction = frozen.predict(&patient)?;
    match args.json {
        true => print_json(&frozen, &patient, &prediction),
        false => print(&frozen, &patient, &prediction),
    }
    Ok(0)
}

/// Reads what the model takes, in its order.
fn patient(args: &PredictArgs, frozen: &Frozen) -> anyhow::Result<NewPatient> {
    let manifest = &frozen.manifest;
    let site = site(args, manifest.harmonised_sites.as_deref())?;
    let mut patient = NewPatient {
        patient_id: args.patient.clone().unwrap_or_else(|| "patient".to_owned()),
        site,
        brought: Vec::new(),
    };
    for needed in &manifest.inputs {
        let (option, path) = match needed.role {
            NeededRole::Image => ("--image", &args.image),
            NeededRole::Mask => ("--mask", &args.mask),
            NeededRole::Clinical => ("--clinical", &args.clinical),
            NeededRole::Table => ("--table", &args.table),
        };
        let Some(path) = path else {
            return Err(usage(format!(
                "the model {} takes `{}`: give it with {option} FILE",
                args.model.display(),
                needed.name
            )));
        };
        let bytes = match needed.role {
            NeededRole::Image | NeededRole::Mask => worker::sources::load(path, &Choice::default())
                .map(|(_, bytes)| bytes)
                .with_context(|| format!("cannot read {option} {}", path.display()))?,
            NeededRole::Clinical | NeededRole::Table => one_row(path, needed, args, &patient.site)?,
        };
        patient.brought.push((path.display().to_string(), bytes));
    }
    Ok(patient)
}

/// What the site is called: it matters to models that harmonise alone.
fn site(args: &PredictArgs, harmonised: Option<&[String]>) -> anyhow::Result<String> {
    let Some(known) = harmonised else {
        return Ok(args.site.clone().unwrap_or_else(|| "new".to_owned()));
    };
    let names = known.join(", ");
    match &args.site {
        Some(site) if known.contains(site) => Ok(site.clone()),
        Some(site) => bail!(
            "--site {site}: the model harmonises the measurements of {names}; those of another site need a study that has patients of it"
        ),
        None => Err(usage(format!(
            "the model harmonises sites: say whose scanner it was with --site, one of {names}"
        ))),
    }
}

/// The patient's row with the columns read as when the model was learned.
fn one_row(path: &Path, needed: &Needed, args: &PredictArgs, site: &str) -> anyhow::Result<Bytes> {
    let file = path.display();
    let table = worker::cohort::Table::read(path)?;
    let column = table.header.iter().position(|name| name == "patient_id");
    let wanted = |row: &usize| match (&args.patient, column) {
        (Some(patient), Some(column)) => table.cell(*row, column) == patient,
        _ => true,
    };
    let rows: Vec<usize> = (0..table.n_rows()).filter(wanted).collect();
    let row = match (rows.as_slice(), &args.patient) {
        ([row], _) => *row,
        ([], Some(patient)) => bail!("{file} has no row of patient `{patient}`"),
        ([], None) => bail!("{file} has no row; it needs the patient's"),
        (many, _) => bail!(
            "{file} has {} rows; say with --patient whose is meant, by its `patient_id`",
            many.len()
        ),
    };
    let mut writer = csv::Writer::from_writer(Vec::new());
    let columns: Vec<usize> = (0..table.header.len())
        .filter(|at| !matches!(table.header[*at].as_str(), "patient_id" | "site"))
        .collect();
    let names = columns.iter().map(|at| table.header[*at].as_str());
    writer.write_record(["patient_id", "site"].into_iter().chain(names))?;
    let id = args.patient.as_deref().unwrap_or("patient");
    let cells = columns.iter().map(|at| table.cell(row, *at));
    writer.write_record([id, site].into_iter().chain(cells))?;
    let csv = writer.into_inner().map_err(|e| anyhow::anyhow!("{e}"))?;
    let mut bytes = needed.schema.clone().into_bytes();
    if !bytes.is_empty() {
        bytes.push(b'\n');
    }
    bytes.extend(csv);
    artefact::table::Table::decode(&bytes).with_context(|| format!("{file}"))?;
    Ok(bytes.into())
}

fn print(frozen: &Frozen, patient: &NewPatient, prediction: &Prediction) {
    let (manifest, training) = (&frozen.manifest, &frozen.manifest.training);
    let subject = &manifest.subject;
    out!(
        "{}: {} of {} on {}, learned from {} patients of study `{}`",
        patient.patient_id,
        subject.endpoint,
        subject.learner,
        subject.roi_set,
        training.n,
        manifest.study
    );
    out!(
        "risk {}   percentile {:.0} of the training patients   group {} (cut at {})",
        artefact::number::text(prediction.risk),
        prediction.percentile,
        prediction.group,
        artefact::number::text(prediction.cut)
    );
    if training.is_null() {
        out!("all training patients have one risk: this model tells nobody from anybody");
    }
    for (months, probability) in &prediction.survival {
        out!(
            "no event within {} months: {:.1} %",
            artefact::number::text(*months),
            100.0 * probability
        );
    }
    if prediction.survival.is_empty() {
        out!("this learner ranks patients; it gives no survival probabilities");
    } else if manifest.calibration.is_empty() {
        out!(
            "how true these probabilities are was not recorded: no patients whom the model had not seen were judged"
        );
    }
    for warning in frozen.calibration_warnings() {
        out!("WARNING {warning}");
    }
    for seen in manifest
        .calibration
        .iter()
        .filter(|c| c.observed_over_expected.is_none())
    {
        out!(
            "how true the probability at {} months is was not to be seen {}: {}",
            artefact::number::text(seen.months),
            seen.place(),
            seen.reason
        );
    }
    match &prediction.novelty {
        Some(novelty) if novelty.warning.is_empty() => out!(
            "the features are like those of the training patients: farther out than {:.0} % of them",
            novelty.percentile
        ),
        Some(novelty) => out!("WARNING {}", novelty.warning),
        None => out!(
            "how far the patient is from the training patients is not known: {}",
            manifest.novelty_reason
        ),
    }
    out!("for research; no decision about a patient may rest on it");
}

fn print_json(frozen: &Frozen, patient: &NewPatient, prediction: &Prediction) {
    let manifest = &frozen.manifest;
    let survival: Vec<serde_json::Value> = prediction
        .survival
        .iter()
        .map(|(months, probability)| serde_json::json!({"months": months, "probability": probability}))
        .collect();
    let no_survival = survival
        .is_empty()
        .then_some("this learner ranks patients; it gives no survival probabilities");
    let no_novelty = prediction
        .novelty
        .is_none()
        .then_some(&manifest.novelty_reason);
    out!(
        "{}",
        serde_json::json!({
            "patient_id": patient.patient_id, "site": patient.site, "study": manifest.study, "model": manifest.subject,
            "risk": prediction.risk, "percentile": prediction.percentile, "group": prediction.group, "cut": prediction.cut,
            "null_model": manifest.training.is_null(),
            "survival": survival, "survival_reason": no_survival,
            "calibration": manifest.calibration, "calibration_warnings": frozen.calibration_warnings(),
            "novelty": prediction.novelty, "novelty_reason": no_novelty,
        })
    );
}
