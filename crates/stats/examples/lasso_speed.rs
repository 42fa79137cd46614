//! CPU seconds of a five-fold cross-validated LASSO-Cox on tables given as CSV (time, status, features), with the folds
//! beside them: `lasso_speed FOLDER NAME…` reads `FOLDER/NAME.csv` and `FOLDER/NAME.folds.csv`.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use cohort::FollowUp;
use ndarray::Array2;
use stats::lasso_cox::{LassoCoxParams, cross_validate_lasso_cox};

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [folder, names @ ..] = arguments.as_slice() else {
        eprintln!("usage: lasso_speed FOLDER NAME…");
        return;
    };
    for name in names {
        let read = |suffix: &str| {
            let text = std::fs::read_to_string(format!("{folder}/{name}{suffix}.csv")).unwrap();
            let cells =
                |l: &str| -> Vec<f64> { l.split(',').map(|v| v.parse().unwrap()).collect() };
            text.lines().skip(1).map(cells).collect::<Vec<_>>()
        };
        let (rows, folds) = (read(""), read(".folds"));
        let fold: Vec<usize> = folds.iter().map(|f| f[1] as usize).collect();
        let time = rows.iter().map(|r| r[0]).collect();
        let event = rows.iter().map(|r| r[1] == 1.0).collect();
        let follow_up = FollowUp::new(time, event).unwrap();
        let x = Array2::from_shape_fn((rows.len(), rows[0].len() - 2), |(i, j)| rows[i][j + 2]);
        let params = LassoCoxParams::glmnet_defaults();
        let start = std::time::Instant::now();
        for _ in 0..10 {
            cross_validate_lasso_cox(x.view(), &follow_up, &fold, &params).unwrap();
        }
        println!("{name}: {:.4} s", start.elapsed().as_secs_f64() / 10.0);
    }
}
