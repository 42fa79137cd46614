//! Bias-field correction.
