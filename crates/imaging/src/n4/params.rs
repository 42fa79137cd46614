//! Parameters and their named presets.

use super::N4Error;

/// Most control points of a lattice.
const CONTROL_POINTS_MAX: usize = 1 << 24;
/// Most histogram bins.
const BINS_MAX: usize = 1 << 16;

/// Parameters of [`correct`](super::correct). The spline order is 3 throughout.
#[derive(Debug, Clone, PartialEq)]
pub struct N4Params {
    /// Every n-th voxel per axis is used for the fit; at least 1.
    pub shrink_factor: usize,
    /// Most iterations of each level, coarse to fine; at least one level, each at least 1.
    pub iterations: Vec<usize>,
    /// A level ends when the SD over the mean of exp(change of log field) in the mask is at most this; at least 0.
    pub convergence: f64,
    /// Control points of the first level along x, y, z; at least 4. n control points are n − 3 knot spans.
    pub control_points: [usize; 3],
    /// Full width at half maximum of the field's assumed Gaussian histogram, in natural log intensity; above 0.
    pub fwhm: f64,
    /// Noise term of the Wiener deconvolution; above 0.
    pub wiener_noise: f64,
    /// Bins of the log-intensity histogram; 2 to 65 536.
    pub bins: usize,
}

impl N4Params {
    /// The settings of ITK 5.4's filter (4 levels of 50 iterations, convergence 0.001), with the sub-sampling by 4 that its
    /// documentation recommends.
    pub fn itk_defaults() -> N4Params {
        N4Params {
            shrink_factor: 4,
            iterations: vec![50; 4],
            convergence: 1e-3,
            control_points: [4; 3],
            fwhm: 0.15,
            wiener_noise: 0.01,
            bins: 200,
        }
    }

    /// The settings of 3D Slicer's module *N4ITK MRI Bias Correction*: 50, 40 and 30 iterations, convergence 0.0001, shrink 4.
    pub fn slicer() -> N4Params {
        N4Params {
            iterations: vec![50, 40, 30],
            convergence: 1e-4,
            ..N4Params::itk_defaults()
        }
    }

    /// Control points along x, y, z that put knots at most `distance_mm` apart on an image of this size at the first level.
    ///
    /// # Formula
    /// ceil((N − 1)·spacing / distance) + 3 per axis, at least 4
    ///
    /// # Errors
    /// [`N4Error::Param`] unless the distance is finite and above 0.
    ///
    /// # Differs from
    /// ANTs `-b [distance]`, which pads the image until its extent is a whole number of distances: there the knots are exactly
    /// that far apart and reach beyond the image, here the last knot lies on the last voxel.
    pub fn control_points_at(
        distance_mm: f64,
        dims: [usize; 3],
        spacing_mm: [f64; 3],
    ) -> Result<[usize; 3], N4Error> {
        if !(distance_mm.is_finite() && distance_mm > 0.0) {
            return Err(N4Error::Param {
                name: "spline_distance_mm",
                value: distance_mm,
                rule: "finite and above 0",
            });
        }
        let spans = |axis: usize| {
            let extent_mm = dims[axis].saturating_sub(1) as f64 * spacing_mm[axis];
            (extent_mm / distance_mm).ceil().max(1.0) as usize
        };
        Ok([0, 1, 2].map(|axis| spans(axis).saturating_add(3)))
    }

