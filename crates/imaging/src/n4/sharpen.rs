//! Histogram sharpening: the expected true log intensity given the observed one (Sled et al. 1998).

use super::fft::{Fft, Signal};
use super::{CHUNK, N4Error};
use rayon::prelude::*;
use std::f64::consts::{LN_2, PI};

/// Settings and plan of the deconvolution; one per run.
pub(crate) struct Sharpener {
    bins: usize,
    fwhm: f64,
    noise: f64,
    padded: usize,
    fft: Fft,
}

/// The sharpened intensity as a function of the observed one: linear between bin centres.
struct SharpenedAxis {
    lowest: f64,
    slope: f64,
    /// expected true intensity per bin
    expected: Vec<f64>,
}

impl Sharpener {
    /// `bins` ≥ 2, `fwhm` > 0 and `noise` > 0 are checked by `N4Params::check`.
    pub fn new(bins: usize, fwhm: f64, noise: f64) -> Sharpener {
        let padded = 2 * bins.next_power_of_two();
        let fft = Fft::new(padded);
        Sharpener {
            bins,
            fwhm,
            noise,
            padded,
            fft,
        }
    }

    /// Sharpened values of `uncorrected` (log intensities of the masked voxels, x fastest).
    ///
    /// # Formula
    /// V = triangular-Parzen histogram of `bins` bins, centred in N = 2·2^ceil(log2 bins) bins;
    /// F = Gaussian of full width `fwhm` at half maximum; with ^ the Fourier transform
    /// U = max(0, inverse(V^·F^ / (F^² + noise))), E = (F * (u·U)) / (F * U), result = E at each voxel.
    ///
    /// # Ties and edges
    /// A bin with F * U = 0 has E = 0. The range's lower end is found as ITK finds it, see `range`.
    pub fn sharpen(&self, uncorrected: &[f64], threads: bool) -> Result<Vec<f64>, N4Error> {
        let (lowest, highest) = range(uncorrected);
        let slope = (highest - lowest) / (self.bins - 1) as f64;
        if !(slope.is_finite() && slope > 0.0) {
            return Err(N4Error::ConstantIntensity {
                log_intensity: highest,
            });
        }
        let histogram = self.histogram(uncorrected, lowest, slope);
        let axis = SharpenedAxis {
            lowest,
            slope,
            expected: self.expected(&histogram, lowest, slope),
        };
        let mut sharpened = vec![0.0; uncorrected.len()];
        let fill = |(out, observed): (&mut [f64], &[f64])| {
            for (out, &value) in out.iter_mut().zip(observed) {
                *out = axis.at(value);
            }
        };
        if threads {
            let pairs = sharpened
                .par_chunks_mut(CHUNK)
                .zip(uncorrected.par_chunks(CHUNK));
            pairs.for_each(fill);
        } else {
            fill((&mut sharpened, uncorrected));
        }
        Ok(sharpened)
    }

    /// Each voxel adds 1 − o to its bin and o to the next, o its distance above the bin's centre in bins.
    fn histogram(&self, values: &[f64], lowest: f64, slope: f64) -> Vec<f64> {
        let top = self.bins - 1;
        let mut histogram = vec![0.0; self.bins];
        for value in values {
            let position = (value - lowest) / slope;
            if position < 0.0 {
                continue;
            }
            let bin = (position as usize).min(top);
            let offset = position - bin as f64;
            histogram[bin] += 1.0 - offset;
            if bin < top {
                histogram[bin + 1] += offset;
            }
        }
        histogram
    }

    fn expected(&self, histogram: &[f64], lowest: f64, slope: f64) -> Vec<f64> {
        let margin = (self.padded - self.bins) / 2;
        let blur = self.blur_spectrum(slope);
        let wiener: Vec<f64> = blur.iter().map(|f| f / (f * f + self.noise)).collect();

        let mut padded = vec![0.0; self.padded];
        padded[margin..margin + self.bins].copy_from_slice(histogram);
        let mut restored = self.filter(padded, &wiener);
        for density in &mut restored {
            *density = density.max(0.0);
        }
        let centre = |bin: usize| lowest + (bin as f64 - margin as f64) * slope;
        let moment = restored
            .iter()
            .enumerate()
            .map(|(bin, density)| centre(bin) * density)
            .collect();
        let numerator = self.filter(moment, &blur);
        let denominator = self.filter(restored, &blur);
        (margin..margin + self.bins)
            .map(|bin| match denominator[bin] {
                0.0 => 0.0,
                density => numerator[bin] / density,
            })
            .collect()
    }

