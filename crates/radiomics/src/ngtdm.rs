//! Neighbouring grey tone difference matrix (NGTDM): 5 features of how a voxel differs from the mean of its neighbours.
//!
//! # Symbols
//! For each occupied grey level i: n_i voxels, p_i = n_i/N, s_i = Σ abs(i − Ā) over its voxels, where Ā is the mean grey level of the
//! up to 26 neighbours inside the region. N: voxels; G: occupied levels.
//!
//! # Formulas
//! | feature | formula |
//! |---|---|
//! | Coarseness | 1 / Σ p_i s_i |
//! | Contrast | Σ_ij p_i p_j (i − j)² / (G (G − 1)) · Σ s_i / N |
//! | Busyness | Σ p_i s_i / Σ_ij abs(i p_i − j p_j) |
//! | Complexity | Σ_ij abs(i − j) (p_i s_i + p_j s_j) / (p_i + p_j) / N |
//! | Strength | Σ_ij (p_i + p_j) (i − j)² / Σ s_i |
//!
//! # Edges
//! A voxel without neighbours counts in n_i with difference 0. Coarseness is 10⁶ when Σ p_i s_i = 0; Contrast is 0 with one level;
//! Busyness and Strength are 0 when their divisor is.
//!
//! # Worked example
//! The 4 × 4 image 1 2 5 2 / 3 5 1 3 / 1 3 5 5 / 3 1 1 1 has n = 6, 2, 4, 4 and s = 13.35, 2, 3.0333, 10.075 at levels 1, 2, 3, 5
//! (s at level 3: 0.6 + 0.6 + 0.5 + 1.3333).
//!
//! # Reference
//! Amadasun and King, IEEE Trans. Syst. Man Cybern. 19 (1989) 1264–1274.
//!
//! # Agrees with
//! PyRadiomics 3.1.0, relative 1e-6, tests/parity.rs.

use crate::class::{ClassValues, defined, steps};
use crate::discretise::GreyLevels;
use crate::roi::Padded;

/// The 5 features.
pub(crate) fn features(levels: &GreyLevels, padded: &Padded) -> ClassValues {
    let sums = difference_sums(
        &levels.padded,
        &padded.cells,
        steps(padded.strides),
        &levels.grey,
    );
    let n = padded.cells.len() as f64;
    let rows: Vec<Row> = (1..levels.grey.len())
        .map(|rank| Row {
            i: levels.grey[rank],
            p: levels.counts[rank] as f64 / n,
            s: sums[rank],
        })
        .collect();
    values(&rows, n)
}

/// One occupied grey level.
#[derive(Debug, Clone, Copy)]
struct Row {
    i: f64,
    p: f64,
    s: f64,
}

fn values(rows: &[Row], n: f64) -> ClassValues {
    let levels = rows.len() as f64;
    let weighted = rows.iter().fold(0.0, |sum, row| sum + row.p * row.s);
    let difference = rows.iter().fold(0.0, |sum, row| sum + row.s);
    let [mut contrast, mut spread, mut complexity, mut strength] = [0.0_f64; 4];
    for a in rows {
        for b in rows {
            let gap = (a.i - b.i).abs();
            contrast += a.p * b.p * gap * gap;
            spread += (a.i * a.p - b.i * b.p).abs();
            complexity += gap * (a.p * a.s + b.p * b.s) / (a.p + b.p);
            strength += (a.p + b.p) * gap * gap;
        }
    }
    let or_zero = |numerator: f64, divisor: f64| {
        if divisor == 0.0 {
            0.0
        } else {
            numerator / divisor
        }
    };
    defined(
        [
            "Busyness",
            "Coarseness",
            "Complexity",
            "Contrast",
            "Strength",
        ],
        [
            or_zero(weighted, spread),
            if weighted == 0.0 { 1e6 } else { 1.0 / weighted },
            complexity / n,
            or_zero(contrast, levels * (levels - 1.0)) * difference / n,
            or_zero(strength, difference),
        ],
    )
}

/// s by rank.
fn difference_sums(padded: &[u16], cells: &[usize], steps: [usize; 13], grey: &[f64]) -> Vec<f64> {
    let mut sums = vec![0.0; grey.len()];
    for &cell in cells {
        let (mut n_neighbours, mut sum) = (0_u32, 0.0);
        for step in steps {
            for neighbour in [cell - step, cell + step] {
                let rank = padded[neighbour];
                n_neighbours += u32::from(rank != 0);
                sum += grey[usize::from(rank)]; // 0 outside
            }
        }
        if n_neighbours > 0 {
            let rank = usize::from(padded[cell]);
            sums[rank] += (grey[rank] - sum / f64::from(n_neighbours)).abs();
        }
    }
    sums
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worked_example_comes_out() {
        let image = [1, 2, 4, 2, 3, 4, 1, 3, 1, 3, 4, 4, 3, 1, 1, 1]; // ranks; rank 4 is grey level 5
        let grey = [0.0, 1.0, 2.0, 3.0, 5.0];
        let mut padded = vec![0_u16; 6 * 6 * 3];
        let mut cells = Vec::new();
        for (k, rank) in image.into_iter().enumerate() {
            let cell = 36 + 6 * (k / 4 + 1) + k % 4 + 1;
            padded[cell] = rank;
            cells.push(cell);
        }
        let sums = difference_sums(&padded, &cells, steps([1, 6, 36]), &grey);
        for (rank, expected) in [(1, 13.35), (2, 2.0), (3, 91.0 / 30.0), (4, 10.075)] {
            assert!(
                (sums[rank] - expected).abs() < 1e-12,
                "{rank}: {}",
                sums[rank]
            );
        }
    }
}
