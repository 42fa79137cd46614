//! Every constant of the synthetic cohort.

use super::biology::BiologySpec;
use super::constants::{FEATURES, HAZARD, IMAGE, attainable, centre_1, centre_2, centre_3, rater};
use super::features::FeaturesSpec;

/// How large a cohort, and how fine its images.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SynthSize {
    /// 40 patients (28 and 12), 64 × 64 × 10 voxels: seconds.
    Tiny,
    /// 632 patients (552 and 80), 96 × 96 × 12 voxels: minutes.
    Demo,
    /// The patients of `Demo` with 320 × 256 × 24 voxels.
    Full,
    /// The patients of `Demo`, no images.
    FeaturesOnly,
}

/// Mean and standard deviation (n − 1) that a column is made to have.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Moments {
    /// Mean, in the column's unit.
    pub mean: f64,
    /// Standard deviation, in the column's unit.
    pub sd: f64,
}

/// Censoring times `min + (max − min) · Beta(a, b)` in months; one event-free patient is followed until `max`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Censoring {
    /// First shape of the beta distribution.
    pub a: f64,
    /// Second shape of the beta distribution.
    pub b: f64,
    /// Shortest potential follow-up, months.
    pub min_months: f64,
    /// Longest follow-up, months.
    pub max_months: f64,
}

/// How one centre makes its images.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Acquisition {
    /// Repetition time, ms.
    pub tr_ms: f64,
    /// Echo time, ms.
    pub te_ms: f64,
    /// Distance of neighbouring slices: thickness plus gap, mm.
    pub slice_pitch_mm: f64,
    /// Field of view in x and y, mm.
    pub fov_mm: f64,
    /// Mean tumour signal over the noise's standard deviation.
    pub snr: f64,
}

/// One centre: how many of what.
#[derive(Debug, Clone, PartialEq)]
pub struct CentreSpec {
    /// Name, such as `c1`.
    pub site: &'static str,
    /// Patients.
    pub n: usize,
    /// Patients with a recurrence within follow-up.
    pub recurrences: usize,
    /// Deaths of the cancer, all after a recurrence.
    pub cancer_deaths: usize,
    /// Deaths of other causes.
    pub other_deaths: usize,
    /// Patients with a radiosensitiser.
    pub radiosensitiser: usize,
    /// Stage IVA patients with lymph-node metastasis, beside all of IIIC1r and IIIC2r.
    pub lnm_in_iva: usize,
    /// Squamous, adeno, adenosquamous, small cell.
    pub pathology: Vec<usize>,
    /// IB, IIA, IIB, IIIA, IIIB, IIIC1r, IIIC2r, IVA.
    pub figo2018: Vec<usize>,
    /// Dose (Gy) and patients of external-beam radiotherapy.
    pub ebrt_gy: Vec<(f64, usize)>,
    /// Dose (Gy) and patients of brachytherapy.
    pub icbt_gy: Vec<(f64, usize)>,
    /// Standard deviation of EQD2 that the pairing of the two doses is made to have within 1.5 %; `None`: any pairing.
    pub eqd2_sd_gy: Option<f64>,
    /// Age, years.
    pub age: Moments,
    /// Squamous-cell carcinoma antigen, ng/ml.
    pub scca: Moments,
    /// Largest tumour diameter, mm.
    pub diameter: Moments,
    /// Total dose of chemotherapy, mg.
    pub chemo: Moments,
    /// Whether the youngest and the oldest patient of the study are of this centre.
    pub has_age_extremes: bool,
    /// Potential follow-up.
    pub censoring: Censoring,
    /// Scanner settings.
    pub acquisition: Acquisition,
    /// Patients delineated twice more.
    pub delineated_again: usize,
}

/// Log hazard ratios and Weibull shapes of the illness–death model.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct HazardSpec {
    /// Weibull shape of the time to recurrence.
    pub recurrence_shape: f64,
    /// Weibull shape of the time from recurrence to death of the cancer.
    pub post_recurrence_shape: f64,
    /// Recurrence: per standard deviation of log SCCA.
    pub log_scca_z: f64,
    /// Recurrence: per standard deviation of EQD2.
    pub eqd2_z: f64,
    /// Recurrence: per standard deviation of the diameter.
    pub diameter_z: f64,
    /// Recurrence: per unit of the tumour's latent texture.
    pub u_t: f64,
    /// Recurrence: per unit of the peritumour's latent texture.
    pub u_p: f64,
    /// Recurrence: hazard ratio of stages I to IV.
    pub stage_hr: [f64; 4],
    /// After recurrence: factor of the clinical predictor (log SCCA, EQD2, stage).
    pub post_clinical: f64,
    /// After recurrence: per unit of `u_t`.
    pub post_u_t: f64,
    /// After recurrence: per unit of `u_p`.
    pub post_u_p: f64,
    /// After recurrence: per standard deviation of the diameter.
    pub post_diameter_z: f64,
    /// Death of other causes: per standard deviation of age.
    pub other_age_z: f64,
    /// No time is shorter than this, months.
    pub floor_months: f64,
}

