//! `funnel`: how many features each stage of the selection leaves, and which ones how often.
//!
//! Stages of a split: `extracted`, `robust` (agree between readings), `defined` (known for enough training patients),
//! `decorrelated`, `selected`. A feature's frequency is over the folds; over the split `external` where there are no folds,
//! for its training rows are those of all folds.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use artefact::csv_field;
use artefact::models::{SelectionModel, StoredModel};

use super::risks::EXTERNAL;
use crate::step::{Context, Input, Inputs, Produced, StepError};

/// Profile, endpoint, region, split.
type Place = [String; 4];

pub(super) fn run(_context: &Context, inputs: &Inputs) -> Result<Vec<Produced>, StepError> {
    let reliability = inputs
        .all("reliability")
        .iter()
        .map(|input| Ok((input, model(input)?)))
        .collect::<Result<Vec<_>, StepError>>()?;
    let mut selections: BTreeMap<Place, SelectionModel> = BTreeMap::new();
    for input in inputs.all("selection") {
        if let Some(model) = model(input)? {
            let place = place(input);
            if selections.insert(place.clone(), model).is_some() {
                return Err(StepError::refuse(
                    "given-twice",
                    format!("`selection` has two models of {}", place.join(", ")),
                ));
            }
        }
    }
    let mut funnel = String::from("profile,endpoint,roi,split,stage,n\n");
    for (place, selection) in &selections {
        let robust = reliability
            .iter()
            .find(|(input, _)| is_of(input, place))
            .and_then(|(_, model)| model.as_ref());
        for (stage, n) in stages(robust, selection) {
            // Writing to a String cannot fail.
            let _ = writeln!(funnel, "{},{stage},{n}", fields(place));
        }
    }
    Ok(vec![
        Produced::bytes("funnel", funnel.into_bytes()),
        Produced::bytes("frequency", frequency(&selections).into_bytes()),
    ])
}

/// The model, nothing where it was refused.
fn model(input: &Input) -> Result<Option<SelectionModel>, StepError> {
    match &input.content {
        Ok(bytes) => Ok(Some(SelectionModel::decode(bytes)?)),
        Err(_) => Ok(None),
    }
}

fn place(input: &Input) -> Place {
    let axis = |name: &str| input.axis(name).unwrap_or_default().to_owned();
    let region = match input.axis("roi") {
        Some(roi) => roi.to_owned(),
        None => axis("roi_set"),
    };
    let split = input.axis("split").unwrap_or(EXTERNAL).to_owned();
    [axis("profile"), axis("endpoint"), region, split]
}

/// Whether an artefact that has fewer axes is of this place.
fn is_of(input: &Input, place: &Place) -> bool {
    let names = [
        &["profile"][..],
        &["endpoint"],
        &["roi", "roi_set"],
        &["split"],
    ];
    names.iter().zip(place).all(|(names, value)| {
        let said = names.iter().find_map(|name| input.axis(name));
        said.is_none_or(|said| said == value)
    })
}

fn fields(place: &[String]) -> String {
    let fields: Vec<String> = place.iter().map(|p| csv_field(p)).collect();
    fields.join(",")
}

fn stages(robust: Option<&SelectionModel>, selection: &SelectionModel) -> Vec<(&'static str, u64)> {
    let all = |m: &SelectionModel| (m.features.len() + m.dropped.len()) as u64;
    let decorrelated = selection
        .funnel
        .iter()
        .find(|stage| stage.stage == "redundancy");
    let mut stages = Vec::new();
    match robust {
        Some(robust) => {
            stages.push(("extracted", all(robust)));
            stages.push(("robust", robust.features.len() as u64));
            stages.push(("defined", all(selection)));
        }
        None => stages.push(("extracted", all(selection))),
    }
    stages.extend(decorrelated.map(|stage| ("decorrelated", stage.n_out)));
    stages.push(("selected", selection.features.len() as u64));
    stages
}

