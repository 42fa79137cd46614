//! Magnitude of the gradient, as ITK's `GradientMagnitudeImageFilter` gives it.
//!
//! # Formula
//! √(d_x² + d_y² + d_z²), d_a = (x[n + 1] − x[n − 1]) / (2 · spacing_a), or / 2 without spacing; unit of the image per mm (per voxel).
//!
//! # Edges
//! Outside the image its border voxel is repeated, so the difference there is one-sided and still divided by two voxels.
//!
//! # Agrees with
//! SimpleITK 2.5.7: every voxel to the last bit of single precision, tests/filters.rs. Results are single precision, as there.

use super::view::{ImageView, Window};

/// Values in the window, rounded to single precision.
pub(crate) fn values(use_spacing: bool, view: &ImageView, window: &Window) -> Vec<f64> {
    // ITK scales the operator, not the sum
    let factors = view.spacing_mm.map(|spacing| {
        if use_spacing {
            0.5 * (1.0 / spacing)
        } else {
            0.5
        }
    });
    let [nx, ny, nz] = window.size;
    let mut values = Vec::with_capacity(window.n_voxels());
    for z in window.lower[2]..window.lower[2] + nz {
        let (below, above) = neighbours(z, view.dims[2]);
        for y in window.lower[1]..window.lower[1] + ny {
            let (before, after) = neighbours(y, view.dims[1]);
            let rows = Rows {
                centre: view.row(y, z),
                y: [view.row(before, z), view.row(after, z)],
                z: [view.row(y, below), view.row(y, above)],
            };
            for x in window.lower[0]..window.lower[0] + nx {
                values.push(rows.magnitude(x, factors));
            }
        }
    }
    values
}

/// The rows around one row.
struct Rows<'a> {
    centre: &'a [f64],
    y: [&'a [f64]; 2],
    z: [&'a [f64]; 2],
}

impl Rows<'_> {
    fn magnitude(&self, x: usize, [fx, fy, fz]: [f64; 3]) -> f64 {
        let (left, right) = neighbours(x, self.centre.len());
        let dx = fx * self.centre[right] - fx * self.centre[left];
        let dy = fy * self.y[1][x] - fy * self.y[0][x];
        let dz = fz * self.z[1][x] - fz * self.z[0][x];
        f64::from((dx * dx + dy * dy + dz * dz).sqrt() as f32)
    }
}

fn neighbours(at: usize, n: usize) -> (usize, usize) {
    (at.saturating_sub(1), (at + 1).min(n - 1))
}
