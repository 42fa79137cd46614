//! Live progress: one line that moves on a terminal, one line every few seconds elsewhere.

use std::io::IsTerminal;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use proto::RunStatus;

pub(super) struct Progress {
    bar: Option<ProgressBar>,
    last: Instant,
    quiet: bool,
    missing: Vec<String>,
}

impl Progress {
    pub fn new(quiet: bool) -> Progress {
        let bar = (!quiet && std::io::stderr().is_terminal()).then(|| {
            let bar = ProgressBar::new(0);
            let style = ProgressStyle::with_template("{bar:30} {pos}/{len} · {elapsed} · {msg}");
            bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
            bar
        });
        Progress {
            bar,
            last: Instant::now(),
            quiet,
            missing: Vec::new(),
        }
    }

    pub fn show(&mut self, status: &RunStatus) {
        let text = text(status);
        if self.bar.is_none() && !self.quiet && self.missing != status.missing_sites {
            self.missing = status.missing_sites.clone();
            eprintln!("{text}");
        }
        if let Some(bar) = &self.bar {
            bar.set_length(status.total);
            bar.set_position(status.done + status.refused + status.failed);
            bar.set_message(text);
        } else if !self.quiet && self.last.elapsed() > Duration::from_secs(5) {
            self.last = Instant::now();
            eprintln!(
                "{}/{} · {text}",
                status.done + status.refused + status.failed,
                status.total
            );
        }
    }

    pub fn end(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

fn text(status: &RunStatus) -> String {
    if status.phase == "waiting-for-sites" {
        return if status.missing_sites.is_empty() {
            "reading the cohort".to_owned()
        } else {
            format!("waiting for site {}", status.missing_sites.join(", "))
        };
    }
    let busy: Vec<String> = status
        .steps
        .iter()
        .filter(|s| s.running > 0)
        .map(|s| format!("{} {}/{}", s.step, s.done, s.total))
        .take(3)
        .collect();
    let mut text = busy.join(" · ");
    if status.excluded > 0 {
        text.push_str(&format!(" · excluded {}", status.excluded));
    }
    if status.failed > 0 {
        text.push_str(&format!(" · failed {}", status.failed));
    }
    text
}
