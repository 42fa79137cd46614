//! P against the interval printed beside it.

use crate::finding::{Finding, Severity};
use crate::manuscript::{CombinedEntry, Manuscript, Printed};
use crate::rounding::{half_unit, p_text, stands_for};
use stats::special::{normal_quantile, normal_two_sided};

/// Beyond this a hazard ratio says that the score was fitted to the patients it is tested on.
const EXTREME_HAZARD_RATIO: f64 = 20.0;

pub(super) fn check(manuscript: &Manuscript) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (endpoint, rows) in &manuscript.table4 {
        for (factor, row) in rows {
            let place = format!("table4.{endpoint}.{factor}");
            if let [
                Printed::Number(ratio),
                Printed::Number(low),
                Printed::Number(high),
                p,
            ] = &row[..]
            {
                findings.extend(hazard_ratio(&place, [*ratio, *low, *high], p));
            }
        }
    }
    for (endpoint, entry) in &manuscript.clinical_radiomics_model.entries {
        let CombinedEntry::Model(model) = entry else {
            continue;
        };
        let measures = [
            ("nri5", model.nri5, &model.nri_p),
            ("idi5", model.idi5, &model.idi_p),
        ];
        for (name, interval, p) in measures {
            let Some([low, high]) = interval else {
                continue;
            };
            let place = format!("clinical_radiomics_model.{endpoint}.{name}");
            findings.push(without_estimate(&place, low, high));
            if let Some(p) = p {
                let (middle, half) = ((low + high) / 2.0, half_unit(&[low, high]));
                findings.extend(p_of(&place, middle, [low, high], half, p, "interval"));
            }
        }
    }
    findings
}

fn hazard_ratio(place: &str, [ratio, low, high]: [f64; 3], p: &Printed) -> Vec<Finding> {
    let mut findings = Vec::new();
    if !(low > 0.0 && low <= ratio && ratio <= high) {
        findings.push(Finding {
            code: "interval-order",
            severity: Severity::Major,
            place: place.to_owned(),
            printed: format!("{ratio} ({low} to {high})"),
            recomputed: "0 < lower ≤ ratio ≤ upper".to_owned(),
            message: "the hazard ratio lies outside its own interval".to_owned(),
        });
        return findings;
    }
    let half = half_unit(&[ratio, low, high]);
    let log = |v: f64| libm::log(v.max(f64::MIN_POSITIVE));
    // the middle of the interval on the log scale, with all values that the limits stand for
    let middle = |sign: f64| ((low + sign * half) * (high + sign * half)).max(0.0).sqrt();
    if ratio + half < middle(-1.0) || ratio - half > middle(1.0) {
        findings.push(Finding {
            code: "interval-symmetry",
            severity: Severity::Minor,
            place: place.to_owned(),
            printed: format!("{ratio} ({low} to {high})"),
            recomputed: format!("{:.3}", (low * high).sqrt()),
            message: "a Wald interval has the hazard ratio at its geometric middle".to_owned(),
        });
    }
    let limits = [log(low), log(high)];
    let half = half / low.min(ratio);
    findings.extend(p_of(
        place,
        log(ratio),
        limits,
        half,
        p,
        "hazard ratio and interval",
    ));
    if ratio > EXTREME_HAZARD_RATIO {
        findings.push(Finding {
            code: "hr-extreme",
            severity: Severity::Major,
            place: place.to_owned(),
            printed: format!("{ratio} ({low} to {high})"),
            recomputed: format!("above {EXTREME_HAZARD_RATIO}"),
            message: "a score that separates so far was most likely fitted to the same patients; cross-fit it".to_owned(),
        });
    }
    findings
}

/// z = estimate / SE with SE = (upper − lower) / (2·1.96), two-sided; `half` is what rounding leaves open on the scale of the interval.
fn p_of(
    place: &str,
    estimate: f64,
    [low, high]: [f64; 2],
    half: f64,
    printed: &Printed,
    from: &str,
) -> Option<Finding> {
    let z_95 = normal_quantile(0.975)?;
    let p_at = |sign: f64| {
        let se = ((high - low) - sign * 2.0 * half).max(f64::MIN_POSITIVE) / (2.0 * z_95);
        normal_two_sided((estimate.abs() + sign * half).max(0.0) / se)
    };
    let (least, most) = (p_at(1.0), p_at(-1.0));
    let p = normal_two_sided(2.0 * z_95 * estimate / (high - low));
    let (text, fits, floor) = match printed {
        Printed::Words(words) => {
            let limit = words
                .trim_start_matches(['<', '≤', ' '])
                .parse::<f64>()
                .ok()?;
            (words.clone(), least < limit, false)
        }
        Printed::Number(number) => (
            format!("{number}"),
            stands_for(*number, 3, least, most),
            *number <= 0.001 && most < 0.0005,
        ),
    };
    if fits {
        return None;
    }
    let (severity, message) = if floor {
        (
            Severity::Minor,
            "fits only if “<0.001” was meant; write it so".to_owned(),
        )
    } else {
        (
            Severity::Major,
            format!("the printed P is not that of the printed {from}"),
        )
    };
    Some(Finding {
        code: if floor { "p-floor" } else { "p-interval" },
        severity,
        place: place.to_owned(),
        printed: format!("P = {text}"),
        recomputed: format!("P = {}", p_text(p)),
        message,
    })
}

fn without_estimate(place: &str, low: f64, high: f64) -> Finding {
    Finding {
        code: "interval-without-estimate",
        severity: Severity::Minor,
        place: place.to_owned(),
        printed: format!("{low} to {high}"),
        recomputed: format!("middle {:.3}", (low + high) / 2.0),
        message: "an interval without its estimate; print estimate (interval)".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn codes(row: [f64; 3], p: f64) -> Vec<&'static str> {
        let found = hazard_ratio("x", row, &Printed::Number(p));
        found.iter().map(|f| f.code).collect()
    }

    #[test]
    fn p_follows_from_ratio_and_interval() {
        assert_eq!(codes([1.938, 0.567, 6.625], 0.291), [""; 0]);
        assert_eq!(codes([3.11, 2.064, 4.686], 0.011), ["p-interval"]);
        assert_eq!(codes([0.379, 0.242, 0.591], 0.001), ["p-floor"]);
        assert_eq!(codes([3.0, 4.0, 5.0], 0.01), ["interval-order"]);
        assert!(codes([1.5, 1.4, 4.0], 0.01).contains(&"interval-symmetry"));
        let words = Printed::Words("<0.001".into());
        assert_eq!(p_of("x", 0.466, [0.222, 0.710], 0.0005, &words, ""), None);
    }
}
