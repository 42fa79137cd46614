//! Does a new model move patients to the right side? Net reclassification and integrated discrimination.

use cohort::FollowUp;
use stats::censored::{
    HazardTies, StepFunction, censoring_distribution, kaplan_meier, nelson_aalen,
};

use crate::bootstrap::{Bootstrap, drawn_rows};
use crate::c_index::{interval, with_interval};
use crate::estimate::{
    Estimate, MetricError, NotEstimable, check_followed, check_horizon, check_length, settle,
};

/// When a patient counts as moved.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Movement<'a> {
    /// The risk changes by more than this, at least 0; 0 is the continuous NRI.
    Change(f64),
    /// The risk falls into another category; cuts ascending, a risk equal to a cut belongs above it.
    Category(&'a [f64]),
}

/// How the censored are dealt with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reweighting {
    /// Kaplan–Meier within the moved (Pencina et al. 2011), nricens `"km"`.
    KaplanMeier,
    /// Cases weighted by 1/G(T−), controls followed beyond t (Uno et al. 2013), nricens `"ipw"`.
    Ipcw,
    /// As survIDINRI: cases T < t weighted by 1/G(T), G after Fleming and Harrington with the events of a time still at risk,
    /// controls T ≥ t.
    FlemingHarrington,
}

/// Net reclassification by a horizon and what it is made of.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Nri {
    /// `events + nonevents`.
    pub value: f64,
    /// P(up | case) − P(down | case).
    pub events: f64,
    /// P(down | control) − P(up | control).
    pub nonevents: f64,
    /// P(up | case).
    pub up_case: f64,
    /// P(down | case).
    pub down_case: f64,
    /// P(down | control).
    pub down_control: f64,
    /// P(up | control).
    pub up_control: f64,
}

/// Old and new predicted risks of the same patients, checked once.
#[derive(Debug, Clone, Copy)]
pub struct Reclassified<'a> {
    old: &'a [f64],
    new: &'a [f64],
    follow_up: &'a FollowUp,
    horizon: f64,
}

