//! Draws every figure and a page from made-up values, to be looked at: `cargo run -p report --example gallery -- OUT`.

mod made_up;

use report::figure::{dag, timeline};
use report::{Language, fill, render};
use std::path::Path;

fn main() -> std::io::Result<()> {
    let out = std::env::args()
        .nth(1)
        .unwrap_or_else(|| "gallery".to_owned());
    let out = Path::new(&out);
    for folder in ["figures", "tables"] {
        std::fs::create_dir_all(out.join(folder))?;
    }
    let report = made_up::made_up(Language::English);
    let story = made_up::story();
    let rendered = render(&report);
    for (name, svg) in &rendered.figures {
        std::fs::write(out.join("figures").join(name), svg)?;
    }
    for (name, svg) in [
        ("dag.svg", dag::draw("Steps of the study", &story.dag)),
        (
            "timeline.svg",
            timeline::draw("Tasks by worker", &story.spans),
        ),
    ] {
        std::fs::write(out.join("figures").join(name), svg)?;
    }
    for (name, csv) in &rendered.tables {
        std::fs::write(out.join("tables").join(name), csv)?;
    }
    for (name, svg) in render(&made_up::long_names(report)).figures {
        std::fs::write(out.join("figures").join(format!("long_{name}")), svg)?;
    }
    let chinese = render(&made_up::made_up(Language::Chinese));
    std::fs::write(out.join("report.zh.html"), fill(&chinese.page, &story))?;
    std::fs::write(out.join("report.html"), fill(&rendered.page, &story))
}
