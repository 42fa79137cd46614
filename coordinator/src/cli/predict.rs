//! `predict`: a frozen model on one new patient, or on several of one site, without a coordinator.

mod batch;

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
    /// Several patients of one site instead: a CSV with a row each, `patient_id`, `image` and `mask` (files, from the CSV's
    /// folder), and the clinical columns; by them a model that harmonises is brought to a site that it does not know
    #[arg(long, value_name = "FILE", conflicts_with_all = ["image", "mask", "clinical", "table", "patient"])]
    batch: Option<PathBuf>,
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
    if let Some(file) = &args.batch {
        return batch::predict(args, &frozen, file);
    }
    let patient = patient(args, &frozen)?;
    let prediction = frozen.predict(&patient)?;
    let (id, site) = (&patient.patient_id, &patient.site);
    if args.json {
        out!("{}", told(&frozen, id, site, &prediction));
        return Ok(0);
    }
    print_patient(&frozen, id, &prediction);
    print_model(&frozen);
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
            "--site {site}: the model harmonises the measurements of {names}; one patient does not tell what another site does to them: give several patients of it with --batch FILE"
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
    let of = Row {
        table: &table,
        row,
        id: args.patient.as_deref().unwrap_or("patient"),
        site,
        but: &[],
    };
    clinical_row(&of, needed).with_context(|| format!("{file}"))
}

/// A patient's row of a table.
struct Row<'a> {
    table: &'a worker::cohort::Table,
    row: usize,
    id: &'a str,
    site: &'a str,
    /// Columns that are no values.
    but: &'a [&'a str],
}

/// A row as a table of its own.
fn clinical_row(of: &Row<'_>, needed: &Needed) -> anyhow::Result<Bytes> {
    let Row { table, row, .. } = *of;
    let is_value = |name: &str| !matches!(name, "patient_id" | "site") && !of.but.contains(&name);
    let mut writer = csv::Writer::from_writer(Vec::new());
    let columns: Vec<usize> = (0..table.header.len())
        .filter(|at| is_value(&table.header[*at]))
        .collect();
    let names = columns.iter().map(|at| table.header[*at].as_str());
    writer.write_record(["patient_id", "site"].into_iter().chain(names))?;
    let cells = columns.iter().map(|at| table.cell(row, *at));
    writer.write_record([of.id, of.site].into_iter().chain(cells))?;
    let csv = writer.into_inner().map_err(|e| anyhow::anyhow!("{e}"))?;
    let mut bytes = needed.schema.clone().into_bytes();
    if !bytes.is_empty() {
        bytes.push(b'\n');
    }
    bytes.extend(csv);
    artefact::table::Table::decode(&bytes)?;
    Ok(bytes.into())
}

fn print_patient(frozen: &Frozen, patient: &str, prediction: &Prediction) {
    let (manifest, training) = (&frozen.manifest, &frozen.manifest.training);
    let subject = &manifest.subject;
    out!(
        "{}: {} of {} on {}, learned from {} patients of study `{}`",
        patient,
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
    for (months, probability) in &prediction.survival {
        out!(
            "no event within {} months: {:.1} %",
            artefact::number::text(*months),
            100.0 * probability
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
}

/// What is to be known of the model, whoever is predicted.
fn print_model(frozen: &Frozen) {
    let manifest = &frozen.manifest;
    if manifest.training.is_null() {
        out!("all training patients have one risk: this model tells nobody from anybody");
    }
    if manifest.survival.is_none() {
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
    out!("for research; no decision about a patient may rest on it");
}

/// A prediction as JSON.
fn told(frozen: &Frozen, patient: &str, site: &str, prediction: &Prediction) -> serde_json::Value {
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
    serde_json::json!({
        "patient_id": patient, "site": site, "study": manifest.study, "model": manifest.subject,
        "risk": prediction.risk, "percentile": prediction.percentile, "group": prediction.group, "cut": prediction.cut,
        "null_model": manifest.training.is_null(),
        "survival": survival, "survival_reason": no_survival,
        "calibration": manifest.calibration, "calibration_warnings": frozen.calibration_warnings(),
        "novelty": prediction.novelty, "novelty_reason": no_novelty,
    })
}
