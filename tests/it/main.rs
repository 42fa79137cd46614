//! Tests of the whole house.

mod real_images;
mod rerun;
mod sim;
