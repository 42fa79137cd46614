//! Small inputs for the tests of the steps.

use std::collections::BTreeMap;

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
        let input = Input { axes: Vec::new(), content: Ok(Bytes::from(bytes.clone())) };
        inputs.ports.entry((*port).to_owned()).or_default().push(input);
    }
    inputs
}

/// Artefacts of one port with the axis values they were gathered along.
pub(super) fn gathered(entries: Vec<(Vec<(&str, &str)>, Result<Vec<u8>, artefact::refusal::Refusal>)>) -> Vec<Input> {
    let owned = |axes: Vec<(&str, &str)>| axes.into_iter().map(|(a, v)| (a.to_owned(), v.to_owned())).collect();
    entries.into_iter().map(|(axes, content)| Input { axes: owned(axes), content: content.map(Bytes::from) }).collect()
}

/// Runs a kind with seed 1 on one artefact at each port.
pub(super) fn run(kind: &str, params: Value, ports: &[(&str, Vec<u8>)]) -> Result<Vec<Produced>, StepError> {
    run_on(kind, params, &inputs(ports))
}

/// Runs a kind with seed 1.
pub(super) fn run_on(kind: &str, params: Value, inputs: &Inputs) -> Result<Vec<Produced>, StepError> {
    super::run(kind, &Context { params, seed: Some(1) }, inputs)
}

/// Inputs by port, from gathered entries.
pub(super) fn ports(ports: Vec<(&str, Vec<Input>)>) -> Inputs {
    Inputs { ports: ports.into_iter().map(|(name, entries)| (name.to_owned(), entries)).collect::<BTreeMap<_, _>>() }
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
