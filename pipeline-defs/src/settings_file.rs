//! Settings files of PyRadiomics: YAML or JSON with the sections `imageType`, `featureClass` and `setting`, and our own `radloom`.

mod yaml;

use serde_json::{Map, Value, json};

use crate::params::ParamsError;
use crate::problem::{Place, Problem, list, suggest};

/// Sections of a settings file.
const SECTIONS: &[&str] = &[
    "imageType",
    "featureClass",
    "setting",
    "voxelSetting",
    "radloom",
];

/// (name, text) of the settings that come with the program.
pub fn shipped_settings() -> &'static [(&'static str, &'static str)] {
    &[
        ("radiomics-1409-a", include_str!("../radiomics-1409-a.yaml")),
        ("radiomics-1409-b", include_str!("../radiomics-1409-b.yaml")),
        ("radiomics-mri", include_str!("../radiomics-mri.yaml")),
    ]
}

/// The content of a settings file without nothings: an image type or class with nothing after its colon has an empty table or list, any
/// other key with nothing is left out, since a settings file that is silent means the default. Checked against the parameters of `extract-features`.
///
/// # Errors
/// A [`Problem`] with the line: no YAML (or, for `.json`, no JSON), an unknown key or value.
pub fn read(text: &str, file: &str) -> Result<Value, Problem> {
    let at = |line: u32, column: u32| Place {
        file: file.into(),
        line,
        column,
    };
    let content = match file.to_ascii_lowercase().ends_with(".json") {
        true => serde_json::from_str::<Value>(text).map_err(|error| {
            let place = at(error.line() as u32, error.column() as u32);
            Problem::new("syntax", &place, format!("no JSON: {error}"), "")
        })?,
        false => yaml::value(text).map_err(|found| {
            let place = at(found.line, found.column);
            let message = format!("no YAML: {}", found.message);
            Problem::new("syntax", &place, message, found.repair)
        })?,
    };
    let wrong = |line, message: String, repair: String| {
        Problem::new("settings", &at(line, 1), message, repair)
    };
    let content = match content {
        Value::Object(content) => content,
        Value::Null => Map::new(),
        _ => {
            let repair = format!("write {}", list(SECTIONS));
            return Err(wrong(
                1,
                "settings are sections, not one value".into(),
                repair,
            ));
        }
    };
    if let Some(key) = content.keys().find(|key| !SECTIONS.contains(&key.as_str())) {
        let near = suggest(key, SECTIONS.iter().copied());
        return Err(wrong(
            line_of(text, key),
            format!("unknown section `{key}`"),
            near,
        ));
    }
    if let Some((key, found)) = no_table(&content) {
        let message = format!("`{key}` is {found}, must be a table");
        let repair = "write a line `name:` for each entry, indented under it".to_owned();
        let line = line_of(text, key.rsplit('.').next().unwrap_or(&key));
        return Err(wrong(line, message, repair));
    }
    let content = Value::Object(without_nothings(content));
    let mut set = Map::new();
    set.insert("settings".into(), as_document(content.clone()));
    match crate::params::resolve("extract-features", &Value::Object(set)) {
        Ok(_) => Ok(as_document(content)),
        Err(error) => {
            let key = error.name.as_deref().and_then(|n| n.rsplit('.').next());
            let line = quoted(&error.message)
                .chain(key)
                .map(|k| line_of(text, k))
                .find(|&l| l > 1);
            let [message, repair] = [&error.message, &error.repair].map(|said| as_written(said));
            Err(wrong(line.unwrap_or(1), message, repair))
        }
    }
}

/// A message with the section's name in the file, which is one letter shorter than the parameter's in a study.
fn as_written(said: &str) -> String {
    said.replace("`settings`", "`setting`")
        .replace("settings.", "setting.")
}

/// The first section, or image type, that is neither a table nor left empty, and what it is.
fn no_table(content: &Map<String, Value>) -> Option<(String, String)> {
    let is_table = |value: &Value| value.is_object() || value.is_null();
    let found = |value: &Value| match value {
        Value::Array(_) => "a list".to_owned(),
        value => value.to_string(),
    };
    let types = content.get("imageType").and_then(Value::as_object);
    let types = types.into_iter().flatten();
    let entries = content
        .iter()
        .map(|(section, value)| (section.clone(), value))
        .chain(types.map(|(name, value)| (format!("imageType.{name}"), value)));
    entries
        .filter(|(_, value)| !is_table(value))
        .map(|(key, value)| (key, found(value)))
        .next()
}

