//! Tables: a row a patient, columns with a kind and a unit.
//!
//! # Format
//! CSV `patient_id,site,<column>…`, rows by (site, patient). Plain numeric columns need no description. Anything else is
//! described in one comment line before the header, `#radloom-table {"columns":{name:{"kind":…,"levels":[…],"unit":…}}}`,
//! which ordinary CSV readers skip. A column by hand without any number is read as nominal, levels in byte order, unless it
//! has so many different texts that it is free text; a column with numbers and text is refused at the first text.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::rows::{RowId, Sheet, has_sites, id_header, push_field, push_id};
use crate::{ArtefactError, json, number};

/// What the values of a column mean.
#[derive(Clone, Debug, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub enum ColumnKind {
    /// A number.
    #[default]
    Numeric,
    /// 0 or 1.
    Binary,
    /// Ordered levels; the value is the index of its level.
    Ordinal {
        /// From lowest to highest; the first is the reference.
        levels: Vec<String>,
    },
    /// Levels without order; the value is the index of its level.
    Nominal {
        /// The first is the reference.
        levels: Vec<String>,
    },
}

/// One column.
#[derive(Clone, Debug, PartialEq)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// What its values mean.
    pub kind: ColumnKind,
    /// Unit, where there is one.
    pub unit: Option<String>,
    /// One value a row; NaN is undefined.
    pub values: Vec<f64>,
}

/// A table.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Table {
    /// Who.
    pub rows: Vec<RowId>,
    /// What.
    pub columns: Vec<Column>,
}

#[derive(Serialize, Deserialize, Default)]
struct Described {
    #[serde(flatten)]
    kind: ColumnKind,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    unit: Option<String>,
}

#[derive(Serialize, Deserialize, Default)]
struct Schema {
    columns: BTreeMap<String, Described>,
}

const MARK: &[u8] = b"#radloom-table ";

impl Table {
    /// Canonical bytes, rows by (site, patient).
    ///
    /// # Errors
    /// None for text column names.
    pub fn encode(&self) -> Result<Vec<u8>, ArtefactError> {
        let described: BTreeMap<String, Described> = self
            .columns
            .iter()
            .filter(|c| c.kind != ColumnKind::Numeric || c.unit.is_some())
            .map(|c| {
                (
                    c.name.clone(),
                    Described {
                        kind: c.kind.clone(),
                        unit: c.unit.clone(),
                    },
                )
            })
            .collect();
        let mut out = String::new();
        if !described.is_empty() {
            let schema = json::encode("table schema", &Schema { columns: described })?;
            out.push_str(&String::from_utf8_lossy(MARK));
            out.push_str(&String::from_utf8_lossy(&schema));
            out.push('\n');
        }
        let sites = has_sites(self.rows.iter());
        out.push_str(id_header(sites));
        for column in &self.columns {
            out.push(',');
            push_field(&mut out, &column.name);
        }
        out.push('\n');
        let mut order: Vec<usize> = (0..self.rows.len()).collect();
        order.sort_by(|a, b| self.rows[*a].cmp(&self.rows[*b]));
        for row in order {
            push_id(&mut out, &self.rows[row], sites);
            for column in &self.columns {
                out.push(',');
                push_cell(&mut out, column, row);
            }
            out.push('\n');
        }
        Ok(out.into_bytes())
    }

    /// Reads a table.
    ///
    /// # Errors
    /// No `patient_id`, a patient or a column twice, a numeric column with text, free text, a level that its column does not
    /// have.
    pub fn decode(bytes: &[u8]) -> Result<Table, ArtefactError> {
        let schema = schema_of(bytes)?;
        let sheet = Sheet::read("table", bytes)?;
        let rows = sheet.ids()?;
        let mut columns = Vec::new();
        for (at, name) in sheet.header.iter().enumerate() {
            if name == "patient_id" || name == "site" {
                continue;
            }
            let described = schema.columns.get(name);
            let kind = match described {
                Some(d) => d.kind.clone(),
                None => guess(&sheet, at, &rows)?,
            };
            let values = read_values(&sheet, at, &kind)?;
            columns.push(Column {
                name: name.clone(),
                kind,
                unit: described.and_then(|d| d.unit.clone()),
                values,
            });
        }
        Ok(Table { rows, columns })
    }

