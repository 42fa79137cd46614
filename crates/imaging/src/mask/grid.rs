//! Whether a mask lies on the grid of its image.

use crate::geometry::{Geometry, max_displacement_mm};
use std::fmt;
use thiserror::Error;

/// How far apart two grids may place the same voxel and still be one grid, mm.
///
/// Two programs that write one grid write different last digits. An sform in single precision (6e-8 relative) moves a voxel 500 mm from the origin by
/// less than 1e-4 mm; the quaternion of a qform does worse near half a turn, where axial images in LPS order are: its real part is the root of what three
/// single-precision numbers leave of 1, good to 3e-4, so the rotation to 6e-4 rad, 0.1 mm at 160 mm. A fifth of the finest clinical voxel (0.5 mm) allows for
/// that and changes no tissue a voxel shows; grids that truly differ do so by half a voxel or more.
///
/// # Differs from
/// PyRadiomics: its `geometryTolerance` of 1e-6 is relative to the voxel size and refuses masks for their last digit alone.
pub const TOLERANCE_MM: f64 = 0.1;

/// Two grids that are not one, and everything in which they differ.
#[derive(Debug, Clone, PartialEq, Error)]
#[error("image and mask are on different grids: {}", Differences(differences))]
pub struct GeometryMismatch {
    /// All differences beyond the tolerance; never empty.
    pub differences: Vec<Difference>,
}

impl GeometryMismatch {
    /// A stable name of the problem, for machines.
    #[must_use]
    pub fn code(&self) -> &'static str {
        "geometry-mismatch"
    }
}

/// One way in which two grids differ.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Difference {
    /// Voxels along the axes.
    Size {
        /// Of the image.
        image: [usize; 3],
        /// Of the mask.
        mask: [usize; 3],
    },
    /// Voxel size along an axis.
    Spacing {
        /// Axis, 0 to 2.
        axis: usize,
        /// Of the image.
        image_mm: f64,
        /// Of the mask.
        mask_mm: f64,
    },
    /// Centre of the first voxel.
    Origin {
        /// Distance between the two, mm.
        distance_mm: f64,
    },
    /// Direction of an axis.
    Direction {
        /// Axis, 0 to 2.
        axis: usize,
        /// Angle between the two, degrees.
        angle_deg: f64,
    },
    /// Small differences of several kinds that add up.
    Place {
        /// Largest distance between the two places of one voxel, mm.
        distance_mm: f64,
    },
}

/// Whether a mask lies on the grid of its image: no voxel is placed more than `tolerance_mm` apart by the two affines.
///
/// The verdict is that one distance, taken over the whole grid; the differences named are those that by themselves move a voxel further than the tolerance.
///
/// # Errors
/// [`GeometryMismatch`] with all differences in size, spacing, origin and direction.
pub fn check_geometry(
    image: &Geometry,
    mask: &Geometry,
    tolerance_mm: f64,
) -> Result<(), GeometryMismatch> {
    let mut differences = Vec::new();
    if image.dims != mask.dims {
        differences.push(Difference::Size {
            image: image.dims,
            mask: mask.dims,
        });
    }
    let distance_mm = max_displacement_mm(image.dims, &image.affine, &mask.affine);
    if distance_mm > tolerance_mm {
        let before = differences.len();
        differences.extend(placements(image, mask, tolerance_mm));
        if differences.len() == before {
            differences.push(Difference::Place { distance_mm });
        }
    }
    if differences.is_empty() {
        Ok(())
    } else {
        Err(GeometryMismatch { differences })
    }
}

pub(super) fn placements(image: &Geometry, mask: &Geometry, tolerance_mm: f64) -> Vec<Difference> {
    let mut differences = Vec::new();
    let (image_spacing_mm, mask_spacing_mm) = (image.spacing_mm(), mask.spacing_mm());
    let (image_direction, mask_direction) = (image.direction(), mask.direction());
    for axis in 0..3 {
        let (image_mm, mask_mm) = (image_spacing_mm[axis], mask_spacing_mm[axis]);
        // A single slice has a thickness too.
        let n_steps = (image.dims[axis].max(2) - 1) as f64;
        if (image_mm - mask_mm).abs() * n_steps > tolerance_mm {
            differences.push(Difference::Spacing {
                axis,
                image_mm,
                mask_mm,
            });
        }
        let chord = distance(image_direction[axis], mask_direction[axis]);
        if chord * image_mm * n_steps > tolerance_mm {
            let angle_deg = 2.0 * libm::asin((chord / 2.0).min(1.0)).to_degrees();
            differences.push(Difference::Direction { axis, angle_deg });
        }
    }
    let distance_mm = distance(image.origin_mm(), mask.origin_mm());
    if distance_mm > tolerance_mm {
        differences.push(Difference::Origin { distance_mm });
    }
    differences
}

