//! Tables as matrices of numbers.

use artefact::RowId;
use artefact::table::{Column, ColumnKind, Table};
use ndarray::Array2;
use stats::columns::pick_columns;

use crate::step::StepError;

/// Rows of numbers with names.
pub(super) struct Matrix {
    /// Who.
    pub rows: Vec<RowId>,
    /// Names of the columns.
    pub names: Vec<String>,
    /// Columns of categories of which levels were made.
    categories: Vec<String>,
    /// Rows × columns; NaN is undefined.
    pub x: Array2<f64>,
}

impl Matrix {
    /// The columns as they are: categories by the index of their level.
    pub fn coded(table: &Table) -> Matrix {
        Matrix::of(&table.rows, &table.columns)
    }

    /// What a model learns from: a nominal column becomes one column of 0 and 1 for each level but the first.
    pub fn design(table: &Table) -> Matrix {
        let columns: Vec<Column> = table.columns.iter().flat_map(indicators).collect();
        let nominal = |c: &&Column| matches!(c.kind, ColumnKind::Nominal { .. });
        let categories = table.columns.iter().filter(nominal);
        Matrix {
            categories: categories.map(|c| c.name.clone()).collect(),
            ..Matrix::of(&table.rows, &columns)
        }
    }

    /// Refuses the first undefined value, by row and then by column, with the number of them.
    ///
    /// # Errors
    /// A value is undefined.
    pub fn complete(&self) -> Result<(), StepError> {
        let undefined = |((_, _), v): &((usize, usize), &f64)| v.is_nan();
        let mut empty = self.x.indexed_iter().filter(undefined);
        let Some(((row, column), _)) = empty.next() else {
            return Ok(());
        };
        let others = match empty.count() {
            0 => String::new(),
            n => format!(" and so are {n} others"),
        };
        let name = &self.names[column];
        Err(StepError::refuse(
            "values-undefined",
            format!(
                "table, patient `{}`, column `{name}`: empty{others}; impute them (fit-impute, apply-impute) or leave the \
                 patients out",
                self.rows[row].patient_id
            ),
        ))
    }

    /// The columns with these names, in this order.
    ///
    /// # Errors
    /// One of them is not there.
    pub fn pick(self, names: &[String]) -> Result<Matrix, StepError> {
        let x = pick_columns(self.x.view(), &self.names, names).map_err(|e| {
            let repair = names.iter().find_map(|name| self.levels_to_declare(name));
            StepError::refuse(
                "columns-differ",
                format!("{e}{}", repair.unwrap_or_default()),
            )
        })?;
        Ok(Matrix {
            rows: self.rows,
            names: names.to_vec(),
            categories: self.categories,
            x,
        })
    }

    /// What to write where a column of a level is absent because these rows do not show all levels of their category.
    fn levels_to_declare(&self, absent: &str) -> Option<String> {
        let (category, level) = absent.split_once('=')?;
        let is_category = self.categories.iter().any(|c| c == category);
        let absent = is_category && !self.names.iter().any(|name| name == absent);
        absent.then(|| {
            format!(
                "; `{category}` has other levels here than where the model learned: write all of them, in its order, in a first line \
                 like #radloom-table {{\"columns\":{{\"{category}\":{{\"kind\":\"nominal\",\"levels\":[\"first\",\"{level}\"]}}}}}}"
            )
        })
    }

    fn of(rows: &[RowId], columns: &[Column]) -> Matrix {
        Matrix {
            rows: rows.to_vec(),
            names: columns.iter().map(|c| c.name.clone()).collect(),
            categories: Vec::new(),
            x: Array2::from_shape_fn((rows.len(), columns.len()), |(i, j)| columns[j].values[i]),
        }
    }
}

/// Numeric columns of a matrix.
pub(super) fn numeric_table(rows: Vec<RowId>, names: &[String], x: &Array2<f64>) -> Table {
    let columns = names.iter().enumerate().map(|(j, name)| Column {
        name: name.clone(),
        kind: ColumnKind::Numeric,
        unit: None,
        values: x.column(j).to_vec(),
    });
    Table {
        rows,
        columns: columns.collect(),
    }
}

fn indicators(column: &Column) -> Vec<Column> {
    let ColumnKind::Nominal { levels } = &column.kind else {
        return vec![column.clone()];
    };
    let one = |(at, level): (usize, &String)| Column {
        name: format!("{}={level}", column.name),
        kind: ColumnKind::Binary,
        unit: None,
        values: column
            .values
            .iter()
            .map(|v| {
                if v.is_nan() {
                    *v
                } else {
                    f64::from(u8::from(*v == at as f64))
                }
            })
            .collect(),
    };
    levels.iter().enumerate().skip(1).map(one).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_nominal_column_becomes_a_column_a_level() {
        let table =
            Table::decode(b"patient_id,stage,age\na,I,50\nb,III,\nc,II,70\nd,,60\n").unwrap();
        let matrix = Matrix::design(&table);
        assert_eq!(matrix.names, ["stage=II", "stage=III", "age"]);
        assert_eq!(matrix.x.column(1).to_vec()[..3], [0.0, 1.0, 0.0]);
        assert!(matrix.x[[3, 0]].is_nan() && matrix.x[[1, 2]].is_nan());
        assert_eq!(Matrix::coded(&table).names, ["stage", "age"]);
    }
}
