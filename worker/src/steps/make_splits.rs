//! `make-splits`: one division of the patients into training and test rows.

use artefact::RowId;
use artefact::follow_up::FollowUpTable;
use artefact::ids;
use artefact::split::{SplitTable, decode_folds};
use cohort::{
    EndpointEvents, NamedSplit, Roster, RosterRow, Split, SplitError, SplitScheme, Stratum,
    given_folds,
};
use pipeline_defs::params::{SplitParams, SplitParamsScheme};

use super::patients::Patients;
use super::refuse::refuse;
use crate::step::{Context, Input, Inputs, Produced, StepError};

pub(super) fn run(context: &Context, inputs: &Inputs) -> Result<Vec<Produced>, StepError> {
    let Some(scheme) = context.params::<SplitParams>()?.scheme else {
        return Err(StepError::refuse(
            "scheme-missing",
            "set scheme, as in `scheme = { axis = \"split\" }`",
        ));
    };
    let mut rows = ids::decode(inputs.one("roster")?)?;
    rows.sort();
    let split = match (scheme.given, inputs.optional("folds")?) {
        (true, Some(folds)) => from_folds(&mut rows, &decode_folds(folds)?, &scheme)?,
        (true, None) => {
            return Err(StepError::refuse(
                "input-missing",
                "the scheme takes given folds; connect `folds`",
            ));
        }
        (false, _) => from_scheme(&rows, inputs.all("strata"), &scheme)?,
    };
    let pick = |chosen: &[usize]| chosen.iter().map(|&i| rows[i].clone()).collect();
    let table = SplitTable {
        train: pick(&split.train),
        test: pick(&split.test),
    };
    Ok(vec![Produced::bytes("split", table.encode())])
}

fn from_scheme(
    rows: &[RowId],
    strata: &[Input],
    scheme: &SplitParamsScheme,
) -> Result<Split, StepError> {
    let roster = rows
        .iter()
        .map(|r| RosterRow {
            site: r.site.clone(),
            patient_id: r.patient_id.clone(),
        })
        .collect();
    let roster = Roster::new(roster).map_err(|e| refuse("roster", &e))?;
    let divided = SplitScheme {
        kfold: scheme.kfold as usize,
        repeats: if scheme.kfold == 0 {
            0
        } else {
            scheme.repeats as usize
        },
        external: scheme.external.clone(),
        stratify: scheme
            .stratify
            .iter()
            .map(|s| stratum(s))
            .collect::<Result<_, _>>()?,
        seed: scheme.seed,
    };
    let endpoints = strata
        .iter()
        .map(|input| events(rows, input))
        .collect::<Result<Vec<_>, _>>()?;
    let splits = divided
        .divide(&roster, &endpoints)
        .map_err(|e| refuse(code(&e), &e))?;
    choose(splits, scheme)
}

/// Folds that are numbered from 1; a patient without one is in no split. A site that is held out is in none of them.
fn from_folds(
    rows: &mut Vec<RowId>,
    folds: &[(RowId, u32)],
    scheme: &SplitParamsScheme,
) -> Result<Split, StepError> {
    if scheme.fold.is_none() {
        return from_scheme(
            rows,
            &[],
            &SplitParamsScheme {
                kfold: 0,
                ..scheme.clone()
            },
        );
    }
    let names: Vec<RowId> = folds.iter().map(|(row, _)| row.clone()).collect();
    let known = Patients::new(&names);
    let mut kept = Vec::new();
    let mut fold = Vec::new();
    for row in rows
        .iter()
        .filter(|row| scheme.external.as_ref() != Some(&row.site))
    {
        if let Some(at) = known.find(row)? {
            kept.push(row.clone());
            fold.push(folds[at].1 as usize);
        }
    }
    *rows = kept;
    choose(
        given_folds(&fold).map_err(|e| refuse(code(&e), &e))?,
        scheme,
    )
}

/// The split of this repeat and fold; `external` has neither.
fn choose(splits: Vec<NamedSplit>, scheme: &SplitParamsScheme) -> Result<Split, StepError> {
    let name = match (scheme.repeat, scheme.fold) {
        (_, None) => "external".to_owned(),
        (repeat, Some(fold)) => format!("r{}f{fold}", repeat.unwrap_or(1)),
    };
    let n = splits.len();
    let found = splits.into_iter().find(|split| split.name == name);
    found.map(|split| split.split).ok_or_else(|| {
        StepError::refuse(
            "split-unknown",
            format!("split `{}` is none of the {n}", scheme.name),
        )
    })
}

fn stratum(name: &str) -> Result<Stratum, StepError> {
    match name {
        "event" => Ok(Stratum::Event),
        "site" => Ok(Stratum::Site),
        other => Err(StepError::refuse(
            "stratum-unknown",
            format!("stratify has `{other}`, must be `event` or `site`"),
        )),
    }
}

