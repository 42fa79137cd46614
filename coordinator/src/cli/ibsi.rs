//! `radloom ibsi`: this build against the consensus values of the Image Biomarker Standardisation Initiative.

use clap::Args;
use comfy_table::{ContentArrangement, Table, presets};
use radiomics::ibsi::{Check, Outcome, conformance};
use serde_json::{Value, json};

/// Arguments of `ibsi`.
#[derive(Debug, Args)]
pub(crate) struct IbsiArgs {
    /// As JSON: {"conform", "conventions", "differ", "checks": [{"feature", "code", "aggregation", "reference", "tolerance", "ours", "status", …}]}
    #[arg(long)]
    json: bool,
}

/// Prints the comparison; exit code 0 if nothing but the known conventions differs.
pub(crate) fn ibsi(args: &IbsiArgs) -> anyhow::Result<u8> {
    let checks = conformance()?;
    let count = |wanted: fn(&Outcome) -> bool| checks.iter().filter(|c| wanted(&c.outcome)).count();
    let n_conform = count(|outcome| *outcome == Outcome::Conforms);
    let n_conventions = count(|outcome| matches!(outcome, Outcome::Convention { .. }));
    let n_unexplained = checks.iter().filter(|c| !c.is_explained()).count();
    if args.json {
        let rows: Vec<Value> = checks.iter().map(row).collect();
        out!(
            "{}",
            json!({
                "conform": n_conform,
                "conventions": n_conventions,
                "differ": n_unexplained,
                "checks": rows,
            })
        );
        return Ok(u8::from(n_unexplained > 0));
    }
    out!("{}", table(&checks));
    for check in &checks {
        if let Outcome::Convention {
            reason,
            by_ibsi,
            conforms,
        } = check.outcome
        {
            let verdict = if conforms { "conforms" } else { "differs" };
            out!(
                "{}: {reason}; by IBSI's convention {by_ibsi:.6}, which {verdict}",
                name(check)
            );
        }
    }
    out!(
        "{} comparisons on the digital phantom: {n_conform} conform, {n_conventions} differ by a convention of PyRadiomics that is kept, \
         {n_unexplained} differ\n\
         Consensus: Zwanenburg et al., Radiology 295 (2020) 328-338; values from the reference manual, CC BY 4.0.",
        checks.len()
    );
    Ok(u8::from(n_unexplained > 0))
}

fn name(check: &Check) -> String {
    format!("{}_{}", check.entry.class, check.entry.name)
}

fn status(check: &Check) -> &'static str {
    match check.outcome {
        Outcome::Conforms => "conforms",
        Outcome::Convention { .. } => "convention",
        Outcome::Differs => "differs",
    }
}

fn ours(check: &Check) -> String {
    match check.ours {
        Ok(value) => format!("{value:.6}"),
        Err(why) => why.to_string(),
    }
}

fn table(checks: &[Check]) -> Table {
    let mut table = Table::new();
    table
        .load_style(presets::UTF8_FULL_CONDENSED)
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_header([
            "feature",
            "IBSI",
            "aggregation",
            "reference",
            "±",
            "ours",
            "status",
        ]);
    for check in checks {
        table.add_row([
            name(check),
            check.code.to_owned(),
            check.aggregation.to_owned(),
            check.printed.to_owned(),
            format!("{:.2e}", check.tolerance),
            ours(check),
            status(check).to_owned(),
        ]);
    }
    table
}

fn row(check: &Check) -> Value {
    let mut row = json!({
        "feature": name(check),
        "ibsi_name": check.ibsi_name,
        "code": check.code,
        "aggregation": check.aggregation,
        "reference": check.reference,
        "tolerance": check.tolerance,
        "consensus": check.consensus,
        "ours": check.ours.ok(),
        "status": status(check),
    });
    if let Outcome::Convention {
        reason,
        by_ibsi,
        conforms,
    } = check.outcome
    {
        row["reason"] = json!(reason);
        row["ours_by_ibsi_convention"] = json!(by_ibsi);
        row["conforms_by_ibsi_convention"] = json!(conforms);
    }
    if let Err(why) = check.ours {
        row["undefined"] = json!(why.to_string());
    }
    row
}
