//! Sub-sampling of a voxel grid.

/// A grid thinned to every `factor`-th voxel per axis, no averaging.
///
/// # Formula
/// n = max(1, floor(N / factor)); out_i = in_{factor·i + o}; o = floor((N − 1 − factor·(n − 1)) / 2 + ½)
///
/// # Agrees with      ITK 5.4 `ShrinkImageFilter` on images whose axes lie along the scanner's
/// # Differs from     ITK on some oblique images: where (N − 1 − factor·(n − 1)) / 2 ends in ½, ITK goes through
///   physical points and rounding error chooses between the two middle voxels; here it is always the upper one
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shrink {
    /// Voxels along x, y, z before.
    pub from: [usize; 3],
    /// Voxels along x, y, z after.
    pub to: [usize; 3],
    /// Index of the first voxel kept, per axis.
    pub offset: [usize; 3],
    /// Step between kept voxels.
    pub factor: usize,
}

impl Shrink {
    /// The grid of `dims` thinned by `factor` ≥ 1.
    pub fn new(dims: [usize; 3], factor: usize) -> Shrink {
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

    /// The kept voxels of `values`, x fastest.
    pub fn apply<T: Copy>(&self, values: &[T]) -> Vec<T> {
        let source = |axis: usize, i: usize| i * self.factor + self.offset[axis];
        let mut kept = Vec::with_capacity(self.to.iter().product());
        for z in 0..self.to[2] {
            for y in 0..self.to[1] {
                let row = (source(2, z) * self.from[1] + source(1, y)) * self.from[0];
                kept.extend((0..self.to[0]).map(|x| values[row + source(0, x)]));
            }
        }
        kept
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_are_those_of_the_reference_images() {
        // brain1 and sts019_t1, x y z
        assert_eq!(Shrink::new([256, 256, 25], 4).to, [64, 64, 6]);
        assert_eq!(Shrink::new([256, 256, 25], 4).offset, [2, 2, 2]);
        assert_eq!(Shrink::new([112, 110, 47], 4).to, [28, 27, 11]);
        assert_eq!(Shrink::new([112, 110, 47], 4).offset, [2, 3, 3]);
    }

    #[test]
    fn fewer_voxels_than_the_factor_leave_the_middle_one() {
        let shrink = Shrink::new([3, 2, 1], 4);
        assert_eq!((shrink.to, shrink.offset), ([1, 1, 1], [1, 1, 0]));
        assert_eq!(shrink.apply(&[0, 1, 2, 3, 4, 5]), [4]);
    }

    #[test]
    fn factor_one_keeps_everything() {
        let values: Vec<usize> = (0..24).collect();
        assert_eq!(Shrink::new([4, 3, 2], 1).apply(&values), values);
    }
}
