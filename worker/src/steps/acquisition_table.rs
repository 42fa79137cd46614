//! `acquisition-table`: how each centre's images were acquired, and which of them differ from the others.

use std::collections::{BTreeMap, BTreeSet};

use artefact::number;
use pipeline_defs::params::AcquisitionParams;
use serde::Deserialize;
use stats::compare::quantile;

use crate::step::{Context, Input, Inputs, Produced, StepError};

const HEADER: &str = "site,n,n_refused,matrix,n_matrix,slices,slices_min,slices_max,in_plane_mm,in_plane_mm_min,\
in_plane_mm_max,slice_pitch_mm,slice_pitch_mm_min,slice_pitch_mm_max,grey_levels,grey_levels_min,grey_levels_max,\
n_deviating,deviations\n";

/// Patients named of those that deviate.
const N_NAMED: usize = 20;

/// What an extraction said of its image.
#[derive(Deserialize)]
struct Diagnostics {
    /// Of the grid on which features were measured.
    spacing_mm: [f64; 3],
    n_grey_levels: Option<u64>,
    /// The image as given, then as resampled; absent where nothing was done to it.
    #[serde(default)]
    grids: Vec<Grid>,
}

#[derive(Deserialize)]
struct Grid {
    dims: [u64; 3],
    spacing_mm: [f64; 3],
}

/// One patient's image.
struct Image {
    patient: String,
    /// `320x320`; none where the extraction does not tell the size of its image.
    matrix: Option<String>,
    slices: Option<f64>,
    /// The larger spacing within a slice.
    in_plane_mm: f64,
    /// The largest spacing of all.
    slice_pitch_mm: f64,
    grey_levels: Option<f64>,
}

#[derive(Default)]
struct Site {
    images: BTreeMap<String, Image>,
    refused: BTreeSet<String>,
}

pub(super) fn run(context: &Context, inputs: &Inputs) -> Result<Vec<Produced>, StepError> {
    let params: AcquisitionParams = context.params()?;
    let mut sites: BTreeMap<&str, Site> = BTreeMap::new();
    for entry in inputs.all("diagnostics") {
        add(&mut sites, entry)?;
    }
    let mut text = HEADER.to_owned();
    for (name, site) in &sites {
        text.push_str(&row(name, site, &params));
    }
    Ok(vec![Produced::bytes("acquisition", text.into_bytes())])
}

/// A patient of whom several regions arrive counts by the first.
fn add<'a>(sites: &mut BTreeMap<&'a str, Site>, entry: &'a Input) -> Result<(), StepError> {
    let Some(patient) = entry.axis("patient") else {
        return Err(StepError::refuse(
            "patient-unnamed",
            "a record of an extraction does not say whose it is: gather along the axis `patient`",
        ));
    };
    let site = sites
        .entry(entry.axis("site").unwrap_or_default())
        .or_default();
    let Ok(bytes) = &entry.content else {
        site.refused.insert(patient.to_owned());
        return Ok(());
    };
    if !site.images.contains_key(patient) {
        let image = Image::of(patient, &artefact::json::decode("diagnostics", bytes)?);
        site.images.insert(patient.to_owned(), image);
    }
    Ok(())
}

impl Image {
    fn of(patient: &str, told: &Diagnostics) -> Image {
        let given = told.grids.first();
        let spacing_mm = given.map_or(told.spacing_mm, |grid| grid.spacing_mm);
        // slices are stacked along the axis with the largest spacing; on ties z before y before x
        let across = [1, 0].into_iter().fold(2, |best, axis| {
            if spacing_mm[axis] > spacing_mm[best] {
                axis
            } else {
                best
            }
        });
        let within = [0, 1, 2].into_iter().filter(|&axis| axis != across);
        let matrix = given.map(|grid| {
            let sides: Vec<String> = within.clone().map(|a| grid.dims[a].to_string()).collect();
            sides.join("x")
        });
        Image {
            patient: patient.to_owned(),
            matrix,
            slices: given.map(|grid| grid.dims[across] as f64),
            in_plane_mm: within.map(|axis| spacing_mm[axis]).fold(0.0, f64::max),
            slice_pitch_mm: spacing_mm[across],
            grey_levels: told.n_grey_levels.map(|n| n as f64),
        }
    }
}

fn row(name: &str, site: &Site, params: &AcquisitionParams) -> String {
    let images: Vec<&Image> = site.images.values().collect();
    let numbers =
        |of: &dyn Fn(&Image) -> Option<f64>| Range::of(images.iter().filter_map(|i| of(i)));
    let slices = numbers(&|i| i.slices);
    let in_plane = numbers(&|i| Some(i.in_plane_mm));
    let pitch = numbers(&|i| Some(i.slice_pitch_mm));
    let grey = numbers(&|i| i.grey_levels);
    let (matrix, n_matrix) = commonest(&images);
    let without = |patient: &&String| !site.images.contains_key(*patient);
    let n_refused = site.refused.iter().filter(without).count();
    let usual = Usual {
        matrix: &matrix,
        in_plane_mm: in_plane.median,
        slice_pitch_mm: pitch.median,
    };
    let deviating: Vec<String> = images
        .iter()
        .filter_map(|i| deviations(i, &usual, params))
        .collect();
    let mut told = deviating
        .iter()
        .take(N_NAMED)
        .cloned()
        .collect::<Vec<_>>()
        .join("; ");
    if deviating.len() > N_NAMED {
        told.push_str(&format!("; and {} others", deviating.len() - N_NAMED));
    }
    let ranges: Vec<String> = [slices, in_plane, pitch, grey]
        .iter()
        .map(Range::cells)
        .collect();
    format!(
        "{},{},{},{},{},{},{},{}\n",
        artefact::csv_field(name),
        images.len(),
        n_refused,
        artefact::csv_field(&matrix),
        n_matrix.map(|n| n.to_string()).unwrap_or_default(),
        ranges.join(","),
        deviating.len(),
        artefact::csv_field(&told),
    )
}

