//! What simple numbers of images and regions say before anything is learned: scanners that differ, texture that is size,
//! size that predicts.

use std::collections::{BTreeMap, BTreeSet};

use cohort::{FollowUp, RiskScores};
use evaluation::doctor::{rank_correlation, separation};
use evaluation::{Bootstrap, estimate_c_index};

use super::finding::{Code, Finding};
use super::images::Measured;
use super::outcome::Followed;

/// Two sites whose images overlap less than this differ grossly …
const STRENGTH_MIN: f64 = 0.95;
/// … if their medians do by this factor too; scanners of one protocol differ by less.
const FOLD_MIN: f64 = 2.5;
/// Below this Spearman correlation with volume a texture may say something of its own.
const RHO_MAX: f64 = 0.6;
const N_MIN: usize = 20;
/// Fewer events than this prove no absence.
const EVENTS_MIN: usize = 50;
/// A C-index whose whole interval is this near to ½ ranks nobody.
const NOTHING: f64 = 0.08;
const RESAMPLES: usize = 200;
const SEED: u64 = 1;

pub(super) fn examine(measured: &[Measured], followed: &[Followed], findings: &mut Vec<Finding>) {
    findings.extend(site_shift(measured));
    findings.extend(texture_is_volume(measured));
    for followed in followed {
        predicts(measured, followed, findings);
    }
}

fn site_shift(measured: &[Measured]) -> Vec<Finding> {
    let known: Vec<(&str, f64)> = measured
        .iter()
        .filter_map(|m| Some((m.site.as_str(), m.body_median?)))
        .collect();
    let sites: BTreeSet<&str> = known.iter().map(|k| k.0).collect();
    let mut found = Vec::new();
    for site in sites.iter().skip(1) {
        // Against the first site: one scanner that differs is told once.
        let pair: Vec<&(&str, f64)> = known
            .iter()
            .filter(|k| k.0 == *site || Some(&k.0) == sites.first())
            .collect();
        let values: Vec<f64> = pair.iter().map(|k| k.1).collect();
        let group: Vec<bool> = pair.iter().map(|k| k.0 == *site).collect();
        let of = |member: bool| {
            median(
                values
                    .iter()
                    .zip(&group)
                    .filter(|(_, g)| **g == member)
                    .map(|(v, _)| *v)
                    .collect(),
            )
        };
        let (here, there) = (of(true), of(false));
        let Some(separated) = separation(&values, &group) else {
            continue;
        };
        let fold = if here > 0.0 && there > 0.0 {
            (here / there).max(there / here)
        } else {
            1.0
        };
        if separated.strength() >= STRENGTH_MIN && fold >= FOLD_MIN {
            let message = format!(
                "median intensity in the body is {here:.0}, at {} {there:.0}: the site is known from an image with AUC {:.2}",
                sites.first().copied().unwrap_or_default(),
                separated.strength()
            );
            let repair = "features with fixed bins cannot be pooled: normalise within the body or bin by count, harmonise in training folds, and judge the external site apart";
            found.push(Finding::new(Code::SiteShift, "images", message, repair).at_site(site));
        }
    }
    found
}

fn texture_is_volume(measured: &[Measured]) -> Option<Finding> {
    let known = measured
        .iter()
        .filter_map(|m| Some((m.volume_mm3?, m.variation?)));
    let (volume, variation): (Vec<f64>, Vec<f64>) = known.unzip();
    if volume.len() < N_MIN {
        return None;
    }
    let rho = rank_correlation(&volume, &variation)?;
    (rho.abs() >= RHO_MAX).then(|| {
        let message = format!(
            "the coefficient of variation in the region follows its volume: Spearman ρ {rho:.2} in {} patients",
            volume.len()
        );
        let repair = "a signature may be size in disguise: put volume among the covariates and report a volume-only model beside it";
        Finding::new(Code::TextureIsVolume, "regions", message, repair)
    })
}

/// What volume and variation alone say of an endpoint.
fn predicts(measured: &[Measured], followed: &Followed, findings: &mut Vec<Finding>) {
    let Some(volume) = concordance(measured, followed, |m| m.volume_mm3) else {
        return;
    };
    let name = &followed.endpoint.name;
    if volume.lower > 0.5 || volume.upper < 0.5 {
        let message = format!(
            "volume alone ranks `{name}`: C-index {:.3} ({:.3}–{:.3}) in {} patients, {} events",
            volume.value, volume.lower, volume.upper, volume.n, volume.n_events
        );
        findings.push(Finding::new(
            Code::VolumePredicts,
            "regions",
            message,
            "a signature must do better than this to say more than size",
        ));
    }
    let Some(variation) = concordance(measured, followed, |m| m.variation) else {
        return;
    };
    let nothing =
        |c: &Concordance| (c.lower - 0.5).abs() < NOTHING && (c.upper - 0.5).abs() < NOTHING;
    if variation.n_events >= EVENTS_MIN && nothing(&variation) {
        let message = format!(
            "the variation in the region does not rank `{name}`: C-index {:.3} ({:.3}–{:.3}) in {} patients, {} events",
            variation.value, variation.lower, variation.upper, variation.n, variation.n_events
        );
        findings.push(Finding::new(
            Code::ImageSignalAbsent,
            "regions",
            message,
            "expect little from textures; hold the run's negative controls against its result",
        ));
    }
}

struct Concordance {
    value: f64,
    lower: f64,
    upper: f64,
    n: usize,
    n_events: usize,
}

fn concordance(
    measured: &[Measured],
    followed: &Followed,
    of: impl Fn(&Measured) -> Option<f64>,
) -> Option<Concordance> {
    let values: BTreeMap<&str, f64> = measured
        .iter()
        .filter_map(|m| Some((m.patient_id.as_str(), of(m)?)))
        .collect();
    let rows: Vec<usize> = (0..followed.patients.len())
        .filter(|&i| values.contains_key(followed.patients[i].as_str()))
        .collect();
    if rows.len() < N_MIN {
        return None;
    }
    let event: Vec<bool> = rows.iter().map(|&i| followed.event[i]).collect();
    let n_events = event.iter().filter(|e| **e).count();
    let follow_up = FollowUp::new(
        rows.iter().map(|&i| followed.time_months[i]).collect(),
        event,
    )
    .ok()?;
    let risk = rows
        .iter()
        .map(|&i| {
            values
                .get(followed.patients[i].as_str())
                .copied()
                .unwrap_or_default()
        })
        .collect();
    let risk = RiskScores::higher_is_worse(risk).ok()?;
    let bootstrap = Bootstrap::new(RESAMPLES, 0.95, SEED).ok()?;
    let estimate = estimate_c_index(&risk, &follow_up, Some(&bootstrap)).ok()?;
    let interval = estimate.interval()?;
    Some(Concordance {
        value: estimate.value()?,
        lower: interval.lower,
        upper: interval.upper,
        n: rows.len(),
        n_events,
    })
}

/// The lower middle; 0 of nothing.
fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values
        .get((values.len().max(1) - 1) / 2)
        .copied()
        .unwrap_or(0.0)
}
