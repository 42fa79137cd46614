//! ComBat against Bioconductor sva 3.46 and neuroCombat 0.2.12: two centres of radiomics, four lines of expression.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;
use common::{Data, data, oracles};
use ndarray::{Array2, Axis};
use stats::combat::{CombatParams, Prior, fit_combat};

/// A CSV of numbers without its header.
fn matrix(path: &str) -> Option<Array2<f64>> {
    let text = std::fs::read_to_string(oracles()?.join(path)).unwrap();
    let rows: Vec<Vec<f64>> = (text.lines().skip(1))
        .map(|l| l.split(',').map(|v| v.parse().unwrap()).collect())
        .collect();
    Some(Array2::from_shape_fn(
        (rows.len(), rows[0].len()),
        |(i, j)| rows[i][j],
    ))
}

fn column(path: &str, k: usize) -> Option<Vec<String>> {
    let text = std::fs::read_to_string(oracles()?.join(path)).unwrap();
    let cell = |l: &str| l.split(',').nth(k).unwrap().trim_matches('"').to_string();
    Some(text.lines().skip(1).map(cell).collect())
}

const CENTRES: &str = "b_combat/nsclc_batch_covars.csv";

fn nsclc() -> Option<(Data, Vec<String>, Array2<f64>)> {
    let site = column(CENTRES, 0)?;
    let (event, age) = (column(CENTRES, 1)?, column(CENTRES, 2)?);
    let covariates = Array2::from_shape_fn((site.len(), 2), |(i, c)| {
        [&event, &age][c][i].parse().unwrap()
    });
    Some((data("nsclc_radiomics")?, site, covariates))
}

/// Largest difference in units of the feature's standard deviation before harmonising.
fn worst(got: &Array2<f64>, want: &Array2<f64>, before: &Array2<f64>) -> f64 {
    assert_eq!(got.dim(), want.dim());
    let spread: Vec<f64> = before.axis_iter(Axis(1)).map(|c| c.std(1.0)).collect();
    (got.indexed_iter())
        .map(|((i, j), v)| (v - want[[i, j]]).abs() / spread[j])
        .fold(0.0, f64::max)
}

#[test]
fn every_form_agrees_with_sva_and_neurocombat() {
    let Some((d, site, covariates)) = nsclc() else {
        return;
    };
    let none = Array2::zeros((site.len(), 0));
    let plain = CombatParams::parametric;
    let forms = [
        ("param", plain(), &none),
        ("param_cov", plain(), &covariates),
        (
            "meanonly",
            CombatParams {
                mean_only: true,
                ..plain()
            },
            &none,
        ),
        ("ref_l1", CombatParams::towards("l1"), &none),
        (
            "nonparam",
            CombatParams {
                prior: Prior::NonParametric,
                ..plain()
            },
            &none,
        ),
        (
            "noeb",
            CombatParams {
                prior: Prior::None,
                ..plain()
            },
            &none,
        ),
    ];
    for (key, params, covariates) in forms {
        let fit = fit_combat(d.x.view(), &d.names, &site, covariates.view(), &params).unwrap();
        assert!(fit.unchanged.is_empty());
        let got = fit
            .apply(d.x.view(), &d.names, &site, covariates.view())
            .unwrap()
            .x;
        for tool in ["sva", "neurocombat"] {
            if (tool, key) == ("sva", "noeb") {
                continue;
            }
            let want = matrix(&format!("b_combat/nsclc_{tool}_{key}.csv")).unwrap();
            let off = worst(&got, &want, &d.x);
            println!("{tool} {key}: {off:.1e} of a standard deviation");
            assert!(off < 1e-6, "{tool} {key}: {off:e}");
        }
    }
}

#[test]
fn expression_of_four_small_batches_agrees_with_sva() {
    let Some(x) = matrix("b_combat/airway_logcpm_in.csv") else {
        return;
    };
    let (treated, line) = (
        column("b_combat/airway_meta.csv", 1).unwrap(),
        column("b_combat/airway_meta.csv", 2).unwrap(),
    );
    let names: Vec<String> = (0..x.ncols()).map(|j| format!("g{j}")).collect();
    let dose = Array2::from_shape_fn((x.nrows(), 1), |(i, _)| {
        f64::from(u8::from(treated[i] == "treated"))
    });
    for (key, mean_only) in [("cov", false), ("cov_meanonly", true)] {
        let params = CombatParams {
            mean_only,
            ..CombatParams::parametric()
        };
        let fit = fit_combat(x.view(), &names, &line, dose.view(), &params).unwrap();
        let got = fit.apply(x.view(), &names, &line, dose.view()).unwrap().x;
        let off = worst(
            &got,
            &matrix(&format!("b_combat/airway_sva_{key}.csv")).unwrap(),
            &x,
        );
        println!("airway {key}: {off:.1e}");
        // two samples a batch: slow iterations, which must stop where sva's do
        let room = if mean_only { 1e-12 } else { 1e-10 };
        assert!(off < room, "{key}: {off:e}");
    }
}

#[test]
fn a_site_adapted_to_the_reference_is_as_if_it_had_been_there() {
    let Some((d, site, _)) = nsclc() else { return };
    let rows =
        |want: &str| -> Vec<usize> { (0..site.len()).filter(|&i| site[i] == want).collect() };
    let (known, unseen) = (
        d.x.select(Axis(0), &rows("l1")),
        d.x.select(Axis(0), &rows("l2")),
    );
    let none = |x: &Array2<f64>| Array2::<f64>::zeros((x.nrows(), 0));
    let label = |x: &Array2<f64>, s: &str| vec![s.to_string(); x.nrows()];
    let towards = CombatParams::towards("l1");
    let alone = fit_combat(
        known.view(),
        &d.names,
        &label(&known, "l1"),
        none(&known).view(),
        &towards,
    )
    .unwrap();
    let adapted = alone
        .adapt(unseen.view(), &d.names, "l2", none(&unseen).view())
        .unwrap();
    let got = adapted
        .apply(
            unseen.view(),
            &d.names,
            &label(&unseen, "l2"),
            none(&unseen).view(),
        )
        .unwrap()
        .x;
    let want = matrix("b_combat/nsclc_sva_ref_l1.csv")
        .unwrap()
        .select(Axis(0), &rows("l2"));
    assert!(worst(&got, &want, &d.x) < 1e-6);
    let kept = adapted
        .apply(
            known.view(),
            &d.names,
            &label(&known, "l1"),
            none(&known).view(),
        )
        .unwrap()
        .x;
    assert_eq!(kept, known);
}

#[test]
fn a_patient_is_harmonised_alone_as_among_others() {
    let Some((d, site, covariates)) = nsclc() else {
        return;
    };
    let fit = fit_combat(
        d.x.view(),
        &d.names,
        &site,
        covariates.view(),
        &CombatParams::parametric(),
    )
    .unwrap();
    let all = fit
        .apply(d.x.view(), &d.names, &site, covariates.view())
        .unwrap()
        .x;
    let one = fit
        .apply(
            d.x.select(Axis(0), &[7]).view(),
            &d.names,
            &site[7..8],
            covariates.select(Axis(0), &[7]).view(),
        )
        .unwrap()
        .x;
    assert_eq!(one.row(0), all.row(7));
}
