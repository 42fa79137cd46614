//! The synthetic tables have the marginals of the paper.
#![allow(clippy::unwrap_used)]

use cohort::synth::{
    DeathCause, SynthPatient, SynthSize, SynthSpec, SynthTables, patients_csv, tables, truth_csv,
};

const SEED: u64 = 20_250_308;

fn make(size: SynthSize, seed: u64) -> SynthTables {
    tables(&SynthSpec::paper(), size, seed).unwrap()
}

fn of<'a>(tables: &'a SynthTables, site: &str) -> Vec<&'a SynthPatient> {
    tables.patients.iter().filter(|p| p.site == site).collect()
}

fn count(patients: &[&SynthPatient], keep: impl Fn(&SynthPatient) -> bool) -> usize {
    patients.iter().filter(|p| keep(p)).count()
}

fn mean_sd(patients: &[&SynthPatient], column: impl Fn(&SynthPatient) -> f64) -> (f64, f64) {
    let n = patients.len() as f64;
    let mean = patients.iter().map(|p| column(p)).sum::<f64>() / n;
    let squares: f64 = patients
        .iter()
        .map(|p| (column(p) - mean) * (column(p) - mean))
        .sum();
    (mean, (squares / (n - 1.0)).sqrt())
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let n = values.len();
    0.5 * (values[(n - 1) / 2] + values[n / 2])
}

#[test]
fn demo_counts_are_the_papers() {
    for seed in [SEED, 1, 2, 3] {
        let demo = make(SynthSize::Demo, seed);
        for (site, n, recurrences, deaths, cancer, nodes, sensitised, again) in [
            ("c1", 552, 146, 129, 107, 253, 66, 50),
            ("c2", 80, 25, 21, 17, 37, 7, 0),
        ] {
            let patients = of(&demo, site);
            assert_eq!(patients.len(), n);
            assert_eq!(
                count(&patients, |p| p.truth.recurrence.is_some()),
                recurrences
            );
            assert_eq!(count(&patients, |p| p.os_event), deaths);
            assert_eq!(
                count(&patients, |p| p.truth.death_cause
                    == Some(DeathCause::Cancer)),
                cancer
            );
            assert_eq!(count(&patients, |p| p.lymph_node_metastasis), nodes);
            assert_eq!(count(&patients, |p| p.radiosensitiser), sensitised);
            assert_eq!(count(&patients, |p| p.delineated_again), again);
        }
        let all: Vec<&SynthPatient> = demo.patients.iter().collect();
        let place = |name: &str| {
            count(&all, |p| {
                p.truth.recurrence.is_some_and(|r| r.1.as_str() == name)
            })
        };
        assert_eq!(
            [place("local"), place("distant"), place("both")],
            [41, 101, 29]
        );
    }
}

#[test]
fn demo_moments_are_the_papers() {
    let demo = make(SynthSize::Demo, SEED);
    let spec = SynthSpec::paper();
    for centre in &spec.centres {
        let patients = of(&demo, centre.site);
        for (name, (mean, sd), wanted) in [
            ("age", mean_sd(&patients, |p| p.age_years), centre.age),
            ("scca", mean_sd(&patients, |p| p.scca_ng_ml), centre.scca),
            (
                "diameter",
                mean_sd(&patients, |p| p.tumour_diameter_mm),
                centre.diameter,
            ),
            (
                "chemo",
                mean_sd(&patients, |p| p.chemo_total_mg),
                centre.chemo,
            ),
        ] {
            assert!(
                (mean / wanted.mean - 1.0).abs() < 0.005,
                "{name} mean {mean}"
            );
            assert!((sd / wanted.sd - 1.0).abs() < 0.02, "{name} sd {sd}");
        }
    }
    let (mean, sd) = mean_sd(&of(&demo, "c1"), |p| p.eqd2_gy);
    assert!((mean - 86.144).abs() < 0.01, "{mean}");
    assert!((sd / 4.146 - 1.0).abs() < 0.02, "{sd}");
    let (mean, _) = mean_sd(&of(&demo, "c2"), |p| p.eqd2_gy);
    assert!((mean - 86.026).abs() < 0.01, "{mean}");
    let ages = demo.patients.iter().map(|p| p.age_years);
    assert_eq!(ages.clone().fold(f64::INFINITY, f64::min), 26.0);
    assert_eq!(ages.fold(0.0, f64::max), 91.0);
}

