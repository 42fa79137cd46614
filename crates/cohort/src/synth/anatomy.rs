//! A pelvis in millimetres: body, fat, marrow, bladder, and the tumour with its rough surface. Coordinates: x to the patient's left,
//! y to the back, z to the head; the origin is the middle of the grid.

use super::field::{Covariance, Field};
use super::patient::SynthPatient;
use super::spec::ImageSpec;
use crate::keyed::Keyed;

/// Tissues with a place in [`ImageSpec::t2_ms`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tissue {
    Tumour = 0,
    Muscle = 1,
    Fat = 2,
    Necrosis = 3,
    Bladder = 4,
    Rim = 5,
}

/// Shapes of one patient, mm.
pub(crate) struct Anatomy {
    body: [f64; 2],
    bladder: Option<([f64; 3], [f64; 3])>,
    tumour_centre: [f64; 3],
    tumour_axes: [f64; 3],
    surface: Field,
    roughness: f64,
}

const FAT_DEPTH: f64 = 0.14;
const MARROW_X_MM: f64 = 74.0;
const MARROW_RADIUS_MM: f64 = 12.0;
const BLADDER_GAP_MM: f64 = 12.0;
const SURFACE_WAVES: usize = 48;

impl Anatomy {
    /// Draws a patient's shapes. The tumour's longer axis in the plane is the table's diameter; its height is kept inside the grid
    /// of half height `half_height_mm` and over 2.6 slices.
    pub(crate) fn draw(
        spec: &ImageSpec,
        patient: &SynthPatient,
        keyed: &mut Keyed,
        half_height_mm: f64,
        slice_pitch_mm: f64,
    ) -> Anatomy {
        let between = |keyed: &mut Keyed, low: f64, high: f64| low + (high - low) * keyed.uniform();
        let size = between(keyed, 0.93, 1.0);
        let longer = patient.tumour_diameter_mm / 2.0;
        let shorter = longer * between(keyed, 0.75, 0.95);
        let lowest = 1.3 * slice_pitch_mm;
        let highest = (half_height_mm - 2.0 * slice_pitch_mm).max(lowest);
        let height = (longer * between(keyed, 0.7, 0.95)).clamp(lowest, highest);
        let jitter = [4.0, 4.0, 0.3 * slice_pitch_mm];
        let tumour_centre = jitter.map(|reach| between(keyed, -reach, reach));
        let body = [112.0 * size, 88.0 * size];
        let front_room = (1.0 - FAT_DEPTH) * body[1] - shorter * (1.0 + 3.0 * spec.surface_noise)
            + tumour_centre[1]
            - BLADDER_GAP_MM;
        let bladder_depth = (front_room / 2.0 - 1.0).min(between(keyed, 14.0, 22.0));
        let bladder = (bladder_depth >= 5.0).then(|| {
            let y = -(1.0 - FAT_DEPTH) * body[1] + bladder_depth + 1.0;
            let axes = [1.4 * bladder_depth, bladder_depth, 1.3 * bladder_depth];
            ([0.0, y, tumour_centre[2]], axes)
        });
        Anatomy {
            body,
            bladder,
            tumour_centre,
            tumour_axes: [longer, shorter, height],
            surface: Field::draw(
                keyed,
                Covariance::Normal,
                spec.surface_length_mm,
                SURFACE_WAVES,
            ),
            roughness: spec.surface_noise,
        }
    }

    /// The tissue at a point where there is no tumour; `None` is air.
    pub(crate) fn tissue(&self, [x, y, z]: [f64; 3]) -> Option<Tissue> {
        let [width, depth] = self.body;
        let from_axis = ((x / width) * (x / width) + (y / depth) * (y / depth)).sqrt();
        let marrow = [x.abs() - MARROW_X_MM, y];
        if from_axis > 1.0 {
            None
        } else if from_axis > 1.0 - FAT_DEPTH || length2(marrow) < MARROW_RADIUS_MM {
            Some(Tissue::Fat)
        } else if self.in_bladder([x, y, z]) {
            Some(Tissue::Bladder)
        } else {
            Some(Tissue::Muscle)
        }
    }

    /// Lowest and highest coordinate of each axis that the tumour, its rim and its readings reach.
    pub(crate) fn tumour_box(&self, margin_mm: f64) -> [[f64; 2]; 3] {
        std::array::from_fn(|axis| {
            let reach = self.tumour_axes[axis] * (1.0 + 4.0 * self.roughness) + margin_mm;
            [
                self.tumour_centre[axis] - reach,
                self.tumour_centre[axis] + reach,
            ]
        })
    }

    /// Signed distance along the ray from the tumour's centre, mm, negative inside. The tumour is star-shaped: ray by ray its radius is
    /// the ellipsoid's times 1 + roughness · field.
    pub(crate) fn distance_mm(&self, point: [f64; 3]) -> f64 {
        let offset: [f64; 3] = std::array::from_fn(|axis| point[axis] - self.tumour_centre[axis]);
        let scaled: [f64; 3] = std::array::from_fn(|axis| offset[axis] / self.tumour_axes[axis]);
        let relative = length3(scaled);
        if relative < 1e-9 {
            let [longer, shorter, height] = self.tumour_axes;
            return -longer.min(shorter).min(height);
        }
        let radius = length3(offset) / relative;
        let rough = self.surface.at(offset.map(|part| part / relative));
        radius * (relative - 1.0 - self.roughness * rough.clamp(-4.0, 4.0))
    }

    fn in_bladder(&self, point: [f64; 3]) -> bool {
        self.bladder.is_some_and(|(centre, axes)| {
            let scaled = std::array::from_fn(|axis| (point[axis] - centre[axis]) / axes[axis]);
            length3(scaled) < 1.0
        })
    }
}

fn length2([x, y]: [f64; 2]) -> f64 {
    (x * x + y * y).sqrt()
}

fn length3([x, y, z]: [f64; 3]) -> f64 {
    (x * x + y * y + z * z).sqrt()
}
