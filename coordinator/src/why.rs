//! Why a task ran or did not: its recipe beside the one of the same task in an earlier run of the study.

use pipeline_defs::recipe::{Recipe, diff};
use proto::{Difference, WhyReply, WhyRequest};
use tonic::Status;

use crate::finish::read_manifest;
use crate::hub::Hub;
use crate::run_loop::TaskView;
use crate::state::Phase;

/// Answers.
///
/// # Errors
/// No such run or task; the store does not answer.
pub fn why(hub: &Hub, request: &WhyRequest, view: Option<TaskView>) -> Result<WhyReply, Status> {
    let internal = |e: cas::StoreError| Status::data_loss(e.to_string());
    let view = match view {
        Some(view) => view,
        None => return earlier(hub, request),
    };
    let mut reply = WhyReply {
        waits_for: view.waits_for.clone(),
        ..WhyReply::default()
    };
    let new = view
        .recipe
        .as_deref()
        .and_then(|bytes| Recipe::decode(bytes).ok());
    if let Some(bytes) = &view.recipe {
        reply.recipe = digest::Digest::of(bytes).to_string();
    }
    let old = previous(hub, request, &view).map_err(internal)?;
    reply.verdict = verdict(&view, old.is_some());
    if let (Some(old), Some(new)) = (old, new) {
        reply.differences = diff(&old, &new)
            .into_iter()
            .map(|d| Difference {
                component: d.component,
                old: d.old,
                new: d.new,
            })
            .collect();
        if reply.differences.is_empty() && view.phase == Phase::Ran {
            reply.verdict.push_str(
                "; its recipe is the same as before, but its result was not in the cache any more",
            );
        }
    }
    Ok(reply)
}

fn verdict(view: &TaskView, known: bool) -> String {
    let remark = if view.remark.is_empty() {
        String::new()
    } else {
        format!(": {}", view.remark)
    };
    match view.phase {
        Phase::Ran if known => "ran, because its recipe differs from the earlier run's".to_owned(),
        Phase::Ran => "ran, because no earlier run of this study had this task".to_owned(),
        Phase::Reused => "did not run: its recipe was in the cache".to_owned(),
        Phase::Refused => format!("refused{remark}"),
        Phase::Failed => format!("failed{remark}"),
        Phase::Blocked => "did not run: something that it needs failed".to_owned(),
        Phase::Cancelled => "did not run: the run was cancelled".to_owned(),
        Phase::Waiting => "waits for tasks above it".to_owned(),
        Phase::Pinning => "waits for its pinned input".to_owned(),
        Phase::Bound => format!("not finished{remark}"),
    }
}

/// A stored refusal in words.
#[must_use]
pub fn refusal_in_words(hub: &Hub, digest: &digest::Digest) -> Option<String> {
    let bytes = hub.store.get(digest).ok()??;
    let refusal = artefact::refusal::Refusal::decode(&bytes).ok()?;
    Some(format!(
        "{} ({}, {})",
        refusal.message, refusal.kind, refusal.code
    ))
}

/// The recipe of the same task in the latest earlier run of the study that had it.
fn previous(
    hub: &Hub,
    request: &WhyRequest,
    view: &TaskView,
) -> Result<Option<Recipe>, cas::StoreError> {
    let number = |run: &str| {
        run.strip_prefix(&format!("{}-", view.study))
            .and_then(|n| n.parse::<u32>().ok())
    };
    let this = number(&request.run).unwrap_or(u32::MAX);
    let mut earlier: Vec<(u32, String)> = Vec::new();
    for (key, value) in hub.store.notes("result:")? {
        let run = key.trim_start_matches("result:");
        if let Some(n) = number(run).filter(|n| *n < this)
            && let Ok(note) = serde_json::from_slice::<serde_json::Value>(&value)
            && let Some(manifest) = note["manifest"].as_str()
        {
            earlier.push((n, manifest.to_owned()));
        }
    }
    earlier.sort();
    for (_, manifest) in earlier.into_iter().rev() {
        if let Some(recipe) = recipe_in(hub, &manifest, &view.address)? {
            return Ok(Some(recipe));
        }
    }
    Ok(None)
}

/// The recipe of a task in a stored manifest.
///
/// # Errors
/// The store failed.
pub fn recipe_in(
    hub: &Hub,
    manifest: &str,
    address: &str,
) -> Result<Option<Recipe>, cas::StoreError> {
    let Ok(digest) = manifest.parse() else {
        return Ok(None);
    };
    let Some(text) = hub.store.get(&digest)? else {
        return Ok(None);
    };
    let Some(recipe) = read_manifest(&String::from_utf8_lossy(&text))
        .get(address)
        .copied()
    else {
        return Ok(None);
    };
    Ok(hub
        .store
        .get(&recipe)?
        .and_then(|bytes| Recipe::decode(&bytes).ok()))
}

/// A run of an earlier life: its manifest still says how the task ended.
fn earlier(hub: &Hub, request: &WhyRequest) -> Result<WhyReply, Status> {
    let internal = |e: cas::StoreError| Status::data_loss(e.to_string());
    let note = hub
        .store
        .note(&format!("result:{}", request.run))
        .map_err(internal)?;
    let note = note.and_then(|b| serde_json::from_slice::<serde_json::Value>(&b).ok());
    let manifest = note
        .as_ref()
        .and_then(|n| n["manifest"].as_str())
        .map(str::to_owned);
    let not_found = || {
        Status::not_found(format!(
            "run `{}` has no task `{}`; a task is written step[axis=value,…]",
            request.run, request.task
        ))
    };
    let manifest = manifest.ok_or_else(not_found)?;
    let digest = manifest.parse().map_err(|_| not_found())?;
    let text = hub
        .store
        .get(&digest)
        .map_err(internal)?
        .ok_or_else(not_found)?;
    let text = String::from_utf8_lossy(&text).into_owned();
    let line = text
        .lines()
        .find(|l| l.split('\t').next() == Some(request.task.as_str()))
        .ok_or_else(not_found)?;
    let mut parts = line.split('\t').skip(1);
    let (recipe, phase, refusal) = (
        parts.next().unwrap_or_default(),
        parts.next().unwrap_or_default(),
        parts.next().and_then(|digest| digest.parse().ok()),
    );
    let phase = match phase {
        "Ran" => Phase::Ran,
        "Reused" => Phase::Reused,
        "Failed" => Phase::Failed,
        "Blocked" => Phase::Blocked,
        "Cancelled" => Phase::Cancelled,
        _ => Phase::Refused,
    };
    let recipe: Option<digest::Digest> = recipe.parse().ok();
    let bytes = recipe.and_then(|d| hub.store.get(&d).ok().flatten());
    let remark = refusal.and_then(|digest| refusal_in_words(hub, &digest));
    let study = note
        .as_ref()
        .and_then(|n| n["study"].as_str())
        .unwrap_or_default()
        .to_owned();
    let view = TaskView {
        phase,
        recipe: bytes.map(|b| b.to_vec()),
        waits_for: Vec::new(),
        remark: remark.unwrap_or_default(),
        study,
        address: request.task.clone(),
    };
    why(hub, request, Some(view))
}
