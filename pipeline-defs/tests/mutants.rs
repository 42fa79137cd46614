//! A broken study is refused with a place, never with a panic.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use pipeline_defs::{Problems, check, parse, shipped};

/// Reads and checks; problems must have a place and words.
fn judge(text: &str) -> bool {
    let verdict: Result<(), Problems> =
        parse(text, "mutant.toml", &[]).and_then(|study| check(&study));
    let Err(problems) = verdict else { return true };
    assert!(!problems.0.is_empty());
    for problem in &problems.0 {
        assert!(problem.place.line >= 1 && problem.place.column >= 1);
        assert!(!problem.message.is_empty() && !problem.code.is_empty());
        assert!(
            problem.message.starts_with(|c: char| !c.is_uppercase()),
            "{problem}"
        );
    }
    false
}

#[test]
fn a_study_without_one_of_its_lines() {
    for (name, text) in shipped() {
        if name.contains("demo") {
            continue; // the first study with other numbers
        }
        let text = text.replace("kfold = 5, repeats = 5", "kfold = 2, repeats = 1");
        let lines: Vec<&str> = text.lines().collect();
        let mut refused = 0;
        for i in 0..lines.len() {
            let without: Vec<&str> = lines
                .iter()
                .enumerate()
                .filter(|(j, _)| *j != i)
                .map(|(_, l)| *l)
                .collect();
            refused += usize::from(!judge(&without.join("\n")));
        }
        assert!(refused > 40, "{refused}");
    }
}

#[test]
fn a_study_cut_off_anywhere() {
    let (_, text) = shipped()[3];
    for end in (0..text.len())
        .step_by(3)
        .filter(|&i| text.is_char_boundary(i))
    {
        judge(&text[..end]);
    }
}

#[test]
fn a_study_with_one_word_in_place_of_another() {
    let (_, text) = shipped()[3];
    let is_word = |c: char| c.is_alphanumeric() || c == '_' || c == '-';
    let mut words: Vec<&str> = text
        .split(|c| !is_word(c))
        .filter(|w| !w.is_empty())
        .collect();
    words.sort_unstable();
    words.dedup();
    let code: String = text
        .lines()
        .filter(|l| !l.starts_with('#'))
        .map(|l| format!("{l}\n"))
        .collect();
    let starts: Vec<usize> = code
        .match_indices(is_word)
        .map(|(i, _)| i)
        .filter(|&i| i == 0 || !code[..i].ends_with(is_word))
        .collect();
    let mut n = 0usize;
    for (k, &start) in starts.iter().enumerate() {
        let end = code[start..]
            .find(|c| !is_word(c))
            .map_or(code.len(), |e| start + e);
        for (_, word) in words.iter().enumerate().filter(|(j, _)| (j + k) % 29 == 0) {
            judge(&format!("{}{word}{}", &code[..start], &code[end..]));
            n += 1;
        }
    }
    assert!(n > 1_000, "{n}");
}
