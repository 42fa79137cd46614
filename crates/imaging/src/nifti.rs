//! NIfTI files.
