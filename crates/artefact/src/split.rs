//! One division into training and test rows, `patient_id,site,role`, and given folds, `patient_id,fold`.

use crate::ArtefactError;
use crate::rows::{RowId, Sheet, has_sites, id_header, push_id};

/// Who is in training and who in test; nobody is in both.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct SplitTable {
    /// Training rows.
    pub train: Vec<RowId>,
    /// Test rows.
    pub test: Vec<RowId>,
}

impl SplitTable {
    /// Canonical bytes: all rows in (site, patient) order.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut rows: Vec<(&RowId, &str)> = self
            .train
            .iter()
            .map(|r| (r, "train"))
            .chain(self.test.iter().map(|r| (r, "test")))
            .collect();
        rows.sort();
        let sites = has_sites(rows.iter().map(|(r, _)| *r));
        let mut out = format!("{},role\n", id_header(sites));
        for (id, role) in rows {
            push_id(&mut out, id, sites);
            out.push(',');
            out.push_str(role);
            out.push('\n');
        }
        out.into_bytes()
    }

    /// Reads a split; a patient in both roles stands there twice and is refused.
    ///
    /// # Errors
    /// A missing column, a role that is neither `train` nor `test`, a patient twice.
    pub fn decode(bytes: &[u8]) -> Result<SplitTable, ArtefactError> {
        let sheet = Sheet::read("split", bytes)?;
        let role = sheet.need(&["role"])?;
        let mut split = SplitTable::default();
        for (row, id) in sheet.ids()?.into_iter().enumerate() {
            match sheet.cell(row, role) {
                "train" => split.train.push(id),
                "test" => split.test.push(id),
                _ => return Err(sheet.bad(row, role, "`train` or `test`")),
            }
        }
        Ok(split)
    }
}

/// Given folds by patient.
///
/// # Errors
/// A missing column or a fold that is no whole number.
pub fn decode_folds(bytes: &[u8]) -> Result<Vec<(RowId, u32)>, ArtefactError> {
    let sheet = Sheet::read("folds", bytes)?;
    let fold = sheet.need(&["fold"])?;
    let ids = sheet.ids()?;
    ids.into_iter()
        .enumerate()
        .map(|(row, id)| {
            let n = sheet
                .cell(row, fold)
                .parse()
                .map_err(|_| sheet.bad(row, fold, "a whole number"))?;
            Ok((id, n))
        })
        .collect()
}
