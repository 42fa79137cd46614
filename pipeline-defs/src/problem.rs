//! What is wrong with a study, where, and what to write instead.

use std::fmt;
use std::sync::Arc;

/// A place in a text, counted from one as editors do.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The file as it was given, or `--set KEY=VALUE` for an override from the command line.
    pub file: Arc<str>,
    /// Line, from 1.
    pub line: u32,
    /// Column in characters, from 1.
    pub column: u32,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.file, self.line, self.column)
    }
}

/// One thing that is wrong, with its repair.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// A short stable name of the rule that was broken, such as `unknown-step`.
    pub code: &'static str,
    /// Where it is written.
    pub place: Place,
    /// The step concerned.
    pub step: Option<Box<str>>,
    /// The port of that step.
    pub port: Option<Box<str>>,
    /// What is wrong.
    pub message: String,
    /// What to write instead.
    pub repair: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.message)?;
        if !self.repair.is_empty() {
            write!(f, "; {}", self.repair)?;
        }
        Ok(())
    }
}

impl Problem {
    /// A problem of no particular step.
    pub fn new(
        code: &'static str,
        place: &Place,
        message: impl Into<String>,
        repair: impl Into<String>,
    ) -> Problem {
        Problem {
            code,
            place: place.clone(),
            step: None,
            port: None,
            message: message.into(),
            repair: repair.into(),
        }
    }

    /// The same problem, said of a step.
    pub fn of_step(mut self, step: &str) -> Problem {
        self.step = Some(step.into());
        self
    }

    /// The same problem, said of a port.
    pub fn of_port(mut self, port: &str) -> Problem {
        self.port = Some(port.into());
        self
    }
}

/// Everything that is wrong with a study, in the order of the text.
#[derive(Clone, Debug, Default, PartialEq, Eq, thiserror::Error)]
pub struct Problems(pub Vec<Problem>);

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, problem) in self.0.iter().enumerate() {
            if i > 0 {
                writeln!(f)?;
            }
            write!(f, "{problem}")?;
        }
        Ok(())
    }
}

impl From<Problem> for Problems {
    fn from(problem: Problem) -> Problems {
        Problems(vec![problem])
    }
}

impl Problems {
    /// `Ok` when nothing is wrong; otherwise the problems sorted by place.
    pub(crate) fn into_result(mut self) -> Result<(), Problems> {
        if self.0.is_empty() {
            return Ok(());
        }
        self.0.sort_by(|a, b| {
            let key = |p: &Problem| (p.place.line, p.place.column, p.message.clone());
            // What names its step comes first, and stays.
            (key(a), a.step.is_none()).cmp(&(key(b), b.step.is_none()))
        });
        self.0.dedup_by(|b, a| {
            let same = (&a.place, a.code, &a.message) == (&b.place, b.code, &b.message);
            same && (b.step.is_none() || (&a.step, &a.port) == (&b.step, &b.port))
        });
        Err(self)
    }

    pub(crate) fn push(&mut self, problem: Problem) {
        self.0.push(problem);
    }
}

/// "did you mean `x`?" when a known name is near, else the list of known names.
pub(crate) fn suggest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    let known: Vec<&str> = known.into_iter().collect();
    if let Some(same) = known.iter().find(|k| k.eq_ignore_ascii_case(name)) {
        return format!("did you mean `{same}`?");
    }
    let limit = (name.chars().count() / 3).max(1) + 1;
    let nearest = known
        .iter()
        .map(|k| (edit_distance(name, k), *k))
        .filter(|(d, k)| *d <= limit || k.contains(name))
        .min();
    match nearest {
        Some((_, k)) => format!("did you mean `{k}`?"),
        None if known.is_empty() => "there are none".to_string(),
        None => format!("known are {}", list(&known)),
    }
}

/// `` `a`, `b` and `c` ``.
pub(crate) fn list(names: &[&str]) -> String {
    match names {
        [] => "none".to_string(),
        [one] => format!("`{one}`"),
        [head @ .., last] => {
            let head: Vec<String> = head.iter().map(|n| format!("`{n}`")).collect();
            format!("{} and `{last}`", head.join(", "))
        }
    }
}

/// Levenshtein distance in characters.
fn edit_distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, ca) in a.chars().enumerate() {
        let mut corner = row[0];
        row[0] = i + 1;
        for (j, cb) in b.iter().enumerate() {
            let change = corner + usize::from(ca != *cb);
            corner = row[j + 1];
            row[j + 1] = change.min(row[j] + 1).min(corner + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_near_name_is_suggested_and_a_far_one_is_not() {
        assert_eq!(
            suggest("fetures", ["features", "table"]),
            "did you mean `features`?"
        );
        assert_eq!(
            suggest("zzz", ["features", "table"]),
            "known are `features` and `table`"
        );
        assert_eq!(suggest("GLCM", ["ngtdm", "glcm"]), "did you mean `glcm`?");
        assert_eq!(edit_distance("kitten", "sitting"), 3);
    }
}