    /// Puts the rows into (site, patient) order, as [`Table::encode`] writes them.
    pub fn sort_rows(&mut self) {
        let mut order: Vec<usize> = (0..self.rows.len()).collect();
        order.sort_by(|a, b| self.rows[*a].cmp(&self.rows[*b]));
        for column in &mut self.columns {
            column.values = order.iter().map(|&row| column.values[row]).collect();
        }
        self.rows = order.iter().map(|&row| self.rows[row].clone()).collect();
    }

    /// The column of that name.
    #[must_use]
    pub fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|c| c.name == name)
    }

    /// Column names in order.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        self.columns.iter().map(|c| c.name.clone()).collect()
    }
}

fn push_cell(out: &mut String, column: &Column, row: usize) {
    let value = column.values[row];
    match &column.kind {
        ColumnKind::Numeric | ColumnKind::Binary => number::push(out, value),
        ColumnKind::Ordinal { levels } | ColumnKind::Nominal { levels } => {
            if let (true, Some(level)) = (value >= 0.0, levels.get(value as usize)) {
                push_field(out, level);
            }
        }
    }
}

fn schema_of(bytes: &[u8]) -> Result<Schema, ArtefactError> {
    let Some(rest) = bytes.strip_prefix(MARK) else {
        return Ok(Schema::default());
    };
    let line = rest.split(|b| *b == b'\n').next().unwrap_or_default();
    json::decode("table schema", line)
}

/// Most levels of a nominal column that no schema declares.
const LEVELS_MAX: usize = 20;
/// Up to here a column of text is nominal however few its rows are: a table of one patient has one level.
const LEVELS_FEW: usize = 5;

/// Numeric where every filled cell is a number, nominal where none is.
fn guess(sheet: &Sheet, at: usize, rows: &[RowId]) -> Result<ColumnKind, ArtefactError> {
    let cells = || (0..sheet.records.len()).map(|row| (row, sheet.cell(row, at)));
    // An undefined cell reads as NaN and says nothing about its column.
    let is_number = |cell: &str| number::parse(cell).is_some_and(|v| !v.is_nan());
    let Some((row, text)) = cells().find(|(_, cell)| number::parse(cell).is_none()) else {
        return Ok(ColumnKind::Numeric);
    };
    let column = sheet.header[at].clone();
    if cells().any(|(_, cell)| is_number(cell)) {
        return Err(ArtefactError::Mixed {
            what: sheet.what,
            row: row + 2,
            patient: rows[row].patient_id.clone(),
            column,
            value: text.to_owned(),
        });
    }
    let filled: Vec<String> = cells()
        .filter(|(_, cell)| !is_undefined(cell))
        .map(|(_, cell)| cell.to_owned())
        .collect();
    let n_filled = filled.len();
    let mut levels = filled;
    levels.sort();
    levels.dedup();
    let n_levels = levels.len();
    // Codes such as stages repeat seldom among few patients; sentences and names do not look like them.
    let is_code = |level: &String| level.len() <= 12 && !level.contains(char::is_whitespace);
    let codes = n_levels < n_filled && levels.iter().all(is_code);
    if n_levels > LEVELS_MAX || (n_levels > LEVELS_FEW && 2 * n_levels >= n_filled && !codes) {
        return Err(ArtefactError::FreeText {
            what: sheet.what,
            column,
            n_levels,
            n_filled,
        });
    }
    Ok(ColumnKind::Nominal { levels })
}

/// A category that is not known. `None` is a category, as in "adjuvant therapy: None".
fn is_undefined(cell: &str) -> bool {
    cell != "None" && number::parse(cell).is_some_and(f64::is_nan)
}

