//! Choices by an axis: every value has its alternative, every alternative its value.

use super::axes::SITE;
use super::{AxisKind, Choice, Step, Study};
use crate::problem::{Place, Problem, Problems, suggest};

/// The axis of a choice is an axis of the step, its alternatives are values of it, and when `all` none is missing.
/// Alternatives for values that the profile or an override took away do no harm.
pub(super) fn by_axis<T>(
    study: &Study,
    step: &Step,
    choice: &Choice<T>,
    all: bool,
    problems: &mut Problems,
) {
    let Choice::By {
        axis,
        options,
        place,
    } = choice
    else {
        return;
    };
    let Some(values) = chooseable(study, step, axis, place, problems) else {
        return;
    };
    let mut say =
        |message: String, repair: String| problems.push(Problem::new("by", place, message, repair));
    let elsewhere = study.values_elsewhere.get(axis);
    let strangers: Vec<&String> = options
        .iter()
        .map(|(option, _)| option)
        .filter(|o| !values.contains(o) && !elsewhere.is_some_and(|e| e.contains(o)))
        .collect();
    for stranger in &strangers {
        let repair = suggest(stranger, values.iter().map(String::as_str));
        say(format!("axis `{axis}` has no value `{stranger}`"), repair);
    }
    if !all || !strangers.is_empty() {
        return; // a misspelt alternative leaves its value without: that is one mistake
    }
    for value in values {
        if !options.iter().any(|(option, _)| *option == value) {
            let message = format!("no alternative for `{axis}` = `{value}`");
            say(message, format!("write `{value} = …`"));
        }
    }
}

/// The values of the axis of a choice, when it is one that can be chosen by.
fn chooseable(
    study: &Study,
    step: &Step,
    axis: &str,
    place: &Place,
    problems: &mut Problems,
) -> Option<Vec<String>> {
    if !step.per.iter().any(|(name, _)| name == axis) {
        let repair = match study.axis(axis) {
            Some(_) => format!("add \"{axis}\" to `per`"),
            None => suggest(axis, step.per.iter().map(|(name, _)| name.as_str())),
        };
        let message = format!("`{axis}` is no axis of the step");
        problems.push(Problem::new("by", place, message, repair));
        return None;
    }
    let values = static_values(study, axis);
    if values.is_none() {
        let message = format!("cannot choose by `{axis}`, whose values come from the cohort");
        let repair = "choose by an axis whose values are written out";
        problems.push(Problem::new("by", place, message, repair));
    }
    values
}

/// The values of an axis as far as the text alone tells them.
pub(crate) fn static_values(study: &Study, axis: &str) -> Option<Vec<String>> {
    if axis == SITE {
        return Some(study.sites.clone()).filter(|sites| !sites.is_empty());
    }
    values_of(&study.axis(axis)?.kind)
}

/// The values of one kind of axis as far as the text alone tells them.
pub(super) fn values_of(kind: &AxisKind) -> Option<Vec<String>> {
    match kind {
        AxisKind::List(values) | AxisKind::Sparse { values, .. } => Some(values.clone()),
        AxisKind::Group { members, .. } => {
            Some(members.iter().map(|(name, _)| name.clone()).collect())
        }
        AxisKind::Cohort => None,
        AxisKind::Split(scheme) => Some(scheme.values()),
        AxisKind::Nested { kfold, .. } => Some((1..=*kfold).map(|i| format!("i{i}")).collect()),
    }
}