/// Event flags of one endpoint; who has no follow-up has none, and takes part in no fit or score either.
fn events(rows: &[RowId], input: &Input) -> Result<EndpointEvents, StepError> {
    let bytes = input
        .content
        .as_ref()
        .map_err(|r| StepError::refuse(&r.code, r.message.clone()))?;
    let table = FollowUpTable::decode(bytes)?;
    let known = Patients::new(&table.rows);
    let seen = |row| Ok(known.find(row)?.is_some_and(|at| table.event[at]));
    let event = rows.iter().map(seen).collect::<Result<_, StepError>>()?;
    Ok(EndpointEvents {
        endpoint: input.axis("endpoint").unwrap_or("followup").to_owned(),
        event,
    })
}

fn code(error: &SplitError) -> &'static str {
    match error {
        SplitError::Folds { .. } => "folds",
        SplitError::Length { .. } => "rows-differ",
        SplitError::UnknownExternal { .. } => "external-unknown",
        SplitError::OnlyExternal { .. } => "external-only",
        SplitError::TooFewPatients { .. } => "too-few-patients",
        SplitError::TooFewEvents { .. } => "too-few-events",
        SplitError::FoldWithoutEvent { .. } => "fold-without-event",
        SplitError::EmptyFold { .. } => "fold-empty",
        SplitError::FoldNumber { .. } => "fold-number",
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::fixture::{content, refusal, run};
    use artefact::split::SplitTable;
    use serde_json::{Value, json};

    fn scheme(fold: Option<u32>, kfold: u32, given: bool) -> Value {
        let name = fold.map_or("external".to_owned(), |f| format!("r1f{f}"));
        json!({"scheme": {"name": name, "repeat": fold.map(|_| 1), "fold": fold, "kfold": kfold, "repeats": 1,
            "external": "c2", "stratify": ["event", "site"], "seed": 5, "given": given}})
    }

    fn roster() -> Vec<u8> {
        let rows: String = (0..24)
            .map(|i| format!("p{i:02},{}\n", if i < 20 { "c1" } else { "c2" }))
            .collect();
        format!("patient_id,site\n{rows}").into_bytes()
    }

    fn strata() -> Vec<u8> {
        let rows: String = (0..24)
            .map(|i| format!("p{i:02},{},{}\n", i + 1, i % 2))
            .collect();
        format!("patient_id,time_months,event\n{rows}").into_bytes()
    }

    fn divided(params: Value) -> SplitTable {
        let out = run(
            "make-splits",
            params,
            &[("roster", roster()), ("strata", strata())],
        )
        .unwrap();
        SplitTable::decode(&content(&out, "split")).unwrap()
    }

    #[test]
    fn folds_cover_the_inner_site_once_and_external_is_the_other() {
        let mut tested = Vec::new();
        for fold in 1..=4 {
            let split = divided(scheme(Some(fold), 4, false));
            assert_eq!((split.train.len(), split.test.len()), (15, 5));
            tested.extend(split.test);
        }
        tested.sort();
        tested.dedup();
        assert_eq!(tested.len(), 20);
        assert!(tested.iter().all(|row| row.site == "c1"));
        let external = divided(scheme(None, 4, false));
        assert_eq!(external.train.len(), 20);
        assert!(external.test.len() == 4 && external.test.iter().all(|row| row.site == "c2"));
        assert_eq!(divided(scheme(None, 0, false)), external);
    }

    #[test]
    fn given_folds_are_taken_as_they_are() {
        let folds: String = (0..20)
            .map(|i| format!("p{i:02},{}\n", i % 4 + 1))
            .collect();
        let folds = format!("patient_id,fold\n{folds}").into_bytes();
        let out = run(
            "make-splits",
            scheme(Some(2), 4, true),
            &[("roster", roster()), ("folds", folds)],
        )
        .unwrap();
        let split = SplitTable::decode(&content(&out, "split")).unwrap();
        let test: Vec<&str> = split
            .test
            .iter()
            .map(|row| row.patient_id.as_str())
            .collect();
        assert_eq!(test, ["p01", "p05", "p09", "p13", "p17"]);
        assert_eq!(split.train.len(), 15);
    }

    #[test]
    fn more_folds_than_events_are_refused_with_both_numbers() {
        let (code, message) = refusal(run(
            "make-splits",
            scheme(Some(1), 15, false),
            &[("roster", roster()), ("strata", strata())],
        ));
        assert_eq!(code, "too-few-events");
        assert!(
            message.contains("10 events") && message.contains("15 folds"),
            "{message}"
        );
    }
}
