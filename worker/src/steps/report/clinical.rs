//! Ports of the clinical models: regressions, cut-points, nomograms, calibration, net benefit, reclassification.

use report::part::clinical::{Coefficient, Cox, Cut, Univariable};
use report::part::nomogram::{Factor, Horizon, Nomogram};
use report::part::performance::Measured;
use report::part::utility::{Calibration, CalibrationGroup, Decision, Impact, Reclassification};
use report::values::Estimate;
use serde_json::Value;
use stats::special::normal_two_sided;

use super::read::{Columns, count, estimate, interval, json, list, number, sheet, word};
use crate::step::StepError;

/// Half the width of a 95 % interval in standard errors.
const Z95: f64 = 1.959_963_984_540_054;

pub(super) fn univariable(bytes: &[u8]) -> Result<Vec<Univariable>, StepError> {
    let sheet = sheet("univariable", bytes)?;
    let columns = Columns::of("univariable", &sheet, &["variable", "hr"])?;
    let row = |r: super::read::Row<'_>| {
        let note = r.text("note").to_owned();
        let value = r.number("hr");
        Univariable {
            variable: r.text("variable").to_owned(),
            level: r.text("level").to_owned(),
            counts: (r.count("n"), r.count("n_events")),
            hazard_ratio: Estimate {
                value,
                lower: r.number("lower"),
                upper: r.number("upper"),
                n: r.count("n"),
                n_events: r.count("n_events"),
                reason: Some(note.clone()).filter(|_| value.is_none()),
            },
            p_wald: r.number("p_wald"),
            p_log_rank: r.number("p_logrank"),
            p_adjusted: r.number("p_adjusted"),
            note,
        }
    };
    Ok(columns.rows().map(row).collect())
}

pub(super) fn cut(bytes: &[u8]) -> Result<Cut, StepError> {
    let v = json("cut-point", bytes)?;
    let search = list(&v, "cuts");
    Ok(Cut {
        variable: word(&v, "column"),
        cut: Estimate {
            value: number(&v, "cut"),
            lower: number(&v, "lower"),
            upper: number(&v, "upper"),
            n: count(&v, "n"),
            n_events: count(&v, "n_events"),
            reason: Some(word(&v, "reason")).filter(|r| !r.is_empty()),
        },
        p_unadjusted: number(&v, "p_unadjusted"),
        p_adjusted: number(&v, "p_adjusted"),
        p_permutation: number(&v, "p_permutation"),
        n_below: count(&v, "n_below"),
        search: search
            .iter()
            .filter_map(|c| Some((number(c, "cut")?, number(c, "statistic")?)))
            .collect(),
    })
}

pub(super) fn cox(bytes: &[u8]) -> Result<Cox, StepError> {
    let v = json("cox regression", bytes)?;
    let counts = (count(&v, "n"), count(&v, "n_events"));
    let coefficient = |name: &str| {
        let of = |key: &str| number(&v[key], name);
        let hazard_ratio = Estimate {
            value: of("hr"),
            lower: of("lower"),
            upper: of("upper"),
            n: counts.0,
            n_events: counts.1,
            reason: None,
        };
        Coefficient {
            variable: name.to_owned(),
            p_of_interval: p_of_interval(&hazard_ratio),
            p_of_interval_range: p_of_interval_range(&hazard_ratio),
            hazard_ratio,
            p: of("p"),
            p_proportional: number(&v["zph"][name], "p"),
            vif: of("vif"),
        }
    };
    let names = list(&v, "features").iter().filter_map(Value::as_str);
    Ok(Cox {
        coefficients: names.map(coefficient).collect(),
        counts,
        events_per_variable: number(&v, "events_per_variable"),
        concordance: number(&v, "concordance"),
        p_global: number(&v["zph"]["GLOBAL"], "p"),
    })
}

/// A hazard ratio with its interval, at the three decimals that a table prints.
fn printed(hr: &Estimate) -> Option<[f64; 3]> {
    let (lower, upper) = hr.interval()?;
    Some([hr.finite()?, lower, upper].map(|v| (v * 1e3).round() / 1e3))
}

/// The P that an interval implies.
fn implied([value, lower, upper]: [f64; 3]) -> Option<f64> {
    if value <= 0.0 || lower <= 0.0 || upper <= lower {
        return None;
    }
    let se = (libm::log(upper) - libm::log(lower)) / (2.0 * Z95);
    Some(normal_two_sided(libm::log(value) / se)).filter(|p| p.is_finite())
}

/// The P that the printed interval implies.
fn p_of_interval(hr: &Estimate) -> Option<f64> {
    implied(printed(hr)?)
}

