//! Small inputs for the tests of the steps.

use std::collections::BTreeMap;

use artefact::refusal::Refusal;
use bytes::Bytes;
use serde_json::Value;

use crate::step::{Content, Context, Input, Inputs, Produced, StepError};

/// A phantom image with slices of 7 mm.
pub(super) fn volume_bytes() -> Vec<u8> {
    super::pixels::encode(&imaging::phantom::pelvis().0)
}

/// Its region.
pub(super) fn mask_bytes() -> Vec<u8> {
    super::pixels::encode_mask(&imaging::phantom::pelvis().1)
}

/// One artefact at each port.
pub(super) fn inputs(ports: &[(&str, Vec<u8>)]) -> Inputs {
    let mut inputs = Inputs::default();
    for (port, bytes) in ports {
        let input = Input {
            axes: Vec::new(),
            content: Ok(Bytes::from(bytes.clone())),
        };
        inputs
            .ports
            .entry((*port).to_owned())
            .or_default()
            .push(input);
    }
    inputs
}

/// Axis values of an artefact, and its bytes or why there are none.
type Entry<'a> = (Vec<(&'a str, &'a str)>, Result<Vec<u8>, Refusal>);

/// Artefacts of one port with the axis values they were gathered along.
pub(super) fn gathered(entries: Vec<Entry>) -> Vec<Input> {
    let owned = |axes: Vec<(&str, &str)>| {
        axes.into_iter()
            .map(|(a, v)| (a.to_owned(), v.to_owned()))
            .collect()
    };
    entries
        .into_iter()
        .map(|(axes, content)| Input {
            axes: owned(axes),
            content: content.map(Bytes::from),
        })
        .collect()
}

/// Runs a kind with seed 1 on one artefact at each port.
pub(super) fn run(
    kind: &str,
    params: Value,
    ports: &[(&str, Vec<u8>)],
) -> Result<Vec<Produced>, StepError> {
    run_on(kind, params, &inputs(ports))
}

/// Runs a kind with seed 1.
pub(super) fn run_on(
    kind: &str,
    params: Value,
    inputs: &Inputs,
) -> Result<Vec<Produced>, StepError> {
    super::run(
        kind,
        &Context {
            params,
            seed: Some(1),
        },
        inputs,
    )
}

/// Inputs by port, from gathered entries.
pub(super) fn ports(ports: Vec<(&str, Vec<Input>)>) -> Inputs {
    Inputs {
        ports: ports
            .into_iter()
            .map(|(name, entries)| (name.to_owned(), entries))
            .collect::<BTreeMap<_, _>>(),
    }
}

/// The bytes at a port.
pub(super) fn content(produced: &[Produced], port: &str) -> Vec<u8> {
    match produced.iter().find(|p| p.port == port).map(|p| &p.content) {
        Some(Content::Bytes(bytes)) => bytes.clone(),
        other => panic!("no bytes at `{port}`: {other:?}"),
    }
}

/// The text at a port.
pub(super) fn text(produced: &[Produced], port: &str) -> String {
    String::from_utf8_lossy(&content(produced, port)).into_owned()
}

/// Code and message of a refusal.
pub(super) fn refusal(result: Result<Vec<Produced>, StepError>) -> (String, String) {
    match result {
        Err(StepError::Refuse { code, message }) => (code, message),
        other => panic!("not refused: {other:?}"),
    }
}

