//! The synthetic cohort as tables of features, without images.
//!
//! ```text
//! DIR/tumour.csv      DIR/peritumour.csv         every patient's features
//! DIR/tumour_r1s2.csv DIR/peritumour_r2s1.csv …  those of the further readings
//! DIR/dfs.csv         DIR/os.csv                 follow-up    DIR/clinical.csv
//! DIR/truth/                                     which columns are robust, which say the same, which inform
//! ```

use std::fmt::Write as _;
use std::path::Path;

use anyhow::ensure;
use cohort::synth::{SynthEndpoint, SynthPatient, SynthRoi, SynthSpec, features, patients_csv};

/// What the shipped study says, and what it says of these tables.
const WORDS: [(&str, &str); 3] = [
    ("features.csv", "tumour.csv"),
    ("followup.csv", "dfs.csv"),
    ("l2", "c2"),
];

/// Writes the tables; gives the study that reads them.
pub(super) fn write(
    out: &Path,
    spec: &SynthSpec,
    seed: u64,
    patients: &[SynthPatient],
) -> anyhow::Result<String> {
    for roi in SynthRoi::ALL {
        let name = roi.as_str();
        let drawn = features(spec, seed, roi, patients);
        std::fs::write(out.join(format!("{name}.csv")), drawn.to_csv(patients))?;
        for rater in &spec.raters {
            let text = drawn.reading_csv(patients, rater.name).unwrap_or_default();
            std::fs::write(out.join(format!("{name}_{}.csv", rater.name)), text)?;
        }
        std::fs::write(out.join(format!("truth/{name}.csv")), drawn.truth_csv())?;
    }
    for endpoint in SynthEndpoint::ALL {
        let file = format!("{}.csv", endpoint.as_str());
        std::fs::write(out.join(file), followup_csv(patients, endpoint))?;
    }
    std::fs::write(out.join("clinical.csv"), patients_csv(patients))?;
    let mut study = super::shipped("features-only")?.to_owned();
    for (shipped, ours) in WORDS {
        ensure!(
            study.contains(shipped),
            "the shipped study has no `{shipped}`"
        );
        study = study.replace(shipped, ours);
    }
    Ok(study)
}

fn followup_csv(patients: &[SynthPatient], endpoint: SynthEndpoint) -> String {
    let mut text = "patient_id,site,time_months,event\n".to_owned();
    for p in patients {
        let (months, event) = match endpoint {
            SynthEndpoint::Dfs => (p.dfs_months, p.dfs_event),
            SynthEndpoint::Os => (p.os_months, p.os_event),
        };
        // Writing to a String cannot fail.
        let _ = writeln!(
            text,
            "{},{},{months},{}",
            p.patient_id,
            p.site,
            u8::from(event)
        );
    }
    text
}
