//! Time to event: an illness–death model whose scales are solved so that the counts are exact.
//!
//! # Symbols
//! `E₁, E₂, E₃` unit exponentials of a patient; `η₁, η₂, η₃` log hazards; `s₁, s₂, s₃` scales of the centre, months.
//! Recurrence at `T = s₁ (E₁ e^{−η₁})^{1/0.85}`, death of the cancer at `T + s₂ (E₂ e^{−η₂})^{1/1.1}`, death of another cause at
//! `D = s₃ E₃ e^{−η₃}`, end of follow-up at `C`. What comes first is seen.
//!
//! Each count falls as its own scale grows, one patient at a time, so bisection finds a scale with exactly the wanted count; the three are
//! solved in turn until all hold. Where they never do, the centre draws new exponentials (attempt 1, 2, …).

use super::patient::DeathCause;
use super::spec::{CentreSpec, HazardSpec, SynthSpec};
use super::{SynthError, grid};
use crate::keyed::Keyed;

/// Log hazards of one patient.
#[derive(Clone, Copy)]
pub(crate) struct LogHazards {
    pub recurrence: f64,
    pub post_recurrence: f64,
    pub other_death: f64,
}

/// What happened to one patient; times in months.
#[derive(Clone, Copy)]
pub(crate) struct Fate {
    pub recurrence: Option<f64>,
    pub death: Option<(f64, DeathCause)>,
    pub censoring: f64,
}

/// Scales of the three transitions of a centre, months.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Scales {
    /// Weibull scale of the time to recurrence.
    pub recurrence: f64,
    /// Weibull scale of the time from recurrence to death.
    pub post_recurrence: f64,
    /// Mean time to death of other causes.
    pub other_death: f64,
}

/// One patient's luck: transition times at scale 1, and end of follow-up.
#[derive(Clone, Copy)]
struct Luck {
    recurrence: f64,
    post_recurrence: f64,
    other_death: f64,
    censoring: f64,
}

const ATTEMPTS: usize = 50;

/// Fates of a centre's patients with exact counts of recurrences and deaths.
pub(crate) fn fates(
    spec: &SynthSpec,
    centre: &CentreSpec,
    hazards: &[LogHazards],
    seed: u64,
    draw: usize,
) -> Result<(Vec<Fate>, Scales), SynthError> {
    for attempt in 0..ATTEMPTS {
        let (luck, longest) = luck(spec, centre, hazards, seed, draw * ATTEMPTS + attempt);
        if let Some(scales) = solve(centre, &luck) {
            let fates: Vec<Fate> = luck.iter().map(|patient| patient.fate(scales)).collect();
            if fates[longest].recurrence.is_none() && fates[longest].death.is_none() {
                return Ok((fates, scales));
            }
        }
    }
    Err(SynthError::Unsolved {
        site: centre.site.to_string(),
        attempts: ATTEMPTS,
    })
}

impl Luck {
    fn fate(&self, scales: Scales) -> Fate {
        let other = scales.other_death * self.other_death;
        let end = other.min(self.censoring);
        let recurrence = Some(scales.recurrence * self.recurrence).filter(|&at| at < end);
        let cancer = recurrence
            .map(|at| at + scales.post_recurrence * self.post_recurrence)
            .filter(|&at| at < end)
            .map(|at| (at, DeathCause::Cancer));
        let other = (other < self.censoring).then_some((other, DeathCause::Other));
        Fate {
            recurrence,
            death: cancer.or(other),
            censoring: self.censoring,
        }
    }
}

/// Everyone's luck, and the row of the patient who is followed to the centre's maximum: the one whose worse rank of the times to
/// recurrence and to other death is best.
fn luck(
    spec: &SynthSpec,
    centre: &CentreSpec,
    hazards: &[LogHazards],
    seed: u64,
    attempt: usize,
) -> (Vec<Luck>, usize) {
    let HazardSpec {
        recurrence_shape,
        post_recurrence_shape,
        ..
    } = spec.hazard;
    let attempt = attempt.to_string();
    let mut ends = censoring_grid(centre);
    Keyed::new(seed, spec.schema, &["censoring", centre.site, &attempt]).shuffle(&mut ends);
    let of_patient = |row: usize| {
        let number = (row + 1).to_string();
        let mut keyed = Keyed::new(
            seed,
            spec.schema,
            &["hazard", centre.site, &number, &attempt],
        );
        let mut time = |log_hazard: f64, shape: f64| {
            let exponential = -libm::log(keyed.uniform());
            libm::pow(exponential * libm::exp(-log_hazard), 1.0 / shape)
        };
        Luck {
            recurrence: time(hazards[row].recurrence, recurrence_shape),
            post_recurrence: time(hazards[row].post_recurrence, post_recurrence_shape),
            other_death: time(hazards[row].other_death, 1.0),
            censoring: ends[row],
        }
    };
    let mut luck: Vec<Luck> = (0..centre.n).map(of_patient).collect();
    let recurrence = ranks(luck.iter().map(|patient| patient.recurrence));
    let other = ranks(luck.iter().map(|patient| patient.other_death));
    let longest = (0..centre.n)
        .max_by_key(|&row| recurrence[row].min(other[row]))
        .unwrap_or(0);
    if let Some(patient) = luck.get_mut(longest) {
        patient.censoring = centre.censoring.max_months;
    }
    (luck, longest)
}

