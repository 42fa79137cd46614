//! From a settings file's form, or the name of a shipped one, to parameters.

use serde_json::{Map, Value};

use super::super::ParamsError;
use crate::settings_file;

/// Takes a settings file's content, wherever `settings` holds one, apart into parameters.
pub(super) fn gather(mut set: Map<String, Value>) -> Result<Map<String, Value>, ParamsError> {
    let document = match set.get("settings") {
        Some(Value::String(name)) => settings_file::shipped_content(name)?,
        Some(Value::Object(content)) if settings_file::is_document(content) => content.clone(),
        _ => return Ok(set),
    };
    if document.contains_key("voxelSetting") {
        return Err(ParamsError {
            name: Some("settings".into()),
            message: "`voxelSetting` is for features voxel by voxel, which are not extracted here"
                .into(),
            repair: "leave the section out".into(),
        });
    }
    set.remove("settings");
    for (section, value) in document {
        if section != "setting" {
            set.entry(section).or_insert(value);
            continue;
        }
        let Value::Object(mut settings) = value else {
            set.insert("settings".into(), value);
            continue;
        };
        if let Some(label) = settings.remove("label") {
            set.entry("label").or_insert(label);
        }
        // PyRadiomics looks at the count first
        if settings.contains_key("binCount") {
            settings.remove("binWidth");
        }
        set.insert("settings".into(), Value::Object(settings));
    }
    Ok(set)
}