/// Median, smallest and largest of known values; NaN, which is an empty cell, of none.
struct Range {
    median: f64,
    min: f64,
    max: f64,
}

impl Range {
    fn of(values: impl Iterator<Item = f64>) -> Range {
        let mut sorted: Vec<f64> = values.collect();
        sorted.sort_by(f64::total_cmp);
        let end = |value: Option<&f64>| value.copied().unwrap_or(f64::NAN);
        Range {
            median: if sorted.is_empty() {
                f64::NAN
            } else {
                quantile(&sorted, 0.5)
            },
            min: end(sorted.first()),
            max: end(sorted.last()),
        }
    }

    fn cells(&self) -> String {
        [self.median, self.min, self.max]
            .map(number::text)
            .join(",")
    }
}

/// The matrix of most images, the first by name among equals; nothing where none is told.
fn commonest(images: &[&Image]) -> (String, Option<usize>) {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for matrix in images.iter().filter_map(|i| i.matrix.as_deref()) {
        *counts.entry(matrix).or_default() += 1;
    }
    let mut best: Option<(&str, usize)> = None;
    for (matrix, n) in counts {
        if best.is_none_or(|(_, most)| n > most) {
            best = Some((matrix, n));
        }
    }
    match best {
        Some((matrix, n)) => (matrix.to_owned(), Some(n)),
        None => (String::new(), None),
    }
}

/// What most images of a centre are like.
struct Usual<'a> {
    matrix: &'a str,
    in_plane_mm: f64,
    slice_pitch_mm: f64,
}

/// In what one image differs; nothing where it does not.
fn deviations(image: &Image, usual: &Usual, params: &AcquisitionParams) -> Option<String> {
    let mut found = Vec::new();
    if let Some(matrix) = image.matrix.as_deref().filter(|m| *m != usual.matrix) {
        found.push(format!("matrix {matrix}"));
    }
    for (name, value, median) in [
        ("in-plane", image.in_plane_mm, usual.in_plane_mm),
        ("slice pitch", image.slice_pitch_mm, usual.slice_pitch_mm),
    ] {
        if (value - median).abs() > params.tolerance * median {
            found.push(format!("{name} {} mm", number::text(value)));
        }
    }
    let usable = f64::from(params.grey_levels_min)..=f64::from(params.grey_levels_max);
    if let Some(n) = image.grey_levels.filter(|n| !usable.contains(n)) {
        found.push(format!("{} grey levels", number::text(n)));
    }
    (!found.is_empty()).then(|| format!("{}: {}", image.patient, found.join(", ")))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::fixture::{gathered, ports, refusal, run_on, text};
    use artefact::refusal::Refusal;
    use serde_json::{Value, json};

    fn params() -> Value {
        json!({"tolerance": 0.05, "grey_levels_min": 16, "grey_levels_max": 128})
    }

    fn image(matrix: u64, spacing_mm: [f64; 3], grey_levels: u64) -> Vec<u8> {
        json!({
            "spacing_mm": [1.0, 1.0, spacing_mm[2]],
            "n_grey_levels": grey_levels,
            "grids": [
                {"dims": [matrix, matrix, 24], "spacing_mm": spacing_mm},
                {"dims": [240, 240, 24], "spacing_mm": [1.0, 1.0, spacing_mm[2]]},
            ],
        })
        .to_string()
        .into_bytes()
    }

    #[test]
    fn each_centre_has_a_row_and_names_who_differs() {
        let label = |site, patient| vec![("patient", patient), ("roi", "tumour"), ("site", site)];
        let refused = Refusal {
            code: "mask-empty".to_owned(),
            message: "mask is empty".to_owned(),
            kind: "import-mask".to_owned(),
        };
        let entries = gathered(vec![
            (label("c1", "p1"), Ok(image(320, [0.75, 0.75, 7.0], 40))),
            (label("c1", "p2"), Ok(image(320, [0.75, 0.75, 7.0], 50))),
            (label("c1", "p3"), Ok(image(256, [0.9375, 0.75, 5.5], 9))),
            (label("c1", "p3"), Err(refused.clone())),
            (label("c1", "p4"), Err(refused.clone())),
            (label("c1", "p4"), Err(refused)),
            (
                label("c2", "q1"),
                Ok(br#"{"spacing_mm":[1,1,5.5],"n_grey_levels":30}"#.to_vec()),
            ),
        ]);
        let out = run_on(
            "acquisition-table",
            params(),
            &ports(vec![("diagnostics", entries)]),
        );
        let text = text(&out.unwrap(), "acquisition");
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(
            lines[1],
            "c1,3,1,320x320,2,24,24,24,0.75,0.75,0.9375,7,5.5,7,40,9,50,1,\"p3: matrix 256x256, in-plane 0.9375 mm, \
             slice pitch 5.5 mm, 9 grey levels\""
        );
        assert_eq!(lines[2], "c2,1,0,,,,,,1,1,1,5.5,5.5,5.5,30,30,30,0,");
        assert_eq!(lines[0].split(',').count(), 19);
        assert_eq!(lines[2].split(',').count(), 19);
    }

    #[test]
    fn records_of_nobody_are_refused() {
        let entries = gathered(vec![(
            vec![("roi", "tumour")],
            Ok(image(320, [1.0; 3], 20)),
        )]);
        let (code, _) = refusal(run_on(
            "acquisition-table",
            params(),
            &ports(vec![("diagnostics", entries)]),
        ));
        assert_eq!(code, "patient-unnamed");
    }
}
