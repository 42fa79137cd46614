//! Helpers for the tests and benchmarks of the whole house.
