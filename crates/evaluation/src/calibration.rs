//! Predicted against observed risk by a horizon, in groups of predicted risk.

use cohort::FollowUp;
use stats::censored::{ConfidenceScale, kaplan_meier};

use crate::bootstrap::quantile;
use crate::estimate::{Interval, MetricError, check_followed, check_horizon, check_length};

/// One group of patients of similar predicted risk.
#[derive(Debug, Clone, PartialEq)]
pub struct CalibrationGroup {
    /// Patients.
    pub n: usize,
    /// Mean predicted risk.
    pub predicted: f64,
    /// Observed risk, 1 − Kaplan–Meier survival at the horizon; `None` where the group's follow-up ends earlier and
    /// its last survival is not 0.
    pub observed: Option<f64>,
    /// Greenwood's standard error of `observed`, where it exists.
    pub std_err: Option<f64>,
    /// 95 % interval of `observed` on the log-log scale, where it exists (not without or with only events).
    pub interval: Option<Interval>,
}

/// Calibration in `groups` groups cut at equal quantiles of the predicted risk, lowest first.
///
/// # Formula
/// cuts = type 7 quantiles of risk at 1/g … (g−1)/g; group k holds cut_(k−1) < risk <= cut_k;
/// observed = 1 − S(t), S the Kaplan–Meier estimate of the group
///
/// # Arguments
/// | symbol | argument    | shape | unit                          |
/// |---|---|---|---|
/// | risk   | `risk`      | \[n\] | probability of the event by t |
/// |        | `follow_up` | \[n\] | months; true = event          |
/// | t      | `horizon`   | 1     | months                        |
/// | g      | `groups`    | 1     | at least 1                    |
///
/// # Ties and edges
/// equal risks stay together; a group that ties leave empty is left out; no groups at all means one
/// # Undefined
/// follow-up of the whole set ends before t
/// # Reference
/// Harrell, Regression Modeling Strategies (2015), 5.3; Royston and Altman, BMC Med. Res. Methodol. 13 (2013) 33
/// # Agrees with
/// R survival 3.5-3 `survfit(conf.type = "log-log")` in quartile groups, 1e-9, tests/metrics_oracle.rs
/// # Differs from
/// rms `calibrate`, which corrects for optimism by refitting
pub fn calibration(
    risk: &[f64],
    follow_up: &FollowUp,
    horizon: f64,
    groups: usize,
) -> Result<Vec<CalibrationGroup>, MetricError> {
    check_length(risk.len(), follow_up.len())?;
    check_horizon(horizon)?;
    if let Some(row) = risk.iter().position(|r| !(0.0..=1.0).contains(r)) {
        return Err(MetricError::Probability {
            row,
            value: risk[row],
        });
    }
    check_followed(follow_up.time().iter().copied(), horizon)?;
    let groups = groups.max(1);
    let mut sorted = risk.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    let cuts: Vec<f64> = (1..groups)
        .map(|k| quantile(&sorted, k as f64 / groups as f64))
        .collect();
    let mut members = vec![Vec::new(); groups];
    for (row, r) in risk.iter().enumerate() {
        members[cuts.partition_point(|cut| cut < r)].push(row);
    }
    let filled = members.iter().filter(|rows| !rows.is_empty());
    Ok(filled
        .map(|rows| group(risk, follow_up, horizon, rows))
        .collect())
}

fn group(risk: &[f64], follow_up: &FollowUp, horizon: f64, rows: &[usize]) -> CalibrationGroup {
    let own = follow_up.select(rows);
    let km = kaplan_meier(&own);
    let survival = km.curve().at(horizon);
    let followed = own.time().iter().any(|t| *t >= horizon) || survival == 0.0;
    let jumps = km.curve().times().partition_point(|t| *t <= horizon);
    let at = |values: &[Option<f64>]| jumps.checked_sub(1).and_then(|k| values[k]);
    let limits = km.intervals(ConfidenceScale::LogLog, 0.95);
    // before the first time nothing has happened: no error and no interval
    let interval = jumps.checked_sub(1).and_then(|k| limits[k]);
    CalibrationGroup {
        n: rows.len(),
        predicted: rows.iter().map(|&row| risk[row]).sum::<f64>() / rows.len() as f64,
        observed: followed.then_some(1.0 - survival),
        std_err: at(&km.std_err()).filter(|_| followed),
        interval: interval
            .filter(|_| followed && survival < 1.0)
            .map(|i| Interval {
                lower: 1.0 - i.upper,
                upper: 1.0 - i.lower,
            }),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn equal_risks_stay_together() {
        let f = FollowUp::new(vec![1.0, 2.0, 3.0, 4.0], vec![true; 4]).unwrap();
        let groups = calibration(&[0.5; 4], &f, 2.0, 4).unwrap();
        assert_eq!(groups.len(), 1);
        assert_eq!((groups[0].n, groups[0].observed), (4, Some(0.5)));
    }

    #[test]
    fn a_group_followed_too_briefly_is_not_observed() {
        let f = FollowUp::new(vec![1.0, 2.0, 9.0, 9.0], vec![true, false, false, true]).unwrap();
        let groups = calibration(&[0.1, 0.1, 0.9, 0.9], &f, 5.0, 2).unwrap();
        assert_eq!((groups[0].observed, groups[0].interval), (None, None));
        assert_eq!(groups[1].observed, Some(0.0));
    }
}
