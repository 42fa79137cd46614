//! Numbers of things in messages.

use std::fmt;

/// `1 slice`, `3 slices`.
pub(crate) struct Counted(pub(crate) usize, pub(crate) &'static str);

impl fmt::Display for Counted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} {}{}",
            self.0,
            self.1,
            if self.0 == 1 { "" } else { "s" }
        )
    }
}

/// `1 slice is`, `3 slices are`.
pub(crate) struct Are(pub(crate) usize, pub(crate) &'static str);

impl fmt::Display for Are {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verb = if self.0 == 1 { "is" } else { "are" };
        write!(f, "{} {verb}", Counted(self.0, self.1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_is_no_plural() {
        assert_eq!(Are(1, "slice").to_string(), "1 slice is");
        assert_eq!(Are(0, "voxel").to_string(), "0 voxels are");
        assert_eq!(Counted(2, "part").to_string(), "2 parts");
    }
}
