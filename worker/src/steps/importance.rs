//! `importance`: what each feature is worth to a fitted model.

use artefact::number;
use pipeline_defs::params::ImportanceParams;
use survival::permutation_importance;

use super::learn::Training;
use super::refuse::refuse;
use super::stored;
use crate::step::{Context, Inputs, Produced, StepError};

pub(super) fn run(context: &Context, inputs: &Inputs) -> Result<Vec<Produced>, StepError> {
    let params: ImportanceParams = context.params()?;
    let model = stored::decode(inputs.one("model")?)?;
    let Training {
        matrix, follow_up, ..
    } = Training::read(inputs)?;
    let matrix = matrix.pick(model.feature_names())?;
    let drops = permutation_importance(
        model.as_ref(),
        matrix.x.view(),
        &follow_up,
        params.repeats as usize,
        context.seed()?,
    )
    .map_err(|e| refuse("importance", &e))?;
    let own = model.importance();
    let mut text = String::from("feature,drop_c,std_dev,own\n");
    for (j, drop) in drops.iter().enumerate() {
        let own = own.as_ref().and_then(|own| own.get(j));
        let cell = |value: Option<f64>| value.map(number::text).unwrap_or_default();
        text.push_str(&format!(
            "{},{},{},{}\n",
            artefact::csv_field(&drop.feature),
            number::text(drop.drop),
            cell(drop.std_dev),
            cell(own.copied())
        ));
    }
    Ok(vec![Produced::bytes("importance", text.into_bytes())])
}
