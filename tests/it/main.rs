//! Tests of the whole house.

#![allow(clippy::unwrap_used, clippy::expect_used)] // a test fails by panicking

mod check;
mod check_tables;
mod features_only;
mod formats;
mod frozen;
mod real_images;
mod rerun;
mod served;
mod settings_file;
mod shared;
mod shipped_study;
mod sim;
mod tidy;
mod transfer;
mod whole_study;
