//! The studies that come with the program.

/// (name, text) of each.
pub fn shipped() -> &'static [(&'static str, &'static str)] {
    &[
        ("cervical-ccrt", include_str!("../cervical-ccrt.toml")),
        ("demo", include_str!("../demo.toml")),
        ("features-only", include_str!("../features-only.toml")),
    ]
}