impl<'a> Reclassified<'a> {
    /// Takes two risks (probability of the event by `horizon`) per patient.
    ///
    /// # Errors
    /// Lengths differ, a risk is outside \[0, 1\], or the horizon is no time.
    pub fn new(
        old: &'a [f64],
        new: &'a [f64],
        follow_up: &'a FollowUp,
        horizon: f64,
    ) -> Result<Reclassified<'a>, MetricError> {
        check_length(old.len(), follow_up.len())?;
        check_length(new.len(), follow_up.len())?;
        check_horizon(horizon)?;
        for risk in [old, new] {
            if let Some(row) = risk.iter().position(|r| !(0.0..=1.0).contains(r)) {
                let value = risk[row];
                return Err(MetricError::Probability { row, value });
            }
        }
        Ok(Reclassified {
            old,
            new,
            follow_up,
            horizon,
        })
    }

    /// Net reclassification improvement under censoring.
    ///
    /// # Formula
    /// Kaplan–Meier: P(up | case) = (1 − S_up(t)) P(up) / (1 − S(t)), P(up | control) = S_up(t) P(up) / S(t)
    /// IPCW: P(up | case) = Σ_cases w_i 1(up_i) / Σ_cases w_i, w_i = 1/G(T_i−), cases T_i <= t with the event;
    /// P(up | control) = share of the moved among those with T_i > t. The same for down.
    ///
    /// # Undefined
    /// nobody followed to t; no case; no control
    /// # Reference
    /// Pencina, D'Agostino, Steyerberg, Stat. Med. 30 (2011) 11–21; Uno et al., Stat. Med. 32 (2013) 2430–2442
    /// # Agrees with
    /// nricens 1.6: Kaplan–Meier 1e-9, IPCW 1e-4, tests/metrics_oracle.rs
    /// # Differs from
    /// survIDINRI reports half of the continuous NRI (with [`Reweighting::FlemingHarrington`] 1e-6: its arithmetic is in single
    /// precision); nricens weighs cases otherwise (4e-5) where a censoring falls on the time of an event
    pub fn nri(&self, movement: Movement, reweighting: Reweighting) -> Result<Nri, MetricError> {
        let rows: Vec<usize> = (0..self.follow_up.len()).collect();
        Ok(self.nri_of(&rows, movement, reweighting)?)
    }

    /// Integrated discrimination improvement: by how much more the new risk parts cases from controls.
    ///
    /// # Formula
    /// IDI = ( mean_case new − mean_control new ) − ( mean_case old − mean_control old ), means over cases weighted
    /// by 1/G(T−), cases T <= t with the event, controls T > t; with [`Reweighting::FlemingHarrington`] as it says there
    ///
    /// # Undefined
    /// nobody followed to t; no case; no control
    /// # Reference
    /// Pencina et al., Stat. Med. 27 (2008) 157–172; Uno et al., Stat. Med. 32 (2013) 2430–2442
    /// # Agrees with
    /// survIDINRI 1.1-2 with [`Reweighting::FlemingHarrington`], 6e-4, tests/metrics_oracle.rs
    /// # Differs from
    /// survIDINRI, which integrates the distributions of new − old by trapezia on a grid of its own and in single precision. A
    /// trapezium takes a step within it for one at its middle, so each mean is off by up to half a cell: 5.5e-4 on veteran,
    /// 1.4e-5 and 2.7e-5 on pbc and gbsg. The mean itself is the definition and is what is computed here; four patients worked
    /// by hand, and the same trapezia on ever finer grids, which come to the mean, are in this file's tests.
    pub fn idi(&self, reweighting: Reweighting) -> Result<f64, MetricError> {
        let rows: Vec<usize> = (0..self.follow_up.len()).collect();
        Ok(self.idi_of(&rows, reweighting)?)
    }

    /// [`Reclassified::nri`] (its value, the part of the events, the part of the others) with bootstrap intervals.
    ///
    /// # Errors
    /// As [`Reclassified::nri`], except that what cannot be estimated is a value.
    pub fn estimate_nri(
        &self,
        movement: Movement,
        reweighting: Reweighting,
        bootstrap: Option<&Bootstrap>,
    ) -> Result<[Estimate; 3], MetricError> {
        let part = |pick: fn(Nri) -> f64| {
            self.estimate(bootstrap, |rows| {
                self.nri_of(rows, movement, reweighting).map(pick)
            })
        };
        Ok([
            part(|nri| nri.value)?,
            part(|nri| nri.events)?,
            part(|nri| nri.nonevents)?,
        ])
    }

    /// [`Reclassified::idi`] with a bootstrap interval.
    ///
    /// # Errors
    /// As [`Reclassified::idi`], except that what cannot be estimated is a value.
    pub fn estimate_idi(
        &self,
        reweighting: Reweighting,
        bootstrap: Option<&Bootstrap>,
    ) -> Result<Estimate, MetricError> {
        self.estimate(bootstrap, |rows| self.idi_of(rows, reweighting))
    }

    fn estimate(
        &self,
        bootstrap: Option<&Bootstrap>,
        metric: impl Fn(&[usize]) -> Result<f64, NotEstimable> + Sync,
    ) -> Result<Estimate, MetricError> {
        let all: Vec<usize> = (0..self.follow_up.len()).collect();
        let estimated = metric(&all).and_then(|value| {
            let interval = interval(bootstrap, all.len(), |copies| {
                metric(&drawn_rows(copies)).ok()
            })?;
            Ok(with_interval(value, interval, self.follow_up))
        });
        let (n, n_events) = (self.follow_up.len(), self.follow_up.n_events());
        settle(estimated.map_err(MetricError::from), n, n_events)
    }

    fn nri_of(
        &self,
        rows: &[usize],
        movement: Movement,
        reweighting: Reweighting,
    ) -> Result<Nri, NotEstimable> {
        let moved = |up: bool| {
            let rows = rows.iter().copied();
            rows.filter(|&row| direction(movement, self.old[row], self.new[row]) == Some(up))
                .collect::<Vec<usize>>()
        };
        let (up, down) = (moved(true), moved(false));
        let [(up_case, up_control), (down_case, down_control)] = match reweighting {
            Reweighting::KaplanMeier => self.shares_by_km(rows, &up, &down)?,
            Reweighting::Ipcw | Reweighting::FlemingHarrington => {
                let weights = self.weights(rows, reweighting)?;
                let share = |moved: bool| {
                    weights.share(rows, |row| {
                        let now = direction(movement, self.old[row], self.new[row]);
                        f64::from(u8::from(now == Some(moved)))
                    })
                };
                [share(true), share(false)]
            }
        };
        let (events, nonevents) = (up_case - down_case, down_control - up_control);
        Ok(Nri {
            value: events + nonevents,
            events,
            nonevents,
            up_case,
            down_case,
            down_control,
            up_control,
        })
    }

    /// (case, control) shares of those who moved up, and of those who moved down.
    fn shares_by_km(
        &self,
        rows: &[usize],
        up: &[usize],
        down: &[usize],
    ) -> Result<[(f64, f64); 2], NotEstimable> {
        let horizon = self.horizon;
        self.check_followed(rows)?;
        let survival = |rows: &[usize]| {
            kaplan_meier(&self.follow_up.select(rows))
                .curve()
                .at(horizon)
        };
        let all = survival(rows);
        let (cases, controls, at_least) = (0, 0, 1);
        if all >= 1.0 {
            return Err(NotEstimable::FewCases {
                horizon,
                cases,
                at_least,
            });
        }
        if all <= 0.0 {
            return Err(NotEstimable::FewControls {
                horizon,
                controls,
                at_least,
            });
        }
        let share = |moved: &[usize]| {
            if moved.is_empty() {
                return (0.0, 0.0);
            }
            let p = moved.len() as f64 / rows.len() as f64;
            let s = survival(moved);
            ((1.0 - s) * p / (1.0 - all), s * p / all)
        };
        Ok([share(up), share(down)])
    }

    /// Kaplan–Meier within the moved has no means to offer: there the weights are those of IPCW.
    fn idi_of(&self, rows: &[usize], reweighting: Reweighting) -> Result<f64, NotEstimable> {
        let weights = self.weights(rows, reweighting)?;
        let (case, control) = weights.share(rows, |row| self.new[row] - self.old[row]);
        Ok(case - control)
    }

    fn check_followed(&self, rows: &[usize]) -> Result<(), NotEstimable> {
        let (time, horizon) = (self.follow_up.time(), self.horizon);
        check_followed(rows.iter().map(|&row| time[row]), horizon)
    }

    fn weights(&self, rows: &[usize], reweighting: Reweighting) -> Result<Weights, NotEstimable> {
        self.check_followed(rows)?;
        let horizon = self.horizon;
        let (time, event) = (self.follow_up.time(), self.follow_up.event());
        let selected = self.follow_up.select(rows);
        let late = reweighting == Reweighting::FlemingHarrington;
        let g = match late {
            true => hazard_of_censoring(&selected),
            false => censoring_distribution(&selected),
        };
        let mut weights = Weights::default();
        for &row in rows {
            let t = time[row];
            // G(T−) is above 0: the patient with the event is still at risk before T; exp(−H) always is
            let (case, control, weight) = match late {
                true => (t < horizon, t >= horizon, libm::exp(g.at(t))),
                false => (t <= horizon, t > horizon, 1.0 / g.before(t)),
            };
            let case = case && event[row];
            weights.case.push(if case { weight } else { 0.0 });
            weights.control.push(f64::from(u8::from(control)));
        }
        weights.cases = weights.case.iter().sum();
        weights.controls = weights.control.iter().sum();
        let (cases, controls, at_least) = (0, 0, 1);
        if weights.cases <= 0.0 {
            return Err(NotEstimable::FewCases {
                horizon,
                cases,
                at_least,
            });
        }
        if weights.controls <= 0.0 {
            return Err(NotEstimable::FewControls {
                horizon,
                controls,
                at_least,
            });
        }
        Ok(weights)
    }
}