/// The JSON Schema of settings files, for editors: made from the parameters of `extract-features`.
pub fn settings_schema() -> Value {
    let own = crate::kinds::kind("extract-features").map_or(Value::Null, crate::params::schema_of);
    let mut sections = own["properties"].clone();
    let mut setting = sections["settings"].take();
    setting["properties"]["label"] = sections["label"].clone();
    let mut section = |name: &str| sections[name].take();
    let (types, classes, radloom) = (
        section("imageType"),
        section("featureClass"),
        section("radloom"),
    );
    let mut schema = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Settings of PyRadiomics, as Radloom reads them",
        "type": ["object", "null"],
        "additionalProperties": false,
        "properties": { "setting": setting, "imageType": types, "featureClass": classes, "radloom": radloom },
    });
    nothing_allowed(&mut schema);
    schema.sort_all_objects();
    schema
}

/// Every property may be left empty, and none is required.
fn nothing_allowed(schema: &mut Value) {
    match schema {
        Value::Object(fields) => {
            fields.remove("required");
            if let Some(Value::Object(properties)) = fields.get_mut("properties") {
                for value in properties.values_mut() {
                    nothing_allowed(value);
                    let about = value.get("description").cloned();
                    let inner = value.take();
                    *value = json!({ "anyOf": [inner, { "type": "null" }] });
                    if let Some(about) = about {
                        value["description"] = about;
                    }
                }
                return;
            }
            fields.values_mut().for_each(nothing_allowed);
        }
        Value::Array(items) => items.iter_mut().for_each(nothing_allowed),
        _ => {}
    }
}

/// Whether an object is the content of a settings file rather than settings themselves.
pub(crate) fn is_document(content: &Map<String, Value>) -> bool {
    content.keys().any(|key| SECTIONS.contains(&key.as_str()))
}

/// The shipped settings that a name may have meant: "did you mean …?", or all of them.
pub fn suggest_shipped(name: &str) -> String {
    let near = suggest(name, shipped_settings().iter().map(|(known, _)| *known));
    near.replace("known are", "sets that come with the program are")
}

/// The content of the shipped settings of a name.
pub(crate) fn shipped_content(name: &str) -> Result<Map<String, Value>, ParamsError> {
    let names: Vec<&str> = shipped_settings().iter().map(|(n, _)| *n).collect();
    let unknown = || ParamsError {
        name: Some("settings".into()),
        message: format!(
            "`settings` is \"{name}\", which is neither a set that comes with the program nor a file that was read"
        ),
        repair: format!(
            "{} sets are {}",
            suggest(name, names.iter().copied()),
            list(&names)
        ),
    };
    let (_, text) = shipped_settings()
        .iter()
        .find(|(n, _)| *n == name)
        .ok_or_else(unknown)?;
    match yaml::value(text) {
        Ok(Value::Object(content)) => Ok(without_nothings(content)),
        _ => Err(unknown()), // a test reads all of them
    }
}

/// An empty file is a document too.
fn as_document(content: Value) -> Value {
    match content {
        Value::Object(mut content) if content.is_empty() => {
            content.insert("setting".into(), Value::Object(Map::new()));
            Value::Object(content)
        }
        other => other,
    }
}

fn without_nothings(content: Map<String, Value>) -> Map<String, Value> {
    let section = |name: &str, value: Value| match (name, value) {
        ("imageType", Value::Object(types)) => Value::Object(
            types
                .into_iter()
                .map(|(name, custom)| match custom {
                    Value::Object(custom) => (name, Value::Object(given(custom))),
                    Value::Null => (name, Value::Object(Map::new())),
                    other => (name, other),
                })
                .collect(),
        ),
        ("featureClass", Value::Object(classes)) => Value::Object(
            classes
                .into_iter()
                .map(|(class, names)| match names {
                    Value::Null => (class, Value::Array(Vec::new())),
                    other => (class, texts(other)),
                })
                .collect(),
        ),
        (_, Value::Object(settings)) => Value::Object(given(settings)),
        (_, other) => other,
    };
    let kept = content.into_iter().filter(|(_, value)| !value.is_null());
    kept.map(|(name, value)| {
        let value = section(&name, value);
        (name, value)
    })
    .collect()
}