/// How texture and rim follow the latent variables `u_t` and `u_p`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ImageSpec {
    /// T2 of tumour, muscle, fat, necrosis, bladder, oedematous rim, ms.
    pub t2_ms: [f64; 6],
    /// T1 of the same, ms.
    pub t1_ms: [f64; 6],
    /// Proton density of the same, relative.
    pub proton_density: [f64; 6],
    /// Fraction of the signal of the tissue between the organs that is fat's; the rest is muscle's.
    pub fat_in_muscle: f64,
    /// Texture correlation length `base + scale · exp(rate · u_t)`, mm.
    pub texture_length_mm: [f64; 3],
    /// Texture amplitude `scale · exp(rate · u_t)`, log signal.
    pub texture_amplitude: [f64; 2],
    /// Texture above `base + rate · u_t` is necrosis.
    pub necrosis_threshold: [f64; 2],
    /// Rim decay length `scale · exp(rate · u_p)`, mm.
    pub rim_decay_mm: [f64; 2],
    /// Rim oedema `scale · exp(rate · u_p)`, fraction of oedematous tissue at the tumour's edge.
    pub rim_oedema: [f64; 2],
    /// Rim texture amplitude `scale · exp(rate · u_p)`, log signal.
    pub rim_texture: [f64; 2],
    /// Extent of the rim, mm.
    pub rim_extent_mm: f64,
    /// Relative roughness of the tumour's radius.
    pub surface_noise: f64,
    /// Correlation length of the roughness, mm.
    pub surface_length_mm: f64,
    /// Correlation length of the bias field, mm.
    pub bias_length_mm: f64,
    /// Standard deviation of the log bias field before its limit.
    pub bias_log_amplitude: f64,
    /// Limit `L` of the bias field in standard deviations, as `L tanh(f/L)`: a coil's dark corner is not black.
    pub bias_limit_sd: f64,
}

/// How a reader's contour strays from the tumour's edge: `sdf + sigma · GRF + shift < 0`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RaterSpec {
    /// Name of the reading: rater and session.
    pub name: &'static str,
    /// Standard deviation of the local error, mm.
    pub sigma_mm: f64,
    /// Standard deviation of the error common to the whole contour, mm.
    pub shift_sd_mm: f64,
}

/// What a perfect model reaches: IPCW AUC of DFS at 12, 36 and 60 months with the known censoring distribution, and Harrell's C,
/// from centre 1 a hundred times over (55 200 patients).
///
/// # Differs from
/// The recipe's numpy prototype (combined 0.749, 0.760, 0.773, C 0.734; radiomics 0.717, 0.723, 0.735, C 0.700; clinical 0.631, 0.633,
/// 0.635, C 0.619): same hazards, by up to 0.024; these numbers are of this generator.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Attainable {
    /// Area under the curve at 12, 36 and 60 months.
    pub auc: [f64; 3],
    /// Concordance.
    pub c_index: f64,
}

/// The synthetic cohort as numbers; see [`SynthSpec::paper`].
#[derive(Debug, Clone, PartialEq)]
pub struct SynthSpec {
    /// Name and version of the recipe; part of every key.
    pub schema: &'static str,
    /// The centres that follow their patients, ascending by name.
    pub centres: Vec<CentreSpec>,
    /// The third centre, with gene expression and without follow-up.
    pub biology: BiologySpec,
    /// Feature tables without images.
    pub features: FeaturesSpec,
    /// Time to event.
    pub hazard: HazardSpec,
    /// Volumes.
    pub image: ImageSpec,
    /// Correlation length of a contour's local error, mm.
    pub delineation_length_mm: f64,
    /// The additional readings.
    pub raters: Vec<RaterSpec>,
    /// Local, distant, both: proportions of the recurrences.
    pub recurrence_pattern: [usize; 3],
    /// Median of the OS times of the whole cohort, months, and how far it may be off; not asked of `Tiny`.
    pub followup_median_months: [f64; 2],
    /// Youngest and oldest patient, years.
    pub age_range_years: [f64; 2],
    /// Smallest and largest tumour, mm.
    pub diameter_range_mm: [f64; 2],
    /// Ratio α/β of the linear-quadratic model, Gy.
    pub alpha_beta_gy: f64,
    /// Dose per fraction of external-beam radiotherapy and of brachytherapy, Gy.
    pub fraction_gy: [f64; 2],
    /// Whether `u_t` follows the diameter's rank instead of being drawn: texture that says nothing but size.
    pub texture_is_size: bool,
    /// Attainable with clinical columns and both latents.
    pub attainable_combined: Attainable,
    /// Attainable with both latents.
    pub attainable_radiomics: Attainable,
    /// Attainable with the clinical columns.
    pub attainable_clinical: Attainable,
}

impl SynthSpec {
    /// Voxels in x, y and z; `None` where there are no images.
    pub fn grid(size: SynthSize) -> Option<[usize; 3]> {
        match size {
            SynthSize::Tiny => Some([64, 64, 10]),
            SynthSize::Demo => Some([96, 96, 12]),
            SynthSize::Full => Some([320, 256, 24]),
            SynthSize::FeaturesOnly => None,
        }
    }

