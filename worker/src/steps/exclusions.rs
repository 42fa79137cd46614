//! `exclusions`: who was left out, where and why, in one list.

use artefact::exclusions;

use crate::step::{Context, Inputs, Produced, StepError};

pub(super) fn run(_context: &Context, inputs: &Inputs) -> Result<Vec<Produced>, StepError> {
    let mut all = Vec::new();
    for bytes in inputs
        .all("exclusions")
        .iter()
        .filter_map(|input| input.content.as_ref().ok())
    {
        all.extend(exclusions::decode(bytes)?);
    }
    Ok(vec![Produced::bytes(
        "exclusions",
        exclusions::encode(&all),
    )])
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::fixture::{refusal, run, text};
    use serde_json::json;

    const HEADER: &str = "patient_id,site,endpoint,step,code,message\n";

    #[test]
    fn each_row_stands_once_in_order() {
        let first = format!("{HEADER}p2,c1,,import-mask,mask-empty,empty\n").into_bytes();
        let second = format!(
            "{HEADER}p2,c1,,import-mask,mask-empty,empty\np1,c1,dfs,eligible,no-follow-up,none\n"
        )
        .into_bytes();
        let out = run(
            "exclusions",
            json!({}),
            &[("exclusions", first), ("exclusions", second)],
        )
        .unwrap();
        let rows = "p1,c1,dfs,eligible,no-follow-up,none\np2,c1,,import-mask,mask-empty,empty\n";
        assert_eq!(text(&out, "exclusions"), format!("{HEADER}{rows}"));
    }

    #[test]
    fn a_list_without_its_columns_is_refused() {
        let (code, _) = refusal(run(
            "exclusions",
            json!({}),
            &[("exclusions", b"a,b\n1,2\n".to_vec())],
        ));
        assert_eq!(code, "malformed-input");
    }
}
