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
    PATIENTS_HEADER, SynthImages, SynthPatient, SynthSize, SynthSpec, Twin, TwinMask,
    patients_csv_row, tables, truth_csv, volume,
};
use imaging::{Geometry, Volume, Voxels};
use rayon::prelude::*;

#[derive(Debug, Args)]
pub(super) struct SynthArgs {
    /// tiny: 40 patients, seconds; demo: 632 patients, minutes; full: 632 patients on the paper's matrix
    #[arg(long, value_parser = ["tiny", "demo", "full"])]
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
        _ => SynthSize::Full,
    };
    let seed = seed.unwrap_or(SEED);
    let mark = format!(
        "radloom synth --size {size}{} --seed {seed} version {}\n",
        twin.map_or_else(String::new, |twin| format!(" --twin {}", twin.as_str())),
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
    let spec = twin.map_or_else(SynthSpec::paper, Twin::spec);
    let tables = match twin {
        Some(twin) => twin.tables(synth_size, seed)?,
        None => tables(&spec, synth_size, seed)?,
    };
    let truth = out.join("truth");
    std::fs::create_dir_all(truth.join("log_bias"))?;
    for centre in &spec.centres {
        std::fs::create_dir_all(out.join(centre.site).join("images"))?;
    }
    let readings: Vec<Vec<String>> = tables
        .patients
        .par_iter()
        .map(|patient| {
            let images = match twin {
                Some(twin) => twin.images(synth_size, seed, patient)?,
                None => volume(&spec, synth_size, seed, patient)?,
            };
            let mask = twin.and_then(|twin| twin.mask(patient, &images));
            write_images(out, patient, &images, mask)
        })
        .collect::<anyhow::Result<_>>()?;
    let cohort = Written {
        spec: &spec,
        patients: &tables.patients,
        readings: &readings,
        twin: twin.map(|twin| (twin, seed)),
    };
    cohort.write_tables(out)?;
    if let Some(twin) = twin {
        std::fs::write(truth.join("expected.csv"), expected_csv(twin))?;
    }
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
    mask: Option<TwinMask>,
) -> anyhow::Result<Vec<String>> {
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
        Voxels::F32(images.true_log_bias.clone()),
    )?;
    Ok(images
        .delineations
        .iter()
        .map(|(name, _)| name.clone())
        .collect())
}

/// What the tables are written from.
struct Written<'a> {
    spec: &'a SynthSpec,
    patients: &'a [SynthPatient],
    readings: &'a [Vec<String>],
    twin: Option<(Twin, u64)>,
}

impl Written<'_> {
    fn write_tables(&self, out: &Path) -> anyhow::Result<()> {
        let toml = cohort_toml(&self.rater_names(), self.twin.map(|(twin, _)| twin));
        std::fs::write(out.join("patients.csv"), self.rows(None))?;
        std::fs::write(out.join("cohort.toml"), &toml)?;
        for centre in &self.spec.centres {
            let folder = out.join(centre.site);
            std::fs::write(folder.join("patients.csv"), self.rows(Some(centre.site)))?;
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
        let of_site = |(p, _): &(&SynthPatient, &Vec<String>)| site.is_none_or(|s| p.site == s);
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
                if has.iter().any(|h| h == reading) {
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
    text.push_str(
        "\n[share]\ncolumns = [\"dfs_months\", \"dfs_event\", \"os_months\", \"os_event\"",
    );
    for column in twin.map_or(&[][..], Twin::extra_columns) {
        let _ = write!(text, ", \"{column}\"");
    }
    text.push_str("]\n");
    text
}
