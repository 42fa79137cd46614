//! `compare-masks`: how far two delineations of one region agree.

use artefact::features::Features;
use imaging::agreement::mask_agreement;

use super::pixels;
use crate::step::{Context, Inputs, Produced, StepError};

pub(super) fn run(_context: &Context, inputs: &Inputs) -> Result<Vec<Produced>, StepError> {
    let first = pixels::mask(inputs.one("first")?, pixels::INSIDE)?;
    let second = pixels::mask(inputs.one("second")?, pixels::INSIDE)?;
    let found =
        mask_agreement(&first, &second).map_err(|e| StepError::refuse(e.code(), e.to_string()))?;
    let told = [
        ("dice", found.dice),
        ("hd95_mm", found.hd95_mm),
        ("volume_first_ml", found.volume_first_ml),
        ("volume_second_ml", found.volume_second_ml),
    ];
    let agreement = Features {
        names: told.iter().map(|(name, _)| (*name).to_owned()).collect(),
        values: told.iter().map(|(_, value)| *value).collect(),
    };
    Ok(vec![Produced::bytes("agreement", agreement.encode())])
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::fixture::{content, mask_bytes, refusal, run};
    use super::super::pixels;
    use artefact::features::Features;
    use serde_json::json;

    #[test]
    fn a_region_agrees_with_itself() {
        let ports = [("first", mask_bytes()), ("second", mask_bytes())];
        let out = run("compare-masks", json!({}), &ports).unwrap();
        let found = Features::decode(&content(&out, "agreement")).unwrap();
        assert_eq!(
            found.names,
            ["dice", "hd95_mm", "volume_first_ml", "volume_second_ml"]
        );
        assert_eq!(found.values[..2], [1.0, 0.0]);
        let ml = 2098.0 * 0.75 * 0.9375 * 7.0 / 1000.0;
        assert!((found.values[2] - ml).abs() < 1e-9 && found.values[2] == found.values[3]);
    }

    #[test]
    fn regions_of_two_images_are_refused() {
        let other = pixels::encode_mask(&imaging::phantom::iso().1);
        let ports = [("first", mask_bytes()), ("second", other)];
        let (code, message) = refusal(run("compare-masks", json!({}), &ports));
        assert_eq!(code, "geometry-mismatch");
        assert!(message.contains("different grids"), "{message}");
    }
}
