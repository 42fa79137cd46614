//! Times and events: what is no time, what contradicts, which unit, and what the horizons find.

use std::collections::{BTreeMap, BTreeSet};

use cohort::FollowUp;
use evaluation::doctor::horizon_support;
use pipeline_defs::Study;

use super::finding::{Code, Finding, some_of};
use super::sheet::{Row, Sheet};
use super::wanted::{Endpoint, Wanted};

/// Fewer events than this train nothing.
const EVENTS_MIN: usize = 10;
/// Medians of two sites that differ by more than this, and not much more than days in a month, are in two units.
const UNIT_RATIO: std::ops::RangeInclusive<f64> = 10.0..=70.0;
/// A median follow-up beyond 25 years is in another unit than months.
const MEDIAN_MAX_MONTHS: f64 = 300.0;
/// Rounding of times to a tenth of a month.
const TIME_SLACK_MONTHS: f64 = 0.11;

/// Usable follow-up of one endpoint, a row a patient.
pub(super) struct Followed {
    pub endpoint: Endpoint,
    pub patients: Vec<String>,
    pub sites: Vec<String>,
    pub time_months: Vec<f64>,
    pub event: Vec<bool>,
}

impl Followed {
    /// Follow-up of the patients that `keep` names by their position.
    pub(super) fn of(&self, keep: impl Fn(usize) -> bool) -> Option<FollowUp> {
        let rows: Vec<usize> = (0..self.patients.len()).filter(|&row| keep(row)).collect();
        let time = rows.iter().map(|&row| self.time_months[row]).collect();
        FollowUp::new(time, rows.iter().map(|&row| self.event[row]).collect()).ok()
    }

    /// Takes the numbers of these sites as days, whatever the study says.
    fn as_days(&mut self, sites: &[String]) {
        let of_sites = self.sites.iter().zip(&mut self.time_months);
        for (_, time) in of_sites.filter(|(site, _)| sites.contains(site)) {
            *time = months(*time / months(1.0, &self.endpoint.unit), "days");
        }
    }
}

pub(super) fn examine(
    wanted: &Wanted,
    study: &Study,
    sheets: &[Sheet],
    findings: &mut Vec<Finding>,
) -> Vec<Followed> {
    let mut all = Vec::new();
    for endpoint in &wanted.endpoints {
        let sheet = sheets
            .iter()
            .find(|s| s.column(&endpoint.time).is_some() && s.column(&endpoint.event).is_some());
        let Some(sheet) = sheet else {
            if let Some(first) = sheets.first() {
                let message = format!(
                    "endpoint `{}` needs columns `{}` and `{}`",
                    endpoint.name, endpoint.time, endpoint.event
                );
                findings.push(Finding::new(Code::ColumnMissing, first.table.path.display().to_string(), message, "name the columns in the step `follow-up`: with = { time = …, event = …, unit = … }"));
            }
            continue;
        };
        not_shared(endpoint, sheet, findings);
        let mut followed = read(endpoint, sheet, findings);
        absent(&followed, sheet, findings);
        let suspect = units(&followed, sheet, findings);
        // What follows is asked of the times that are probably meant; else one wrong unit is told as many things.
        followed.as_days(&suspect);
        horizons(&followed, wanted, study, findings);
        all.push(followed);
    }
    // of declared sites the planner says so, and another centre's patients are not here
    if study.sites.is_empty() {
        external_site(&all, wanted, sheets, findings);
    }
    order(&all, findings);
    all
}

/// An external site of which nobody is followed: every model would be judged on nobody.
fn external_site(all: &[Followed], wanted: &Wanted, sheets: &[Sheet], findings: &mut Vec<Finding>) {
    // a table of outcomes alone may leave the site to the table of features
    let rows = sheets.iter().flat_map(|sheet| &sheet.patients);
    let site_of: BTreeMap<&str, &str> = rows
        .filter(|row| !row.site.is_empty())
        .map(|row| (row.patient_id.as_str(), row.site.as_str()))
        .collect();
    let mut n_at: BTreeMap<&str, usize> = BTreeMap::new();
    for followed in all {
        for (patient, site) in followed.patients.iter().zip(&followed.sites) {
            let elsewhere = || site_of.get(patient.as_str()).copied().unwrap_or_default();
            let site = if site.is_empty() { elsewhere() } else { site };
            *n_at.entry(site).or_default() += 1;
        }
    }
    let Some(external) = (wanted.external.as_deref())
        .filter(|external| !n_at.is_empty() && !n_at.contains_key(external))
    else {
        return;
    };
    let sites: Vec<String> = (n_at.iter())
        .map(|(site, n)| match site.is_empty() {
            true => format!("none ({n})"),
            false => format!("`{site}` ({n})"),
        })
        .collect();
    let message = format!(
        "no patient with follow-up is of the external site `{external}`; sites and how often a patient of theirs is followed: {}",
        sites.join(", ")
    );
    let repair = "write one of them as external = \"SITE\" in the split's axis";
    findings.push(Finding::new(Code::ExternalUnknown, "axes", message, repair));
}