    fn filter(&self, signal: Vec<f64>, spectrum: &[f64]) -> Vec<f64> {
        let mut signal = Signal::real(signal);
        self.fft.forward(&mut signal);
        signal.scale_by(spectrum);
        self.fft.inverse(&mut signal);
        signal.re
    }

    /// Spectrum of the Gaussian, which is even, hence real.
    fn blur_spectrum(&self, slope: f64) -> Vec<f64> {
        let width = self.fwhm / slope;
        let rate = 4.0 * LN_2 / (width * width);
        let height = 2.0 * (LN_2 / PI).sqrt() / width;
        let kernel = (0..self.padded)
            .map(|bin| {
                let distance = bin.min(self.padded - bin) as f64;
                height * libm::exp(-distance * distance * rate)
            })
            .collect();
        let mut signal = Signal::real(kernel);
        self.fft.forward(&mut signal);
        signal.re
    }
}

impl SharpenedAxis {
    fn at(&self, value: f64) -> f64 {
        let top = self.expected.len() - 1;
        let position = (value - self.lowest) / self.slope;
        if position < 0.0 || position >= top as f64 {
            return self.expected[top];
        }
        let bin = position as usize;
        let below = self.expected[bin];
        below + (self.expected[bin + 1] - below) * (position - bin as f64)
    }
}

/// Lower and upper end of the histogram in ITK's way: a voxel that sets a new maximum is not considered for the
/// minimum. Where the first voxel of the scan is the lowest, it falls below the range: it is not counted and takes
/// the value of the highest bin. If no voxel ever set the minimum (values ascend along the scan), the first does.
fn range(values: &[f64]) -> (f64, f64) {
    let (mut lowest, mut highest) = (f64::INFINITY, f64::NEG_INFINITY);
    for &value in values {
        if value > highest {
            highest = value;
        } else if value < lowest {
            lowest = value;
        }
    }
    if lowest == f64::INFINITY {
        lowest = values.first().copied().unwrap_or(highest);
    }
    (lowest, highest)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_voxel_that_sets_the_maximum_does_not_set_the_minimum() {
        assert_eq!(range(&[1.0, 3.0, 2.0]), (2.0, 3.0));
        assert_eq!(range(&[3.0, 1.0, 2.0]), (1.0, 3.0));
        assert_eq!(range(&[1.0, 2.0, 3.0]), (1.0, 3.0));
    }

    #[test]
    fn a_voxel_below_the_range_takes_the_highest_bin() {
        let sharpener = Sharpener::new(4, 0.1, 0.01);
        let values = [1.0, 3.0, 2.0, 2.5];
        let sharpened = sharpener.sharpen(&values, false).unwrap();
        assert_eq!(sharpened[0], sharpened[1]);
    }

    #[test]
    fn histogram_keeps_every_voxel_and_its_mean() {
        let sharpener = Sharpener::new(200, 0.15, 0.01);
        let values: Vec<f64> = (0..1000)
            .map(|i| 3.0 + ((i * 617 + 500) % 1009) as f64 / 300.0)
            .collect();
        let (lowest, highest) = range(&values);
        let slope = (highest - lowest) / 199.0;
        let histogram = sharpener.histogram(&values, lowest, slope);
        let total: f64 = histogram.iter().sum();
        let moment: f64 = (0..200)
            .map(|b| histogram[b] * (lowest + b as f64 * slope))
            .sum();
        assert!((total - 1000.0).abs() < 1e-9);
        assert!((moment - values.iter().sum::<f64>()).abs() < 1e-8);
    }

    #[test]
    fn sharpening_narrows_two_blurred_classes() {
        let values: Vec<f64> = (0..4000)
            .map(|i| {
                let wobble = ((i * 617) % 1009) as f64 / 1009.0 - 0.5;
                (if i % 2 == 0 { 5.0 } else { 6.0 }) + 0.12 * wobble
            })
            .collect();
        let sharpened = Sharpener::new(200, 0.15, 0.01)
            .sharpen(&values, false)
            .unwrap();
        let spread = |v: &[f64]| -> f64 {
            let class: Vec<f64> = v.iter().step_by(2).copied().collect();
            let mean = class.iter().sum::<f64>() / class.len() as f64;
            class.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>()
        };
        assert!(spread(&sharpened) < 0.5 * spread(&values));
    }

    #[test]
    fn equal_intensities_are_refused() {
        let error = Sharpener::new(200, 0.15, 0.01).sharpen(&[4.0; 9], false);
        assert!(matches!(error, Err(N4Error::ConstantIntensity { .. })));
    }
}
