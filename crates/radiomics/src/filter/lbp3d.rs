//! Local binary pattern on a sphere, as PyRadiomics makes it of SciPy and trimesh.
//!
//! # Formula
//! The points of an icosphere are offsets, in *voxels*, along z, y, x, whatever the spacing. At each of them the image is interpolated
//! by cubic B-splines and rounded to the image's pixel type; bit v is 1 where sample ≥ voxel. Of each voxel of the region:
//!
//! | name | value |
//! |---|---|
//! | `lbp-3D-m<n+1>` | what level n of the spherical harmonics makes of the bits: see `harmonics` |
//! | `lbp-3D-k` | excess kurtosis of the samples, m₄ / m₂² − 3, population moments |
//!
//! # Edges
//! A sample outside the image is 0. Outside the region every value is 0 (PyRadiomics leaves memory as it finds it).
//!
//! # Errors
//! Equal samples have no kurtosis: an error of `lbp-3D-k` if the voxel is in the region; the other maps are not touched by it.
//!
//! # Agrees with
//! PyRadiomics 3.1.0 with SciPy 1.14 and trimesh, tests/filters.rs: `k` and `m1` in every bit, the other levels within 1e-11.
//! Single-precision images included, whose kurtosis is computed in single precision with NumPy's order of sums.
//!
//! # Differs from
//! PyRadiomics where rounding decides:
//! - Patterns that are turned into each other by a symmetry of the sphere have the same value. In PyRadiomics it differs by 1e-15,
//!   and not the same way under NumPy 1.26 and 2.2, which shows in RobustMeanAbsoluteDeviation (1 % seen): a percentile that is
//!   one of these values takes some of its equals in and leaves others out. Here levels above the first are rounded to 2^−36.
//! - In a double-precision image a sample within 1e-12 of the voxel's value equals it. Samples that fall on a neighbour, or lie in
//!   a flat place, are otherwise told from the voxel by the interpolation's rounding error. Integer and single-precision samples
//!   were rounded to the image's type and need no such rule.
//!
//! # Reference
//! Banerjee, Moelker, Niessen & van Walsum, 3D LBP-based rotationally invariant region description, 2013.

mod harmonics;
mod icosphere;
mod lanes;
mod spline;

use super::error::FilterError;
use super::image_type::Lbp3dSettings;
use super::view::{ImageView, PixelType, Window};
use harmonics::{Complex, Harmonics};
use lanes::{sum_double, sum_single};
use spline::{Coefficients, Offset};
use std::sync::{Arc, OnceLock};

/// The maps of one image, made in one walk over the region.
#[derive(Debug)]
pub(crate) struct Sphere {
    settings: Lbp3dSettings,
    /// For the window and region that were asked for first.
    kept: OnceLock<(Window, Vec<bool>, Arc<Maps>)>,
}

/// One value per voxel of the window and map: the levels, then the kurtosis, which is NaN where it is undefined.
type Maps = Vec<Vec<f64>>;

/// One of the maps.
#[derive(Debug, Clone)]
pub(crate) struct SphereMap {
    sphere: Arc<Sphere>,
    map: usize,
}

/// Names and maps in PyRadiomics' order.
pub(crate) fn maps(settings: &Lbp3dSettings) -> Result<Vec<(String, SphereMap)>, FilterError> {
    check(settings)?;
    let sphere = Arc::new(Sphere {
        settings: settings.clone(),
        kept: OnceLock::new(),
    });
    let named = |map: usize| {
        let name = if map < settings.n_levels {
            format!("lbp-3D-m{}", map + 1)
        } else {
            "lbp-3D-k".to_owned()
        };
        let sphere = Arc::clone(&sphere);
        (name, SphereMap { sphere, map })
    };
    Ok((0..=settings.n_levels).map(named).collect())
}

fn check(settings: &Lbp3dSettings) -> Result<(), FilterError> {
    let refuse = |setting, value, must_be| {
        Err(FilterError::Setting {
            setting,
            value,
            must_be,
        })
    };
    if !(1..=10).contains(&settings.n_levels) {
        return refuse("lbp3DLevels", settings.n_levels as f64, "1 to 10");
    }
    let radius = settings.radius_voxels;
    if !(radius > 0.0 && radius <= 1000.0) {
        return refuse(
            "lbp3DIcosphereRadius",
            radius,
            "above 0, at most 1000 voxels",
        );
    }
    if settings.n_subdivisions > 4 {
        return refuse(
            "lbp3DIcosphereSubdivision",
            settings.n_subdivisions as f64,
            "0 to 4",
        );
    }
    Ok(())
}

impl SphereMap {
    /// Values of the map in the window.
    pub(crate) fn values(
        &self,
        view: &ImageView,
        window: &Window,
        inside: &[bool],
    ) -> Result<Vec<f64>, FilterError> {
        let compute = || Arc::new(self.sphere.compute(view, window, inside));
        let (kept_window, kept_inside, kept) = self
            .sphere
            .kept
            .get_or_init(|| (*window, inside.to_vec(), compute()));
        let maps = if kept_window == window && kept_inside == inside {
            Arc::clone(kept)
        } else {
            compute()
        };
        let values = maps[self.map].clone();
        match values.iter().position(|value| value.is_nan()) {
            Some(at) => Err(FilterError::FlatSphere {
                voxel: window.voxel(at),
            }),
            None => Ok(values),
        }
    }
}

