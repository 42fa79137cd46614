//! The whole report from the gallery's made-up values.
#![allow(clippy::unwrap_used)]
use super::*;
use crate::check::well_formed;

#[path = "../../examples/gallery/made_up/mod.rs"]
#[allow(unused_imports)]
mod made_up;

fn both() -> [(Language, Rendered); 2] {
    [Language::English, Language::Chinese].map(|l| (l, render(&made_up::made_up(l))))
}

/// What follows each `door` up to the next quote.
fn quoted<'a>(page: &'a str, door: &str) -> Vec<&'a str> {
    let after = page.split(door).skip(1);
    after.filter_map(|rest| rest.split('"').next()).collect()
}

#[test]
fn everything_is_well_formed_and_no_number_is_none() {
    for (language, made) in both() {
        let page = crate::fill(&made.page, &made_up::story());
        assert_eq!(well_formed(&page), Ok(()), "{language:?}");
        for (name, svg) in &made.figures {
            assert_eq!(well_formed(svg), Ok(()), "{name}");
            for bad in ["NaN", ">inf", "=\"inf", "=\"-inf"] {
                assert!(!svg.contains(bad), "{name}: {bad}");
            }
        }
        let long = render(&made_up::long_names(made_up::made_up(language)));
        assert_eq!(well_formed(&long.page), Ok(()), "{language:?}");
    }
}

#[test]
fn ids_and_file_names_are_there_once_and_links_lead_somewhere() {
    for (_, made) in both() {
        let page = crate::fill(&made.page, &made_up::story());
        let ids = quoted(&page, " id=\"");
        let twice = |id: &&&str| ids.iter().filter(|other| other == id).count() > 1;
        let twice: Vec<&&str> = ids.iter().filter(twice).collect();
        assert!(twice.is_empty(), "{twice:?}");
        for link in quoted(&page, "href=\"#") {
            assert!(ids.contains(&link), "#{link} leads nowhere");
        }
        for names in [&made.figures, &made.tables] {
            let mut names: Vec<&String> = names.iter().map(|f| &f.0).collect();
            let n = names.len();
            names.sort_unstable();
            names.dedup();
            assert_eq!(names.len(), n, "{names:#?}");
        }
    }
}

#[test]
fn the_papers_figures_and_tables_are_there_under_their_letters() {
    let made = render(&made_up::made_up(Language::English));
    let has = |name: &str| made.figures.iter().any(|f| f.0.starts_with(name));
    let mut wanted: Vec<String> = vec!["fig2_".to_owned()];
    wanted.extend(('a'..='f').map(|l| format!("fig3{l}_")));
    wanted.extend(('a'..='h').map(|l| format!("fig4{l}_")));
    wanted.extend(('a'..='f').map(|l| format!("fig5{l}_")));
    for name in &wanted {
        assert!(has(name), "{name}");
    }
    for name in [
        "fig4e_os_careful_nomogram.svg",
        "fig5d_os_volcano.svg",
        "fig5c_dfs_hallmark_gsea.svg",
    ] {
        assert!(has(name), "{name}");
    }
    for name in ["table1.csv", "table2.csv", "table3.csv", "table4.csv"] {
        assert!(made.tables.iter().any(|t| t.0 == name), "{name}");
    }
}

#[test]
fn every_table_is_as_wide_as_its_header() {
    let width = |line: &str| {
        let mut inside = false;
        let comma = |c: &char| {
            inside ^= *c == '"';
            *c == ',' && !inside
        };
        line.chars().filter(comma).count()
    };
    for (name, csv) in render(&made_up::made_up(Language::English)).tables {
        let widths: Vec<usize> = csv.lines().map(width).collect();
        assert!(widths.iter().all(|w| *w == widths[0]), "{name}");
        assert!(csv.lines().count() > 1, "{name} has no rows");
    }
}

#[test]
fn profiles_stand_side_by_side_and_the_paper_has_its_banner() {
    let made = render(&made_up::made_up(Language::English));
    let (_, table2) = made.tables.iter().find(|t| t.0 == "table2.csv").unwrap();
    assert!(
        table2.starts_with("profile,ROI set,set,months,DeepSurv,DNNSurv,GBM,RSF,SVM,XGBoost\n")
    );
    let (_, profiles) = made.tables.iter().find(|t| t.0 == "profiles.csv").unwrap();
    assert!(
        profiles.starts_with("endpoint,set,careful,paper\n"),
        "{profiles}"
    );
    assert!(made.page.contains("Profile paper flatters its own numbers"));
}

#[test]
fn a_chinese_page_has_chinese_headings_and_headers_and_the_same_files() {
    let [(_, english), (_, chinese)] = both();
    let names = |r: &Rendered| r.figures.iter().map(|f| f.0.clone()).collect::<Vec<_>>();
    assert_eq!(names(&english), names(&chinese));
    let is_chinese = |text: &str| text.chars().any(|c| c as u32 >= 0x2e80);
    for heading in chinese.page.split("<h2>").skip(1) {
        let heading = heading.split("</h2>").next().unwrap();
        assert!(is_chinese(heading), "{heading}");
    }
    for caption in chinese.page.split("<figcaption>").skip(1) {
        let caption = caption.split('<').next().unwrap();
        assert!(is_chinese(caption), "{caption}");
    }
    let header = |t: &(String, String)| t.1.lines().next().unwrap_or_default().to_owned();
    let of = |r: &Rendered| r.tables.iter().map(header).collect::<Vec<_>>();
    assert_eq!(
        of(&english),
        of(&chinese),
        "columns of files are for programs"
    );
}

#[test]
fn a_part_without_values_is_left_out() {
    let page = report_page(&Report::by_composite_auc("Title", "careful"));
    for id in [
        "nomogram", "utility", "biology", "controls", "novelty", "clinical",
    ] {
        assert!(!page.contains(&format!("<section id=\"{id}\"")), "{id}");
    }
    assert!(
        page.contains("<section id=\"patients\"") && page.contains("<section id=\"checklists\"")
    );
}

#[test]
fn what_was_refused_says_why() {
    let page = report_page(&made_up::made_up(Language::English));
    assert!(page.contains(
        "calibration (OS, paper) is not there: the model of this set was refused: 3 events"
    ));
}
