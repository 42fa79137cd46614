//! Tests of the whole house.
fn main() {}
