//! Finding features by name.

use ndarray::{Array2, ArrayView2};

/// Why columns could not be picked.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ColumnError {
    /// Columns and names differ in number.
    #[error("{n_columns} columns for {n_names} feature names")]
    Count {
        /// Columns.
        n_columns: usize,
        /// Names.
        n_names: usize,
    },
    /// A feature learned in training is not in the table.
    #[error("feature {feature} is not in the table")]
    Missing {
        /// Feature.
        feature: String,
    },
}

/// Columns of `wanted` in a table with the columns `names`.
pub(crate) fn find<'a>(
    n_columns: usize,
    names: &[String],
    wanted: impl Iterator<Item = &'a String>,
) -> Result<Vec<usize>, ColumnError> {
    if n_columns != names.len() {
        return Err(ColumnError::Count {
            n_columns,
            n_names: names.len(),
        });
    }
    let mut place: Vec<usize> = (0..names.len()).collect();
    place.sort_by(|&a, &b| names[a].cmp(&names[b]).then(a.cmp(&b)));
    wanted
        .map(|feature| {
            let k = place.partition_point(|&j| names[j] < *feature);
            place
                .get(k)
                .copied()
                .filter(|&j| names[j] == *feature)
                .ok_or_else(|| ColumnError::Missing {
                    feature: feature.clone(),
                })
        })
        .collect()
}

/// The columns of `wanted`, in that order.
pub fn pick_columns(
    x: ArrayView2<f64>,
    names: &[String],
    wanted: &[String],
) -> Result<Array2<f64>, ColumnError> {
    let columns = find(x.ncols(), names, wanted.iter())?;
    Ok(Array2::from_shape_fn(
        (x.nrows(), columns.len()),
        |(i, j)| x[[i, columns[j]]],
    ))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;
    use ndarray::array;

    #[test]
    fn columns_are_found_whatever_their_order() {
        let names = ["b", "a", "c"].map(String::from);
        let x = array![[1.0, 2.0, 3.0]];
        let wanted = ["c", "a"].map(String::from);
        assert_eq!(
            pick_columns(x.view(), &names, &wanted).unwrap(),
            array![[3.0, 2.0]]
        );
        let missing = pick_columns(x.view(), &names, &["d".to_string()]);
        assert_eq!(
            missing,
            Err(ColumnError::Missing {
                feature: "d".into()
            })
        );
        let count = pick_columns(x.view(), &names[..2], &wanted);
        assert_eq!(
            count,
            Err(ColumnError::Count {
                n_columns: 3,
                n_names: 2
            })
        );
    }
}
