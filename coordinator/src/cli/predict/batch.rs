//! `predict --batch`: several patients of one site, and what brings a site that the model does not know to its scale.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::{Context as _, bail};
use imaging::formats::Choice;
use serde_json::json;
use worker::cohort::Table;

use super::super::usage;
use super::{PredictArgs, Row, clinical_row, print_model, print_patient, told};
use crate::frozen::{Frozen, NEW_SITE_MIN, NeededRole, NewPatient, Prediction};

/// A site's shift and scale are uncertain when learned from fewer patients (Orlhac et al., J Nucl Med 63 (2022) 172–179,
/// who advise 20 to 30 a site).
const FEW: usize = 20;

/// A patient of the batch with what the model says, or why it says nothing.
type Told = (String, Result<Prediction, String>);

pub(super) fn predict(args: &PredictArgs, frozen: &Frozen, file: &Path) -> anyhow::Result<u8> {
    let known = frozen.manifest.harmonised_sites.as_deref();
    let site = match (&args.site, known) {
        (Some(site), _) => site.clone(),
        (None, None) => "new".to_owned(),
        (None, Some(_)) => {
            return Err(usage(
                "the model harmonises sites: say whose scanner it was with --site".to_owned(),
            ));
        }
    };
    let is_new = known.is_some_and(|known| !known.contains(&site));
    let read = patients(frozen, file, &site)?;
    let there: Vec<NewPatient> = read.iter().filter_map(|(_, p)| p.clone().ok()).collect();
    if let Some((id, Err(why))) = read.iter().find(|(_, p)| p.is_err())
        && is_new
        && there.len() < NEW_SITE_MIN
    {
        bail!(
            "the files of {} of {} patients of site `{site}` can be read, at least {NEW_SITE_MIN} are needed to bring it to the model's scale; {id}: {why}",
            there.len(),
            read.len()
        );
    }
    let (n_adapted, predictions) = match is_new {
        true => {
            let found = frozen.predict_new_site(&there)?;
            (Some(found.n_adapted), found.predictions)
        }
        false => (None, there.iter().map(|p| frozen.predict(p)).collect()),
    };
    let mut predictions = predictions.into_iter();
    let mut all: Vec<Told> = Vec::with_capacity(read.len());
    for (id, patient) in read {
        let said = match patient {
            Err(why) => Err(why),
            Ok(_) => match predictions.next() {
                Some(said) => said.map_err(|e| e.to_string()),
                None => Err("it was not predicted".to_owned()),
            },
        };
        all.push((id, said));
    }
    match args.json {
        true => print_json(frozen, &site, n_adapted, &all),
        false => print(frozen, &site, n_adapted, &all),
    }
    Ok(u8::from(all.iter().any(|(_, said)| said.is_err())))
}

/// The patients of a batch by their rows; one whose files do not read has the reason.
fn patients(
    frozen: &Frozen,
    file: &Path,
    site: &str,
) -> anyhow::Result<Vec<(String, Result<NewPatient, String>)>> {
    let table = Table::read(file)?;
    let shown = file.display();
    let column = |name: &str| table.header.iter().position(|h| h == name);
    let Some(ids) = column("patient_id") else {
        bail!("{shown} has no column `patient_id`; give each patient a row with it");
    };
    let inputs = &frozen.manifest.inputs;
    for (role, name) in [(NeededRole::Image, "image"), (NeededRole::Mask, "mask")] {
        if inputs.iter().any(|n| n.role == role) && column(name).is_none() {
            bail!("{shown} has no column `{name}`; name there each patient's file, beside {shown}");
        }
    }
    let sites = column("site").filter(|_| frozen.manifest.harmonised_sites.is_some());
    let folder = file.parent().unwrap_or(Path::new(""));
    let (mut seen, mut all) = (BTreeSet::new(), Vec::new());
    for row in 0..table.n_rows() {
        let id = table.cell(row, ids).to_owned();
        if id.is_empty() || !seen.insert(id.clone()) {
            let what = if id.is_empty() {
                "empty"
            } else {
                "there twice"
            };
            bail!("{shown}, row {}: `patient_id` {id} is {what}", row + 2);
        }
        let said = sites.map_or(site, |at| table.cell(row, at));
        if !said.is_empty() && said != site {
            bail!(
                "{shown}, row {}: patient {id} is of site `{said}`, --site says `{site}`; give each site a file of its own",
                row + 2
            );
        }
        let of = Row {
            table: &table,
            row,
            id: &id,
            site,
            but: &["image", "mask"],
        };
        let patient = patient(frozen, folder, &of).map_err(|e| format!("{e:#}"));
        all.push((id, patient));
    }
    match all.is_empty() {
        true => bail!("{shown} has no row; it needs one a patient"),
        false => Ok(all),
    }
}

fn patient(frozen: &Frozen, folder: &Path, of: &Row<'_>) -> anyhow::Result<NewPatient> {
    let mut patient = NewPatient {
        patient_id: of.id.to_owned(),
        site: of.site.to_owned(),
        brought: Vec::new(),
    };
    for needed in &frozen.manifest.inputs {
        let name = match needed.role {
            NeededRole::Image => "image",
            NeededRole::Mask => "mask",
            NeededRole::Clinical | NeededRole::Table => {
                let name = format!("row of {}", of.id);
                patient.brought.push((name, clinical_row(of, needed)?));
                continue;
            }
        };
        let column = of.table.header.iter().position(|h| h == name);
        let cell = column.map_or("", |column| of.table.cell(of.row, column));
        if cell.is_empty() {
            bail!("no file in the column `{name}`");
        }
        let path = folder.join(cell);
        let (_, bytes) = worker::sources::load(&path, &Choice::default())
            .with_context(|| format!("cannot read {name} {}", path.display()))?;
        patient.brought.push((path.display().to_string(), bytes));
    }
    Ok(patient)
}

fn few(site: &str, n_adapted: Option<usize>) -> Option<String> {
    let n = n_adapted.filter(|n| (1..FEW).contains(n))?;
    Some(format!(
        "site `{site}` was brought to the model's scale from the features of {n} patients; from fewer than {FEW} its shift and scale are uncertain"
    ))
}

fn print(frozen: &Frozen, site: &str, n_adapted: Option<usize>, all: &[Told]) {
    if let Some(n) = n_adapted {
        out!("site {site}: unknown to the model, harmonised by the features of {n} patients");
    }
    if let Some(warning) = few(site, n_adapted) {
        out!("WARNING {warning}");
    }
    for (id, said) in all {
        match said {
            Ok(prediction) => print_patient(frozen, id, prediction),
            Err(why) => out!("{id}: refused: {why}"),
        }
    }
    print_model(frozen);
}

fn print_json(frozen: &Frozen, site: &str, n_adapted: Option<usize>, all: &[Told]) {
    let patients: Vec<serde_json::Value> = all
        .iter()
        .map(|(id, said)| match said {
            Ok(prediction) => told(frozen, id, site, prediction),
            Err(why) => json!({"patient_id": id, "site": site, "refused": why}),
        })
        .collect();
    out!(
        "{}",
        json!({
            "site": site, "n_adapted": n_adapted, "site_warning": few(site, n_adapted), "patients": patients,
        })
    );
}
