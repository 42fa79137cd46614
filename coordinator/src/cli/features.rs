//! `radloom features`: what each feature is called, measures and is in.

use clap::Args;
use comfy_table::{ContentArrangement, Table, presets};
use pipeline_defs::settings_file;
use radiomics::{Entry, Status, dictionary, extended_dictionary};
use serde_json::{Value, json};

/// Arguments of `features`.
#[derive(Debug, Args)]
pub(crate) struct FeaturesArgs {
    /// Only this class: shape, shape2D, firstorder, glcm, glrlm, glszm, gldm or ngtdm
    #[arg(long)]
    class: Option<String>,
    /// As JSON: {"features": [{"class", "name", "meaning", "unit", "ibsi", "status", "sets"}]}
    #[arg(long)]
    json: bool,
}

/// Prints the dictionary.
pub(crate) fn features(args: &FeaturesArgs) -> anyhow::Result<u8> {
    if let Some(class) = &args.class {
        radiomics::FeatureClass::from_name(class).map_err(|e| super::usage(e.to_string()))?;
    }
    let sets = sets()?;
    let entries: Vec<&Entry> = dictionary()
        .iter()
        .chain(extended_dictionary())
        .filter(|entry| args.class.as_deref().is_none_or(|c| c == entry.class))
        .collect();
    if args.json {
        let rows: Vec<Value> = entries.iter().map(|entry| row(entry, &sets)).collect();
        out!("{}", json!({ "features": rows }));
        return Ok(0);
    }
    let mut table = Table::new();
    table
        .load_style(presets::UTF8_FULL_CONDENSED)
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_header(["feature", "what it measures", "unit", "IBSI", "in the sets"]);
    for entry in &entries {
        table.add_row([
            format!("{}_{}", entry.class, entry.name),
            entry.meaning.to_owned(),
            entry.unit.to_owned(),
            entry.ibsi.unwrap_or("").to_owned(),
            told_sets(entry, &sets),
        ]);
    }
    out!("{table}");
    out!(
        "u: the image's unit of intensity; level: one grey level. A set's derived images carry the same features but shape, named like\n\
         wavelet-LLH_glcm_Idn. Deprecated features are computed when a settings file names them."
    );
    Ok(0)
}

/// Name and content of the settings that come with the program.
fn sets() -> anyhow::Result<Vec<(&'static str, Value)>> {
    settings_file::shipped_settings()
        .iter()
        .map(|&(name, text)| {
            let content = settings_file::read(text, &format!("{name}.yaml"));
            Ok((name, content.map_err(|p| anyhow::anyhow!("{p}"))?))
        })
        .collect()
}

/// Whether the settings compute the feature: of no class named, all; of a class without names, those that are not deprecated.
fn is_in(entry: &Entry, content: &Value) -> bool {
    let classes = content["featureClass"].as_object();
    let Some(classes) = classes.filter(|classes| !classes.is_empty()) else {
        return entry.status == Status::Default;
    };
    let Some(names) = classes.get(entry.class).and_then(Value::as_array) else {
        return false;
    };
    if names.is_empty() {
        return entry.status != Status::Deprecated;
    }
    names.iter().any(|name| name == entry.name)
}

fn names_of<'a>(entry: &Entry, sets: &'a [(&'static str, Value)]) -> Vec<&'a str> {
    let holding = sets.iter().filter(|(_, content)| is_in(entry, content));
    holding.map(|(name, _)| *name).collect()
}

fn told_sets(entry: &Entry, sets: &[(&'static str, Value)]) -> String {
    let names = names_of(entry, sets);
    match entry.status {
        _ if names.len() == sets.len() => "all".into(),
        _ if !names.is_empty() => names.join(", "),
        Status::Deprecated => "deprecated".into(),
        Status::OnDemand | Status::Default => "none".into(),
    }
}

fn row(entry: &Entry, sets: &[(&'static str, Value)]) -> Value {
    json!({
        "class": entry.class,
        "name": entry.name,
        "meaning": entry.meaning,
        "unit": entry.unit,
        "ibsi": entry.ibsi,
        "status": match entry.status {
            Status::Default => "default",
            Status::OnDemand => "on demand",
            Status::Deprecated => "deprecated",
        },
        "sets": names_of(entry, sets),
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use radiomics::entry_of;

    #[test]
    fn shipped_sets_hold_the_current_features_and_no_deprecated_one() {
        let sets = sets().unwrap();
        assert!(!sets.is_empty());
        for entry in dictionary() {
            assert_eq!(names_of(entry, &sets).len(), sets.len(), "{}", entry.name);
        }
        let old = entry_of("original_glcm_Homogeneity1").unwrap();
        assert_eq!(told_sets(old, &sets), "deprecated");
    }

    #[test]
    fn classes_and_names_of_settings_decide() {
        let entry = |name: &str| entry_of(name).unwrap();
        let content = json!({"featureClass": {"glcm": [], "firstorder": ["StandardDeviation"]}});
        assert!(is_in(entry("original_glcm_Idn"), &content));
        assert!(!is_in(entry("original_glcm_Homogeneity1"), &content));
        assert!(is_in(
            entry("original_firstorder_StandardDeviation"),
            &content
        ));
        assert!(!is_in(entry("original_firstorder_Mean"), &content));
        assert!(!is_in(entry("original_shape_Flatness"), &content));
        assert!(!is_in(entry("original_shape2D_Perimeter"), &json!({})));
    }
}
