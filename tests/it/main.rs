//! Tests of the whole house.

mod features_only;
mod real_images;
mod rerun;
mod served;
mod sim;
mod tidy;
