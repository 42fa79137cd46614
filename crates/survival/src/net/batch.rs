//! Rows of a batch in blocks of lanes, so that every inner loop runs over patients and vectorises.
//!
//! Block `b` holds rows 8b … 8b + 7; within a block each column is one array of 8 lanes. The lanes of the last block
//! beyond the number of rows are padding: 0 wherever a sum over rows could see them.
//!
//! A lane never mixes with another before a sum over rows, and that sum adds blocks in order and then lanes in one fixed
//! tree: the bits do not depend on how wide the machine's vectors are.

use ndarray::ArrayView2;

/// Rows in one block.
pub(crate) const LANES: usize = 8;

/// One column of one block.
pub(crate) type Lanes = [f64; LANES];

/// A matrix of rows in blocks.
#[derive(Debug, Clone, Default)]
pub(crate) struct Batch {
    rows: usize,
    width: usize,
    data: Vec<Lanes>,
}

impl Batch {
    /// The rows `rows` of `x`, in that order.
    pub(crate) fn gather(x: ArrayView2<f64>, rows: &[usize]) -> Batch {
        let mut batch = Batch::default();
        batch.resize(rows.len(), x.ncols());
        for (place, &row) in rows.iter().enumerate() {
            for (column, value) in x.row(row).iter().enumerate() {
                batch.set(place, column, *value);
            }
        }
        batch
    }

    /// Takes the rows `rows` of another batch, in that order.
    pub(crate) fn take(&mut self, from: &Batch, rows: &[u32]) {
        self.resize(rows.len(), from.width);
        for (place, &row) in rows.iter().enumerate() {
            let (to_block, to_lane) = (place / LANES * self.width, place % LANES);
            let (of_block, of_lane) = (row as usize / LANES * from.width, row as usize % LANES);
            for column in 0..from.width {
                self.data[to_block + column][to_lane] = from.data[of_block + column][of_lane];
            }
        }
    }

    /// Another shape; all values are 0 afterwards.
    pub(crate) fn resize(&mut self, rows: usize, width: usize) {
        self.rows = rows;
        self.width = width;
        self.data.clear();
        self.data.resize(rows.div_ceil(LANES) * width, [0.0; LANES]);
    }

    /// Another shape, old values or 0 in it: for what is written over at once.
    pub(crate) fn reshape(&mut self, rows: usize, width: usize) {
        self.rows = rows;
        self.width = width;
        self.data.resize(rows.div_ceil(LANES) * width, [0.0; LANES]);
    }

    /// Number of rows.
    pub(crate) fn rows(&self) -> usize {
        self.rows
    }

    /// Number of columns.
    pub(crate) fn width(&self) -> usize {
        self.width
    }

    /// One value.
    pub(crate) fn get(&self, row: usize, column: usize) -> f64 {
        self.data[row / LANES * self.width + column][row % LANES]
    }

    /// Writes one value.
    pub(crate) fn set(&mut self, row: usize, column: usize, value: f64) {
        self.data[row / LANES * self.width + column][row % LANES] = value;
    }

    /// The values of one column.
    pub(crate) fn column(&self, column: usize) -> Vec<f64> {
        (0..self.rows).map(|row| self.get(row, column)).collect()
    }

    /// All lanes, block by block, column by column.
    pub(crate) fn lanes(&self) -> &[Lanes] {
        &self.data
    }

    /// All lanes, to be written.
    pub(crate) fn lanes_mut(&mut self) -> &mut [Lanes] {
        &mut self.data
    }

    /// The blocks, each with `width` columns (nothing where there is no column).
    pub(crate) fn blocks(&self) -> std::slice::ChunksExact<'_, Lanes> {
        self.data.chunks_exact(self.width.max(1))
    }

    /// The blocks, to be written.
    pub(crate) fn blocks_mut(&mut self) -> std::slice::ChunksExactMut<'_, Lanes> {
        self.data.chunks_exact_mut(self.width.max(1))
    }

    /// Sets the padding to 0.
    pub(crate) fn clear_padding(&mut self) {
        let used = self.rows % LANES;
        if used == 0 {
            return;
        }
        let last = self.data.len() - self.width;
        for lanes in &mut self.data[last..] {
            lanes[used..].fill(0.0);
        }
    }
}

/// The sum of the lanes, always in the same tree.
pub(crate) fn sum(v: Lanes) -> f64 {
    ((v[0] + v[4]) + (v[2] + v[6])) + ((v[1] + v[5]) + (v[3] + v[7]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_come_back_and_padding_is_zero() {
        let x = ndarray::Array2::from_shape_fn((11, 3), |(i, j)| (10 * i + j) as f64 + 1.0);
        let batch = Batch::gather(x.view(), &(0..11).collect::<Vec<_>>());
        assert_eq!(batch.get(9, 2), x[[9, 2]]);
        assert_eq!(batch.column(1), x.column(1).to_vec());
        let mut few = Batch::default();
        few.take(&batch, &[9, 0]);
        assert_eq!(few.column(0), [91.0, 1.0]);
        let all: f64 = batch.lanes().iter().map(|v| sum(*v)).sum();
        assert_eq!(all, x.sum());
        let mut dirty = batch.clone();
        dirty.lanes_mut().iter_mut().for_each(|v| v.fill(7.0));
        dirty.clear_padding();
        let all: f64 = dirty.lanes().iter().map(|v| sum(*v)).sum();
        assert_eq!(all, 7.0 * 33.0);
    }

    #[test]
    fn no_column_is_no_block() {
        let batch = Batch::gather(ndarray::Array2::zeros((5, 0)).view(), &[0, 1]);
        assert_eq!(
            (batch.rows(), batch.width(), batch.blocks().len()),
            (2, 0, 0)
        );
    }
}