/// Entries that are not nothing; SimpleITK's numbers of interpolators by name.
fn given(settings: Map<String, Value>) -> Map<String, Value> {
    let name = |key: &str, value: Value| match (key, value.as_u64()) {
        ("interpolator", Some(1)) => Value::from("sitkNearestNeighbor"),
        ("interpolator", Some(2)) => Value::from("sitkLinear"),
        // SimpleITK 2.5 numbers the cubic spline 23, the versions before it 3.
        ("interpolator", Some(3 | 23)) => Value::from("sitkBSpline"),
        ("interpolator", Some(4)) => Value::from("sitkGaussian"),
        ("interpolator", Some(5)) => Value::from("sitkLabelGaussian"),
        ("interpolator", Some(6)) => Value::from("sitkHammingWindowedSinc"),
        ("interpolator", Some(7)) => Value::from("sitkCosineWindowedSinc"),
        ("interpolator", Some(8)) => Value::from("sitkWelchWindowedSinc"),
        ("interpolator", Some(9)) => Value::from("sitkLanczosWindowedSinc"),
        ("interpolator", Some(10)) => Value::from("sitkBlackmanWindowedSinc"),
        _ => value,
    };
    let kept = settings.into_iter().filter(|(_, value)| !value.is_null());
    kept.map(|(key, value)| {
        let value = name(&key, value);
        (key, value)
    })
    .collect()
}

/// Names of features, some of which YAML could take for numbers.
fn texts(names: Value) -> Value {
    match names {
        Value::Array(names) => Value::Array(
            names
                .into_iter()
                .map(|name| match name {
                    Value::Number(number) => Value::String(number.to_string()),
                    other => other,
                })
                .collect(),
        ),
        other => other,
    }
}

/// The words between backquotes.
fn quoted(message: &str) -> impl Iterator<Item = &str> {
    message
        .split('`')
        .skip(1)
        .step_by(2)
        .map(|name| name.rsplit('.').next().unwrap_or(name))
}

