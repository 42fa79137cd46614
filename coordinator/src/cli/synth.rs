//! `synth`: the synthetic cohort on disk.
//!
//! ```text
//! DIR/study.toml            ready to run
//! DIR/cohort.toml           all sites          DIR/patients.csv
//! DIR/<site>/cohort.toml    what a centre has  DIR/<site>/patients.csv  DIR/<site>/images/…
//! DIR/tcga/…                the same of a third centre that follows nobody
//! DIR/expression.csv        its gene expression    DIR/gene_sets.gmt
//! DIR/truth/                latent variables, true bias fields, what was planted: never read by a study
//! ```
//!
//! Patients are made and written one by one, so memory does not grow with the cohort.

mod features_only;
mod third;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};
use clap::Args;
use cohort::synth::{
    Biology, PATIENTS_HEADER, SynthImages, SynthPatient, SynthSize, SynthSpec, Twin, TwinMask,
    biology, patients_csv_row, tables, truth_csv, volume,
};
use imaging::{Geometry, Volume, Voxels};
use rayon::prelude::*;

#[derive(Debug, Args)]
pub(super) struct SynthArgs {
    /// tiny: 40 patients, seconds; demo: 632 patients, minutes; full: 632 patients on the paper's matrix; features-only: tables
    /// of their features, without images. With images there is a third centre with gene expression and without follow-up.
    #[arg(long, value_parser = ["tiny", "demo", "full", "features-only"])]
    size: String,
    /// The same cohort with one thing wrong, for `radloom check` to find
    #[arg(long, value_parser = ["null", "leaky", "geometry", "dates", "shortfu", "site-shift", "volume"])]
    twin: Option<String>,
    /// Seed of every draw
    #[arg(long)]
    seed: Option<u64>,
    /// Folder to make
    #[arg(long)]
    out: PathBuf,
}

/// Raised when the same size and seed give other files than before, so that an older folder is made anew.
const RECIPE: u32 = 3;
/// `patient_id` and `site`, which every table has.
const NAMING_COLUMNS: usize = 2;
/// Seed of the published cohort.
const SEED: u64 = 20_250_308;

pub(super) fn synth(args: &SynthArgs) -> anyhow::Result<()> {
    let twin = args.twin.as_deref().and_then(Twin::named);
    make_twin(&args.size, twin, args.seed, &args.out)?;
    out!("{}", args.out.join("study.toml").display());
    Ok(())
}

/// Makes the cohort. A folder that holds the same cohort already is written over; another one is left alone.
pub(super) fn make(size: &str, seed: Option<u64>, out: &Path) -> anyhow::Result<()> {
    make_twin(size, None, seed, out)
}

fn make_twin(size: &str, twin: Option<Twin>, seed: Option<u64>, out: &Path) -> anyhow::Result<()> {
    let synth_size = match size {
        "tiny" => SynthSize::Tiny,
        "demo" => SynthSize::Demo,
        "full" => SynthSize::Full,
        _ => SynthSize::FeaturesOnly,
    };
    ensure!(
        twin.is_none() || synth_size != SynthSize::FeaturesOnly,
        "a twin has images: choose --size tiny, demo or full"
    );
    let seed = seed.unwrap_or(SEED);
    let study = study_of(synth_size, twin)?;
    let mark = format!(
        "radloom synth --size {size}{} --seed {seed} recipe {RECIPE} version {} study {}\n",
        twin.map_or_else(String::new, |twin| format!(" --twin {}", twin.as_str())),
        env!("CARGO_PKG_VERSION"),
        study
            .as_deref()
            .map_or_else(String::new, |text| digest::Digest::of(text.as_bytes())
                .to_string()),
    );
    if out.exists() && std::fs::read_dir(out)?.next().is_some() {
        let made_by = std::fs::read_to_string(out.join(MARK)).unwrap_or_default();
        ensure!(
            made_by.starts_with("radloom synth"),
            "{} is not empty and holds no synthetic cohort; choose another --out",
            out.display()
        );
        if made_by == mark {
            return Ok(());
        }
    }
    // Made beside and moved: whoever stops it keeps what was there.
    let name = out
        .file_name()
        .map_or_else(|| "cohort".into(), |n| n.to_string_lossy());
    let making = out.with_file_name(format!(".{name}-in-the-making"));
    let cannot = |what: &str, path: &Path| format!("cannot {what} {}", path.display());
    if making.exists() {
        std::fs::remove_dir_all(&making).with_context(|| cannot("remove", &making))?;
    }
    std::fs::create_dir_all(&making).with_context(|| cannot("make", &making))?;
    write(synth_size, twin, seed, study, &making)?;
    std::fs::write(making.join(MARK), mark)?;
    if out.exists() {
        std::fs::remove_dir_all(out).with_context(|| cannot("replace", out))?;
    }
    std::fs::rename(&making, out).with_context(|| cannot("make", out))
}

