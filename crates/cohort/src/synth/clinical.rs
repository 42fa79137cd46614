//! The clinical columns of one centre: exact counts by quota, continuous columns on quantile grids.

use super::grid;
use super::patient::{Figo2018, Pathology};
use super::spec::{CentreSpec, SynthSpec};
use crate::keyed::Keyed;

/// Columns of one centre, one value per patient.
pub(crate) struct Clinical {
    pub age_years: Vec<f64>,
    pub scca_ng_ml: Vec<f64>,
    pub diameter_mm: Vec<f64>,
    pub chemo_mg: Vec<f64>,
    pub ebrt_gy: Vec<f64>,
    pub icbt_gy: Vec<f64>,
    pub eqd2_gy: Vec<f64>,
    pub figo2018: Vec<Figo2018>,
    pub pathology: Vec<Pathology>,
    pub lymph_node_metastasis: Vec<bool>,
    pub radiosensitiser: Vec<bool>,
    pub delineated_again: Vec<bool>,
    pub u_t: Vec<f64>,
    pub u_p: Vec<f64>,
}

/// Draws the columns of `centre`.
pub(crate) fn clinical(spec: &SynthSpec, centre: &CentreSpec, seed: u64) -> Clinical {
    let draw = Columns {
        schema: spec.schema,
        site: centre.site,
        n: centre.n,
        seed,
    };
    let figo2018 = draw.quota("figo2018", &centre.figo2018, &Figo2018::ALL);
    let [ebrt_gy, icbt_gy, eqd2_gy] = draw.doses(spec, centre);
    let diameter_mm = draw.shuffled("diameter", diameters(spec, centre));
    let u_t = if spec.texture_is_size {
        by_rank(&diameter_mm)
    } else {
        draw.shuffled("u_t", latent(centre.n))
    };
    Clinical {
        age_years: draw.shuffled("age", ages(spec, centre)),
        scca_ng_ml: draw.shuffled("scca", antigen(centre)),
        diameter_mm,
        chemo_mg: draw.shuffled("chemo", chemotherapy(centre)),
        lymph_node_metastasis: draw.nodes(&figo2018, centre.lnm_in_iva),
        figo2018,
        pathology: draw.quota("pathology", &centre.pathology, &Pathology::ALL),
        radiosensitiser: draw.some_of("radiosensitiser", centre.radiosensitiser),
        delineated_again: draw.some_of("delineated-again", centre.delineated_again),
        u_t,
        u_p: draw.shuffled("u_p", latent(centre.n)),
        ebrt_gy,
        icbt_gy,
        eqd2_gy,
    }
}

/// Dose in 2 Gy fractions of the same effect: D (d + α/β) / (2 + α/β), in Gy (Fowler 1989).
pub fn eqd2_gy(dose_gy: f64, fraction_gy: f64, alpha_beta_gy: f64) -> f64 {
    dose_gy * (fraction_gy + alpha_beta_gy) / (2.0 + alpha_beta_gy)
}

struct Columns<'a> {
    schema: &'a str,
    site: &'a str,
    n: usize,
    seed: u64,
}

