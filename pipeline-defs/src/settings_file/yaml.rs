//! YAML texts as values, and what is wrong with them in our own words.

use serde_json::Value;
use serde_saphyr::Error;

/// Where a text is no YAML, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct NoYaml {
    /// From 1.
    pub(super) line: u32,
    /// From 1.
    pub(super) column: u32,
    pub(super) message: String,
    pub(super) repair: &'static str,
}

/// A text as a JSON value.
pub(super) fn value(text: &str) -> Result<Value, NoYaml> {
    serde_saphyr::from_str::<Value>(text).map_err(|error| {
        let (line, column) = error
            .location()
            .map_or((1, 1), |at| (at.line() as u32, at.column() as u32));
        let (message, repair) = words(&error);
        NoYaml {
            line,
            column,
            message,
            repair,
        }
    })
}

/// What is wrong, and its repair.
fn words(error: &Error) -> (String, &'static str) {
    let plain = |message: &str, repair| (message.to_owned(), repair);
    match error.without_snippet() {
        Error::DuplicateMappingKey { key, .. } => {
            let key = key.as_deref().unwrap_or("?");
            (
                format!("`{key}` stands twice in one table"),
                "leave one of the two",
            )
        }
        Error::MultipleDocuments { .. } => plain(
            "a second document begins after `---`",
            "write one document a file",
        ),
        Error::NonFiniteFloat { value, .. } => (
            format!("`{value}` is no finite number"),
            "write a number, or leave the key out",
        ),
        Error::UnknownAnchor { .. } => no_anchor(),
        Error::Eof { .. } => plain("the text ends too early", "complete it"),
        Error::Budget { .. }
        | Error::AliasReplayCounterOverflow { .. }
        | Error::AliasReplayLimitExceeded { .. }
        | Error::AliasExpansionLimitExceeded { .. }
        | Error::AliasReplayStackDepthExceeded { .. } => plain(
            "the text is nested or repeated beyond all settings files",
            "write it without references",
        ),
        Error::ExternalMessage { msg, .. } | Error::Message { msg, .. } => of_scanner(msg),
        _ => unread(),
    }
}

/// The scanner tells in words only.
fn of_scanner(message: &str) -> (String, &'static str) {
    let said = message.to_ascii_lowercase();
    let has = |word: &str| said.contains(word);
    if has("tab") {
        let message = "a tab stands where only spaces may indent";
        return (message.to_owned(), "indent with spaces");
    }
    if has("unknown anchor") {
        return no_anchor();
    }
    for (bracket, closing) in [("'['", "]"), ("'{'", "}")] {
        if has("unclosed") && has(bracket) {
            let message = format!("{} is not closed", bracket.replace('\'', "`"));
            let repair = match closing {
                "]" => "end the list with `]`",
                _ => "end the table with `}`",
            };
            return (message, repair);
        }
    }
    if has("quote") {
        let message = "a quoted text is not closed";
        return (message.to_owned(), "end it with the quote it began with");
    }
    if has("block mapping") || has("expected key") || has("simple key") || has("indent") {
        let message = "this line is no `key: value` of the table it stands in";
        return (
            message.to_owned(),
            "look at its colon, and at the indentation of this line and those before",
        );
    }
    unread()
}

fn no_anchor() -> (String, &'static str) {
    let message = "`*` refers to an anchor that is not there";
    (message.to_owned(), "write the value itself, or quote it")
}

fn unread() -> (String, &'static str) {
    let message = "the text does not read from here on";
    (
        message.to_owned(),
        "look at colons, quotes, brackets and indentation",
    )
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[track_caller]
    fn refused(text: &str, wanted: &str) {
        let found = value(text).unwrap_err();
        let told = format!("{}:{}: {}", found.line, found.column, found.message);
        assert_eq!(told, wanted);
        assert!(!found.repair.is_empty());
    }

    #[test]
    fn what_is_wrong_is_said_in_our_own_words() {
        let of = |text: &str, wanted: &str| refused(&format!("setting:\n{text}"), wanted);
        of("  binWidth: [1,\n", "2:13: `[` is not closed");
        of("  a: {b: 1\n", "2:6: `{` is not closed");
        of(
            "\tbinWidth: 1\n",
            "2:2: a tab stands where only spaces may indent",
        );
        of(
            "  binWidth: 1\n binCount: 3\n",
            "3:2: this line is no `key: value` of the table it stands in",
        );
        of(
            "  binWidth: 1\n  binWidth: 3\n",
            "3:3: `binWidth` stands twice in one table",
        );
        of("  binWidth: \"5\n", "2:13: a quoted text is not closed");
        of(
            "  binWidth: *a\n",
            "2:13: `*` refers to an anchor that is not there",
        );
        of(
            "  binWidth: 1\n---\nsetting:\n  binWidth: 3\n",
            "4:1: a second document begins after `---`",
        );
        of("  binWidth: .nan\n", "2:13: `.nan` is no finite number");
    }

    #[test]
    fn no_text_makes_the_library_s_words_appear() {
        for text in [
            "a: b: c\n",
            "? [\n",
            "%YAML 9\n",
            "a: 'b\n",
            "!<\n",
            "a:\n- b\n c\n",
            "@\n",
            "`x`\n",
            "a: |x\n",
            "}\n",
            "- - ]\n",
        ] {
            if let Err(found) = value(text) {
                let told = found.message.to_lowercase();
                for word in [
                    "while parsing",
                    "mapping",
                    "token",
                    "policy",
                    "options",
                    "scalar",
                ] {
                    assert!(!told.contains(word), "{text:?}: {told}");
                }
            }
        }
    }
}
