//! How long 26 fits of ComBat take on a table of the size of a two-centre study: 632 patients, 1,409 features.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use ndarray::Array2;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use stats::combat::{CombatParams, Prior, fit_combat};

fn main() {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let mut uniform = || (rng.next_u64() >> 11) as f64 / (1u64 << 53) as f64;
    let x = Array2::from_shape_fn((632, 1409), |(i, j)| {
        let centre = f64::from(u8::from(i >= 400));
        (0..4).map(|_| uniform()).sum::<f64>() * (1.0 + 0.3 * centre) + centre * (j % 7) as f64
    });
    let names: Vec<String> = (0..1409).map(|j| format!("f{j}")).collect();
    let site: Vec<String> = (0..632)
        .map(|i| if i < 400 { "c1" } else { "c2" }.to_string())
        .collect();
    let none = Array2::zeros((632, 0));
    for prior in [Prior::Parametric, Prior::NonParametric] {
        let params = CombatParams {
            prior,
            ..CombatParams::parametric()
        };
        let start = std::time::Instant::now();
        for _ in 0..26 {
            fit_combat(x.view(), &names, &site, none.view(), &params).unwrap();
        }
        println!(
            "{prior:?}: 26 fits in {:.2} s",
            start.elapsed().as_secs_f64()
        );
    }
}