/// Where a finished cohort says what it is.
const MARK: &str = "truth/MADE_BY";

/// The study that comes with a cohort; that of feature tables is written with them.
fn study_of(size: SynthSize, twin: Option<Twin>) -> anyhow::Result<Option<String>> {
    let name = match size {
        SynthSize::FeaturesOnly => return Ok(None),
        SynthSize::Tiny => "demo",
        SynthSize::Demo => "cervical-demo",
        _ => "cervical-ccrt",
    };
    let study = shipped(name)?;
    Ok(Some(match twin {
        Some(_) => pipeline_defs::without_biology(study),
        None => study.to_owned(),
    }))
}

/// Writes a cohort into an empty folder.
fn write(
    size: SynthSize,
    twin: Option<Twin>,
    seed: u64,
    study: Option<String>,
    out: &Path,
) -> anyhow::Result<()> {
    let spec = twin.map_or_else(SynthSpec::paper, Twin::spec);
    let tables = match twin {
        Some(twin) => twin.tables(size, seed)?,
        None => tables(&spec, size, seed)?,
    };
    let truth = out.join("truth");
    std::fs::create_dir_all(&truth)?;
    std::fs::write(truth.join("truth.csv"), truth_csv(&tables.patients))?;
    let study = match study {
        None => features_only::write(out, &spec, seed, &tables.patients)?,
        Some(study) => {
            // A twin is about one thing alone.
            let third = twin.is_none().then(|| biology(&spec, size, seed));
            let made = Made {
                spec,
                size,
                seed,
                twin,
                third,
            };
            made.write(out, tables.patients)?;
            study
        }
    };
    Ok(std::fs::write(out.join("study.toml"), study)?)
}

/// A study that comes with the program.
fn shipped(name: &str) -> anyhow::Result<&'static str> {
    let shipped = pipeline_defs::shipped();
    let study = shipped.iter().find(|(n, _)| *n == name);
    study
        .map(|(_, text)| *text)
        .with_context(|| format!("the shipped study {name} is missing"))
}

/// A cohort with images.
struct Made {
    spec: SynthSpec,
    size: SynthSize,
    seed: u64,
    twin: Option<Twin>,
    third: Option<Biology>,
}

impl Made {
    fn write(&self, out: &Path, mut patients: Vec<SynthPatient>) -> anyhow::Result<()> {
        let truth = out.join("truth");
        let mut sites: Vec<&str> = self.spec.centres.iter().map(|c| c.site).collect();
        if let Some(third) = &self.third {
            third::write(out, &self.spec, self.seed, third)?;
            patients.extend(third.patients.iter().cloned());
            sites.push(self.spec.biology.centre.site);
        }
        std::fs::create_dir_all(truth.join("log_bias"))?;
        for site in &sites {
            std::fs::create_dir_all(out.join(site).join("images"))?;
        }
        let readings: Vec<Vec<Reading>> = patients
            .par_iter()
            .map(|patient| self.write_patient(out, patient))
            .collect::<anyhow::Result<_>>()?;
        std::fs::write(
            truth.join("readings.csv"),
            readings_csv(&patients, &readings),
        )?;
        if let Some(twin) = self.twin {
            std::fs::write(truth.join("expected.csv"), expected_csv(twin))?;
        }
        let cohort = Written {
            spec: &self.spec,
            sites,
            patients: &patients,
            readings: &readings,
            twin: self.twin.map(|twin| (twin, self.seed)),
        };
        cohort.write_tables(out)
    }

