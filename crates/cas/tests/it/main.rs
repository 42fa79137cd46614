//! The store from outside: what is acknowledged is there, what is damaged is absent.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::single_range_in_vec_init
)]

mod action;
mod basics;
mod damage;
mod faults;
mod gc;
mod house;
mod killed;
mod model;
mod upload;
mod view;