/// The smallest and the largest P of all numbers that are printed as these are: each may be half a unit of its last decimal
/// away. P is monotonous in each of the three while the ratio stays on its side of 1, so that the corners hold the bounds.
fn p_of_interval_range(hr: &Estimate) -> Option<(f64, f64)> {
    const HALF: f64 = 0.0005;
    let at = printed(hr)?;
    implied(at)?;
    let corner = |signs: usize| {
        let away = |i: usize| if signs >> i & 1 == 1 { HALF } else { -HALF };
        implied([at[0] + away(0), at[1] + away(1), at[2] + away(2)])
    };
    let corners: Vec<f64> = (0..8).filter_map(corner).collect();
    let low = corners.iter().copied().fold(f64::INFINITY, f64::min);
    let mut high = corners.iter().copied().fold(0.0, f64::max);
    if (at[0] - 1.0).abs() <= HALF {
        high = 1.0;
    }
    (low <= high).then_some((low, high))
}

pub(super) fn nomogram(bytes: &[u8]) -> Result<Nomogram, StepError> {
    let v = json("nomogram", bytes)?;
    let numbers = |of: &Value, key: &str| -> Vec<f64> {
        list(of, key).iter().filter_map(Value::as_f64).collect()
    };
    let factor = |a: &Value| Factor {
        variable: word(a, "feature"),
        coefficient: number(a, "coefficient").unwrap_or_default(),
        values: numbers(a, "values"),
        points: numbers(a, "points"),
        reference: Some(word(a, "reference")).filter(|level| !level.is_empty()),
    };
    let mark = |m: &Value| Some((number(m, "survival")?, number(m, "total_points")?));
    let horizon = |h: &Value| Horizon {
        months: number(h, "horizon").unwrap_or_default(),
        baseline: number(h, "baseline_survival"),
        reason: word(h, "reason"),
        marks: list(h, "marks").iter().filter_map(mark).collect(),
    };
    Ok(Nomogram {
        factors: list(&v, "axes").iter().map(factor).collect(),
        total_points: numbers(&v, "total_points"),
        horizons: list(&v, "horizons").iter().map(horizon).collect(),
        centre: number(&v["formula"], "centre").unwrap_or_default(),
        counts: (count(&v, "n"), count(&v, "n_events")),
    })
}

pub(super) fn calibration(bytes: &[u8]) -> Result<(Calibration, Option<f64>), StepError> {
    let v = json("calibration", bytes)?;
    let group = |g: &Value| {
        Some(CalibrationGroup {
            predicted: number(g, "predicted")?,
            observed: number(g, "observed")?,
            interval: interval(number(g, "lower"), number(g, "upper")),
        })
    };
    let of = |key: &str| {
        let mut e = estimate(&v["slope"][key]);
        if e.value.is_none() {
            e.reason = Some(word(&v["slope"], "reason"));
        }
        e
    };
    let curve = &v["curve"];
    let point = |p: &Value| Some((number(p, "predicted")?, number(p, "observed")?));
    let found = Calibration {
        groups: list(&v, "groups").iter().filter_map(group).collect(),
        curve: list(curve, "points").iter().filter_map(point).collect(),
        ratio: of("observed_over_expected"),
        intercept: of("intercept"),
        slope: of("slope"),
        ici: number(curve, "ici"),
        e90: number(curve, "e90"),
        counts: (count(&v, "n"), count(&v, "n_events")),
        reason: [word(&v, "reason"), word(curve, "reason")]
            .into_iter()
            .find(|r| !r.is_empty())
            .unwrap_or_default(),
    };
    Ok((found, number(&v, "horizon")))
}

pub(super) fn decision(bytes: &[u8]) -> Result<(Decision, Option<f64>), StepError> {
    let v = json("decision curve", bytes)?;
    let points = list(&v, "points");
    let point = |p: &Value| {
        Some((
            number(p, "threshold")?,
            number(p, "net_benefit")?,
            number(p, "net_benefit_all")?,
        ))
    };
    let band = |p: &Value| {
        Some((
            number(p, "threshold")?,
            number(p, "lower")?,
            number(p, "upper")?,
        ))
    };
    let found = Decision {
        points: points.iter().filter_map(point).collect(),
        band: points.iter().filter_map(band).collect(),
        resamples: count(&v, "resamples").unwrap_or_default(),
        no_band: word(&v, "no_bounds"),
        reason: word(&v, "reason"),
    };
    Ok((found, number(&v, "horizon")))
}