    /// Whether every parameter is in its range.
    ///
    /// # Errors
    /// [`N4Error::Param`] with the first that is not; [`N4Error::LatticeTooLarge`].
    pub fn check(&self) -> Result<(), N4Error> {
        let param = |name, value: f64, rule, holds: bool| match holds {
            true => Ok(()),
            false => Err(N4Error::Param { name, value, rule }),
        };
        let at_least_1 = "at least 1";
        param(
            "shrink_factor",
            self.shrink_factor as f64,
            at_least_1,
            self.shrink_factor >= 1,
        )?;
        let levels = self.iterations.len();
        param("number of levels", levels as f64, at_least_1, levels >= 1)?;
        for &n in &self.iterations {
            param("iterations", n as f64, at_least_1, n >= 1)?;
        }
        let finite = |value: f64| value.is_finite();
        param(
            "convergence",
            self.convergence,
            "finite and at least 0",
            finite(self.convergence) && self.convergence >= 0.0,
        )?;
        for n in self.control_points {
            param("control_points", n as f64, "at least 4", n >= 4)?;
        }
        let positive = "finite and above 0";
        param(
            "fwhm",
            self.fwhm,
            positive,
            finite(self.fwhm) && self.fwhm > 0.0,
        )?;
        param(
            "wiener_noise",
            self.wiener_noise,
            positive,
            finite(self.wiener_noise) && self.wiener_noise > 0.0,
        )?;
        param(
            "bins",
            self.bins as f64,
            "2 to 65536",
            (2..=BINS_MAX).contains(&self.bins),
        )?;
        self.check_lattice()
    }

    fn check_lattice(&self) -> Result<(), N4Error> {
        let levels = self.iterations.len();
        let refined = |n: usize| (1..levels).fold(n, |n, _| n.saturating_mul(2).saturating_sub(3));
        let dims = self.control_points.map(refined);
        let total = dims
            .iter()
            .fold(1_usize, |total, n| total.saturating_mul(*n));
        if total > CONTROL_POINTS_MAX {
            return Err(N4Error::LatticeTooLarge {
                levels,
                dims,
                limit: CONTROL_POINTS_MAX,
            });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[track_caller]
    fn refuses(change: fn(&mut N4Params), expected: &str) {
        let mut params = N4Params::slicer();
        change(&mut params);
        assert_eq!(params.check().unwrap_err().to_string(), expected);
    }

    #[test]
    fn presets_are_in_range() {
        N4Params::itk_defaults().check().unwrap();
        N4Params::slicer().check().unwrap();
    }

    #[test]
    fn every_parameter_has_its_range() {
        refuses(
            |p| p.shrink_factor = 0,
            "shrink_factor is 0, must be at least 1",
        );
        refuses(
            |p| p.iterations.clear(),
            "number of levels is 0, must be at least 1",
        );
        refuses(
            |p| p.iterations[1] = 0,
            "iterations is 0, must be at least 1",
        );
        refuses(
            |p| p.convergence = -1.0,
            "convergence is -1, must be finite and at least 0",
        );
        refuses(
            |p| p.control_points[2] = 3,
            "control_points is 3, must be at least 4",
        );
        refuses(|p| p.fwhm = 0.0, "fwhm is 0, must be finite and above 0");
        refuses(
            |p| p.wiener_noise = f64::NAN,
            "wiener_noise is NaN, must be finite and above 0",
        );
        refuses(|p| p.bins = 1, "bins is 1, must be 2 to 65536");
    }

    #[test]
    fn knots_are_at_most_the_distance_apart() {
        let at = |distance_mm| {
            N4Params::control_points_at(distance_mm, [101, 51, 2], [1.0, 2.0, 5.0]).unwrap()
        };
        assert_eq!(at(50.0), [5, 5, 4]);
        assert_eq!(at(33.0), [7, 7, 4]);
        assert_eq!(at(1e6), [4, 4, 4]);
        assert!(N4Params::control_points_at(0.0, [9; 3], [1.0; 3]).is_err());
        assert!(N4Params::control_points_at(f64::NAN, [9; 3], [1.0; 3]).is_err());
        let mut dense = N4Params::slicer();
        dense.control_points = N4Params::control_points_at(1e-300, [512; 3], [1.0; 3]).unwrap();
        assert!(matches!(
            dense.check(),
            Err(N4Error::LatticeTooLarge { .. })
        ));
    }

    #[test]
    fn a_lattice_beyond_memory_is_refused() {
        let mut params = N4Params::slicer();
        params.iterations = vec![1; 100];
        assert!(matches!(
            params.check(),
            Err(N4Error::LatticeTooLarge { levels: 100, .. })
        ));
    }
}
