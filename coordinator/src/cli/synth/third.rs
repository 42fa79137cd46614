//! The expression table and the gene sets of the third centre.

use std::path::Path;

use cohort::synth::{Biology, SynthSpec, biology_truth_csv, expression};

/// Writes `expression.csv` (genes × samples, counts) and `gene_sets.gmt` beside the study, and what is true of them apart.
pub(super) fn write(
    out: &Path,
    spec: &SynthSpec,
    seed: u64,
    third: &Biology,
) -> anyhow::Result<()> {
    let table = expression(spec, seed, third);
    let truth = out.join("truth");
    std::fs::write(out.join("expression.csv"), table.to_csv())?;
    std::fs::write(out.join("gene_sets.gmt"), table.to_gmt())?;
    std::fs::write(truth.join("biology.csv"), biology_truth_csv(third))?;
    std::fs::write(truth.join("genes.csv"), table.truth_csv())?;
    std::fs::write(truth.join("gene_sets.csv"), table.sets_truth_csv())?;
    Ok(())
}
