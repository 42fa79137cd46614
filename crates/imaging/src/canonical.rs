//! Image identity.
