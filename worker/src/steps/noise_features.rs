//! `noise-features`: random numbers in place of features.
//!
//! Image and mask are not looked at: a patient whose region was refused has no noise either, so that the control is of the
//! same patients.

use artefact::features::Features;
use pipeline_defs::params::NoiseFeaturesParams;
use serde_json::json;
use stats::controls::normal_noise;

use crate::step::{Context, Inputs, Produced, StepError};

pub(super) fn run(context: &Context, inputs: &Inputs) -> Result<Vec<Produced>, StepError> {
    let params: NoiseFeaturesParams = context.params()?;
    inputs.one("image")?;
    inputs.one("mask")?;
    let n = params.n as usize;
    let features = Features {
        names: (1..=n).map(|i| format!("noise_{i:05}")).collect(),
        values: normal_noise(n, context.seed()?),
    };
    let told = json!({"n_features": n, "noise": "standard normal"});
    Ok(vec![
        Produced::bytes("features", features.encode()),
        Produced::bytes("diagnostics", artefact::json::encode("diagnostics", &told)?),
    ])
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::fixture::{content, inputs, run};
    use crate::step::Context;
    use artefact::features::Features;
    use serde_json::json;

    #[test]
    fn each_seed_has_its_own_numbers_and_they_read_back() {
        let ports = [("image", b"x".to_vec()), ("mask", b"y".to_vec())];
        let out = run("noise-features", json!({"n": 3}), &ports).unwrap();
        let one = Features::decode(&content(&out, "features")).unwrap();
        assert_eq!(one.names, ["noise_00001", "noise_00002", "noise_00003"]);
        assert_eq!(one.values, stats::controls::normal_noise(3, 1));
        let context = Context {
            params: json!({"n": 3}),
            seed: Some(2),
        };
        let other = super::run(&context, &inputs(&ports)).unwrap();
        assert_ne!(content(&other, "features"), content(&out, "features"));
    }
}
