//! The store from outside: what is acknowledged is there, what is damaged is absent.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod action;
mod basics;
mod house;
mod view;
