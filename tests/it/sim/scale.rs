//! A hundred thousand tasks at once: what a call of the schedule looks at, and what a task weighs.

use std::mem::size_of;
use std::sync::Arc;
use std::time::Instant;

use coordinator::apply::apply;
use coordinator::event::{Command, Event, Hello};
use coordinator::schedule::schedule;
use coordinator::state::{Comp, Rules, State, TaskState};
use pipeline_defs::Snapshot;

const SIDE: usize = 316;

/// `SIDE`² tasks that differ in their recipes.
fn wide_plan() -> Arc<pipeline_defs::plan::Plan> {
    let values = |name: &str| {
        (0..SIDE)
            .map(|i| format!("\"{name}{i}\""))
            .collect::<Vec<_>>()
            .join(", ")
    };
    let text = format!(
        "name = \"wide\"\nseed = 1\n[axes]\na = [{}]\nb = [{}]\n[steps.left]\nkind = \"no-op\"\nper = [\"a\"]\nwith = {{ value = {{ axis = \"a\" }} }}\n\
         [steps.cell]\nkind = \"no-op\"\nper = [\"a\", \"b\"]\nwith = {{ value = {{ axis = \"b\" }} }}\nin = {{ input = \"left.output\" }}\n",
        values("a"),
        values("b")
    );
    let study = pipeline_defs::parse(&text, "wide.toml", &[]).unwrap_or_else(|p| panic!("{p}"));
    Arc::new(pipeline_defs::plan(&study, &Snapshot::default()).unwrap_or_else(|p| panic!("{p}")))
}

#[test]
fn a_hundred_thousand_ready_tasks_are_given_out_a_window_at_a_time() {
    let plan = wide_plan();
    let mut state = State::new(Rules::production(), 1);
    let mut left = answer(
        &mut state,
        Event::Submitted {
            run: 0,
            plan: Arc::clone(&plan),
            now: 0,
        },
    );
    let kinds = vec![("no-op".to_owned(), 1)];
    for worker in 0..8 {
        let hello = Hello {
            name: format!("w{worker}"),
            site: "hub".into(),
            holders: vec!["hub".into()],
            cores: 16,
            memory_mb: 65_536,
            kinds: kinds.clone(),
            running: Vec::new(),
        };
        answer(
            &mut state,
            Event::Joined {
                worker,
                hello,
                now: 0,
            },
        );
    }
    let started = Instant::now();
    let (mut done, mut calls) = (0, 0);
    while state.runs[&0].open > 0 {
        let schedule = schedule(&state);
        assert!(
            schedule.assignments.len() <= 8 * 2_048,
            "{} leases in one call",
            schedule.assignments.len()
        );
        calls += 1;
        left.extend(answer(
            &mut state,
            Event::Scheduled {
                assignments: schedule.assignments,
                starved: schedule.starved,
                now: 0,
            },
        ));
        for (worker, fence, recipe, task) in std::mem::take(&mut left) {
            let outcome = super::study::made_of(plan.kind_of(task), &recipe);
            let report = coordinator::event::Report::Ended(outcome);
            left.extend(answer(
                &mut state,
                Event::Reported {
                    worker,
                    fence,
                    recipe,
                    report,
                    wall_ms: 1,
                    now: 0,
                },
            ));
            done += 1;
        }
    }
    assert_eq!(done, plan.n_tasks());
    assert!(state.comps.iter().all(Option::is_none));
    eprintln!(
        "{done} tasks in {calls} calls, {:.1} s; bytes: task {}, computation {}",
        started.elapsed().as_secs_f64(),
        size_of::<TaskState>(),
        size_of::<Comp>()
    );
}

type Lease = (u32, u64, digest::Digest, u32);

/// Applies an event and answers every look with a miss; gives back the leases.
fn answer(state: &mut State, event: Event) -> Vec<Lease> {
    let mut leases = Vec::new();
    for command in apply(state, event) {
        match command {
            Command::Look { comp, recipe } => leases.extend(answer(
                state,
                Event::Looked {
                    comp,
                    recipe,
                    answer: None,
                },
            )),
            Command::Lease {
                worker,
                fence,
                recipe,
                task,
                ..
            } => leases.push((worker, fence, recipe, task)),
            _ => {}
        }
    }
    leases
}
