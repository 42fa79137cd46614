//! Connected components.