/// Σ c_k/n_k, whose exp(−…) is Fleming and Harrington's G; the events of a time are still at risk there.
fn hazard_of_censoring(follow_up: &FollowUp) -> StepFunction {
    let flipped: Vec<bool> = follow_up.event().iter().map(|seen| !seen).collect();
    match FollowUp::new(follow_up.time().to_vec(), flipped) {
        Ok(flipped) => nelson_aalen(&flipped, HazardTies::NelsonAalen).hazard,
        // cannot happen: the times were checked when the follow-up was made
        Err(_) => nelson_aalen(follow_up, HazardTies::NelsonAalen).hazard,
    }
}

/// Weights of cases and of controls, in the order of the rows.
#[derive(Default)]
struct Weights {
    case: Vec<f64>,
    control: Vec<f64>,
    cases: f64,
    controls: f64,
}

impl Weights {
    /// Weighted means of `value` over cases and over controls.
    fn share(&self, rows: &[usize], value: impl Fn(usize) -> f64) -> (f64, f64) {
        let (mut case, mut control) = (0.0, 0.0);
        for (i, &row) in rows.iter().enumerate() {
            let v = value(row);
            case += self.case[i] * v;
            control += self.control[i] * v;
        }
        (case / self.cases, control / self.controls)
    }
}