fn distance(first: [f64; 3], second: [f64; 3]) -> f64 {
    let [x, y, z] = [0, 1, 2].map(|i| first[i] - second[i]);
    (x * x + y * y + z * z).sqrt()
}

/// Differences as text.
struct Differences<'a>(&'a [Difference]);

impl fmt::Display for Differences<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, difference) in self.0.iter().enumerate() {
            if i > 0 {
                write!(f, "; ")?;
            }
            match difference {
                Difference::Size { image, mask } => write!(f, "size {image:?} and {mask:?}"),
                Difference::Spacing {
                    axis,
                    image_mm,
                    mask_mm,
                } => {
                    write!(
                        f,
                        "spacing along axis {axis} {image_mm} mm and {mask_mm} mm"
                    )
                }
                Difference::Origin { distance_mm } => write!(f, "origins {distance_mm} mm apart"),
                Difference::Direction { axis, angle_deg } => {
                    write!(f, "axis {axis} turned by {angle_deg} degrees")
                }
                Difference::Place { distance_mm } => {
                    write!(f, "voxels up to {distance_mm} mm apart")
                }
            }?;
        }
        Ok(())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    #[test]
    fn all_differences_of_two_grids_are_named() {
        let image = Geometry::axis_aligned([10, 10, 11], [1.0, 1.0, 5.0]).unwrap();
        assert_eq!(check_geometry(&image, &image, 0.0), Ok(()));
        let (s, c) = (0.6, 0.8);
        let affine = [[c, -s, 0.0, 3.0], [s, c, 0.0, 4.0], [0.0, 0.0, 5.5, 0.0]];
        let mask = Geometry::new([10, 10, 10], affine).unwrap();
        let found = check_geometry(&image, &mask, TOLERANCE_MM)
            .unwrap_err()
            .differences;
        let angle = |difference: &Difference| match difference {
            Difference::Direction { axis, angle_deg } => {
                assert!((angle_deg - 36.869_897_645_844_02).abs() < 1e-9);
                Some(*axis)
            }
            _ => None,
        };
        assert_eq!(found.iter().filter_map(angle).collect::<Vec<_>>(), [0, 1]);
        assert!(found.contains(&Difference::Size {
            image: [10, 10, 11],
            mask: [10, 10, 10]
        }));
        assert!(found.contains(&Difference::Spacing {
            axis: 2,
            image_mm: 5.0,
            mask_mm: 5.5
        }));
        assert!(found.contains(&Difference::Origin { distance_mm: 5.0 }));
        assert_eq!(found.len(), 5);
    }

    #[test]
    fn the_tolerance_is_a_distance_over_the_whole_grid() {
        let image = Geometry::axis_aligned([101, 2, 2], [1.0, 1.0, 1.0]).unwrap();
        let shifted = |spacing_mm: f64, origin_mm: f64| {
            let affine = [
                [spacing_mm, 0.0, 0.0, origin_mm],
                [0.0, 1.0, 0.0, 0.0],
                [0.0, 0.0, 1.0, 0.0],
            ];
            check_geometry(&image, &Geometry::new([101, 2, 2], affine).unwrap(), 0.01)
        };
        assert_eq!(shifted(1.00009, 0.0), Ok(()));
        assert_eq!(shifted(1.0, 0.0099), Ok(()));
        assert!(matches!(
            shifted(1.00011, 0.0).unwrap_err().differences[..],
            [Difference::Spacing { axis: 0, .. }]
        ));
        assert!(matches!(
            shifted(1.00009, 0.009).unwrap_err().differences[..],
            [Difference::Place { .. }]
        ));
    }
}
