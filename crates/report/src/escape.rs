//! Text on its way into HTML, SVG and CSV.
//!
//! Every string that a study, a cohort or a table brings along passes one of these doors before it is written.

/// Writes `text` so that HTML and XML read it as text, in element content and in a quoted attribute alike.
///
/// `& < > " '` become references. Characters that XML 1.0 forbids (control characters other than tab and line ends,
/// U+FFFE, U+FFFF) become U+FFFD, so that a page stays well formed whatever a column is called.
pub fn markup(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            '\t' | '\n' | '\r' => out.push(c),
            c if c.is_control() || c == '\u{fffe}' || c == '\u{ffff}' => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

/// Writes one text field of a CSV line (RFC 4180): quoted when it holds a comma, a quote, a line end or an outer space.
///
/// A text that a spreadsheet would run as a formula (it begins with `=`, `+`, `-`, `@`, tab or carriage return and is
/// not a number) gets an apostrophe in front. Numbers never come this way.
pub fn csv_field(text: &str) -> String {
    let runs = text.starts_with(['=', '+', '-', '@', '\t', '\r']) && text.parse::<f64>().is_err();
    let guarded = if runs {
        format!("'{text}")
    } else {
        text.to_owned()
    };
    let quote = guarded.contains([',', '"', '\n', '\r'])
        || guarded.starts_with(' ')
        || guarded.ends_with(' ');
    if quote {
        format!("\"{}\"", guarded.replace('"', "\"\""))
    } else {
        guarded
    }
}

/// A fragment identifier or file name made of `text`: lower-case letters, digits, `_` and `.` stay, all else is `-`.
pub fn slug(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        let c = c.to_ascii_lowercase();
        if c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_' || c == '.' {
            out.push(c);
        } else if !out.ends_with('-') {
            out.push('-');
        }
    }
    let kept = out.trim_matches(['-', '.']);
    if kept.is_empty() {
        "unnamed".to_owned()
    } else {
        kept.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markup_leaves_nothing_to_run() {
        assert_eq!(
            markup("<script>\"&'</script>"),
            "&lt;script&gt;&quot;&amp;&#39;&lt;/script&gt;"
        );
        assert_eq!(markup("a\u{0}b\u{1b}c\n"), "a\u{fffd}b\u{fffd}c\n");
    }

    #[test]
    fn csv_fields_are_quoted_and_formulas_are_text() {
        assert_eq!(csv_field("plain"), "plain");
        assert_eq!(csv_field("a,\"b\""), "\"a,\"\"b\"\"\"");
        assert_eq!(csv_field("=HYPERLINK(\"x\")"), "\"'=HYPERLINK(\"\"x\"\")\"");
        assert_eq!(csv_field("-0.5"), "-0.5");
        assert_eq!(csv_field("-gene"), "'-gene");
    }

    #[test]
    fn slugs_are_plain_and_never_empty() {
        assert_eq!(slug("DFS / Tumour+Ring"), "dfs-tumour-ring");
        assert_eq!(slug("../../x"), "x");
        assert_eq!(slug("无"), "unnamed");
    }
}
