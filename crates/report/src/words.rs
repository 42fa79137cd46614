//! The languages of a report. English is what the code says; another language is a table of the same sentences.
//!
//! A sentence that is put together from parts has its parts numbered, `{0} of {1} patients`, since another language may
//! want them in another order. Names of columns in CSV files are for programs and stay as they are.

mod zh;

/// The language of headings, captions, legends and headers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Language {
    /// English.
    #[default]
    English,
    /// Simplified Chinese.
    Chinese,
}

impl Language {
    /// The tag of the page: `en`, `zh-CN`.
    pub fn tag(self) -> &'static str {
        match self {
            Language::English => "en",
            Language::Chinese => "zh-CN",
        }
    }

    /// The language of a finished page, by its tag.
    pub fn of_page(page: &str) -> Language {
        match page.contains("<html lang=\"zh-CN\">") {
            true => Language::Chinese,
            false => Language::English,
        }
    }

    /// The sentence in this language; a text that is no sentence of the report (a name from a study) stays as it is.
    pub fn say(self, text: &str) -> &str {
        match self {
            Language::English => text,
            Language::Chinese => zh::of(text).unwrap_or(text),
        }
    }

    /// A label of a figure: the sentence if it is one, else with the phrases in it that the report has put there.
    pub(crate) fn label(self, text: &str) -> String {
        let said = self.say(text);
        if self == Language::English || said != text {
            return said.to_owned();
        }
        let put = |text: String, (en, other): &(&str, &str)| match text.contains(en) {
            true => text.replace(en, other),
            false => text,
        };
        zh::PHRASES.iter().fold(text.to_owned(), put)
    }

    /// The sentence in this language with its numbered parts put in.
    pub fn fill(self, pattern: &str, parts: &[&str]) -> String {
        let pattern = self.say(pattern);
        let mut out = String::with_capacity(pattern.len() + 16);
        let mut rest = pattern;
        while let Some(at) = rest.find('{') {
            out.push_str(&rest[..at]);
            rest = &rest[at + 1..];
            let number = rest.split_once('}').and_then(|(n, after)| {
                let part = parts.get(n.parse::<usize>().ok()?)?;
                Some((*part, after))
            });
            match number {
                Some((part, after)) => {
                    out.push_str(part);
                    rest = after;
                }
                None => out.push('{'),
            }
        }
        out.push_str(rest);
        out
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::path::Path;

    #[test]
    fn parts_are_put_in_by_number() {
        let fill = |p: &str, parts: &[&str]| Language::English.fill(p, parts);
        assert_eq!(fill("{1} of {0} {x}", &["a", "b"]), "b of a {x}");
        assert_eq!(fill("{0} and {7}", &["{1}"]), "{1} and {7}");
        assert_eq!(Language::Chinese.say("p77"), "p77");
    }

    /// The literals of `say("…")`, `fill("…")` and `titled("…")` in a source text.
    fn sentences(source: &str) -> Vec<String> {
        let mut found = Vec::new();
        for door in ["say(", "fill(", "titled("] {
            for (at, _) in source.match_indices(door) {
                let rest = source[at + door.len()..].trim_start();
                let Some(rest) = rest.strip_prefix('"') else {
                    continue;
                };
                let mut text = String::new();
                let mut chars = rest.chars();
                while let Some(c) = chars.next() {
                    match c {
                        '"' => break,
                        '\\' => match chars.next() {
                            // a line that goes on: what stands before its next word is no part of it
                            Some('\n') => {
                                let tail = chars.as_str().trim_start();
                                chars = tail.chars();
                            }
                            Some(c) => text.push(c),
                            None => break,
                        },
                        c => text.push(c),
                    }
                }
                found.push(text);
            }
        }
        found
    }

    fn sources(folder: &Path, out: &mut Vec<String>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                sources(&path, out);
            } else if path.extension().is_some_and(|e| e == "rs") {
                let text = std::fs::read_to_string(&path).unwrap();
                let code = text.split("#[cfg(test)]").next().unwrap_or_default();
                out.push(code.to_owned());
            }
        }
    }

    #[test]
    fn every_sentence_of_the_report_has_its_chinese() {
        let mut all = Vec::new();
        sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut all);
        let found: Vec<String> = all.iter().flat_map(|s| sentences(s)).collect();
        assert!(found.len() > 50, "{}", found.len());
        let mut missing: Vec<&String> = found.iter().filter(|s| zh::of(s).is_none()).collect();
        missing.sort();
        missing.dedup();
        assert!(missing.is_empty(), "without Chinese: {missing:#?}");
    }

    #[test]
    fn a_translation_is_one_and_keeps_every_part() {
        let parts =
            |s: &str| -> Vec<bool> { (0..8).map(|i| s.contains(&format!("{{{i}}}"))).collect() };
        let all: Vec<&(&str, &str)> = zh::all().collect();
        for (i, (en, zh)) in all.iter().enumerate() {
            assert_eq!(parts(en), parts(zh), "{en}");
            assert!(zh.chars().any(|c| c as u32 >= 0x2e80) || zh == en, "{en}");
            assert!(!zh.is_empty() && !zh.contains(['<', '>', '&', '"']), "{en}");
            assert!(all[..i].iter().all(|(other, _)| other != en), "twice: {en}");
        }
    }
}
