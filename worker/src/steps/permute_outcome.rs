//! `permute-outcome`: times and events dealt anew among the patients.

use artefact::follow_up::FollowUpTable;
use stats::controls::random_order;

use crate::step::{Context, Inputs, Produced, StepError};

pub(super) fn run(context: &Context, inputs: &Inputs) -> Result<Vec<Produced>, StepError> {
    let table = FollowUpTable::decode(inputs.one("table")?)?;
    let mut order: Vec<usize> = (0..table.rows.len()).collect();
    // by (site, patient), so that the order of a file by hand decides nothing
    order.sort_by(|a, b| table.rows[*a].cmp(&table.rows[*b]));
    // who is not followed stays unknown: time and event go together, and only among the known
    let known: Vec<usize> = (order.into_iter())
        .filter(|&i| !table.time[i].is_nan())
        .collect();
    let mut dealt = table.clone();
    for (to, from) in random_order(known.len(), context.seed()?)
        .into_iter()
        .enumerate()
    {
        dealt.time[known[to]] = table.time[known[from]];
        dealt.event[known[to]] = table.event[known[from]];
    }
    Ok(vec![Produced::bytes("followup", dealt.encode())])
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::fixture::{content, run};
    use artefact::follow_up::FollowUpTable;
    use serde_json::json;

    #[test]
    fn pairs_stay_together_and_the_unknown_stay_unknown() {
        let mut text = String::from("patient_id,site,time_months,event\n");
        for i in 0..30 {
            let (time, event) = match i {
                7 => (String::new(), String::new()),
                _ => (i.to_string(), (i % 2).to_string()),
            };
            text.push_str(&format!("p{i:02},c1,{time},{event}\n"));
        }
        let deal = |text: String| {
            let out = run(
                "permute-outcome",
                json!({}),
                &[("table", text.into_bytes())],
            )
            .unwrap();
            FollowUpTable::decode(&content(&out, "followup")).unwrap()
        };
        let dealt = deal(text.clone());
        assert_eq!(dealt.rows.len(), 30);
        assert!(dealt.time[7].is_nan());
        let mut times: Vec<i64> = Vec::new();
        for i in (0..30).filter(|&i| i != 7) {
            assert_eq!(dealt.event[i], dealt.time[i] as i64 % 2 == 1);
            times.push(dealt.time[i] as i64);
        }
        assert!(!times.is_sorted());
        times.sort_unstable();
        assert_eq!(times, (0..30).filter(|&i| i != 7).collect::<Vec<i64>>());
        let (head, rows) = text.split_once('\n').unwrap();
        let mut lines: Vec<&str> = rows.lines().collect();
        lines.reverse();
        let again = deal(format!("{head}\n{}\n", lines.join("\n")));
        assert_eq!(again.encode(), dealt.encode());
    }
}
