//! Tables of patients: that of the cohort file, and those given with the study.

use std::collections::BTreeMap;
use std::path::Path;

use pipeline_defs::Study;
use pipeline_defs::study::{AxisKind, TableKind, is_word};
use worker::cohort::{Table, Wanted, wanted_files};

use super::finding::{Code, Finding, some_of};

/// The name of the cohort file's table.
const COHORT: &str = "cohort";

/// A table with its patients found.
pub(super) struct Sheet {
    pub table: Table,
    /// The study's name of it, or `cohort`.
    pub name: String,
    /// Rows of the study's sites, each patient once.
    pub patients: Vec<Row>,
    /// Columns that may reach the hub.
    pub shared: Vec<String>,
    /// Columns that are no covariates: pseudonym, site, files.
    pub taken: Vec<usize>,
}

/// A patient's row.
pub(super) struct Row {
    pub row: usize,
    pub patient_id: String,
    pub site: String,
}

/// The files of patients: item → patient → file.
pub(super) type Items = BTreeMap<String, BTreeMap<String, Wanted>>;

impl Sheet {
    /// Whether this is the table of the cohort file.
    pub(super) fn is_cohort(&self) -> bool {
        self.name == COHORT
    }

    /// The number of a column.
    pub(super) fn column(&self, name: &str) -> Option<usize> {
        self.table.header.iter().position(|h| h == name)
    }

    /// A cell of a patient.
    pub(super) fn cell(&self, row: &Row, column: usize) -> &str {
        self.table.cell(row.row, column)
    }

    /// `file, row n, column name`, for messages.
    pub(super) fn place(&self, row: &Row, column: usize) -> String {
        let name = self.table.header.get(column).map_or("", String::as_str);
        format!(
            "{}, row {}, column {name}",
            self.table.path.display(),
            row.row + 2
        )
    }

    /// `file, column name`.
    pub(super) fn column_place(&self, column: usize) -> String {
        let name = self.table.header.get(column).map_or("", String::as_str);
        format!("{}, column {name}", self.table.path.display())
    }
}

/// The cohort's table and files.
pub(super) fn of_cohort(
    path: Option<&Path>,
    study: &Study,
    findings: &mut Vec<Finding>,
) -> (Vec<Sheet>, Items) {
    let Some(path) = path else {
        return (Vec::new(), Items::new());
    };
    match read_cohort(path, study, findings) {
        Ok((sheet, items)) => (vec![sheet], items),
        Err(finding) => {
            findings.push(*finding);
            (Vec::new(), Items::new())
        }
    }
}

fn read_cohort(
    path: &Path,
    study: &Study,
    findings: &mut Vec<Finding>,
) -> Result<(Sheet, Items), Box<Finding>> {
    let unreadable = |e: &dyn std::fmt::Display, repair: &str| {
        let place = path.display().to_string();
        Box::new(Finding::new(
            Code::CohortUnreadable,
            place,
            e.to_string(),
            repair,
        ))
    };
    let file = worker::cohort::read_file(path)
        .map_err(|e| unreadable(&e, "radloom check --propose DIR writes one to start from"))?;
    let folder = path.parent().unwrap_or(Path::new("."));
    let table = Table::read(&folder.join(&file.table)).map_err(|e| unreadable(&e, ""))?;
    let need = |name: &str, wanted_by: &str| {
        table.header.iter().position(|h| h == name).ok_or_else(|| {
            let message = format!(
                "{wanted_by} names column `{name}`; the table has {}",
                table.header.join(", ")
            );
            let place = table.path.display().to_string();
            Box::new(Finding::new(
                Code::ColumnMissing,
                place,
                message,
                format!("change it in {}", path.display()),
            ))
        })
    };
    let id = need(&file.columns.patient_id, "columns.patient_id")?;
    let site = need(&file.columns.site, "columns.site")?;
    for column in &file.share.columns {
        if let Err(finding) = need(column, "share.columns") {
            findings.push(*finding);
        }
    }
    let mut taken = vec![id, site];
    for (item, how) in &file.items {
        for name in [&how.column, &how.series_column, &how.region_column]
            .into_iter()
            .flatten()
        {
            match need(name, &format!("item `{item}`")) {
                Ok(column) => taken.push(column),
                Err(finding) => findings.push(*finding),
            }
        }
    }
    let mut sheet = Sheet {
        table,
        name: COHORT.to_owned(),
        patients: Vec::new(),
        shared: file.share.columns.clone(),
        taken,
    };
    sheet.patients = patients(&sheet.table, id, Some(site), study, findings);
    let rows: Vec<(usize, String)> = sheet
        .patients
        .iter()
        .map(|r| (r.row, r.patient_id.clone()))
        .collect();
    let of_site = sheet.patients.iter().map(|r| r.row);
    for (column, why) in worker::cohort::unshareable(&file, &sheet.table, of_site) {
        findings.push(Finding::new(
            Code::ColumnUnshareable,
            path.display().to_string(),
            format!("[share] names column `{column}`: {why}"),
            "take it out; share what is measured or coded instead",
        ));
    }
    let mut items = Items::new();
    // A missing column was told above.
    for wanted in wanted_files(&file, &sheet.table, &rows, folder).unwrap_or_default() {
        let files = items.entry(wanted.item.clone()).or_default();
        // A pattern names a file for everybody; of what some patients have, those without a file have none.
        let by_pattern = file
            .items
            .get(&wanted.item)
            .is_some_and(|how| how.pattern.is_some());
        if by_pattern && of_some(study, &wanted.item) && !wanted.path.exists() {
            continue;
        }
        files.insert(wanted.patient_id.clone(), wanted);
    }
    Ok((sheet, items))
}

