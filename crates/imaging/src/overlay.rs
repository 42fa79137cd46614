//! A picture of a region on its image: three planes through the region's centroid, for eyes that decide.
//!
//! Radiological convention: the patient's right is on the left of the axial and the coronal plane, the front is on the left of
//! the sagittal one, front and head are up. Letters say so. Axes of oblique images go by the world axis nearest to them.

mod font;
mod png;

pub use png::encode_png;

use crate::body::body_mask;
use crate::mask::Mask;
use crate::volume::Volume;

/// Length of the longest side of a plane, pixels.
const SIDE_PX: usize = 320;
const GAP_PX: usize = 6;
/// Vermillion of Okabe and Ito: kept apart from grey by all forms of colour vision.
const OUTLINE: [u8; 3] = [255, 110, 0];
const LETTER: [u8; 3] = [255, 255, 255];
/// Percentiles of the body's intensities that become black and white.
const WINDOW_PERCENT: [f64; 2] = [1.0, 99.0];

/// Pixels, row by row from the top, three bytes each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Raster {
    /// Pixels in a row.
    pub width: usize,
    /// Rows.
    pub height: usize,
    /// Red, green, blue.
    pub rgb: Vec<u8>,
}

impl Raster {
    fn black(width: usize, height: usize) -> Raster {
        Raster {
            width,
            height,
            rgb: vec![0; 3 * width * height],
        }
    }

    fn set(&mut self, x: usize, y: usize, colour: [u8; 3]) {
        if x < self.width && y < self.height {
            let at = 3 * (x + self.width * y);
            self.rgb[at..at + 3].copy_from_slice(&colour);
        }
    }
}

/// Axial, coronal and sagittal plane through the centroid of `region`, or through the middle of the image where there is no
/// region. Pixels are square; a plane's sides are as its millimetres.
///
/// `region` is on the image's grid (see [`resampled`](crate::doctor::resampled)); one of another size is not drawn.
#[must_use]
pub fn overlay(image: &Volume, region: Option<&Mask>) -> Raster {
    let region = region.filter(|region| region.geometry.dims == image.geometry.dims);
    let scene = Scene::new(image, region);
    let planes = [[0, 1], [0, 2], [1, 2]].map(|axes| scene.plane(axes));
    let width = planes.iter().map(|plane| plane.width).sum::<usize>() + 2 * GAP_PX;
    let height = planes.iter().map(|plane| plane.height).max().unwrap_or(1);
    let mut all = Raster::black(width, height);
    let mut left = 0;
    for plane in &planes {
        let top = (height - plane.height) / 2;
        for y in 0..plane.height {
            let from = 3 * plane.width * y;
            let to = 3 * (left + width * (top + y));
            let row = &plane.rgb[from..from + 3 * plane.width];
            all.rgb[to..to + row.len()].copy_from_slice(row);
        }
        left += plane.width + GAP_PX;
    }
    all
}

/// What all planes share.
struct Scene<'a> {
    values: Vec<f64>,
    dims: [usize; 3],
    region: Option<&'a Mask>,
    /// For each world axis: the voxel axis nearest to it, and whether its index grows against it.
    axes: [(usize, bool); 3],
    spacing_mm: [f64; 3],
    centre: [usize; 3],
    window: [f64; 2],
    pixel_mm: f64,
}