fn read_values(sheet: &Sheet, at: usize, kind: &ColumnKind) -> Result<Vec<f64>, ArtefactError> {
    (0..sheet.records.len())
        .map(|row| match kind {
            ColumnKind::Numeric => sheet.number(row, at),
            ColumnKind::Binary => match sheet.number(row, at)? {
                v if v == 0.0 || v == 1.0 || v.is_nan() => Ok(v),
                _ => Err(sheet.bad(row, at, "0 or 1")),
            },
            ColumnKind::Ordinal { levels } | ColumnKind::Nominal { levels } => {
                let cell = sheet.cell(row, at);
                match levels.iter().position(|l| l == cell) {
                    Some(i) => Ok(i as f64),
                    None if is_undefined(cell) => Ok(f64::NAN),
                    None => Err(sheet.bad(row, at, "one of the column's levels")),
                }
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_reads_back_with_its_schema() {
        let id = |p: &str| RowId {
            site: "c1".to_owned(),
            patient_id: p.to_owned(),
        };
        let table = Table {
            rows: vec![id("a"), id("b"), id("c")],
            columns: vec![
                Column {
                    name: "x".to_owned(),
                    kind: ColumnKind::Numeric,
                    unit: Some("mm".to_owned()),
                    values: vec![1.5, f64::NAN, -2e-9],
                },
                Column {
                    name: "figo".to_owned(),
                    kind: ColumnKind::Ordinal {
                        levels: vec!["I".to_owned(), "II".to_owned()],
                    },
                    unit: None,
                    values: vec![1.0, 0.0, f64::NAN],
                },
            ],
        };
        let bytes = table.encode().unwrap();
        let back = Table::decode(&bytes).unwrap();
        assert_eq!(back.encode().unwrap(), bytes);
        assert_eq!(back.columns[1].kind, table.columns[1].kind);
        assert!(back.columns[0].values[1].is_nan());
    }

    #[test]
    fn a_bad_cell_names_row_column_and_value() {
        let error = Table::decode(
            b"#radloom-table {\"columns\":{\"x\":{\"kind\":\"binary\"}}}\npatient_id,x\na,1\nb,2\n",
        )
        .unwrap_err();
        assert_eq!(
            error.to_string(),
            "table, row 3, column `x`: `2` is not 0 or 1"
        );
        let twice = Table::decode(b"patient_id,x\na,1\na,2\n").unwrap_err();
        assert_eq!(
            twice.to_string(),
            "table, row 3: patient `a` stands there twice"
        );
    }

    fn problem(csv: &str) -> String {
        Table::decode(csv.as_bytes()).unwrap_err().to_string()
    }

    #[test]
    fn one_text_among_numbers_is_named_and_no_category() {
        for value in ["high", "inf", "\"0,5\"", "< 40"] {
            let said = problem(&format!("patient_id,crp\np1,3\np2,\np3,{value}\np4,7\n"));
            let value = value.trim_matches('"');
            assert!(
                said.starts_with(&format!(
                    "table, row 4, patient `p3`, column `crp`: `{value}` is no finite number"
                )),
                "{said}"
            );
            assert!(said.contains("declare the column nominal"), "{said}");
        }
    }

    #[test]
    fn few_texts_are_categories_and_many_are_free_text() {
        let of = |n: usize, levels: usize| {
            let rows = (0..n).map(|i| format!("p{i},text {}\n", i % levels));
            format!("patient_id,note\n{}", rows.collect::<String>())
        };
        for (n, levels) in [(1, 1), (5, 5), (13, 6), (60, 20)] {
            let table = Table::decode(of(n, levels).as_bytes()).unwrap();
            assert!(
                matches!(&table.columns[0].kind, ColumnKind::Nominal { levels: found } if found.len() == levels)
            );
        }
        let stages = "patient_id,figo\na,IB\nb,IIA\nc,IIB\nd,IIIA\ne,IIIB\nf,IVA\ng,IIB\n";
        assert!(Table::decode(stages.as_bytes()).is_ok());
        for (n, levels) in [(12, 6), (60, 21)] {
            assert_eq!(
                problem(&of(n, levels)).split(';').next().unwrap(),
                format!(
                    "table: column `note` has {levels} different texts in {n} cells and so is free text"
                )
            );
        }
    }

    #[test]
    fn a_declared_nominal_column_may_hold_numbers_and_text() {
        let table = Table::decode(
            b"#radloom-table {\"columns\":{\"arm\":{\"kind\":\"nominal\",\"levels\":[\"1\",\"2b\"]}}}\npatient_id,arm\na,1\nb,2b\nc,NA\n",
        )
        .unwrap();
        assert_eq!(table.columns[0].values[..2], [0.0, 1.0]);
        assert!(table.columns[0].values[2].is_nan());
    }

    #[test]
    fn a_column_twice_and_an_empty_file_are_said() {
        assert_eq!(
            problem("patient_id,age,age\np1,1,2\n"),
            "table: column `age` stands there twice; rename or remove one"
        );
        assert_eq!(problem(""), "table is empty");
        assert_eq!(problem("\n \n"), "table is empty");
    }
}