/// The first line that has a key of this name; 1 if there is none.
fn line_of(text: &str, key: &str) -> u32 {
    let has = |line: &str| {
        let code = line.split('#').next().unwrap_or_default();
        code.match_indices(key).any(|(at, _)| {
            let before = code[..at].chars().next_back();
            let after = code[at + key.len()..].trim_start_matches(['"', '\'', ' ']);
            before.is_none_or(|c| !c.is_alphanumeric() && c != '_') && after.starts_with(':')
        })
    };
    let found = text.lines().position(has);
    found.map_or(1, |index| index as u32 + 1)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::params::resolve;

    fn canonical_of(text: &str) -> String {
        let content = read(text, "settings.yaml").unwrap();
        resolve("extract-features", &json!({ "settings": content })).unwrap()
    }

    #[track_caller]
    fn refused(text: &str, wanted: &str) {
        let problem = read(text, "s.yaml").unwrap_err().to_string();
        assert!(problem.starts_with(wanted), "{problem}");
    }

    #[test]
    fn a_silent_file_means_the_defaults() {
        let defaults = resolve("extract-features", &json!({})).unwrap();
        assert_eq!(canonical_of(""), defaults);
        assert_eq!(
            canonical_of("imageType:\n  Original:\nfeatureClass: {}\n"),
            defaults
        );
        let all =
            "featureClass: {shape: , firstorder: [], glcm: , glrlm: , glszm: , gldm: , ngtdm: }\n";
        let long = format!(
            "{all}setting: {{binWidth: 25, resampledPixelSpacing: , interpolator: 3, normalize: false, force2D: false, \
             voxelArrayShift: 0, label: 1, preCrop: false, padDistance: 5, additionalInfo: true, level: 1, wavelet: coif1}}"
        );
        assert_eq!(canonical_of(&long), defaults);
    }

    #[test]
    fn yaml_and_json_say_the_same() {
        let text = "setting:\n  binCount: 32\n  label: 2\n  resampledPixelSpacing: [1, 1, 0]\nimageType:\n  LoG:\n    sigma: [1.0, 3]\n    binWidth: 5\n";
        let json = r#"{"setting": {"binCount": 32, "binWidth": 25, "label": 2, "resampledPixelSpacing": [1, 1, 0]}, "imageType": {"LoG": {"sigma": [1.0, 3], "binWidth": 5}}}"#;
        let content = read(json, "settings.json").unwrap();
        let from_json = resolve("extract-features", &json!({ "settings": content })).unwrap();
        assert_eq!(canonical_of(text), from_json);
        assert_eq!(
            from_json,
            r#"{"imageType":{"LoG":{"binWidth":5.0,"sigma":[1.0,3.0]}},"label":2,"settings":{"binCount":32,"distances":[1],"gldm_a":0,"minimumROIDimensions":2,"resampledPixelSpacing":[1.0,1.0,0.0],"symmetricalGLCM":true,"voxelArrayShift":0.0}}"#
        );
    }

    #[test]
    fn what_is_wrong_is_said_with_file_line_and_repair() {
        refused(
            "imageType: {Original: }\nsetting:\n  binWidht: 5\n",
            "s.yaml:3:1: `setting` has no `binWidht`; did you mean `binWidth`?",
        );
        refused(
            "settings: {binWidth: 5}\n",
            "s.yaml:1:1: unknown section `settings`; did you mean `setting`?",
        );
        refused(
            "\nsetting:\n  binWidth: wide\n",
            "s.yaml:3:1: `setting.binWidth` is \"wide\", must be a number",
        );
        refused(
            "\nsetting:\n  binWidth: -1\n",
            "s.yaml:3:1: `setting.binWidth` is -1, must be above 0",
        );
        refused(
            "setting:\n  interpolator: sitkLabelGaussian\n",
            "s.yaml:2:1: `setting.interpolator` is `sitkLabelGaussian`, must be one of `sitkBSpline`, `sitkLinear`, `sitkNearestNeighbor`, `sitkGaussian`, `sitkHammingWindowedSinc`, `sitkCosineWindowedSinc`, `sitkWelchWindowedSinc`, `sitkLanczosWindowedSinc`, `sitkBlackmanWindowedSinc`",
        );
        refused(
            "setting:\n  resampledPixelSpacing: [1, 1]\n",
            "s.yaml:2:1: `setting.resampledPixelSpacing` has 2 entries, must have 3",
        );
        refused(
            "setting:\n  interpolator: 5\n",
            "s.yaml:2:1: `setting.interpolator` is `sitkLabelGaussian`, must be one of",
        );
        refused(
            "voxelSetting: {kernelRadius: 1}\n",
            "s.yaml:1:1: `voxelSetting` is for features voxel by voxel, which are not extracted here; leave the section out",
        );
        refused(
            "imageType:\n  Wavlet: {}\n",
            "s.yaml:2:1: `imageType` has no `Wavlet`; did you mean `Wavelet`?",
        );
        refused(
            "imageType:\n  LoG: {resampledPixelSpacing: [1, 1, 1]}\n",
            "s.yaml:2:1: `imageType.LoG` has no `resampledPixelSpacing`",
        );
        refused(
            "featureClass:\n  glcm: [Contrst]\n",
            "s.yaml:2:1: `featureClass.glcm` is `Contrst` (did you mean `Contrast`?), must be features of the class",
        );
    }

    #[test]
    fn lists_and_values_in_the_place_of_tables_are_no_settings() {
        refused(
            "imageType: [Original, Wavelet]\n",
            "s.yaml:1:1: `imageType` is a list, must be a table; write a line `name:`",
        );
        refused(
            "setting: {}\nfeatureClass:\n  - glcm\n",
            "s.yaml:2:1: `featureClass` is a list, must be a table",
        );
        refused(
            "setting: 5\n",
            "s.yaml:1:1: `setting` is 5, must be a table",
        );
        refused(
            "imageType:\n  Original:\n  LoG: [1.0]\n",
            "s.yaml:3:1: `imageType.LoG` is a list, must be a table",
        );
    }

    #[test]
    fn a_name_in_other_letters_is_recognised() {
        refused(
            "featureClass:\n  GLCM:\n",
            "s.yaml:2:1: `featureClass` has no `GLCM`; did you mean `glcm`?",
        );
        assert_eq!(
            suggest_shipped("radiomics-1409-A"),
            "did you mean `radiomics-1409-a`?"
        );
    }

    #[test]
    fn a_text_that_is_no_yaml_names_its_place() {
        let problem = read("setting:\n  binWidth: [1,\n", "s.yaml").unwrap_err();
        assert_eq!(problem.code, "syntax");
        assert!(problem.place.line >= 2, "{problem}");
        assert_eq!(read("{\"setting\": ", "s.json").unwrap_err().code, "syntax");
    }

    #[test]
    fn shipped_settings_read_and_go_by_their_names() {
        for (name, text) in shipped_settings() {
            let content = read(text, &format!("{name}.yaml")).unwrap();
            let by_content = resolve("extract-features", &json!({ "settings": content })).unwrap();
            let by_name = resolve("extract-features", &json!({ "settings": name })).unwrap();
            assert_eq!(by_content, by_name);
        }
        let error = resolve(
            "extract-features",
            &json!({ "settings": "radiomics-1409-c" }),
        )
        .unwrap_err();
        assert!(error.repair.contains("radiomics-1409-a"), "{error:?}");
    }
}