/// A table and a follow-up in which `signal` is prognostic, `twin` says the same, `noise` and `shadow` say nothing.
/// Made of integer formulas; half of the patients have an event.
pub(super) fn learnable(n: u64) -> (Vec<u8>, Vec<u8>) {
    let mut table = String::from("patient_id,site,signal,twin,noise,shadow\n");
    let mut followup = String::from("patient_id,site,time_months,event\n");
    for i in 0..n {
        let (signal, noise, shadow) = ((i * 37) % 101, (i * 53 + 11) % 97, (i * 71 + 5) % 89);
        let site = if i % 4 == 3 { "c2" } else { "c1" };
        let twin = signal * 2 + noise % 3;
        table.push_str(&format!(
            "p{i:03},{site},{signal},{twin},{noise},{shadow}\n"
        ));
        let time = 1.0 + (101 - signal) as f64 * 0.6 + ((i * 29) % 17) as f64;
        followup.push_str(&format!(
            "p{i:03},{site},{time},{}\n",
            (i * 13 + signal) % 2
        ));
    }
    (table.into_bytes(), followup.into_bytes())
}

/// The named columns of a table.
pub(super) fn only(table: &[u8], names: &[&str]) -> Vec<u8> {
    let mut table = artefact::table::Table::decode(table).unwrap_or_default();
    table
        .columns
        .retain(|column| names.contains(&column.name.as_str()));
    table.encode().unwrap_or_default()
}

/// A file of the numeric references; none where they are not at hand, which is said.
pub(super) fn oracle(path: &str) -> Option<Vec<u8>> {
    let root = std::env::var_os("RADLOOM_ORACLES").map_or_else(
        || std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/oracles"),
        std::path::PathBuf::from,
    );
    let found = std::fs::read(root.join(path)).ok();
    if found.is_none() {
        eprintln!("skipped: oracles absent ({path})");
    }
    found
}

/// `time,status,…` as a table and a follow-up of numbered patients.
pub(super) fn survival_data(data: &[u8]) -> (Vec<u8>, Vec<u8>) {
    let text = String::from_utf8_lossy(data).replace('"', "");
    let (mut table, mut followup) = (String::new(), String::from("patient_id,time,status\n"));
    for (i, line) in text.lines().enumerate() {
        let cells: Vec<&str> = line.split(',').collect();
        let id = if i == 0 {
            "patient_id".to_owned()
        } else {
            format!("p{i:04}")
        };
        table.push_str(&format!("{id},{}\n", cells[2..].join(",")));
        if i > 0 {
            followup.push_str(&format!("{id},{},{}\n", cells[0], cells[1]));
        }
    }
    (table.into_bytes(), followup.into_bytes())
}

/// The generated cohort that R's figures of strata, weights and competing risks are of.
pub(super) struct Generated {
    /// Columns `x1`, `x2`, `centre` and the weight `w`.
    pub table: Vec<u8>,
    /// Columns `x1` and `x2`.
    pub features: Vec<u8>,
    /// Events of cause 1.
    pub followup: Vec<u8>,
    /// Times with causes 0, 1 and 2.
    pub causes: Vec<u8>,
    /// R's figures.
    pub reference: Value,
}

/// Reads it.
pub(super) fn generated() -> Generated {
    let folder = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../crates/stats/tests/fixtures/generated"
    );
    let read = |name: &str| {
        std::fs::read_to_string(format!("{folder}/{name}"))
            .unwrap_or_else(|e| panic!("{name}: {e}"))
    };
    let mut table = String::from("patient_id,x1,x2,centre,w\n");
    let mut followup = String::from("patient_id,time,event\n");
    let mut causes = String::from("patient_id,time,cause\n");
    for (i, line) in read("cohort.csv").lines().skip(1).enumerate() {
        let cells: Vec<&str> = line.split(',').collect();
        let event = u8::from(cells[1] == "1");
        table.push_str(&format!("p{i:04},{}\n", cells[2..6].join(",")));
        followup.push_str(&format!("p{i:04},{},{event}\n", cells[0]));
        causes.push_str(&format!("p{i:04},{},{}\n", cells[0], cells[1]));
    }
    let table = table.into_bytes();
    Generated {
        features: only(&table, &["x1", "x2"]),
        table,
        followup: followup.into_bytes(),
        causes: causes.into_bytes(),
        reference: serde_json::from_str(&read("reference.json"))
            .unwrap_or_else(|e| panic!("reference.json: {e}")),
    }
}