fn frequency(selections: &BTreeMap<Place, SelectionModel>) -> String {
    let mut text = String::from("profile,endpoint,roi,feature,n_splits,n_selected\n");
    let questions: BTreeSet<&[String]> = selections.keys().map(|place| &place[..3]).collect();
    for question in questions {
        let of_question: Vec<(&Place, &SelectionModel)> = selections
            .iter()
            .filter(|(p, _)| p[..3] == *question)
            .collect();
        let has_folds = of_question.iter().any(|(p, _)| p[3] != EXTERNAL);
        let counted = of_question
            .iter()
            .filter(|(p, _)| !has_folds || p[3] != EXTERNAL);
        let (mut n_splits, mut times) = (0, BTreeMap::<&String, u32>::new());
        for (_, model) in counted {
            n_splits += 1;
            for feature in &model.features {
                *times.entry(feature).or_default() += 1;
            }
        }
        let mut order: Vec<(&String, u32)> = times.into_iter().collect();
        // Of equals by name: a stable sort keeps the map's order.
        order.sort_by_key(|(_, n)| std::cmp::Reverse(*n));
        for (feature, n) in order {
            let (question, feature) = (fields(question), csv_field(feature));
            let _ = writeln!(text, "{question},{feature},{n_splits},{n}");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::fixture::{gathered, ports, refusal, run_on, text};
    use artefact::models::{DroppedFeature, FunnelStage, SelectionModel, StoredModel};
    use artefact::refusal::Refusal;
    use serde_json::json;

    fn model(kept: &[&str], n_dropped: usize, decorrelated: Option<u64>) -> Vec<u8> {
        let dropped = |i: usize| DroppedFeature {
            feature: format!("z{i}"),
            reason: "redundant".to_owned(),
            kept: None,
            rho: None,
        };
        let stage = |n_out| FunnelStage {
            stage: "redundancy".to_owned(),
            n_in: 9,
            n_out,
        };
        let model = SelectionModel {
            features: kept.iter().map(|f| (*f).to_owned()).collect(),
            coefficients: Vec::new(),
            empty: None,
            funnel: decorrelated.map(stage).into_iter().collect(),
            dropped: (0..n_dropped).map(dropped).collect(),
            lambda: None,
            note: None,
        };
        model.encode().unwrap()
    }

    fn label<'a>(endpoint: &'a str, split: &'a str) -> Vec<(&'a str, &'a str)> {
        vec![
            ("endpoint", endpoint),
            ("profile", "careful"),
            ("roi", "tumour"),
            ("split", split),
        ]
    }

    #[test]
    fn stages_are_counted_and_features_by_the_folds_they_are_in() {
        let refused = Refusal {
            code: "too-few-events".to_owned(),
            message: "2 events".to_owned(),
            kind: "fit-selection".to_owned(),
        };
        let selection = gathered(vec![
            (label("dfs", "r1f1"), Ok(model(&["b", "a"], 5, Some(4)))),
            (label("dfs", "r1f2"), Ok(model(&["b"], 6, Some(3)))),
            (label("dfs", "r1f3"), Err(refused)),
            (label("dfs", "external"), Ok(model(&["c"], 6, Some(2)))),
            (label("os", "external"), Ok(model(&["c"], 6, None))),
        ]);
        // Readings know no endpoint.
        let reliability = gathered(vec![(
            vec![("profile", "careful"), ("roi", "tumour"), ("split", "r1f1")],
            Ok(model(&["a", "b", "c", "d", "e", "f", "g", "h"], 12, None)),
        )]);
        let inputs = ports(vec![("selection", selection), ("reliability", reliability)]);
        let out = run_on("funnel", json!({}), &inputs).unwrap();
        let funnel = text(&out, "funnel");
        let first = "careful,dfs,tumour,r1f1,extracted,20\ncareful,dfs,tumour,r1f1,robust,8\ncareful,dfs,tumour,r1f1,defined,7\n\
            careful,dfs,tumour,r1f1,decorrelated,4\ncareful,dfs,tumour,r1f1,selected,2\n";
        assert!(funnel.contains(first), "{funnel}");
        assert!(funnel.contains(
            "careful,dfs,tumour,r1f2,extracted,7\ncareful,dfs,tumour,r1f2,decorrelated,3\n"
        ));
        assert!(!funnel.contains("r1f3"), "{funnel}");
        assert_eq!(
            text(&out, "frequency"),
            "profile,endpoint,roi,feature,n_splits,n_selected\ncareful,dfs,tumour,b,2,2\ncareful,dfs,tumour,a,2,1\n\
             careful,os,tumour,c,1,1\n"
        );
    }

    #[test]
    fn two_models_of_a_place_are_refused() {
        let twice = gathered(vec![
            (label("dfs", "r1f1"), Ok(model(&["a"], 0, None))),
            (label("dfs", "r1f1"), Ok(model(&["b"], 0, None))),
        ]);
        let found = refusal(run_on(
            "funnel",
            json!({}),
            &ports(vec![("selection", twice)]),
        ));
        assert_eq!(found.0, "given-twice");
    }
}