    /// The cohort of Li, Xu, Li (Oncoradiology 2025;34(3):247-257) as far as the paper prints it, completed by the assumptions of the
    /// synthetic cohort `radcohort/v1` (deaths by cause and centre, dose groups, hazards, censoring, texture).
    ///
    /// # Differs from
    /// The paper: EQD2 follows from fractions (86.144 ± 4.146 Gy in centre 1, printed 86.123 ± 4.241); the age SD of centre 2 is 11.21,
    /// since the printed 21.21 is more than a uniform age between 26 and 91 has.
    pub fn paper() -> SynthSpec {
        SynthSpec {
            schema: "radcohort/v1",
            centres: vec![centre_1(), centre_2()],
            biology: centre_3(),
            features: FEATURES,
            hazard: HAZARD,
            image: IMAGE,
            delineation_length_mm: 10.0,
            raters: vec![rater("r1s2", 0.9, 0.3), rater("r2s1", 1.25, 0.45)],
            recurrence_pattern: [41, 101, 29],
            followup_median_months: [42.0, 1.0],
            age_range_years: [26.0, 91.0],
            diameter_range_mm: [15.0, 95.0],
            alpha_beta_gy: 10.0,
            fraction_gy: [1.8, 6.0],
            texture_is_size: false,
            attainable_combined: attainable([0.746, 0.747, 0.754], 0.726),
            attainable_radiomics: attainable([0.707, 0.706, 0.711], 0.686),
            attainable_clinical: attainable([0.642, 0.638, 0.640], 0.628),
        }
    }

    /// The centres at a size: as they are, or for `Tiny` 28 and 12 patients with counts in proportion (largest remainder) and more
    /// events than in proportion, so that every table and figure can be drawn.
    pub fn centres_at(&self, size: SynthSize) -> Vec<CentreSpec> {
        match size {
            SynthSize::Tiny => {
                let shrink = |centre: &CentreSpec| match centre.site {
                    "c1" => shrunk(centre, 28, [16, 11, 3], 10),
                    _ => shrunk(centre, 12, [7, 5, 1], 0),
                };
                self.centres.iter().map(shrink).collect()
            }
            _ => self.centres.clone(),
        }
    }
}

pub(crate) fn shrunk(
    centre: &CentreSpec,
    n: usize,
    [recurrences, cancer_deaths, other_deaths]: [usize; 3],
    again: usize,
) -> CentreSpec {
    let doses = |groups: &[(f64, usize)]| {
        let counts: Vec<usize> = groups.iter().map(|group| group.1).collect();
        let doses = groups.iter().map(|group| group.0);
        doses.zip(in_proportion(&counts, n)).collect()
    };
    let figo2018 = in_proportion(&centre.figo2018, n);
    let of_iva =
        |count: usize, iva: usize| (count * iva + centre.figo2018[7] / 2) / centre.figo2018[7];
    CentreSpec {
        n,
        recurrences,
        cancer_deaths,
        other_deaths,
        radiosensitiser: in_proportion(
            &[centre.radiosensitiser, centre.n - centre.radiosensitiser],
            n,
        )[0],
        lnm_in_iva: of_iva(centre.lnm_in_iva, figo2018[7]),
        pathology: in_proportion(&centre.pathology, n),
        figo2018,
        ebrt_gy: doses(&centre.ebrt_gy),
        icbt_gy: doses(&centre.icbt_gy),
        eqd2_sd_gy: None,
        delineated_again: again,
        ..centre.clone()
    }
}

/// `n` things shared out in proportion to `counts`: largest remainder, the earlier class on ties.
pub(crate) fn in_proportion(counts: &[usize], n: usize) -> Vec<usize> {
    let total: usize = counts.iter().sum::<usize>().max(1);
    let mut shares: Vec<usize> = counts.iter().map(|count| count * n / total).collect();
    let mut by_remainder: Vec<usize> = (0..counts.len()).collect();
    by_remainder.sort_by_key(|&class| std::cmp::Reverse(counts[class] * n % total));
    let left = n - shares.iter().sum::<usize>();
    for &class in by_remainder.iter().take(left) {
        shares[class] += 1;
    }
    shares
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_add_up_to_patients_at_every_size() {
        for size in [SynthSize::Tiny, SynthSize::Demo] {
            for centre in SynthSpec::paper().centres_at(size) {
                let doses = |groups: &[(f64, usize)]| groups.iter().map(|g| g.1).sum::<usize>();
                assert_eq!(centre.pathology.iter().sum::<usize>(), centre.n);
                assert_eq!(centre.figo2018.iter().sum::<usize>(), centre.n);
                assert_eq!(doses(&centre.ebrt_gy), centre.n);
                assert_eq!(doses(&centre.icbt_gy), centre.n);
                assert!(centre.lnm_in_iva <= centre.figo2018[7]);
            }
        }
    }

    #[test]
    fn the_largest_remainder_gets_the_rest() {
        assert_eq!(in_proportion(&[1, 1, 2], 5), [1, 1, 3]);
        assert_eq!(in_proportion(&[5, 3, 1], 4), [2, 1, 1]);
    }
}
