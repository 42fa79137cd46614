//! Radix-2 complex Fourier transform for the histogram deconvolution.

use std::f64::consts::PI;

/// A plan for transforms of one power-of-two length.
///
/// # Formula
/// forward: X_k = Σ_n x_n·exp(−2πi·kn/N); inverse: x_n = (1/N)·Σ_k X_k·exp(+2πi·kn/N).
///
/// # Agrees with      the defining sum, 1e-12, unit test below
/// # Differs from     VNL (in ITK), which puts the sign and the 1/N elsewhere; every use here is free of both
pub(crate) struct Fft {
    len: usize,
    /// cos and −sin of 2πk/N, k < N/2
    twiddles: Vec<(f64, f64)>,
    bit_reversed: Vec<usize>,
}

/// Split complex signal; both parts have the plan's length.
pub(crate) struct Signal {
    /// Real parts.
    pub re: Vec<f64>,
    /// Imaginary parts.
    pub im: Vec<f64>,
}

impl Signal {
    /// A signal without imaginary part.
    pub fn real(re: Vec<f64>) -> Signal {
        let im = vec![0.0; re.len()];
        Signal { re, im }
    }

    /// Multiplies by a real spectrum, frequency by frequency.
    pub fn scale_by(&mut self, factor: &[f64]) {
        for ((re, im), f) in self.re.iter_mut().zip(&mut self.im).zip(factor) {
            *re *= f;
            *im *= f;
        }
    }
}

impl Fft {
    /// Plans transforms of at least `len` samples: the length used is the next power of two, and at least 2.
    pub fn new(len: usize) -> Fft {
        let len = len.next_power_of_two().max(2);
        let bits = len.trailing_zeros();
        let twiddles = (0..len / 2)
            .map(|k| {
                let angle = 2.0 * PI * k as f64 / len as f64;
                (libm::cos(angle), -libm::sin(angle))
            })
            .collect();
        let bit_reversed = (0..len)
            .map(|i| i.reverse_bits() >> (usize::BITS - bits))
            .collect();
        Fft {
            len,
            twiddles,
            bit_reversed,
        }
    }

    /// Forward transform in place.
    pub fn forward(&self, signal: &mut Signal) {
        self.transform(&mut signal.re, &mut signal.im);
    }

    /// Inverse transform in place, scaled by 1/N.
    pub fn inverse(&self, signal: &mut Signal) {
        // exchanging the parts conjugates the kernel
        self.transform(&mut signal.im, &mut signal.re);
        let scale = 1.0 / self.len as f64;
        for value in signal.re.iter_mut().chain(&mut signal.im) {
            *value *= scale;
        }
    }

    fn transform(&self, re: &mut [f64], im: &mut [f64]) {
        for (i, &j) in self.bit_reversed.iter().enumerate() {
            if i < j {
                re.swap(i, j);
                im.swap(i, j);
            }
        }
        let mut half = 1;
        while half < self.len {
            let stride = self.len / (2 * half);
            for (re, im) in re.chunks_mut(2 * half).zip(im.chunks_mut(2 * half)) {
                let (re_lo, re_hi) = re.split_at_mut(half);
                let (im_lo, im_hi) = im.split_at_mut(half);
                for k in 0..half {
                    let (c, s) = self.twiddles[k * stride];
                    let t_re = c * re_hi[k] - s * im_hi[k];
                    let t_im = c * im_hi[k] + s * re_hi[k];
                    re_hi[k] = re_lo[k] - t_re;
                    im_hi[k] = im_lo[k] - t_im;
                    re_lo[k] += t_re;
                    im_lo[k] += t_im;
                }
            }
            half *= 2;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(n: usize) -> Signal {
        Signal {
            re: (0..n).map(|i| ((i * 37 + 11) % 29) as f64 - 14.0).collect(),
            im: (0..n).map(|i| ((i * 53 + 5) % 31) as f64 / 7.0).collect(),
        }
    }

    #[test]
    fn forward_is_the_defining_sum() {
        for n in [2, 4, 8, 64, 512] {
            let x = sample(n);
            let mut y = sample(n);
            Fft::new(n).forward(&mut y);
            for k in 0..n {
                let (mut re, mut im) = (0.0, 0.0);
                for i in 0..n {
                    let angle = -2.0 * PI * ((k * i) % n) as f64 / n as f64;
                    let (c, s) = (libm::cos(angle), libm::sin(angle));
                    re += x.re[i] * c - x.im[i] * s;
                    im += x.re[i] * s + x.im[i] * c;
                }
                let bound = 1e-12 * n as f64 * 15.0;
                assert!((re - y.re[k]).abs() < bound, "n {n} k {k}");
                assert!((im - y.im[k]).abs() < bound, "n {n} k {k}");
            }
        }
    }

    #[test]
    fn inverse_undoes_forward() {
        let x = sample(512);
        let mut y = sample(512);
        let fft = Fft::new(512);
        fft.forward(&mut y);
        fft.inverse(&mut y);
        for i in 0..512 {
            assert!((x.re[i] - y.re[i]).abs() < 1e-12);
            assert!((x.im[i] - y.im[i]).abs() < 1e-12);
        }
    }
}
