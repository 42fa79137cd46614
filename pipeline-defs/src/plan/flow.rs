//! Where each task runs, and what may leave a site.

use super::make::Reporter;
use super::{HUB, Origin, Plan, TaskIdx};
use crate::kinds::Class;
use crate::study::Step;

/// Places the tasks of the step that was added last.
pub(super) fn check(plan: &mut Plan, step: &Step, say: &mut Reporter) {
    let Some(planned) = plan.steps.last() else {
        return;
    };
    let has_patient = planned.axes.iter().any(|&a| plan.axes[a].patients);
    for task in planned.tasks.clone() {
        let place = place(plan, step, task, has_patient, say);
        plan.tasks[task as usize].site = place;
        let kind = plan.kind_of(task);
        let leaving = kind.outputs.iter().find(|o| o.class != Class::Site);
        if let (true, false, Some(output)) = (place != HUB, kind.releases, leaving) {
            let message = format!(
                "`{}` would turn site-bound inputs into `{}`, which may leave the site",
                kind.name, output.name
            );
            say.step(
                "release",
                step,
                "",
                message,
                "only extract-features, compare-masks and noise-features release what they make from pixels",
            );
        }
    }
}

/// The site of a task's site-bound inputs, or the hub.
fn place(plan: &Plan, step: &Step, task: TaskIdx, has_patient: bool, say: &mut Reporter) -> u32 {
    let mut site: Option<(u32, &'static str)> = None;
    let mut hub: Option<&'static str> = None;
    for port in plan.ports(task) {
        for entry in plan.entries(port) {
            match plan.class_of(entry.origin) {
                Class::Open => {}
                Class::Hub => hub = Some(port.name),
                Class::Site if !has_patient => {
                    let message = format!(
                        "port `{}` would need site-bound inputs of two sites",
                        port.name
                    );
                    let repair =
                        "add \"patient\" to `per`, or gather features, which may leave their site";
                    say.step("two-sites", step, port.name, message, repair);
                    return HUB;
                }
                Class::Site => {
                    let here = site_of(plan, entry.origin);
                    if site.is_some_and(|(other, _)| other != here) {
                        let message = format!(
                            "port `{}` would need site-bound inputs of two sites",
                            port.name
                        );
                        say.step(
                            "two-sites",
                            step,
                            port.name,
                            message,
                            "use items of one patient",
                        );
                        return HUB;
                    }
                    site = Some((here, port.name));
                }
            }
        }
    }
    if let (Some((_, site_port)), Some(hub_port)) = (site, hub) {
        let message = format!(
            "port `{hub_port}` would carry patient-level values of the hub to a site, where `{site_port}` is bound"
        );
        say.step(
            "hub-to-site",
            step,
            hub_port,
            message,
            "give it aggregates, or move the work behind extract-features",
        );
    }
    site.map_or(HUB, |(site, _)| site)
}

fn site_of(plan: &Plan, origin: Origin) -> u32 {
    match origin {
        Origin::Output { task, .. } => plan.tasks[task as usize].site,
        Origin::Source(source) => {
            let name = plan.source(source).site.as_deref();
            plan.sites
                .iter()
                .position(|s| Some(s.as_str()) == name)
                .map_or(HUB, |i| i as u32)
        }
    }
}
