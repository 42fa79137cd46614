//! `select-site`: the rows of some centres, as a view on the table's bytes.

use std::collections::BTreeSet;

use artefact::{RowId, ids, lines};
use pipeline_defs::params::SelectSiteParams;

use crate::step::{Content, Context, Inputs, Produced, StepError};

pub(super) fn run(context: &Context, inputs: &Inputs) -> Result<Vec<Produced>, StepError> {
    let params: SelectSiteParams = context.params()?;
    let table = inputs.one("table")?;
    let rows = ids::decode(table)?;
    let known: BTreeSet<&str> = rows.iter().map(|row| row.site.as_str()).collect();
    let absent = |name: &&String| !known.contains(name.as_str());
    if let Some(name) = params.sites.iter().chain(&params.leave_out).find(absent) {
        let known: Vec<&str> = known.into_iter().collect();
        return Err(StepError::refuse(
            "site-absent",
            format!(
                "no patient of the table is of centre `{name}`; its centres are {}",
                known.join(", ")
            ),
        ));
    }
    let stays = |row: &RowId| {
        let named = params.sites.is_empty() || params.sites.contains(&row.site);
        named && !params.leave_out.contains(&row.site)
    };
    let wanted: BTreeSet<RowId> = rows.iter().filter(|row| stays(row)).cloned().collect();
    if wanted.is_empty() {
        return Err(StepError::refuse(
            "no-row-left",
            format!(
                "`leave_out` names every centre of the table's {} patients",
                rows.len()
            ),
        ));
    }
    Ok(vec![Produced {
        port: "table",
        content: Content::Rows {
            of: "table",
            ranges: lines::select(table, &wanted)?,
        },
    }])
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::fixture::{refusal, run};
    use crate::step::Content;
    use artefact::lines::materialise;
    use serde_json::{Value, json};

    const TABLE: &[u8] = b"patient_id,site,a\np1,c1,1\np2,c1,2\np1,c2,3\nq,tcga,4\n";

    fn kept(sites: Value, leave_out: Value) -> String {
        let set = json!({"sites": sites, "leave_out": leave_out});
        let out = run("select-site", set, &[("table", TABLE.to_vec())]).unwrap();
        match &out[0].content {
            Content::Rows { ranges, .. } => String::from_utf8(materialise(TABLE, ranges)).unwrap(),
            other => panic!("not a view: {other:?}"),
        }
    }

    #[test]
    fn rows_of_the_named_centres_stay() {
        assert_eq!(
            kept(json!(["c2"]), json!([])),
            "patient_id,site,a\np1,c2,3\n"
        );
        let two = "patient_id,site,a\np1,c1,1\np2,c1,2\np1,c2,3\n";
        assert_eq!(kept(json!([]), json!(["tcga"])), two);
        assert_eq!(kept(json!(["c1", "c2"]), json!([])), two);
        assert_eq!(kept(json!([]), json!([])).as_bytes(), TABLE);
    }

    #[test]
    fn a_centre_that_nobody_is_of_is_refused() {
        let set = json!({"sites": ["c3"], "leave_out": []});
        let (code, message) = refusal(run("select-site", set, &[("table", TABLE.to_vec())]));
        assert_eq!(code, "site-absent");
        assert!(
            message.ends_with("its centres are c1, c2, tcga"),
            "{message}"
        );
        let set = json!({"sites": [], "leave_out": ["c1", "c2", "tcga"]});
        let (code, _) = refusal(run("select-site", set, &[("table", TABLE.to_vec())]));
        assert_eq!(code, "no-row-left");
    }
}
