//! What the reader of parameters says, in words of the study rather than of the program.

use crate::problem::suggest;

/// A fragment that stands after the parameter's name: `is "many", must be a whole number of at least 0`.
pub(super) fn of(problem: &str) -> String {
    let wrong = problem
        .strip_prefix("invalid type: ")
        .or_else(|| problem.strip_prefix("invalid value: "));
    if let Some((found, expected)) = wrong.and_then(|w| w.split_once(", expected ")) {
        return format!(
            "is {}, must be {}",
            found_words(found),
            expected_words(expected)
        );
    }
    if let Some((found, expected)) = problem
        .strip_prefix("unknown variant ")
        .and_then(|rest| rest.split_once(", expected "))
    {
        let expected = expected.strip_prefix("one of ").unwrap_or(expected);
        return format!(
            "is {found}, must be {}",
            match expected.replace(" or ", ", ") {
                list if list.contains(", ") => format!("one of {list}"),
                single => single,
            }
        );
    }
    let unknown = problem
        .strip_prefix("unknown field `")
        .and_then(|rest| rest.split_once("`, expected "));
    if let Some((found, expected)) = unknown {
        let known: Vec<&str> = expected.split('`').skip(1).step_by(2).collect();
        return format!("has no `{found}`; {}", suggest(found, known));
    }
    let length = problem
        .strip_prefix("invalid length ")
        .and_then(|rest| rest.split_once(", expected an array of length "));
    if let Some((found, expected)) = length {
        return format!("has {found} entries, must have {expected}");
    }
    format!("does not fit: {problem}")
}

fn found_words(found: &str) -> String {
    for kind in ["string ", "integer ", "floating point ", "boolean "] {
        if let Some(value) = found.strip_prefix(kind) {
            return value.trim_matches('`').to_string();
        }
    }
    match found {
        "null" => "nothing",
        "sequence" => "a list",
        "map" => "a table",
        other => other,
    }
    .to_string()
}

fn expected_words(expected: &str) -> &str {
    match expected {
        "u32" | "u64" | "usize" => "a whole number of at least 0",
        "i32" | "i64" => "a whole number",
        "f64" => "a number",
        "a boolean" => "true or false",
        "a string" | "string" => "a text",
        "a sequence" => "a list",
        "a map" => "a table of settings",
        "string or map" => "one of its named values",
        "an array of length 3" => "a list of 3",
        other if other.starts_with("struct ") => "a table of settings",
        other => other,
    }
}