/// Reads one endpoint; what cannot be used is told and left out, as the step does.
fn read(endpoint: &Endpoint, sheet: &Sheet, findings: &mut Vec<Finding>) -> Followed {
    let mut followed = Followed {
        endpoint: endpoint.clone(),
        patients: Vec::new(),
        sites: Vec::new(),
        time_months: Vec::new(),
        event: Vec::new(),
    };
    let columns = sheet
        .column(&endpoint.time)
        .zip(sheet.column(&endpoint.event));
    let Some((time_at, event_at)) = columns else {
        return followed;
    };
    let mut missing = Vec::new();
    for row in &sheet.patients {
        let (time, event) = (sheet.cell(row, time_at), sheet.cell(row, event_at));
        if time.is_empty() || event.is_empty() {
            missing.push(row);
            continue;
        }
        let time = usable_time(sheet, row, time_at, time, findings);
        let event = usable_event(sheet, row, event_at, event, findings);
        if let (Some(time), Some(event)) = (time, event) {
            followed.patients.push(row.patient_id.clone());
            followed.sites.push(row.site.clone());
            followed.time_months.push(months(time, &endpoint.unit));
            followed.event.push(event);
        }
    }
    let missing = in_followed_sites(missing, sheet, time_at, &endpoint.name, findings);
    if !missing.is_empty() {
        let message = format!(
            "{} patients have no time or no event: {}",
            missing.len(),
            some_of(missing)
        );
        findings.push(Finding::new(
            Code::TimeMissing,
            sheet.column_place(time_at),
            message,
            "they are left out of this endpoint; keep who is lost to follow-up as censored",
        ));
    }
    let events = followed.event.iter().filter(|e| **e).count();
    if events < EVENTS_MIN {
        let message = format!(
            "{events} events of `{}` in {} patients",
            endpoint.name,
            followed.patients.len()
        );
        findings.push(Finding::new(
            Code::EventsFew,
            sheet.column_place(event_at),
            message,
            format!("at least {EVENTS_MIN} are needed before anything is learned"),
        ));
    }
    followed
}

/// Names of the patients who lack a time or an event; a site where everybody does follows nobody, which is told once.
fn in_followed_sites<'a>(
    missing: Vec<&'a Row>,
    sheet: &Sheet,
    time_at: usize,
    endpoint: &str,
    findings: &mut Vec<Finding>,
) -> Vec<&'a str> {
    let sites: BTreeSet<&str> = missing.iter().map(|row| row.site.as_str()).collect();
    let n_missing = |site: &str| missing.iter().filter(|row| row.site == site).count();
    let n_rows = |site: &str| sheet.patients.iter().filter(|row| row.site == site).count();
    let is_followed = |site: &str| n_missing(site) < n_rows(site);
    for site in sites.iter().filter(|site| !is_followed(site)) {
        let message = format!(
            "none of {} patients has a time and an event of `{endpoint}`: they can be scored, not judged",
            n_missing(site)
        );
        let place = sheet.column_place(time_at);
        findings.push(Finding::new(Code::SiteUnfollowed, place, message, "").at_site(site));
    }
    let known = missing.iter().filter(|row| is_followed(&row.site));
    known.map(|row| row.patient_id.as_str()).collect()
}

/// Columns that a run needs and the site keeps to itself.
fn not_shared(endpoint: &Endpoint, sheet: &Sheet, findings: &mut Vec<Finding>) {
    for name in [&endpoint.time, &endpoint.event] {
        let Some(column) = sheet.column(name).filter(|_| !sheet.shared.contains(name)) else {
            continue;
        };
        let message = format!(
            "endpoint `{}` needs column `{name}`, which the site does not share",
            endpoint.name
        );
        let finding = Finding::new(
            Code::ColumnNotShared,
            sheet.column_place(column),
            message,
            format!("add \"{name}\" to `columns` under [share] in the cohort file"),
        );
        if !findings.contains(&finding) {
            findings.push(finding);
        }
    }
}

