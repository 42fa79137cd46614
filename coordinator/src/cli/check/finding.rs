//! One finding of a check, and how findings are told.

use std::collections::{BTreeMap, BTreeSet};

use comfy_table::{Table, presets};
use serde::Serialize;

pub(super) use imaging::doctor::Severity;

/// More findings of one code than this are counted on the terminal, not listed.
const N_LISTED: usize = 8;

/// Declares the codes of a check that are not those of images or of the planner: name, severity.
macro_rules! codes {
    ($($(#[$doc:meta])* $variant:ident = $name:literal, $severity:ident;)*) => {
        /// What a check finds in tables and files.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(super) enum Code { $($(#[$doc])* $variant,)* }

        impl Code {
            #[cfg(test)]
            pub(super) const ALL: &'static [Code] = &[$(Code::$variant,)*];

            pub(super) fn as_str(self) -> &'static str {
                match self { $(Code::$variant => $name,)* }
            }

            pub(super) fn severity(self) -> Severity {
                match self { $(Code::$variant => Severity::$severity,)* }
            }
        }
    };
}

codes! {
    CohortUnreadable = "cohort-unreadable", Refuse;
    ColumnMissing = "column-missing", Refuse;
    ColumnUnshareable = "column-unshareable", Refuse;
    SiteMissing = "site-missing", Refuse;
    SiteUnknown = "site-unknown", Note;
    PatientIdMissing = "patient-id-missing", Refuse;
    PatientIdDuplicate = "patient-id-duplicate", Refuse;
    PatientIdWord = "patient-id-word", Refuse;
    ColumnIdentifies = "column-identifies", Warn;
    ColumnNotShared = "column-not-shared", Refuse;
    FileMissing = "file-missing", Refuse;
    FileUnreadable = "file-unreadable", Refuse;
    TimeMissing = "time-missing", Warn;
    SiteUnfollowed = "site-unfollowed", Note;
    FollowUpAbsent = "follow-up-absent", Refuse;
    TimeNotNumber = "time-not-number", Refuse;
    TimeNegative = "time-negative", Refuse;
    TimeZero = "time-zero", Warn;
    TimeUnitSuspect = "time-unit-suspect", Refuse;
    EventValue = "event-code", Refuse;
    EventsFew = "events-few", Warn;
    ExternalUnknown = "external-unknown", Refuse;
    EndpointOrder = "endpoint-order", Refuse;
    EndpointEvents = "endpoint-events", Warn;
    DateOrder = "date-order", Refuse;
    DateFormatMixed = "date-format-mixed", Refuse;
    DateFormatAmbiguous = "date-format-ambiguous", Warn;
    DateExcelSerial = "date-excel-serial", Refuse;
    DateTimeDisagree = "date-time-disagree", Warn;
    HorizonUnsupported = "horizon-unsupported", Warn;
    CovariateIsOutcome = "covariate-is-outcome", Refuse;
    CovariateSeparates = "covariate-separates", Refuse;
    VolumePredicts = "volume-predicts", Note;
    TextureIsVolume = "texture-is-volume", Warn;
    SiteShift = "site-shift", Warn;
    ImageSignalAbsent = "image-signal-absent", Note;
    LogWithoutSigma = "log-without-sigma", Warn;
    BinWidthUnused = "bin-width-unused", Warn;
    LabelChannelUnused = "label-channel-unused", Warn;
    LabelOfStep = "label-of-step", Refuse;
}

/// One thing that is wrong, with its place and its repair.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Finding {
    /// A stable name, for machines and the manual.
    pub code: String,
    #[serde(serialize_with = "as_text")]
    pub severity: Severity,
    pub site: Option<String>,
    pub patient: Option<String>,
    /// A line of the study, a row or column of a table, a file.
    pub place: String,
    pub message: String,
    pub repair: String,
}

fn as_text<S: serde::Serializer>(severity: &Severity, s: S) -> Result<S::Ok, S::Error> {
    s.serialize_str(severity.as_str())
}

impl Finding {
    pub(super) fn new(
        code: Code,
        place: impl Into<String>,
        message: impl Into<String>,
        repair: impl Into<String>,
    ) -> Finding {
        Finding {
            code: code.as_str().to_owned(),
            severity: code.severity(),
            site: None,
            patient: None,
            place: place.into(),
            message: message.into(),
            repair: repair.into(),
        }
    }

    /// The same, of a site.
    pub(super) fn at_site(mut self, site: &str) -> Finding {
        self.site = Some(site.to_owned()).filter(|site| !site.is_empty());
        self
    }

    /// The same, of a patient.
    pub(super) fn of_patient(mut self, site: &str, patient: &str) -> Finding {
        self = self.at_site(site);
        self.patient = Some(patient.to_owned());
        self
    }

    /// The same, of another severity.
    pub(super) fn graded(mut self, severity: Severity) -> Finding {
        self.severity = severity;
        self
    }
}

/// The gravest first, then by code and place.
pub(super) fn sort(findings: &mut [Finding]) {
    findings.sort_by(|a, b| {
        let key = |f: &Finding| {
            (
                f.severity,
                f.code.clone(),
                f.site.clone(),
                f.patient.clone(),
                f.place.clone(),
            )
        };
        key(a).cmp(&key(b))
    });
}

/// Names for a message: the first five, and how many more.
pub(super) fn some_of<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    let names: Vec<&str> = names.into_iter().collect();
    let shown = names[..names.len().min(5)].join(", ");
    match names.len().saturating_sub(5) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

