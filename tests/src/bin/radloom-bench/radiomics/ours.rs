//! Our side: the same work in a process of its own, which is this program called with `measure`.

use std::collections::VecDeque;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use imaging::n4::{N4Params, Region, correct};
use imaging::{Mask, Volume, nifti};
use radiomics::Feature;
use radiomics::filter::{ImageType, Lbp2dSettings, Lbp3dSettings, WaveletSettings};
use radiomics::pipeline::{ExtractionSettings, ImageRequest, extract};
use serde_json::{Value, json};

use crate::process::{cpu_by_thread, cpu_per_call, memory_kib};

/// The first argument of a child.
pub const MEASURE: &str = "measure";

/// Times a child repeats its work; the least counts.
const REPEATS: usize = 3;

/// Idle threads of a pool are asleep after this.
const SETTLE: Duration = Duration::from_millis(5);

/// What one side spent on one thread.
#[derive(Default)]
pub struct Spent {
    /// Results, so that both sides are known to have done the same.
    pub n: u64,
    pub cpu_s: f64,
    pub peak_mib: f64,
}

impl Spent {
    pub fn told_by(command: &mut Command) -> Spent {
        let told = told_by(command);
        Spent {
            n: told["n"].as_u64().unwrap(),
            cpu_s: told["cpu_s"].as_f64().unwrap(),
            peak_mib: told["peak_mib"].as_f64().unwrap(),
        }
    }

    /// Keeps the least time and the highest peak.
    pub fn least_of(&mut self, other: Spent) {
        let cpu_s = match self.n {
            0 => other.cpu_s,
            _ => self.cpu_s.min(other.cpu_s),
        };
        *self = Spent {
            n: other.n,
            cpu_s,
            peak_mib: self.peak_mib.max(other.peak_mib),
        };
    }
}

/// One thread beside two.
pub struct Both {
    pub wall_s: [f64; 2],
    /// CPU seconds of the busiest thread: the wall time is at least that.
    pub busiest_s: [f64; 2],
    /// All features in every bit.
    pub equal: bool,
}

pub fn features(image: &str, mask: &str, config: &str) -> Spent {
    Spent::told_by(&mut child(&["features", image, mask, config]))
}

pub fn n4(image: &str, shrink: &str) -> Spent {
    Spent::told_by(&mut child(&["n4", image, shrink]))
}

pub fn two_threads(image: &str, mask: &str, config: &str, rounds: usize) -> Both {
    let rounds = rounds.to_string();
    Both::told_by(&mut child(&["threads", image, mask, config, &rounds]))
}

/// Plain arithmetic in two halves: what the machine has left for a second thread at the moment.
pub fn two_threads_of_arithmetic(rounds: usize) -> Both {
    Both::told_by(&mut child(&["arithmetic", &rounds.to_string()]))
}

impl Both {
    fn told_by(command: &mut Command) -> Both {
        let told = told_by(command);
        let pair = |name: &str| [0, 1].map(|i| told[name][i].as_f64().unwrap());
        Both {
            wall_s: pair("wall_s"),
            busiest_s: pair("busiest_s"),
            equal: told["equal"].as_bool().unwrap(),
        }
    }
}

fn child(arguments: &[&str]) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.arg(MEASURE).args(arguments);
    command
}

/// The last line that a program prints, which is JSON.
fn told_by(command: &mut Command) -> Value {
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{complaint}");
    serde_json::from_str(said.lines().last().unwrap()).unwrap()
}

/// What a child does.
pub fn measure(arguments: &[String]) {
    let mut arguments: VecDeque<&str> = arguments.iter().map(String::as_str).collect();
    let mut next = || arguments.pop_front().unwrap();
    let told = match next() {
        "features" => measure_features(&Work::read(next(), next(), next())),
        "threads" => {
            let work = Work::read(next(), next(), next());
            measure_threads(&|| bits(&work.extract()), next().parse().unwrap())
        }
        "arithmetic" => measure_threads(&arithmetic, next().parse().unwrap()),
        "n4" => measure_n4(&volume(next()), next().parse().unwrap()),
        other => panic!("no measurement `{other}`"),
    };
    println!("{told}");
}

fn measure_features(work: &Work) -> Value {
    let mut n = 0;
    let cpu_s = pool(1).install(|| least_cpu(&mut || n = work.extract().len()));
    spent(n, cpu_s)
}

