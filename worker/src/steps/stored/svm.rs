//! Support vector machines and their stored twin.

use artefact::models;
use survival::{Kernel, SvmDecision, SvmModel};

pub(super) fn from_svm(model: SvmModel) -> models::SvmModel {
    let (kernel, rows, weights) = match model.decision {
        SvmDecision::Linear { coefficients } => (None, Vec::new(), coefficients),
        SvmDecision::Kernel { kernel, rows, dual } => (Some(from_kernel(kernel)), rows, dual),
    };
    models::SvmModel {
        features: model.feature_names,
        centre: model.centre,
        scale: model.scale,
        kernel,
        rows,
        weights,
        intercept: model.intercept,
    }
}

pub(super) fn to_svm(model: models::SvmModel) -> SvmModel {
    SvmModel {
        feature_names: model.features,
        centre: model.centre,
        scale: model.scale,
        decision: match model.kernel {
            None => SvmDecision::Linear {
                coefficients: model.weights,
            },
            Some(kernel) => SvmDecision::Kernel {
                kernel: to_kernel(kernel),
                rows: model.rows,
                dual: model.weights,
            },
        },
        intercept: model.intercept,
    }
}

fn from_kernel(kernel: Kernel) -> models::SvmKernel {
    match kernel {
        Kernel::Rbf { gamma } => models::SvmKernel::Rbf { gamma },
        Kernel::Polynomial {
            degree,
            gamma,
            coef0,
        } => models::SvmKernel::Polynomial {
            degree,
            gamma,
            coef0,
        },
        Kernel::Clinical { ranges } => models::SvmKernel::Clinical { ranges },
    }
}

fn to_kernel(kernel: models::SvmKernel) -> Kernel {
    match kernel {
        models::SvmKernel::Rbf { gamma } => Kernel::Rbf { gamma },
        models::SvmKernel::Polynomial {
            degree,
            gamma,
            coef0,
        } => Kernel::Polynomial {
            degree,
            gamma,
            coef0,
        },
        models::SvmKernel::Clinical { ranges } => Kernel::Clinical { ranges },
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::{decode, encode};
    use cohort::FollowUp;
    use ndarray::Array2;
    use survival::{Learner, Svm, SvmKernel, SvmParams};

    #[test]
    fn machines_come_back_from_bytes_with_the_same_bits() {
        let x = Array2::from_shape_fn((30, 3), |(i, j)| ((i * 7 + j * 13) % 17) as f64 / 3.0);
        let names: Vec<String> = (0..3).map(|j| format!("f{j}")).collect();
        let time = (0..30).map(|i| f64::from(1 + (i * 11) % 23)).collect();
        let f = FollowUp::new(time, (0..30).map(|i| i % 3 > 0).collect()).unwrap();
        let polynomial = SvmKernel::Polynomial {
            degree: 2,
            gamma: None,
            coef0: 1.0,
        };
        for kernel in [
            SvmKernel::Linear,
            SvmKernel::Rbf { gamma: None },
            polynomial,
            SvmKernel::Clinical,
        ] {
            let params = SvmParams {
                kernel,
                ..SvmParams::sksurv()
            };
            let model = Svm::new(params)
                .unwrap()
                .fit(x.view(), &names, &f, 3)
                .unwrap();
            let bytes = encode(model.as_ref()).unwrap();
            let again = decode(&bytes).unwrap();
            assert!(again.parts() == model.parts());
            assert_eq!(again.holds_training_rows(), kernel != SvmKernel::Linear);
            assert_eq!(encode(again.as_ref()).unwrap(), bytes);
        }
    }
}