fn counts(findings: &[Finding]) -> [(&'static str, usize); 3] {
    [Severity::Refuse, Severity::Warn, Severity::Note].map(|s| {
        (
            s.as_str(),
            findings.iter().filter(|f| f.severity == s).count(),
        )
    })
}

pub(super) fn json(
    findings: &[Finding],
    n_patients: usize,
    settings: &[String],
) -> serde_json::Value {
    let counts: BTreeMap<&str, usize> = counts(findings).into_iter().collect();
    serde_json::json!({
        "patients": n_patients,
        "patients_refused": n_refused(findings),
        "counts": counts,
        "findings": findings,
        "settings": settings,
    })
}

pub(super) fn print(findings: &[Finding], n_patients: usize, settings: &[String]) {
    let mut by_code: Vec<(&str, Severity, Vec<&Finding>)> = Vec::new();
    for finding in findings {
        match by_code
            .iter_mut()
            .find(|(code, s, _)| *code == finding.code && *s == finding.severity)
        {
            Some((_, _, of_code)) => of_code.push(finding),
            None => by_code.push((&finding.code, finding.severity, vec![finding])),
        }
    }
    for (code, severity, of_code) in &by_code {
        out!("{} {code} × {}", severity.as_str(), of_code.len());
        for finding in of_code.iter().take(N_LISTED) {
            let who = [finding.site.as_deref(), finding.patient.as_deref()];
            let who: Vec<&str> = who.into_iter().flatten().collect();
            let who = if who.is_empty() {
                String::new()
            } else {
                format!("{}: ", who.join(" "))
            };
            out!("  {who}{}", finding.message);
            let repair = if finding.repair.is_empty() {
                String::new()
            } else {
                format!(" → {}", finding.repair)
            };
            out!("    {}{repair}", finding.place);
        }
        if of_code.len() > N_LISTED {
            out!("  … and {} more (--json has all)", of_code.len() - N_LISTED);
        }
    }
    if !by_code.is_empty() {
        let mut table = Table::new();
        table
            .load_style(presets::UTF8_FULL_CONDENSED)
            .set_header(["severity", "code", "findings"]);
        for (code, severity, of_code) in &by_code {
            table.add_row([
                severity.as_str().to_owned(),
                (*code).to_owned(),
                of_code.len().to_string(),
            ]);
        }
        out!("{table}");
    }
    for lines in settings {
        out!("for the study file:\n{lines}");
    }
    out!("{}", summary(findings, n_patients));
}

/// Patients that a run would leave out: those with a refusal of their own.
fn n_refused(findings: &[Finding]) -> usize {
    let refused = findings.iter().filter(|f| f.severity == Severity::Refuse);
    let patients = refused.filter_map(|f| Some((f.site.as_deref(), f.patient.as_deref()?)));
    patients.collect::<BTreeSet<_>>().len()
}

/// Patients first, then findings: one patient may have several, and the study some of its own.
fn summary(findings: &[Finding], n_patients: usize) -> String {
    let [refuse, warn, note] = counts(findings).map(|(_, n)| n);
    let counted = |n: usize, noun: &str| match n {
        1 => format!("1 {noun}"),
        _ => format!("{n} {noun}s"),
    };
    format!(
        "{}, {} refused · {}, {}, {}",
        counted(n_patients, "patient"),
        n_refused(findings),
        counted(refuse, "refusal"),
        counted(warn, "warning"),
        counted(note, "note"),
    )
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    /// `| code | severity | …` of the manual, against the codes of the program, both ways.
    #[test]
    fn the_manual_has_a_row_for_every_code_and_no_other() {
        let manual = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/doctor.md");
        let text = std::fs::read_to_string(manual).unwrap();
        let cells = |line: &str| -> Vec<String> {
            line.split('|')
                .map(|cell| cell.trim().trim_matches('`').to_owned())
                .collect()
        };
        let mut written: Vec<(String, String)> = text
            .lines()
            .filter(|line| line.starts_with("| `"))
            .map(|line| (cells(line)[1].clone(), cells(line)[2].clone()))
            .collect();
        written.sort();
        let pair = |code: &str, severity: &str| (code.to_owned(), severity.to_owned());
        let mut known: Vec<(String, String)> = Code::ALL
            .iter()
            .map(|code| pair(code.as_str(), code.severity().as_str()))
            .chain(
                imaging::doctor::Code::ALL
                    .iter()
                    .map(|code| pair(code.as_str(), code.severity().as_str())),
            )
            .collect();
        known.sort();
        assert_eq!(written, known);
    }

    #[test]
    fn the_summary_counts_patients_and_findings_apart() {
        let of = |code, patient: Option<&str>| match patient {
            Some(patient) => Finding::new(code, "", "", "").of_patient("c1", patient),
            None => Finding::new(code, "", "", ""),
        };
        let findings = [
            of(Code::TimeNegative, Some("p1")),
            of(Code::FileMissing, Some("p1")),
            of(Code::TimeNegative, Some("p2")),
            of(Code::SiteMissing, None),
            of(Code::TimeZero, Some("p3")),
        ];
        assert_eq!(
            summary(&findings, 40),
            "40 patients, 2 refused · 4 refusals, 1 warning, 0 notes"
        );
        assert_eq!(json(&findings, 40, &[])["patients_refused"], 2);
    }

    #[test]
    fn many_names_are_counted() {
        assert_eq!(some_of(["a", "b"]), "a, b");
        assert_eq!(
            some_of(["a", "b", "c", "d", "e", "f", "g"]),
            "a, b, c, d, e and 2 more"
        );
    }
}