fn measure_n4(image: &Volume, shrink_factor: usize) -> Value {
    let params = N4Params {
        shrink_factor,
        ..N4Params::slicer()
    };
    let mut n4 = || drop(correct(image, Region::Otsu, &params).unwrap());
    spent(1, pool(1).install(|| least_cpu(&mut n4)))
}

fn measure_threads(work: &(dyn Fn() -> Vec<Option<u64>> + Sync), rounds: usize) -> Value {
    let pools = [pool(1), pool(2)];
    let (mut wall_s, mut busiest_s) = ([f64::INFINITY; 2], [f64::INFINITY; 2]);
    let mut equal = true;
    let first = work();
    for _ in 0..rounds {
        for (i, pool) in pools.iter().enumerate() {
            let (before, began) = (cpu_by_thread(), Instant::now());
            let results = pool.install(work);
            wall_s[i] = wall_s[i].min(began.elapsed().as_secs_f64());
            std::thread::sleep(SETTLE); // the scheduler's account of a thread is complete when it sleeps
            let after = cpu_by_thread().into_iter();
            let spent = after.map(|(id, s)| s - before.get(&id).copied().unwrap_or(0.0));
            busiest_s[i] = busiest_s[i].min(spent.fold(0.0, f64::max));
            equal &= results == first;
        }
    }
    json!({ "wall_s": wall_s, "busiest_s": busiest_s, "equal": equal })
}

fn spent(n: usize, cpu_s: f64) -> Value {
    let peak_mib = memory_kib(std::process::id(), "VmHWM") / 1024.0;
    json!({ "n": n, "cpu_s": cpu_s, "peak_mib": peak_mib })
}

fn least_cpu(work: &mut (dyn FnMut() + Send)) -> f64 {
    (0..REPEATS).fold(f64::INFINITY, |least, _| least.min(cpu_per_call(work)))
}

fn pool(n_threads: usize) -> rayon::ThreadPool {
    let builder = rayon::ThreadPoolBuilder::new();
    builder.num_threads(n_threads).build().unwrap()
}

fn bits(features: &[Feature]) -> Vec<Option<u64>> {
    let values = features.iter().map(|feature| feature.value.as_ref().ok());
    values.map(|value| value.map(|v| v.to_bits())).collect()
}

/// About as long as the 1409 features of a tumour.
fn arithmetic() -> Vec<Option<u64>> {
    let half = |seed: u64| {
        let next = |state: u64, i: u64| state.rotate_left(5).wrapping_mul(0x9e37_79b9) ^ i;
        Some((0..6_000_000).fold(seed, next))
    };
    let (a, b) = rayon::join(|| half(1), || half(2));
    vec![a, b]
}

/// An extraction, read and ready.
struct Work {
    image: Volume,
    mask: Mask,
    settings: ExtractionSettings,
}

impl Work {
    fn read(image: &str, mask: &str, config: &str) -> Work {
        let labels = volume(mask);
        let inside = labels.to_f64().iter().map(|label| *label == 1.0).collect();
        Work {
            image: volume(image),
            mask: Mask::new(labels.geometry, inside).unwrap(),
            settings: settings(config),
        }
    }

    fn extract(&self) -> Vec<Feature> {
        extract(&self.image, &self.mask, &self.settings)
            .unwrap()
            .features
    }
}

fn volume(path: &str) -> Volume {
    nifti::read(Path::new(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Bin width 25 and the image types of `original.py` in its order; `1409` is the preset radiomics-1409-a.
fn settings(config: &str) -> ExtractionSettings {
    let mut types = vec![ImageType::Original];
    if config != "original" {
        types.push(ImageType::Wavelet(WaveletSettings::pyradiomics_defaults()));
        if config == "full" {
            types.push(ImageType::LaplacianOfGaussian {
                sigma_mm: vec![1.0, 2.0, 3.0, 4.0, 5.0],
            });
        }
        types.extend([
            ImageType::Square,
            ImageType::SquareRoot,
            ImageType::Logarithm,
            ImageType::Exponential,
            ImageType::Gradient { use_spacing: true },
            ImageType::Lbp2d(Lbp2dSettings::pyradiomics_defaults()),
        ]);
        if config == "full" {
            types.push(ImageType::Lbp3d(Lbp3dSettings::pyradiomics_defaults()));
        }
    }
    let mut settings = ExtractionSettings::pyradiomics_defaults();
    let request = |image_type| ImageRequest {
        image_type,
        classes: settings.classes.clone(),
    };
    settings.images = types.into_iter().map(request).collect();
    settings
}
