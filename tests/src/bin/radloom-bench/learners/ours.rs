//! Our side: each piece of work in a process of its own on one thread, which is this program called with `measure-learner`.

use std::path::Path;
use std::process::Command;

use cohort::{FollowUp, RiskScores};
use evaluation::{AucConvention, Bootstrap, bootstrap_auc};
use ndarray::Array2;
use serde_json::{Value, json};
use stats::lasso_cox::{LassoCoxParams, cross_validate_lasso_cox};
use survival::{
    DeepSurv, DeepSurvParams, DnnSurv, DnnSurvParams, Gbm, GbmParams, Learner, Mtry, Rsf,
    RsfParams, Svm, SvmParams, TreeMethod, Xgboost, XgboostParams,
};
use worker::step::{Content, Context, Input, Inputs};

use crate::process::{cpu_per_call, memory_kib};

/// The first argument of a child.
pub const MEASURE: &str = "measure-learner";

/// What a child tells of its work: CPU seconds of a call, peak memory and, where something was stored, bytes.
pub fn spent(work: &str, data: &Path) -> Value {
    let mut command = Command::new(std::env::current_exe().unwrap());
    let output = command.arg(MEASURE).arg(work).arg(data).output().unwrap();
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{complaint}");
    let said = String::from_utf8_lossy(&output.stdout);
    serde_json::from_str(said.lines().last().unwrap()).unwrap()
}

/// What a child does.
pub fn measure(arguments: &[String]) {
    let [work, path] = arguments else {
        panic!("{MEASURE} takes a piece of work and a table");
    };
    let text = std::fs::read_to_string(path).unwrap();
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build();
    let told = pool.unwrap().install(|| match work.as_str() {
        "stored-forest" => stored_forest(&text),
        "auc" => json!({"cpu_s": cpu_per_call(&mut resampled_auc(&Data::read(&text)))}),
        "lasso" => json!({"cpu_s": cpu_per_call(&mut lasso(&Data::read(&text)))}),
        learner => fitted(learner, &Data::read(&text)),
    });
    println!("{told}");
}

struct Data {
    names: Vec<String>,
    x: Array2<f64>,
    follow_up: FollowUp,
}

impl Data {
    fn read(text: &str) -> Data {
        let mut lines = text.lines();
        let header = lines.next().unwrap();
        let rows: Vec<Vec<f64>> = lines
            .map(|l| l.split(',').map(|v| v.parse().unwrap()).collect())
            .collect();
        let names: Vec<String> = header.split(',').skip(2).map(str::to_owned).collect();
        let time = rows.iter().map(|r| r[0]).collect();
        let event = rows.iter().map(|r| r[1] == 1.0).collect();
        Data {
            x: Array2::from_shape_fn((rows.len(), names.len()), |(i, j)| rows[i][j + 2]),
            names,
            follow_up: FollowUp::new(time, event).unwrap(),
        }
    }
}

fn learner(name: &str) -> Box<dyn Learner> {
    match name {
        "rsf" => Box::new(Rsf::new(RsfParams::ranger_defaults()).unwrap()),
        "rsf-100" => Box::new(
            Rsf::new(RsfParams {
                n_trees: 100,
                mtry: Mtry::SqrtDown,
                min_node_size: 3,
                ..RsfParams::ranger_defaults()
            })
            .unwrap(),
        ),
        "gbm" => Box::new(Gbm::new(GbmParams::gbm()).unwrap()),
        "xgboost" => Box::new(
            Xgboost::new(XgboostParams {
                tree_method: TreeMethod::Exact,
                n_rounds: 100,
                eta: 0.1,
                max_depth: 3,
                ..XgboostParams::cox()
            })
            .unwrap(),
        ),
        "svm" => Box::new(Svm::new(SvmParams::sksurv()).unwrap()),
        "deepsurv" | "deepsurv-pycox" => Box::new(
            DeepSurv::new(DeepSurvParams {
                max_epochs: 100,
                early_stopping: None,
                ..DeepSurvParams::tuned()
            })
            .unwrap(),
        ),
        "deepsurv-committee" => Box::new(DeepSurv::new(DeepSurvParams::tuned()).unwrap()),
        "dnnsurv" => Box::new(DnnSurv::new(DnnSurvParams::paper()).unwrap()),
        other => panic!("no learner `{other}`"),
    }
}

/// A fit and its risks on the same rows.
fn fitted(name: &str, data: &Data) -> Value {
    let learner = learner(name);
    let mut work = || {
        let model = learner
            .fit(data.x.view(), &data.names, &data.follow_up, 1)
            .unwrap();
        model.risk(data.x.view()).unwrap();
    };
    json!({"cpu_s": cpu_per_call(&mut work)})
}

fn lasso(data: &Data) -> impl FnMut() {
    let fold: Vec<usize> = (0..data.follow_up.len()).map(|i| i % 10).collect();
    let params = LassoCoxParams::glmnet_defaults();
    move || {
        cross_validate_lasso_cox(data.x.view(), &data.follow_up, &fold, &params).unwrap();
    }
}

/// 1,000 resamples of AUC(36) of the first column.
fn resampled_auc(data: &Data) -> impl FnMut() {
    let risk = RiskScores::higher_is_worse(data.x.column(0).to_vec()).unwrap();
    let bootstrap = Bootstrap::new(1000, 0.95, 7).unwrap();
    move || {
        let convention = AucConvention::Score;
        bootstrap_auc(&risk, &data.follow_up, 36.0, convention, &bootstrap).unwrap();
    }
}

/// `fit-rsf` with 1,000 trees as a worker runs it: bytes of the model, and what the process took at its most.
fn stored_forest(text: &str) -> Value {
    let (mut table, mut followup) = (String::new(), String::from("patient_id,time,event\n"));
    for (i, line) in text.lines().enumerate() {
        let mut cells = line.splitn(3, ',');
        let (time, event) = (cells.next().unwrap(), cells.next().unwrap());
        let rest = cells.next().unwrap();
        match i {
            0 => table.push_str(&format!("patient_id,{rest}\n")),
            _ => {
                table.push_str(&format!("p{i:04},{rest}\n"));
                followup.push_str(&format!("p{i:04},{time},{event}\n"));
            }
        }
    }
    let input = |bytes: String| {
        vec![Input {
            axes: Vec::new(),
            content: Ok(bytes.into_bytes().into()),
        }]
    };
    let mut inputs = Inputs::default();
    inputs.ports.insert("table".to_owned(), input(table));
    inputs.ports.insert("followup".to_owned(), input(followup));
    let params = pipeline_defs::params::RsfParams {
        num_trees: 1000,
        ..pipeline_defs::params::RsfParams::ranger_defaults()
    };
    let context = Context {
        params: serde_json::to_value(params).unwrap(),
        seed: Some(1),
    };
    let out = worker::steps::run("fit-rsf", &context, &inputs).unwrap();
    let bytes = match &out[0].content {
        Content::Bytes(bytes) => bytes.len(),
        Content::Rows { .. } => panic!("a model is bytes"),
    };
    let peak_mib = memory_kib(std::process::id(), "VmHWM") / 1024.0;
    json!({"peak_mib": peak_mib, "bytes_mib": bytes as f64 / 1_048_576.0})
}