pub(super) fn impact(bytes: &[u8]) -> Result<(Impact, Option<f64>), StepError> {
    let v = json("clinical impact", bytes)?;
    let point = |p: &Value| {
        Some((
            number(p, "threshold")?,
            number(p, "n_high_risk")?,
            number(p, "n_high_risk_with_event")?,
        ))
    };
    let band = |what: &str| {
        let ends = |p: &Value| {
            Some((
                number(p, "threshold")?,
                number(p, &format!("{what}_lower"))?,
                number(p, &format!("{what}_upper"))?,
            ))
        };
        list(&v, "points").iter().filter_map(ends).collect()
    };
    let found = Impact {
        population: number(&v, "population").unwrap_or_default(),
        points: list(&v, "points").iter().filter_map(point).collect(),
        bands: [band("n_high_risk"), band("n_high_risk_with_event")],
        resamples: count(&v, "resamples").unwrap_or_default(),
        no_band: word(&v, "no_bounds"),
        reason: word(&v, "reason"),
    };
    Ok((found, number(&v, "horizon")))
}

pub(super) fn reclassification(bytes: &[u8]) -> Result<(Reclassification, Option<f64>), StepError> {
    let v = json("reclassification", bytes)?;
    let names = ["nri", "nri_events", "nri_nonevents", "idi"];
    let there = names.iter().filter(|name| v[**name].is_object());
    let found = Reclassification {
        measures: there
            .map(|name| ((*name).to_owned(), estimate(&v[*name])))
            .collect(),
    };
    Ok((found, number(&v, "horizon")))
}

pub(super) fn measured(bytes: &[u8]) -> Result<Measured, StepError> {
    let v = json("metrics", bytes)?;
    let mut measures: Vec<(String, Option<f64>, Estimate)> = Vec::new();
    for metric in ["harrell_c", "uno_c", "auc", "composite_auc", "brier", "ibs"] {
        let of = &v[metric];
        match of.as_object() {
            None => {}
            Some(_) if of.get("value").is_some() || of.get("reason").is_some() => {
                measures.push((metric.to_owned(), None, estimate(of)));
            }
            Some(by_horizon) => {
                let mut found: Vec<(f64, Estimate)> = by_horizon
                    .iter()
                    .filter_map(|(h, m)| Some((h.parse().ok()?, estimate(m))))
                    .collect();
                found.sort_by(|a, b| a.0.total_cmp(&b.0));
                measures.extend(
                    found
                        .into_iter()
                        .map(|(h, e)| (metric.to_owned(), Some(h), e)),
                );
            }
        }
    }
    Ok(Measured { measures })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_p_of_a_printed_interval_is_that_of_its_standard_error() {
        // of the paper's table 4: SCCA 3.11 (2.064–4.686), printed with P = 0.011
        let p = p_of_interval(&Estimate::known(3.11, 2.064, 4.686, 1, 1)).unwrap();
        assert!(p < 1e-6, "{p}");
        // z = 0.5 / 0.5: P = 0.3173
        let (l, u) = (libm::exp(0.5 - Z95 * 0.5), libm::exp(0.5 + Z95 * 0.5));
        let p = p_of_interval(&Estimate::known(libm::exp(0.5), l, u, 1, 1)).unwrap();
        assert!((p - 0.3173).abs() < 5e-4, "{p}");
        assert_eq!(p_of_interval(&Estimate::known(1.0, 0.0, 2.0, 1, 1)), None);
    }

    #[test]
    fn rounding_alone_explains_a_p_within_the_range_of_the_printed_numbers() {
        // log HR −0.0432, standard error 0.01796: P 0.0161, while the printed 0.958 (0.924–0.992) imply 0.0179
        let (b, se) = (-0.0432_f64, 0.01796);
        let hr = |z: f64| libm::exp(b + z * se);
        let of = Estimate::known(hr(0.0), hr(-Z95), hr(Z95), 552, 167);
        let p = normal_two_sided(b / se);
        let (low, high) = p_of_interval_range(&of).unwrap();
        assert!(low < p && p < high, "{low} {p} {high}");
        let printed = p_of_interval(&of).unwrap();
        assert!(low < printed && printed < high);
        // an interval that is not the ratio's own is not explained
        let wrong = Estimate::known(hr(0.0), hr(-2.5 * Z95), hr(2.5 * Z95), 552, 167);
        let (low, _) = p_of_interval_range(&wrong).unwrap();
        assert!(p < low, "{p} {low}");
        let one = Estimate::known(1.0, 0.9, 1.11, 552, 167);
        assert_eq!(p_of_interval_range(&one).unwrap().1, 1.0);
    }

    #[test]
    fn metrics_keep_their_horizons_in_order() {
        let text = br#"{"rows":"test","harrell_c":{"value":0.7,"n":10,"n_events":3},"auc":{"12":{"value":0.8,"n":10,"n_events":3},"120":{"n":10,"n_events":3,"reason":"NE"},"36":{"value":0.6,"n":10,"n_events":3}}}"#;
        let m = measured(text).unwrap();
        let horizons: Vec<Option<f64>> = m.measures.iter().map(|m| m.1).collect();
        assert_eq!(horizons, [None, Some(12.0), Some(36.0), Some(120.0)]);
        assert_eq!(m.measures[3].2.reason_text(), "no reason given");
    }
}