    fn write_patient(&self, out: &Path, patient: &SynthPatient) -> anyhow::Result<Vec<Reading>> {
        let images = match self.twin {
            Some(twin) => twin.images(self.size, self.seed, patient)?,
            None => volume(&self.spec, self.size, self.seed, patient)?,
        };
        let mask = self.twin.and_then(|twin| twin.mask(patient, &images));
        write_images(out, patient, &images, mask)?;
        let reading = |(name, mask): &(String, Vec<u8>)| Reading {
            name: name.clone(),
            dice: dice(&images.mask, mask),
            n_voxels: mask.iter().filter(|v| **v == 1).count(),
        };
        Ok(images.delineations.iter().map(reading).collect())
    }
}

/// A further reading of a patient's tumour.
struct Reading {
    name: String,
    /// Dice coefficient with the first reading.
    dice: f64,
    n_voxels: usize,
}

fn dice(first: &[u8], second: &[u8]) -> f64 {
    let both = first
        .iter()
        .zip(second)
        .filter(|(a, b)| **a == 1 && **b == 1);
    let n = |mask: &[u8]| mask.iter().filter(|v| **v == 1).count();
    2.0 * both.count() as f64 / (n(first) + n(second)).max(1) as f64
}

/// `patient_id,reading,dice,n_voxels` of every further reading.
fn readings_csv(patients: &[SynthPatient], readings: &[Vec<Reading>]) -> String {
    let mut text = "patient_id,reading,dice,n_voxels\n".to_owned();
    for (patient, readings) in patients.iter().zip(readings) {
        for Reading {
            name,
            dice,
            n_voxels,
        } in readings
        {
            let _ = writeln!(text, "{},{name},{dice},{n_voxels}", patient.patient_id);
        }
    }
    text
}
/// Writes the images of a patient.
fn write_images(
    out: &Path,
    patient: &SynthPatient,
    images: &SynthImages,
    mask: Option<TwinMask>,
) -> anyhow::Result<()> {
    let geometry = Geometry::new(images.dims, images.affine)?;
    let folder = out.join(&patient.site).join("images");
    let save_on = |geometry: Geometry, path: PathBuf, voxels: Voxels| -> anyhow::Result<()> {
        let volume = Volume::new(geometry, voxels)?;
        imaging::nifti::write_gz(&path, &volume)
            .with_context(|| format!("cannot write {}", path.display()))
    };
    let save = |path: PathBuf, voxels: Voxels| save_on(geometry, path, voxels);
    let id = &patient.patient_id;
    save(
        folder.join(format!("{id}_t2w.nii.gz")),
        Voxels::I16(images.image.clone()),
    )?;
    let mask_path = folder.join(format!("{id}_mask.nii.gz"));
    match mask {
        None => save(mask_path, Voxels::U8(images.mask.clone()))?,
        Some(mask) => {
            let geometry = Geometry::new(images.dims, mask.affine)?;
            save_on(geometry, mask_path, Voxels::F32(mask.values))?;
        }
    }
    for (reading, mask) in &images.delineations {
        save(
            folder.join(format!("{id}_mask_{reading}.nii.gz")),
            Voxels::U8(mask.clone()),
        )?;
    }
    save(
        out.join("truth/log_bias").join(format!("{id}.nii.gz")),
        Voxels::F32(images.true_log_bias.iter().map(|v| coarse(*v)).collect()),
    )
}

