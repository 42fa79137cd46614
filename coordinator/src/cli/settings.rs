//! Settings files of `extract-features`: read here, where the person is, and sent by content.

use std::path::Path;

use anyhow::Context as _;
use pipeline_defs::settings_file;
use pipeline_defs::study::{Choice, ParameterValue, Step, Study};
use serde_json::Value;

/// Overrides that put the content of settings files, named relative to the study at `path`, in the place of their paths.
pub(super) fn overrides(study: &Study, path: &Path) -> anyhow::Result<Vec<String>> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut sets = Vec::new();
    for step in &study.steps {
        for (key, file) in files_of(step) {
            let content =
                content(&folder.join(file)).with_context(|| format!("step `{}`", step.name))?;
            sets.push(format!("{key}={}", toml::Value::try_from(content)?));
        }
    }
    Ok(sets)
}

/// A line for each settings file that a study names: which step reads it, and what stands in it.
pub(super) fn told(study: &Study, path: &Path) -> anyhow::Result<Vec<String>> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut lines = Vec::new();
    for step in &study.steps {
        for (_, file) in files_of(step) {
            let content = content(&folder.join(file))?;
            let pairs = |section: &str| -> Vec<String> {
                let set = content[section].as_object().into_iter().flatten();
                set.map(|(key, value)| format!("{key} {value}")).collect()
            };
            let images = content["imageType"].as_object().into_iter().flatten();
            let images: Vec<&str> = images.map(|(name, _)| name.as_str()).collect();
            let images = if images.is_empty() {
                "Original".to_owned()
            } else {
                images.join(", ")
            };
            let set = [pairs("setting"), pairs("radloom")].concat().join(", ");
            lines.push(format!("`{}` reads {file}: {images}; {set}", step.name));
        }
    }
    Ok(lines)
}

/// The content of a settings file, checked.
pub(super) fn content(path: &Path) -> anyhow::Result<Value> {
    let text = std::fs::read_to_string(path).with_context(|| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        format!(
            "{} is neither a settings file that can be read nor a set that comes with the program; {}",
            path.display(),
            settings_file::suggest_shipped(&name)
        )
    })?;
    settings_file::read(&text, &path.display().to_string()).map_err(|p| anyhow::anyhow!("{p}"))
}

/// Whether a text names settings that come with the program.
pub(super) fn is_shipped(name: &str) -> bool {
    settings_file::shipped_settings()
        .iter()
        .any(|(shipped, _)| *shipped == name)
}

/// The files that a step's `settings` name, each with its dotted key in the study.
fn files_of(step: &Step) -> Vec<(String, &str)> {
    let extracts = |kind: &&pipeline_defs::KindSpec| kind.name == "extract-features";
    if !step.kind.options().any(extracts) {
        return Vec::new();
    }
    let with = format!("steps.{}.with", quoted(&step.name));
    let mut found = Vec::new();
    for (key, parameters) in keyed(with, &step.with) {
        for parameter in parameters.iter().filter(|p| p.name == "settings") {
            for (key, value) in keyed(format!("{key}.settings"), &parameter.value) {
                if let ParameterValue::Literal(Value::String(name)) = value
                    && !is_shipped(name)
                {
                    found.push((key, name.as_str()));
                }
            }
        }
    }
    found
}

/// The options of a choice with their dotted keys.
fn keyed<T>(key: String, choice: &Choice<T>) -> Vec<(String, &T)> {
    match choice {
        Choice::One(value) => vec![(key, value)],
        Choice::By { options, .. } => options
            .iter()
            .map(|(name, value)| (format!("{key}.{}", quoted(name)), value))
            .collect(),
    }
}

fn quoted(name: &str) -> String {
    Value::from(name).to_string()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const STUDY: &str = r#"
name = "s"
seed = 1
sites = ["c1"]
cohort = { file = "cohort.toml" }

[axes]
patient = { from = "cohort" }
roi = ["tumour", "ring"]

[steps.image]
kind = "import-image"
per = ["patient"]
in = { image = "cohort.image" }

[steps.tumour]
kind = "import-mask"
per = ["patient"]
in = { mask = "cohort.mask", image = "image.image" }

[steps.features]
kind = "extract-features"
per = ["patient", "roi"]
in = { image = "image.image", mask = "tumour.mask" }
with = { settings = { by = "roi", tumour = "radiomics-1409-a", ring = "ring.yaml" } }
"#;

    #[test]
    fn a_file_s_content_takes_the_place_of_its_path() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("study.toml");
        let text =
            "setting: {binWidth: 5, label: 2}\nimageType: {Original: , LoG: {sigma: [1.5]}}\n";
        std::fs::write(folder.path().join("ring.yaml"), text).unwrap();
        let study = pipeline_defs::parse(STUDY, "study.toml", &[]).unwrap();
        let sets = overrides(&study, &path).unwrap();
        assert_eq!(sets.len(), 1);
        let after = pipeline_defs::parse(STUDY, "study.toml", &sets).unwrap();
        let settings = &after.steps[2].with.options().next().unwrap()[0].value;
        let found: Vec<&ParameterValue> = settings.options().collect();
        assert_eq!(
            found[0],
            &ParameterValue::Literal("radiomics-1409-a".into())
        );
        let content = content(&folder.path().join("ring.yaml")).unwrap();
        assert_eq!(found[1], &ParameterValue::Literal(content));
    }

    #[test]
    fn a_file_that_is_not_there_is_named_with_its_step() {
        let study = pipeline_defs::parse(STUDY, "study.toml", &[]).unwrap();
        let error = format!(
            "{:#}",
            overrides(&study, Path::new("nowhere/study.toml")).unwrap_err()
        );
        assert!(
            error.contains("step `features`") && error.contains("ring.yaml"),
            "{error}"
        );
    }
}