/// `Some(true)` up, `Some(false)` down, `None` unmoved.
fn direction(movement: Movement, old: f64, new: f64) -> Option<bool> {
    match movement {
        Movement::Change(by) if new - old > by => Some(true),
        Movement::Change(by) if old - new > by => Some(false),
        Movement::Change(_) => None,
        Movement::Category(cuts) => {
            let category = |risk: f64| cuts.partition_point(|cut| *cut <= risk);
            let (old, new) = (category(old), category(new));
            (old != new).then_some(new > old)
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn follow_up() -> FollowUp {
        FollowUp::new(vec![1.0, 2.0, 3.0, 4.0], vec![true, true, false, false]).unwrap()
    }

    #[test]
    fn four_patients_by_hand() {
        // cases 1 (up) and 2 (down), controls 3 (down) and 4 (unmoved)
        let f = follow_up();
        let (old, new) = ([0.5, 0.5, 0.5, 0.5], [0.7, 0.4, 0.2, 0.5]);
        let r = Reclassified::new(&old, &new, &f, 2.5).unwrap();
        for way in [Reweighting::KaplanMeier, Reweighting::Ipcw] {
            let nri = r.nri(Movement::Change(0.0), way).unwrap();
            assert_eq!((nri.events, nri.nonevents, nri.value), (0.0, 0.5, 0.5));
            let nri = r.nri(Movement::Category(&[0.3, 0.6]), way).unwrap();
            assert_eq!((nri.events, nri.nonevents), (0.5, 0.5));
        }
        // cases rise by 0.05 on average, controls fall by 0.15
        assert!((r.idi(Reweighting::Ipcw).unwrap() - 0.2).abs() < 1e-15);
        assert!((r.idi(Reweighting::FlemingHarrington).unwrap() - 0.2).abs() < 1e-15);
    }

    /// ∫ 1(s < d) ds from −1 by trapezia on `cells` cells of [−1, 1], less 1: the mean of d as survIDINRI comes to it.
    fn mean_by_trapezia(d: &[f64], cells: u32) -> f64 {
        let h = 2.0 / f64::from(cells);
        let above = |s: f64| d.iter().filter(|d| **d > s).count() as f64 / d.len() as f64;
        let at = |k: u32| above(-1.0 + h * f64::from(k));
        let sum: f64 = (0..cells).map(|k| 0.5 * (at(k) + at(k + 1)) * h).sum();
        sum - 1.0
    }

    #[test]
    fn trapezia_part_from_the_mean_by_up_to_half_a_cell_and_come_to_it() {
        // cases 1, 2 change by 0.2 and −0.1, on average 0.05; controls 3, 4 by −0.3 and 0, on average −0.15: IDI 0.2
        let f = follow_up();
        let (old, new) = ([0.5, 0.5, 0.5, 0.5], [0.7, 0.4, 0.2, 0.5]);
        let r = Reclassified::new(&old, &new, &f, 2.5).unwrap();
        let ours = r.idi(Reweighting::FlemingHarrington).unwrap();
        let theirs =
            |cells| mean_by_trapezia(&[0.2, -0.1], cells) - mean_by_trapezia(&[-0.3, 0.0], cells);
        let mut off: f64 = 0.0;
        for cells in [101, 211, 431, 1001, 2003] {
            let difference = (theirs(cells) - ours).abs();
            assert!(
                difference <= 2.0 / f64::from(cells),
                "{cells}: {difference}"
            );
            off = off.max(difference);
        }
        assert!(off > 1e-3, "{off}");
        assert!((theirs(200_003) - ours).abs() < 1e-5);
        assert!((ours - 0.2).abs() < 1e-15);
    }

    #[test]
    fn a_set_without_cases_has_a_reason() {
        let f = follow_up();
        let risk = [0.5; 4];
        let r = Reclassified::new(&risk, &risk, &f, 0.5).unwrap();
        let e = r.estimate_idi(Reweighting::Ipcw, None).unwrap();
        assert!(matches!(
            e.reason(),
            Some(NotEstimable::FewCases { cases: 0, .. })
        ));
        assert!(Reclassified::new(&risk[..2], &risk, &f, 0.5).is_err());
    }
}