/// To the next 4096th: smooth fields of such numbers pack to half their size.
fn coarse(value: f32) -> f32 {
    (value * 4096.0).round() / 4096.0
}

/// What the tables are written from.
struct Written<'a> {
    spec: &'a SynthSpec,
    sites: Vec<&'a str>,
    patients: &'a [SynthPatient],
    readings: &'a [Vec<Reading>],
    twin: Option<(Twin, u64)>,
}

impl Written<'_> {
    fn write_tables(&self, out: &Path) -> anyhow::Result<()> {
        let toml = cohort_toml(&self.rater_names(), self.twin.map(|(twin, _)| twin));
        std::fs::write(out.join("patients.csv"), self.rows(None))?;
        std::fs::write(out.join("cohort.toml"), &toml)?;
        for site in &self.sites {
            let folder = out.join(site);
            std::fs::write(folder.join("patients.csv"), self.rows(Some(site)))?;
            std::fs::write(folder.join("cohort.toml"), &toml)?;
        }
        Ok(())
    }

    fn rater_names(&self) -> Vec<&'static str> {
        self.spec.raters.iter().map(|r| r.name).collect()
    }

    /// The patient table: of all sites, with paths from above their folders, or of one.
    fn rows(&self, site: Option<&str>) -> String {
        let extra = self.rater_names();
        let columns = self.twin.map_or(&[][..], |(twin, _)| twin.extra_columns());
        let mut text = PATIENTS_HEADER.to_owned();
        columns.iter().for_each(|c| text.push_str(&format!(",{c}")));
        text.push_str(",image,mask");
        extra
            .iter()
            .for_each(|r| text.push_str(&format!(",mask_{r}")));
        text.push('\n');
        let of_site = |(p, _): &(&SynthPatient, &Vec<Reading>)| site.is_none_or(|s| p.site == s);
        for (patient, has) in self.patients.iter().zip(self.readings).filter(of_site) {
            let id = &patient.patient_id;
            let at = match site {
                Some(_) => "images/".to_owned(),
                None => format!("{}/images/", patient.site),
            };
            text.push_str(&patients_csv_row(patient));
            if let Some((twin, seed)) = self.twin {
                let cells = twin.extra_cells(seed, patient);
                cells
                    .iter()
                    .for_each(|cell| text.push_str(&format!(",{cell}")));
            }
            // Writing to a String cannot fail.
            let _ = write!(text, ",{at}{id}_t2w.nii.gz,{at}{id}_mask.nii.gz");
            for reading in &extra {
                text.push(',');
                if has.iter().any(|h| h.name == *reading) {
                    let _ = write!(text, "{at}{id}_mask_{reading}.nii.gz");
                }
            }
            text.push('\n');
        }
        text
    }
}

/// `code,patient_id` of everything that a check of this twin must say.
fn expected_csv(twin: Twin) -> String {
    let mut text = "code,patient_id\n".to_owned();
    for expected in twin.expected() {
        let patient = expected.patient_id.unwrap_or_default();
        let _ = writeln!(text, "{},{patient}", expected.code);
    }
    text
}

fn cohort_toml(readings: &[&str], twin: Option<Twin>) -> String {
    let mut text = String::from(
        "# The synthetic cohort: which files a patient has, and which columns may reach the coordinator.\n\
         table = \"patients.csv\"\n\n[items]\nt2w  = { column = \"image\" }\nmask = { column = \"mask\" }\n",
    );
    for reading in readings {
        let _ = writeln!(text, "mask_{reading} = {{ column = \"mask_{reading}\" }}");
    }
    text.push_str("\n[share]\ncolumns = [");
    let columns = PATIENTS_HEADER.split(',').skip(NAMING_COLUMNS);
    for (i, column) in columns.enumerate() {
        let _ = write!(text, "{}\"{column}\"", if i > 0 { ", " } else { "" });
    }
    for column in twin.map_or(&[][..], Twin::extra_columns) {
        let _ = write!(text, ", \"{column}\"");
    }
    text.push_str("]\n");
    text
}
