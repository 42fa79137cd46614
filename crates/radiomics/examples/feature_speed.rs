//! Milliseconds of one thread per image and feature class: `feature_speed IMAGE MASK [MORE_IMAGES…]`, NIfTI files on one grid.
//!
//! On Linux the thread's own time on a processor is counted, elsewhere the time that passed; means over repeats.

use radiomics::{CroppedRoi, FeatureClass, Selection, Settings, features_of};
use std::error::Error;
use std::path::Path;
use std::time::Instant;

/// Repeats go on until they took this long, because the processor's time is counted in ticks of some milliseconds.
const ENOUGH_MS: f64 = 100.0;

fn main() -> Result<(), Box<dyn Error>> {
    let paths: Vec<String> = std::env::args().skip(1).collect();
    let [image, mask, more @ ..] = &paths[..] else {
        return Err("usage: feature_speed IMAGE MASK [MORE_IMAGES...]".into());
    };
    let mask = imaging::nifti::read(Path::new(mask))?;
    let inside: Vec<bool> = mask.to_f64().iter().map(|&label| label != 0.0).collect();
    let geometry = mask.geometry;
    let settings = Settings::pyradiomics_defaults();
    let roi = CroppedRoi::new(&inside, geometry.dims, geometry.spacing_mm(), &settings)?;
    println!("{} voxels, ms per class", roi.n_voxels());
    let mut titles = vec!["all", "levels", "image"];
    let columns = columns(&settings);
    titles.splice(0..0, columns.iter().map(|column| column.0));
    println!("{}", titles.join("\t"));
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build()?;
    let mut total = 0.0;
    for path in std::iter::once(image).chain(more) {
        let cropped = roi.crop(&imaging::nifti::read(Path::new(path))?.to_f64())?;
        let run = |settings: &Settings| -> Result<(f64, usize), Box<dyn Error + Send + Sync>> {
            pool.install(|| {
                let clock = Clock::start();
                for n_repeats in 1.. {
                    let n_levels = features_of(&cropped, &roi, "original", settings)?.n_grey_levels;
                    let spent = clock.milliseconds();
                    if spent >= ENOUGH_MS {
                        return Ok((spent / f64::from(n_repeats), n_levels));
                    }
                }
                Err("no time passed".into())
            })
        };
        for (_, settings) in &columns {
            print!(
                "{:.2}\t",
                run(settings).map_err(|error| error.to_string())?.0
            );
        }
        let (all, n_levels) = run(&settings).map_err(|error| error.to_string())?;
        total += all;
        println!("{all:.2}\t{n_levels}\t{path}");
    }
    println!("{total:.1} ms for all images");
    Ok(())
}

/// Settings that compute one class each.
fn columns(settings: &Settings) -> Vec<(&'static str, Settings)> {
    let classes = FeatureClass::ALL
        .into_iter()
        .filter(|class| !class.is_shape());
    classes
        .map(|class| {
            let mut features = Selection::nothing();
            features.enable_class(class);
            (
                class.name(),
                Settings {
                    features,
                    ..settings.clone()
                },
            )
        })
        .collect()
}

/// Time of this thread.
struct Clock {
    on_processor_ms: Option<f64>,
    start: Instant,
}

impl Clock {
    fn start() -> Clock {
        Clock {
            on_processor_ms: on_processor_ms(),
            start: Instant::now(),
        }
    }

    fn milliseconds(&self) -> f64 {
        match (self.on_processor_ms, on_processor_ms()) {
            (Some(before), Some(after)) => after - before,
            _ => self.start.elapsed().as_secs_f64() * 1e3,
        }
    }
}

/// Linux counts nanoseconds per thread.
fn on_processor_ms() -> Option<f64> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    let nanoseconds: f64 = text.split(' ').next()?.parse().ok()?;
    Some(nanoseconds / 1e6)
}
