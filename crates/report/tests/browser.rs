//! The page in a real browser, from a file and without a network: no error, nothing empty, nomograms that answer.
//!
//! Runs where a `chromium` is installed. With `RADLOOM_GALLERY=DIR` the screenshots are left there to be looked at.
#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "../examples/gallery/made_up/mod.rs"]
#[allow(dead_code)]
mod made_up;

use report::{Language, fill, render};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Largest page that people still open without waiting.
const LARGEST: usize = 15 << 20;

/// Catches every error from the first line of the page on.
const WATCH: &str = "<script>window.found=[];addEventListener('error',e=>found.push('error: '+e.message));\
addEventListener('securitypolicyviolation',e=>found.push('policy: '+e.blockedURI+' '+e.violatedDirective));\
for(const k of ['error','warn'])console[k]=(...a)=>found.push(k+': '+a.join(' '));</script>";

/// Moves every control and writes down what came of it.
const TRY: &str = r#"<script>
const told = [];
for (const form of document.querySelectorAll("section.calculator")) {
  const read = () => [...form.querySelectorAll("output[data-total],output[data-survival]")].map(o => o.textContent).join("|");
  const before = read();
  const range = form.querySelector("input[type=range]");
  range.value = range.max;
  range.dispatchEvent(new Event("input", {bubbles: true}));
  const moved = read();
  const choice = form.querySelector("select");
  choice.selectedIndex = choice.options.length - 1;
  choice.dispatchEvent(new Event("change", {bubbles: true}));
  told.push(before + " -> " + moved + " -> " + read());
}
const empty = [...document.querySelectorAll("figure svg")].filter(s => s.querySelectorAll("path,circle,rect,line").length < 3 || s.getBoundingClientRect().height < 40);
const bare = [...document.querySelectorAll("figure")].filter(f => !f.querySelector("figcaption").textContent.trim());
const dead = [...document.querySelectorAll("a[href^='#']")].filter(a => !document.getElementById(decodeURIComponent(a.getAttribute("href").slice(1)))).map(a => a.getAttribute("href"));
const wide = document.documentElement.scrollWidth - document.documentElement.clientWidth;
const pre = document.createElement("pre");
pre.id = "told";
pre.textContent = JSON.stringify({found, told, empty: empty.length, bare: bare.length, dead: [...new Set(dead)], wide,
  figures: document.querySelectorAll("figure svg").length, sorted: document.querySelectorAll("th button").length});
document.body.append(pre);
</script>"#;

fn chromium() -> Option<&'static str> {
    let runs = |name: &&str| {
        Command::new(name)
            .arg("--version")
            .output()
            .is_ok_and(|o| o.status.success())
    };
    ["chromium", "chromium-browser", "google-chrome"]
        .into_iter()
        .find(|name| runs(name))
}

fn ask(browser: &str, profile: &Path, arguments: &[String]) -> String {
    let out = Command::new(browser)
        .args([
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--hide-scrollbars",
            "--virtual-time-budget=4000",
        ])
        .arg(format!("--user-data-dir={}", profile.display()))
        .args(arguments)
        .output()
        .expect("the browser runs");
    assert!(
        out.status.success(),
        "{}",
        String::from_utf8_lossy(&out.stderr)
    );
    String::from_utf8_lossy(&out.stdout).into_owned()
}

fn page(language: Language) -> String {
    let rendered = render(&made_up::made_up(language));
    fill(&rendered.page, &made_up::story())
}

/// A folder of this test alone, emptied when it is over.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Folder {
        let path = std::env::temp_dir().join(format!("radloom-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Folder(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[test]
fn the_page_works_from_a_file_without_a_network() {
    let Some(browser) = chromium() else {
        eprintln!("skipped: no chromium");
        return;
    };
    let folder = Folder::new("browser");
    for (language, width) in [(Language::English, 1280), (Language::Chinese, 390)] {
        let page = page(language);
        assert!(page.len() < LARGEST, "{} bytes", page.len());
        let tried = page
            .replacen("<style>", &format!("{WATCH}<style>"), 1)
            .replacen("</body>", &format!("{TRY}</body>"), 1);
        let file = folder.0.join("tried.html");
        std::fs::write(&file, tried).unwrap();
        let url = format!("file://{}", file.display());
        let size = format!("--window-size={width},900");
        let dom = ask(
            browser,
            &folder.0.join("profile"),
            &["--dump-dom".into(), size, url],
        );
        let told = dom
            .split("<pre id=\"told\">")
            .nth(1)
            .expect("the page's scripts ran");
        let told = told
            .split("</pre>")
            .next()
            .unwrap()
            .replace("&gt;", ">")
            .replace("&amp;", "&");
        assert!(told.contains("\"found\":[]"), "errors: {told}");
        assert!(
            told.contains("\"empty\":0,\"bare\":0,\"dead\":[]"),
            "{told}"
        );
        assert!(
            told.contains("\"wide\":0"),
            "the page is wider than the window: {told}"
        );
        answers(&told);
    }
    if let Some(gallery) = std::env::var_os("RADLOOM_GALLERY") {
        shots(browser, &folder, Path::new(&gallery));
    }
}

/// Both nomograms answer a slider and a choice: points rise, survival falls.
fn answers(told: &str) {
    let list = told
        .split("\"told\":[")
        .nth(1)
        .and_then(|t| t.split(']').next())
        .unwrap();
    let runs: Vec<Vec<f64>> = list
        .split("\",\"")
        .map(|one| {
            let numbers = one
                .split(['|', '>'])
                .map(|t| t.trim_matches(|c: char| !c.is_ascii_digit() && c != '.'));
            numbers.filter_map(|t| t.parse().ok()).collect()
        })
        .collect();
    assert_eq!(runs.len(), 2, "{told}");
    for run in runs {
        // total, 12 and 36 months; before, after the slider, after the choice
        assert_eq!(run.len(), 9, "{told}");
        assert!(run[0] < run[3] && run[3] < run[6], "points: {run:?}");
        assert!(
            run[1] > run[4] && run[4] > run[7] && run[2] > run[5] && run[5] > run[8],
            "survival: {run:?}"
        );
        assert!(run[1] > run[2], "survival falls with time: {run:?}");
    }
}

fn shots(browser: &str, folder: &Folder, out: &Path) {
    std::fs::create_dir_all(out).unwrap();
    let profile = folder.0.join("profile");
    for (language, name) in [(Language::English, "en"), (Language::Chinese, "zh")] {
        let file = out.join(format!("report.{name}.html"));
        std::fs::write(&file, page(language)).unwrap();
        let url = format!("file://{}", file.canonicalize().unwrap().display());
        for width in [1280, 390] {
            let shot = format!(
                "--screenshot={}",
                out.join(format!("{name}-{width}.png")).display()
            );
            ask(
                browser,
                &profile,
                &[shot, format!("--window-size={width},30000"), url.clone()],
            );
        }
        let pdf = format!(
            "--print-to-pdf={}",
            out.join(format!("{name}.pdf")).display()
        );
        ask(
            browser,
            &profile,
            &[pdf, "--no-pdf-header-footer".into(), url],
        );
    }
}
