//! `select-rows`: the training and the test rows of a table, as views on its bytes.

use std::collections::BTreeSet;
use std::ops::Range;

use artefact::split::SplitTable;
use artefact::{RowId, ids, lines};
use bytes::Bytes;
use pipeline_defs::params::SelectRowsParams;

use super::patients::Patients;
use crate::step::{Content, Context, Inputs, Produced, StepError};

pub(super) fn run(context: &Context, inputs: &Inputs) -> Result<Vec<Produced>, StepError> {
    let params: SelectRowsParams = context.params()?;
    let table = inputs.one("table")?;
    let split = SplitTable::decode(inputs.one("split")?)?;
    let eligible = inputs
        .optional("eligible")?
        .map(|bytes| ids::decode(bytes))
        .transpose()?;
    let eligible = eligible.as_deref().map(Patients::new);
    let (train, test) = (Patients::new(&split.train), Patients::new(&split.test));
    let (mut in_train, mut in_test) = (BTreeSet::new(), BTreeSet::new());
    for row in ids::decode(table)? {
        let takes_part = match &eligible {
            Some(eligible) => eligible.contains(&row)?,
            None => true,
        };
        match (train.contains(&row)?, test.contains(&row)?) {
            (true, true) => {
                let message = format!("patient `{}` is in training and in test", row.patient_id);
                return Err(StepError::refuse("split-overlaps", message));
            }
            (true, false) if takes_part => in_train.insert(row),
            (false, true) if takes_part => in_test.insert(row),
            _ => false,
        };
    }
    Ok(vec![
        view("train", table, &in_train, params.allow_empty)?,
        view("test", table, &in_test, params.allow_empty)?,
    ])
}

fn view(
    port: &'static str,
    table: &Bytes,
    wanted: &BTreeSet<RowId>,
    allow_empty: bool,
) -> Result<Produced, StepError> {
    if wanted.is_empty() && !allow_empty {
        return Err(StepError::refuse(
            "no-row-left",
            format!("no patient of the table is a {port} row of this split"),
        ));
    }
    let ranges: Vec<Range<u64>> = lines::select(table, wanted)?;
    Ok(Produced {
        port,
        content: Content::Rows {
            of: "table",
            ranges,
        },
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::fixture::{refusal, run};
    use crate::step::Content;
    use artefact::lines::materialise;
    use serde_json::json;

    const TABLE: &[u8] = b"patient_id,site,a\np1,c1,1\np2,c1,2\np3,c1,3\np4,c1,4\n";

    #[test]
    fn rows_are_views_in_the_order_of_the_table() {
        let split = b"patient_id,role\np4,train\np1,train\np2,test\np3,train\n".to_vec();
        let eligible = b"patient_id,site\np1,c1\np2,c1\np4,c1\n".to_vec();
        let ports = [
            ("table", TABLE.to_vec()),
            ("split", split),
            ("eligible", eligible),
        ];
        let out = run("select-rows", json!({}), &ports).unwrap();
        let texts: Vec<String> = out
            .iter()
            .map(|p| match &p.content {
                Content::Rows {
                    of: "table",
                    ranges,
                } => String::from_utf8(materialise(TABLE, ranges)).unwrap(),
                other => panic!("not a view: {other:?}"),
            })
            .collect();
        assert_eq!(
            texts,
            [
                "patient_id,site,a\np1,c1,1\np4,c1,4\n",
                "patient_id,site,a\np2,c1,2\n"
            ]
        );
    }

    #[test]
    fn a_patient_in_both_is_refused() {
        let split = b"patient_id,site,role\np1,,train\np1,c1,test\n".to_vec();
        let (code, message) = refusal(run(
            "select-rows",
            json!({}),
            &[("table", TABLE.to_vec()), ("split", split)],
        ));
        assert_eq!(code, "split-overlaps");
        assert!(message.contains("`p1`"), "{message}");
    }

    #[test]
    fn an_empty_side_is_refused() {
        let split = b"patient_id,role\np1,train\nq9,test\n".to_vec();
        let (code, message) = refusal(run(
            "select-rows",
            json!({}),
            &[("table", TABLE.to_vec()), ("split", split)],
        ));
        assert_eq!(code, "no-row-left");
        assert!(message.contains("test row"), "{message}");
        let split = b"patient_id,role\np1,train\nq9,test\n".to_vec();
        let ports = [("table", TABLE.to_vec()), ("split", split)];
        let out = run("select-rows", json!({"allow_empty": true}), &ports).unwrap();
        let Content::Rows { ranges, .. } = &out[1].content else {
            panic!("not a view: {out:?}");
        };
        assert_eq!(materialise(TABLE, ranges), b"patient_id,site,a\n");
    }
}
