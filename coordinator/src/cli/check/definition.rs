//! The study itself: what the parser and the planner refuse.

use std::path::Path;

use anyhow::Context as _;
use pipeline_defs::{Problems, Study};

use super::super::settings;
use super::finding::{Code, Finding, Severity};

/// The study, unless it does not parse; its problems are findings under the planner's own codes.
pub(super) fn study(
    path: &Path,
    sets: &[String],
    findings: &mut Vec<Finding>,
) -> anyhow::Result<Option<Study>> {
    let text = std::fs::read_to_string(path)
        .with_context(|| format!("cannot read the study {}", path.display()))?;
    let study = match pipeline_defs::study::parse(&text, &path.display().to_string(), sets) {
        Ok(study) => study,
        Err(problems) => {
            tell(&problems, findings);
            return Ok(None);
        }
    };
    let sets = match settings::overrides(&study, path) {
        Ok(content) => [sets, &content].concat(),
        Err(error) => {
            let place = path.display().to_string();
            let repair = "settings files are named relative to the study";
            let message = format!("{error:#}");
            findings.push(Finding::new(Code::FileUnreadable, place, message, repair));
            return Ok(Some(study));
        }
    };
    let study = match pipeline_defs::study::parse(&text, &path.display().to_string(), &sets) {
        Ok(study) => study,
        Err(problems) => {
            tell(&problems, findings);
            return Ok(None);
        }
    };
    if let Err(problems) = pipeline_defs::check(&study) {
        tell(&problems, findings);
    }
    Ok(Some(study))
}

/// Problems that were not told yet.
pub(super) fn tell(problems: &Problems, findings: &mut Vec<Finding>) {
    for problem in &problems.0 {
        let finding = Finding {
            code: problem.code.to_owned(),
            severity: Severity::Refuse,
            site: None,
            patient: None,
            place: problem.place.to_string(),
            message: problem.message.clone(),
            repair: problem.repair.clone(),
        };
        if !findings.contains(&finding) {
            findings.push(finding);
        }
    }
}
