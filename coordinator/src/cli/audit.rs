//! `radloom audit`: what a paper's printed numbers say about each other.

use std::path::PathBuf;

use anyhow::Context as _;
use audit::{Finding, Manuscript, Severity};
use clap::Args;
use comfy_table::{ContentArrangement, Table, presets};

/// Arguments of `audit`.
#[derive(Debug, Args)]
pub(crate) struct AuditArgs {
    /// The printed numbers: TOML with any of study, table1, table4, auc, best, features, clinical_radiomics_model, radiogenomics
    file: PathBuf,
    /// As JSON: {"findings": [{"code", "severity", "where", "printed", "recomputed", "message"}]}
    #[arg(long)]
    json: bool,
}

/// Prints the findings.
pub(crate) fn audit(args: &AuditArgs) -> anyhow::Result<u8> {
    let file = args.file.display();
    let text = std::fs::read_to_string(&args.file).with_context(|| format!("{file}"))?;
    let manuscript = Manuscript::read(&text).with_context(|| format!("{file}"))?;
    let findings = audit::audit(&manuscript);
    if args.json {
        out!("{}", serde_json::json!({ "findings": findings }));
        return Ok(0);
    }
    if findings.is_empty() {
        out!("nothing found: what is printed in {file} fits together");
        return Ok(0);
    }
    out!("{}", table(&findings));
    let count = |severity| findings.iter().filter(|f| f.severity == severity).count();
    out!(
        "{} findings: {} fatal, {} major, {} minor",
        findings.len(),
        count(Severity::Fatal),
        count(Severity::Major),
        count(Severity::Minor)
    );
    Ok(0)
}

fn table(findings: &[Finding]) -> Table {
    let mut table = Table::new();
    table
        .load_style(presets::UTF8_FULL_CONDENSED)
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_header(["code", "where", "printed", "recomputed", "what it means"]);
    for f in findings {
        table.add_row([f.code, &f.place, &f.printed, &f.recomputed, &f.message]);
    }
    table
}