#[test]
fn demo_follow_up_is_the_papers() {
    for seed in [SEED, 1, 2, 3] {
        let demo = make(SynthSize::Demo, seed);
        let middle = median(demo.patients.iter().map(|p| p.os_months).collect());
        assert!((middle - 42.0).abs() <= 1.0, "{middle}");
        let longest = |site| {
            of(&demo, site)
                .iter()
                .map(|p| p.os_months)
                .fold(0.0, f64::max)
        };
        assert_eq!((longest("c1"), longest("c2")), (97.0, 48.0));
        assert_eq!(count(&of(&demo, "c2"), |p| p.dfs_months >= 60.0), 0);
        let all: Vec<&SynthPatient> = demo.patients.iter().collect();
        let events = count(&all, |p| p.dfs_event);
        assert!((175..=197).contains(&events), "{events}");
        for p in &demo.patients {
            assert!(2.0 <= p.dfs_months && p.dfs_months <= p.os_months, "{p:?}");
            assert!(p.dfs_event || !p.os_event);
            assert!(p.dfs_event == (p.truth.recurrence.is_some() || p.os_event));
        }
    }
}

#[test]
fn tiny_has_enough_events_for_every_table() {
    for seed in 0..40 {
        let tiny = make(SynthSize::Tiny, seed);
        for (site, n, events, again) in [("c1", 28, 15, 10), ("c2", 12, 6, 0)] {
            let patients = of(&tiny, site);
            assert_eq!(patients.len(), n);
            assert!(count(&patients, |p| p.dfs_event) >= events);
            assert!(count(&patients, |p| !p.dfs_event) >= 3);
            assert_eq!(count(&patients, |p| p.delineated_again), again);
        }
    }
}

/// IPCW AUC of DFS at `horizon` months with the known censoring distribution: cases T ≤ t with weight 1/G(T), controls T > t.
fn auc(patients: &[SynthPatient], predictor: fn(&SynthPatient) -> f64, horizon: f64) -> f64 {
    let n = patients.len() as f64;
    let mut ends: Vec<f64> = patients.iter().map(|p| p.truth.censoring_months).collect();
    ends.sort_by(f64::total_cmp);
    let followed = |t: f64| 1.0 - ends.partition_point(|end| *end < t) as f64 / n;
    let controls = patients.iter().filter(|p| p.dfs_months > horizon);
    let mut controls: Vec<f64> = controls.map(predictor).collect();
    controls.sort_by(f64::total_cmp);
    let (mut won, mut pairs) = (0.0, 0.0);
    let is_case = |p: &&SynthPatient| p.dfs_event && p.dfs_months <= horizon;
    for case in patients.iter().filter(is_case) {
        let below = controls.partition_point(|control| *control < predictor(case));
        let weight = 1.0 / followed(case.dfs_months);
        pairs += weight;
        won += weight * below as f64 / controls.len() as f64;
    }
    won / pairs
}

#[test]
fn the_truth_predicts_as_well_as_the_spec_says() {
    let mut spec = SynthSpec::paper();
    spec.centres.truncate(1);
    let centre = &mut spec.centres[0];
    let more = 20;
    for count in [
        &mut centre.n,
        &mut centre.recurrences,
        &mut centre.cancer_deaths,
        &mut centre.other_deaths,
        &mut centre.radiosensitiser,
        &mut centre.lnm_in_iva,
    ] {
        *count *= more;
    }
    let classes = centre.pathology.iter_mut().chain(&mut centre.figo2018);
    classes.for_each(|count| *count *= more);
    let doses = centre.ebrt_gy.iter_mut().chain(&mut centre.icbt_gy);
    doses.for_each(|group| group.1 *= more);
    spec.followup_median_months = [42.0, 5.0];
    let patients = tables(&spec, SynthSize::Demo, 1).unwrap().patients;
    let predictors: [fn(&SynthPatient) -> f64; 3] = [
        |p| p.truth.lp_recurrence,
        |p| p.truth.lp_radiomics,
        |p| p.truth.lp_clinical + p.truth.lp_diameter,
    ];
    let attainable = [
        spec.attainable_combined,
        spec.attainable_radiomics,
        spec.attainable_clinical,
    ];
    // 11 040 patients with 3 300 events: standard error about 0.006
    for (predictor, attainable) in predictors.into_iter().zip(attainable) {
        for (horizon, wanted) in [12.0, 36.0, 60.0].into_iter().zip(attainable.auc) {
            let got = auc(&patients, predictor, horizon);
            assert!((got - wanted).abs() < 0.018, "{horizon}: {got} {wanted}");
        }
    }
}

#[test]
fn a_seed_is_a_cohort() {
    let text = |seed| {
        let made = make(SynthSize::Tiny, seed);
        patients_csv(&made.patients) + &truth_csv(&made.patients)
    };
    assert_eq!(text(5), text(5));
    assert_ne!(text(5), text(6));
    let made = make(SynthSize::Tiny, 5);
    let lines: Vec<String> = patients_csv(&made.patients)
        .lines()
        .map(str::to_string)
        .collect();
    assert_eq!(lines.len(), 41);
    assert!(lines.iter().all(|line| line.split(',').count() == 17));
    assert!(lines[1].starts_with("c1-001,c1,"));
    let truth = truth_csv(&made.patients);
    assert!(truth.lines().all(|line| line.split(',').count() == 14));
}