/// Sites where nobody's outcome is usable though it is written; the cohort, where nobody has one.
fn absent(followed: &Followed, sheet: &Sheet, findings: &mut Vec<Finding>) {
    let endpoint = &followed.endpoint;
    let columns = sheet
        .column(&endpoint.time)
        .zip(sheet.column(&endpoint.event));
    let Some((column, event_at)) = columns else {
        return;
    };
    let is_filled =
        |row: &&Row| !sheet.cell(row, column).is_empty() && !sheet.cell(row, event_at).is_empty();
    // Filled rows and usable ones; a site without filled rows is told as one that follows nobody.
    let mut n_at: BTreeMap<&str, [usize; 2]> = BTreeMap::new();
    for row in sheet.patients.iter().filter(is_filled) {
        n_at.entry(&row.site).or_default()[0] += 1;
    }
    for site in &followed.sites {
        n_at.entry(site).or_default()[1] += 1;
    }
    let mut tell = |site: &str, n: usize| {
        let message = format!(
            "none of {n} patients has a usable `{}` (at least 0) and `{}` (0 or 1)",
            endpoint.time, endpoint.event
        );
        let repair =
            "fill the columns, name others in the step `follow-up`, or leave the endpoint out";
        let place = sheet.column_place(column);
        findings.push(Finding::new(Code::FollowUpAbsent, place, message, repair).at_site(site));
    };
    if followed.patients.is_empty() && !sheet.patients.is_empty() {
        tell("", sheet.patients.len());
        return;
    }
    for (site, [n, n_usable]) in n_at {
        if n_usable == 0 && n > 0 {
            tell(site, n);
        }
    }
}

fn usable_time(
    sheet: &Sheet,
    row: &Row,
    column: usize,
    cell: &str,
    findings: &mut Vec<Finding>,
) -> Option<f64> {
    let mut tell = |code, message: String, repair: &str| {
        let finding = Finding::new(code, sheet.place(row, column), message, repair);
        findings.push(finding.of_patient(&row.site, &row.patient_id));
    };
    match cell.parse::<f64>() {
        Ok(time) if time > 0.0 && time.is_finite() => Some(time),
        Ok(0.0) => {
            tell(
                Code::TimeZero,
                "time is 0".to_owned(),
                "an event at the start is usually a date entered twice",
            );
            Some(0.0)
        }
        Ok(time) if time < 0.0 => {
            tell(
                Code::TimeNegative,
                format!("time is {time}"),
                "the end lies before the start: correct the dates",
            );
            None
        }
        _ => {
            let repair = if cell.contains(',') {
                "write a decimal point"
            } else {
                "write a number"
            };
            tell(
                Code::TimeNotNumber,
                format!("time `{cell}` is no number"),
                repair,
            );
            None
        }
    }
}

fn usable_event(
    sheet: &Sheet,
    row: &Row,
    column: usize,
    cell: &str,
    findings: &mut Vec<Finding>,
) -> Option<bool> {
    match cell.parse::<f64>() {
        Ok(1.0) => Some(true),
        Ok(0.0) => Some(false),
        _ => {
            let message = format!("event `{cell}` is neither 0 nor 1");
            let repair =
                "1 is an event and 0 is none; recode, also where 1 and 2 stand for alive and dead";
            let finding = Finding::new(Code::EventValue, sheet.place(row, column), message, repair);
            findings.push(finding.of_patient(&row.site, &row.patient_id));
            None
        }
    }
}

fn months(time: f64, unit: &str) -> f64 {
    match unit {
        "days" => time * 12.0 / 365.25,
        "years" => time * 12.0,
        _ => time,
    }
}

/// Sites whose times have the scale of another unit than the study believes.
fn units(followed: &Followed, sheet: &Sheet, findings: &mut Vec<Finding>) -> Vec<String> {
    let mut suspect = Vec::new();
    let mut by_site: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
    for (site, time) in followed.sites.iter().zip(&followed.time_months) {
        by_site.entry(site).or_default().push(*time);
    }
    let medians: Vec<(&str, f64)> = by_site
        .into_iter()
        .map(|(site, times)| (site, median(times)))
        .collect();
    let Some(column) = sheet.column(&followed.endpoint.time) else {
        return suspect;
    };
    let lowest = medians.iter().map(|m| m.1).fold(f64::INFINITY, f64::min);
    for (site, median) in medians {
        let beside_others = lowest > 0.0 && UNIT_RATIO.contains(&(median / lowest));
        if beside_others || median > MEDIAN_MAX_MONTHS {
            suspect.push(site.to_owned());
            let mut message = format!(
                "median of `{}` is {median:.0} months",
                followed.endpoint.time
            );
            if beside_others {
                message.push_str(&format!(", at another site {lowest:.0}"));
            }
            let repair = "these look like days: convert them, or say unit = \"days\" in the step `follow-up`";
            findings.push(
                Finding::new(
                    Code::TimeUnitSuspect,
                    sheet.column_place(column),
                    message,
                    repair,
                )
                .at_site(site),
            );
        }
    }
    suspect
}

