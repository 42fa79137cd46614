//! The constants of the published cohort.

use super::biology::{BiologySpec, PlantedSpec};
use super::features::{FeaturesSpec, FunnelSpec};
use super::spec::{
    Acquisition, Attainable, Censoring, CentreSpec, HazardSpec, ImageSpec, Moments, RaterSpec,
    shrunk,
};

pub(super) const HAZARD: HazardSpec = HazardSpec {
    recurrence_shape: 0.85,
    post_recurrence_shape: 1.1,
    log_scca_z: 0.35,
    eqd2_z: -0.25,
    diameter_z: 0.15,
    u_t: 0.70,
    u_p: 0.45,
    stage_hr: [1.0, 1.3, 1.9, 3.0],
    post_clinical: 0.5,
    post_u_t: 0.375,
    post_u_p: 0.125,
    post_diameter_z: 0.075,
    other_age_z: 0.5,
    floor_months: 2.0,
};

pub(super) const FEATURES: FeaturesSpec = FeaturesSpec {
    n_features: 1409,
    tumour: FunnelSpec {
        n_robust: 1026,
        n_groups: 366,
        n_informative: 14,
    },
    peritumour: FunnelSpec {
        n_robust: 975,
        n_groups: 287,
        n_informative: 12,
    },
    icc_robust: [0.90, 0.99],
    icc_fragile: [0.05, 0.50],
    // Readings blur it to 0.93.
    within_group: 0.985,
    n_factors: 6,
    loading_sd: 0.25,
    shift_sd: 0.8,
    stretch: [0.7, 1.4],
};

pub(super) const IMAGE: ImageSpec = ImageSpec {
    t2_ms: [85.0, 55.0, 110.0, 140.0, 400.0, 95.0],
    t1_ms: [1400.0, 1200.0, 380.0, 2000.0, 3500.0, 1500.0],
    proton_density: [0.95, 0.90, 0.85, 1.0, 1.0, 0.95],
    fat_in_muscle: 0.25,
    texture_length_mm: [1.0, 4.0, -0.35],
    texture_amplitude: [0.12, 0.25],
    necrosis_threshold: [1.6, -0.25],
    rim_decay_mm: [2.5, 0.3],
    rim_oedema: [0.35, 0.2],
    rim_texture: [0.06, 0.3],
    rim_extent_mm: 8.0,
    surface_noise: 0.10,
    surface_length_mm: 12.0,
    bias_length_mm: 80.0,
    bias_log_amplitude: 0.35,
    bias_limit_sd: 1.3,
};

pub(super) fn centre_1() -> CentreSpec {
    CentreSpec {
        site: "c1",
        n: 552,
        recurrences: 146,
        cancer_deaths: 107,
        other_deaths: 22,
        radiosensitiser: 66,
        lnm_in_iva: 35,
        pathology: vec![469, 72, 8, 3],
        figo2018: vec![29, 73, 156, 10, 17, 209, 9, 49],
        ebrt_gy: vec![(45.0, 222), (46.8, 37), (48.6, 36), (50.4, 257)],
        icbt_gy: vec![(24.0, 85), (30.0, 446), (36.0, 21)],
        eqd2_sd_gy: Some(4.146),
        age: moments(57.07, 10.16),
        scca: moments(2.607, 8.621),
        diameter: moments(43.40, 15.41),
        chemo: moments(195.721, 45.789),
        has_age_extremes: true,
        censoring: censoring(0.84, 1.10, 24.0, 97.0),
        acquisition: acquisition(4600.0, 72.5, 7.0, 30.0),
        delineated_again: 50,
    }
}

pub(super) fn centre_2() -> CentreSpec {
    CentreSpec {
        site: "c2",
        n: 80,
        recurrences: 25,
        cancer_deaths: 17,
        other_deaths: 4,
        radiosensitiser: 7,
        lnm_in_iva: 4,
        pathology: vec![69, 10, 1, 0],
        figo2018: vec![5, 11, 21, 1, 3, 31, 2, 6],
        ebrt_gy: vec![(43.2, 12), (45.0, 16), (48.6, 14), (50.4, 38)],
        icbt_gy: vec![(24.0, 12), (30.0, 67), (36.0, 1)],
        eqd2_sd_gy: Some(3.872),
        age: moments(55.85, 11.21),
        scca: moments(2.701, 6.553),
        diameter: moments(45.50, 14.28),
        chemo: moments(195.441, 45.616),
        has_age_extremes: false,
        censoring: censoring(1.6, 1.2, 15.0, 48.0),
        acquisition: acquisition(3773.0, 128.7, 5.5, 22.0),
        delineated_again: 0,
    }
}

/// The third centre in the proportions of the first; its scanner is another one again.
pub(super) fn centre_3() -> BiologySpec {
    let first = centre_1();
    let like_first = shrunk(&first, 54, [0; 3], 0);
    BiologySpec {
        centre: CentreSpec {
            site: "tcga",
            age: moments(49.0, 12.5),
            diameter: moments(44.00, 14.50),
            has_age_extremes: false,
            acquisition: acquisition(4200.0, 98.0, 6.0, 25.0),
            ..like_first
        },
        n_tiny: 12,
        shared: 14.0 / 27.0,
        n_genes: 12_000,
        log_mean: [5.0, 1.3],
        mean_min: 20.0,
        dispersion: [0.08, 0.25],
        log_library_sd: 0.25,
        abs_log2_fold: [1.7, 3.0],
        dfs: PlantedSpec {
            n_up: 371,
            n_down: 98,
            sets: ["SYN_FOCAL_ADHESION", "SYN_ACTIN_BINDING", "SYN_EMT"],
        },
        os: PlantedSpec {
            n_up: 232,
            n_down: 103,
            sets: ["SYN_GLYCOLYSIS", "SYN_CARBON_CANCER", "SYN_HYPOXIA"],
        },
        n_sets: 200,
        set_size: [15, 200],
        planted_size_min: 120,
        set_odds: 6.0,
    }
}

const fn moments(mean: f64, sd: f64) -> Moments {
    Moments { mean, sd }
}

const fn censoring(a: f64, b: f64, min_months: f64, max_months: f64) -> Censoring {
    Censoring {
        a,
        b,
        min_months,
        max_months,
    }
}

const fn acquisition(tr_ms: f64, te_ms: f64, slice_pitch_mm: f64, snr: f64) -> Acquisition {
    Acquisition {
        tr_ms,
        te_ms,
        slice_pitch_mm,
        fov_mm: 240.0,
        snr,
    }
}

pub(super) const fn rater(name: &'static str, sigma_mm: f64, shift_sd_mm: f64) -> RaterSpec {
    RaterSpec {
        name,
        sigma_mm,
        shift_sd_mm,
    }
}

pub(super) const fn attainable(auc: [f64; 3], c_index: f64) -> Attainable {
    Attainable { auc, c_index }
}
