//! `radloom audit`: what a paper's printed numbers say about each other.

use std::path::PathBuf;

use anyhow::Context as _;
use audit::{Manuscript, Severity};
use clap::Args;

/// Arguments of `audit`.
#[derive(Debug, Args)]
pub(crate) struct AuditArgs {
    /// The printed numbers: TOML with any of study, table1, table4, auc, best, features, clinical_radiomics_model, radiogenomics
    file: PathBuf,
    /// As JSON: {"findings": [{"code", "severity", "where", "printed", "recomputed", "message"}], "ignored": [entries that no rule reads]}
    #[arg(long)]
    json: bool,
}

/// Prints the findings.
pub(crate) fn audit(args: &AuditArgs) -> anyhow::Result<u8> {
    let file = args.file.display();
    let text = std::fs::read_to_string(&args.file).with_context(|| format!("{file}"))?;
    let manuscript = Manuscript::read(&text).with_context(|| format!("{file}"))?;
    let findings = audit::audit(&manuscript);
    let ignored = manuscript.ignored();
    if args.json {
        out!(
            "{}",
            serde_json::json!({ "findings": findings, "ignored": ignored })
        );
        return Ok(0);
    }
    for f in &findings {
        out!("{} ({}): {}", f.code, word(f.severity), f.place);
        for (name, text) in [
            ("printed", &f.printed),
            ("recomputed", &f.recomputed),
            ("", &f.message),
        ] {
            let name = if name.is_empty() {
                String::new()
            } else {
                format!("{name} ")
            };
            for line in wrapped(&format!("{name}{text}")) {
                out!("    {line}");
            }
        }
    }
    if findings.is_empty() {
        out!("nothing found: what is printed in {file} fits together");
    } else {
        let count = |severity| findings.iter().filter(|f| f.severity == severity).count();
        out!(
            "{} findings: {} fatal, {} major, {} minor",
            findings.len(),
            count(Severity::Fatal),
            count(Severity::Major),
            count(Severity::Minor)
        );
    }
    if !ignored.is_empty() {
        eprintln!(
            "radloom: {file}: no rule reads {}; the sections that are read are {}",
            ignored.join(", "),
            Manuscript::sections()
        );
    }
    Ok(0)
}

fn word(severity: Severity) -> &'static str {
    match severity {
        Severity::Fatal => "fatal",
        Severity::Major => "major",
        Severity::Minor => "minor",
    }
}

/// Columns of a terminal that everybody has, without the indent.
const WIDTH: usize = 76;

/// A text in lines of at most [`WIDTH`] characters, broken between words.
fn wrapped(text: &str) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= WIDTH => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::{WIDTH, wrapped};

    #[test]
    fn lines_fit_a_terminal_and_no_word_is_lost() {
        let text = "the percentage is not that of the count ".repeat(6);
        let lines = wrapped(&text);
        assert!(lines.iter().all(|l| l.chars().count() <= WIDTH) && lines.len() == 4);
        assert_eq!(lines.join(" "), text.trim());
    }
}
