//! `missing-table`: how many values each centre lacks, column by column.

use std::collections::BTreeMap;

use artefact::number;
use artefact::table::Table;

use crate::step::{Context, Inputs, Produced, StepError};

const HEADER: &str = "site,column,n,n_missing,percent\n";

pub(super) fn run(_context: &Context, inputs: &Inputs) -> Result<Vec<Produced>, StepError> {
    let table = Table::decode(inputs.one("table")?)?;
    let mut sites: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (i, row) in table.rows.iter().enumerate() {
        sites.entry(&row.site).or_default().push(i);
    }
    let mut text = HEADER.to_owned();
    for (site, rows) in &sites {
        for column in &table.columns {
            let missing = |&&i: &&usize| column.values[i].is_nan();
            let (n, n_missing) = (rows.len(), rows.iter().filter(missing).count());
            // a centre stands here by its rows, so there is one at least
            let percent = 100.0 * n_missing as f64 / n as f64;
            text.push_str(&format!(
                "{},{},{n},{n_missing},{}\n",
                artefact::csv_field(site),
                artefact::csv_field(&column.name),
                number::text(percent)
            ));
        }
    }
    Ok(vec![Produced::bytes("missing", text.into_bytes())])
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::fixture::{run, text};
    use serde_json::json;

    #[test]
    fn each_centre_is_counted_by_itself() {
        let table =
            b"patient_id,site,figo,scca\na,c1,I,\nb,c1,,2\nc,c2,II,\nd,c1,I,NA\ne,c1,II,4\n";
        let out = run("missing-table", json!({}), &[("table", table.to_vec())]).unwrap();
        assert_eq!(
            text(&out, "missing"),
            "site,column,n,n_missing,percent\nc1,figo,4,1,25\nc1,scca,4,2,50\nc2,figo,1,0,0\nc2,scca,1,1,100\n"
        );
    }

    #[test]
    fn a_table_without_centres_is_one() {
        let table = b"patient_id,age\na,50\nb,\n".to_vec();
        let out = run("missing-table", json!({}), &[("table", table)]).unwrap();
        assert!(text(&out, "missing").ends_with("\n,age,2,1,50\n"));
    }
}