/// Whether an item is one that an axis of the study asks of those patients who have it.
fn of_some(study: &Study, item: &str) -> bool {
    study.axes.iter().any(|axis| match &axis.kind {
        AxisKind::Sparse {
            values,
            item: template,
            ..
        } => values
            .iter()
            .any(|value| template.replace(&format!("{{{}}}", axis.name), value) == item),
        _ => false,
    })
}

/// The tables given with the study.
pub(super) fn of_study(folder: &Path, study: &Study, findings: &mut Vec<Finding>) -> Vec<Sheet> {
    let mut sheets = Vec::new();
    for (name, table) in &study.tables {
        let path = folder.join(&table.file);
        // Their rows are genes: they are only read here to say that they can be.
        if matches!(table.kind, TableKind::Csv | TableKind::GeneSets) {
            if let Err(error) = std::fs::File::open(&path) {
                let place = path.display().to_string();
                findings.push(Finding::new(
                    Code::CohortUnreadable,
                    place,
                    error.to_string(),
                    "",
                ));
            }
            continue;
        }
        let table = match Table::read(&path) {
            Ok(table) => table,
            Err(error) => {
                findings.push(Finding::new(
                    Code::CohortUnreadable,
                    path.display().to_string(),
                    error.to_string(),
                    "",
                ));
                continue;
            }
        };
        let column = |name: &str| table.header.iter().position(|h| h == name);
        let Some(id) = column("patient_id") else {
            let message = format!(
                "no column `patient_id`; there are {}",
                some_of(table.header.iter().map(String::as_str))
            );
            findings.push(Finding::new(
                Code::ColumnMissing,
                path.display().to_string(),
                message,
                "name the column of pseudonyms so",
            ));
            continue;
        };
        let site = column("site");
        let patients = patients(&table, id, site, study, findings);
        sheets.push(Sheet {
            shared: table.header.clone(),
            table,
            name: name.clone(),
            patients,
            taken: [Some(id), site].into_iter().flatten().collect(),
        });
    }
    sheets
}

/// Rows of the study's sites; of several rows of one patient the first.
fn patients(
    table: &Table,
    id: usize,
    site: Option<usize>,
    study: &Study,
    findings: &mut Vec<Finding>,
) -> Vec<Row> {
    let place = |row: usize| format!("{}, row {}", table.path.display(), row + 2);
    let mut rows: Vec<Row> = Vec::new();
    let mut first_row: BTreeMap<String, usize> = BTreeMap::new();
    let mut n_at: BTreeMap<&str, usize> = BTreeMap::new();
    for row in 0..table.n_rows() {
        let at = site.map_or("", |site| table.cell(row, site));
        *n_at.entry(at).or_default() += 1;
        if site.is_some() && !study.sites.is_empty() && !study.sites.iter().any(|s| s == at) {
            continue;
        }
        let patient_id = table.cell(row, id).to_owned();
        if patient_id.is_empty() {
            findings.push(
                Finding::new(
                    Code::PatientIdMissing,
                    place(row),
                    "the patient has no pseudonym",
                    "give one, or delete the row",
                )
                .at_site(at),
            );
            continue;
        }
        if !is_word(&patient_id) {
            let message = format!(
                "pseudonym `{patient_id}` is no word: it may hold letters, digits and - _ . +"
            );
            findings.push(
                Finding::new(
                    Code::PatientIdWord,
                    place(row),
                    message,
                    "write it without spaces and other signs, here and in the names of the files; the patient was not looked at",
                )
                .of_patient(at, &patient_id),
            );
            continue;
        }
        if let Some(earlier) = first_row.get(&patient_id) {
            let message = format!("patient `{patient_id}` stands in row {earlier} already");
            findings.push(
                Finding::new(
                    Code::PatientIdDuplicate,
                    place(row),
                    message,
                    "keep one row a patient",
                )
                .of_patient(at, &patient_id),
            );
            continue;
        }
        first_row.insert(patient_id.clone(), row + 2);
        rows.push(Row {
            row,
            patient_id,
            site: at.to_owned(),
        });
    }
    if site.is_some() {
        let found = some_of(n_at.keys().copied());
        for wanted in study
            .sites
            .iter()
            .filter(|s| !n_at.contains_key(s.as_str()))
        {
            let message = format!(
                "the study waits for site `{wanted}`, of which the table has nobody; it has {found}"
            );
            findings.push(
                Finding::new(
                    Code::SiteMissing,
                    table.path.display().to_string(),
                    message,
                    "correct the site column or `sites` in the study",
                )
                .at_site(wanted),
            );
        }
        for (at, n) in n_at
            .iter()
            .filter(|(at, _)| !study.sites.is_empty() && !study.sites.iter().any(|s| s == *at))
        {
            let message = format!(
                "{n} rows have site `{at}`, which the study does not name; they are left out"
            );
            findings.push(
                Finding::new(
                    Code::SiteUnknown,
                    table.path.display().to_string(),
                    message,
                    "",
                )
                .at_site(at),
            );
        }
    }
    rows
}
