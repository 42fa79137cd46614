//! Distance transform.
