//! How a run stands, for people: counts of its tasks, its phase, what went wrong.

use proto::{RunStatus, StepCount};

use crate::run_loop::RunInfo;
use crate::state::{Phase, Run, State};

/// Counts, phase and problems of a run.
pub(crate) fn status_of(run: &Run, info: &RunInfo, state: &State) -> RunStatus {
    let mut status = RunStatus {
        run: info.id.clone(),
        study: info.study.name.clone(),
        total: run.tasks.len() as u64,
        ..RunStatus::default()
    };
    for step in run.plan.steps() {
        let mut count = StepCount {
            step: step.name.clone(),
            total: u64::from(step.tasks.end - step.tasks.start),
            ..StepCount::default()
        };
        for task in step.tasks.clone() {
            match run.tasks[task as usize].phase {
                Phase::Ran => count.done += 1,
                Phase::Reused => {
                    count.done += 1;
                    count.reused += 1;
                }
                Phase::Refused => count.refused += 1,
                Phase::Failed | Phase::Blocked => count.failed += 1,
                _ => {}
            }
        }
        status.done += count.done;
        status.reused += count.reused;
        status.refused += count.refused;
        status.failed += count.failed;
        status.steps.push(count);
    }
    count_running(run, info, state, &mut status);
    status.ran = status.done - status.reused;
    if status.ran > 0 && run.open == 0 {
        status.cut_off = cut_off(run);
    }
    status.excluded = excluded(run);
    status.problems = run
        .failures
        .iter()
        .map(|(task, message)| format!("{}: {message}", run.plan.address(*task)))
        .collect();
    status.elapsed_ms = run
        .ended_ms
        .unwrap_or_else(|| {
            run.spans
                .last()
                .map_or(run.submitted_ms, |s| s.started_ms + s.wall_ms)
        })
        .saturating_sub(run.submitted_ms);
    if let Some(Ok(result)) = &info.result {
        status.problems.extend(result.unpublished.iter().cloned());
    }
    if let Some(Err(message)) = &info.result {
        status
            .problems
            .push(format!("the run's record could not be written: {message}"));
    }
    status.phase = phase_of(run, info).to_owned();
    status
}

fn phase_of(run: &Run, info: &RunInfo) -> &'static str {
    match (&info.result, run.cancelled) {
        (None, _) if run.paused => "paused",
        (None, _) => "running",
        (Some(_), true) => "cancelled",
        (Some(Ok(result)), _) if result.complete => "done",
        (Some(_), _) => "incomplete",
    }
}

fn count_running(run: &Run, info: &RunInfo, state: &State, status: &mut RunStatus) {
    if info.result.is_some() {
        return;
    }
    let held = state.workers.values().flat_map(|w| w.held.values());
    for comp in held.filter_map(|h| state.comp(h.comp)) {
        for (run_no, task) in &comp.waiters {
            if state.runs.get(run_no).is_some_and(|r| std::ptr::eq(r, run)) {
                status.running += 1;
                let step = run.plan.steps().iter().position(|s| s.tasks.contains(task));
                if let Some(count) = step.and_then(|i| status.steps.get_mut(i)) {
                    count.running += 1;
                }
            }
        }
    }
}

/// Reused although something right above ran: it gave the same bytes.
fn cut_off(run: &Run) -> u64 {
    let reused =
        (0..run.tasks.len() as u32).filter(|t| run.tasks[*t as usize].phase == Phase::Reused);
    reused
        .filter(|t| {
            run.plan
                .dependencies(*t)
                .any(|d| run.tasks[d as usize].phase == Phase::Ran)
        })
        .count() as u64
}

/// Patients with a refusal of their own.
fn excluded(run: &Run) -> u64 {
    let patients: std::collections::BTreeSet<(&str, &str)> = run
        .refusals
        .iter()
        .filter_map(|(task, _)| {
            Some((
                run.plan.site_of(*task).unwrap_or(""),
                run.plan.patient_of(*task)?,
            ))
        })
        .collect();
    patients.len() as u64
}
