//! `synth`: the synthetic cohort on disk.
//!
//! ```text
//! DIR/study.toml            ready to run
//! DIR/cohort.toml           all sites          DIR/patients.csv
//! DIR/<site>/cohort.toml    what a centre has  DIR/<site>/patients.csv  DIR/<site>/images/…
//! DIR/truth/                latent variables, true bias fields: never read by a study
//! ```

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};
use clap::Args;
use cohort::synth::{
    PATIENTS_HEADER, SynthImages, SynthPatient, SynthSize, SynthSpec, patients_csv_row, tables,
    truth_csv, volume,
};
use imaging::{Geometry, Volume, Voxels};
use rayon::prelude::*;

#[derive(Debug, Args)]
pub(super) struct SynthArgs {
    /// tiny: 40 patients, seconds; demo: 632 patients, minutes; full: 632 patients on the paper's matrix
    #[arg(long, value_parser = ["tiny", "demo", "full"])]
    size: String,
    /// Seed of every draw
    #[arg(long)]
    seed: Option<u64>,
    /// Folder to make
    #[arg(long)]
    out: PathBuf,
}

/// Seed of the published cohort.
const SEED: u64 = 20_250_308;

pub(super) fn synth(args: &SynthArgs) -> anyhow::Result<()> {
    make(&args.size, args.seed, &args.out)?;
    out!("{}", args.out.join("study.toml").display());
    Ok(())
}

/// Makes the cohort. A folder that holds the same cohort already is written over; another one is left alone.
pub(super) fn make(size: &str, seed: Option<u64>, out: &Path) -> anyhow::Result<()> {
    let synth_size = match size {
        "tiny" => SynthSize::Tiny,
        "demo" => SynthSize::Demo,
        _ => SynthSize::Full,
    };
    let seed = seed.unwrap_or(SEED);
    let mark = format!(
        "radloom synth --size {size} --seed {seed} version {}\n",
        env!("CARGO_PKG_VERSION")
    );
    let mark_file = out.join("truth/MADE_BY");
    if out.exists() && std::fs::read_dir(out)?.next().is_some() {
        let made_by = std::fs::read_to_string(&mark_file).unwrap_or_default();
        ensure!(
            made_by.starts_with("radloom synth"),
            "{} is not empty and holds no synthetic cohort; choose another --out",
            out.display()
        );
        if made_by == mark {
            return Ok(());
        }
        std::fs::remove_dir_all(out)
            .with_context(|| format!("cannot replace {}", out.display()))?;
    }
    let spec = SynthSpec::paper();
    let tables = tables(&spec, synth_size, seed)?;
    let truth = out.join("truth");
    std::fs::create_dir_all(truth.join("log_bias"))?;
    for centre in &spec.centres {
        std::fs::create_dir_all(out.join(centre.site).join("images"))?;
    }
    let readings: Vec<Vec<String>> = tables
        .patients
        .par_iter()
        .map(|patient| {
            let images = volume(&spec, synth_size, seed, patient)?;
            write_images(out, patient, &images)
        })
        .collect::<anyhow::Result<_>>()?;
    write_tables(out, &spec, &tables.patients, &readings)?;
    std::fs::write(truth.join("truth.csv"), truth_csv(&tables.patients))?;
    let name = if size == "tiny" {
        "demo"
    } else {
        "cervical-ccrt"
    };
    let study = pipeline_defs::shipped()
        .iter()
        .find(|(n, _)| *n == name)
        .map(|(_, text)| *text);
    std::fs::write(
        out.join("study.toml"),
        study.context("the shipped study is missing")?,
    )?;
    // Last: a folder with the mark is complete.
    std::fs::write(mark_file, mark)?;
    Ok(())
}

/// Writes the images of a patient; gives the names of the further readings.
fn write_images(
    out: &Path,
    patient: &SynthPatient,
    images: &SynthImages,
) -> anyhow::Result<Vec<String>> {
    let geometry = Geometry::new(images.dims, images.affine)?;
    let folder = out.join(&patient.site).join("images");
    let save = |path: PathBuf, voxels: Voxels| -> anyhow::Result<()> {
        let volume = Volume::new(geometry, voxels)?;
        imaging::nifti::write_gz(&path, &volume)
            .with_context(|| format!("cannot write {}", path.display()))
    };
    let id = &patient.patient_id;
    save(
        folder.join(format!("{id}_t2w.nii.gz")),
        Voxels::I16(images.image.clone()),
    )?;
    save(
        folder.join(format!("{id}_mask.nii.gz")),
        Voxels::U8(images.mask.clone()),
    )?;
    for (reading, mask) in &images.delineations {
        save(
            folder.join(format!("{id}_mask_{reading}.nii.gz")),
            Voxels::U8(mask.clone()),
        )?;
    }
    save(
        out.join("truth/log_bias").join(format!("{id}.nii.gz")),
        Voxels::F32(images.true_log_bias.clone()),
    )?;
    Ok(images
        .delineations
        .iter()
        .map(|(name, _)| name.clone())
        .collect())
}

fn write_tables(
    out: &Path,
    spec: &SynthSpec,
    patients: &[SynthPatient],
    readings: &[Vec<String>],
) -> anyhow::Result<()> {
    let extra: Vec<&str> = spec.raters.iter().map(|r| r.name).collect();
    let rows = |site: Option<&str>, prefix: &dyn Fn(&SynthPatient) -> String| {
        let mut text = format!("{PATIENTS_HEADER},image,mask");
        extra
            .iter()
            .for_each(|r| text.push_str(&format!(",mask_{r}")));
        text.push('\n');
        for (patient, has) in patients
            .iter()
            .zip(readings)
            .filter(|(p, _)| site.is_none_or(|s| p.site == s))
        {
            let at = prefix(patient);
            let id = &patient.patient_id;
            // Writing to a String cannot fail.
            let _ = write!(
                text,
                "{},{at}images/{id}_t2w.nii.gz,{at}images/{id}_mask.nii.gz",
                patients_csv_row(patient)
            );
            for reading in &extra {
                text.push(',');
                if has.iter().any(|h| h == reading) {
                    let _ = write!(text, "{at}images/{id}_mask_{reading}.nii.gz");
                }
            }
            text.push('\n');
        }
        text
    };
    std::fs::write(
        out.join("patients.csv"),
        rows(None, &|p| format!("{}/", p.site)),
    )?;
    std::fs::write(out.join("cohort.toml"), cohort_toml(&extra))?;
    for centre in &spec.centres {
        let folder = out.join(centre.site);
        std::fs::write(
            folder.join("patients.csv"),
            rows(Some(centre.site), &|_| String::new()),
        )?;
        std::fs::write(folder.join("cohort.toml"), cohort_toml(&extra))?;
    }
    Ok(())
}

fn cohort_toml(readings: &[&str]) -> String {
    let mut text = String::from(
        "# The synthetic cohort: which files a patient has, and which columns may reach the coordinator.\n\
         table = \"patients.csv\"\n\n[items]\nt2w  = { column = \"image\" }\nmask = { column = \"mask\" }\n",
    );
    for reading in readings {
        let _ = writeln!(text, "mask_{reading} = {{ column = \"mask_{reading}\" }}");
    }
    text.push_str(
        "\n[share]\ncolumns = [\"dfs_months\", \"dfs_event\", \"os_months\", \"os_event\"]\n",
    );
    text
}