/// Of at least one value: the lower middle.
fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values
        .get((values.len().max(1) - 1) / 2)
        .copied()
        .unwrap_or(0.0)
}

/// Horizons at which AUC would be NE, in the sets in which it is asked for.
fn horizons(followed: &Followed, wanted: &Wanted, study: &Study, findings: &mut Vec<Finding>) {
    let external = wanted
        .external
        .as_deref()
        .filter(|e| study.sites.iter().any(|s| s == e));
    let is_external = |row: usize| Some(followed.sites[row].as_str()) == external;
    let inside = followed.of(|row| !is_external(row));
    let outside = external.and_then(|_| followed.of(is_external));
    let sets = [
        ("cross-validation", inside, None),
        ("external", outside, external),
    ];
    for (set, follow_up, site) in sets {
        let Some(follow_up) = follow_up.filter(|f| !f.is_empty()) else {
            continue;
        };
        for &horizon in &wanted.horizons {
            let support = horizon_support(&follow_up, horizon);
            let Some(reason) = &support.refused else {
                continue;
            };
            let message = format!(
                "`{}` at {horizon} months, {set}: NE ({reason}; at risk {}, cases {}, longest follow-up {:.1})",
                followed.endpoint.name, support.n_at_risk, support.n_cases, support.last
            );
            let place = format!("{}, horizon {horizon}", followed.endpoint.name);
            let finding = Finding::new(
                Code::HorizonUnsupported,
                place,
                message,
                "ask for earlier horizons, or follow longer; the report will say NE",
            );
            findings.push(finding.at_site(site.unwrap_or("")));
        }
    }
}

/// Endpoints against overall survival: nothing ends after death, and a death is an event of disease-free survival.
fn order(all: &[Followed], findings: &mut Vec<Finding>) {
    let is = |name: &str, prefixes: &[&str]| {
        prefixes
            .iter()
            .any(|p| name == *p || name.starts_with(&format!("{p}_")))
    };
    let named = |f: &Followed, prefixes: &[&str]| {
        is(&f.endpoint.name, prefixes) || is(&f.endpoint.time, prefixes)
    };
    let Some(overall) = all.iter().find(|f| named(f, &["os"])) else {
        return;
    };
    let rows: BTreeMap<&str, usize> = overall
        .patients
        .iter()
        .enumerate()
        .map(|(i, p)| (p.as_str(), i))
        .collect();
    for other in all.iter().filter(|f| f.endpoint != overall.endpoint) {
        for (row, patient) in other.patients.iter().enumerate() {
            let Some(&at) = rows.get(patient.as_str()) else {
                continue;
            };
            let site = &other.sites[row];
            let (time, end) = (other.time_months[row], overall.time_months[at]);
            let place = format!(
                "columns {} and {}",
                other.endpoint.time, overall.endpoint.time
            );
            if time > end + TIME_SLACK_MONTHS {
                let message = format!(
                    "`{}` ends at {time:.1} months, `{}` at {end:.1}",
                    other.endpoint.name, overall.endpoint.name
                );
                findings.push(
                    Finding::new(
                        Code::EndpointOrder,
                        place,
                        message,
                        "no follow-up ends after death or last contact: correct one of the two",
                    )
                    .of_patient(site, patient),
                );
            } else if overall.event[at]
                && !other.event[row]
                && named(other, &["dfs", "pfs", "rfs", "efs"])
            {
                let message = format!(
                    "death is recorded, but no event of `{}`",
                    other.endpoint.name
                );
                findings.push(
                    Finding::new(
                        Code::EndpointEvents,
                        place,
                        message,
                        "death is an event of this endpoint by its usual definition",
                    )
                    .of_patient(site, patient),
                );
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_a_suspect_site_are_taken_as_days() {
        let mut followed = Followed {
            endpoint: Endpoint {
                name: "os".to_owned(),
                time: "os".to_owned(),
                event: "dead".to_owned(),
                unit: "years".to_owned(),
            },
            patients: vec!["p1".to_owned(), "p2".to_owned()],
            sites: vec!["c1".to_owned(), "c2".to_owned()],
            time_months: vec![12.0 * 730.5, 30.0],
            event: vec![true, false],
        };
        followed.as_days(&["c1".to_owned()]);
        assert!((followed.time_months[0] - 24.0).abs() < 1e-9);
        assert_eq!(followed.time_months[1], 30.0);
    }
}