impl<'a> Scene<'a> {
    fn new(image: &Volume, region: Option<&'a Mask>) -> Scene<'a> {
        let geometry = &image.geometry;
        let values = image.to_f64();
        let spacing_mm = geometry.spacing_mm();
        let extents = [0, 1, 2].map(|axis| geometry.dims[axis] as f64 * spacing_mm[axis]);
        Scene {
            window: window(image, &values),
            values,
            dims: geometry.dims,
            region,
            axes: nearest_axes(geometry.direction()),
            spacing_mm,
            centre: centre(geometry.dims, region),
            pixel_mm: extents.into_iter().fold(0.0, f64::max) / SIDE_PX as f64,
        }
    }

    /// The plane of two world axes, across and down, through the centre.
    fn plane(&self, [across, down]: [usize; 2]) -> Raster {
        let (columns, rows) = (self.indices(across), self.indices(down));
        let mut plane = Raster::black(columns.len(), rows.len());
        let voxel = |x: usize, y: usize| {
            let mut voxel = self.centre;
            voxel[self.axes[across].0] = columns[x];
            voxel[self.axes[down].0] = rows[y];
            voxel[0] + self.dims[0] * (voxel[1] + self.dims[1] * voxel[2])
        };
        for y in 0..rows.len() {
            for x in 0..columns.len() {
                let grey = self.grey(self.values[voxel(x, y)]);
                plane.set(x, y, [grey; 3]);
            }
        }
        let inside = |x: usize, y: usize| self.region.is_some_and(|r| r.inside[voxel(x, y)]);
        for y in 0..rows.len() {
            for x in 0..columns.len() {
                let (x1, y1) = ((x + 1).min(columns.len() - 1), (y + 1).min(rows.len() - 1));
                let beside = [
                    (x.saturating_sub(1), y),
                    (x1, y),
                    (x, y.saturating_sub(1)),
                    (x, y1),
                ];
                if inside(x, y) && beside.into_iter().any(|(x, y)| !inside(x, y)) {
                    plane.set(x, y, OUTLINE);
                }
            }
        }
        self.letters(&mut plane, across, down);
        plane
    }

    /// Voxel index of each pixel along a world axis, from its high end to its low one.
    fn indices(&self, world: usize) -> Vec<usize> {
        let (axis, against) = self.axes[world];
        let (n, spacing_mm) = (self.dims[axis], self.spacing_mm[axis]);
        let n_pixels = ((n as f64 * spacing_mm / self.pixel_mm).round() as usize).clamp(1, SIDE_PX);
        let index = |pixel: usize| {
            let at = ((pixel as f64 + 0.5) / n_pixels as f64 * n as f64) as usize;
            let at = at.min(n - 1);
            if against { at } else { n - 1 - at }
        };
        (0..n_pixels).map(index).collect()
    }

    fn grey(&self, value: f64) -> u8 {
        let [low, high] = self.window;
        let share = (value - low) / (high - low);
        if share.is_finite() {
            (255.0 * share.clamp(0.0, 1.0)).round() as u8
        } else {
            0
        }
    }

    fn letters(&self, plane: &mut Raster, across: usize, down: usize) {
        const ENDS: [[char; 2]; 3] = [['R', 'L'], ['A', 'P'], ['S', 'I']];
        let (width, height) = (plane.width, plane.height);
        let [w, h] = font::SIZE_PX;
        let (middle_x, middle_y) = (
            (width / 2).saturating_sub(w / 2),
            (height / 2).saturating_sub(h / 2),
        );
        let [left, right] = ENDS[across];
        let [top, bottom] = ENDS[down];
        let places = [
            (left, 3, middle_y),
            (right, width.saturating_sub(w + 3), middle_y),
            (top, middle_x, 3),
            (bottom, middle_x, height.saturating_sub(h + 3)),
        ];
        for (letter, x, y) in places {
            font::draw(letter, |dx, dy| plane.set(x + dx + 1, y + dy + 1, [0; 3]));
            font::draw(letter, |dx, dy| plane.set(x + dx, y + dy, LETTER));
        }
    }
}

/// For each world axis the voxel axis nearest to it: the largest cosine first, each voxel axis once.
fn nearest_axes(direction: [[f64; 3]; 3]) -> [(usize, bool); 3] {
    let mut pairs: Vec<(usize, usize)> = (0..9).map(|i| (i / 3, i % 3)).collect();
    let cosine = |&(world, axis): &(usize, usize)| direction[axis][world];
    pairs.sort_by(|a, b| cosine(b).abs().total_cmp(&cosine(a).abs()));
    let mut axes = [None; 3];
    let mut taken = [false; 3];
    for (world, axis) in pairs {
        if axes[world].is_none() && !taken[axis] {
            axes[world] = Some((axis, direction[axis][world] < 0.0));
            taken[axis] = true;
        }
    }
    // Nine pairs leave no world axis without its own.
    [0, 1, 2].map(|world| axes[world].unwrap_or((world, false)))
}

fn centre(dims: [usize; 3], region: Option<&Mask>) -> [usize; 3] {
    let mut sums = [0_u64; 3];
    let mut n = 0_u64;
    if let Some(region) = region {
        for (index, _) in region.inside.iter().enumerate().filter(|(_, i)| **i) {
            let voxel = region.geometry.voxel(index);
            (0..3).for_each(|axis| sums[axis] += voxel[axis] as u64);
            n += 1;
        }
    }
    if n == 0 {
        return dims.map(|n| n / 2);
    }
    sums.map(|sum| ((sum + n / 2) / n) as usize)
}

/// Intensities that become black and white.
fn window(image: &Volume, values: &[f64]) -> [f64; 2] {
    let body = body_mask(image).ok();
    let in_body = |index: usize| body.as_ref().is_none_or(|body| body.inside[index]);
    let kept = values
        .iter()
        .enumerate()
        .filter(|(i, v)| v.is_finite() && in_body(*i));
    let mut kept: Vec<f64> = kept.map(|(_, v)| *v).collect();
    if kept.is_empty() {
        return [0.0, 1.0];
    }
    kept.sort_by(f64::total_cmp);
    let last = (kept.len() - 1) as f64;
    let [low, high] = WINDOW_PERCENT.map(|p| kept[(p / 100.0 * last).round() as usize]);
    // Air is darker than the body: half the low end keeps its rim visible.
    let low = if low > 0.0 { 0.5 * low } else { low };
    if high > low {
        [low, high]
    } else {
        [low, low + 1.0]
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;
    use crate::geometry::Geometry;
    use crate::phantom;
    use crate::volume::Voxels;

    fn count(raster: &Raster, colour: [u8; 3]) -> usize {
        raster
            .rgb
            .chunks(3)
            .filter(|pixel| **pixel == colour)
            .count()
    }

    #[test]
    fn planes_have_the_shape_of_their_millimetres() {
        let (image, mask) = phantom::pelvis();
        // 48 × 56.25 × 77 mm: the largest side is 320 pixels.
        let raster = overlay(&image, Some(&mask));
        let px = |mm: f64| (mm / 77.0 * 320.0).round() as usize;
        assert_eq!(raster.height, 320);
        assert_eq!(raster.width, px(48.0) + px(48.0) + px(56.25) + 2 * GAP_PX);
        assert!(count(&raster, OUTLINE) > 300);
        assert_eq!(count(&overlay(&image, None), OUTLINE), 0);
    }

    /// One bright voxel in a dark image shows up where the convention says, whatever the order of the voxels.
    #[test]
    fn right_is_left_front_and_head_are_up() {
        for signs in [[1.0, 1.0, 1.0], [-1.0, -1.0, 1.0], [1.0, -1.0, -1.0]] {
            let [x, y, z] = signs;
            let affine = [[x, 0.0, 0.0, 0.0], [0.0, y, 0.0, 0.0], [0.0, 0.0, z, 0.0]];
            let geometry = Geometry::new([9, 9, 9], affine).unwrap();
            let mut values = vec![0_i16; 729];
            // The rightmost, foremost and uppermost voxel, and a region that holds it alone.
            let voxel = signs.map(|sign: f64| if sign > 0.0 { 8 } else { 0 });
            values[geometry.index(voxel)] = 100;
            let inside = values.iter().map(|v| *v > 0).collect();
            let image = Volume::new(geometry, Voxels::I16(values)).unwrap();
            let region = Mask::new(geometry, inside).unwrap();
            let raster = overlay(&image, Some(&region));
            assert_eq!((raster.width, raster.height), (3 * 320 + 2 * GAP_PX, 320));
            for plane in 0..3 {
                let left = plane * (320 + GAP_PX);
                let at = |x: usize, y: usize| 3 * (left + x + raster.width * y);
                let corner = at(15, 15);
                assert_eq!(
                    raster.rgb[corner..corner + 3],
                    [255; 3],
                    "{signs:?}, plane {plane}"
                );
                let opposite = at(300, 300);
                assert_eq!(raster.rgb[opposite..opposite + 3], [0; 3]);
            }
        }
    }

    #[test]
    fn oblique_axes_are_each_drawn_once() {
        let (s, c) = (0.6, 0.8);
        let axes = nearest_axes([[0.0, s, c], [1.0, 0.0, 0.0], [0.0, -c, s]]);
        assert_eq!(axes, [(1, false), (2, true), (0, false)]);
    }
}