fn censoring_grid(centre: &CentreSpec) -> Vec<f64> {
    let family = centre.censoring;
    let span = family.max_months - family.min_months;
    grid::midpoints(centre.n)
        .map(|p| family.min_months + span * grid::beta_quantile(p, family.a, family.b))
        .collect()
}

fn ranks(values: impl Iterator<Item = f64>) -> Vec<usize> {
    let values: Vec<f64> = values.collect();
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|&a, &b| values[a].total_cmp(&values[b]));
    let mut ranks = vec![0; values.len()];
    for (rank, row) in order.into_iter().enumerate() {
        ranks[row] = rank;
    }
    ranks
}

fn solve(centre: &CentreSpec, luck: &[Luck]) -> Option<Scales> {
    let wanted = [
        centre.recurrences,
        centre.cancer_deaths,
        centre.other_deaths,
    ];
    let mut scales = Scales {
        recurrence: 100.0,
        post_recurrence: 20.0,
        other_death: 1000.0,
    };
    for _ in 0..60 {
        for transition in 0..3 {
            let count = |scale: f64| counts(luck, scales.with(transition, scale))[transition];
            let solved = bisect(wanted[transition], count)?;
            scales = scales.with(transition, solved);
        }
        if counts(luck, scales) == wanted {
            return Some(scales);
        }
    }
    None
}

impl Scales {
    fn with(self, transition: usize, scale: f64) -> Scales {
        match transition {
            0 => Scales {
                recurrence: scale,
                ..self
            },
            1 => Scales {
                post_recurrence: scale,
                ..self
            },
            _ => Scales {
                other_death: scale,
                ..self
            },
        }
    }
}

/// Recurrences, deaths of the cancer, other deaths.
fn counts(luck: &[Luck], scales: Scales) -> [usize; 3] {
    let mut counts = [0; 3];
    for patient in luck {
        let fate = patient.fate(scales);
        counts[0] += usize::from(fate.recurrence.is_some());
        match fate.death {
            Some((_, DeathCause::Cancer)) => counts[1] += 1,
            Some((_, DeathCause::Other)) => counts[2] += 1,
            None => {}
        }
    }
    counts
}

/// A scale at which the falling `count` is as wanted, by bisection on the logarithm.
fn bisect(wanted: usize, count: impl Fn(f64) -> usize) -> Option<f64> {
    let (mut low, mut high) = (libm::log(1e-6), libm::log(1e9));
    for _ in 0..100 {
        let middle = 0.5 * (low + high);
        let scale = libm::exp(middle);
        match count(scale).cmp(&wanted) {
            std::cmp::Ordering::Equal => return Some(scale),
            std::cmp::Ordering::Greater => low = middle,
            std::cmp::Ordering::Less => high = middle,
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_first_is_seen() {
        let scales = Scales {
            recurrence: 1.0,
            post_recurrence: 1.0,
            other_death: 1.0,
        };
        let fate = |recurrence, post_recurrence, other_death, censoring| {
            let luck = Luck {
                recurrence,
                post_recurrence,
                other_death,
                censoring,
            };
            let fate = luck.fate(scales);
            (fate.recurrence, fate.death)
        };
        assert_eq!(
            fate(5.0, 4.0, 20.0, 30.0),
            (Some(5.0), Some((9.0, DeathCause::Cancer)))
        );
        assert_eq!(
            fate(5.0, 40.0, 20.0, 30.0),
            (Some(5.0), Some((20.0, DeathCause::Other)))
        );
        assert_eq!(
            fate(25.0, 1.0, 20.0, 30.0),
            (None, Some((20.0, DeathCause::Other)))
        );
        assert_eq!(fate(5.0, 40.0, 50.0, 30.0), (Some(5.0), None));
        assert_eq!(fate(35.0, 1.0, 50.0, 30.0), (None, None));
    }

    #[test]
    fn bisection_hits_a_count_or_says_no() {
        let times = [1.0, 2.0, 3.0, 3.0];
        let count = |scale: f64| times.iter().filter(|t| *t * scale < 6.0).count();
        assert_eq!(bisect(2, count).map(count), Some(2));
        assert_eq!(bisect(3, count), None);
    }
}
