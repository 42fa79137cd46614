//! A synthetic patient: what a centre would know, and the truth.

/// Histological type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pathology {
    /// Squamous-cell carcinoma.
    Squamous,
    /// Adenocarcinoma.
    Adeno,
    /// Adenosquamous carcinoma.
    Adenosquamous,
    /// Small-cell carcinoma.
    SmallCell,
}

/// Stage after FIGO 2018.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Figo2018 {
    IB,
    IIA,
    IIB,
    IIIA,
    IIIB,
    IIIC1r,
    IIIC2r,
    IVA,
}

/// Where the tumour came back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RecurrencePattern {
    /// In the pelvis.
    Local,
    /// Elsewhere.
    Distant,
    /// Both.
    Both,
}

/// Why the patient died.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeathCause {
    /// Of the cancer, after a recurrence.
    Cancer,
    /// Of something else.
    Other,
}

/// What nature knows and no analysis may read.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Truth {
    /// Latent texture of the tumour, standard normal.
    pub u_t: f64,
    /// Latent texture of the peritumour, standard normal.
    pub u_p: f64,
    /// Log hazard of recurrence: log SCCA, EQD2 and stage.
    pub lp_clinical: f64,
    /// Log hazard of recurrence: diameter.
    pub lp_diameter: f64,
    /// Log hazard of recurrence: both latents.
    pub lp_radiomics: f64,
    /// Log hazard of recurrence: all of it.
    pub lp_recurrence: f64,
    /// Log hazard of death after recurrence.
    pub lp_post_recurrence: f64,
    /// Log hazard of death of other causes.
    pub lp_other_death: f64,
    /// Time and place of the recurrence, months.
    pub recurrence: Option<(f64, RecurrencePattern)>,
    /// Cause of death, when seen.
    pub death_cause: Option<DeathCause>,
    /// When follow-up would have ended without death, months.
    pub censoring_months: f64,
}

/// One patient.
#[derive(Debug, Clone, PartialEq)]
pub struct SynthPatient {
    /// Centre.
    pub site: String,
    /// Pseudonym, such as `c1-001`.
    pub patient_id: String,
    /// Age at start of treatment, years.
    pub age_years: f64,
    /// Squamous-cell carcinoma antigen, ng/ml.
    pub scca_ng_ml: f64,
    /// Largest diameter of the tumour, mm.
    pub tumour_diameter_mm: f64,
    /// Lymph-node metastasis.
    pub lymph_node_metastasis: bool,
    /// Histological type.
    pub pathology: Pathology,
    /// Stage.
    pub figo2018: Figo2018,
    /// External-beam dose, Gy.
    pub ebrt_gy: f64,
    /// Brachytherapy dose, Gy.
    pub icbt_gy: f64,
    /// Equivalent dose in 2 Gy fractions, Gy.
    pub eqd2_gy: f64,
    /// Total dose of chemotherapy, mg.
    pub chemo_total_mg: f64,
    /// Radiosensitiser given.
    pub radiosensitiser: bool,
    /// Whether anybody followed the patient; if not, the four columns of outcomes are 0, false and written as empty cells.
    pub followed: bool,
    /// Disease-free survival: to recurrence, death or end of follow-up, months.
    pub dfs_months: f64,
    /// Recurrence or death seen.
    pub dfs_event: bool,
    /// Overall survival: to death or end of follow-up, months.
    pub os_months: f64,
    /// Death seen.
    pub os_event: bool,
    /// Whether readings `r1s2` and `r2s1` exist.
    pub delineated_again: bool,
    /// The truth, kept apart from all that is ingested.
    pub truth: Truth,
}

impl Pathology {
    pub(crate) const ALL: [Pathology; 4] = [
        Pathology::Squamous,
        Pathology::Adeno,
        Pathology::Adenosquamous,
        Pathology::SmallCell,
    ];

    /// As written in tables.
    pub fn as_str(self) -> &'static str {
        match self {
            Pathology::Squamous => "squamous",
            Pathology::Adeno => "adeno",
            Pathology::Adenosquamous => "adenosquamous",
            Pathology::SmallCell => "small_cell",
        }
    }
}

impl Figo2018 {
    pub(crate) const ALL: [Figo2018; 8] = [
        Figo2018::IB,
        Figo2018::IIA,
        Figo2018::IIB,
        Figo2018::IIIA,
        Figo2018::IIIB,
        Figo2018::IIIC1r,
        Figo2018::IIIC2r,
        Figo2018::IVA,
    ];

    /// As written in tables.
    pub fn as_str(self) -> &'static str {
        match self {
            Figo2018::IB => "IB",
            Figo2018::IIA => "IIA",
            Figo2018::IIB => "IIB",
            Figo2018::IIIA => "IIIA",
            Figo2018::IIIB => "IIIB",
            Figo2018::IIIC1r => "IIIC1r",
            Figo2018::IIIC2r => "IIIC2r",
            Figo2018::IVA => "IVA",
        }
    }

    /// Main stage, 0 to 3 for I to IV.
    pub fn main_stage(self) -> usize {
        match self {
            Figo2018::IB => 0,
            Figo2018::IIA | Figo2018::IIB => 1,
            Figo2018::IVA => 3,
            _ => 2,
        }
    }
}

impl RecurrencePattern {
    pub(crate) const ALL: [RecurrencePattern; 3] = [
        RecurrencePattern::Local,
        RecurrencePattern::Distant,
        RecurrencePattern::Both,
    ];

    /// As written in tables.
    pub fn as_str(self) -> &'static str {
        match self {
            RecurrencePattern::Local => "local",
            RecurrencePattern::Distant => "distant",
            RecurrencePattern::Both => "both",
        }
    }
}

impl DeathCause {
    /// As written in tables.
    pub fn as_str(self) -> &'static str {
        match self {
            DeathCause::Cancer => "cancer",
            DeathCause::Other => "other",
        }
    }
}