impl Columns<'_> {
    fn keyed(&self, column: &str, attempt: usize) -> Keyed {
        Keyed::new(
            self.seed,
            self.schema,
            &["column", column, self.site, &attempt.to_string()],
        )
    }

    fn shuffled<T>(&self, column: &str, mut values: Vec<T>) -> Vec<T> {
        self.keyed(column, 0).shuffle(&mut values);
        values
    }

    fn quota<T: Copy>(&self, column: &str, counts: &[usize], classes: &[T]) -> Vec<T> {
        let of_class = |(class, &count): (&T, &usize)| std::iter::repeat_n(*class, count);
        self.shuffled(
            column,
            classes.iter().zip(counts).flat_map(of_class).collect(),
        )
    }

    fn some_of(&self, column: &str, count: usize) -> Vec<bool> {
        self.quota(column, &[count, self.n - count], &[true, false])
    }

    /// All of IIIC, and `in_iva` of stage IVA.
    fn nodes(&self, figo2018: &[Figo2018], in_iva: usize) -> Vec<bool> {
        let iva = (0..self.n).filter(|&row| figo2018[row] == Figo2018::IVA);
        let chosen = self.shuffled("lnm", iva.collect());
        let is_iiic = |stage: &Figo2018| matches!(stage, Figo2018::IIIC1r | Figo2018::IIIC2r);
        let mut positive: Vec<bool> = figo2018.iter().map(is_iiic).collect();
        for &row in chosen.iter().take(in_iva) {
            positive[row] = true;
        }
        positive
    }

    /// EBRT, ICBT and EQD2. The two doses are paired at random, again until the SD of EQD2 is within 1.5 % of the wanted one.
    fn doses(&self, spec: &SynthSpec, centre: &CentreSpec) -> [Vec<f64>; 3] {
        let repeated = |groups: &[(f64, usize)]| -> Vec<f64> {
            let of_group = |&(dose, count): &(f64, usize)| std::iter::repeat_n(dose, count);
            groups.iter().flat_map(of_group).collect()
        };
        let ebrt = self.shuffled("ebrt", repeated(&centre.ebrt_gy));
        let mut icbt = repeated(&centre.icbt_gy);
        let mut eqd2 = Vec::new();
        for attempt in 0..1000 {
            self.keyed("icbt", attempt).shuffle(&mut icbt);
            let [external, inside] = spec.fraction_gy;
            let sum = |(e, i): (&f64, &f64)| {
                let both = eqd2_gy(*e, external, spec.alpha_beta_gy)
                    + eqd2_gy(*i, inside, spec.alpha_beta_gy);
                (both * 1e3).round() / 1e3
            };
            eqd2 = ebrt.iter().zip(&icbt).map(sum).collect();
            let sd = grid::moments_of(&eqd2).sd;
            let near = |wanted: f64| (sd / wanted - 1.0).abs() < 0.015;
            if centre.eqd2_sd_gy.is_none_or(near) {
                break;
            }
        }
        [ebrt, icbt, eqd2]
    }
}

fn ages(spec: &SynthSpec, centre: &CentreSpec) -> Vec<f64> {
    let extremes: &[f64] = if centre.has_age_extremes {
        &spec.age_range_years
    } else {
        &[]
    };
    let gamma: Vec<f64> = gamma_grid(centre.n - extremes.len(), 3);
    grid::with_moments(extremes, &gamma, centre.age, spec.age_range_years, 1.0)
}

fn antigen(centre: &CentreSpec) -> Vec<f64> {
    let rounded = |x: f64| ((x * 1e3).round() / 1e3).max(0.001);
    let grid = grid::lognormal(centre.n, centre.scca);
    grid.into_iter().map(rounded).collect()
}

fn diameters(spec: &SynthSpec, centre: &CentreSpec) -> Vec<f64> {
    let gamma = gamma_grid(centre.n, 6);
    let column = grid::with_moments(&[], &gamma, centre.diameter, spec.diameter_range_mm, 0.1);
    column.into_iter().map(one_decimal).collect()
}

fn chemotherapy(centre: &CentreSpec) -> Vec<f64> {
    let gamma = gamma_grid(centre.n, 60);
    let column = grid::with_moments(&[], &gamma, centre.chemo, [0.0, 1000.0], 0.1);
    column.into_iter().map(one_decimal).collect()
}

fn latent(n: usize) -> Vec<f64> {
    grid::standardised(
        &grid::midpoints(n)
            .map(grid::normal_quantile)
            .collect::<Vec<_>>(),
    )
}

/// The latent grid, dealt in the order of a column; the earlier row first on ties.
fn by_rank(column: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..column.len()).collect();
    order.sort_by(|&a, &b| column[a].total_cmp(&column[b]));
    let mut dealt = vec![0.0; column.len()];
    for (row, value) in order.into_iter().zip(latent(column.len())) {
        dealt[row] = value;
    }
    dealt
}

fn gamma_grid(n: usize, shape: u32) -> Vec<f64> {
    grid::midpoints(n)
        .map(|p| grid::gamma_quantile(p, shape))
        .collect()
}

/// The nearest number that prints with one decimal.
fn one_decimal(x: f64) -> f64 {
    (x * 10.0).round() / 10.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn eqd2_of_the_worked_example() {
        // 25 fractions of 1.8 Gy and 5 of 6 Gy: 44.25 + 40
        let sum = eqd2_gy(45.0, 1.8, 10.0) + eqd2_gy(30.0, 6.0, 10.0);
        assert!((sum - 84.25).abs() < 1e-12);
    }
}
