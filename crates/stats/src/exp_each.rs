//! The exponential of many numbers at once.

const LN2_HIGH: f64 = 6.931_471_803_691_238e-1;
const LN2_LOW: f64 = 1.908_214_929_270_587_7e-10;
const P: [f64; 5] = [
    1.666_666_666_666_660_2e-1,
    -2.777_777_777_701_559_3e-3,
    6.613_756_321_437_934e-5,
    -1.653_390_220_546_525_2e-6,
    4.138_136_797_057_238_5e-8,
];
/// 1.5 · 2⁵²: added to a number, its whole part stands in the lowest bits of the sum.
const SHIFT: f64 = 6_755_399_441_055_744.0;
/// Below it the result is zero: e^−708 is the last that is surely a normal number.
const LOWEST: f64 = -708.0;

/// e^(x − above) of each x, none of which is above `above`; 0 where x − above is under −708.
///
/// The formula is that of `libm::exp` (x = k log 2 + r, then a quotient in r), without its branches, so that a compiler may take
/// several at a time; only additions, products, one quotient and bits, so it is the same everywhere.
///
/// # Agrees with      `libm::exp`, the same bits, unit test
/// # Differs from     it below −708, where it gives 0
#[inline(never)]
pub(crate) fn exp_each(x: &[f64], above: f64) -> Vec<f64> {
    let mut e = vec![0.0; x.len()];
    for (e, v) in e.iter_mut().zip(x) {
        *e = exp_not_positive(v - above);
    }
    e
}

#[inline(always)]
fn exp_not_positive(x: f64) -> f64 {
    let shifted = x * std::f64::consts::LOG2_E + SHIFT;
    let k = shifted - SHIFT;
    let (high, low) = (x - k * LN2_HIGH, k * LN2_LOW);
    let r = high - low;
    let rr = r * r;
    let c = r - rr * (P[0] + rr * (P[1] + rr * (P[2] + rr * (P[3] + rr * P[4]))));
    let y = 1.0 + (r * c / (2.0 - c) - low + high);
    let two_to_k = f64::from_bits((shifted.to_bits().wrapping_add(1023)) << 52);
    let power = y * two_to_k;
    if x < LOWEST { 0.0 } else { power }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_has_the_bits_of_the_library() {
        let x: Vec<f64> = (0..200_000)
            .map(|i| -f64::from(i) * 3.540_03e-3)
            .chain((0..60).map(|k| -f64::from(k) * std::f64::consts::LN_2 / 2.0))
            .chain([0.0, -0.0, -1e-300, -1e-9, -708.0])
            .collect();
        for (x, e) in x.iter().zip(exp_each(&x, 0.0)) {
            let want = if *x < LOWEST { 0.0 } else { libm::exp(*x) };
            assert_eq!(e.to_bits(), want.to_bits(), "{x}: {e} and {want}");
        }
        assert_eq!(exp_each(&[-1000.0, 2.0], 2.0), [0.0, 1.0]);
        assert!(exp_each(&[f64::NAN], 0.0)[0].is_nan());
    }
}
