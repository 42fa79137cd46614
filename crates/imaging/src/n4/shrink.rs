//! Sub-sampling of a voxel grid.

use super::{N4Error, check_lengths};

/// A grid thinned to every `factor`-th voxel per axis, no averaging.
///
/// # Formula
/// n = max(1, floor(N / factor)); out_i = in_{factor·i + o}; o = floor((N − 1 − factor·(n − 1)) / 2 + ½)
///
/// # Agrees with      ITK 5.4 `ShrinkImageFilter` on images whose axes lie along the scanner's
/// # Differs from     ITK on some oblique images: where (N − 1 − factor·(n − 1)) / 2 ends in ½, ITK goes through
///   physical points and rounding error chooses between the two middle voxels; here it is always the upper one.
///   On one such image of 26 slices the two choices change the N4 log field by up to 0.054: that is what sub-sampling costs
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shrink {
    from: [usize; 3],
    to: [usize; 3],
    offset: [usize; 3],
    factor: usize,
}

impl Shrink {
    /// The grid of `dims` thinned by `factor`; 0 counts as 1.
    pub fn new(dims: [usize; 3], factor: usize) -> Shrink {
        let factor = factor.max(1);
        let to = dims.map(|n| (n / factor).max(1));
        let mut offset = [0; 3];
        for axis in 0..3 {
            let slack = dims[axis].saturating_sub(1 + factor * (to[axis] - 1));
            offset[axis] = slack.div_ceil(2);
        }
        Shrink {
            from: dims,
            to,
            offset,
            factor,
        }
    }

    /// The same thinning from another first voxel, for comparison with grids that were thinned elsewhere.
    ///
    /// # Errors
    /// [`N4Error::Param`] if the last voxel kept would lie outside the grid.
    pub fn starting_at(mut self, offset: [usize; 3]) -> Result<Shrink, N4Error> {
        for axis in 0..3 {
            let last = offset[axis].saturating_add(self.factor * (self.to[axis] - 1));
            if last >= self.from[axis] {
                return Err(N4Error::Param {
                    name: "offset",
                    value: offset[axis] as f64,
                    rule: "such that the last voxel kept lies within the grid",
                });
            }
        }
        self.offset = offset;
        Ok(self)
    }

    /// Voxels along x, y, z after thinning.
    pub fn dims(&self) -> [usize; 3] {
        self.to
    }

    /// Index `[x, y, z]` of the first voxel kept.
    pub fn offset(&self) -> [usize; 3] {
        self.offset
    }

    /// The kept voxels of `values`, x fastest.
    ///
    /// # Errors
    /// [`N4Error::Length`] unless there is one value per voxel of the grid.
    pub fn apply<T: Copy>(&self, values: &[T]) -> Result<Vec<T>, N4Error> {
        check_lengths(values.len(), values.len(), self.from)?;
        let source = |axis: usize, i: usize| i * self.factor + self.offset[axis];
        let mut kept = Vec::with_capacity(self.to.iter().product());
        for z in 0..self.to[2] {
            for y in 0..self.to[1] {
                let row = (source(2, z) * self.from[1] + source(1, y)) * self.from[0];
                kept.extend((0..self.to[0]).map(|x| values[row + source(0, x)]));
            }
        }
        Ok(kept)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn offsets_are_those_of_the_reference_images() {
        // brain1 and sts019_t1, x y z
        assert_eq!(Shrink::new([256, 256, 25], 4).dims(), [64, 64, 6]);
        assert_eq!(Shrink::new([256, 256, 25], 4).offset(), [2, 2, 2]);
        assert_eq!(Shrink::new([112, 110, 47], 4).dims(), [28, 27, 11]);
        assert_eq!(Shrink::new([112, 110, 47], 4).offset(), [2, 3, 3]);
    }

    #[test]
    fn fewer_voxels_than_the_factor_leave_the_middle_one() {
        let shrink = Shrink::new([3, 2, 1], 4);
        assert_eq!((shrink.dims(), shrink.offset()), ([1, 1, 1], [1, 1, 0]));
        assert_eq!(shrink.apply(&[0, 1, 2, 3, 4, 5]).unwrap(), [4]);
    }

    #[test]
    fn factor_one_keeps_everything() {
        let values: Vec<usize> = (0..24).collect();
        assert_eq!(Shrink::new([4, 3, 2], 1).apply(&values).unwrap(), values);
    }

    #[test]
    fn an_empty_axis_keeps_nothing_and_a_wrong_length_is_refused() {
        assert!(Shrink::new([4, 0, 4], 2).apply(&[0; 4]).is_err());
        assert!(Shrink::new([4, 4, 4], 2).apply(&[0; 63]).is_err());
    }

    #[test]
    fn another_first_voxel_must_lie_within_the_grid() {
        let shrink = Shrink::new([8, 8, 8], 4);
        assert_eq!(shrink.offset(), [2, 2, 2]);
        assert!(shrink.starting_at([3, 0, 1]).is_ok());
        assert!(shrink.starting_at([4, 0, 0]).is_err());
    }
}