impl Sphere {
    fn compute(&self, view: &ImageView, window: &Window, inside: &[bool]) -> Maps {
        let Lbp3dSettings {
            n_levels,
            radius_voxels,
            n_subdivisions,
        } = self.settings;
        let points = icosphere::icosphere(n_subdivisions, radius_voxels);
        let levels: Vec<Harmonics> = (0..n_levels)
            .map(|n| Harmonics::new(n, &points, radius_voxels))
            .collect();
        let offsets: Vec<Offset> = points
            .iter()
            .map(|&[z, y, x]| Offset::new([x, y, z], view, window))
            .collect();
        let coefficients = Coefficients::around(view, window, radius_voxels);
        let mut maps = vec![vec![0.0; window.n_voxels()]; n_levels + 1];
        let mut row = Row::new(window.size[0], points.len());
        for (line, inside) in inside.chunks_exact(window.size[0]).enumerate() {
            let (y, z) = (line % window.size[1], line / window.size[1]);
            let Some(voxels) = extent(inside) else {
                continue;
            };
            row.sample(&coefficients, &offsets, [y, z], voxels.clone(), view.pixel);
            let image = &view.row(window.lower[1] + y, window.lower[2] + z)[window.lower[0]..];
            for x in voxels.clone().filter(|&x| inside[x]) {
                let at = x + line * window.size[0];
                row.choose(x - voxels.start, least_equal(image[x], view.pixel));
                for (map, level) in maps.iter_mut().zip(&levels) {
                    map[at] = level.norm(&row.bits, &mut row.coefficients);
                }
                maps[n_levels][at] = row.kurtosis(view.pixel);
            }
        }
        maps
    }
}

/// From the first to behind the last voxel of the region in a row.
fn extent(inside: &[bool]) -> Option<std::ops::Range<usize>> {
    let first = inside.iter().position(|&inside| inside)?;
    let last = inside.iter().rposition(|&inside| inside)?;
    Some(first..last + 1)
}

/// Samples around the voxels of one row, and those of one voxel of it.
struct Row {
    /// Per point, one value per voxel of the row's extent.
    samples: Vec<Vec<f64>>,
    mixed: Vec<f64>,
    chosen: Vec<f64>,
    /// 1 where the sample is at least the voxel's value, else 0.
    bits: Vec<f64>,
    coefficients: Vec<Complex>,
}

impl Row {
    fn new(n: usize, n_points: usize) -> Row {
        Row {
            samples: vec![vec![0.0; n]; n_points],
            mixed: Vec::new(),
            chosen: vec![0.0; n_points],
            bits: vec![0.0; n_points],
            coefficients: Vec::new(),
        }
    }

    fn sample(
        &mut self,
        coefficients: &Coefficients,
        offsets: &[Offset],
        at: [usize; 2],
        voxels: std::ops::Range<usize>,
        pixel: PixelType,
    ) {
        for (samples, offset) in self.samples.iter_mut().zip(offsets) {
            let samples = &mut samples[..voxels.len()];
            coefficients.sample_row(offset, at, voxels.clone(), &mut self.mixed, samples);
            for sample in samples {
                *sample = stored(*sample, pixel);
            }
        }
    }

    /// The samples of one voxel, and which of them are at least `least`.
    fn choose(&mut self, at: usize, least: f64) {
        for ((chosen, bit), samples) in self
            .chosen
            .iter_mut()
            .zip(&mut self.bits)
            .zip(&self.samples)
        {
            *chosen = samples[at];
            *bit = f64::from(u8::from(*chosen >= least));
        }
    }

    fn kurtosis(&self, pixel: PixelType) -> f64 {
        if pixel == PixelType::F32 {
            let samples: Vec<f32> = self.chosen.iter().map(|&sample| sample as f32).collect();
            f64::from(kurtosis_single(&samples))
        } else {
            kurtosis(&self.chosen)
        }
    }
}

/// The smallest sample that counts as at least `value`. Samples that were not rounded are equal to it within their error.
fn least_equal(value: f64, pixel: PixelType) -> f64 {
    if pixel == PixelType::F64 {
        value - 1e-12 * value.abs()
    } else {
        value
    }
}

/// What an array of the pixel type holds of a sample, as SciPy rounds: halves away from zero, kept within the type.
fn stored(sample: f64, pixel: PixelType) -> f64 {
    match (pixel, pixel.integer_range()) {
        (_, Some((lowest, highest))) => {
            let away = if sample > 0.0 { 0.5 } else { -0.5 };
            // towards zero; what is beyond 64 bits is beyond the type
            ((sample + away) as i64 as f64).clamp(lowest, highest)
        }
        (PixelType::F32, None) => f64::from(sample as f32),
        (_, None) => sample,
    }
}

/// Excess kurtosis, NaN for equal samples: a second moment of at most (ε · mean)².
macro_rules! kurtosis_in {
    ($name:ident, $float:ty, $sum:ident) => {
        fn $name(samples: &[$float]) -> $float {
            let n = samples.len() as $float;
            let mean = $sum(samples) / n;
            let squares: Vec<$float> = samples
                .iter()
                .map(|sample| (sample - mean) * (sample - mean))
                .collect();
            let fourths: Vec<$float> = squares.iter().map(|square| square * square).collect();
            let second = $sum(&squares) / n;
            let fourth = $sum(&fourths) / n;
            let least = <$float>::EPSILON * mean;
            if second <= least * least {
                <$float>::NAN
            } else {
                fourth / (second * second) - 3.0
            }
        }
    };
}
kurtosis_in!(kurtosis, f64, sum_double);
kurtosis_in!(kurtosis_single, f32, sum_single);
